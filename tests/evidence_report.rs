//! The report, from journals that the driver that ships has written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod evidence_support;
mod world;

use evidence_support::*;
use keyrelay::evidence::{Report, Summary};
use world::{Scene, World};

#[test]
fn show() {
    let world = World::new(Scene { vaults: 2, consumers: true, foreign: 1, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let run = with_ids(&world);
    for r in &run.records {
        println!("{} {:?} {}", r.seq, r.at, serde_json::to_string(&r.event).unwrap().chars().take(260).collect::<String>());
    }
    println!("{}", keyrelay::evidence::markdown(&run));
    println!("{:#?}", Summary::of(&run, None).lines());
    println!("{}", serde_json::to_string_pretty(&Summary::of(&run, None)).unwrap());
    let _ = Report::of(&run);
}
