//! How fast the rotator is, measured from outside: `cargo bench --bench speed`.
//!
//! The sandbox runs in this process, the rotator and its rival, a plain script of the same five steps, in processes of their
//! own. What is printed is what was measured on this machine in this run; nothing is asserted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
#![allow(missing_docs)] // a program, not a library

mod history;
mod log;
mod process;
mod rival;
mod smallest;

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyrelay::sandbox::server::{Pace, ServeOptions, Server};

use log::{RequestLog, longest_chain};
use process::{Cost, Costs};

const KEYRELAY: &str = env!("CARGO_BIN_EXE_keyrelay");

/// Added to each answer of the sandbox, where it is to resemble a network.
const LATENCY: Duration = Duration::from_millis(50);

const RUNBOOK: &str = r#"
cloud = "sandbox"
tenant = "5a9db0c5-7e4a-4000-8000-000000000001"
client_id = "5a9db0c5-b111-4000-8000-000000000001"
owner = "speed"
contact = "nobody"
overlap = "0s"
settle = "0s"
[proof]
window = "0s"
spacing = "100ms"
limit = "60s"
[[vault]]
url = "https://first-vault.vault.sandbox.localhost"
secret = "billing-api-client-secret"
"#;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        smallest::print();
        let far = measure(LATENCY, 5).await;
        let near = measure(Duration::ZERO, 10).await;
        report(&far, &near);
        starts();
    });
}

struct Measured {
    log: RequestLog,
    keyrelay: Costs,
    rival: Result<Costs, String>,
}

async fn measure(latency: Duration, times: usize) -> Measured {
    let home = tempfile::tempdir().unwrap();
    let log = RequestLog::default();
    let options = ServeOptions {
        pace: Pace::Instant,
        seed: Some(1),
        idle: None,
        latency,
        hook: Some(log.hook()),
        ..ServeOptions::new(home.path().join("sandbox"))
    };
    let server = Server::start(options).await.unwrap();
    let runbook = home.path().join("runbook.toml");
    std::fs::write(&runbook, RUNBOOK).unwrap();
    // The first run makes the application and is not counted.
    rotate(home.path(), &runbook).await;
    let (mut keyrelay, before) = (Vec::new(), process::children());
    for _ in 0..times {
        log.clear();
        keyrelay.push(rotate(home.path(), &runbook).await);
    }
    let keyrelay = Costs::of(keyrelay, before);
    let counted = log.snapshot();
    let rival = rival::run(server.endpoint().clone(), times).await;
    server.stop().await;
    Measured { log: counted, keyrelay, rival }
}

async fn rotate(home: &Path, runbook: &Path) -> Cost {
    let arguments = ["rotate".into(), runbook.as_os_str().to_owned(), "--wait".into()];
    let environment = [("KEYRELAY_STATE_DIR", PathBuf::from(home))];
    tokio::task::spawn_blocking(move || process::run(KEYRELAY.as_ref(), &arguments, &environment)).await.unwrap()
}

fn report(far: &Measured, near: &Measured) {
    let chain = smallest::rounds();
    let floor = LATENCY * u32::try_from(chain).unwrap();
    println!("\n## One rotation, as the shipped binary does it\n");
    println!("{}", far.log.table());
    let (count, longest) = (far.log.count(), longest_chain(&far.log.entries()));
    println!("\nrequests made: {count}; smallest set: {}", smallest::count());
    println!("longest chain of requests, each begun after the one before had ended: {longest}; smallest: {chain}");
    let (far_ours, near_ours) = (&far.keyrelay, &near.keyrelay);
    println!("\nwith {} ms added to each answer: {far_ours}", LATENCY.as_millis());
    let own = LATENCY * u32::try_from(longest).unwrap();
    println!("  wall time against its own chain ({longest} x {} ms): {:.2}", LATENCY.as_millis(), far_ours.over(own));
    println!("  wall time against the smallest chain ({chain} x {} ms): {:.2}", LATENCY.as_millis(), far_ours.over(floor));
    println!("with nothing added: {near_ours}");
    println!("\n## The same five steps as a plain script (Python, httpx; no journal, no proof, no way back)\n");
    for (name, measured) in [("50 ms added", far), ("nothing added", near)] {
        match &measured.rival {
            Err(why) => println!("{name}: skipped: {why}"),
            Ok(costs) => {
                println!("{name}: {costs}");
                println!("  keyrelay's wall time is {:.2} of the script's", measured.keyrelay.over(costs.median()));
            }
        }
    }
}

fn starts() {
    println!("\n## Start\n");
    let timed = |times: usize, argument: &str, environment: &[(&str, PathBuf)]| {
        let before = process::children();
        Costs::of((0..times).map(|_| process::run(KEYRELAY.as_ref(), &[argument.into()], environment)).collect(), before)
    };
    println!("of keyrelay --version: {}", timed(20, "--version", &[]));
    let home = tempfile::tempdir().unwrap();
    history::finished_runs(home.path(), 1000);
    let status = timed(5, "status", &[("KEYRELAY_STATE_DIR", home.path().to_owned())]);
    println!("of keyrelay status over 1,000 finished runs: {status}");
}
