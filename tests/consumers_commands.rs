//! Commands as consumers: what they are told, how they end, what is kept of what they print.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod consumers_support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use consumers_support::{NEW, OLD, SECRET, VERSION, check, check_telling, runbook, sh, told, wait_for};
use keyrelay::consumers::{Reach, RunbookConsumers};
use keyrelay::ports::{Consumers, Told};
use keyrelay::rotation::answers::Reported;

#[test]
fn a_command_is_told_the_four_facts() {
    let facts = "echo $KEYRELAY_RUN; echo $KEYRELAY_OLD_KEY_ID $KEYRELAY_NEW_KEY_ID; echo $KEYRELAY_VAULT_VERSION";
    let answer = check(&sh(facts, "10s"));
    assert!(answer.ok, "{}", answer.note);
    assert_eq!(answer.note, format!("20261121t030000z-kbaa {OLD} {NEW} {VERSION}"));
}

#[test]
fn what_is_not_known_is_not_there() {
    let unknown = Told { run: "r".into(), old_key_ids: Vec::new(), new_key_id: None, vault_version: None };
    let answer = check_telling(&sh("env | grep ^KEYRELAY_ | sort", "10s"), &unknown);
    assert_eq!((answer.ok, answer.reported, answer.note.as_str()), (true, Reported::Neither, "KEYRELAY_RUN=r"));
}

#[test]
fn the_key_id_that_is_named_is_reported_and_the_old_one_weighs_more() {
    let reported = |script: &str| check(&sh(script, "10s")).reported;
    let upper = NEW.to_uppercase();
    assert_eq!(reported(&format!("echo serving with {upper}")), Reported::New);
    assert_eq!(reported(&format!("echo serving with {NEW} >&2")), Reported::New);
    assert_eq!(reported(&format!("echo serving with {OLD}")), Reported::Old);
    assert_eq!(reported(&format!("echo one instance: {NEW}; echo another: {OLD} >&2")), Reported::Old);
    assert_eq!(reported("echo fine"), Reported::Neither);
    let failed = check(&sh(&format!("echo serving with {OLD}; exit 1"), "1s"));
    assert_eq!((failed.ok, failed.reported), (false, Reported::Old));
}

#[test]
fn a_failure_says_how_it_ended_and_what_it_printed() {
    let answer = check(&sh("echo on stdout; echo on stderr >&2; exit 3", "1s"));
    assert!(!answer.ok);
    assert_eq!(answer.note, "ended with exit code 3: on stdout | on stderr");
    let answer = check(&sh("kill -TERM $$", "1s"));
    assert_eq!(answer.note, "was killed by signal 15");
}

#[test]
fn at_its_limit_all_that_it_started_is_killed() {
    let begun = Instant::now();
    let answer = check(&sh("sleep 300 & echo $!; wait", "1s"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let pid = answer.note.strip_prefix("had not ended after 1s and was killed: ");
    let pid = pid.unwrap_or_else(|| panic!("{}", answer.note));
    assert!(ended(pid), "{pid}");
}

#[test]
fn a_run_that_stops_leaves_no_command_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let consumers = RunbookConsumers::of(&runbook(&sh(&format!("sleep 300 & echo $! >{}; wait", file.display()), "5m")));
    let pid = wait_for(async {
        let told = told();
        let written = async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(pid) if pid.ends_with('\n') => break pid,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::select! {
            answer = consumers.check(0, &told) => panic!("{answer:?}"),
            pid = written => pid,
        }
    });
    assert!(ended(pid.trim()), "{pid}");
}

/// Whether a process is gone, or is within a few seconds (its new parent has to collect it).
fn ended(pid: &str) -> bool {
    let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let alive = || {
        let probe = Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap();
        probe.success() && !state().contains(") Z ")
    };
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        !alive()
    })
}

#[test]
fn what_it_leaves_running_is_not_waited_for() {
    let begun = Instant::now();
    let answer = check(&sh("sleep 20 & echo started", "30s"));
    assert_eq!((answer.ok, answer.note.as_str()), (true, "started"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_secret_that_it_prints_is_struck_out() {
    // in two halves, because a runbook with a secret in it is refused
    let (one, two) = SECRET.split_at(5);
    let script = format!("echo login '{one}''{two}'; echo --password hunter2 >&2");
    for end in ["", "; exit 1"] {
        let answer = check(&sh(&format!("{script}{end}"), "1s"));
        assert!(answer.note.ends_with("login [struck out] | --password [struck out]"), "{}", answer.note);
    }
}

#[test]
fn a_huge_output_is_cut() {
    let answer =
        check(&sh("head -c 30000000 /dev/zero | tr '\\0' 'x'; echo; yes no | head -n 1000000; echo the end", "60s"));
    assert!(answer.ok, "{}", answer.note);
    assert_eq!(answer.note.chars().count(), 400);
    assert!(answer.note.ends_with("no no the end"), "{}", answer.note);
}

#[test]
fn an_output_without_end_is_cut_at_the_limit() {
    let answer = check("{ command = [\"yes\", \"no end\"], timeout = \"1s\" }");
    assert!(!answer.ok && answer.note.starts_with("had not ended after 1s and was killed: \u{2026}"), "{}", answer.note);
    assert!(answer.note.chars().count() < 450);
}

#[test]
fn a_program_that_is_not_there_is_not_tried_twice() {
    let begun = Instant::now();
    let answer = check("{ command = [\"keyrelay-no-such-program\"], timeout = \"30s\" }");
    assert_eq!(answer.note, "could not be started: there is no program `keyrelay-no-such-program`");
    assert!(!answer.ok && !answer.retry && begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn it_reads_nothing_of_ours() {
    let answer = check("{ command = [\"cat\"], timeout = \"10s\" }");
    assert_eq!((answer.ok, answer.note.as_str()), (true, ""));
}

#[test]
fn what_fails_is_tried_once_and_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tries").display().to_string();
    let answer = check(&sh(&format!("echo x >>{file}; exit 1"), "10s"));
    assert_eq!((answer.ok, answer.retry, answer.note.as_str()), (false, true, "ended with exit code 1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n");
}

#[test]
fn those_side_by_side_take_the_time_of_the_slowest_and_their_outputs_do_not_mix() {
    let (one, two) = SECRET.split_at(5);
    let consumers: Vec<_> = (0..6)
        .flat_map(|n| {
            let script = format!("echo out {n}; sleep 1; echo err {n} '{one}''{two}' >&2");
            runbook(&sh(&script, "10s")).consumers
        })
        .collect();
    let (consumers, told) = (RunbookConsumers::new(consumers, Reach::Loopback), told());
    let begun = Instant::now();
    let answers = wait_for(futures::future::join_all((0..6).map(|n| consumers.check(n, &told))));
    assert!(begun.elapsed() < Duration::from_secs(4), "one after another they take six");
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.note, format!("out {n} | err {n} [struck out]"));
    }
}

/// Runs only in the process that the next test starts, because an environment is set from outside.
#[test]
#[ignore = "started by secrets_of_ours_are_not_inherited"]
fn inner_shows_its_environment() {
    let answer = check(&sh("env | grep -v ^KEYRELAY_.*KEY_ID | grep -E '^(AZURE|KEYRELAY|COLOUR)' | sort", "10s"));
    println!("[{}]", answer.note);
    let answer = check(&sh("echo plain hunter two; printf %s 'me:hunter two' | base64 >&2; exit 1", "10s"));
    println!("[{}]", answer.note);
}

#[test]
fn secrets_of_ours_are_not_inherited() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inner_shows_its_environment", "--ignored", "--nocapture"])
        .env("AZURE_CLIENT_SECRET", "one")
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "two")
        .env("KEYRELAY_SOMETHING", "three")
        .env("AZURE_PASSWORD", "hunter two")
        .env("AZURE_CLIENT_ID", "four")
        .env("COLOUR", "five")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected =
        format!("[AZURE_CLIENT_ID=four COLOUR=five KEYRELAY_RUN=20261121t030000z-kbaa KEYRELAY_VAULT_VERSION={VERSION}]");
    assert!(printed.contains(&expected), "{printed}");
    // printf 'me:hunter two' | base64 is bWU6aHVudGVyIHR3bw==; the last digit before == has no more than two bits of the password
    let expected = "[ended with exit code 1: plain [struck out] | bWU6[struck out]w==]";
    assert!(printed.contains(expected), "{printed}");
}
