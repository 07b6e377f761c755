//! Refusals that are ordered, and time.

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{
    Cloud, GraphCall, GraphTrouble, Operator, PasswordSpec, RetryAfter, SignInTrouble, Trouble, VaultRight, VaultTrouble,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::scene::{APP, CLIENT, HOST, Scene, now, sign_in};

/// 2: Conditional Access is 53003, another cloud 90038, a passing failure 90033; each is refused once and no more.
#[test]
fn refusals_of_the_token_endpoint_can_be_ordered() {
    let mut scene = Scene::new(Operator::All);
    let secret = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value;
    for (why, status, error, code) in [
        (SignInTrouble::ConditionalAccess, 400, "invalid_grant", 53_003),
        (SignInTrouble::Disabled, 400, "unauthorized_client", 7_000_112),
        (SignInTrouble::UnknownTenant, 400, "invalid_request", 90_002),
        (SignInTrouble::UnknownApplication, 400, "unauthorized_client", 700_016),
        (SignInTrouble::Expired, 401, "invalid_client", 7_000_222),
        (SignInTrouble::WrongCloud, 400, "invalid_request", 90_038),
        (SignInTrouble::Unavailable, 503, "temporarily_unavailable", 90_033),
    ] {
        scene.cloud.stage().trouble(Trouble::SignIn { client: Some(CLIENT), why }, Some(1));
        scene.token("https://graph.microsoft.com");
        let said = sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com");
        assert_eq!((said.status, &said.body["error"], &said.body["error_codes"]), (status, &json!(error), &json!([code])));
        assert_eq!(sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com").status, 200, "once only");
    }
}

/// 2: throttled, the token endpoint answers 429 with plain text and `Retry-After: 60`.
#[test]
fn the_token_endpoint_throttles_in_plain_text() {
    let mut scene = Scene::new(Operator::All);
    let secret = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value;
    scene.cloud.stage().trouble(Trouble::SignIn { client: None, why: SignInTrouble::Throttled }, None);
    for _ in 0..3 {
        let said = sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com");
        assert_eq!((said.status, said.header("retry-after")), (429, Some("60")));
        assert_eq!((said.header("content-type"), &said.body), (Some("text/plain"), &json!("Too Many Requests")));
    }
    scene.cloud.stage().no_troubles();
    assert_eq!(sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com").status, 200);
}

/// addPassword is refused twice, and nothing else is.
fn graph_refuses(why: GraphTrouble, status: u16, code: &str, after: Option<&str>) {
    let mut scene = Scene::new(Operator::All);
    scene.cloud.stage().trouble(Trouble::Graph { call: GraphCall::AddPassword, why }, Some(2));
    assert_eq!(scene.on_app("GET", "", &Json::Null).status, 200, "only what was named");
    for _ in 0..2 {
        let said = scene.add();
        assert_eq!((said.refusal(), said.header("retry-after")), ((status, code, None), after), "{why:?}");
        assert_eq!(said.body["error"]["innerError"]["status"] == "429", status == 429);
    }
    assert_eq!(scene.add().status, 200, "twice only");
    assert_eq!(scene.cloud.standings(now(), APP).len(), 2, "nothing happened where it was refused");
}

/// 1.9: 429 comes with a fractional, a huge or no `Retry-After`.
#[test]
fn graph_throttles_with_every_kind_of_retry_after() {
    for (after, header) in [
        (None, None),
        (Some(RetryAfter::Fractional), Some("2.128")),
        (Some(RetryAfter::Seconds(86_400)), Some("86400")),
        (Some(RetryAfter::Seconds(u32::MAX)), Some("4294967295")),
    ] {
        graph_refuses(GraphTrouble::Throttled(after), 429, "TooManyRequests", header);
    }
}

/// 1.9: `Directory_ConcurrencyViolation` is 409 in some reports and 503 in others.
#[test]
fn concurrent_writes_are_refused_with_409_or_503() {
    graph_refuses(GraphTrouble::Conflict, 409, "Directory_ConcurrencyViolation", None);
    graph_refuses(GraphTrouble::Busy, 503, "Directory_ConcurrencyViolation", None);
}

/// 1.9: an object that was just made is 404 `Request_ResourceNotFound` at a replica that does not know it yet.
#[test]
fn an_object_that_was_just_made_is_not_found() {
    graph_refuses(GraphTrouble::NotReplicated, 404, "Request_ResourceNotFound", None);
}

/// 1.9: an object with too many credentials is `Directory_ResourceSizeExceeded`.
#[test]
fn an_object_with_too_many_credentials_is_too_large() {
    graph_refuses(GraphTrouble::TooLarge, 403, "Directory_ResourceSizeExceeded", None);
    graph_refuses(GraphTrouble::Unavailable, 503, "ServiceUnavailable", None);
}

/// 3: throttled, a vault answers 429 `Throttled` without `Retry-After`.
#[test]
fn a_vault_throttles_without_retry_after() {
    let mut scene = Scene::new(Operator::All);
    let trouble = Trouble::Vault { host: HOST.into(), right: Some(VaultRight::Set), why: VaultTrouble::Throttled };
    scene.cloud.stage().trouble(trouble, Some(1));
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 200);
    let said = scene.vault("PUT", "secrets/billing", &json!({ "value": "v" }));
    assert_eq!((said.refusal(), said.header("retry-after")), ((429, "Throttled", None), None));
    assert!(said.message().contains("VaultRequestTypeLimitReached"));
    assert_eq!(scene.vault("PUT", "secrets/billing", &json!({ "value": "v" })).status, 200);
}

/// 1.12: clocks differ: `Date`, and all that a service dates, may be ahead or behind.
#[test]
fn the_services_clock_can_be_off() {
    let mut scene = Scene::new(Operator::All);
    for (seconds, date) in [(-3600, "Sat, 21 Nov 2026 11:00:00 GMT"), (600, "Sat, 21 Nov 2026 12:10:00 GMT")] {
        scene.cloud.stage().clock_offset(SignedDuration::from_secs(seconds));
        let said = scene.add();
        assert_eq!(said.header("date"), Some(date));
        let start: Timestamp = said.body["startDateTime"].as_str().unwrap().parse().unwrap();
        assert_eq!(start, now() + SignedDuration::from_secs(seconds));
        assert_eq!(scene.vault("GET", "secrets", &Json::Null).header("date"), Some(date));
    }
}

/// The end of a secret is compared with the services' clock, not the client's.
#[test]
fn a_secret_can_be_let_end() {
    let mut scene = Scene::new(Operator::All);
    let made = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap();
    let code = |cloud: &mut Cloud| {
        let said = sign_in(cloud, CLIENT, &made.value, "https://graph.microsoft.com");
        said.body["error_codes"][0].as_u64().unwrap_or_default()
    };
    assert!(scene.cloud.stage().password_ends(made.key_id, now() + SignedDuration::from_secs(60)));
    assert_eq!(code(&mut scene.cloud), 0);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(60));
    assert_eq!(code(&mut scene.cloud), 7_000_222);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(59));
    assert_eq!(code(&mut scene.cloud), 0);
    assert!(!scene.cloud.stage().password_ends(Uuid::from_u128(7), now()));
}
