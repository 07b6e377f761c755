//! The first signal stops at the next checkpoint, the second at once; either way the run goes on later.

use std::time::{Duration, Instant};

use crate::binary::scene::EAST;
use crate::binary::truth::assert_completed;
use crate::binary::{Book, Home, Scene, exit};
use keyrelay::rotation::Phase;
use rustix::process::{Pid, Signal, kill_process};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn the_first_signal_stops_at_a_checkpoint_and_the_run_is_resumed() {
    crate::binary::all_at_once(&[Signal::TERM, Signal::INT], |kind| {
        let scene = Scene::living(&[EAST]);
        let home = Home::with(&scene);
        let book = home.runbook(&Book { overlap: "6s", ..Book::one() });
        let running = home.start(&["rotate", &book, "--wait", "--json"]);
        home.wait_for_run("the overlap", |run| *run.rotation.phase() == Phase::Wait);
        let asked = Instant::now();
        signal(running.id(), *kind);
        let ran = running.ended().exits(i32::from(keyrelay::error::exit::INTERRUPTED));
        assert!(asked.elapsed() < Duration::from_secs(4), "it waited for the overlap");
        let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(said["state"], "interrupted");
        assert!(home.the_run().rotation.in_flight().is_none());
        home.run(&["resume", "--wait"]).exits(exit::DONE);
        assert_completed(&home, &scene.cloud, &home.the_run());
    });
}

#[test]
fn the_second_signal_ends_at_once() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    // slow the first time only: the way back refreshes it too
    let been = tempfile::tempdir().unwrap();
    let slow = format!("test -e {0}/been || {{ touch {0}/been; sleep 50; }}", been.path().display());
    let consumer = format!(
        "\n[[consumer]]\nname = \"slow\"\nrefresh = {{ command = [\"sh\", \"-c\", '{slow}'], timeout = \"60s\" }}\n"
    );
    let book = home.runbook(&Book { tables: consumer.leak(), ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait"]);
    home.wait_for_run("the consumers", |run| *run.rotation.phase() == Phase::Consumers);
    while !been.path().join("been").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    signal(running.id(), Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    signal(running.id(), Signal::TERM);
    running.ended().exits(i32::from(keyrelay::error::exit::INTERRUPTED));
    assert!(asked.elapsed() < Duration::from_secs(20), "it waited for the consumer");
    home.run(&["rollback", &book, "--wait"]).exits(exit::ROLLED_BACK);
}
