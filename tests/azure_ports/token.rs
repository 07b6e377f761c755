//! The token endpoint over the wire. What each code means is a table in the module itself.

use keyrelay::ports::TokenEndpoint;
use keyrelay::rotation::answers::SignIn;
use serde_json::json;

use crate::support::{Answer, Canned, DATE, REQUEST_ID, html, json as reply, recorded, redirect};
use crate::{APP, TENANT, assert_no_canary, canary, services};

const PLACE: &str = "login.sandbox.localhost";

#[tokio::test]
async fn a_sign_in_is_one_form_on_a_connection_of_its_own() {
    let server = Canned::start().await;
    let services = services(&server);
    let value = canary(&server, &services).await;
    let ids = json!({"access_token": "opaque", "trace_id": "0b5f", "correlation_id": "c0ffee"});
    server.on("POST", PLACE, [reply(200, r#"{"access_token":"opaque"}"#), reply(200, ids)]);

    let (answer, trace) = services.sign_in(&value).await;
    assert_eq!(answer, SignIn::Accepted);
    assert_eq!((trace.request_id.as_deref(), trace.date), (Some(REQUEST_ID), Some(DATE.1.parse().unwrap())));
    let (_, later) = services.sign_in(&value).await;
    assert_eq!((later.request_id.as_deref(), later.client_request_id.as_deref()), (Some("0b5f"), Some("c0ffee")));

    let sent = server.seen("POST", PLACE);
    assert_eq!(sent[0].target, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(sent[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(sent[0].header("client-request-id"), trace.client_request_id.as_deref());
    let expected = format!(
        "client_id={APP}&scope=https%3A%2F%2Fgraph.sandbox.localhost%2F.default&client_secret={}&grant_type=client_credentials",
        crate::CANARY.replace('~', "%7E")
    );
    assert_eq!(sent[0].body, expected);
    assert_ne!(sent[0].connection, sent[1].connection);
}

#[tokio::test]
async fn recorded_refusals() {
    let cases = [
        ("entra-token-error-invalid-client", SignIn::Wrong),
        ("entra-token-error-invalid-scope", SignIn::Refused { code: 500_011, class: "invalid_resource".into() }),
        ("entra-token-error-unknown-client", SignIn::Refused { code: 700_038, class: "unauthorized_client".into() }),
        (
            "entra-token-error-unsupported-grant-type",
            SignIn::Refused { code: 70003, class: "unsupported_grant_type".into() },
        ),
    ];
    let server = Canned::start().await;
    let services = services(&server);
    let value = canary(&server, &services).await;
    for (name, expected) in cases {
        let Some(answer) = recorded(name) else { return };
        server.on("POST", PLACE, [answer]);
        assert_eq!(services.sign_in(&value).await.0, expected, "{name}");
    }
}

#[tokio::test]
async fn every_other_end_says_nothing_about_the_value() {
    let throttled = Answer::Whole(
        429,
        vec![("content-type", "text/plain".into()), ("retry-after", "60".into())],
        b"Too Many Requests".to_vec(),
    );
    let quoted = json!({"error": crate::CANARY, "error_description": crate::CANARY, "error_codes": [crate::CANARY]});
    let ends = [
        ("closed", Answer::CloseBefore),
        ("silent", Answer::Hang),
        ("cut", Answer::CutBody(200, b"{\"access_token\":\"x\"".to_vec())),
        ("endless", Answer::Endless(200)),
        ("slow by the byte", Answer::Drip(401)),
        ("empty", reply(401, "")),
        ("an empty success", reply(200, "")),
        ("a success of another type", reply(200, json!({"access_token": {"a": 1}}))),
        ("a refusal of another type", reply(401, json!([{"error": "invalid_client", "error_codes": [7000215]}]))),
        ("throttled", throttled),
        ("out of order", reply(503, r#"{"error":"invalid_client","error_codes":[7000215]}"#)),
        ("HTML", html(401)),
        ("HTML success", html(200)),
        ("redirect", redirect("https://graph.sandbox.localhost/elsewhere")),
    ];
    let server = Canned::start().await;
    let services = services(&server);
    let value = canary(&server, &services).await;
    for (what, answer) in ends {
        server.on("POST", PLACE, [answer]).forget();
        let (answer, trace) = services.sign_in(&value).await;
        assert!(matches!(answer, SignIn::Unavailable { .. }), "{what}: {answer:?}");
        assert!(trace.client_request_id.is_some(), "{what}");
        assert_eq!(server.order(), ["POST login.sandbox.localhost"], "{what}: once, and nowhere else");
    }
    server.on("POST", PLACE, [reply(401, quoted)]);
    let (answer, trace) = services.sign_in(&value).await;
    assert!(!answer.says_dead());
    assert_no_canary(&format!("{answer:?} {trace:?}"));
}
