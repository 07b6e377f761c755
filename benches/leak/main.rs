//! How fast a leaked secret dies, and what reading the sign-in records costs: `cargo bench --bench leak`. It takes some minutes.
//!
//! The sandbox runs in this process, keyrelay in one of its own. What is printed is what was measured on this machine in this run;
//! nothing is asserted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
#![allow(missing_docs)] // a program, not a library

#[path = "../speed/log.rs"]
#[allow(dead_code)] // the other bench shows more of it
mod log;
#[path = "../speed/process.rs"]
#[allow(dead_code)]
mod process;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{AppRef, PasswordCredential, Profile, Range, Resource, SignInRecord, SignInSeries};
use keyrelay::sandbox::server::{Pace, ServeOptions, Server};
use serde_json::Value;
use uuid::Uuid;

use log::{RequestLog, longest_chain};

const KEYRELAY: &str = env!("CARGO_BIN_EXE_keyrelay");

/// Added to each answer of the sandbox.
const LATENCY: Duration = Duration::from_millis(50);

/// Until one of two sign-in replicas knows of a change.
const PROPAGATION: Range = Range { from_ms: 4_000, to_ms: 18_000 };

const CLIENT: &str = "5a9db0c5-b111-4000-8000-000000000001";

/// The proof window of the answer to a leak.
const WINDOW: Duration = Duration::from_secs(10);

const RUNBOOK: &str = r#"
cloud = "sandbox"
tenant = "5a9db0c5-7e4a-4000-8000-000000000001"
client_id = "5a9db0c5-b111-4000-8000-000000000001"
owner = "speed"
contact = "nobody"
overlap = "0s"
settle = "0s"
[proof]
window = "WINDOW"
spacing = "500ms"
limit = "5m"
[emergency]
proof = "WINDOW"
[[vault]]
url = "https://first-vault.vault.sandbox.localhost"
secret = "billing-api-client-secret"
"#;

#[tokio::main]
async fn main() {
    println!("## From the command to the first refusal\n");
    let chain = {
        let bench = Bench::start(LATENCY, "0s").await;
        bench.emergency().await;
        bench.chain()
    };
    println!(
        "{} ms added to each answer; the longest chain of requests up to the first sign-in after the removal: {chain}.\n\
         Two sign-in replicas know of a change {} to {} s later; the proof window is {} s.\n",
        LATENCY.as_millis(),
        PROPAGATION.from_ms / 1000,
        PROPAGATION.to_ms / 1000,
        WINDOW.as_secs()
    );
    println!(
        "| known everywhere s | window s | unknown to the first s | chain s | floor s | measured s | of the floor | proven dead s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for _ in 0..3 {
        let bench = Bench::start(LATENCY, &format!("{}s", WINDOW.as_secs())).await;
        let slow = Profile { appears: PROPAGATION, vanishes: PROPAGATION, ..Profile::instant() };
        bench.server.with_cloud(|cloud| cloud.set_profile(slow)).unwrap();
        let told = bench.emergency().await;
        bench.row(&told, LATENCY * u32::try_from(chain).unwrap());
    }
    println!("\n## 100,000 sign-in records\n");
    let bench = Bench::start(Duration::ZERO, "0s").await;
    let key = bench.key_id();
    bench.server.with_cloud(|cloud| stage(cloud, &key)).unwrap();
    let arguments = ["leak", "who", &bench.runbook(), "--key-id", &key].map(OsString::from);
    let cost = bench.costs(arguments.to_vec()).await;
    println!(
        "read in {:.0} s (the service allows five requests in ten seconds), peak memory {:.1} MiB",
        cost.wall.as_secs_f64(),
        f64::from(u32::try_from(cost.peak).unwrap()) / 1024.0
    );
    bench.server.stop().await;
}

struct Bench {
    home: tempfile::TempDir,
    server: Server,
    log: RequestLog,
}

impl Bench {
    /// A sandbox with an application that has one living secret.
    async fn start(latency: Duration, window: &str) -> Bench {
        let home = tempfile::tempdir().unwrap();
        let log = RequestLog::default();
        let options = ServeOptions {
            pace: Pace::Instant,
            seed: None,
            idle: None,
            latency,
            hook: Some(log.hook()),
            ..ServeOptions::new(home.path().join("sandbox"))
        };
        let server = Server::start(options).await.unwrap();
        std::fs::write(home.path().join("runbook.toml"), RUNBOOK.replace("WINDOW", window)).unwrap();
        let bench = Bench { home, server, log };
        bench.costs(["rotate", &bench.runbook(), "--wait"].map(OsString::from).to_vec()).await;
        bench.log.clear();
        bench
    }

    fn runbook(&self) -> String {
        self.home.path().join("runbook.toml").display().to_string()
    }

    fn environment(&self) -> (&'static str, PathBuf) {
        ("KEYRELAY_STATE_DIR", Path::to_owned(self.home.path()))
    }

    async fn costs(&self, arguments: Vec<OsString>) -> process::Cost {
        let environment = [self.environment()];
        tokio::task::spawn_blocking(move || process::run(KEYRELAY.as_ref(), &arguments, &environment)).await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(KEYRELAY);
        command.args(arguments).envs([self.environment()]);
        let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// What was listed then.
    fn listed<T>(&self, then: Timestamp, work: impl Fn(&[&PasswordCredential]) -> T) -> T {
        let app = AppRef::Client(CLIENT.parse().unwrap());
        self.server.with_cloud(|cloud| work(&cloud.password_credentials(then, app).unwrap())).unwrap()
    }

    fn key_id(&self) -> String {
        self.listed(Timestamp::now(), |all| all[0].key_id.to_string())
    }

    /// The longest chain of requests up to the first sign-in after the removal.
    fn chain(&self) -> usize {
        let entries = self.log.entries();
        let removal = entries.iter().position(|e| e.call.path.ends_with("removePassword")).unwrap();
        let sign_in = entries[removal..].iter().position(|e| e.call.path.ends_with("/token")).unwrap();
        longest_chain(&entries[..=removal + sign_in])
    }

    /// What is said of a leak that was answered.
    async fn emergency(&self) -> Value {
        self.json(&["rotate", &self.runbook(), "--emergency", "--key-id", &self.key_id(), "--json"]).await
    }

    fn row(&self, told: &Value, chain: Duration) {
        let time = |name: &str| told[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        let (declared, removed, dead) = (time("declared_at"), time("removed_at"), time("proven_dead_at"));
        let of = |name: &str| told[name].as_str().unwrap().parse::<Uuid>().unwrap();
        let (old, new) = (of("leaked_key_id"), of("new_key_id"));
        let added = told["steps"][0]["started"].as_str().unwrap().parse::<Timestamp>().unwrap();
        let known = self.after(Timestamp::now(), new, added, |p, now| (0..2).all(|replica| p.known_to(replica, now)));
        let before = removed - SignedDuration::from_secs(1);
        let unknown = self.after(before, old, removed, |p, now| (0..2).any(|replica| !p.known_to(replica, now)));
        let floor = known + WINDOW.as_secs_f64() + unknown + chain.as_secs_f64();
        let measured = told["seconds_to_refusal"].as_f64().unwrap();
        println!(
            "| {known:.1} | {} | {unknown:.1} | {:.1} | {floor:.1} | {measured:.1} | {:.2} | {:.1} |",
            WINDOW.as_secs(),
            chain.as_secs_f64(),
            measured / floor,
            dead.duration_since(declared).as_secs_f64()
        );
    }

    /// Seconds from a moment until something is so of a credential that was listed then.
    fn after(
        &self,
        then: Timestamp,
        key_id: Uuid,
        from: Timestamp,
        is: impl Fn(&PasswordCredential, Timestamp) -> bool,
    ) -> f64 {
        let at = |ms: i64| from + SignedDuration::from_millis(ms);
        let first = self.listed(then, |all| {
            let credential = all.iter().find(|p| p.key_id == key_id).unwrap();
            (0..60_000).find(|ms| is(credential, at(*ms)))
        });
        Duration::from_millis(first.unwrap().unsigned_abs()).as_secs_f64()
    }
}

/// A thousand sign-ins from each of a hundred addresses.
fn stage(cloud: &mut keyrelay::sandbox::cloud::Cloud, key: &str) {
    let mut stage = cloud.stage();
    stage.sign_in_delay(Some(Range { from_ms: 0, to_ms: 0 }));
    for n in 0..100 {
        let first = SignInRecord {
            at: Timestamp::now() - SignedDuration::from_hours(500),
            client_id: CLIENT.parse().unwrap(),
            key_id: Some(key.parse().unwrap()),
            resource: Some(Resource::Graph),
            address: format!("203.0.113.{n}").parse().unwrap(),
            correlation_id: None,
            error: 0,
        };
        stage.sign_ins(SignInSeries { first, every: SignedDuration::from_secs(17), count: 1000 });
    }
}
