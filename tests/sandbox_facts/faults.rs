//! Rules: which request they strike, and what each fault does to it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{Cloud, Operator, PasswordSpec, SecretWrite, Value};
use keyrelay::sandbox::faults::parse;
use keyrelay::sandbox::log::{Answered, Effect, Entry};
use keyrelay::sandbox::wire::{Fate, Request, exchange, land};
use serde_json::{Value as Json, json};

use crate::scene::{APP, CLIENT, HOST, Scene, now, sign_in, text};

fn order(cloud: &mut Cloud, toml: &str) {
    for rule in parse(toml).unwrap() {
        cloud.stage().faults().add(rule);
    }
}

/// What came of a request, with its line in the log.
struct Sent {
    fate: Fate,
    delay: Duration,
    entry: Entry,
}

fn sent(cloud: &mut Cloud, at: Timestamp, request: &Request) -> Sent {
    let came = exchange(cloud, at, request, true);
    Sent { fate: came.fate, delay: came.delay, entry: came.entry.unwrap() }
}

/// The request of a client that has a token.
fn request(scene: &mut Scene, method: &str, path: &str, body: &Json) -> Request {
    let vault = path.starts_with("secrets") || path.starts_with("deletedsecrets");
    let (host, prefix, resource) = if vault {
        (HOST, "/", "https://vault.azure.net")
    } else {
        ("graph.sandbox.localhost", "/v1.0/", "https://graph.microsoft.com")
    };
    Request {
        method: method.into(),
        host: host.into(),
        path: format!("{prefix}{path}"),
        query: "api-version=7.4".into(),
        headers: vec![("authorization".into(), format!("Bearer {}", scene.token(resource)))],
        body: body.to_string().into_bytes(),
    }
}

fn add_request(scene: &mut Scene) -> Request {
    let path = format!("applications(appId='{CLIENT}')/addPassword");
    request(scene, "POST", &path, &json!({ "passwordCredential": { "displayName": "new" } }))
}

fn adding(scene: &mut Scene) -> Sent {
    let request = add_request(scene);
    sent(&mut scene.cloud, now(), &request)
}

fn status(fate: &Fate) -> u16 {
    match fate {
        Fate::Arrives(answer) | Fate::Cut(answer) => answer.status,
        Fate::Lost => 0,
        Fate::Later(_) => 1,
    }
}

fn living(scene: &Scene) -> usize {
    scene.cloud.standings(now(), APP).iter().filter(|s| s.living).count()
}

#[test]
fn a_lost_request_does_nothing_and_a_lost_answer_is_of_what_was_done() {
    let mut scene = Scene::new(Operator::All);
    order(&mut scene.cloud, "[[fault]]\noperation = [\"add-password\"]\ndo = \"lose-request\"\ntimes = 1\n");
    let lost = adding(&mut scene);
    assert!(matches!(lost.fate, Fate::Lost));
    assert_eq!((lost.entry.answered, lost.entry.effect, lost.entry.faults), (Answered::RequestLost, None, vec![1]));
    assert_eq!(living(&scene), 1);

    order(&mut scene.cloud, "[[fault]]\noperation = [\"add-password\"]\ndo = \"lose-answer\"\ntimes = 1\n");
    let lost = adding(&mut scene);
    assert!(matches!(lost.fate, Fate::Lost));
    assert_eq!(living(&scene), 2);
    let added = scene.cloud.standings(now(), APP)[1].key_id;
    assert_eq!((lost.entry.answered, lost.entry.effect), (Answered::AnswerLost(200), Some(Effect::Added(added))));
    assert_eq!(lost.entry.faults, [2]);
    assert_eq!(status(&adding(&mut scene).fate), 200, "both are spent");
}

#[test]
fn an_error_after_the_effect_and_a_cut_answer_are_of_what_was_done() {
    let mut scene = Scene::new(Operator::All);
    order(&mut scene.cloud, "[[fault]]\noperation = [\"add-password\"]\ndo = \"error-after\"\nstatus = 504\ntimes = 1\n");
    order(&mut scene.cloud, "[[fault]]\noperation = [\"add-password\"]\ndo = \"cut-body\"\n");
    let failed = adding(&mut scene);
    assert_eq!((status(&failed.fate), failed.entry.answered), (504, Answered::Status(504)));
    let Fate::Arrives(answer) = failed.fate else { panic!("no answer") };
    assert!(!String::from_utf8_lossy(&answer.body).contains("secretText"));
    assert!(matches!(adding(&mut scene).fate, Fate::Cut(_)));
    assert_eq!(living(&scene), 3);
}

#[test]
fn a_late_request_is_done_when_it_lands() {
    let mut scene = Scene::new(Operator::All);
    order(&mut scene.cloud, "[[fault]]\noperation = [\"set-secret\"]\ndo = \"apply-late\"\nby = \"20s\"\n");
    let set = request(&mut scene, "PUT", "secrets/billing", &json!({ "value": "late" }));
    let told = sent(&mut scene.cloud, now(), &set);
    assert!(matches!(told.fate, Fate::Later(after) if after == Duration::from_secs(20)));
    let before = scene.cloud.latest_version(HOST, "billing").unwrap().id.clone();
    let entry = land(&mut scene.cloud, now() + SignedDuration::from_secs(20), &set);
    let after = scene.cloud.latest_version(HOST, "billing").unwrap().id.clone();
    assert_ne!(before, after);
    assert_eq!((entry.answered, entry.effect), (Answered::Nobody(200), Some(Effect::Set(after))));
    assert_eq!(entry.secret.as_deref(), Some("billing"));
}

#[test]
fn a_slow_answer_is_late_and_whole() {
    let mut scene = Scene::new(Operator::All);
    order(&mut scene.cloud, "[[fault]]\nservice = \"graph\"\ndo = \"slow\"\nby = \"1500ms\"\n");
    let slow = adding(&mut scene);
    assert_eq!((slow.delay, status(&slow.fate)), (Duration::from_millis(1500), 200));
}

/// One replica disagrees (1.12) for as long as the rule says, of additions and of removals.
#[test]
fn one_replica_learns_late() {
    let mut scene = Scene::new(Operator::All);
    let minute = SignedDuration::from_secs(60);
    order(&mut scene.cloud, "[[fault]]\nservice = \"graph\"\ndo = \"replica-late\"\nreplica = 1\nby = \"1m\"\n");
    let Some(Effect::Added(key_id)) = adding(&mut scene).entry.effect else { panic!("nothing was added") };
    let accepted = |scene: &Scene, at| {
        let standings = scene.cloud.standings(at, APP);
        standings.iter().find(|s| s.key_id == key_id).unwrap().accepted.clone()
    };
    let just_before = now() + minute - SignedDuration::from_millis(1);
    assert_eq!(accepted(&scene, just_before), [true, false]);
    assert_eq!(accepted(&scene, now() + minute), [true, true]);
    let path = format!("applications(appId='{CLIENT}')/removePassword");
    let remove = request(&mut scene, "POST", &path, &json!({ "keyId": key_id }));
    let removed = sent(&mut scene.cloud, now() + minute, &remove);
    assert_eq!(removed.entry.effect, Some(Effect::Removed(key_id)));
    assert_eq!(accepted(&scene, now() + minute), [false, true]);
    assert_eq!(accepted(&scene, now() + minute + minute), [false, false]);
}

/// Lists are stale both ways (1.12), by as much as the rule says.
#[test]
fn lists_can_be_behind() {
    let mut scene = Scene::new(Operator::All);
    scene.add();
    let minute_later = now() + SignedDuration::from_secs(60);
    let set = SecretWrite {
        value: Value::new("x".into()),
        content_type: None,
        tags: Default::default(),
        enabled: true,
        not_before: None,
        expires: None,
    };
    scene.cloud.set_secret(minute_later, HOST, "billing", set).unwrap();
    order(
        &mut scene.cloud,
        "[[fault]]\noperation = [\"read-application\", \"list-versions\"]\ndo = \"stale-list\"\nby = \"1m\"\n",
    );
    let count = |scene: &mut Scene, path: &str, at, member: &str| {
        let read = request(scene, "GET", path, &Json::Null);
        let Fate::Arrives(answer) = sent(&mut scene.cloud, at, &read).fate else { panic!("no answer") };
        let body: Json = serde_json::from_slice(&answer.body).unwrap();
        body[member].as_array().unwrap().len()
    };
    let app = format!("applications(appId='{CLIENT}')");
    let just_before = minute_later - SignedDuration::from_millis(1);
    assert_eq!(count(&mut scene, &app, just_before, "passwordCredentials"), 0, "as it was before anything was there");
    assert_eq!(count(&mut scene, &app, minute_later, "passwordCredentials"), 2);
    assert_eq!(count(&mut scene, "secrets/billing/versions", minute_later, "value"), 1);
    scene.cloud.stage().no_troubles();
    assert_eq!(count(&mut scene, "secrets/billing/versions", minute_later, "value"), 2);
}

#[test]
fn a_rule_strikes_by_operation_application_vault_and_count() {
    let mut scene = Scene::new(Operator::All);
    let other = "[[fault]]\napplication = \"00000000-0000-0000-0000-000000000001\"\ndo = \"lose-request\"\n";
    order(&mut scene.cloud, other);
    order(&mut scene.cloud, "[[fault]]\nvault = \"another-vault\"\ndo = \"lose-request\"\n");
    let third = format!("[[fault]]\napplication = \"{CLIENT}\"\nnth = 3\ntimes = 2\ndo = \"refuse\"\nas = \"busy\"\n");
    order(&mut scene.cloud, &third);
    order(&mut scene.cloud, "[[fault]]\nvault = \"first-vault\"\ndo = \"refuse\"\nstatus = 403\ncode = \"Forbidden\"\n");
    let statuses: Vec<u16> = (0..6).map(|_| status(&adding(&mut scene).fate)).collect();
    assert_eq!(statuses, [200, 200, 503, 503, 200, 200]);
    let get = request(&mut scene, "GET", "secrets/billing", &Json::Null);
    let refused = sent(&mut scene.cloud, now(), &get);
    assert_eq!((status(&refused.fate), refused.entry.code.as_deref()), (403, Some("Forbidden")));
    assert_eq!(refused.entry.faults, [4]);
    let counted: Vec<(u64, u32, u32)> = scene.cloud.faults().rules().map(|(id, _, seen, hits)| (id, seen, hits)).collect();
    assert_eq!(counted, [(1, 0, 0), (2, 0, 0), (3, 6, 2), (4, 1, 1)]);
}

/// A question without a token is not counted: SDKs ask one before each vault request.
#[test]
fn a_request_without_a_token_is_challenged_and_not_counted() {
    let mut scene = Scene::new(Operator::All);
    order(&mut scene.cloud, "[[fault]]\nservice = \"vault\"\nnth = 1\ntimes = 1\ndo = \"lose-request\"\n");
    let get = request(&mut scene, "GET", "secrets/billing", &Json::Null);
    let question = Request { headers: Vec::new(), ..get.clone() };
    assert_eq!(status(&sent(&mut scene.cloud, now(), &question).fate), 401);
    assert!(matches!(sent(&mut scene.cloud, now(), &get).fate, Fate::Lost));
}

#[test]
fn the_same_seed_strikes_the_same_requests() {
    let struck = |seed: u64| -> Vec<bool> {
        let mut scene = Scene::new(Operator::All);
        let rule =
            format!("[[fault]]\noperation = [\"read-application\"]\nprobability = 0.3\nseed = {seed}\ndo = \"cut-body\"\n");
        order(&mut scene.cloud, &rule);
        let read = request(&mut scene, "GET", &format!("applications(appId='{CLIENT}')"), &Json::Null);
        (0..200).map(|_| matches!(sent(&mut scene.cloud, now(), &read).fate, Fate::Cut(_))).collect()
    };
    assert_eq!(struck(5), struck(5));
    assert_ne!(struck(5), struck(6));
    // 200 draws at 0.3: 60 expected, six standard deviations are 39
    let hits = struck(5).iter().filter(|s| **s).count();
    assert!((21..=99).contains(&hits), "{hits}");
}

/// A refusal of one service does not strike another's requests.
#[test]
fn a_refusal_suits_its_service() {
    let mut scene = Scene::new(Operator::All);
    let secret = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value;
    let token = scene.token("https://graph.microsoft.com");
    order(&mut scene.cloud, "[[fault]]\ndo = \"refuse\"\nas = \"conditional-access\"\n");
    let said = sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com");
    assert_eq!(said.body["error_codes"], json!([53_003]));
    let read = crate::scene::send(
        &mut scene.cloud,
        "GET",
        "graph.sandbox.localhost",
        &format!("/v1.0/applications(appId='{CLIENT}')"),
        Some(&token),
        String::new(),
    );
    assert_eq!(read.status, 200);
}

/// What the log keeps holds no value, hint or token, whatever the request held.
#[test]
fn the_log_cannot_hold_a_secret() {
    let mut scene = Scene::new(Operator::All);
    let secret = text(&scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value);
    let token = scene.token("https://vault.azure.net");
    let mut shown = String::new();
    let mut tell = |scene: &mut Scene, request: &Request| {
        let entry = sent(&mut scene.cloud, now(), request).entry;
        shown.push_str(&format!("{}\n{}\n{entry:?}\n", entry.line(), serde_json::to_string(&entry).unwrap()));
    };
    let add = add_request(&mut scene);
    tell(&mut scene, &add);
    for path in ["secrets/billing".to_owned(), format!("secrets/{secret}"), format!("secrets/billing/{secret}")] {
        for method in ["GET", "PUT"] {
            let request = request(&mut scene, method, &path, &json!({ "value": secret }));
            tell(&mut scene, &request);
        }
    }
    let headers = vec![("authorization".into(), format!("Bearer {secret}"))];
    tell(&mut scene, &Request { method: secret.clone(), host: secret.clone(), path: secret.clone(), headers, ..add });
    // every value that the cloud knows, the one that was added among them
    let state = serde_json::to_string(&scene.cloud).unwrap();
    let mut hunted: Vec<String> = state.split('"').filter(|s| s.contains("8Q~sbx")).map(str::to_owned).collect();
    assert!(hunted.len() >= 4 && hunted.contains(&secret));
    hunted.push(token);
    assert!(shown.contains("added key ID") && shown.contains("wrote version"), "{shown}");
    for hunt in hunted {
        let found = hunt.as_bytes().windows(8).any(|eight| shown.as_bytes().windows(8).any(|w| w == eight));
        assert!(!found, "eight bytes of a secret are in\n{shown}");
    }
    assert!(!shown.contains("\"hint\"") && !shown.contains("8Q~"));
}
