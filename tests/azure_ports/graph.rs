//! Microsoft Graph: recorded answers, and what is sent.

use keyrelay::ports::{Directory, Inspect, Outcome};
use keyrelay::rotation::answers::RefusalKind;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{Canned, DATE, REQUEST_ID, html, json as reply, recorded, redirect, with};
use crate::{APP, OBJECT, assert_no_canary, services};

fn date() -> Option<jiff::Timestamp> {
    Some(DATE.1.parse().unwrap())
}

#[tokio::test]
async fn a_recorded_application_and_its_credentials() {
    let Some(answer) = recorded("graph-app-get-two-passwords-200") else { return };
    let server = Canned::start().await;
    server.on("GET", "graph.sandbox.localhost/v1.0/applications", [answer]);
    let services = services(&server);

    let (application, trace) = services.application().await.unwrap();
    assert_eq!((application.object_id.as_str(), application.client_id.as_str()), (OBJECT, APP));
    assert_eq!((application.display_name.as_str(), application.room), ("azure-cli-test000001", Some(2)));
    assert_eq!((trace.request_id.as_deref(), trace.date), (Some(REQUEST_ID), date()));

    let (credentials, _) = services.credentials().await.unwrap();
    let listed: Vec<_> = credentials.iter().map(|c| (c.key_id.to_string(), c.display_name.as_str())).collect();
    let expected = [("58ed553a-d3af-4520-8d81-4775274faac5", "key2"), ("73c912d2-fd2d-42a0-b3ae-2e45d006b8bc", "key1")];
    assert_eq!(listed, expected.map(|(id, name)| (id.to_owned(), name)));
    assert_eq!(credentials[0].start, Some("2022-05-07T06:52:46Z".parse().unwrap()));
    assert_eq!(credentials[1].end, Some("2024-05-07T06:52:43Z".parse().unwrap()));

    let asked = server.seen("GET", "graph.sandbox.localhost");
    let by_app_id = format!("/v1.0/applications(appId='{APP}')?$select=");
    assert_eq!(asked[0].target, format!("{by_app_id}id,appId,displayName,signInAudience,createdDateTime"));
    assert_eq!(asked[1].target, format!("{by_app_id}id,passwordCredentials"));
    assert_eq!(asked[0].header("authorization"), Some("Bearer operator-token"));
    assert_eq!(asked[0].header("client-request-id"), trace.client_request_id.as_deref());
    assert_eq!(server.seen("OPERATOR", "login").len(), 1, "one token for both reads");
}

#[tokio::test]
async fn a_recorded_add_password() {
    let Some(answer) = recorded("graph-app-addpassword-200") else { return };
    let server = Canned::start().await;
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    server.on("GET", "graph.sandbox.localhost", [reply(200, app)]).on("POST", "addPassword", [answer]);
    let services = services(&server);
    let Outcome::Applied(added, trace) = services.add_password("key1", "2024-05-07T06:52:43Z".parse().unwrap()).await else {
        panic!("not applied")
    };
    assert_eq!(added.key_id.to_string(), "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc");
    assert_eq!((added.display_name.as_str(), added.end), ("key1", Some("2024-05-07T06:52:43Z".parse().unwrap())));
    assert_eq!(trace.request_id.as_deref(), Some(REQUEST_ID));
    let sent = server.seen("POST", "addPassword");
    assert_eq!(sent[0].target, format!("/v1.0/applications/{OBJECT}/addPassword"));
    let expected = json!({"passwordCredential": {"displayName": "key1", "endDateTime": "2024-05-07T06:52:43Z"}});
    assert_eq!(serde_json::from_str::<Value>(&sent[0].body).unwrap(), expected, "no start time, no key ID");
}

#[tokio::test]
async fn a_removal_that_finds_nothing_is_applied() {
    let server = Canned::start().await;
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    let gone = json!({"error": {"code": "Request_BadRequest", "message": "No password credential found with keyId '1'."}});
    server.on("GET", "graph.sandbox.localhost", [reply(200, app)]);
    server.on("POST", "removePassword", [reply(204, ""), reply(400, gone)]);
    let services = services(&server);
    for what in ["removed", "already gone"] {
        let Outcome::Applied((), trace) = services.remove_password(OBJECT.parse().unwrap()).await else { panic!("{what}") };
        assert_eq!(trace.date, date(), "{what}");
    }
    let sent = server.seen("POST", "removePassword");
    assert_eq!(serde_json::from_str::<Value>(&sent[0].body).unwrap(), json!({"keyId": OBJECT}));
    assert_ne!(sent[0].connection, sent[1].connection, "each change has a connection of its own");
    assert_eq!(server.seen("GET", "graph").len(), 1, "the object id is read once");
}

#[tokio::test]
async fn a_change_is_not_sent_when_the_read_before_it_fails() {
    let server = Canned::start().await;
    server.on("GET", "graph.sandbox.localhost", [reply(503, "{}")]);
    let services = services(&server);
    let Outcome::NotApplied(refusal, _) = services.remove_password(OBJECT.parse().unwrap()).await else { panic!("sent") };
    assert_eq!((refusal.kind, refusal.status), (RefusalKind::Unanswered, Some(503)));
    assert_eq!(server.order(), ["GET graph.sandbox.localhost"]);
}

#[tokio::test]
async fn recorded_refusals_of_a_read() {
    let (Some(not_found), Some(denied)) = (recorded("graph-app-get-404"), recorded("graph-403-authorization-requestdenied"))
    else {
        return;
    };
    let server = Canned::start().await;
    server.on("GET", "graph.sandbox.localhost", [not_found, denied]);
    let services = services(&server);
    let (refusal, trace) = services.application().await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::NotFound, "Request_ResourceNotFound"));
    assert_eq!((trace.request_id.as_deref(), trace.date), (Some(REQUEST_ID), date()));
    let (refusal, _) = services.credentials().await.err().unwrap();
    assert_eq!(
        refusal.to_string(),
        "permission missing (HTTP 403, Authorization_RequestDenied): Insufficient privileges to complete the operation."
    );
}

#[tokio::test]
async fn a_read_is_one_attempt_and_goes_nowhere_else() {
    let server = Canned::start().await;
    let services = services(&server);
    let throttled = with(reply(429, r#"{"error":{"code":"TooManyRequests"}}"#), "retry-after", "2.128");
    server.on(
        "GET",
        "graph.sandbox.localhost",
        [
            throttled,
            with(reply(503, "{}"), "retry-after", "86400"),
            redirect("https://kv-two.vault.sandbox.localhost/elsewhere"),
            html(200),
            reply(200, json!({"id": OBJECT, "appId": OBJECT})),
        ],
    );
    let expected = [
        (RefusalKind::Throttled, Some(Duration::from_millis(2128))),
        (RefusalKind::Unanswered, Some(Duration::from_secs(300))),
        (RefusalKind::BadAnswer, None),
        (RefusalKind::BadAnswer, None),
        (RefusalKind::BadAnswer, None),
    ];
    for (n, (kind, retry_after)) in expected.into_iter().enumerate() {
        let (refusal, _) = services.application().await.unwrap_err();
        assert_eq!((refusal.kind, refusal.retry_after), (kind, retry_after), "answer {n}");
        assert_eq!(server.order().len(), n + 1, "answer {n}: one attempt each, none elsewhere");
    }
}

#[tokio::test]
async fn the_service_principal_and_whether_it_is_enabled() {
    let server = Canned::start().await;
    let services = services(&server);
    server.on(
        "GET",
        "/v1.0/servicePrincipals(appId=",
        [
            reply(200, json!({"id": OBJECT, "appId": APP, "accountEnabled": false})),
            reply(404, r#"{"error":{"code":"Request_ResourceNotFound"}}"#),
        ],
    );
    let (principal, _) = services.service_principal().await.unwrap();
    assert_eq!((principal.object_id.as_str(), principal.enabled), (OBJECT, false));
    assert_eq!(services.service_principal().await.err().unwrap().0.kind, RefusalKind::NotFound);
}

#[tokio::test]
async fn an_answer_with_a_value_that_cannot_be_read_is_not_quoted() {
    let server = Canned::start().await;
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    server.on("GET", "graph.sandbox.localhost", [reply(200, app)]);
    server.on("POST", "addPassword", [reply(200, json!({"keyId": crate::CANARY, "secretText": crate::CANARY}))]);
    let end = "2027-01-01T00:00:00Z".parse().unwrap();
    let Outcome::InDoubt(refusal, trace) = services(&server).add_password("x", end).await else { panic!("not in doubt") };
    assert_eq!(refusal.kind, RefusalKind::BadAnswer);
    assert_no_canary(&format!("{refusal:?} {refusal} {trace:?}"));
}
