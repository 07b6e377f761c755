//! Locks: one at a time, freed by death, and noticed when their file is taken away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyrelay::locks::{Holder, LockError, LockName, Locks};

fn me() -> Holder {
    Holder {
        pid: std::process::id(),
        run: Some("20261121t230659z-k7f2".parse().unwrap()),
        host: "ops-1".into(),
        since: "2026-11-21T23:06:59Z".parse().unwrap(),
    }
}

fn application(name: &str) -> LockName {
    LockName::Application(name.into())
}

fn secret(name: &str) -> LockName {
    LockName::Secret { vault: "kv-one.vault.azure.net".into(), secret: name.into() }
}

fn take(folder: &Path, names: &[LockName]) -> Result<Locks, LockError> {
    Locks::take(folder, names, &me())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect()
}

#[test]
fn held_says_what_and_by_whom_and_dropping_frees() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("state").join("locks");
    let all = [LockName::Run(me().run.unwrap()), application("A"), secret("s"), secret("S")];
    let held = take(&folder, &all).unwrap();
    assert_eq!(files(&folder).len(), 3, "a name given twice is one lock");
    held.still_held().unwrap();
    let refused = take(&folder, &[secret("S")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "the secret S of kv-one.vault.azure.net is being worked on by process {} on ops-1, since 2026-11-21T23:06:59Z, for \
             the run 20261121t230659z-k7f2. Nothing was changed.",
            std::process::id()
        )
    );
    assert!(refused.advice().contains("keyrelay status 20261121t230659z-k7f2"));
    drop(held);
    assert!(files(&folder).iter().all(|f| fs::read(f).unwrap().is_empty()), "nobody is named after the end");
    drop(take(&folder, &all).unwrap());
}

#[test]
fn all_or_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let held = take(temp.path(), &[secret("b")]).unwrap();
    let both = [application("a"), secret("b"), secret("c")];
    assert!(matches!(take(temp.path(), &both), Err(LockError::Held { .. })));
    drop(take(temp.path(), &[application("a"), secret("c")]).unwrap());
    drop(held);
    drop(take(temp.path(), &both).unwrap());
}

#[test]
fn the_order_of_the_names_does_not_matter() {
    let temp = tempfile::tempdir().unwrap();
    let names = [application("a"), secret("s"), LockName::Run(me().run.unwrap())];
    let _held = take(temp.path(), &names).unwrap();
    let refused = |n: usize| {
        let mut names = names.clone();
        names.rotate_left(n);
        take(temp.path(), &names).unwrap_err().to_string()
    };
    assert!(refused(0).starts_with("the application a is being worked on"), "{}", refused(0));
    assert_eq!([refused(1), refused(2)], [refused(0), refused(0)]);
}

#[test]
fn of_sixteen_at_once_exactly_one_wins() {
    let temp = tempfile::tempdir().unwrap();
    let names = [application("a"), secret("s"), LockName::Run(me().run.unwrap())];
    for _ in 0..20 {
        let (start, end) = (Barrier::new(16), Barrier::new(16));
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|n| {
                    let mut names = names.clone();
                    names.rotate_left(n % 3);
                    let (start, end) = (&start, &end);
                    let folder = temp.path();
                    scope.spawn(move || {
                        start.wait();
                        let taken = take(folder, &names);
                        end.wait();
                        match taken {
                            Ok(_) => 1,
                            Err(LockError::Held { .. }) => 0,
                            Err(e) => panic!("{e}"),
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
    }
}

/// A holder that removes its file before it ends gives the lock to all who have opened that file; they must see that it locks
/// nobody out any more.
#[test]
#[cfg(unix)]
fn a_file_that_is_removed_while_others_take_it_does_not_let_two_in() {
    let temp = tempfile::tempdir().unwrap();
    let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    match take(temp.path(), &[application("a")]) {
                        Ok(held) => {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are in");
                            held.still_held().unwrap();
                            entered.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            files(temp.path()).iter().for_each(|f| fs::remove_file(f).unwrap());
                        }
                        Err(LockError::Held { .. }) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            });
        }
    });
    assert!(entered.into_inner() > 8);
}

#[test]
#[cfg(unix)]
fn the_holder_notices_that_its_file_was_removed_or_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let held = take(temp.path(), &[application("a"), secret("s")]).unwrap();
    let file = files(temp.path()).into_iter().find(|f| f.to_string_lossy().contains("secret-")).unwrap();
    fs::remove_file(&file).unwrap();
    let lost = held.still_held().unwrap_err();
    assert!(lost.to_string().starts_with("the lock on the secret s of kv-one.vault.azure.net is lost: its file "), "{lost}");
    fs::write(&file, "").unwrap();
    assert!(matches!(held.still_held(), Err(LockError::Lost { .. })));
}

#[test]
fn a_folder_that_cannot_be_is_an_error_with_words() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    for place in ["file", "file/below"] {
        let e = take(&temp.path().join(place), &[application("a")]).unwrap_err();
        assert!(matches!(e, LockError::Io { .. }));
        assert!(e.to_string().contains("not a folder. Nothing was changed."), "{e}");
    }
}

/// The part of the test below that gets killed.
#[test]
fn child_holds_until_killed() {
    let Some(folder) = std::env::var_os("KEYRELAY_TEST_LOCKS").map(PathBuf::from) else { return };
    let _held = take(&folder, &[application("a"), secret("s")]).unwrap();
    println!("held");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_holder_frees_its_locks() {
    let temp = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_holds_until_killed", "--nocapture"])
            .env("KEYRELAY_TEST_LOCKS", temp.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|l| l.contains("held")), "the child takes over");
        let Err(LockError::Held { holder: Some(holder), .. }) = take(temp.path(), &[secret("s")]) else {
            panic!("the child holds it")
        };
        assert_eq!(holder.pid, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        drop(take(temp.path(), &[secret("s"), application("a")]).unwrap());
    }
}
