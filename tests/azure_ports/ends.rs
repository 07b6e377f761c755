//! Every way in which a changing request can end, and what is known then. One table for all four changes.

use std::fmt::Debug;

use keyrelay::ports::{Directory, Outcome, Stamp, Vaults};
use keyrelay::rotation::answers::{Refusal, RefusalKind as K, Trace};
use keyrelay::rotation::names::{RunId, Tag, TargetId, VaultIx};
use serde_json::json;

use crate::support::{Answer, Canned, html, json as reply, redirect};
use crate::{APP, CANARY, OBJECT, VERSION, assert_no_canary, bundle, canary, services};

/// What is known after an end: `true` for in doubt, `false` for not applied.
pub(crate) fn ends() -> Vec<(&'static str, Answer, bool, K)> {
    // A service that quotes the request, to see that nobody passes it on.
    let quoting = |status| reply(status, json!({"error": {"code": CANARY, "message": format!("bad value {CANARY}")}}));
    vec![
        ("closed before the answer", Answer::CloseBefore, true, K::Unanswered),
        ("silent", Answer::Hang, true, K::Unanswered),
        ("cut after a success", Answer::CutBody(200, b"{\"value\":\"x".to_vec()), true, K::Unanswered),
        ("endless", Answer::Endless(200), true, K::BadAnswer),
        ("slow by the byte", Answer::Drip(200), true, K::Unanswered),
        ("cut after a refusal", Answer::CutBody(403, b"{".to_vec()), false, K::Unanswered),
        ("400", quoting(400), false, K::Rejected),
        ("401", quoting(401), false, K::Unauthenticated),
        ("403", quoting(403), false, K::Forbidden),
        ("404", quoting(404), false, K::NotFound),
        ("408", quoting(408), true, K::Unanswered),
        ("409", quoting(409), false, K::Conflict),
        ("429", quoting(429), false, K::Throttled),
        ("500", quoting(500), true, K::Unanswered),
        ("502 in HTML", html(502), true, K::Unanswered),
        ("503", quoting(503), true, K::Unanswered),
        ("redirect", redirect("https://kv-two.vault.sandbox.localhost/elsewhere"), true, K::BadAnswer),
        ("challenge", crate::support::with(quoting(401), "www-authenticate", CHALLENGE), false, K::Unauthenticated),
    ]
}

const CHALLENGE: &str =
    r#"Bearer authorization="https://login.sandbox.localhost/t", resource="https://vault.sandbox.localhost""#;

fn check<T>(what: &str, outcome: Outcome<T>, in_doubt: bool, kind: K, message_kept: bool) {
    let (refusal, trace): (Refusal, Trace) = match outcome {
        Outcome::Applied(..) => panic!("{what}: applied"),
        Outcome::NotApplied(refusal, trace) => {
            assert!(!in_doubt, "{what}: {refusal:?}");
            (refusal, trace)
        }
        Outcome::InDoubt(refusal, trace) => {
            assert!(in_doubt, "{what}: {refusal:?}");
            (refusal, trace)
        }
    };
    assert_eq!(refusal.kind, kind, "{what}: {refusal:?}");
    assert!(trace.client_request_id.is_some(), "{what}");
    if !message_kept {
        assert_eq!(refusal.message, "", "{what}");
        let all: [&dyn Debug; 2] = [&refusal, &trace];
        assert_no_canary(&format!("{all:?} {refusal} {}", serde_json::to_string(&refusal).unwrap()));
    }
}

fn stamp() -> Stamp {
    let tag =
        Tag { target: TargetId::of([("kv", "s")]), run: RunId::new("2026-11-21T23:06:59Z".parse().unwrap(), 7), attempt: 1 };
    Stamp { tag, key_id: OBJECT.parse().unwrap(), expires: None }
}

#[tokio::test]
async fn add_password() {
    let server = Canned::start().await;
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    server.on("GET", "graph.sandbox.localhost/v1.0/applications", [reply(200, app)]);
    let services = services(&server);
    let unreadable = [
        ("a success in HTML", html(200), true, K::BadAnswer),
        ("a success without a value", reply(200, "{}"), true, K::BadAnswer),
        ("an empty success", reply(200, ""), true, K::BadAnswer),
        ("a success of another type", reply(200, json!({"keyId": 5, "secretText": ["a"]})), true, K::BadAnswer),
    ];
    for (what, answer, in_doubt, kind) in ends().into_iter().chain(unreadable) {
        server.on("POST", "addPassword", [answer]).forget();
        let outcome = services.add_password("keyrelay:x", "2027-01-01T00:00:00Z".parse().unwrap()).await;
        check(what, outcome, in_doubt, kind, true);
        assert_eq!(server.seen("POST", "addPassword").len(), 1, "{what}: sent once");
        assert_eq!(server.seen("PUT", "").len() + server.seen("POST", "kv-two").len(), 0, "{what}: sent elsewhere");
    }
}

#[tokio::test]
async fn remove_password() {
    let server = Canned::start().await;
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    server.on("GET", "graph.sandbox.localhost/v1.0/applications", [reply(200, app)]);
    let services = services(&server);
    for (what, answer, in_doubt, kind) in ends() {
        server.on("POST", "removePassword", [answer]).forget();
        check(what, services.remove_password(OBJECT.parse().unwrap()).await, in_doubt, kind, true);
        assert_eq!(server.seen("POST", "removePassword").len(), 1, "{what}: sent once");
    }
}

#[tokio::test]
async fn write_to_a_vault() {
    let server = Canned::start().await;
    let value = canary(&server, &services(&server)).await;
    let services = services(&server);
    let unreadable = [
        ("a success in HTML", html(200), true, K::BadAnswer),
        ("a success with another status", reply(201, "{}"), true, K::BadAnswer),
        ("an empty success", reply(200, ""), true, K::BadAnswer),
        ("a success of another type", reply(200, json!([{"id": 5}])), true, K::BadAnswer),
    ];
    for (what, answer, in_doubt, kind) in ends().into_iter().chain(unreadable) {
        server.on("PUT", "kv-one.vault.sandbox.localhost/secrets/secret1", [answer]).forget();
        check(what, services.write(VaultIx(0), &value, &stamp()).await, in_doubt, kind, false);
        assert_eq!(server.order(), ["GET kv-one.vault.sandbox.localhost", "PUT kv-one.vault.sandbox.localhost"], "{what}");
    }
}

#[tokio::test]
async fn disable_a_version() {
    let server = Canned::start().await;
    let services = services(&server);
    let mut enabled = bundle("kv-one", VERSION, json!({}));
    enabled["value"].take();
    let unreadable =
        [("a success in HTML", html(200), true, K::BadAnswer), ("still enabled", reply(200, enabled), true, K::BadAnswer)];
    for (what, answer, in_doubt, kind) in ends().into_iter().chain(unreadable) {
        server.on("PATCH", "kv-one.vault.sandbox.localhost/secrets/secret1", [answer]).forget();
        check(what, services.disable(VaultIx(0), VERSION.parse().unwrap()).await, in_doubt, kind, true);
        assert_eq!(server.order(), ["PATCH kv-one.vault.sandbox.localhost"], "{what}: sent once");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let server = Canned::start().await;
    let running = services(&server);
    let value = canary(&server, &running).await;
    let mut connection = crate::connection(&server);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    connection.cloud = keyrelay::azure::Cloud::sandbox(free, server.ca_pem.clone()).unwrap();
    let services = keyrelay::azure::AzureServices::new(connection).unwrap();
    let end = "2027-01-01T00:00:00Z".parse().unwrap();
    check("add", services.add_password("x", end).await, false, K::Unreachable, true);
    check("remove", services.remove_password(OBJECT.parse().unwrap()).await, false, K::Unreachable, true);
    check("disable", services.disable(VaultIx(0), VERSION.parse().unwrap()).await, false, K::Unreachable, true);
    let Outcome::NotApplied(refusal, _) = services.write(VaultIx(0), &value, &stamp()).await else { panic!("sent") };
    assert_eq!(refusal.kind, K::Unreachable);
}

#[tokio::test]
async fn a_server_with_another_certificate_authority_is_not_talked_to() {
    let (server, other) = (Canned::start().await, Canned::start().await);
    let mut connection = crate::connection(&server);
    connection.cloud = keyrelay::azure::Cloud::sandbox(server.address, other.ca_pem.clone()).unwrap();
    let services = keyrelay::azure::AzureServices::new(connection).unwrap();
    let (refusal, _) = services.application().await.unwrap_err();
    assert_eq!(refusal.kind, K::Unreachable);
    assert!(refusal.message.contains("UnknownIssuer") || refusal.message.contains("certificate"), "{}", refusal.message);
}
