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
mod report;
mod scene;
mod services;
mod state;
mod steps;

use explore::explore_all;
use report::Report;
use scene::{Scene, Start};

/// The baseline alive, absent and dead, each with room and with two secrets at most.
fn six(like: &Scene) -> Vec<Scene> {
    let starts = [Start::Alive, Start::None, Start::Dead];
    let both = |start| [false, true].map(|two_at_most| Scene { start, two_at_most, ..like.clone() });
    starts.into_iter().flat_map(both).collect()
}

fn search(suite: &str, scenes: &[Scene], most: usize) {
    let report = Report::new(suite);
    explore_all(scenes, most, |found| report.add(&found));
    report.finish();
}

#[test]
fn a_small_world_holds_no_surprise() {
    let one = Scene::default();
    let scenes = [
        Scene { losses: 0, ..one.clone() },
        Scene { crashes: 0, ..one.clone() },
        Scene { crashes: 0, two_at_most: true, vaults: 2, start: Start::None, ..one.clone() },
        Scene { two_at_most: true, start: Start::Dead, ..one },
    ];
    search("search-small", &scenes, usize::MAX);
}

/// `KEYRELAY_THOROUGH=1`, in release mode.
#[test]
fn every_state_holds_what_is_promised() {
    if std::env::var_os("KEYRELAY_THOROUGH").is_none() {
        return println!("skipped: KEYRELAY_THOROUGH is not set");
    }
    let one = Scene { crashes: 2, losses: 2, ..Scene::default() };
    let two = Scene { vaults: 2, ..Scene::default() };
    let mut scenes = six(&one);
    scenes.extend(six(&two));
    search("search", &scenes, usize::MAX);
}
