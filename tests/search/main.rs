//! Every state that a rotation can get into, searched breadth first: the rotation that ships, on the sandbox's cloud.
//!
//! A state is the rotation, the cloud, what a process has in memory, the requests that may still land and the values that
//! consumers may keep. From each the search takes every way on: the next step of the process with every answer that the services
//! may give; a kill, also while a request is under way; a request refused, applied with its answer lost, or landing later or
//! never; a list that shows a change or does not; one sign-in replica that knows a credential while the other does not; a
//! rollback; time. Steps take no time: whatever the world may do meanwhile it may do between any two of them.
//!
//! In every state S1 to S6, S10 and S11 of DESIGN must hold (`rotation::invariants`). S9 holds because a state is nothing but the
//! fold of its journal: there is no way on but `Rotation::apply`, and an event that it refuses is a violation. Then the graph of all states
//! is walked backwards: from every state an end can be reached without a further fault, a rollback where one is open, and a
//! run that nobody disturbs never goes round in circles.
//!
//! What is left open by the services is taken as badly as A1 and A2 allow, and no worse: a request whose connection is dead
//! lands before settle has passed or never, a list misses no change that is older, and from the proof window after the first
//! replica knows a credential all do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, clippy::unreachable, missing_docs)]

mod explore;
mod graph;
#[path = "../reliability/mod.rs"]
mod reliability;
mod report;
#[cfg(feature = "rules-off")]
mod rules_off;
mod scene;
mod services;
mod state;
mod steps;
mod words;

use std::time::Instant;

use explore::{Limit, explore, explore_all};
use keyrelay::rotation::plan::{Delete, OnFailure, Way};
use reliability::{Counts, soak, thorough};
use report::Report;
use scene::{Scene, Start};
use serde_json::json;

/// The baseline alive, absent and dead, each with room and with two secrets at most.
fn six(like: &Scene) -> Vec<Scene> {
    let starts = [Start::Alive, Start::None, Start::Dead];
    let both = |start| [false, true].map(|two_at_most| Scene { start, two_at_most, ..like.clone() });
    starts.into_iter().flat_map(both).collect()
}

fn search(suite: &str, scenes: &[Scene], limit: Limit) {
    let report = Report::new(suite, limit);
    explore_all(scenes, limit, |found| report.add(&found));
    report.finish();
}

#[test]
fn a_small_world_holds_no_surprise() {
    let one = Scene::default();
    let scenes = [
        Scene { losses: 0, ..one.clone() },
        Scene { crashes: 0, ..one.clone() },
        Scene { crashes: 0, two_at_most: true, vaults: 2, start: Start::None, ..one.clone() },
        Scene { drain: true, crashes: 0, losses: 0, ..one.clone() },
        Scene { two_at_most: true, start: Start::Dead, ..one },
    ];
    search("search-small", &scenes, Limit::NONE);
}

/// A secret has leaked: with a consumer that says what it uses, with one that cannot, revoked first, and where no vault serves it.
fn leaks() -> Vec<Scene> {
    let one = Scene::default();
    let replace = Scene { leak: Some(Way::Replace), consumer: true, ..one.clone() };
    vec![
        Scene { silent: true, overlap: 3, ..replace.clone() },
        Scene { accepts: true, ..replace.clone() },
        Scene { two_at_most: true, crashes: 0, ..replace },
        Scene { leak: Some(Way::RevokeFirst), ..one.clone() },
        Scene { leak: Some(Way::RevokeFirst), two_at_most: true, crashes: 0, ..one.clone() },
        Scene { leak: Some(Way::RevokeOnly), ..one },
    ]
}

#[test]
fn a_leak_is_answered_in_every_state() {
    // one of each at a time here; both together is for the thorough search
    let fewer = |(n, leak): (usize, Scene)| match leak.leak {
        Some(Way::Replace | Way::RevokeFirst) => {
            Scene { crashes: u8::from(n % 2 == 1), losses: u8::from(n % 2 == 0), ..leak }
        }
        Some(Way::RevokeOnly) | None => leak,
    };
    let scenes: Vec<Scene> = leaks().into_iter().enumerate().map(fewer).collect();
    search("search-leak", &scenes, Limit::NONE);
}

/// `KEYRELAY_THOROUGH=1`, in release mode.
#[test]
fn every_state_holds_what_is_promised() {
    if !thorough() {
        return println!("skipped: KEYRELAY_THOROUGH is not set");
    }
    let one = Scene { crashes: 2, losses: 2, ..Scene::default() };
    let two = Scene { vaults: 2, ..Scene::default() };
    let mut scenes = six(&one);
    scenes.extend(six(&two));
    scenes.extend(others());
    scenes.extend(leaks());
    scenes.extend(leaks().into_iter().filter(|leak| !leak.accepts).map(|leak| Scene { vaults: 2, ..leak }));
    search("search", &scenes, Limit::NONE);
}

/// What else a runbook may say and a day may bring, with a crash and a loss.
fn others() -> Vec<Scene> {
    let one = Scene::default();
    vec![
        // an overlap longer than settle
        Scene { overlap: 3, crashes: 2, ..one.clone() },
        Scene { overlap: 3, two_at_most: true, losses: 2, ..one.clone() },
        // a proof of several sign-ins
        Scene { window: 2, ..one.clone() },
        Scene { naps: 1, ..one.clone() },
        Scene { consumer: true, ..one.clone() },
        Scene { drain: true, ..one.clone() },
        Scene { drain: true, delete: Delete::OnRelease, vaults: 2, losses: 0, ..one.clone() },
        Scene { on_failure: OnFailure::Rollback, ..one.clone() },
        Scene { delete: Delete::OnRelease, ..one.clone() },
        Scene { delete: Delete::Never, ..one.clone() },
        Scene { vaults: 2, second_empty: true, ..one.clone() },
        Scene { vaults: 2, second_empty: true, strangers: 1, losses: 0, ..one.clone() },
        // somebody else's hand
        Scene { strangers: 1, ..one.clone() },
        Scene { strangers: 1, vaults: 2, losses: 0, ..one.clone() },
        Scene { strangers: 1, start: Start::Dying, ..one.clone() },
        Scene { strangers: 1, start: Start::Dying, vaults: 2, losses: 0, ..one },
    ]
}

/// `KEYRELAY_SOAK=1h`, in release mode: what takes about an hour and some 10 GB of memory, or as far as there is time.
#[test]
fn soak_of_more_crashes_and_losses() {
    let Some(time) = soak() else { return println!("skipped: KEYRELAY_SOAK is not set") };
    let mut scenes = Vec::new();
    for (crashes, losses, vaults) in [(3, 2, 1), (2, 3, 1), (2, 2, 2)] {
        scenes.extend(six(&Scene { crashes, losses, vaults, ..Scene::default() }));
    }
    search("search", &scenes, Limit { until: Some(Instant::now() + time), ..Limit::NONE });
}

/// The assumptions bear weight: without either, a promise is broken.
#[test]
fn without_a1_or_a2_nothing_can_be_promised() {
    let mut counts = Counts::new("search-controls", json!({}));
    for (scene, first) in [
        // a rollback ends, and the secret that it was to remove comes later
        (Scene { breaks_a1: true, losses: 0, ..Scene::default() }, "S6"),
        (Scene { breaks_a2: true, crashes: 0, losses: 0, ..Scene::default() }, "S1"),
    ] {
        let found = explore(&scene, Limit::NONE);
        let (broken, path) = found.broken.unwrap_or_else(|| panic!("{}: nothing was found", scene.name()));
        println!("{}: {broken}, {} steps\n  {}", scene.name(), path.len(), path.join("\n  "));
        assert_eq!(broken.rule, first);
        let assumption = if scene.breaks_a1 { "without A1" } else { "without A2" };
        counts.set(
            assumption,
            json!({ "found": broken.to_string(), "steps": path.len(), "states": found.graph.places.len() }),
        );
    }
    counts.keep();
}
