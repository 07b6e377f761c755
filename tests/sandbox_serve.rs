//! `keyrelay sandbox serve`: what it says, what it keeps, and that it stays on this machine.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, missing_docs)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

/// A server that ends with the test, and what it said first.
struct Served {
    child: Child,
    said: Json,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keyrelay(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrelay"));
    command.args(args).env("KEYRELAY_STATE_DIR", home.join("state")).current_dir(home).stdin(Stdio::null());
    command
}

fn serve(home: &Path, args: &[&str]) -> Served {
    let all = [&["sandbox", "serve", "--json", "--profile", "instant"], args].concat();
    let mut child = keyrelay(home, &all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        let mut why = String::new();
        child.stderr.as_mut().unwrap().read_to_string(&mut why).unwrap();
        panic!("it said nothing: {why}");
    }
    Served { child, said: serde_json::from_str(&line).unwrap() }
}

impl Served {
    fn text(&self, pointer: &str) -> String {
        self.said.pointer(pointer).and_then(Json::as_str).unwrap_or_else(|| panic!("{pointer}: {}", self.said)).to_owned()
    }

    fn file(&self, pointer: &str) -> PathBuf {
        self.text(pointer).into()
    }

    fn operator(&self, name: &str) -> (String, String) {
        let of = |o: &&Json| o["name"] == name;
        let found = self.said["operators"].as_array().unwrap().iter().find(of).unwrap();
        let secret = std::fs::read_to_string(found["client_secret_file"].as_str().unwrap()).unwrap();
        (found["client_id"].as_str().unwrap().to_owned(), secret)
    }

    fn http(&self) -> reqwest::Client {
        let pem = std::fs::read(self.file("/ca_file")).unwrap();
        let builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10));
        builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]).build().unwrap()
    }

    async fn token(&self, (id, secret): &(String, String), resource: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", &format!("{resource}/.default")),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", self.text("/authority"), self.text("/tenant_id"));
        let body: Json = self.http().post(url).form(&form).send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// Status and body of a request by an operator.
    async fn ask(&self, name: &str, method: &str, url: &str, body: Option<Json>) -> (u16, Json) {
        let resource = if url.contains("/v1.0/") {
            self.text("/graph")
        } else if url.contains("/subscriptions") {
            "https://management.core.windows.net/".to_owned()
        } else {
            "https://vault.azure.net".to_owned()
        };
        let token = self.token(&self.operator(name), &resource).await;
        let mut request = self.http().request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Json::Null))
    }

    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

#[tokio::test]
async fn one_line_says_where_everything_is_and_a_signal_ends_it() {
    let home = tempfile::tempdir().unwrap();
    let mut served = serve(home.path(), &["--ca-out", "ca.pem"]);
    let base = served.text("/authority");
    assert!(base.starts_with("https://127.0.0.1:"), "{base}");
    for service in ["graph", "vault", "arm"] {
        assert_eq!(served.said[service], base, "one port for all");
    }
    assert_eq!(served.file("/ca_file"), home.path().join("ca.pem").canonicalize().unwrap());
    let apps = served.said["applications"].as_array().unwrap().clone();
    assert_eq!(apps.len(), 3);
    let names: Vec<&String> = apps[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["client_id", "display_name", "object_id", "vault_secret"]);
    assert_eq!(served.said["operator"]["client_id"], served.operator("all").0);

    let secret = format!("{base}/secrets/{}?api-version=7.4", served.text("/applications/1/vault_secret"));
    let (status, read) = served.ask("all", "GET", &secret, None).await;
    assert_eq!(status, 200, "{read}");
    assert!(read["id"].as_str().unwrap().starts_with(&format!("{base}/secrets/")));
    let value = read["value"].as_str().unwrap().to_owned();
    let token = served.token(&(served.text("/applications/1/client_id"), value), &base).await;
    assert_eq!(token.split('.').count(), 3);
    let second = served.text("/vaults/1/url");
    if second.starts_with("https://127.0.0.2:") {
        assert_eq!(served.ask("all", "GET", &secret.replace(&base, &second), None).await.0, 200);
    }
    let (status, body) = served.ask("all", "GET", &format!("{base}/subscriptions?api-version=2022-12-01"), None).await;
    assert_eq!((status, &body["value"]), (200, &json!([])));
    assert_eq!(served.http().get(format!("{base}/subscriptions")).send().await.unwrap().status().as_u16(), 401);

    let folder = served.file("/operator/client_secret_file").parent().unwrap().to_owned();
    assert_eq!(served.end(Signal::TERM), Some(0));
    assert!(!folder.exists(), "nothing is kept");
    assert_eq!(serve(home.path(), &[]).end(Signal::INT), Some(0));
}

#[tokio::test]
async fn each_operator_may_do_what_its_name_says() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &["--seed", "7"]);
    let base = served.text("/graph");
    let app = |nth: usize| format!("{base}/v1.0/applications/{}", served.text(&format!("/applications/{nth}/object_id")));
    let secret = format!("{base}/secrets/{}?api-version=7.4", served.text("/applications/0/vault_secret"));
    let add = |nth| format!("{}/addPassword", app(nth));
    let value = || Some(json!({ "value": "v" }));
    for (operator, method, url, body, status) in [
        ("all", "POST", add(1), Some(json!({})), 200),
        ("owned-by", "POST", add(0), Some(json!({})), 200),
        ("owned-by", "POST", add(1), Some(json!({})), 403),
        ("owned-by", "PUT", secret.clone(), value(), 200),
        ("reader", "GET", app(1), None, 200),
        ("reader", "POST", add(1), Some(json!({})), 403),
        ("reader", "GET", secret.clone(), None, 403),
        ("nothing", "GET", app(0), None, 403),
        ("nothing", "GET", secret.clone(), None, 403),
        ("vault-reader", "GET", secret.clone(), None, 200),
        ("vault-reader", "PUT", secret.clone(), value(), 403),
        ("vault-reader", "GET", app(0), None, 403),
    ] {
        let (found, body) = served.ask(operator, method, &url, body).await;
        assert_eq!(found, status, "{operator} {method} {url}: {body}");
    }
    let again = serve(home.path(), &["--seed", "7"]);
    assert_eq!(again.said["applications"], served.said["applications"], "the same seed, the same ids");
    assert_eq!(again.operator("reader"), served.operator("reader"));
}

#[tokio::test]
async fn what_is_kept_outlives_a_kill() {
    let home = tempfile::tempdir().unwrap();
    let args = ["--state", "kept.json", "--apps", "1"];
    let mut served = serve(home.path(), &args);
    let base = served.text("/graph");
    let app = format!("{base}/v1.0/applications/{}", served.text("/applications/0/object_id"));
    let (_, made) = served.ask("all", "POST", &format!("{app}/addPassword"), Some(json!({}))).await;
    let ca = std::fs::read(served.file("/ca_file")).unwrap();
    let token = served.token(&served.operator("all"), &base).await;
    kill_process(Pid::from_child(&served.child), Signal::KILL).unwrap();
    served.child.wait().unwrap();
    // A write that the kill cut off is beside the state, not in it.
    std::fs::write(home.path().join("kept.json.new"), "{\"tenant\":").unwrap();

    let mut after = serve(home.path(), &args);
    assert_eq!((&after.said["applications"], after.text("/graph")), (&served.said["applications"], base));
    assert_eq!(std::fs::read(after.file("/ca_file")).unwrap(), ca);
    let read: Json = after.http().get(&app).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    let keys: Vec<&Json> = read["passwordCredentials"].as_array().unwrap().iter().map(|p| &p["keyId"]).collect();
    assert_eq!((keys.len(), keys[0]), (2, &made["keyId"]), "{read}");

    let second = keyrelay(home.path(), &["sandbox", "serve", "--state", "kept.json"]).output().unwrap();
    assert_eq!(second.status.code(), Some(i32::from(keyrelay::error::exit::REFUSED)));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is being served"), "{second:?}");
    assert_eq!(after.end(Signal::TERM), Some(0));
    assert!(home.path().join("kept.json").exists());
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = keyrelay(home.path(), &["sandbox", "serve", "--port", &port]).output().unwrap();
    assert_eq!(refused.status.code(), Some(i32::from(keyrelay::error::exit::REFUSED)));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&format!("127.0.0.1:{port}")), "{refused:?}");
    let no_file = keyrelay(home.path(), &["sandbox", "serve", "--faults", "none.toml"]).output().unwrap();
    assert_ne!(no_file.status.code(), Some(0));
    assert_eq!(std::fs::read_dir(home.path().join("state/served")).unwrap().count(), 0);
}

#[test]
fn it_listens_on_loopback_only_and_its_key_stays_where_it_belongs() {
    let home = tempfile::tempdir().unwrap();
    let passing = serve(home.path(), &[]);
    let kept = serve(home.path(), &["--state", "kept.json"]);
    for served in [&passing, &kept] {
        let port: u16 = served.text("/authority").rsplit(':').next().unwrap().parse().unwrap();
        let listening = listening_on(port);
        assert!(listening.iter().all(|host| host.starts_with("127.")), "{listening:?}");
        assert!(!cfg!(target_os = "linux") || listening.contains(&"127.0.0.1".to_owned()), "{listening:?}");
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut keys = Vec::new();
    for served in [&passing, &kept] {
        let folder = served.file("/operator/client_secret_file").parent().unwrap().to_owned();
        assert_eq!(mode(&folder), 0o700);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            keys.extend(std::fs::read_to_string(&path).unwrap().contains("PRIVATE KEY").then_some(path));
        }
    }
    assert_eq!(keys, [home.path().join("kept.json.d/ca-key.pem")], "without --state it is nowhere");
    assert_eq!(mode(&home.path().join("kept.json")), 0o600);
    // There is no flag for another address, so that nobody can ask for one.
    for flag in ["--host", "--bind", "--address", "--listen"] {
        let asked = keyrelay(home.path(), &["sandbox", "serve", flag, "0.0.0.0"]).output().unwrap();
        assert_eq!(asked.status.code(), Some(i32::from(keyrelay::error::exit::USAGE)), "{flag}");
    }
}

/// The addresses on which this machine listens at a port, IPv6 ones in hexadecimal. None where there is no `/proc`.
fn listening_on(port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (host, at) = fields[1].split_once(':').unwrap();
            if fields[3] == LISTEN && u16::from_str_radix(at, 16).unwrap() == port {
                let bytes = u32::from_str_radix(host, 16).map(|n| std::net::Ipv4Addr::from(n.swap_bytes()).to_string());
                found.push(bytes.unwrap_or_else(|_| host.to_owned()));
            }
        }
    }
    found
}

#[tokio::test]
async fn secrets_and_tokens_are_marked() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &[]);
    let (id, secret) = served.operator("all");
    assert_eq!(&secret[3..9], "8Q~sbx");
    for resource in [served.text("/graph"), "https://vault.azure.net".into(), "https://management.core.windows.net".into()] {
        let token = served.token(&(id.clone(), secret.clone()), &resource).await;
        let decoded = |part: &str| {
            let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, part).unwrap();
            serde_json::from_slice::<Json>(&bytes).unwrap()
        };
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(decoded(parts[0])["alg"], "none-keyrelay-sandbox", "no verifier takes it");
        assert_eq!(
            (decoded(parts[1])["aio"].as_str(), &decoded(parts[1])["tid"]),
            (Some("keyrelay-sandbox"), &served.said["tenant_id"])
        );
    }
}

#[tokio::test]
async fn many_applications_are_listed_by_graph_and_capped_in_the_first_line() {
    let home = tempfile::tempdir().unwrap();
    let served = serve(home.path(), &["--apps", "250"]);
    assert_eq!(served.said["applications"].as_array().unwrap().len(), 100);
    assert_eq!(served.text("/applications/99/display_name"), "sandbox-app-00100");
    let (mut next, mut count) = (Some(format!("{}/v1.0/applications", served.text("/graph"))), 0);
    while let Some(url) = next {
        let (status, page) = served.ask("reader", "GET", &url, None).await;
        assert_eq!(status, 200, "{page}");
        count += page["value"].as_array().unwrap().len();
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(count, 250 + served.said["operators"].as_array().unwrap().len());
    assert_eq!(serve(home.path(), &["--apps", "0"]).said["applications"], json!([]));
}

#[test]
fn others_find_it_by_its_port() {
    let home = tempfile::tempdir().unwrap();
    let none = keyrelay(home.path(), &["sandbox", "az"]).output().unwrap();
    assert_eq!(none.status.code(), Some(i32::from(keyrelay::error::exit::USAGE)));
    let mut one = serve(home.path(), &[]);
    let az = |args: &[&str]| keyrelay(home.path(), &[&["sandbox", "az"], args].concat()).output().unwrap();
    let lines = String::from_utf8(az(&[]).stdout).unwrap();
    for wanted in [one.text("/authority"), one.text("/operator/client_id"), one.text("/ca_file"), "az login".into()] {
        assert!(lines.contains(&wanted), "{wanted}: {lines}");
    }
    assert!(!lines.contains(&one.operator("all").1), "the secret is read from its file");
    let parsed = Command::new("sh").args(["-n", "-c", &lines]).status().unwrap();
    assert!(parsed.success(), "a shell takes it: {lines}");

    let two = serve(home.path(), &[]);
    assert_eq!(az(&[]).status.code(), Some(i32::from(keyrelay::error::exit::USAGE)), "which one?");
    let port = two.text("/authority").rsplit(':').next().unwrap().to_owned();
    assert!(String::from_utf8(az(&["--port", &port]).stdout).unwrap().contains(&two.text("/authority")));
    // What a killed one leaves is removed when the next one starts.
    let folder = one.file("/operator/client_secret_file").parent().unwrap().to_owned();
    one.end(Signal::KILL);
    assert!(folder.exists());
    drop(serve(home.path(), &[]));
    assert!(!folder.exists());
}
