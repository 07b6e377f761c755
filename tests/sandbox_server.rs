//! The sandbox over HTTPS: as clients find it, and as a kill leaves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, missing_docs)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use azure_core::http::{ClientOptions, Transport};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use azure_security_keyvault_secrets::models::SetSecretParameters;
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions};
use futures::TryStreamExt;
use keyrelay::sandbox::cloud::{AppRef, Operator, Seed, SeedVault};
use keyrelay::sandbox::process::{self, StartOptions};
use keyrelay::sandbox::server::{Moment, Pace, ServeOptions, Server};
use keyrelay::sandbox::{Endpoint, SandboxError};
use serde_json::{Value as Json, json};

const CLIENT: &str = "5a9db0c5-b111-4000-8000-000000000001";
const VAULT: &str = "first-vault.vault.sandbox.localhost";

fn private() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn quick(folder: &Path) -> ServeOptions {
    ServeOptions { pace: Pace::Instant, seed: Some(1), ..ServeOptions::new(folder.join("sandbox")) }
}

fn client(endpoint: &Endpoint, http1: bool) -> reqwest::Client {
    let pem = std::fs::read(&endpoint.ca_file).unwrap();
    let names = ["login.sandbox.localhost", "graph.sandbox.localhost", VAULT];
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
    for name in names {
        builder = builder.resolve(name, endpoint.address);
    }
    if http1 { builder.http1_only() } else { builder }.timeout(Duration::from_secs(5)).build().unwrap()
}

async fn token(http: &reqwest::Client, endpoint: &Endpoint, id: &str, secret: &str, resource: &str) -> (u16, Json) {
    let scope = format!("{resource}/.default");
    let form = [("client_id", id), ("client_secret", secret), ("grant_type", "client_credentials"), ("scope", &scope)];
    let url = format!("{}/{}/oauth2/v2.0/token", endpoint.authority, endpoint.tenant);
    let answer = http.post(url).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn operator(http: &reqwest::Client, endpoint: &Endpoint, resource: &str) -> String {
    let secret = std::fs::read_to_string(&endpoint.operator_secret_file).unwrap();
    let (status, body) = token(http, endpoint, &endpoint.operator_client_id.to_string(), &secret, resource).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

fn a_seed(endpoint: &Endpoint) -> Seed {
    let vaults = vec![SeedVault { host: VAULT.into(), secret: "billing".into() }];
    Seed { client_id: CLIENT.parse().unwrap(), tenant: endpoint.tenant, display_name: "billing".into(), vaults }
}

async fn a_rotation(http1: bool) {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let endpoint = server.endpoint().clone();
    assert!(process::seed(&endpoint, &a_seed(&endpoint)).await.unwrap().made);
    assert!(!process::seed(&endpoint, &a_seed(&endpoint)).await.unwrap().made);

    let http = client(&endpoint, http1);
    let graph = operator(&http, &endpoint, &endpoint.graph).await;
    let app = format!("{}/v1.0/applications(appId='{CLIENT}')", endpoint.graph);
    let answer = http.get(&app).bearer_auth(&graph).header("client-request-id", "mine").send().await.unwrap();
    let expected = if http1 { reqwest::Version::HTTP_11 } else { reqwest::Version::HTTP_2 };
    assert_eq!((answer.version(), answer.status().as_u16()), (expected, 200));
    assert_eq!(answer.headers()["client-request-id"], "mine");
    assert!(answer.headers().contains_key("date") && answer.headers().contains_key("request-id"));
    let body: Json = answer.json().await.unwrap();
    let old = body["passwordCredentials"][0].clone();
    assert_eq!((old["displayName"].as_str(), &old["secretText"]), (Some("made by hand"), &Json::Null));

    let asked = json!({ "passwordCredential": { "displayName": "new", "endDateTime": "2099-01-01T00:00:00Z" } });
    let answer = http.post(format!("{app}/addPassword")).bearer_auth(&graph).json(&asked).send().await.unwrap();
    let new: Json = answer.json().await.unwrap();
    let value = new["secretText"].as_str().unwrap();
    assert_eq!(new["endDateTime"], "2099-01-01T00:00:00Z");
    assert_eq!(token(&http, &endpoint, CLIENT, value, &endpoint.graph).await.0, 200);

    let secrets = format!("https://{VAULT}/secrets/billing");
    let first = http.put(format!("{secrets}?api-version=7.4")).send().await.unwrap();
    assert_eq!(first.status().as_u16(), 401, "the challenge comes before the body is looked at");
    let expected = format!(
        "Bearer authorization=\"{}/{}\", resource=\"https://{}\"",
        endpoint.authority, endpoint.tenant, endpoint.vault_suffix
    );
    assert_eq!(first.headers()["www-authenticate"], expected.as_str());
    let vault = operator(&http, &endpoint, "https://vault.sandbox.localhost").await;
    let set = http.put(format!("{secrets}?api%2Dversion=2025-07-01")).bearer_auth(&vault).json(&json!({ "value": value }));
    assert_eq!(set.send().await.unwrap().status().as_u16(), 200);
    let read: Json =
        http.get(format!("{secrets}/?api-version=7.4")).bearer_auth(&vault).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["value"].as_str(), Some(value));
    assert!(read["id"].as_str().unwrap().starts_with(&format!("{secrets}/")));

    let remove = http.post(format!("{app}/removePassword")).bearer_auth(&graph).json(&json!({ "keyId": old["keyId"] }));
    assert_eq!(remove.send().await.unwrap().status().as_u16(), 204);
    let (status, body) = token(&http, &endpoint, CLIENT, "wrong", &endpoint.graph).await;
    assert_eq!((status, &body["error_codes"]), (401, &json!([7_000_215])));
    let wrong_audience = http.get(&app).bearer_auth(&vault).send().await.unwrap();
    assert_eq!(wrong_audience.status().as_u16(), 401);
    server.stop().await;
}

#[tokio::test]
async fn a_rotation_by_hand_over_http_1() {
    a_rotation(true).await;
}

#[tokio::test]
async fn a_rotation_by_hand_over_http_2() {
    a_rotation(false).await;
}

#[tokio::test]
async fn the_sdk_works_with_its_checks_on() {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let endpoint = server.endpoint().clone();
    process::seed(&endpoint, &a_seed(&endpoint)).await.unwrap();
    let http = client(&endpoint, false);
    let mut cloud = azure_core::cloud::CustomConfiguration::default();
    cloud.authority_host.clone_from(&endpoint.authority);
    let cloud = Arc::new(azure_core::cloud::CloudConfiguration::Custom(cloud));
    let options = || ClientOptions {
        transport: Some(Transport::new(Arc::new(http.clone()))),
        cloud: Some(Arc::clone(&cloud)),
        ..ClientOptions::default()
    };
    let secret = std::fs::read_to_string(&endpoint.operator_secret_file).unwrap();
    let credential = ClientSecretCredential::new(
        &endpoint.tenant.to_string(),
        endpoint.operator_client_id.to_string(),
        azure_core::credentials::Secret::new(secret),
        Some(ClientSecretCredentialOptions { client_options: options() }),
    )
    .unwrap();
    let own = SecretClientOptions { client_options: options(), ..SecretClientOptions::default() };
    let vault = SecretClient::new(&format!("https://{VAULT}/"), credential, Some(own)).unwrap();
    let mut made = Vec::new();
    for i in 0..30 {
        let parameters = SetSecretParameters { value: Some(format!("value {i}")), ..SetSecretParameters::default() };
        let set = vault.set_secret("many", parameters.try_into().unwrap(), None).await.unwrap().into_model().unwrap();
        made.push(set.resource_id().unwrap().version.unwrap());
    }
    let listed = vault.list_secret_properties_versions("many", None).unwrap();
    let listed: Vec<String> =
        listed.map_ok(|v| v.resource_id().unwrap().version.unwrap()).try_collect::<Vec<_>>().await.unwrap();
    let latest = vault.get_secret("many", None).await.unwrap().into_model().unwrap();
    assert_eq!(latest.value.as_deref(), Some("value 29"));
    assert_eq!(latest.resource_id().unwrap().version.as_ref(), made.last());
    made.sort();
    assert_eq!(listed, made, "two pages, in the order of ids");
    let error = vault.get_secret("none", None).await.unwrap_err();
    assert_eq!(error.http_status().map(u16::from), Some(404));
    server.stop().await;
}

#[tokio::test]
async fn state_port_and_authority_outlive_the_server() {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let before = server.endpoint().clone();
    process::seed(&before, &a_seed(&before)).await.unwrap();
    let authority = std::fs::read(&before.ca_file).unwrap();
    server.stop().await;
    let server = Server::start(ServeOptions { seed: None, ..quick(folder.path()) }).await.unwrap();
    let after = server.endpoint().clone();
    assert_eq!(after, before);
    assert_eq!(std::fs::read(&after.ca_file).unwrap(), authority);
    assert!(!process::seed(&after, &a_seed(&after)).await.unwrap().made);
    let named = Seed { tenant: CLIENT.parse().unwrap(), ..a_seed(&after) };
    let refused = process::seed(&after, &named).await.unwrap_err().to_string();
    assert!(refused.contains("This sandbox is the tenant"), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn an_effect_is_on_disk_before_its_answer_leaves() {
    let folder = private();
    let state = folder.path().join("sandbox/state.json");
    let seen: Arc<Mutex<Vec<(Moment, bool)>>> = Arc::default();
    let (record, file) = (Arc::clone(&seen), state.clone());
    let mut options = quick(folder.path());
    options.hook = Some(Arc::new(move |moment, call| {
        if call.path == "/_sandbox/seed" {
            let there = std::fs::read_to_string(&file).unwrap().contains("made by hand");
            record.lock().unwrap().push((moment, there));
        }
        Box::pin(async {})
    }));
    let server = Server::start(options).await.unwrap();
    let endpoint = server.endpoint().clone();
    process::seed(&endpoint, &a_seed(&endpoint)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(Moment::BeforeEffect, false), (Moment::BeforeAnswer, true)]);

    // What cannot be saved is not answered with a yes: the file's place is taken by a folder.
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    let http = client(&endpoint, true);
    let graph = operator(&http, &endpoint, &endpoint.graph).await;
    let add = format!("{}/v1.0/applications(appId='{CLIENT}')/addPassword", endpoint.graph);
    let answer = http.post(&add).bearer_auth(&graph).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (503, 0));
    std::fs::remove_dir(&state).unwrap();
    assert_eq!(http.post(&add).bearer_auth(&graph).send().await.unwrap().status().as_u16(), 200);
    server.stop().await;
}

#[tokio::test]
async fn files_are_private_and_a_folder_has_one_server() {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let second = Server::start(quick(folder.path())).await.err().unwrap();
    assert!(matches!(second, SandboxError::AlreadyServing { .. }), "{second}");
    assert_eq!(server.endpoint().address.ip(), std::net::Ipv4Addr::LOCALHOST);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let own = folder.path().join("sandbox");
        assert_eq!(mode(&own), 0o700);
        for entry in std::fs::read_dir(&own).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        let refused = Server::start(ServeOptions::new(&open)).await.err().unwrap();
        assert!(matches!(refused, SandboxError::NotPrivate { .. }), "{refused}");
        assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0);
    }
    server.stop().await;
}

#[tokio::test]
async fn damaged_state_is_refused_without_showing_it() {
    let folder = private();
    Server::start(quick(folder.path())).await.unwrap().stop().await;
    let state = folder.path().join("sandbox/state.json");
    let text = std::fs::read_to_string(&state).unwrap().replace("\"revision\":", "\"revision\":\"8Q~canary\",\"x\":");
    std::fs::write(&state, &text).unwrap();
    let refused = Server::start(quick(folder.path())).await.err().unwrap();
    assert!(matches!(refused, SandboxError::State { line: 1, .. }), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("canary"));
    assert_eq!(std::fs::read_to_string(&state).unwrap(), text, "untouched");
}

#[tokio::test]
async fn it_ends_when_idle_and_not_before() {
    let folder = private();
    let idle = Duration::from_millis(1000);
    let server = Server::start(ServeOptions { idle: Some(idle), ..quick(folder.path()) }).await.unwrap();
    let endpoint = server.endpoint().clone();
    let http = client(&endpoint, false);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let health = format!("{}/_sandbox/health", endpoint.authority);
        assert_eq!(http.get(health).send().await.unwrap().status().as_u16(), 200);
    }
    let last = Instant::now();
    tokio::time::timeout(Duration::from_secs(5), server.ended()).await.expect("ends by itself");
    assert!(last.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn seeding_needs_the_operators_secret() {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let endpoint = server.endpoint().clone();
    let http = client(&endpoint, true);
    let url = format!("{}/_sandbox/seed", endpoint.authority);
    for secret in [None, Some("wrong")] {
        let mut request = http.post(&url).json(&a_seed(&endpoint));
        if let Some(secret) = secret {
            request = request.header("x-sandbox-operator-secret", secret);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    }
    let graph = operator(&http, &endpoint, &endpoint.graph).await;
    let app = format!("{}/v1.0/applications(appId='{CLIENT}')", endpoint.graph);
    assert_eq!(http.get(app).bearer_auth(graph).send().await.unwrap().status().as_u16(), 404);
    server.stop().await;
}

/// The chain as a strict verifier sees it: key identifiers, key usage, name constraints.
#[tokio::test]
async fn certificates_pass_a_strict_check() {
    let folder = private();
    let server = Server::start(quick(folder.path())).await.unwrap();
    let (ca, address): (_, SocketAddr) = (server.endpoint().ca_file.clone(), server.endpoint().address);
    let check = tokio::task::spawn_blocking(move || {
        std::process::Command::new("openssl")
            .args(["s_client", "-x509_strict", "-verify_return_error", "-verify_hostname", VAULT, "-servername", VAULT])
            .arg("-connect")
            .arg(address.to_string())
            .arg("-CAfile")
            .arg(ca)
            .stdin(std::process::Stdio::null())
            .output()
    });
    match check.await.unwrap() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("Verify return code: 0 (ok)"), "{said}");
        }
        Err(_) => println!("skipped: no openssl here"),
    }
    server.stop().await;
}

/// A server that starts on the port of the one before it answers a question that was asked with the old one's file in hand.
#[tokio::test]
async fn what_is_found_is_the_server_that_answered() {
    let folder = private();
    let own = folder.path().join("sandbox");
    let file = own.join("endpoint.json");
    let mut options = ServeOptions::new(&own);
    let now = file.clone();
    options.hook = Some(Arc::new(move |moment, _| {
        if moment == Moment::BeforeAnswer {
            let text = std::fs::read_to_string(&now).unwrap();
            std::fs::write(&now, text.replace("\"pid\": 1\n", "\"pid\": 2\n")).unwrap();
        }
        Box::pin(std::future::ready(()))
    }));
    let server = Server::start(options).await.unwrap();
    let before = std::fs::read_to_string(&file).unwrap();
    let pid = format!("\"pid\": {}\n", server.endpoint().pid);
    assert!(before.contains(&pid), "{before}");
    std::fs::write(&file, before.replace(&pid, "\"pid\": 1\n")).unwrap();
    assert_eq!(process::running(&own).await.unwrap().unwrap().pid, 2);
    server.stop().await;
}

/// Through the program itself, once it has the command.
#[tokio::test]
async fn a_process_of_its_own_is_started_once_and_found_again() {
    let program = env!("CARGO_BIN_EXE_keyrelay");
    let folder = private();
    let own = folder.path().join("sandbox");
    let options = StartOptions {
        program: Some(program.into()),
        pace: Pace::Instant,
        seed: Some(1),
        idle: Some(Duration::from_millis(1500)),
    };
    let starts = (0..6).map(|_| process::ensure_running(&own, &options));
    let found = futures::future::try_join_all(starts).await.unwrap();
    assert!(found.iter().all(|e| *e == found[0]), "six at once, one server");
    let endpoint = &found[0];
    assert!(process::seed(endpoint, &a_seed(endpoint)).await.unwrap().made);

    let killed = std::process::Command::new("kill").args(["-9", &endpoint.pid.to_string()]).status();
    if killed.is_ok_and(|s| s.success()) {
        // the signal is on its way when `kill` returns: the server may still answer for a moment
        while process::running(&own).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let again = process::ensure_running(&own, &options).await.unwrap();
        assert_ne!(again.pid, endpoint.pid);
        assert!(!process::seed(&again, &a_seed(&again)).await.unwrap().made, "what was answered was on disk");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let url = format!("https://localhost:{}/_sandbox/health", endpoint.address.port());
    assert!(client(endpoint, true).get(url).send().await.is_err(), "it has ended by itself");
}

#[tokio::test]
async fn what_is_staged_holds_over_https_and_outlives_the_server() {
    let folder = private();
    let mut server = Server::start(quick(folder.path())).await.unwrap();
    process::seed(server.endpoint(), &a_seed(server.endpoint())).await.unwrap();
    server.act_as(Operator::OwnedBy).unwrap();
    let endpoint = server.endpoint().clone();
    assert_eq!(endpoint.operator_client_id, Operator::OwnedBy.client_id());
    assert_eq!(process::running(&folder.path().join("sandbox")).await.unwrap().as_ref(), Some(&endpoint));

    assert!(!process::seed(&endpoint, &a_seed(&endpoint)).await.unwrap().made, "whoever it is, it is the owner's");
    let http = client(&endpoint, true);
    let app = format!("{}/v1.0/applications(appId='{CLIENT}')", endpoint.graph);
    let graph = operator(&http, &endpoint, &endpoint.graph).await;
    assert_eq!(http.get(&app).bearer_auth(&graph).send().await.unwrap().status().as_u16(), 403);
    let owner = server.with_cloud(|cloud| {
        let owner = cloud.operator(Operator::OwnedBy).unwrap().object_id;
        cloud.stage().add_owner(AppRef::Client(CLIENT.parse().unwrap()), owner).map(|()| owner)
    });
    owner.unwrap().unwrap();
    assert_eq!(http.get(&app).bearer_auth(&graph).send().await.unwrap().status().as_u16(), 200);
    server.stop().await;

    // The next one is gone to as the operator that every sandbox has; the other is still an owner.
    let server = Server::start(ServeOptions { seed: None, ..quick(folder.path()) }).await.unwrap();
    assert_eq!(server.endpoint().operator_client_id, Operator::All.client_id());
    let owners = server.with_cloud(|cloud| cloud.application(AppRef::Client(CLIENT.parse().unwrap())).unwrap().owners.len());
    assert_eq!(owners.unwrap(), 1);
    server.stop().await;
}
