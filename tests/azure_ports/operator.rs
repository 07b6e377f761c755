//! The operator's own sign-in, and what cannot be set up.

use keyrelay::azure::{AzureServices, SetupError};
use keyrelay::ports::{Directory, Outcome, Vaults};
use keyrelay::rotation::answers::RefusalKind as K;
use keyrelay::rotation::names::VaultIx;
use serde_json::json;

use crate::support::{Answer, Canned, html, json as reply, redirect, with};
use crate::{OBJECT, VERSION, bundle, connection, services};

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let wrong = json!({
        "error": "invalid_client",
        "error_description": "AADSTS7000215: \"Invalid\" client secret.\r\nTrace ID: 1",
        "error_codes": [7000215],
    });
    let cases = [
        (reply(401, wrong), K::Unauthenticated, "invalid_client/AADSTS7000215"),
        (html(503), K::Unanswered, ""),
        (with(reply(429, ""), "retry-after", "60"), K::Throttled, ""),
        (reply(400, r#"{"error":"temporarily_unavailable"}"#), K::Unanswered, "temporarily_unavailable"),
        (Answer::CloseBefore, K::Unanswered, ""),
        (html(200), K::BadAnswer, ""),
        (reply(200, ""), K::BadAnswer, ""),
        (reply(200, json!({"access_token": 5, "expires_in": "soon"})), K::BadAnswer, ""),
        (redirect("https://graph.sandbox.localhost/elsewhere"), K::BadAnswer, ""),
        (Answer::CutBody(200, b"{\"access_token\":\"x\"".to_vec()), K::Unanswered, ""),
        (Answer::Endless(200), K::BadAnswer, ""),
        (Answer::Drip(200), K::Unanswered, ""),
    ];
    for (answer, kind, code) in cases {
        let server = Canned::start().await;
        server.on("OPERATOR", "login", [answer]);
        let services = services(&server);
        let Outcome::NotApplied(refusal, _) = services.remove_password(OBJECT.parse().unwrap()).await else {
            panic!("{kind:?}")
        };
        assert_eq!((refusal.kind, refusal.code.as_str()), (kind, code));
        let Outcome::NotApplied(refusal, trace) = services.disable(VaultIx(0), VERSION.parse().unwrap()).await else {
            panic!("{kind:?}")
        };
        assert_eq!((refusal.kind, refusal.code.as_str()), (kind, code));
        assert!(trace.client_request_id.is_some());
        assert_eq!(server.order(), [""; 0], "{kind:?}: nothing but sign-ins");
        assert_eq!(server.seen("OPERATOR", "login").len(), 2, "{kind:?}: a sign-in is not repeated");
    }
}

#[tokio::test]
async fn each_service_has_a_token_of_its_own() {
    let server = Canned::start().await;
    let services = services(&server);
    server.on("GET", "vault.sandbox.localhost", [reply(200, bundle("kv-one", VERSION, json!({})))]);
    for _ in 0..2 {
        services.current(VaultIx(0)).await.unwrap();
        let _ = services.application().await;
    }
    let bodies: Vec<String> = server.seen("OPERATOR", "login").into_iter().map(|s| s.body).collect();
    let scope = |host: &str| {
        format!(
            "client_id=operator&client_secret=operators-own&grant_type=client_credentials&scope=https%3A%2F%2F{host}%2F.default"
        )
    };
    assert_eq!(bodies, [scope("vault.sandbox.localhost"), scope("graph.sandbox.localhost")]);
}

#[tokio::test]
async fn what_cannot_be_set_up_says_what_to_correct() {
    let server = Canned::start().await;
    let refused = |change: &dyn Fn(&mut keyrelay::azure::Connection)| {
        let mut connection = connection(&server);
        change(&mut connection);
        AzureServices::new(connection).err().unwrap()
    };
    let urls = [
        "https://kv-one.vault.azure.net",
        "https://127.0.0.1",
        "http://kv-one.vault.sandbox.localhost",
        "https://kv-one.vault.sandbox.localhost:8443",
        "https://kv-one.vault.sandbox.localhost/secrets/x",
        "https://me@kv-one.vault.sandbox.localhost",
        "https://kv-one.vault.sandbox.localhost?a=b",
    ];
    for url in urls {
        let error = refused(&|c| c.vaults[0].url = url.parse().unwrap());
        assert!(matches!(error, SetupError::Vault { .. }), "{url}: {error}");
        assert!(error.to_string().ends_with("expected https://NAME.vault.sandbox.localhost"), "{error}");
    }
    for name in ["", "../deletedsecrets/x", "a/b", "a b", "ü", &"x".repeat(128)] {
        let error = refused(&|c| c.vaults[1].secret = name.to_owned());
        assert!(matches!(error, SetupError::SecretName(_)), "{name}");
    }
    for tenant in ["", "a/b", "a?b", "../x"] {
        assert!(matches!(refused(&|c| c.tenant = tenant.to_owned()), SetupError::Tenant), "{tenant}");
    }
    let error = refused(&|c| c.cloud = keyrelay::azure::Cloud::sandbox(server.address, "no certificate".into()).unwrap());
    assert!(matches!(error, SetupError::Tls(_)), "{error}");
}
