//! Faults over HTTPS: as a client meets them, and as they are changed while the sandbox runs.

use std::path::Path;
use std::time::{Duration, Instant};

use keyrelay::sandbox::cloud::{Seed, SeedVault};
use keyrelay::sandbox::control::client;
use keyrelay::sandbox::faults::{Written, parse};
use keyrelay::sandbox::log::{Answered, Effect};
use keyrelay::sandbox::server::{Pace, ServeOptions, Server};
use keyrelay::sandbox::{Endpoint, process};
use serde_json::{Value as Json, json};

use crate::scene::{CLIENT, HOST};

struct Served {
    folder: tempfile::TempDir,
    server: Server,
    http: reqwest::Client,
    token: String,
}

impl Served {
    async fn start(http1: bool, options: impl FnOnce(ServeOptions) -> ServeOptions) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let plain = ServeOptions { pace: Pace::Instant, seed: Some(1), ..ServeOptions::new(folder.path().join("sandbox")) };
        let server = Server::start(options(plain)).await.unwrap();
        let endpoint = server.endpoint().clone();
        let vaults = vec![SeedVault { host: HOST.into(), secret: "billing".into() }];
        let seed = Seed { client_id: CLIENT, tenant: endpoint.tenant, display_name: "billing".into(), vaults };
        process::seed(&endpoint, &seed).await.unwrap();
        let http = http_client(&endpoint, http1);
        let secret = std::fs::read_to_string(&endpoint.operator_secret_file).unwrap();
        let form = [
            ("client_id", endpoint.operator_client_id.to_string()),
            ("client_secret", secret),
            ("grant_type", "client_credentials".to_owned()),
            ("scope", format!("{}/.default", endpoint.graph)),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", endpoint.authority, endpoint.tenant);
        let answer: Json = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Served { folder, server, http, token }
    }

    fn place(&self) -> std::path::PathBuf {
        self.folder.path().join("sandbox")
    }

    fn app(&self) -> String {
        format!("{}/v1.0/applications(appId='{CLIENT}')", self.server.endpoint().graph)
    }

    /// The status, or what became of the connection.
    async fn add(&self) -> Result<(u16, Vec<u8>), reqwest::Error> {
        let asked = json!({ "passwordCredential": { "displayName": "new" } });
        let url = format!("{}/addPassword", self.app());
        let answer = self.http.post(url).bearer_auth(&self.token).json(&asked).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await?.to_vec()))
    }

    async fn credentials(&self) -> usize {
        let answer = self.http.get(self.app()).bearer_auth(&self.token).send().await.unwrap();
        let body: Json = answer.json().await.unwrap();
        body["passwordCredentials"].as_array().unwrap().len()
    }
}

fn http_client(endpoint: &Endpoint, http1: bool) -> reqwest::Client {
    let pem = std::fs::read(&endpoint.ca_file).unwrap();
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
    for name in ["login.sandbox.localhost", "graph.sandbox.localhost", HOST] {
        builder = builder.resolve(name, endpoint.address);
    }
    if http1 { builder.http1_only() } else { builder }.timeout(Duration::from_secs(5)).build().unwrap()
}

fn rule(toml: &str) -> Written {
    Written::of(&parse(&format!("[[fault]]\n{toml}")).unwrap()[0])
}

async fn each_fault(http1: bool) {
    let file = "
        [[fault]]
        operation = [\"add-password\"]
        times = 1
        do = \"lose-answer\"
        [[fault]]
        operation = [\"add-password\"]
        nth = 2
        times = 1
        do = \"cut-body\"
        [[fault]]
        operation = [\"add-password\"]
        nth = 3
        times = 1
        do = \"apply-late\"
        by = \"300ms\"
        [[fault]]
        operation = [\"add-password\"]
        nth = 4
        times = 1
        do = \"slow\"
        by = \"300ms\"
    ";
    let served = Served::start(http1, |o| ServeOptions { faults: Some(parse(file).unwrap()), ..o }).await;
    assert!(served.add().await.is_err(), "the answer is lost");
    assert_eq!(served.credentials().await, 2);
    assert!(served.add().await.is_err(), "the answer is cut");
    assert_eq!(served.credentials().await, 3);
    assert!(served.add().await.is_err(), "no answer");
    assert_eq!(served.credentials().await, 3);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(served.credentials().await, 4, "it has landed");
    let begun = Instant::now();
    assert_eq!(served.add().await.unwrap().0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    served.server.stop().await;
}

#[tokio::test]
async fn each_fault_over_http_1() {
    each_fault(true).await;
}

#[tokio::test]
async fn each_fault_over_http_2() {
    each_fault(false).await;
}

#[tokio::test]
async fn faults_are_changed_and_the_log_is_read_while_it_runs() {
    let served = Served::start(true, |o| ServeOptions { control: true, ..o }).await;
    let place = served.server.endpoint();
    assert_eq!(client::list(place).await.unwrap(), []);
    let lost = rule("operation = [\"add-password\"]\ntimes = 1\ndo = \"lose-answer\"\n");
    assert_eq!(client::add(place, &lost).await.unwrap(), 1);
    let busy = rule("operation = [\"add-password\"]\ndo = \"refuse\"\nas = \"busy\"\nnth = 2\n");
    assert_eq!(client::add(place, &busy).await.unwrap(), 2);
    assert!(served.add().await.is_err());
    assert_eq!(served.add().await.unwrap().0, 503);
    let listed: Vec<(u64, u32, u32)> = client::list(place).await.unwrap().iter().map(|l| (l.id, l.seen, l.hits)).collect();
    assert_eq!(listed, [(1, 2, 1), (2, 2, 1)]);
    assert_eq!(client::clear(place, Some(2)).await.unwrap(), 1);
    assert!(client::clear(place, Some(2)).await.is_err());
    assert_eq!(served.add().await.unwrap().0, 200);
    assert_eq!(client::clear(place, None).await.unwrap(), 1);

    let log = client::log(place, 0).await.unwrap();
    let adds: Vec<_> = log.iter().filter(|e| e.operation.name() == "add-password").collect();
    assert_eq!(adds.len(), 3);
    assert!(matches!((adds[0].answered, &adds[0].effect), (Answered::AnswerLost(200), Some(Effect::Added(_)))));
    assert_eq!(adds[1].code.as_deref(), Some("Directory_ConcurrencyViolation"));
    assert_eq!((adds[1].faults.as_slice(), adds[1].effect.as_ref()), (&[2][..], None));
    assert_eq!(adds[2].application, Some(CLIENT));
    assert_eq!(client::log(place, adds[2].seq).await.unwrap().len(), 0, "nothing after the last");
    served.server.stop().await;
}

#[tokio::test]
async fn control_is_off_unless_asked_for_and_needs_its_token() {
    let served = Served::start(true, |o| o).await;
    let said = client::list(served.server.endpoint()).await.unwrap_err().to_string();
    assert!(said.contains("sandbox serve --control"), "{said}");
    served.server.stop().await;

    let served = Served::start(true, |o| ServeOptions { control: true, ..o }).await;
    let endpoint = served.server.endpoint().clone();
    let url = format!("{}/_sandbox/faults", endpoint.graph);
    for request in [served.http.get(&url), served.http.get(&url).header("x-sandbox-control-token", "wrong")] {
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    }
    private(&served.place().join("control-token"));
    served.server.stop().await;
}

#[cfg(unix)]
fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn private(_: &Path) {}
