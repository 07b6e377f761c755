//! The shipped binary while the system refuses a call on its journal: strace injects the error, the kernel is asked nothing.
//! Every call of every kind where there is time (`KEYRELAY_THOROUGH=1`).

use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use crate::binary::scene::EAST;
use crate::binary::truth::{assert_completed, assert_over, end};
use crate::binary::{Book, Home, Scene, all_at_once, exit};
use crate::reliability::keep;
use crate::whole::thorough;

/// Kinds of call with what the system may say to them.
const CALLS: [(&str, &str); 9] = [
    ("openat", "EIO"),
    ("statx", "EIO"),
    ("read", "EIO"),
    ("lseek", "EIO"),
    ("write", "EIO"),
    ("write", "ENOSPC"),
    ("fdatasync", "EIO"),
    ("fsync", "EIO"),
    ("ftruncate", "EIO"),
];

/// A resume whose `nth` call of the kind on the journal fails. Whether it came to that.
fn resume_with(call: &str, error: &str, nth: u32) -> bool {
    let case = format!("{call} {nth} answers {error}");
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let run = home.the_run().start.plan.run;
    let journal = home.journals().file(&run);
    if call == "ftruncate" {
        let torn = [&std::fs::read(&journal).unwrap()[..], b"{\"v\":1,\"se"].concat();
        std::fs::write(&journal, torn).unwrap();
    }
    let before = (home.cloud_bytes(), home.journal_bytes());
    let trace = home.path().join("trace");
    let plain = home.command(&["resume", run.as_str(), "--wait"]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o"]).arg(&trace).arg("-P").arg(&journal);
    traced.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:error={error}:when={nth}")]);
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(home.path()).env_clear();
    traced.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = home.spawn(traced).ended();
    let injected = std::fs::read_to_string(&trace).unwrap_or_default().contains("INJECTED");
    if injected {
        let text = format!("{case}: {ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{text}");
        match ran.code {
            // what failed was the look at the journal that follows the end
            Some(exit::DONE | exit::REFUSED) if end(&home.the_run()).is_some() => {}
            Some(exit::REFUSED) => {
                assert!(before == (home.cloud_bytes(), home.journal_bytes()), "a refusal changes nothing: {text}");
            }
            Some(exit::INTERRUPTED) => assert!(ran.stderr.contains("keyrelay resume"), "what to do: {text}"),
            _ => panic!("{text}"),
        }
        assert!(ran.code == Some(exit::DONE) || ran.stderr.contains("journal"), "what happened: {text}");
    }
    home.run(&["resume", run.as_str(), "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
    assert_over(&home);
    injected
}

#[test]
fn a_call_that_fails_stops_the_process_and_a_later_one_goes_on() {
    let works = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).status().is_ok_and(|s| s.success());
    if !works {
        println!("skipped: strace is not here, or may not trace");
        return;
    }
    if thorough() {
        let (clock, counts) = (Instant::now(), Mutex::new(serde_json::Map::new()));
        all_at_once(&CALLS, |(call, error)| {
            let injected = (1..).take_while(|nth| resume_with(call, error, *nth)).count();
            assert!(injected > 0);
            counts.lock().unwrap().insert(format!("{call} {error}"), injected.into());
        });
        keep("journal-system-calls", &json!({ "thorough": true }), &counts.into_inner().unwrap().into(), clock);
    } else {
        let some = [("read", "EIO", 2), ("write", "ENOSPC", 3), ("fdatasync", "EIO", 2)];
        all_at_once(&some, |(call, error, nth)| assert!(resume_with(call, error, *nth), "{call} {nth} was not reached"));
    }
}
