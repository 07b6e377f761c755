//! The ways in which the operator signs in: each gets a token, and each fails with words that help.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyrelay::azure::{AzureServices, Connection, IdTokenRequest, IdentityEndpoint, OperatorSignIn, SetupError};
use keyrelay::ports::{Identity, IdentityKind};
use keyrelay::rotation::answers::{Refusal, RefusalKind as K};
use serde_json::{Value, json};

use crate::support::{Answer, Canned, Seen, html, json as reply, redirect};
use crate::{OBJECT, TENANT, connection};

/// What a job or a machine proves itself with: never shown.
const BEARER: &str = "jobs-own-bearer-token";

const AUDIENCE: &str = "https%3A%2F%2Fgraph.sandbox.localhost%2F.default";

fn in_file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    (folder, file)
}

fn certificate() -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["rotator".to_owned()]).unwrap().self_signed(&key).unwrap();
    format!("{}{}", key.serialize_pem(), certificate.pem())
}

fn with_certificate(file: &Path) -> OperatorSignIn {
    OperatorSignIn::Certificate { tenant: TENANT.into(), client_id: "operator".into(), file: file.into() }
}

fn with_token_file(file: &Path) -> OperatorSignIn {
    OperatorSignIn::WorkloadIdentity { tenant: TENANT.into(), client_id: "operator".into(), token_file: file.into() }
}

fn request(path: &str) -> IdTokenRequest {
    let url = format!("https://graph.sandbox.localhost/{path}").parse().unwrap();
    IdTokenRequest { url, bearer: BEARER.to_owned().into() }
}

fn on_github() -> OperatorSignIn {
    let request = request("token?api-version=2.0");
    OperatorSignIn::GithubActions { tenant: TENANT.into(), client_id: "operator".into(), request }
}

fn on_pipelines() -> OperatorSignIn {
    OperatorSignIn::AzurePipelines {
        tenant: TENANT.into(),
        client_id: "operator".into(),
        service_connection: "c0ffee/1".into(),
        request: request("oidctoken"),
    }
}

fn set_up(server: &Canned, operator: OperatorSignIn) -> Result<AzureServices, SetupError> {
    AzureServices::new(Connection { operator, ..connection(server) })
}

fn services(server: &Canned, operator: OperatorSignIn) -> AzureServices {
    set_up(server, operator).unwrap_or_else(|e| panic!("{e}"))
}

async fn refused(services: &AzureServices) -> Refusal {
    let refusal = services.identity().await.unwrap_err().0;
    let shown = format!("{refusal} {refusal:?}");
    assert!(!shown.contains(BEARER) && !shown.contains("an.id.token"), "{shown}");
    refusal
}

/// The form of the only sign-in, and its assertion apart.
fn the_sign_in(server: &Canned) -> (String, String) {
    let seen = server.seen("OPERATOR", "login");
    let [Seen { target, body, .. }] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(*target, format!("/{TENANT}/oauth2/v2.0/token"));
    let (assertion, rest) = body.strip_prefix("client_assertion=").unwrap().split_once('&').unwrap();
    (assertion.to_owned(), rest.to_owned())
}

fn rest_of_form() -> String {
    let assertion_type = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!("client_assertion_type={assertion_type}&client_id=operator&grant_type=client_credentials&scope={AUDIENCE}")
}

fn granted(claims: &Value) -> Answer {
    let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
    reply(200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

fn entra_refuses(class: &str, code: u32) -> Answer {
    let description = format!("AADSTS{code}: \"Some\" words.\r\nTrace ID: 1");
    reply(400, json!({"error": class, "error_description": description, "error_codes": [code]}))
}

#[tokio::test]
async fn graph_and_the_vault_may_see_different_identities() {
    let server = Canned::start().await;
    let user = json!({"oid": OBJECT, "tid": TENANT, "scp": "Application.ReadWrite.All", "appid": "cli"});
    server.on(
        "OPERATOR",
        "login",
        [granted(&user), reply(200, r#"{"token_type":"","expires_in":9,"access_token":"opaque"}"#)],
    );
    let services = crate::services(&server);
    let expected = Identity {
        kind: IdentityKind::User,
        object_id: Some(OBJECT.into()),
        client_id: Some("cli".into()),
        tenant: Some(TENANT.into()),
        roles: Vec::new(),
        scopes: vec!["Application.ReadWrite.All".into()],
        directory_roles: Vec::new(),
        by_secret: None,
    };
    assert_eq!(services.identity().await.unwrap().0, Some(expected));
    assert_eq!(services.vault_identity().await.unwrap().0, None, "an opaque token");
    let scopes: Vec<String> = server.seen("OPERATOR", "login").into_iter().map(|s| s.body).collect();
    assert!(scopes[0].ends_with(AUDIENCE) && scopes[1].ends_with("vault.sandbox.localhost%2F.default"), "{scopes:?}");
}

#[tokio::test]
async fn a_certificate_signs_in() {
    let server = Canned::start().await;
    let (_folder, file) = in_file("c.pem", &certificate());
    let services = services(&server, with_certificate(&file));
    services.identity().await.unwrap();
    let (assertion, rest) = the_sign_in(&server);
    assert_eq!(rest, rest_of_form());
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], format!("https://login.sandbox.localhost/{TENANT}/oauth2/v2.0/token"));
    let now = jiff::Timestamp::now().as_second();
    let (from, until) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!((now - 30..=now).contains(&from) && until - from == 600, "{claims}");
}

#[tokio::test]
async fn a_certificate_that_entra_does_not_know_has_its_code() {
    let server = Canned::start().await;
    server.on("OPERATOR", "login", [entra_refuses("invalid_client", 700_027)]);
    let (_folder, file) = in_file("c.pem", &certificate());
    let refusal = refused(&services(&server, with_certificate(&file))).await;
    assert_eq!((refusal.kind, refusal.code.as_str()), (K::Unauthenticated, "invalid_client/AADSTS700027"));
    let Err(error) = set_up(&server, with_certificate(Path::new("/nowhere/c.pem"))) else { panic!("no file") };
    let said = "the operator's identity cannot be used: the certificate file /nowhere/c.pem cannot be read: ";
    assert!(error.to_string().starts_with(said), "{error}");
}

#[tokio::test]
async fn a_workload_identity_signs_in_with_its_file() {
    let server = Canned::start().await;
    let (_folder, file) = in_file("token", "an.id.token");
    services(&server, with_token_file(&file)).identity().await.unwrap();
    assert_eq!(the_sign_in(&server), ("an.id.token".to_owned(), rest_of_form()));
}

#[tokio::test]
async fn a_workload_identity_that_is_not_trusted_has_its_code() {
    let server = Canned::start().await;
    server.on("OPERATOR", "login", [entra_refuses("invalid_client", 700_213)]);
    let (_folder, file) = in_file("token", "an.id.token");
    let refusal = refused(&services(&server, with_token_file(&file))).await;
    assert_eq!((refusal.kind, refusal.code.as_str()), (K::Unauthenticated, "invalid_client/AADSTS700213"));
    let Err(error) = set_up(&server, with_token_file(Path::new("/nowhere/token"))) else { panic!("no file") };
    let said = "the operator's identity cannot be used: the token file /nowhere/token cannot be read";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn a_github_job_signs_in_with_its_id_token() {
    let server = Canned::start().await;
    server.on("GET", "graph.sandbox.localhost/token", [reply(200, r#"{"count":1,"value":"an.id.token"}"#)]);
    services(&server, on_github()).identity().await.unwrap();
    let asked = server.seen("GET", "/token");
    assert_eq!(asked[0].target, "/token?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange");
    assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {BEARER}").as_str()));
    assert_eq!(the_sign_in(&server), ("an.id.token".to_owned(), rest_of_form()));
}

#[tokio::test]
async fn a_pipeline_signs_in_with_its_id_token() {
    let server = Canned::start().await;
    server.on("POST", "graph.sandbox.localhost/oidctoken", [reply(200, r#"{"oidcToken":"an.id.token"}"#)]);
    services(&server, on_pipelines()).identity().await.unwrap();
    let asked = server.seen("POST", "/oidctoken");
    assert_eq!(asked[0].target, "/oidctoken?api-version=7.1&serviceConnectionId=c0ffee%2F1");
    assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {BEARER}").as_str()));
    assert_eq!((asked[0].header("content-length"), asked[0].header("x-tfs-fedauthredirect")), (Some("0"), Some("Suppress")));
    assert_eq!(the_sign_in(&server), ("an.id.token".to_owned(), rest_of_form()));
}

#[tokio::test]
async fn without_an_id_token_entra_is_not_asked() {
    let github = "GitHub Actions gave no ID token";
    let write = "GitHub Actions gave no ID token: the job needs `permissions: id-token: write`";
    let cases = [
        (reply(403, r#"{"message":"jobs-own-bearer-token"}"#), K::Unauthenticated, write),
        (reply(401, ""), K::Unauthenticated, write),
        (redirect("https://login.example/for-people"), K::Unauthenticated, write),
        (html(503), K::Unanswered, github),
        (reply(429, ""), K::Throttled, github),
        (html(200), K::BadAnswer, github),
        (reply(200, r#"{"value":""}"#), K::BadAnswer, github),
        (reply(200, r#"{"value":{"jobs-own-bearer-token":1}}"#), K::BadAnswer, github),
        (
            Answer::CloseBefore,
            K::Unanswered,
            "GitHub Actions gave no ID token: the connection broke before the answer was whole",
        ),
    ];
    for (answer, kind, message) in cases {
        let server = Canned::start().await;
        server.on("GET", "/token", [answer]);
        let refusal = refused(&services(&server, on_github())).await;
        assert_eq!((refusal.kind, refusal.message.as_str()), (kind, message));
        assert_eq!((server.seen("OPERATOR", "").len(), server.seen("GET", "/token").len()), (0, 1), "{message}");
    }
    let server = Canned::start().await;
    server.on("POST", "/oidctoken", [reply(404, "")]);
    let refusal = refused(&services(&server, on_pipelines())).await;
    assert!(refusal.message.contains("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"), "{refusal}");
}

#[tokio::test]
async fn a_login_at_the_wrong_cloud_keeps_its_code() {
    for (class, code) in [("invalid_request", 90_038), ("invalid_request", 900_382), ("invalid_request", 900_432)] {
        let server = Canned::start().await;
        server.on("OPERATOR", "login", [entra_refuses(class, code)]);
        let refusal = refused(&crate::services(&server)).await;
        assert_eq!((refusal.kind, refusal.code), (K::Unauthenticated, format!("{class}/AADSTS{code}")));
    }
}

/// This process has no `IDENTITY_ENDPOINT`, so the SDK would turn to the metadata address of virtual machines. It does not get
/// there: the transport knows one address, and it is another.
#[tokio::test]
async fn no_address_but_the_named_one_is_asked_for_a_managed_identity() {
    if std::env::var_os("IDENTITY_ENDPOINT").is_some() || std::env::var_os("MSI_ENDPOINT").is_some() {
        return println!("skipped: this machine has a managed identity");
    }
    let server = Canned::start().await;
    let endpoint = IdentityEndpoint::Named(format!("http://{}/msi/token", server.address).parse().unwrap());
    let services = services(&server, OperatorSignIn::ManagedIdentity { client_id: None, endpoint });
    let begun = std::time::Instant::now();
    let refusal = refused(&services).await;
    assert_eq!(refusal.message, "the service pointed to another host, which was not asked");
    assert!(begun.elapsed().as_millis() < 500, "and nothing was waited for");
}
