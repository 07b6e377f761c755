//! The shipped binary while the system refuses a call on its journal: strace injects the error, the kernel is asked nothing.
//! Every call of every kind where there is time (`KEYRELAY_THOROUGH=1`).

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use crate::binary::leaks::nothing_leaked;
use crate::binary::scene::EAST;
use crate::binary::truth::{assert_completed, assert_over, end};
use crate::binary::{Book, Home, Scene, all_at_once, exit};
use crate::reliability::Counts;
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

/// Of calls of this kind the system does what is injected.
fn strace(trace: &Path, call: &str, inject: &str) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace);
    strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{inject}")]);
    strace
}

/// The command under strace, with the same environment and nothing else.
fn under(mut strace: Command, plain: &Command) -> Command {
    strace.arg(plain.get_program()).args(plain.get_args()).current_dir(plain.get_current_dir().unwrap()).env_clear();
    strace.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace
}

fn can_trace() -> bool {
    let works = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).status().is_ok_and(|s| s.success());
    if !works {
        println!("skipped: strace is not here, or may not trace");
    }
    works
}

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
    let mut strace = strace(&trace, call, &format!("error={error}:when={nth}"));
    strace.arg("-P").arg(&journal);
    let ran = home.spawn(under(strace, &plain)).ended();
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
    // what strace wrote down of the calls, too
    nothing_leaked(&home);
    injected
}

#[test]
fn a_call_that_fails_stops_the_process_and_a_later_one_goes_on() {
    if !can_trace() {
        return;
    }
    if thorough() {
        let counts = Mutex::new(Counts::new("journal-system-calls", json!({})));
        all_at_once(&CALLS, |(call, error)| {
            let injected = (1..).take_while(|nth| resume_with(call, error, *nth)).count();
            assert!(injected > 0);
            counts.lock().unwrap().set(&format!("{call} {error}"), injected);
            counts.lock().unwrap().add("calls that failed", injected as u64);
        });
        counts.into_inner().unwrap().keep();
    } else {
        let some = [("read", "EIO", 2), ("write", "ENOSPC", 3), ("fdatasync", "EIO", 2)];
        all_at_once(&some, |(call, error, nth)| assert!(resume_with(call, error, *nth), "{call} {nth} was not reached"));
    }
}

/// It has read the journal, and is slow to ask for the locks: meanwhile another process has completed the run.
#[test]
fn a_resume_that_gets_the_locks_after_the_end_finds_nothing_to_do() {
    if !can_trace() {
        return;
    }
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("after-outcome:write-vault", &["rotate", &book, "--wait"]);
    let run = home.the_run().start.plan.run;
    let strace = strace(&home.path().join("trace"), "flock", "delay_enter=5000000:when=1");
    let slow = home.spawn(under(strace, &home.command(&["resume", run.as_str(), "--wait"])));
    let begun = Instant::now();
    home.run(&["resume", run.as_str(), "--wait"]).exits(exit::DONE);
    let took = begun.elapsed();
    let ended = (home.cloud_bytes(), home.journal_bytes());
    let ran = slow.ended().exits(exit::DONE);
    assert!(ran.stderr.contains("has ended: nothing to do"), "the other one took {took:?}: {ran:?}");
    assert!(ended == (home.cloud_bytes(), home.journal_bytes()), "nothing was changed");
}
