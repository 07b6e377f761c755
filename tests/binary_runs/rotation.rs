//! Rotations from start to end through the shipped binary, judged by the sandbox's own state.

use crate::binary::scene::{EAST, WEST};
use crate::binary::truth::{assert_completed, assert_over};
use crate::binary::{Book, Home, Scene, exit, truth};

#[test]
fn five_steps_from_start_to_end_and_again() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    let first = assert_completed(&home, &scene.cloud, &home.the_run());
    let between = home.cloud();
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    let second = home.newest();
    assert_eq!(truth::old_key(&second), Some(first), "the second replaces what the first has made");
    let second = assert_completed(&home, &between, &second);
    assert_ne!(first, second);
    assert_over(&home);
}

#[test]
fn a_newcomer_has_nothing_and_gets_a_rotation() {
    let home = Home::empty();
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    let (cloud, run) = (home.cloud(), home.the_run());
    assert_eq!(truth::living(&cloud).len(), 1, "the seeded secret is gone");
    assert_eq!(truth::own(&cloud, &run).first().copied(), truth::served(&cloud, EAST));
}

#[test]
fn the_overlap_needs_no_process() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { overlap: "5s", ..Book::one() });
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let both = truth::living(&home.cloud()).len();
    assert_eq!(both, 3, "both work, and somebody else's");
    let (journals, cloud) = (home.journal_bytes(), home.cloud_bytes());
    home.run(&["resume", "--no-wait"]).exits(exit::WAITING);
    home.run(&["resume", &book, "--no-wait", "--waiting-ok"]).exits(exit::DONE);
    assert_eq!(journals, home.journal_bytes(), "what is not due is not written down");
    assert_eq!(cloud, home.cloud_bytes());
    let run = home.the_run();
    let left = run.rotation.deadline().unwrap().duration_since(jiff::Timestamp::now());
    // service time may lag by a second: a `Date` has whole seconds
    std::thread::sleep(left.max(jiff::SignedDuration::ZERO).unsigned_abs() + std::time::Duration::from_secs(1));
    let run = run.start.plan.run.to_string();
    home.run(&["resume", &run, "--no-wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    assert_over(&home);
}

#[test]
fn waiting_can_be_as_good_as_done() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book { overlap: "1h", ..Book::one() });
    home.run(&["rotate", &book, "--no-wait", "--waiting-ok"]).exits(exit::DONE);
    home.run(&["rotate", &book, "--no-wait", "--if-expires-within", "1d"]).exits(exit::WAITING);
    home.run(&["resume", "--all", "--no-wait"]).exits(exit::WAITING);
}

#[test]
fn two_vaults_get_the_same_value() {
    let scene = Scene::living(&[EAST, WEST]);
    let home = Home::with(&scene).realistic();
    let book = home.runbook(&Book { window: "2s", settle: "3s", ..Book::two() });
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_schedule_does_what_is_due_and_nothing_else() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    // it ends in 180 days less an hour
    home.run(&["rotate", &book, "--if-expires-within", "30d"]).exits(exit::DONE);
    assert!(home.runs().is_empty() && truth::same(&scene.cloud, &home.cloud()), "not due");
    home.killed_at("after-outcome:write-vault", &["rotate", &book, "--if-expires-within", "200d", "--wait"]);
    home.run(&["rotate", &book]).exits(exit::REFUSED);
    home.run(&["rotate", &book, "--if-expires-within", "1d", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_runbook_that_names_a_journal_folder_is_gone_on_with_as_the_last_command_said() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { fields: "journal = \"runs\"\n", ..Book::one() });
    let ran = home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let journal = ran.stderr.lines().find_map(|l| l.strip_prefix("Journal: ")).unwrap().to_owned();
    assert!(std::path::Path::new(&journal).parent().unwrap().ends_with("runs"), "{journal}");
    assert!(ran.stderr.contains(&format!("`keyrelay resume {journal}`")), "{}", ran.stderr);
    home.run(&["status", &journal]).exits(exit::DONE);
    home.run(&["resume", &journal, "--wait"]).exits(exit::DONE);
    home.run(&["resume", &book]).exits(exit::DONE);
}

#[test]
fn the_old_secret_outlives_a_consumer_that_reports_it_and_the_evidence_says_what_was_shown() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let reports = |script: &str| format!("{{ command = [\"sh\", \"-c\", '{script}'] }}");
    let (ready, restarted) = (home.path().join("ready"), home.path().join("restarted"));
    let tables = format!(
        "[[consumer]]\nname = \"quick\"\nrefresh = {}\ncheck = {}\n[[consumer]]\nname = \"lazy\"\nrefresh = {}\ncheck = {}\n",
        // fails the first time
        reports(&format!("test -e {0} || {{ touch {0}; exit 1; }}", ready.display())),
        reports("echo serving with $KEYRELAY_NEW_KEY_ID"),
        reports("true"),
        reports(&format!("test -e {} || echo serving with $KEYRELAY_OLD_KEY_ID", restarted.display())),
    );
    let book = home.runbook(&Book { tables: tables.leak(), ..Book::one() });
    let ran = home.run(&["rotate", &book, "--wait"]).exits(30);
    assert!(ran.stderr.contains("The consumer lazy reported a key ID that is about to be removed."), "{}", ran.stderr);
    let old = truth::old_key(&home.the_run()).unwrap();
    assert!(truth::living(&home.cloud()).iter().any(|(key_id, _)| *key_id == old), "the old secret is there still");
    std::fs::write(&restarted, "").unwrap();
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    let run = home.the_run().start.plan.run.to_string();
    let evidence = home.run(&["evidence", &run, "--format", "json"]).exits(exit::DONE);
    let report: serde_json::Value = serde_json::from_str(&evidence.stdout).unwrap();
    let proofs: Vec<_> = (0..2).map(|n| report["consumers"][n]["proof"].as_str().unwrap()).collect();
    // the second was shown to use the old one after its cache had elapsed, and did not say afterwards which it uses
    assert_eq!(proofs, ["adopted", "healthy_only"], "{:#}", report["consumers"]);
    assert!(report["consumers"][0]["at"].is_string());
    let answers = report["consumers"][1]["answers"].as_array().unwrap();
    let reported: Vec<_> = answers.iter().map(|a| a["reported"].as_str()).collect();
    assert_eq!(
        reported,
        [None, Some("old"), Some("old"), Some("neither")],
        "refreshed, checked, asked before the removal, and again"
    );
}
