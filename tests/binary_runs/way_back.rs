//! The way back, and what there is to go back to: rollback, provisioning, repair, an application without room.

use crate::binary::scene::{APP, EAST, WEST};
use crate::binary::truth::{assert_completed, assert_over, assert_rolled_back, living, own, same, served};
use crate::binary::{Book, Home, Scene, exit, truth};
use jiff::Timestamp;
use keyrelay::sandbox::cloud::Audience;

#[test]
fn a_rollback_during_the_overlap_puts_the_old_value_back() {
    let scene = Scene::living(&[EAST, WEST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "2s", ..Book::two() });
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let new = own(&home.cloud(), &home.the_run());
    assert_eq!(served(&home.cloud(), WEST), new.first().copied());
    home.run(&["rollback", &book, "--wait"]).exits(exit::ROLLED_BACK);
    assert_rolled_back(&home, &scene.cloud, &home.the_run());
    let (cloud, run) = (home.cloud(), home.the_run());
    for host in [EAST, WEST] {
        let tag: keyrelay::rotation::names::Tag = truth::latest(&cloud, host).tags["keyrelay"].parse().unwrap();
        assert_eq!((tag.run, tag.attempt), (run.start.plan.run.clone(), 0), "{host}: a restored baseline says so");
    }
    assert_over(&home);
    // what has ended is not turned back a second time, and the next run begins from there
    home.run(&["rollback", &book]).exits(exit::REFUSED);
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    assert_completed(&home, &cloud, &home.newest());
}

#[test]
fn a_rollback_need_not_wait_either() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "4s", ..Book::one() });
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    home.run(&["rollback", &book, "--no-wait"]).exits(exit::WAITING);
    assert_eq!(living(&home.cloud()).len(), 3, "whoever has read the new value can still sign in");
    home.run(&["resume", "--wait"]).exits(exit::ROLLED_BACK);
    assert_rolled_back(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_new_integration_is_provided_with_a_secret() {
    let scene = Scene::bare(Audience::MyOrg);
    let home = Home::with(&scene);
    home.run(&["rotate", &home.runbook(&Book::two()), "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    assert_eq!(living(&home.cloud()).len(), 1);
}

#[test]
fn a_new_integration_that_is_rolled_back_leaves_its_version_disabled() {
    let scene = Scene::bare(Audience::MyOrg);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    home.run(&["rollback", &book, "--wait"]).exits(exit::ROLLED_BACK);
    let cloud = home.cloud();
    assert!(living(&cloud).is_empty());
    assert!(!truth::latest(&cloud, EAST).enabled, "consumers get nothing, as before");
    assert_over(&home);
    // to the next run the vault is as good as empty
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    assert_eq!(own(&home.cloud(), &home.newest()).first().copied(), served(&home.cloud(), EAST));
}

#[test]
fn a_repair_replaces_what_has_expired_and_removes_it() {
    let scene = Scene::expired(&[EAST]);
    let home = Home::with(&scene);
    home.run(&["rotate", &home.runbook(&Book::one()), "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_published_repair_has_nothing_to_go_back_to() {
    let scene = Scene::expired(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let (cloud, journals) = (home.cloud_bytes(), home.journal_bytes());
    home.run(&["rollback", &book, "--wait"]).exits(exit::REFUSED);
    assert!(cloud == home.cloud_bytes() && journals == home.journal_bytes(), "nothing was changed");
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_repair_that_nobody_has_read_can_be_withdrawn() {
    let scene = Scene::expired(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-outcome:add-secret", &["rotate", &book]);
    home.run(&["rollback", &book, "--wait"]).exits(exit::ROLLED_BACK);
    assert_rolled_back(&home, &scene.cloud, &home.the_run());
}

/// Personal accounts: two secrets at most.
fn cramped(others: usize) -> Scene {
    let mut scene = Scene::bare(Audience::OrgsAndPersonal);
    let old = scene.add("made by hand", None);
    scene.publish(EAST, &old.value);
    (0..others).for_each(|_| drop(scene.add("somebody else's", None)));
    scene
}

#[test]
fn without_room_nothing_begins() {
    let scene = cramped(1);
    let home = Home::with(&scene);
    home.run(&["rotate", &home.runbook(&Book::one())]).exits(exit::REFUSED);
    assert!(home.runs().is_empty() && same(&scene.cloud, &home.cloud()));
}

#[test]
fn an_abandoned_attempt_makes_way() {
    let scene = cramped(0);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-outcome:add-secret", &["rotate", &book]);
    let lost = own(&home.cloud(), &home.the_run());
    assert_eq!((lost.len(), living(&home.cloud()).len()), (1, 2), "both places are taken");
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    let new = assert_completed(&home, &scene.cloud, &home.the_run());
    assert!(!lost.contains(&new));
    assert_eq!(home.the_run().rotation.attempts().len(), 2);
}

#[test]
fn an_answer_that_was_lost_makes_way_too() {
    let scene = cramped(0);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-request:add-secret", &["rotate", &book]);
    assert_eq!(home.cloud().standings(Timestamp::now(), APP).len(), 2, "it was applied, and the journal does not know");
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}
