//! What the shipped binary leaves where others could look: its memory, and the arguments and environments of its children.
//!
//! The new value is taken from the state of the sandbox, which is another process, and the memory is read from here, a third one.
//! Where the tests do not run as root, the scan needs `cargo test --features memory-scan-test --test memory`.
#![cfg(target_os = "linux")]
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
    missing_docs
)]

#[path = "../binary/mod.rs"]
mod binary;
mod scan;

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use binary::scene::EAST;
use binary::{Book, Home, Scene, leaks};
use keyrelay::rotation::{Event, Step};
use keyrelay::run::{Record, Run};
use scan::{Finds, Needles, count};

/// Given to the process to hold, to see that the scan sees.
const MARKER: &str = "marker-b7Kx92QwLm4TzR8v";

/// A process that has just done something may need a moment to let go of it.
const A_MOMENT: Duration = Duration::from_secs(5);

/// A scan until it finds nothing of `name`, or for a moment.
fn settled(needles: &Needles, pid: u32, name: &str) -> io::Result<Finds> {
    let begun = Instant::now();
    loop {
        let finds = needles.find_in(pid)?;
        if count(&finds, name) == 0 || begun.elapsed() > A_MOMENT {
            return Ok(finds);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn has_signed_in(run: &Run) -> bool {
    run.records.iter().any(|r| matches!(&r.event, Record::Event(Event::SignedIn { .. })))
}

fn waits_in_the_overlap(run: &Run) -> bool {
    run.rotation.step() == Step::OverlapWait
}

#[test]
fn a_rotator_that_waits_holds_no_copy_of_any_value() {
    let home = Home::with(&Scene::living(&[EAST]));
    let before = leaks::secrets(&home);
    let book = home.runbook(&Book { window: "3s", overlap: "60s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait", "--reason", MARKER]);

    home.wait_for_run("a sign-in of the proof", has_signed_in);
    let secrets = leaks::secrets(&home);
    let added: Vec<&String> = secrets.difference(&before).collect();
    assert_eq!(added.len(), 1, "one value is new");
    let operator = fs::read_to_string(home.state().join("sandbox/operator-secret")).unwrap();
    let mut needles = Needles::default();
    needles.add("marker", MARKER);
    for secret in &secrets {
        let name = if secret == added[0] {
            "new"
        } else if secret == operator.trim() {
            "operator"
        } else {
            "old"
        };
        needles.add(name, secret);
        needles.add_fragments(name, secret, &secrets);
    }
    let finds = match needles.find_in(running.id()) {
        Ok(finds) => finds,
        Err(e) => {
            println!("skipped: the memory cannot be read ({e}); as root, or with --features memory-scan-test, it can");
            return;
        }
    };
    println!("during the proof: {} copies of the new value", count(&finds, "new, whole"));
    assert!(count(&finds, "new, whole, as it is") >= 1, "the value is held during the proof, and the scan sees it");

    home.wait_for_run("the overlap", waits_in_the_overlap);
    let finds = settled(&needles, running.id(), "new").unwrap();
    println!("during the overlap: {} copies of the operator's secret", count(&finds, "operator, whole"));
    let marker = finds.keys().any(|(what, place)| what == "marker, whole, as it is" && place == "[heap]");
    assert!(marker, "what was given to the process to hold is found on its heap: {finds:#?}");
    assert_eq!((count(&finds, "new"), count(&finds, "old")), (0, 0), "{finds:#?}");
    assert!(waits_in_the_overlap(&home.the_run()), "it still waits");
    running.kill();
}
