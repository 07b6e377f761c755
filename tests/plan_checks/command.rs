//! The shipped command: what it exits with, what it prints, and that nothing is different afterwards.

use keyrelay::sandbox::cloud::Audience;
use serde_json::Value;

use crate::binary::scene::EAST;
use crate::binary::{Book, Home, Ran, Scene, exit, truth};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))
}

/// The verdict of the first check of this name.
fn verdict(told: &Value, check: &str) -> String {
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["check"] == check).unwrap_or_else(|| panic!("no {check} in {told:#}"));
    found["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_that_may_run_exits_with_0() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book::one());
    // the first command starts the sandbox, which names its operator
    home.run(&["plan", &book]).exits(exit::DONE);
    let cloud = home.cloud();
    let ran = home.run(&["plan", &book, "--json"]).exits(exit::DONE);
    let told = json(&ran);
    assert_eq!((&told["schema"], &told["may_run"]), (&"keyrelay.plan/1".into(), &true.into()));
    assert_eq!(told["identity"]["client_id"], "5a9db0c5-09e4-4000-8000-000000000001");
    assert_eq!(verdict(&told, "baseline"), "ok");
    assert!(ran.stderr.contains("may run: yes"), "{}", ran.stderr);
    assert!(truth::same(&cloud, &home.cloud()), "plan changed something");
    assert!(home.runs().is_empty());
}

#[test]
fn a_plan_that_may_not_run_says_all_and_exits_with_50_as_rotate_does() {
    let mut scene = Scene::living(&[EAST]);
    scene.cloud.stage().audience(crate::binary::scene::APP, Audience::Personal).unwrap();
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let ran = home.run(&["plan", &book, "--json"]).exits(exit::REFUSED);
    let told = json(&ran);
    assert_eq!((&told["exit"], &told["may_run"]), (&50.into(), &false.into()));
    assert_eq!((verdict(&told, "room"), verdict(&told, "sign-in")), ("refused".to_owned(), "ok".to_owned()));
    assert!(ran.stderr.contains("may run: no (1 refused"), "{}", ran.stderr);
    let ran = home.run(&["rotate", &book]).exits(exit::REFUSED);
    assert!(ran.stderr.contains("error: the application may hold 2 secrets and holds:"), "{}", ran.stderr);
    assert!(home.runs().is_empty(), "refused, and nothing was written down");
}

#[test]
fn a_run_that_is_unfinished_is_one_check_among_others() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book { overlap: "1h", ..Book::one() });
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let told = json(&home.run(&["plan", &book, "--json"]).exits(exit::REFUSED));
    assert_eq!((verdict(&told, "unfinished-run"), verdict(&told, "baseline")), ("refused".to_owned(), "ok".to_owned()));
}

/// A runbook that is none is not looked at any further: the file comes first.
#[test]
fn a_runbook_with_a_mistake_is_refused_before_anything_is_asked() {
    let home = Home::empty();
    let book = home.runbook(&Book { fields: "overlapp = \"1h\"\n", ..Book::one() });
    let ran = home.run(&["plan", &book]).exits(exit::USAGE);
    assert!(ran.stderr.contains("overlapp"), "{}", ran.stderr);
}

/// A second runbook for the same application, whose vault got the same secret by hand: the journals here tell.
#[test]
fn a_secret_that_another_runbook_left_elsewhere_needs_a_word() {
    use crate::binary::scene::WEST;
    let home = Home::with(&Scene::living(&[EAST]));
    let east = home.runbook(&Book::one());
    home.run(&["rotate", &east, "--wait"]).exits(exit::DONE);
    let mut cloud = home.cloud();
    let (value, now) =
        (cloud.latest_version(EAST, crate::binary::scene::SECRET).unwrap().value.clone(), jiff::Timestamp::now());
    let hand = Home::with(&copied(&mut cloud, value, now));
    // the journal of the first goes along
    let journals = |home: &Home| home.state().join("journals");
    std::fs::create_dir_all(journals(&hand)).unwrap();
    for entry in std::fs::read_dir(journals(&home)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, journals(&hand).join(path.file_name().unwrap())).unwrap();
    }
    let west = hand.runbook(&Book { name: "west", vaults: vec![WEST], ..Book::one() });
    let told = json(&hand.run(&["plan", &west, "--json"]).exits(exit::REFUSED));
    assert_eq!(verdict(&told, "shared-secret"), "refused");
    let told = json(&hand.run(&["plan", &west, "--json", "--shared-key-ok"]).exits(exit::DONE));
    assert_eq!(verdict(&told, "shared-secret"), "warning");
}

/// The same value in the other vault, set by hand.
fn copied(
    cloud: &mut keyrelay::sandbox::cloud::Cloud,
    value: keyrelay::sandbox::cloud::Value,
    now: jiff::Timestamp,
) -> Scene {
    let mut scene = Scene { cloud: cloud.clone(), then: now };
    scene.publish(crate::binary::scene::WEST, &value);
    scene
}
