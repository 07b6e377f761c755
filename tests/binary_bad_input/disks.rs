//! Disks that do not keep what they are given: read-only, full, full in the middle of a run, without locks.
//!
//! They are made in a mount namespace of the command's own, which takes root and `unshare`; elsewhere the tests say that they are
//! skipped. What a store does that fails at any other instant is in `journal_faults`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use keyrelay::journal::{self, Folder, Listed};
use keyrelay::run::{Record, Run};

use crate::binary::scene::EAST;
use crate::binary::truth::{assert_completed, same};
use crate::binary::{Book, Home, Ran, Scene, exit, private_folder};

/// The script's folder of journals is `$J`, and `$KEEP` is on a disk that stays; the command is `"$@"`.
fn on_a_disk(home: &Home, script: &str, args: &[&str]) -> Option<Ran> {
    let journals = home.path().join("mounted");
    let kept = home.path().join("kept");
    [&journals, &kept].into_iter().for_each(|folder| private_folder(folder));
    let folder = journals.display().to_string();
    let inner = home.command(&[args, &["--journal-dir", &folder]].concat());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(home.path()).stdin(Stdio::null()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("J", &journals).env("KEEP", &kept);
    let ran = if is_possible() { Some(home.spawn(command).ended()) } else { None };
    if ran.as_ref().is_none_or(|ran| ran.code == Some(CANNOT_MOUNT)) {
        println!("skipped: disks can be mounted by root only, with `unshare`");
        return None;
    }
    ran
}

/// What the scripts exit with if the disk could not be made.
const CANNOT_MOUNT: i32 = 99;

fn is_possible() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

#[track_caller]
fn refused(script: &str, says: &str) {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let Some(ran) = on_a_disk(&home, script, &["rotate", &book, "--wait"]) else { return };
    let ran = ran.exits(exit::REFUSED);
    assert!(ran.stderr.contains(says) && ran.stderr.contains("next: "), "{ran:#?}");
    assert!(same(&scene.cloud, &home.cloud()), "nothing was added");
}

#[test]
fn a_folder_that_is_read_only_keeps_a_run_from_starting() {
    refused(
        r#"mount --bind "$J" "$J" && mount -o remount,bind,ro "$J" || exit 99; "$@""#,
        "the file system is read-only. Nothing was sent.",
    );
}

#[test]
fn a_disk_that_is_full_keeps_a_run_from_starting() {
    refused(
        r#"mount -t tmpfs -o size=16k,mode=700 none "$J" || exit 99; cat /dev/zero > "$J/filler" 2> /dev/null; "$@""#,
        "the disk is full",
    );
}

#[test]
fn a_disk_that_fills_up_stops_a_run_with_all_that_was_done_on_it() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book { window: "2s", ..Book::one() });
    // room for the start record and a few more, not for twenty sign-ins
    let script = r#"mount -t tmpfs -o size=12k,mode=700 none "$J" || exit 99
        "$@"; code=$?; cp "$J"/*.journal "$KEEP"; exit $code"#;
    let Some(ran) = on_a_disk(&home, script, &["rotate", &book, "--wait"]) else { return };
    let ran = ran.exits(exit::INTERRUPTED);
    assert!(ran.stderr.contains("the disk is full. No request was sent whose intent is not in the journal."), "{ran:#?}");
    // somebody makes room: the same journal on another disk
    let kept = home.path().join("kept").display().to_string();
    home.run(&["journal", "verify", "--journal-dir", &kept]).exits(exit::DONE);
    home.run(&["resume", "--wait", "--journal-dir", &kept]).exits(exit::DONE);
    let folder = Folder::new(&kept);
    let Listed::Run(run) = journal::list(&folder).unwrap().remove(0) else { panic!("no journal was kept") };
    let run = Run::replay(journal::read_only::<Record>(&folder, &run).unwrap().records).unwrap();
    assert_completed(&home, &scene.cloud, &run);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_locks_keeps_a_run_from_starting() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let Some(library) = without_locks(home.path()) else {
        println!("skipped: there is no C compiler `cc`");
        return;
    };
    let mut command = home.command(&["rotate", &book, "--wait"]);
    command.env("LD_PRELOAD", library);
    let ran = home.spawn(command).ended().exits(exit::REFUSED);
    assert!(ran.stderr.contains("is on a file system that gives no locks"), "{ran:#?}");
    assert!(ran.stderr.contains("next: Let the user's state folder be on a local disk."), "{ran:#?}");
    assert!(same(&scene.cloud, &home.cloud()), "nothing was added");
}

/// A library that answers flock(2) as a network file system without a lock daemon does.
#[cfg(target_os = "linux")]
fn without_locks(folder: &Path) -> Option<String> {
    let (source, library) = (folder.join("flock.c"), folder.join("flock.so"));
    fs::write(
        &source,
        "#include <errno.h>\nint flock(int fd, int how) { (void)fd; (void)how; errno = ENOLCK; return -1; }\n",
    )
    .unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    built.is_ok_and(|status| status.success()).then(|| library.display().to_string())
}
