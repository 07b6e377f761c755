//! Key Vault: recorded answers, what is sent, and where nothing is sent.

use std::collections::BTreeMap;

use keyrelay::azure::AzureServices;
use keyrelay::ports::{Outcome, Stamp, Vaults};
use keyrelay::rotation::answers::{Current, RefusalKind as K, Version};
use keyrelay::rotation::names::{RunId, Tag, TargetId, VaultIx};
use serde_json::{Value, json};

use crate::support::{Answer, Canned, DATE, REQUEST_ID, html, json as reply, recorded};
use crate::{CANARY, OBJECT, VERSION, bundle, canary, connection, services};

const OLDER: &str = "4eb5045190034625a49c7fd2d0ce342f";
const ONE: VaultIx = VaultIx(0);

fn tag() -> Tag {
    let run = RunId::new("2026-11-21T23:06:59Z".parse().unwrap(), 7);
    Tag { target: TargetId::of([("kv-one.vault.sandbox.localhost", "secret1")]), run, attempt: 1 }
}

fn stamp() -> Stamp {
    // 1795302419 s: date -d 2026-11-21T23:06:59Z +%s
    Stamp { tag: tag(), key_id: OBJECT.parse().unwrap(), expires: Some("2026-11-21T23:06:59Z".parse().unwrap()) }
}

fn not_found() -> Answer {
    reply(404, json!({"error": {"code": "SecretNotFound", "message": "A secret with (name/id) secret1 was not found"}}))
}

fn disabled() -> Answer {
    let inner = json!({"code": "SecretDisabled"});
    reply(403, json!({"error": {"code": "Forbidden", "message": "Operation get is not allowed", "innererror": inner}}))
}

#[tokio::test]
async fn a_recorded_version_as_a_consumer_reads_it() {
    let Some(answer) = recorded("kv-secret-get-latest-200") else { return };
    let server = Canned::start().await;
    server.on("GET", "kv-one.vault.sandbox.localhost/secrets/secret1/", [answer]);
    let services = services(&server);
    let ((current, read), trace) = services.current(ONE).await.unwrap();
    let expected = Version { id: VERSION.parse().unwrap(), tag: None, key_id: None, enabled: true };
    assert_eq!(current, Current::Version(expected.clone()));
    let read = read.unwrap();
    assert_eq!((read.version, read.content_type.as_deref(), read.expires), (expected, Some("test type"), None));
    let tags = [("file-encoding", "utf-8"), ("test", "foo")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(read.tags, BTreeMap::from(tags));
    assert_eq!((trace.request_id.as_deref(), trace.date), (Some(REQUEST_ID), Some(DATE.1.parse().unwrap())));

    let seen = server.seen("GET", "");
    assert_eq!(seen.len(), 1, "no challenge crosses the network");
    assert_eq!(seen[0].header("authorization"), Some("Bearer operator-token"));
    assert_eq!(seen[0].header("x-ms-client-request-id"), trace.client_request_id.as_deref());

    let (read, _) = services.version(ONE, VERSION.parse().unwrap()).await.unwrap();
    assert_eq!(read.version.id.to_string(), VERSION);
    let (refusal, _) = services.version(ONE, OLDER.parse().unwrap()).await.err().unwrap();
    assert_eq!(refusal.kind, K::BadAnswer, "another version than the one that was asked for");
}

#[tokio::test]
async fn what_is_not_a_current_version() {
    let server = Canned::start().await;
    let services = services(&server);
    let rbac = json!({"error": {"code": "Forbidden", "message": "Caller: x\r\nAction: \"y\"", "innererror": {"code": "ForbiddenByRbac"}}});
    server.on("GET", "kv-one", [not_found(), disabled(), html(404), reply(403, rbac)]);
    assert_eq!(services.current(ONE).await.map(|(c, _)| c.0).unwrap(), Current::Nothing);
    assert_eq!(services.current(ONE).await.map(|(c, _)| c.0).unwrap(), Current::Disabled);
    let refused = services.current(ONE).await.err().unwrap().0;
    assert_eq!(refused.kind, K::NotFound, "a 404 of something else does not say that there is no secret");
    let refused = services.current(ONE).await.err().unwrap().0;
    assert_eq!(refused.to_string(), "permission missing (HTTP 403, Forbidden/ForbiddenByRbac): Caller: x Action: \"y\"");
    server.on("GET", "kv-one", [disabled()]);
    assert_eq!(services.version(ONE, VERSION.parse().unwrap()).await.err().unwrap().0.kind, K::Disabled);
}

#[tokio::test]
async fn recorded_versions_disabled_ones_too() {
    let Some(answer) = recorded("kv-secret-versions-one-disabled-200") else { return };
    let server = Canned::start().await;
    server.on("GET", "/versions", [answer]);
    let (versions, trace) = services(&server).versions(ONE).await.unwrap();
    let expected = [(OLDER, true), (VERSION, false)];
    assert_eq!(
        versions.iter().map(|v| (v.id.to_string(), v.enabled)).collect::<Vec<_>>(),
        expected.map(|(v, e)| (v.to_owned(), e))
    );
    assert_eq!(trace.date, Some(DATE.1.parse().unwrap()));
}

/// As in a rotation that adds the first secret and dies before its vault has one.
#[tokio::test]
async fn a_secret_that_is_not_there_has_no_versions() {
    let server = Canned::start().await;
    server.on("GET", "/versions", [not_found(), html(404)]);
    let services = services(&server);
    assert_eq!(services.versions(ONE).await.unwrap().0, []);
    let (refusal, _) = services.versions(ONE).await.unwrap_err();
    assert_eq!(refusal.kind, K::NotFound, "a 404 of something else does not say that there is none");
}

fn page(version: &str, tags: &Value, next: &str) -> Answer {
    let mut item = bundle("kv-one", version, tags.clone());
    item["value"].take();
    reply(200, json!({"value": [item], "nextLink": next}))
}

#[tokio::test]
async fn all_pages_are_read_and_tags_are_found_again() {
    let server = Canned::start().await;
    let next =
        "https://kv-one.vault.sandbox.localhost:443/secrets/secret1/versions?api-version=7.4&$skiptoken=x&maxresults=1";
    let ours = json!({"keyrelay": tag().to_string(), "keyrelay-key-id": OBJECT});
    let empty = reply(200, json!({"value": [], "nextLink": next}));
    server.on("GET", "/versions", [page(OLDER, &json!(null), next), empty, page(VERSION, &ours, "")]);
    let (versions, _) = services(&server).versions(ONE).await.unwrap();
    let expected = [
        Version { id: OLDER.parse().unwrap(), tag: None, key_id: None, enabled: true },
        Version { id: VERSION.parse().unwrap(), tag: Some(tag()), key_id: Some(OBJECT.parse().unwrap()), enabled: true },
    ];
    assert_eq!(versions, expected);
    assert_eq!(server.order().len(), 3);
}

#[tokio::test]
async fn a_next_link_to_another_host_is_not_followed() {
    let elsewhere = [
        "https://kv-two.vault.sandbox.localhost/secrets/secret1/versions",
        "https://kv-one.vault.sandbox.localhost:1/x",
        "http://kv-one.vault.sandbox.localhost/x",
    ];
    for next in elsewhere {
        let server = Canned::start().await;
        server.on("GET", "", [page(OLDER, &json!(null), next)]);
        let (refusal, _) = services(&server).versions(ONE).await.unwrap_err();
        assert_eq!(refusal.kind, K::BadAnswer, "{next}");
        assert_eq!(server.order(), ["GET kv-one.vault.sandbox.localhost"], "{next}");
    }
}

#[tokio::test]
async fn a_list_with_an_item_that_cannot_be_read_is_no_list() {
    let server = Canned::start().await;
    server.on("GET", "/versions", [page("latest", &json!(null), "")]);
    assert_eq!(services(&server).versions(ONE).await.unwrap_err().0.kind, K::BadAnswer);
}

/// Writes the canary and gives back the body that arrived.
async fn written(server: &Canned, services: &AzureServices) -> Value {
    let value = canary(server, services).await;
    server.on("PUT", "/secrets/secret1", [reply(200, bundle("kv-one", OLDER, json!({})))]);
    Box::pin(write(server, services, &value)).await
}

async fn write(server: &Canned, services: &AzureServices, value: &keyrelay::secret::SecretValue) -> Value {
    let Outcome::Applied(version, trace) = services.write(ONE, value, &stamp()).await else { panic!("not applied") };
    assert_eq!((version.to_string().as_str(), trace.date), (OLDER, Some(DATE.1.parse().unwrap())));
    serde_json::from_str(&server.seen("PUT", "/secrets/secret1").last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_write_carries_over_what_it_finds() {
    let server = Canned::start().await;
    let value = canary(&server, &services(&server)).await;
    let services = services(&server);
    let tags = json!({"test": "foo", "team": "old", "keyrelay": "keyrelay:stale", "keyrelay-key-id": "stale"});
    server.on("GET", "kv-one.vault.sandbox.localhost/secrets/secret1/?", [reply(200, bundle("kv-one", VERSION, tags))]);
    server.on("PUT", "/secrets/secret1", [reply(200, bundle("kv-one", OLDER, json!({})))]);
    let expected = json!({
        "value": CANARY,
        "contentType": "test type",
        "tags": {"test": "foo", "team": "billing", "keyrelay": tag().to_string(), "keyrelay-key-id": OBJECT},
        "attributes": {"enabled": true, "exp": 1_795_302_419},
    });
    assert_eq!(write(&server, &services, &value).await, expected);
}

/// The rotation reads every vault before it writes; what that showed is not asked for again, and serves one write only.
#[tokio::test]
async fn a_write_carries_over_what_was_looked_at_just_before() {
    let server = Canned::start().await;
    let value = canary(&server, &services(&server)).await;
    let services = services(&server);
    server.on("PUT", "/secrets/secret1", [reply(200, bundle("kv-one", OLDER, json!({})))]);
    server.on("GET", "kv-one", [reply(200, bundle("kv-one", VERSION, json!({"seen": "first"})))]);
    services.current(ONE).await.unwrap();
    server.on("GET", "kv-one", [reply(200, bundle("kv-one", VERSION, json!({"seen": "second"})))]);
    assert_eq!(write(&server, &services, &value).await["tags"]["seen"], "first");
    assert_eq!(write(&server, &services, &value).await["tags"]["seen"], "second");
}

#[tokio::test]
async fn the_runbooks_content_type_wins() {
    let server = Canned::start().await;
    let mut connection = connection(&server);
    connection.vaults[0].content_type = Some("text/plain".into());
    let body = written(&server, &AzureServices::new(connection).unwrap()).await;
    assert_eq!(body["contentType"], "text/plain");
}

#[tokio::test]
async fn a_write_to_an_empty_or_a_disabled_secret() {
    let server = Canned::start().await;
    let value = canary(&server, &services(&server)).await;
    let services = services(&server);
    server.on("PUT", "/secrets/secret1", [reply(200, bundle("kv-one", OLDER, json!({})))]);

    server.on("GET", "kv-one", [not_found()]);
    let body = write(&server, &services, &value).await;
    assert_eq!(body["tags"], json!({"team": "billing", "keyrelay": tag().to_string(), "keyrelay-key-id": OBJECT}));
    assert_eq!(body.get("contentType"), None);

    let item = |version: &str, created: u32, tag: &str| {
        let id = format!("https://kv-one.vault.sandbox.localhost/secrets/secret1/{version}");
        json!({"id": id, "contentType": tag, "attributes": {"enabled": false, "created": created}, "tags": {"age": tag}})
    };
    let list = json!({"value": [item(VERSION, 200, "younger"), item(OLDER, 100, "older")], "nextLink": null});
    server.on("GET", "kv-one", [disabled()]).on("GET", "/versions", [reply(200, list)]);
    let body = write(&server, &services, &value).await;
    assert_eq!((&body["tags"]["age"], &body["contentType"]), (&json!("younger"), &json!("younger")));
}

#[tokio::test]
async fn a_sixteenth_tag_stops_a_write_before_it_is_sent() {
    let server = Canned::start().await;
    let services = services(&server);
    let value = canary(&server, &services).await;
    // Twelve of the vault's, one of the runbook's, two of keyrelay's: fifteen.
    for (existing, fits) in [(12, true), (13, false)] {
        let tags: BTreeMap<String, String> = (0..existing).map(|n| (format!("t{n}"), String::new())).collect();
        server.on("GET", "kv-one", [reply(200, bundle("kv-one", VERSION, json!(tags)))]);
        server.on("PUT", "kv-one", [reply(200, bundle("kv-one", OLDER, json!({})))]).forget();
        match services.write(ONE, &value, &stamp()).await {
            Outcome::Applied(..) => assert!(fits),
            Outcome::NotApplied(refusal, _) => {
                assert!(!fits);
                assert_eq!(
                    refusal.to_string(),
                    "rejected (TooManyTags): the version would have 16 tags with keyrelay's two, and a vault takes 15"
                );
            }
            Outcome::InDoubt(refusal, _) => panic!("{refusal}"),
        }
        assert_eq!(server.seen("PUT", "kv-one").len(), usize::from(fits));
    }
}

#[tokio::test]
async fn a_soft_deleted_name_blocks() {
    let Some(answer) = recorded("kv-secret-set-409-deleted-but-recoverable") else { return };
    let server = Canned::start().await;
    let services = services(&server);
    let value = canary(&server, &services).await;
    server.on("GET", "kv-one", [not_found()]).on("PUT", "kv-one", [answer]);
    let Outcome::NotApplied(refusal, _) = services.write(ONE, &value, &stamp()).await else { panic!("sent") };
    assert_eq!((refusal.kind, refusal.code.as_str()), (K::SoftDeleted, "Conflict/ObjectIsDeletedButRecoverable"));

    let deleted = json!({"id": "https://kv-one.vault.sandbox.localhost/secrets/secret1/x", "attributes": {}});
    server.on("GET", "/deletedsecrets/secret1", [reply(200, deleted), not_found(), html(404)]);
    assert!(services.deleted(ONE).await.unwrap().0);
    assert!(!services.deleted(ONE).await.unwrap().0);
    assert_eq!(services.deleted(ONE).await.unwrap_err().0.kind, K::NotFound);
}

#[tokio::test]
async fn a_version_is_disabled_in_one_request() {
    let server = Canned::start().await;
    let services = services(&server);
    let id = format!("https://kv-one.vault.sandbox.localhost/secrets/secret1/{VERSION}");
    server.on("PATCH", "kv-one", [reply(200, json!({"id": id, "attributes": {"enabled": false}}))]);
    let Outcome::Applied((), trace) = services.disable(ONE, VERSION.parse().unwrap()).await else { panic!("not applied") };
    assert_eq!(trace.date, Some(DATE.1.parse().unwrap()));
    let sent = server.seen("PATCH", "");
    assert_eq!(serde_json::from_str::<Value>(&sent[0].body).unwrap(), json!({"attributes": {"enabled": false}}));
    assert!(sent[0].target.starts_with(&format!("/secrets/secret1/{VERSION}?api-version=")), "{}", sent[0].target);
    assert_eq!(server.order().len(), 1, "even from a cold client");
}

#[tokio::test]
async fn a_vault_that_the_runbook_does_not_have() {
    let server = Canned::start().await;
    let services = services(&server);
    assert_eq!(services.versions(VaultIx(2)).await.unwrap_err().0.kind, K::Rejected);
    let Outcome::NotApplied(..) = services.disable(VaultIx(2), VERSION.parse().unwrap()).await else { panic!("sent") };
    assert_eq!(server.order(), [""; 0]);
}
