//! Other people: a second writer, hands in the cloud, holds and releases, a run that is given up, a journal that is lost.

use crate::binary::scene::{EAST, WEST};
use crate::binary::truth::{assert_completed, assert_rolled_back, by_hand, end, latest, living, own, same, served};
use crate::binary::{Book, Home, Scene, exit, truth};
use keyrelay::rotation::{End, Phase};
use keyrelay::run::Run;

fn overlaps(run: &Run) -> bool {
    *run.rotation.phase() == Phase::Wait
}

#[test]
fn a_second_writer_is_kept_out() {
    let scene = Scene::living(&[EAST, WEST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::two());
    // another runbook, and so another target: the application and one of the vaults are the same
    let other = home.runbook(&Book { name: "other", ..Book::one() });
    let running = home.until("after-outcome:add-secret", &["rotate", &book]).unwrap();
    let run = home.the_run().start.plan.run.to_string();
    let (cloud, journals) = (home.cloud(), home.journal_bytes());
    for args in [
        vec!["rotate", &other, "--wait"],
        vec!["rotate", &book, "--if-expires-within", "300d"],
        vec!["resume", "--wait"],
        vec!["resume", &run, "--wait"],
        vec!["resume", "--all"],
        vec!["rollback", &run, "--wait"],
        vec!["abandon", &run, "--reason", "a second writer"],
    ] {
        home.run(&args).exits(exit::HELD);
        assert!(same(&cloud, &home.cloud()) && journals == home.journal_bytes(), "{args:?} has changed something");
    }
    home.run(&["status", &run]).exits(exit::DONE);
    running.kill();
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_run_yields_to_another_of_the_same_target() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { window: "3s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait"]);
    home.wait_for("the first attempt", |cloud| living(cloud).len() == 3);
    let theirs = crate::binary::by_hand::add_password(&home, &crate::binary::by_hand::tag_of_another_run(&home));
    running.ended().exits(exit::ROLLED_BACK);
    let (cloud, run) = (home.cloud(), home.the_run());
    assert_eq!(end(&run), Some(End::RolledBack));
    assert!(own(&cloud, &run).is_empty(), "ours is gone");
    assert!(living(&cloud).iter().any(|(key_id, _)| key_id.to_string() == theirs), "theirs is not ours to remove");
    assert_eq!((by_hand(&cloud), served(&cloud, EAST)), (by_hand(&scene.cloud), served(&scene.cloud, EAST)));
    // they are still at work, as far as anybody here can know
    home.run(&["rotate", &book]).exits(exit::REFUSED);
}

#[test]
fn a_vault_that_is_edited_before_the_publish_is_left_alone() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { window: "3s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait"]);
    home.wait_for("the first attempt", |cloud| living(cloud).len() == 3);
    let theirs = crate::binary::by_hand::set_secret(&home, EAST, "set-by-hand-before-the-publish");
    running.ended().exits(exit::ROLLED_BACK);
    let (cloud, run) = (home.cloud(), home.the_run());
    assert_eq!(end(&run), Some(End::RolledBack));
    assert_eq!(latest(&cloud, EAST).id, theirs, "what they have set is what is served");
    assert_eq!(living(&cloud), living(&scene.cloud), "ours is gone, nobody else's was touched");
}

#[test]
fn a_vault_that_is_edited_during_the_overlap_stops_the_run() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "3s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait"]);
    home.wait_for_run("the overlap", overlaps);
    let theirs = crate::binary::by_hand::set_secret(&home, EAST, "set-by-hand-during-the-overlap");
    running.ended().exits(exit::NEEDS_OPERATOR);
    let stopped = living(&home.cloud());
    assert_eq!(stopped.len(), 3, "nothing was removed");
    home.run(&["resume", "--wait"]).exits(exit::NEEDS_OPERATOR);
    home.run(&["rollback", &book, "--wait"]).exits(exit::NEEDS_OPERATOR);
    assert_eq!((living(&home.cloud()), latest(&home.cloud(), EAST).id.clone()), (stopped, theirs), "nor changed");
    let run = home.the_run().start.plan.run.to_string();
    home.run(&["abandon", &run, "--reason", "they know what they do"]).exits(exit::DONE);
    assert_eq!(end(&home.the_run()), Some(End::Abandoned));
    home.run(&["resume"]).exits(exit::DONE);
}

#[test]
fn a_hold_keeps_the_old_secret_until_it_is_released() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "2s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait"]);
    home.wait_for_run("the overlap", overlaps);
    let run = home.the_run().start.plan.run.to_string();
    home.run(&["hold", &run, "--for", "1h", "--reason", "a batch job is not done"]).exits(exit::DONE);
    // the overlap and its rounding are over, and a removal would have been seen by now
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(living(&home.cloud()).len(), 3, "the old secret is kept");
    assert_eq!(end(&home.the_run()), None);
    home.run(&["release", &run, "--reason", "it is done"]).exits(exit::DONE);
    running.ended().exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    home.run(&["hold", &run, "--reason", "too late"]).exits(exit::REFUSED);
    home.run(&["release", &run, "--reason", "too late"]).exits(exit::REFUSED);
}

#[test]
fn a_hold_after_the_removal_was_begun_says_that_it_comes_too_late() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-request:remove-secret", &["rotate", &book, "--wait"]);
    let run = home.the_run().start.plan.run.to_string();
    home.run(&["hold", &run, "--reason", "too late"]).exits(exit::REFUSED);
    home.run(&["rollback", &run, "--wait"]).exits(exit::REFUSED);
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_hold_is_heard_by_the_process_that_resumes() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    home.run(&["hold", &book, "--for", "1h", "--reason", "not yet"]).exits(exit::DONE);
    let told = home.run(&["status", &book]).exits(exit::DONE);
    let line = told.stderr.lines().find(|l| l.starts_with("Not in the journal yet: ")).unwrap_or_default();
    assert!(line.contains(" holds the old secret until 20") && line.ends_with(": not yet"), "{}", told.stderr);
    std::thread::sleep(std::time::Duration::from_secs(2));
    home.run(&["resume", "--no-wait"]).exits(exit::WAITING);
    let told = home.run(&["status", &book, "--live", "--json"]).exits(exit::DONE);
    assert!(!told.stderr.contains("Not in the journal yet"), "it has been heard");
    let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let (state, live) = (&json["state"], &json["live"]["verdict"]);
    assert_eq!((state.as_str(), live.as_str()), (Some("waiting"), Some("signs_in")), "{}", told.stdout);
    home.run(&["status", "--live"]).exits(exit::USAGE);
    assert_eq!(living(&home.cloud()).len(), 3, "the old secret is kept");
    home.run(&["release", &book, "--reason", "now"]).exits(exit::DONE);
    home.run(&["resume", "--no-wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_runbook_can_ask_for_a_release() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { fields: "delete = \"on-release\"", ..Book::one() });
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    std::thread::sleep(std::time::Duration::from_secs(2));
    home.run(&["resume", "--no-wait"]).exits(exit::WAITING);
    home.run(&["resume", "--no-wait"]).exits(exit::WAITING);
    assert_eq!(living(&home.cloud()).len(), 3, "the old secret is kept");
    home.run(&["release", &book, "--reason", "everybody has moved"]).exits(exit::DONE);
    home.run(&["resume", "--no-wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_release_that_does_not_come_needs_an_operator() {
    let home = Home::with(&Scene::living(&[EAST]));
    let fields = "delete = \"on-release\"\nrelease_within = \"1s\"";
    let book = home.runbook(&Book { fields, ..Book::one() });
    home.run(&["rotate", &book, "--wait"]).exits(exit::NEEDS_OPERATOR);
    assert_eq!(living(&home.cloud()).len(), 3, "the old secret is kept");
}

#[test]
fn a_runbook_can_keep_the_old_secret() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { fields: "delete = \"never\"", ..Book::one() });
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    let (cloud, run) = (home.cloud(), home.the_run());
    assert_eq!(end(&run), Some(End::Completed));
    assert_eq!(by_hand(&cloud), by_hand(&scene.cloud), "the old secret is kept");
    assert_eq!(own(&cloud, &run).into_iter().collect::<Vec<_>>(), [served(&cloud, EAST).unwrap()]);
}

#[test]
fn a_run_that_is_given_up_is_closed_as_it_stands() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-outcome:add-secret", &["rotate", &book]);
    let (run, cloud) = (home.the_run().start.plan.run.to_string(), home.cloud());
    home.run(&["abandon", &run, "--reason", "the application goes away"]).exits(exit::DONE);
    assert_eq!(end(&home.the_run()), Some(End::Abandoned));
    assert!(same(&cloud, &home.cloud()));
    home.run(&["abandon", &run, "--reason", "twice"]).exits(exit::REFUSED);
    home.run(&["rollback", &run]).exits(exit::REFUSED);
    truth::assert_over(&home);
    // what it left behind is known, and does not keep the next one from starting
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    let next = home.runs().into_iter().find(|r| r.start.plan.run.as_str() != run).unwrap();
    assert_completed(&home, &cloud, &next);
}

#[test]
fn a_lost_journal_is_rebuilt_and_the_run_goes_on() {
    for (place, vaults) in [("after-outcome:write-vault", Book::two()), ("waiting:overlap", Book::one())] {
        let half_written = vaults.vaults.len() == 2;
        let scene = Scene::living(&vaults.vaults);
        let home = Home::with(&scene);
        let book = home.runbook(&vaults);
        home.killed_at(place, &["rotate", &book, "--wait"]);
        let lost = home.the_run();
        std::fs::remove_file(home.journals().file(&lost.start.plan.run)).unwrap();
        if half_written {
            // with one vault a lost run cannot be told from a finished one: its tag is lawful where the vault serves it
            home.run(&["rotate", &book, "--wait"]).exits(exit::REFUSED);
        }
        home.run(&["adopt", &book]).exits(exit::DONE);
        let rebuilt = home.the_run();
        assert!(rebuilt.start.rebuilt);
        assert_eq!(rebuilt.start.plan.run, lost.start.plan.run, "{place}: the same run");
        assert_eq!(rebuilt.start.plan.baseline, lost.start.plan.baseline, "{place}: which replaces the same");
        assert_eq!(rebuilt.start.plan.vaults, lost.start.plan.vaults, "{place}: in the same versions");
        home.run(&["resume", "--wait"]).exits(exit::DONE);
        assert_completed(&home, &scene.cloud, &home.the_run());
    }
}

#[test]
fn a_lost_journal_is_rebuilt_and_the_run_goes_back() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-outcome:write-vault", &["rotate", &book]);
    std::fs::remove_dir_all(home.journals().path()).unwrap();
    home.run(&["adopt", &book]).exits(exit::DONE);
    home.run(&["rollback", &book, "--wait"]).exits(exit::ROLLED_BACK);
    assert_rolled_back(&home, &scene.cloud, &home.the_run());
    home.run(&["adopt", &book]).exits(exit::REFUSED);
}
