//! What the shipped binary leaves where others could look: its memory, and the arguments and environments of its children.
//!
//! The new value is taken from the state of the sandbox, which is another process, and the memory is read from here, a third one.
//! Where the tests do not run as root, the scan needs `cargo test --features memory-scan-test --test memory`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    missing_docs
)]

#[path = "../binary/mod.rs"]
mod binary;
mod scan;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use binary::scene::EAST;
use binary::{Book, Home, Running, Scene, leaks};
use keyrelay::rotation::Step;
use keyrelay::run::Run;
use scan::{Finds, Needles, count};

/// Given to the process to hold, to see that the scan sees.
const MARKER: &str = "marker-b7Kx92QwLm4TzR8v";

/// What to look for, once the run has added its secret: the marker, the new value, the old one and other people's, the operator's.
fn needles(home: &Home, before: &BTreeSet<String>) -> Needles {
    let secrets = leaks::secrets(home);
    assert_eq!(secrets.difference(before).count(), 1, "one value is new");
    let operator = fs::read_to_string(home.state().join("sandbox/operator-secret")).unwrap();
    let mut needles = Needles::default();
    needles.add("marker", MARKER);
    for secret in &secrets {
        let name = match secret {
            new if !before.contains(new) => "new",
            operators if operators == operator.trim() => "operator",
            _ => "old",
        };
        needles.add(name, secret);
        needles.add_fragments(name, secret, &secrets);
    }
    needles
}

/// A scan; where the memory cannot be read, a message instead.
fn scan(needles: &Needles, running: &Running) -> Option<Finds> {
    let finds = needles.find_in(running.id());
    let says =
        |e| println!("skipped: the memory cannot be read ({e}); as root, or with --features memory-scan-test, it can");
    let finds = finds.map_err(says).ok()?;
    let marker = finds.keys().any(|(what, place)| what == "marker, whole, as it is" && place == "[heap]");
    assert!(marker, "what was given to the process to hold is found on its heap: {finds:#?}");
    Some(finds)
}

#[test]
fn a_rotator_that_proves_the_value_holds_it_and_the_scan_sees_it() {
    let home = Home::with(&Scene::living(&[EAST]));
    let before = leaks::secrets(&home);
    let book = home.runbook(&Book::one());
    let args = ["rotate", &book, "--wait", "--reason", MARKER];
    let running = home.until("waiting:proof", &args).unwrap();
    let Some(finds) = scan(&needles(&home, &before), &running) else { return };
    let copies = count(&finds, "new, whole");
    println!("during the proof: {copies} copies of the new value, and {} of the old ones", count(&finds, "old, whole"));
    assert!(count(&finds, "new, whole, as it is") >= 1, "{finds:#?}");
    // the value itself; a request that has just ended may still be closing its connection
    assert!(copies <= 4, "{finds:#?}");
}

#[test]
fn a_rotator_that_waits_in_the_overlap_holds_no_copy_of_any_value() {
    let home = Home::with(&Scene::living(&[EAST]));
    let before = leaks::secrets(&home);
    let book = home.runbook(&Book { overlap: "60s", ..Book::one() });
    let running = home.start(&["rotate", &book, "--wait", "--reason", MARKER]);
    home.wait_for_run("the overlap", waits_in_the_overlap);
    let needles = needles(&home, &before);
    // what it has just done it may need a moment to let go of
    let begun = Instant::now();
    let finds = loop {
        let Some(finds) = scan(&needles, &running) else { return };
        if count(&finds, "new") + count(&finds, "old") == 0 || begun.elapsed() > Duration::from_secs(10) {
            break finds;
        }
    };
    println!("during the overlap: {} copies of the operator's secret", count(&finds, "operator, whole"));
    assert_eq!((count(&finds, "new"), count(&finds, "old")), (0, 0), "{finds:#?}");
    assert!(waits_in_the_overlap(&home.the_run()), "it still waits");
}

fn waits_in_the_overlap(run: &Run) -> bool {
    run.rotation.step() == Step::OverlapWait
}

/// What it looks like to others: its memory, and what it was started with.
const SHUT: [&str; 2] = ["mem", "environ"];

#[test]
fn the_shipped_build_lets_no_other_process_of_its_user_look_inside() {
    if keyrelay::hardening::is_open_for_a_test() {
        println!("skipped: this build leaves its memory open to the test");
        return;
    }
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book { overlap: "60s", ..Book::one() });
    let args = ["rotate", &book, "--wait"];
    // root reads everything: then both, who is read and who reads, are nobody
    let user = is_root().then(|| hand_over_to_nobody(&home));
    let rotator = home.spawn(as_user(user.as_deref(), &home.command(&args)));
    home.wait_for_run("the overlap", waits_in_the_overlap);
    let mut sleep = Command::new("sleep");
    let mut sleeper = as_user(user.as_deref(), sleep.arg("60")).spawn().unwrap();

    let looks = |pid: u32, what: &str| {
        // the first byte is enough, and at the start of `mem` there is nothing
        let mut look = Command::new("head");
        look.args(["-c", "1", &format!("/proc/{pid}/{what}")]);
        let looked = as_user(user.as_deref(), &look).output().unwrap();
        String::from_utf8_lossy(&looked.stderr).contains("Permission denied")
    };
    let refused = |pid: u32| SHUT.map(|what| looks(pid, what));
    let (ours, another) = (refused(rotator.id()), refused(sleeper.id()));
    let (limits, shown) = (proc(rotator.id(), "limits"), proc(rotator.id(), "cmdline"));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert!(!another[1], "of a process that does not guard itself the environment can be read, else this shows nothing");
    assert_eq!(ours, [true; 2], "{SHUT:?}");
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_ascii_whitespace().nth(4), Some("0"), "{core}");
    assert!(shown.contains("rotate"), "it is the rotator that was looked at");
}

fn proc(pid: u32, what: &str) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{what}")).unwrap()).into_owned()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// Gives the home to nobody, with a copy of the program that nobody can reach, and says where that is.
fn hand_over_to_nobody(home: &Home) -> PathBuf {
    let program = home.path().join("keyrelay");
    fs::copy(env!("CARGO_BIN_EXE_keyrelay"), &program).unwrap();
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    give(home.path());
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            give(&path);
            folders.extend(path.is_dir().then_some(path));
        }
    }
    program
}

/// The command; where a program is named, as nobody, with that program in the place of keyrelay.
fn as_user(program: Option<&Path>, command: &Command) -> Command {
    let shipped = env!("CARGO_BIN_EXE_keyrelay");
    let named = program.filter(|_| command.get_program() == shipped).map_or(command.get_program(), Path::as_os_str);
    let mut same = Command::new(named);
    same.args(command.get_args()).stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        // our own environment is not for it
        same.current_dir(folder).env_clear();
    }
    same.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if program.is_some() {
        same.uid(NOBODY).gid(NOBODY);
    }
    same
}

#[test]
fn nothing_that_is_started_is_given_a_secret() {
    let home = Home::with(&Scene::living(&[EAST]));
    let sleeps = "[[consumer]]\nname = \"sleeper\"\nrefresh = { command = [\"sleep\", \"61.25\"] }\n";
    let book = home.runbook(&Book { tables: sleeps, ..Book::one() });
    let mut command = home.command(&["rotate", &book, "--wait"]);
    for (name, secret) in OPERATORS_OWN {
        command.env(name, secret);
    }
    command.env("AZURE_CLIENT_ID", "not-a-secret");
    let rotator = home.spawn(command);
    let begun = Instant::now();
    let (sleeper, sandbox) = loop {
        let started = descendants(rotator.id());
        let find = |what: &str| started.iter().copied().find(|pid| proc_if_there(*pid, "cmdline").contains(what));
        if let (Some(sleeper), Some(sandbox)) = (find("61.25"), find("serve")) {
            break (sleeper, sandbox);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the consumer was not started");
        std::thread::sleep(Duration::from_millis(20));
    };
    let secrets = leaks::secrets(&home);
    let operators = OPERATORS_OWN.map(|(_, secret)| secret.to_owned());
    let needles = leaks::Needles::of(secrets.iter().chain(&operators));
    let mut given = String::new();
    for pid in [sleeper, sandbox] {
        for what in ["cmdline", "environ"] {
            let shown = match fs::read(format!("/proc/{pid}/{what}")) {
                Err(e) if pid == sandbox && e.kind() == io::ErrorKind::PermissionDenied => continue, // it guards itself
                shown => shown.unwrap(),
            };
            assert_eq!(needles.find(&shown), None, "{what} of {}", proc(pid, "cmdline"));
            given += &String::from_utf8_lossy(&shown);
        }
    }
    assert!(given.contains("AZURE_CLIENT_ID=not-a-secret"), "what is no secret is inherited: {given}");
    assert!(given.contains("KEYRELAY_NEW_KEY_ID="), "the consumer is told the key ID: {given}");
    rotator.kill();
    let _ = Command::new("kill").arg(sleeper.to_string()).status();
}

/// What keyrelay may itself sign in with.
const OPERATORS_OWN: [(&str, &str); 5] = [
    ("AZURE_CLIENT_SECRET", "oPq8Q~operators-own.secret_000000000001"),
    ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "oPq8Q~operators-own.secret_000000000002"),
    ("AZURE_PASSWORD", "oPq8Q~operators-own.secret_000000000003"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "oPq8Q~operators-own.secret_000000000004"),
    ("SYSTEM_ACCESSTOKEN", "oPq8Q~operators-own.secret_000000000005"),
];

fn proc_if_there(pid: u32, what: &str) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default()).into_owned()
}

/// The processes that this one has started, and that those have started.
fn descendants(of: u32) -> Vec<u32> {
    let children = proc_if_there(of, &format!("task/{of}/children"));
    let children = children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
    children.flat_map(|pid| std::iter::once(pid).chain(descendants(pid))).collect()
}

/// Nothing is sent: the environment names a proxy that is not there, so that nothing could be.
#[test]
fn a_build_whose_memory_is_open_is_for_the_sandbox_only() {
    if !keyrelay::hardening::is_open_for_a_test() {
        println!("skipped: this build guards its memory");
        return;
    }
    let home = Home::empty();
    let real = Book::one().text().replace("\"sandbox\"", "\"public\"").replace(EAST, "kv-one.vault.azure.net");
    let real = real.replace("300ms", "5m").replace("20s", "20m").replace("100ms", "10s");
    let file = home.path().join("real.md");
    fs::write(&file, real).unwrap();
    let mut command = home.command(&["rotate", &file.display().to_string()]);
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("AZURE_CLIENT_ID", "x").env("AZURE_TENANT_ID", "x");
    command.env("AZURE_CLIENT_SECRET", "x");
    let ran = home.spawn(command).ended().exits(binary::exit::USAGE);
    assert!(ran.stderr.contains("memory-scan-test"), "{ran:#?}");
}
