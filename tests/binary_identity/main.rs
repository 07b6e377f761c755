//! The program itself, asked who it is: what it takes from its environment, and what goes through a proxy.
//!
//! A custom cloud whose services are the sandbox's, reached through a proxy on loopback: names, certificate authority, proxy and
//! sign-in are those of a real tenant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    dead_code,
    missing_docs
)]

#[path = "../binary/mod.rs"]
mod binary;
mod proxy;

use std::collections::BTreeMap;
use std::path::Path;

use binary::{Book, Home, Ran, Scene, exit};
use keyrelay::sandbox::Endpoint;
use keyrelay::sandbox::cloud::{Seed, SeedVault};
use keyrelay::sandbox::process;
use keyrelay::sandbox::server::{Pace, ServeOptions, Server};
use proxy::Asked;
use serde_json::Value;

const CLIENT: &str = "5a9db0c5-b111-4000-8000-000000000001";
const VAULT: &str = "kv-one.vault.sandbox.localhost";
const GRAPH: &str = "https://graph.sandbox.localhost";

/// A tenant behind a proxy, and a home to run the program in.
struct Tenant {
    home: Home,
    _server: Server,
    endpoint: Endpoint,
    proxy: String,
    asked: Asked,
}

impl Tenant {
    async fn new() -> Tenant {
        let home = Home::empty();
        let options = ServeOptions { pace: Pace::Instant, seed: Some(1), ..ServeOptions::new(home.path().join("tenant")) };
        let server = Server::start(options).await.unwrap();
        let endpoint = server.endpoint().clone();
        let vaults = vec![SeedVault { host: VAULT.into(), secret: "billing".into() }];
        let (client_id, tenant) = (CLIENT.parse().unwrap(), endpoint.tenant);
        process::seed(&endpoint, &Seed { client_id, tenant, display_name: "billing".into(), vaults }).await.unwrap();
        let (proxy, asked) = proxy::proxy(endpoint.address).await;
        Tenant { home, _server: server, endpoint, proxy, asked }
    }

    /// A runbook with these further lines.
    fn runbook(&self, more: &str) -> String {
        let file = self.home.path().join("custom.toml");
        let (tenant, ca_file) = (self.endpoint.tenant, self.endpoint.ca_file.display());
        let text = format!(
            "cloud = 'custom'\ntenant = '{tenant}'\nclient_id = '{CLIENT}'\nowner = 'a'\ncontact = 'b'\n\
             vault = [{{ url = 'https://{VAULT}', secret = 'billing' }}]\n{more}\n\
             [custom]\nauthority = 'https://login.sandbox.localhost'\ngraph = '{GRAPH}'\n\
             vault_suffix = 'vault.sandbox.localhost'\nca_file = '{ca_file}'\n"
        );
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// `plan` in an environment with the proxy and these variables.
    async fn plan(&self, more: &str, flags: &[&str], variables: &[(&str, &str)]) -> Ran {
        let book = self.runbook(more);
        let mut command = self.home.command(&[&["plan", &book], flags].concat());
        command.env("HTTPS_PROXY", &self.proxy).envs(variables.iter().copied());
        let running = self.home.spawn(command);
        let ran = tokio::task::spawn_blocking(|| running.ended()).await.unwrap();
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!shown.contains(&self.secret()) && !shown.contains("machines-own"), "{shown}");
        ran
    }

    fn secret(&self) -> String {
        std::fs::read_to_string(&self.endpoint.operator_secret_file).unwrap().trim().to_owned()
    }

    fn operator(&self) -> (String, String) {
        (self.endpoint.tenant.to_string(), self.endpoint.operator_client_id.to_string())
    }

    /// A token of the operator for each service, by its resource.
    async fn tokens(&self) -> BTreeMap<String, String> {
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&self.endpoint.ca_file).unwrap()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
        let client = client.resolve("login.sandbox.localhost", self.endpoint.address).build().unwrap();
        let (tenant, client_id) = self.operator();
        let mut tokens = BTreeMap::new();
        for resource in [GRAPH, "https://vault.sandbox.localhost"] {
            let scope = format!("{resource}/.default");
            let form = [
                ("client_id", client_id.clone()),
                ("client_secret", self.secret()),
                ("grant_type", "client_credentials".to_owned()),
                ("scope", scope),
            ];
            let url = format!("https://login.sandbox.localhost/{tenant}/oauth2/v2.0/token");
            let granted: Value = client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
            tokens.insert(resource.to_owned(), granted["access_token"].as_str().unwrap().to_owned());
        }
        tokens
    }

    /// The hosts that the proxy was asked for, each once.
    fn hosts(&self) -> Vec<String> {
        let mut hosts = self.asked.lock().unwrap().clone();
        hosts.sort();
        hosts.dedup();
        hosts
    }
}

fn connects(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| format!("CONNECT {host}:443 HTTP/1.1")).collect()
}

/// The one line that says who acts.
fn acting(ran: &Ran) -> String {
    let line = ran.stderr.lines().chain(ran.stdout.lines()).find(|l| l.contains("acting as"));
    line.unwrap_or_else(|| panic!("{ran:#?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_cloud_is_reached_through_the_proxy_and_with_its_own_authority() {
    let tenant = Tenant::new().await;
    let (id, client) = tenant.operator();
    let secret = tenant.secret();
    let variables = [("AZURE_TENANT_ID", id.as_str()), ("AZURE_CLIENT_ID", &client), ("AZURE_CLIENT_SECRET", &secret)];
    let ran = tenant.plan("", &[], &variables).await.exits(exit::DONE);
    let line = acting(&ran);
    assert!(line.contains(&format!("application {client} (object ")) && line.contains(&format!("of tenant {id}")), "{line}");
    assert!(line.contains("client-secret") && line.contains("AZURE_CLIENT_SECRET is set"), "{line}");
    assert_eq!(tenant.hosts(), connects(&["graph.sandbox.localhost", VAULT, "login.sandbox.localhost"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_set_is_not_the_sandboxs() {
    let home = Home::with(&Scene::living(&[binary::scene::EAST]));
    let (proxy, asked) = proxy::proxy("127.0.0.1:9".parse().unwrap()).await;
    let book = home.runbook(&Book::one());
    let mut command = home.command(&["rotate", &book, "--wait"]);
    for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, &proxy);
    }
    let running = home.spawn(command);
    tokio::task::spawn_blocking(|| running.ended()).await.unwrap().exits(exit::DONE);
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
    let by = home.the_run().start.by.identity;
    let (tenant, object) = (keyrelay::sandbox::cloud::TENANT.to_string(), "(object ");
    assert!(by.contains(&tenant) && by.contains(object) && by.ends_with(", by sandbox"), "{by}");
    let book = home.runbook(&Book { name: "again", ..Book::one() });
    home.run(&["plan", &book, "--auth", "azure-cli"]).exits(exit::USAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_is_asked_at_its_endpoint_and_not_through_the_proxy() {
    let tenant = Tenant::new().await;
    let tokens = tenant.tokens().await;
    let (url, asked) = proxy::identity_endpoint(move |resource| tokens.get(resource).cloned()).await;
    let client = tenant.operator().1;
    let variables = [
        ("IDENTITY_ENDPOINT", url.as_str()),
        ("IDENTITY_HEADER", "machines-own"),
        ("HTTP_PROXY", &tenant.proxy),
        ("AZURE_CLIENT_ID", &client),
    ];
    let ran = tenant.plan("", &[], &variables).await.exits(exit::DONE);
    assert!(acting(&ran).contains("managed-identity"), "{ran:#?}");
    let query =
        |resource: &str| format!("api-version=2019-08-01&resource=https%3A%2F%2F{resource}&client_id={client} machines-own");
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, [query("graph.sandbox.localhost"), query("vault.sandbox.localhost")]);
    assert!(tenant.hosts().iter().all(|h| h.starts_with("CONNECT ")), "{:?}", tenant.hosts());

    let (url, asked) = proxy::identity_endpoint(|_| None).await;
    let variables = [("IDENTITY_ENDPOINT", url.as_str()), ("IDENTITY_HEADER", "machines-own")];
    let ran = tenant.plan("", &[], &variables).await.exits(exit::REFUSED);
    assert!(ran.stderr.contains("this machine has no such managed identity"), "{ran:#?}");
    assert_eq!(
        asked.lock().unwrap()[0],
        "api-version=2019-08-01&resource=https%3A%2F%2Fgraph.sandbox.localhost machines-own"
    );
}

/// A folder with a program `az` in it that does this.
#[cfg(unix)]
fn az(folder: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("az");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    folder.display().to_string()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_azure_cli_is_asked_once_for_each_service() {
    let tenant = Tenant::new().await;
    let tokens = tenant.tokens().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let granted =
        |token: &str| format!(r#"echo '{{"accessToken": "{token}", "expires_on": 4102444800, "tokenType": "Bearer"}}'"#);
    let script = format!(
        "echo \"$* [$AZURE_CLIENT_SECRET]\" >>'{}'\ncase \"$*\" in *graph*) {};; *) {};; esac",
        log.display(),
        granted(&tokens[GRAPH]),
        granted(&tokens["https://vault.sandbox.localhost"])
    );
    let path = az(folder.path(), &script);
    let variables = [("PATH", path.as_str()), ("AZURE_CLIENT_SECRET", "machines-own")];
    let ran = tenant.plan("auth = { kind = 'azure-cli' }", &[], &variables).await.exits(exit::DONE);
    let line = acting(&ran);
    assert!(line.contains("azure-cli") && line.contains("the runbook's [auth] says so"), "{line}");
    let call = |resource: &str| {
        format!(
            "account get-access-token -o json --scope https://{resource}/.default --tenant {} []",
            tenant.endpoint.tenant
        )
    };
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.lines().collect::<Vec<_>>(), [call("graph.sandbox.localhost"), call("vault.sandbox.localhost")]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_azure_cli_says_is_passed_on() {
    let tenant = Tenant::new().await;
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("azureProfile.json");
    std::fs::write(profile, "{}").unwrap();
    let path = az(folder.path(), "echo \"ERROR: AADSTS70043: Please run 'az login'.\" >&2; exit 1");
    let variables = [("PATH", path.as_str()), ("AZURE_CONFIG_DIR", &path)];
    let ran = tenant.plan("", &[], &variables).await.exits(exit::REFUSED);
    assert!(
        ran.stderr.contains("It says: the Azure CLI gave no token: ERROR: AADSTS70043: Please run 'az login'."),
        "{ran:#?}"
    );
    let nowhere = [("PATH", "/nowhere"), ("AZURE_CONFIG_DIR", path.as_str())];
    let ran = tenant.plan("", &[], &nowhere).await.exits(exit::REFUSED);
    assert!(ran.stderr.contains("the Azure CLI is not on the PATH"), "{ran:#?}");
    let garbage = az(folder.path(), "echo '{\"accessToken\": 5, \"x\": \"machines-own\"}'");
    let ran = tenant.plan("", &["--auth", "azure-cli"], &[("PATH", garbage.as_str())]).await.exits(exit::REFUSED);
    assert!(ran.stderr.contains("it has to be 2.54 or newer"), "{ran:#?}");
    assert!(tenant.hosts().is_empty(), "nothing was asked of the cloud: {:?}", tenant.hosts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_set_environment_is_refused_before_anything_is_sent() {
    let tenant = Tenant::new().await;
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: [(&[&str], Pairs, &str); 5] = [
        (&[], &[], "the environment names no way to sign in"),
        (&[], &[("AZURE_CLIENT_SECRET", "machines-own"), ("AZURE_CLIENT_ID", CLIENT)], "AZURE_TENANT_ID is not set"),
        (&[], &[("AZURE_CLIENT_SECRET", "machines-own"), ("AZURE_FEDERATED_TOKEN_FILE", "/f")], "are both set"),
        (&["--auth", "managed-identity"], &[], "IDENTITY_ENDPOINT is not set"),
        (&["--auth", "github-actions"], &[], "ACTIONS_ID_TOKEN_REQUEST_URL is not set"),
    ];
    for (flags, variables, says) in cases {
        let ran = tenant.plan("", flags, variables).await.exits(exit::REFUSED);
        assert!(ran.stderr.contains(says), "{says}: {ran:#?}");
    }
    let ran = tenant.plan("", &["--auth", "password"], &[]).await.exits(exit::USAGE);
    assert!(ran.stderr.contains("workload-identity, client-secret, certificate"), "the kinds are listed: {ran:#?}");
    assert!(tenant.hosts().is_empty(), "{:?}", tenant.hosts());
}
