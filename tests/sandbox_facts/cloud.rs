//! The cloud itself: who sees what when, and what it refuses.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{
    AppRef, ApplicationSpec, Audience, Cloud, NewPassword, OPERATOR, Op, PasswordSpec, Place, Profile, Resource,
    SecretUpdate, SecretWrite, Seed, SeedVault, SignInRequest, TENANT, TokenFault, Value,
};
use uuid::Uuid;

const HOST: &str = "kv-one.vault.sandbox.localhost";
const GRAPH: &str = "https://graph.microsoft.com/.default";

fn t(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn cloud_with(profile: Profile, audience: Audience) -> (Cloud, AppRef) {
    let mut cloud = Cloud::new(1, profile, t(0));
    let id =
        cloud.create_application(t(0), ApplicationSpec { display_name: "billing".into(), audience, ..Default::default() });
    cloud.create_vault(HOST);
    (cloud, AppRef::Object(id))
}

fn add(cloud: &mut Cloud, at: Timestamp, app: AppRef, name: &str) -> NewPassword {
    cloud.add_password(at, app, PasswordSpec { display_name: Some(name.into()), start: None, end: None }).unwrap()
}

fn ask_at(cloud: &Cloud, at: Timestamp, replica: usize, app: AppRef, secret: &Value) -> u32 {
    let client_id = cloud.application(app).unwrap().client_id.to_string();
    let tenant = TENANT.to_string();
    let request = SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(secret), scope: GRAPH };
    cloud.sign_in_at(at, replica, &request).map_or_else(|e| e.code, |_| 0)
}

fn write(value: &str, tags: &[(&str, &str)]) -> SecretWrite {
    SecretWrite {
        value: Value::new(value.into()),
        content_type: None,
        tags: tags.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        enabled: true,
        not_before: None,
        expires: None,
    }
}

/// 1.12: sign-in replicas disagree for a while, after a secret was added and after one was removed.
#[test]
fn a_replica_learns_of_a_secret_at_its_own_time_and_forgets_it_at_its_own_time() {
    let (mut cloud, app) = cloud_with(Profile::held(), Audience::MyOrg);
    let new = add(&mut cloud, t(0), app, "one");
    assert_eq!([0, 1].map(|r| ask_at(&cloud, t(100), r, app, &new.value)), [7_000_215, 7_000_215]);
    assert!(cloud.propagate(new.key_id, Place::Replica(1), t(10)));
    assert_eq!(ask_at(&cloud, t(9), 1, app, &new.value), 7_000_215);
    assert_eq!([0, 1].map(|r| ask_at(&cloud, t(10), r, app, &new.value)), [7_000_215, 0]);
    cloud.propagate_all(t(20));
    assert_eq!([0, 1].map(|r| ask_at(&cloud, t(20), r, app, &new.value)), [0, 0]);

    cloud.remove_password(t(30), app, new.key_id).unwrap();
    assert!(cloud.propagate(new.key_id, Place::Replica(0), t(40)));
    assert_eq!([0, 1].map(|r| ask_at(&cloud, t(39), r, app, &new.value)), [0, 0]);
    assert_eq!([0, 1].map(|r| ask_at(&cloud, t(40), r, app, &new.value)), [7_000_215, 0]);
    assert!(!cloud.propagate(new.key_id, Place::Replica(2), t(40)), "there are two replicas");
}

/// 1.12: lists show an added credential late, and a removed one for a while longer.
#[test]
fn lists_lag_behind_both_ways() {
    let (mut cloud, app) = cloud_with(Profile::held(), Audience::MyOrg);
    let listed = |cloud: &Cloud, at| cloud.password_credentials(at, app).unwrap().len();
    let new = add(&mut cloud, t(0), app, "one");
    assert_eq!(listed(&cloud, t(5)), 0);
    cloud.propagate(new.key_id, Place::Lists, t(6));
    assert_eq!(listed(&cloud, t(6)), 1);
    cloud.remove_password(t(7), app, new.key_id).unwrap();
    assert_eq!(listed(&cloud, t(8)), 1, "still shown");
    cloud.propagate(new.key_id, Place::Lists, t(9));
    assert_eq!(listed(&cloud, t(9)), 0);
}

#[test]
fn realistic_propagation_ends_within_its_range_and_is_the_same_for_the_same_seed() {
    let run = || {
        let (mut cloud, app) = cloud_with(Profile::realistic(), Audience::MyOrg);
        let new = add(&mut cloud, t(0), app, "one");
        let at = |ms| t(0).checked_add(SignedDuration::from_millis(ms)).unwrap();
        let seen: Vec<bool> = (0..20).map(|i| ask_at(&cloud, at(i * 100), 0, app, &new.value) == 0).collect();
        (new.key_id, seen)
    };
    let (_, seen) = run();
    assert!(!seen[0] && !seen[1], "not before 0.2 s");
    assert!(seen[15..].iter().all(|s| *s), "by 1.5 s at the latest");
    assert_eq!(run(), run());
}

/// 1.4: credentials are listed newest first; nobody promises it.
#[test]
fn the_list_is_newest_first() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    let ids = ["a", "b", "c"].map(|name| add(&mut cloud, t(0), app, name).key_id);
    let listed: Vec<Uuid> = cloud.password_credentials(t(0), app).unwrap().iter().map(|p| p.key_id).collect();
    assert_eq!(listed, [ids[2], ids[1], ids[0]]);
}

/// 1.9: an application for personal accounts holds two secrets: 400 `TooManyAppPasswords`.
#[test]
fn an_application_for_personal_accounts_holds_two_secrets() {
    let (mut cloud, app) = cloud_with(Profile::held(), Audience::OrgsAndPersonal);
    let first = add(&mut cloud, t(0), app, "one");
    add(&mut cloud, t(0), app, "two");
    let error = cloud.add_password(t(1), app, PasswordSpec::default()).unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (400, "TooManyAppPasswords"));
    assert_eq!(error.message, "Not allowed to add 3 passwords. You can only add a maximum of 2 passwords.");
    assert_eq!(error.details[0].target, "passwordCredentials");
    cloud.remove_password(t(2), app, first.key_id).unwrap();
    add(&mut cloud, t(3), app, "three");
    let (mut free, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    for _ in 0..5 {
        add(&mut free, t(0), app, "more");
    }
}

/// 1.3: an unknown key ID is refused with "No password credential found with keyId".
#[test]
fn an_unknown_key_id_is_refused_with_the_sentence_that_clients_look_for() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    let new = add(&mut cloud, t(0), app, "one");
    cloud.remove_password(t(1), app, new.key_id).unwrap();
    for key_id in [new.key_id, Uuid::from_u128(7)] {
        let error = cloud.remove_password(t(2), app, key_id).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (400, "Request_BadRequest"));
        assert!(error.message.contains("No password credential found with keyId"));
    }
}

/// 2: expired (7000222) and wrong (7000215) are told apart; where all known secrets have expired, unknown ones read as expired, too.
#[test]
fn expired_wrong_and_unknown_where_all_others_are_expired() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    let spec = PasswordSpec { display_name: None, start: None, end: Some(t(100)) };
    let short = cloud.add_password(t(0), app, spec).unwrap();
    let unknown = Value::new("nobody's".into());
    assert_eq!(ask_at(&cloud, t(99), 0, app, &short.value), 0);
    assert_eq!(ask_at(&cloud, t(99), 0, app, &unknown), 7_000_215);
    assert_eq!(ask_at(&cloud, t(100), 0, app, &short.value), 7_000_222);
    assert_eq!(ask_at(&cloud, t(100), 0, app, &unknown), 7_000_222, "all that the replica knows are expired");
    let long = add(&mut cloud, t(100), app, "long");
    assert_eq!(ask_at(&cloud, t(101), 0, app, &unknown), 7_000_215);
    assert_eq!(ask_at(&cloud, t(101), 0, app, &short.value), 7_000_222);
    assert_eq!(ask_at(&cloud, t(101), 0, app, &long.value), 0);
}

/// 1.12: a new secret reads as expired (7000222) while a replica knows expired ones only.
#[test]
fn a_new_secret_reads_as_expired_while_a_replica_knows_expired_ones_only() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    cloud.add_password(t(0), app, PasswordSpec { display_name: None, start: None, end: Some(t(10)) }).unwrap();
    cloud.set_profile(Profile::held());
    let new = add(&mut cloud, t(20), app, "new");
    assert_eq!(ask_at(&cloud, t(20), 0, app, &new.value), 7_000_222);
}

/// 2: the numbers of the other refusals of the token endpoint, and their classes.
#[test]
fn the_other_refusals_of_the_token_endpoint() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    let new = add(&mut cloud, t(0), app, "one");
    let id = cloud.application(app).unwrap().client_id.to_string();
    let tenant = TENANT.to_string();
    let good = SignInRequest { tenant: &tenant, client_id: &id, secret: Some(&new.value), scope: GRAPH };
    let say = |cloud: &Cloud, r: &SignInRequest<'_>| {
        cloud.sign_in_at(t(1), 0, r).map_or_else(|e| (e.status, e.error, e.code), |_| (200, "", 0))
    };
    assert_eq!(say(&cloud, &good), (200, "", 0));
    let unknown = "5a9db0c5-0000-4000-8000-00000000ffff";
    let cases = [
        (SignInRequest { tenant: unknown, ..good }, (400, "invalid_request", 90_002)),
        (SignInRequest { tenant: "example.com", ..good }, (400, "invalid_request", 90_002)),
        (SignInRequest { tenant: "no such", ..good }, (400, "invalid_request", 900_023)),
        (SignInRequest { client_id: unknown, ..good }, (400, "unauthorized_client", 700_016)),
        (SignInRequest { client_id: "00000000-0000-0000-0000-000000000000", ..good }, (400, "unauthorized_client", 700_038)),
        (SignInRequest { client_id: "billing", ..good }, (400, "unauthorized_client", 700_038)),
        (SignInRequest { secret: None, ..good }, (401, "invalid_client", 7_000_216)),
        (SignInRequest { scope: "https://graph.microsoft.com", ..good }, (400, "invalid_scope", 1_002_012)),
        (SignInRequest { scope: "", ..good }, (400, "invalid_scope", 70_011)),
        (SignInRequest { scope: "a/.default b/.default", ..good }, (400, "invalid_scope", 70_011)),
        (SignInRequest { scope: "api://not-a-registered-resource/.default", ..good }, (400, "invalid_resource", 500_011)),
        (SignInRequest { scope: "https://vault.azure.net/.default openid profile offline_access", ..good }, (200, "", 0)),
        (SignInRequest { scope: "https://127.0.0.1:8443//.default", ..good }, (200, "", 0)),
    ];
    for (request, expected) in cases {
        assert_eq!(say(&cloud, &request), expected, "{request:?}");
    }
    cloud.set_enabled(app, false).unwrap();
    assert_eq!(say(&cloud, &good), (400, "unauthorized_client", 7_000_112));
}

#[test]
fn tokens_are_for_one_audience_and_worthless_elsewhere() {
    let mut cloud = Cloud::new(1, Profile::instant(), t(0));
    let (tenant, operator) = (TENANT.to_string(), OPERATOR.to_string());
    let secret = cloud.operator_secret().unwrap().clone();
    let scope = "https://vault.sandbox.localhost/.default";
    let request = SignInRequest { tenant: &tenant, client_id: &operator, secret: Some(&secret), scope };
    let token = cloud.sign_in(t(0), &request).unwrap();
    assert_eq!((token.expires_in, token.tenant, token.client_id), (3599, TENANT, OPERATOR));
    // Value is opaque outside the sandbox; serde is the way by which the wire's answers show it.
    let text = serde_json::to_value(&token.access_token).unwrap().as_str().unwrap().to_owned();
    let caller = cloud.caller(t(3598), &text).unwrap();
    assert_eq!((caller.resource, caller.client_id), (Resource::Vault, OPERATOR));
    assert_eq!(cloud.caller(t(3599), &text), Err(TokenFault::Expired));
    assert_eq!(Cloud::new(2, Profile::instant(), t(0)).caller(t(0), &text), Err(TokenFault::Foreign));
    assert_eq!(cloud.caller(t(0), &format!("{text}x")), Err(TokenFault::Foreign));
    assert_eq!(cloud.caller(t(0), "opaque"), Err(TokenFault::Malformed));
    let header = text.split('.').next().unwrap();
    assert_eq!(header, "eyJhbGciOiJub25lLWtleXJlbGF5LXNhbmRib3giLCJraWQiOiJrZXlyZWxheS1zYW5kYm94IiwidHlwIjoiSldUIn0");
}

/// 3: versions are listed in the order of their ids, not by time; names are compared without case.
#[test]
fn the_latest_version_is_the_last_written_and_lists_are_in_the_order_of_ids() {
    let (mut cloud, _) = cloud_with(Profile::instant(), Audience::MyOrg);
    let made: Vec<String> =
        (0..8).map(|i| cloud.set_secret(t(0), HOST, "Api-Secret", write(&format!("v{i}"), &[])).unwrap().id).collect();
    let listed: Vec<String> = cloud.secret_versions(HOST, "api-secret").unwrap().iter().map(|v| v.id.clone()).collect();
    let mut sorted = made.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    assert_ne!(made, sorted, "eight random ids in order would be a bad seed");
    assert_eq!(cloud.secret(HOST, "API-SECRET", None).unwrap().id, made[7]);
    assert_eq!(cloud.secret(HOST, "api-secret", None).unwrap().name, "Api-Secret");
    assert!(made.iter().all(|id| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))));
}

/// 3: a disabled latest version is 403 `SecretDisabled`: there is no falling back to an older one.
#[test]
fn a_disabled_latest_version_does_not_fall_back() {
    let (mut cloud, _) = cloud_with(Profile::instant(), Audience::MyOrg);
    let old = cloud.set_secret(t(0), HOST, "s", write("old", &[])).unwrap();
    let new = cloud.set_secret(t(0), HOST, "s", write("new", &[])).unwrap();
    let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
    cloud.update_secret(t(20), HOST, "s", None, off).unwrap();
    for version in [None, Some(new.id.as_str())] {
        let error = cloud.secret(HOST, "s", version).unwrap_err();
        let inner = error.innererror.as_deref();
        assert_eq!((error.status, error.code.as_str(), inner), (403, "Forbidden", Some("SecretDisabled")));
    }
    assert_eq!(cloud.secret(HOST, "s", Some(&old.id)).unwrap().id, old.id);
    assert_eq!(cloud.secret_versions(HOST, "s").unwrap().len(), 2);
}

/// 3: neither `exp` nor `nbf` keeps anybody from reading.
#[test]
fn an_expired_or_early_version_can_be_read() {
    let (mut cloud, _) = cloud_with(Profile::instant(), Audience::MyOrg);
    let ended = SecretWrite { expires: Some(t(-10)), ..write("ended", &[]) };
    let early = SecretWrite { not_before: Some(t(50)), ..write("early", &[]) };
    for dated in [ended, early] {
        let new = cloud.set_secret(t(0), HOST, "s", dated).unwrap();
        assert_eq!(cloud.secret(HOST, "s", None).unwrap().id, new.id);
        assert_eq!(cloud.secret(HOST, "s", Some(&new.id)).unwrap().id, new.id);
    }
}

/// 3: a soft-deleted name is blocked (409), and is among the deleted ones only after a while.
#[test]
fn a_soft_deleted_name_is_blocked_until_it_is_recovered_or_purged() {
    let (mut cloud, _) = cloud_with(Profile::held(), Audience::MyOrg);
    let says =
        |r: Result<(), keyrelay::sandbox::cloud::CloudError>| r.map_or_else(|e| (e.status, e.innererror), |()| (200, None));
    cloud.set_secret(t(0), HOST, "s", write("v", &[])).unwrap();
    let inner = says(cloud.recover_secret(t(0), HOST, "s").map(|_| ()));
    assert_eq!(inner, (400, Some("RequestNotAllowedOnNonDeletedObject".into())));
    let (_, deletion) = cloud.delete_secret(t(1), HOST, "s").unwrap();
    assert_eq!((deletion.purged_at - deletion.at).total(jiff::Unit::Hour).unwrap(), 168.0);
    assert_eq!(cloud.secret(HOST, "s", None).unwrap_err().code, "SecretNotFound");
    assert!(cloud.deleted_secrets(t(2), HOST).unwrap().is_empty(), "not among the deleted ones yet");
    let under_way = (409, Some("ObjectIsBeingDeleted".into()));
    assert_eq!(says(cloud.set_secret(t(2), HOST, "s", write("v", &[])).map(|_| ())), under_way);
    assert_eq!(says(cloud.recover_secret(t(2), HOST, "s").map(|_| ())), under_way);

    let (mut cloud, _) = cloud_with(Profile::instant(), Audience::MyOrg);
    let first = cloud.set_secret(t(0), HOST, "s", write("v", &[])).unwrap();
    cloud.delete_secret(t(1), HOST, "s").unwrap();
    assert_eq!(cloud.deleted_secrets(t(1), HOST).unwrap().len(), 1);
    let blocked = (409, Some("ObjectIsDeletedButRecoverable".into()));
    assert_eq!(says(cloud.set_secret(t(2), HOST, "S", write("v", &[])).map(|_| ())), blocked);
    cloud.recover_secret(t(3), HOST, "s").unwrap();
    assert_eq!(cloud.secret(HOST, "s", None).unwrap().id, first.id);
    cloud.delete_secret(t(4), HOST, "s").unwrap();
    cloud.purge_secret(t(5), HOST, "s").unwrap();
    assert_eq!(
        cloud.set_secret(t(6), HOST, "s", write("v", &[])).map(|_| cloud.secret_versions(HOST, "s").unwrap().len()),
        Ok(1)
    );
}

/// 3: 15 tags of 512 characters, 25,600 bytes of value, 255 of content type, names of 127.
#[test]
fn limits_of_a_secret() {
    let (mut cloud, _) = cloud_with(Profile::instant(), Audience::MyOrg);
    let tags = |n: usize| -> BTreeMap<String, String> { (0..n).map(|i| (format!("t{i}"), "x".repeat(512))).collect() };
    let mut says =
        |name: &str, w: SecretWrite| cloud.set_secret(t(0), HOST, name, w).map_or_else(|e| e.code, |_| "ok".into());
    assert_eq!(says("s", SecretWrite { tags: tags(15), ..write("v", &[]) }), "ok");
    assert_eq!(says("s", SecretWrite { tags: tags(16), ..write("v", &[]) }), "BadParameter");
    assert_eq!(says("s", write("v", &[("t", &"x".repeat(513))])), "BadParameter");
    assert_eq!(says("s", write(&"x".repeat(25_600), &[])), "ok");
    assert_eq!(says("s", write(&"x".repeat(25_601), &[])), "BadParameter");
    assert_eq!(says("s", SecretWrite { content_type: Some("x".repeat(256)), ..write("v", &[]) }), "BadParameter");
    assert_eq!(says("not_a_name", write("v", &[])), "BadParameter");
    assert_eq!(says(&"x".repeat(127), write("v", &[])), "ok");
    assert_eq!(says(&"x".repeat(128), write("v", &[])), "BadParameter");
    assert_eq!(cloud.set_secret(t(0), "elsewhere", "s", write("v", &[])).unwrap_err().status, 404);
}

#[test]
fn a_late_request_lands_by_itself_at_its_time() {
    let (mut cloud, app) = cloud_with(Profile::instant(), Audience::MyOrg);
    let spec = PasswordSpec { display_name: Some("late".into()), start: None, end: None };
    cloud.land_later(t(60), Op::AddPassword(app, spec));
    cloud.land_later(t(30), Op::SetSecret(HOST.into(), "s".into(), write("first", &[("n", "1")])));
    cloud.land_later(t(50), Op::SetSecret(HOST.into(), "s".into(), write("second", &[("n", "2")])));
    assert_eq!((cloud.advance(t(29)), cloud.on_their_way()), (0, 3));
    assert_eq!((cloud.advance(t(55)), cloud.on_their_way()), (2, 1));
    let latest = cloud.latest_version(HOST, "s").unwrap();
    assert_eq!((latest.tags["n"].as_str(), latest.created), ("2", t(50)));
    assert_eq!((cloud.advance(t(60)), cloud.advance(t(61))), (1, 0));
    assert_eq!(cloud.standings(t(60), app)[0].display_name, "late");
}

#[test]
fn what_a_vault_serves_is_known_to_tests() {
    let seed = Seed {
        client_id: Uuid::from_u128(42),
        tenant: TENANT,
        display_name: "billing".into(),
        vaults: vec![
            SeedVault { host: HOST.into(), secret: "s".into() },
            SeedVault { host: "kv-two".into(), secret: "s".into() },
        ],
    };
    let mut cloud = Cloud::new(1, Profile::realistic(), t(0));
    let first = cloud.seed(t(0), &seed).unwrap();
    assert!(first.made);
    let again = cloud.seed(t(9), &seed).unwrap();
    assert_eq!((again.made, again.object_id), (false, first.object_id));
    let app = AppRef::Client(seed.client_id);
    let standings = cloud.standings(t(0), app);
    assert_eq!((standings.len(), standings[0].display_name.as_str()), (1, "made by hand"));
    assert!(standings[0].accepted_everywhere() && standings[0].listed && standings[0].living);
    assert!(!cloud.standings(t(180 * 86_400), app)[0].accepted_somewhere(), "ends in 180 days");
    assert_eq!([HOST, "KV-TWO"].map(|host| cloud.served(host, "s")), [Some(standings[0].key_id); 2]);
    assert_eq!(cloud.seed(t(0), &Seed { tenant: Uuid::nil(), ..seed }).unwrap_err().status, 400);
}

#[test]
fn the_state_survives_its_file_and_prints_no_secret() {
    let (mut cloud, app) = cloud_with(Profile::held(), Audience::MyOrg);
    let new = add(&mut cloud, t(0), app, "one");
    cloud.set_secret(t(0), HOST, "s", write("8Q~value", &[("a", "b")])).unwrap();
    cloud.land_later(t(60), Op::RemovePassword(app, new.key_id));
    let text = serde_json::to_string(&cloud).unwrap();
    assert_eq!(serde_json::from_str::<Cloud>(&text).unwrap(), cloud);
    let debug = format!("{cloud:?}");
    assert!(!debug.contains("8Q~"), "{debug}");
    let revision = cloud.revision();
    let tenant = TENANT.to_string();
    let request = SignInRequest { tenant: &tenant, client_id: "x", secret: None, scope: "" };
    assert!(cloud.sign_in(t(0), &request).is_err());
    assert_eq!(cloud.revision(), revision, "a sign-in leaves nothing to be saved");
    cloud.remove_password(t(0), app, new.key_id).unwrap();
    assert!(cloud.revision() > revision);
}
