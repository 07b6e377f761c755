//! The report, from journals that the driver that ships has written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod evidence_support;
mod world;

use evidence_support::*;
use keyrelay::evidence::{Report, Summary};
use keyrelay::rotation::plan::OnFailure;
use world::{Scene, Start, World};

fn dump(name: &str, world: &World) {
    let run = run(world);
    println!("==== {name}");
    for r in &run.records {
        println!(
            "{} {} {}",
            r.seq,
            r.at.unwrap(),
            serde_json::to_string(&r.event).unwrap().chars().take(150).collect::<String>()
        );
    }
    let report = Report::of(&run);
    println!(
        "{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}",
        report.outcome, report.steps, report.claims, report.credentials, report.consumers, report.course
    );
    println!("{:#?}", Summary::of(&run, Some("J".into())).lines());
}

#[test]
fn show() {
    let w = World::new(Scene { vaults: 2, consumers: true, ..Scene::default() });
    w.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    dump("waiting", &w);
    w.process(true, true, never).unwrap();
    dump("rolled back, published", &w);
    let w = World::new(Scene::default());
    w.process(false, false, kill_at("after-request:add-secret", 1)).unwrap_err();
    w.process(true, true, never).unwrap();
    dump("rolled back, unpublished", &w);
    let w = World::new(Scene { vaults: 2, ..Scene::default() });
    w.process(false, false, kill_at("after-intent:write-vault", 2)).unwrap_err();
    dump("interrupted", &w);
    w.process(true, false, never).unwrap();
    dump("resumed", &w);
    let w = World::new(Scene::default());
    w.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    write_by_hand(&w, 0);
    println!("{:?}", w.process(true, false, never));
    dump("vault changed", &w);
    let w = World::new(Scene { start: Start::None, on_failure: OnFailure::Rollback, ..Scene::default() });
    w.process(false, false, never).unwrap();
    dump("provisioned", &w);
    let w = World::new(Scene { start: Start::Expired, ..Scene::default() });
    w.process(false, false, never).unwrap();
    dump("repaired", &w);
    let w = World::new(Scene { consumers: true, ..Scene::default() });
    w.consumer_ok.set(false);
    println!("{:?}", w.process(false, false, never));
    dump("consumer", &w);
}
