//! A secret has leaked: the shipped binary against the sandbox, from the command to the proof that it is dead.

use std::io::{Seek, Write};

use crate::binary::leaks::{Needles, hunt, secrets};
use crate::binary::scene::{CLIENT, EAST, SECRET, WEST};
use crate::binary::truth::{assert_completed, assert_over, living, same, served};
use crate::binary::{Book, Home, Ran, Scene, exit};
use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::Death;
use keyrelay::sandbox::cloud::{Audience, Cloud, NewPassword, Role, SignInRecord, SignInSeries};
use serde_json::Value;

/// A secret in these vaults, and another that no vault serves any more but an older version of the first one holds.
fn scene(vaults: &[&str]) -> (Scene, NewPassword, NewPassword) {
    let mut scene = Scene::bare(Audience::MyOrg);
    let (older, served) = (scene.add("the one before", None), scene.add("made by hand", None));
    scene.publish(vaults[0], &older.value);
    vaults.iter().for_each(|host| drop(scene.publish(host, &served.value)));
    (scene, served, older)
}

/// Once a minute from five hours ago on, forty times, from an address that no runbook expects.
fn somebody_signs_in(cloud: &mut Cloud, key_id: uuid::Uuid) {
    let first = SignInRecord {
        at: Timestamp::now() - SignedDuration::from_hours(5),
        client_id: CLIENT,
        key_id: Some(key_id),
        resource: None,
        address: "203.0.113.7".parse().unwrap(),
        correlation_id: None,
        error: 0,
    };
    cloud.stage().sign_ins(SignInSeries { first, every: SignedDuration::from_mins(1), count: 40 });
}

fn text(made: &NewPassword) -> String {
    serde_json::to_value(&made.value).unwrap().as_str().unwrap().to_owned()
}

/// With this on stdin.
fn piped(home: &Home, stdin: &str, args: &[&str]) -> Ran {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(stdin.as_bytes()).unwrap();
    file.rewind().unwrap();
    let mut command = home.command(args);
    command.stdin(file);
    home.spawn(command).ended()
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is a time")).parse().unwrap()
}

fn lives(cloud: &Cloud, key_id: uuid::Uuid) -> bool {
    living(cloud).iter().any(|(k, _)| *k == key_id)
}

#[test]
fn a_leaked_secret_is_replaced_removed_and_proven_dead() {
    let (mut scene, leaked, _) = scene(&[EAST, WEST]);
    scene.cloud.stage().grant(CLIENT, Role::MailReadWrite).unwrap();
    let home = Home::with(&scene);
    let book = home.runbook(&Book { tables: "[emergency]\nproof = \"200ms\"\n", ..Book::two() });
    let args = ["rotate", &book, "--emergency", "--leaked-from-stdin", "--disable-old-version", "--json"];
    let exposed = ["--exposed-at", "2026-01-01T01:00:00+01:00", "--ticket", "INC-7"];
    let ran = piped(&home, &format!("  {}\r\n", text(&leaked)), &[&args[..], &exposed].concat()).exits(exit::DONE);
    let new = assert_completed(&home, &scene.cloud, &home.the_run());
    assert_ne!(new, leaked.key_id);
    let facts = json(&ran);
    assert_eq!(facts["leaked_key_id"], leaked.key_id.to_string());
    assert_eq!(facts["exposed_at"], "2026-01-01T00:00:00Z");
    let (removed, refused, dead) =
        (time(&facts["removed_at"]), time(&facts["first_refused_at"]), time(&facts["proven_dead_at"]));
    assert!(removed <= refused && refused < dead, "{facts:#}");
    // the sandbox's tokens live for 3599 seconds; the last one was issued before the row of refusals began
    let tail = time(&facts["token_tail_until"]).duration_since(refused).as_secs();
    assert!((3598..=3602).contains(&tail), "{tail}");
    assert!(facts["seconds_to_refusal"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&facts["sign_ins"]["known"], &facts["sign_ins"]["unexpected"]),
        (&Value::Bool(false), &Value::from(Vec::<Value>::new()))
    );
    for host in [EAST, WEST] {
        let versions = home.cloud();
        let versions = versions.secret_versions(host, SECRET).unwrap();
        let enabled = versions.iter().filter(|v| v.enabled).count();
        // the one that is served; in the first vault also that of another secret, which did not leak
        assert_eq!(enabled, if host == EAST { 2 } else { 1 }, "{host}");
    }
    assert!(ran.stderr.contains("the leaked value is proven dead"), "{}", ran.stderr);
    let report = std::fs::read_to_string(facts["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("## The leaked secret") && report.contains("proven dead at"), "{report}");
    assert!(report.contains("| Mail.ReadWrite | Microsoft Graph | EVERYBODY'S DATA |"), "{report}");
    let found = hunt(&home, &Needles::of(&secrets(&home)));
    assert!(found.is_empty(), "{found:?}");
    assert_over(&home);
}

#[test]
fn what_no_vault_serves_is_revoked_if_somebody_accepts_that_it_may_be_in_use() {
    let (mut scene, current, leaked) = scene(&[EAST]);
    somebody_signs_in(&mut scene.cloud, leaked.key_id);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let (key, current_key) = (leaked.key_id.to_string(), current.key_id.to_string());
    // the other command is named
    let ran = home.run(&["rotate", &book, "--emergency", "--key-id", &key]).exits(exit::REFUSED);
    assert!(ran.stderr.contains(&format!("keyrelay revoke {book} --key-id {key}")), "{}", ran.stderr);
    let ran = home.run(&["revoke", &book, "--key-id", &current_key, "--accept-outage"]).exits(exit::REFUSED);
    assert!(ran.stderr.contains(&format!("rotate {book} --emergency --key-id {current_key}")), "{}", ran.stderr);
    let ran = home.run(&["revoke", &book, "--key-id", &key]).exits(exit::REFUSED);
    let in_use = ran.stderr.contains("is in use") && ran.stderr.contains("UNEXPECTED 203.0.113.7");
    assert!(in_use && ran.stderr.contains("--accept-outage"), "{}", ran.stderr);
    assert!(home.runs().is_empty() && same(&scene.cloud, &home.cloud()), "nothing was changed");
    let args = ["revoke", &book, "--leaked-from-stdin", "--accept-outage", "--json"];
    let ran = piped(&home, &text(&leaked), &args).exits(exit::DONE);
    let cloud = home.cloud();
    assert!(!lives(&cloud, leaked.key_id) && lives(&cloud, current.key_id), "only the leaked one is gone");
    assert_eq!((living(&cloud).len(), served(&cloud, EAST)), (1, Some(current.key_id)));
    let facts = json(&ran);
    assert_eq!((facts["state"].as_str(), facts["leaked_key_id"].as_str()), (Some("completed"), Some(key.as_str())));
    assert!(facts["proven_dead_at"].is_string() && facts["old_key_id"].is_null(), "{facts:#}");
    assert_eq!(facts["outages_accepted"][0]["consumer"], Value::Null);
    // those of the last two hours may be missing from the log, and it says so
    let who = &facts["sign_ins"];
    assert_eq!((&who["known"], &who["total"], &who["expected"]), (&Value::Bool(true), &Value::from(40), &Value::from(0)));
    assert_eq!((&who["unexpected"][0]["address"], &who["unexpected"][0]["count"]), (&"203.0.113.7".into(), &40.into()));
    assert_over(&home);
    // it is the last one now
    home.run(&["revoke", &book, "--key-id", &key, "--accept-outage"]).exits(exit::REFUSED);
}

#[test]
fn what_nobody_uses_is_revoked_without_a_word_about_outages() {
    let (scene, current, leaked) = scene(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let ran = home.run(&["revoke", &book, "--key-id", &leaked.key_id.to_string(), "--json"]).exits(exit::DONE);
    assert_eq!(living(&home.cloud()).iter().map(|(k, _)| *k).collect::<Vec<_>>(), [current.key_id]);
    let facts = json(&ran);
    assert_eq!((&facts["sign_ins"]["known"], &facts["sign_ins"]["total"]), (&Value::Bool(true), &Value::from(0)));
}

#[test]
fn what_the_records_cannot_tell_is_taken_for_in_use() {
    let (mut scene, _, leaked) = scene(&[EAST]);
    scene.cloud.stage().premium(false);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let key = leaked.key_id.to_string();
    let ran = home.run(&["revoke", &book, "--key-id", &key]).exits(exit::REFUSED);
    assert!(ran.stderr.contains("cannot be known") && ran.stderr.contains("no Entra ID P1"), "{}", ran.stderr);
    assert!(home.runs().is_empty() && same(&scene.cloud, &home.cloud()), "nothing was changed");
    // an answer to a leak does not wait for a licence, and its report says what nobody can know
    let ran = home.run(&["revoke", &book, "--key-id", &key, "--accept-outage", "--json"]).exits(exit::DONE);
    let facts = json(&ran);
    assert_eq!(facts["sign_ins"]["known"], false);
    assert!(facts["sign_ins"]["why"].as_str().unwrap().contains("no Entra ID P1"), "{facts:#}");
    let report = std::fs::read_to_string(facts["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("CANNOT KNOW"), "{report}");
}

#[test]
fn under_attack_it_is_removed_first() {
    let (scene, leaked, _) = scene(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let key = leaked.key_id.to_string();
    let first = ["rotate", &book, "--emergency", "--key-id", &key, "--revoke-first"];
    let ran = home.run(&first).exits(exit::USAGE);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(home.runs().is_empty());
    let yes = [&first[..], &["--yes"]].concat();
    home.killed_at("after-outcome:remove-secret", &yes);
    assert!(!lives(&home.cloud(), leaked.key_id), "it is gone before anything else is done");
    assert_eq!(home.the_run().rotation.attempts()[0].added.key_id(), None);
    let back = home.run(&["rollback", &book]).exits(exit::REFUSED);
    assert!(back.stderr.contains("point of no return"), "{}", back.stderr);
    let ran = home.run(&["resume", "--json"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    // the value was in no memory any more: it was read from its old version
    assert!(json(&ran)["proven_dead_at"].is_string(), "{ran:#?}");
}

/// With this typed at a terminal. None where there is no `script` (util-linux) to make one.
#[cfg(unix)]
fn typed(home: &Home, typed: &str, args: &[&str]) -> Option<Ran> {
    let plain = home.command(args);
    let words = std::iter::once(plain.get_program()).chain(plain.get_args()).map(|word| word.to_str().unwrap());
    let line = words.collect::<Vec<_>>().join(" ");
    if std::process::Command::new("script").arg("--version").output().is_err() {
        println!("skipped: needs script of util-linux");
        return None;
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(format!("{typed}\n").as_bytes()).unwrap();
    file.rewind().unwrap();
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(home.path()).env_clear().stdin(file);
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(home.spawn(command).ended())
}

#[cfg(unix)]
#[test]
fn who_removes_first_types_the_name_of_the_application() {
    let (scene, leaked, _) = scene(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let args = ["rotate", &book, "--emergency", "--key-id", &leaked.key_id.to_string(), "--revoke-first"];
    let Some(ran) = typed(&home, "yes", &args) else { return };
    assert!(ran.exits(exit::REFUSED).stdout.contains("the name was not typed: nothing was changed"));
    assert!(home.runs().is_empty() && same(&scene.cloud, &home.cloud()));
    typed(&home, "suite", &args).unwrap().exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_process_that_dies_while_it_proves_the_death_goes_on_with_the_old_version_or_with_the_value_given_once_more() {
    let (scene, _, leaked) = scene(&[EAST]);
    let home = Home::with(&scene);
    home.runbook(&Book::one());
    let args = ["revoke", "runbook.md", "--leaked-from-stdin", "--accept-outage"];
    let kill = |home: &Home| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text(&leaked).as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut command = home.command(&args);
        command.stdin(file);
        home.until_in(command, "after-read:leaked").unwrap_or_else(|ran| panic!("{ran:#?}")).kill();
    };
    kill(&home);
    // another secret, pasted by mistake, would be refused too, and prove nothing
    let ran = piped(&home, "aB38Q~sbxNotTheOneThatHasLeaked0123456789", &["resume", "--leaked-from-stdin"]);
    assert!(ran.exits(exit::USAGE).stderr.contains("not the one"), "it is told apart");
    piped(&home, &text(&leaked), &["resume", "--leaked-from-stdin"]).exits(exit::DONE);
    assert_eq!(home.the_run().rotation.death(), Some(Death::Proven));

    let home = Home::with(&scene);
    home.runbook(&Book::one());
    kill(&home);
    // no version is tagged with its key ID, so nothing shows that one holds it
    let ran = home.run(&["resume", "--json"]).exits(exit::DONE);
    let facts = json(&ran);
    assert!(facts["proven_dead_at"].is_null() && facts["token_tail_until"].is_null(), "{facts:#}");
    assert!(facts["not_proven"].as_str().unwrap().contains("in memory"), "{facts:#}");
    assert!(ran.stderr.contains("NOT PROVEN DEAD"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_person_is_asked_for_the_value_that_no_process_has_any_more() {
    let (scene, _, leaked) = scene(&[EAST]);
    for (answer, death) in [(text(&leaked), Death::Proven), (String::new(), Death::Unproven)] {
        let home = Home::with(&scene);
        home.runbook(&Book::one());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text(&leaked).as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut command = home.command(&["revoke", "runbook.md", "--leaked-from-stdin", "--accept-outage"]);
        command.stdin(file);
        home.until_in(command, "after-read:leaked").unwrap_or_else(|ran| panic!("{ran:#?}")).kill();
        let Some(ran) = typed(&home, &answer, &["resume", "--wait"]) else { return };
        assert!(ran.exits(exit::DONE).stdout.contains("leaked value of run"));
        assert_eq!(home.the_run().rotation.death(), Some(death));
    }
}

#[test]
fn a_consumer_that_still_uses_it_is_waited_for_until_somebody_accepts_its_outage() {
    let (scene, leaked, _) = scene(&[EAST]);
    let home = Home::with(&scene);
    let tables = "[[consumer]]\nname = \"batch\"\nrefresh = { command = [\"true\"] }\ncache = \"1h\"\n";
    let book = home.runbook(&Book { tables, ..Book::one() });
    let key = leaked.key_id.to_string();
    let ran = home.run(&["rotate", &book, "--emergency", "--key-id", &key, "--no-wait"]).exits(exit::WAITING);
    assert!(ran.stderr.contains("--accept-outage"), "{}", ran.stderr);
    assert!(lives(&home.cloud(), leaked.key_id));
    // what leaked is not put back without a word that says so
    let back = home.run(&["rollback", &book]).exits(exit::REFUSED);
    assert!(back.stderr.contains("--restore-leaked"), "{}", back.stderr);
    // a second emergency has to go on with this one
    let ran = home.run(&["rotate", &book, "--emergency", "--key-id", &key]).exits(exit::REFUSED);
    assert!(ran.stderr.contains("keyrelay resume"), "{}", ran.stderr);
    home.run(&["resume", "--accept-outage", "nobody"]).exits(exit::USAGE);
    home.run(&["resume", "--no-wait"]).exits(exit::WAITING);
    let ran = home.run(&["resume", "--accept-outage", "Batch", "--json"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    assert_eq!(json(&ran)["outages_accepted"][0]["consumer"], "batch");
}

#[test]
fn what_is_not_well_said_changes_nothing() {
    let (mut scene, leaked, _) = scene(&[EAST]);
    let other = scene.add("hers", None);
    let home = Home::with(&scene);
    let tables = "[[consumer]]\nname = \"mute\"\n";
    let (book, mute) = (home.runbook(&Book::one()), home.runbook(&Book { name: "mute", tables, ..Book::one() }));
    let key = leaked.key_id.to_string();
    let (value, others) = (text(&leaked), other.key_id.to_string());
    let emergency = |more: &[&str]| [&["rotate", &book, "--emergency"], more].concat().join(" ");
    let cases: Vec<(String, String, i32, &str)> = vec![
        (emergency(&[]), String::new(), exit::USAGE, "--key-id KEY_ID"),
        (format!("rotate {book} --key-id {key}"), String::new(), exit::USAGE, "add --emergency"),
        (
            emergency(&["--key-id", &key, "--exposed-at", "2999-01-01T00:00:00Z"]),
            String::new(),
            exit::REFUSED,
            "has not come yet",
        ),
        (emergency(&["--key-id", &key, "--exposed-at", "2026-01-01T00:00:00"]), String::new(), exit::USAGE, "with its zone"),
        (
            emergency(&["--key-id", "58f12e26-2413-4b6c-b424-63d35d0caa6f"]),
            String::new(),
            exit::REFUSED,
            "has no credential",
        ),
        (emergency(&["--leaked-from-stdin"]), " \n".into(), exit::USAGE, "no value on stdin"),
        (emergency(&["--leaked-from-stdin"]), format!("{value}\n{value}\n"), exit::USAGE, "blanks or line ends"),
        (emergency(&["--leaked-from-stdin"]), "x".repeat(5000), exit::USAGE, "longer than"),
        (emergency(&["--leaked-from-stdin"]), "zzzzzzzzzzzzzzzzzzzz".into(), exit::REFUSED, "not that of any secret"),
        (emergency(&["--leaked-from-stdin"]), format!("{value}x"), exit::REFUSED, "does not sign in"),
        (emergency(&["--leaked-from-stdin", "--key-id", &others]), value, exit::REFUSED, "not that of key ID"),
        (emergency(&["--key-id", &others]), String::new(), exit::REFUSED, "keyrelay revoke"),
        (
            emergency(&["--key-id", &key, "--accept-outage", "nobody"]),
            String::new(),
            exit::USAGE,
            "no consumer of the runbook",
        ),
        (format!("rotate {mute} --emergency --key-id {key}"), String::new(), exit::REFUSED, "--accept-outage 'mute'"),
        (emergency(&["--key-id", &key, "--if-expires-within", "30d"]), String::new(), exit::USAGE, "cannot be used with"),
    ];
    crate::binary::all_at_once(&cases, |(args, stdin, code, says)| {
        let args: Vec<&str> = args.split(' ').collect();
        // they stand in each other's way only by the locks of the application
        let ran = (0..200).map(|_| piped(&home, stdin, &args)).find(|ran| ran.code != Some(exit::HELD)).unwrap();
        let ran = ran.exits(*code);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    });
    assert!(home.runs().is_empty() && same(&scene.cloud, &home.cloud()), "nothing was changed");
    let found = hunt(&home, &Needles::of(&secrets(&home)));
    assert!(found.is_empty(), "{found:?}");
    // a run that is under way is not pushed aside
    let long = home.runbook(&Book { name: "long", overlap: "1h", ..Book::one() });
    home.run(&["rotate", &long, "--no-wait"]).exits(exit::WAITING);
    let ran = home.run(&["rotate", &book, "--emergency", "--key-id", &key]).exits(exit::REFUSED);
    assert!(ran.stderr.contains(&format!("replaces key ID {key}")) && ran.stderr.contains("keyrelay abandon"), "{ran:#?}");
}
