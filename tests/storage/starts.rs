//! Many processes at once: one works, the others are told and change nothing. Eight of them, once; where there is time, 64, fifty
//! times.

use std::fs;

use keyrelay::rotation::Phase;
use serde_json::json;

use crate::binary::leaks::{Searched, nothing_leaked};
use crate::binary::scene::EAST;
use crate::binary::truth::{assert_completed, assert_over, own};
use crate::binary::{Book, Home, Ran, Running, Scene, exit};
use crate::reliability::{Counts, number, thorough};

fn rounds(what: &str, mut round: impl FnMut(u64) -> Searched) {
    let (starts, rounds) = if thorough() { (64, 50) } else { (8, 1) };
    let (starts, rounds) = (number("KEYRELAY_STARTS", starts), number("KEYRELAY_ROUNDS", rounds));
    let mut counts = Counts::new(format!("locks-{what}"), json!({ "at once": starts, "rounds": rounds }));
    let mut searched = Searched::default();
    (0..rounds).for_each(|_| searched += round(starts));
    counts.set("starts", starts * rounds);
    counts.set("worked", rounds);
    counts.set("searched for secrets", searched.json());
    counts.keep();
}

fn told_who_works(ran: Ran) {
    let ran = ran.exits(exit::HELD);
    assert!(ran.stderr.contains("is being worked on by") && ran.stderr.contains("Nothing was changed."), "{ran:?}");
}

/// All begin a run; the one that got in stands still after its first request, and is killed: the next one takes the run over.
#[test]
fn of_many_rotations_at_once_one_works() {
    const PLACE: &str = "after-outcome:add-secret";
    rounds("rotate", |starts| {
        let scene = Scene::living(&[EAST]);
        let home = Home::with(&scene);
        let book = home.runbook(&Book::one());
        let start = |_| {
            let mut command = home.command(&["rotate", &book, "--wait"]);
            command.env("KEYRELAY_SANDBOX_PAUSE_AT", PLACE);
            home.spawn(command)
        };
        let all: Vec<Running> = (0..starts).map(start).collect();
        let mut holder = None;
        for running in all {
            match running.stands_still(PLACE) {
                Ok(running) => assert!(holder.replace(running).is_none(), "two got in"),
                // it came after the winner had begun a journal: that it is unfinished is seen before the locks are
                Err(ran) if ran.code == Some(exit::REFUSED) => assert!(ran.stderr.contains("unfinished"), "{ran:?}"),
                Err(ran) => told_who_works(ran),
            }
        }
        let holder = holder.expect("one works");
        let run = home.the_run();
        assert_eq!(own(&home.cloud(), &run).len(), 1, "one secret was added");
        let before = (home.cloud_bytes(), home.journal_bytes());
        told_who_works(home.run(&["resume"]));
        assert!(before == (home.cloud_bytes(), home.journal_bytes()), "who was told changed nothing");
        holder.kill();
        home.run(&["resume", "--wait"]).exits(exit::DONE);
        assert_completed(&home, &scene.cloud, &home.the_run());
        assert_over(&home);
        nothing_leaked(&home)
    });
}

/// All take over the run of a process that was killed. Those that come when it is over find nothing to do.
#[test]
fn of_many_resumes_at_once_one_works() {
    rounds("resume", |starts| {
        let scene = Scene::living(&[EAST]);
        let home = Home::with(&scene);
        let book = home.runbook(&Book::one());
        home.killed_at("after-request:write-vault", &["rotate", &book, "--wait"]);
        let run = home.the_run().start.plan.run;
        let all: Vec<Running> = (0..starts).map(|_| home.start(&["resume", run.as_str(), "--wait"])).collect();
        let ended: Vec<Ran> = all.into_iter().map(Running::ended).collect();
        assert!(ended.iter().any(|ran| ran.code == Some(exit::DONE)), "{ended:?}");
        for ran in ended.into_iter().filter(|ran| ran.code != Some(exit::DONE)) {
            told_who_works(ran);
        }
        let ended = home.the_run();
        let resumed = |r: &&keyrelay::run::Numbered| serde_json::to_value(&r.event).unwrap()["is"] == "resumed";
        assert_eq!(ended.records.iter().filter(resumed).count(), 1, "one took it over");
        assert_completed(&home, &scene.cloud, &ended);
        assert_over(&home);
        nothing_leaked(&home)
    });
}

/// Somebody tidies up and removes the lock files of a process that waits: it notices before it does anything more, and stops.
#[test]
fn a_process_whose_lock_files_are_removed_stops_before_the_next_request() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "2s", ..Book::one() });
    let working = home.start(&["rotate", &book, "--wait"]);
    home.wait_for_run("the overlap", |run| matches!(run.rotation.phase(), Phase::Wait));
    let before = home.cloud_bytes();
    let locks: Vec<_> = fs::read_dir(home.state().join("locks")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(locks.len() >= 3, "{locks:?}");
    locks.iter().for_each(|lock| fs::remove_file(lock).unwrap());
    let ran = working.ended().exits(exit::INTERRUPTED);
    assert!(ran.stderr.contains("was removed or replaced"), "{ran:?}");
    assert_eq!(own(&home.cloud(), &home.the_run()).len(), 1);
    let removed = |cloud: &keyrelay::sandbox::cloud::Cloud| crate::binary::truth::living(cloud).len();
    let before: keyrelay::sandbox::cloud::Cloud = serde_json::from_slice(&before).unwrap();
    assert_eq!(removed(&before), removed(&home.cloud()), "nothing was removed");
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}
