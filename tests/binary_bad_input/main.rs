//! Input that is not what it should be: each is answered with its exit code (DESIGN.md, section 5), nothing is changed, and
//! nothing panics.
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
mod disks;
mod flags;

use std::fs;
use std::path::PathBuf;

use binary::scene::EAST;
use binary::truth::{assert_completed, same};
use binary::{Book, Home, Scene, exit};

/// A home with a run that was killed in the overlap, and the file of its journal.
fn in_the_overlap() -> (Scene, Home, String, PathBuf) {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    home.killed_at("waiting:overlap", &["rotate", &book, "--wait"]);
    let file = home.journals().file(&home.the_run().start.plan.run);
    (scene, home, book, file)
}

#[test]
fn what_nobody_can_have_meant_is_a_usage_error() {
    let home = Home::empty();
    let book = home.runbook(&Book::one());
    for args in [
        vec![],
        vec!["rotat"],
        vec!["rotate"],
        vec!["rotate", &book, "--no-such-flag"],
        vec!["rotate", &book, &book],
        vec!["rotate", &book, "--if-expires-within", "soon"],
        vec!["rotate", &book, "--old-key", "not-a-guid"],
        vec!["resume", "--all", "some-run"],
        vec!["hold", "some-run"],
        vec!["hold", "some-run", "--reason", "x", "--for", "-1h"],
        vec!["abandon", "some-run"],
        vec!["evidence", "some-run", "--format", "pdf"],
        vec!["--log-format", "xml", "status"],
        vec!["runbook", "check"],
    ] {
        home.run(&args).exits(exit::USAGE);
    }
    for args in [vec!["--help"], vec!["rotate", "--help"], vec!["--version"]] {
        home.run(&args).exits(exit::DONE);
    }
    assert!(!home.state().join("sandbox").exists() && !home.journals().path().exists(), "nothing was begun");
}

#[test]
fn a_bad_runbook_is_a_usage_error_and_its_words_are_not_echoed() {
    let home = Home::empty();
    let write = |name: &str, bytes: &[u8]| {
        let file = home.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.display().to_string()
    };
    let good = Book::one().text();
    let secret = "wJ38Q~Pqr5tUvWxYz0123456789AbCdEfGhIjKlM";
    let bad = [
        home.path().join("missing.md").display().to_string(),
        home.path().display().to_string(),
        write("empty.md", b""),
        write("prose.md", b"# Only prose\n"),
        write("bytes.md", &[0xff, 0xfe, 0x00, 0x80, b'\n']),
        write("toml.md", b"```toml keyrelay\ncloud = \n```\n"),
        write("nesting.md", format!("```toml keyrelay\na = {}\n```\n", "[".repeat(100_000)).as_bytes()),
        write("large.md", &vec![b'#'; 10 << 20]),
        write(
            "utf16.md",
            &[&[0xff, 0xfe][..], &good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat(),
        ),
        write("two-blocks.md", format!("{good}\n{good}").as_bytes()),
        write("unknown-key.md", good.replace("owner", "ownr").as_bytes()),
        write("cloud.md", good.replace("\"sandbox\"", "\"moon\"").as_bytes()),
        write("duration.md", good.replace("20s", "99999999999999999999d").as_bytes()),
        write("host.md", good.replace(EAST, "kv.vault.azure.net").as_bytes()),
        write("secret.md", good.replace("Nobody", secret).as_bytes()),
    ];
    for file in &bad {
        for args in [vec!["rotate", file], vec!["runbook", "check", file], vec!["adopt", file], vec!["resume", file]] {
            let ran = home.run(&args).exits(exit::USAGE);
            assert!(!ran.stderr.contains(&secret[..8]) && !ran.stdout.contains(&secret[..8]), "{ran:?}");
        }
    }
    assert!(!home.state().join("sandbox").exists() && !home.journals().path().exists(), "nothing was begun");
}

#[test]
fn a_tenant_that_is_not_the_sandboxs_is_refused() {
    let home = Home::empty();
    let file = home.path().join("tenant.md");
    let other = "tenant = \"11111111-2222-4333-8444-555555555555\"";
    let tenant = format!("tenant = \"{}\"", keyrelay::sandbox::cloud::TENANT);
    fs::write(&file, Book::one().text().replace(&tenant, other)).unwrap();
    home.run(&["rotate", &file.display().to_string()]).exits(exit::USAGE);
    assert!(home.runs().is_empty());
}

#[test]
fn a_run_that_is_not_there_or_not_the_only_one_is_a_usage_error() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book::one());
    for args in [
        vec!["resume", "20010101t000000z-aaaa"],
        vec!["status", "20010101t000000z-aaaa"],
        vec!["rollback", &book],
        vec!["rollback", "../../etc/passwd"],
        vec!["hold", "x", "--reason", "y"],
        vec!["release", "x", "--reason", "y"],
        vec!["abandon", "x", "--reason", "y"],
        vec!["evidence", "x"],
        vec!["journal", "verify", "x"],
    ] {
        home.run(&args).exits(exit::USAGE);
    }
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    home.run(&["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    let (cloud, journals) = (home.cloud_bytes(), home.journal_bytes());
    // both begin with the year
    for args in [vec!["status", "2"], vec!["resume", "2"], vec!["rollback", "2"], vec!["status", ""]] {
        home.run(&args).exits(exit::USAGE);
    }
    assert!(cloud == home.cloud_bytes() && journals == home.journal_bytes(), "nothing was changed");
}

#[test]
fn journals_that_cannot_be_kept_keep_a_run_from_starting() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let taken = home.path().join("taken");
    fs::write(&taken, "a file, not a folder").unwrap();
    for folder in [taken.clone(), taken.join("below")] {
        let folder = folder.display().to_string();
        home.run(&["rotate", &book, "--wait", "--journal-dir", &folder]).exits(exit::REFUSED);
    }
    assert_eq!(fs::read_to_string(&taken).unwrap(), "a file, not a folder");
    assert!(same(&scene.cloud, &home.cloud()), "nothing was added");
}

#[cfg(unix)]
#[test]
fn a_folder_of_journals_that_cannot_be_written_keeps_a_run_from_starting() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let closed = home.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        println!("skipped: this user writes where nobody may");
        return;
    }
    home.run(&["rotate", &book, "--wait", "--journal-dir", &closed.display().to_string()]).exits(exit::REFUSED);
    assert!(same(&scene.cloud, &home.cloud()), "nothing was added");
}

#[test]
fn foreign_files_beside_the_journals_are_left_alone() {
    let (scene, home, _, file) = in_the_overlap();
    let folder = file.parent().unwrap();
    let foreign = ["notes.txt", "Not A Run.journal", ".hidden.journal", "x.hold"];
    foreign.iter().for_each(|name| fs::write(folder.join(name), "not a journal\n").unwrap());
    fs::create_dir(folder.join("a-folder")).unwrap();
    home.run(&["status"]).exits(exit::DONE);
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    for name in foreign {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "not a journal\n", "{name}");
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert_completed(&home, &scene.cloud, &home.the_run());
}

/// What every command says of a journal that cannot be used: the exit code, what to do next, and that nothing was changed.
#[track_caller]
fn unusable(home: &Home, book: &str, file: &std::path::Path, code: i32, next: &str) {
    let run = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let (cloud, journals) = (home.cloud_bytes(), home.journal_bytes());
    for args in [
        vec!["status", &run],
        vec!["status"],
        vec!["resume", &run, "--wait"],
        vec!["resume", "--wait"],
        vec!["resume", "--all", "--wait"],
        vec!["rollback", &run, "--wait"],
        vec!["hold", &run, "--reason", "x"],
        vec!["abandon", &run, "--reason", "x"],
        vec!["evidence", &run],
        vec!["journal", "verify", &run],
        vec!["rotate", book, "--wait"],
        vec!["rotate", book, "--wait", "--if-expires-within", "300d"],
    ] {
        let ran = home.run(&args);
        let unchanged = cloud == home.cloud_bytes() && journals == home.journal_bytes();
        assert!(unchanged, "{args:?} has changed something: {ran:#?}");
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        assert!(ran.stderr.contains("  next: ") && ran.stderr.contains(next), "{args:?}: {ran:#?}");
    }
}

#[test]
fn a_damaged_journal_is_refused() {
    let (_, home, book, file) = in_the_overlap();
    let whole = fs::read(&file).unwrap();
    // within the third line: a digit of a hash, say, or a letter of a word
    let third = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0 + 100;
    let mut damaged = whole.clone();
    damaged[third] ^= 1;
    fs::write(&file, &damaged).unwrap();
    unusable(&home, &book, &file, exit::NEEDS_OPERATOR, "`keyrelay journal verify ");
    // a line is missing
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    fs::write(&file, [&lines[..2], &lines[3..]].concat().concat()).unwrap();
    unusable(&home, &book, &file, exit::NEEDS_OPERATOR, "`keyrelay journal verify ");
    // put right again, it goes on
    fs::write(&file, &whole).unwrap();
    home.run(&["resume", "--wait"]).exits(exit::DONE);
}

#[test]
fn a_journal_of_a_newer_format_is_refused() {
    let (_, home, book, file) = in_the_overlap();
    let newer = fs::read_to_string(&file).unwrap().replace("{\"v\":1,", "{\"v\":2,");
    fs::write(&file, newer).unwrap();
    unusable(&home, &book, &file, exit::REFUSED, "Use the keyrelay that began the run");
}

#[test]
fn a_torn_tail_is_cut_and_the_run_goes_on() {
    let (scene, home, _, file) = in_the_overlap();
    let whole = fs::read(&file).unwrap();
    let records = home.the_run().records.len();
    // the last line was cut in the middle of its write
    let tail = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
    fs::write(&file, &whole[..tail + 40]).unwrap();
    home.run(&["status"]).exits(exit::DONE);
    assert_eq!(home.the_run().records.len(), records - 1);
    home.run(&["journal", "verify"]).exits(exit::DONE);
    home.run(&["resume", "--wait"]).exits(exit::DONE);
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_journal_that_never_began_is_in_nobodys_way() {
    let scene = Scene::living(&[EAST]);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    binary::private_folder(home.journals().path());
    let empty = home.journals().path().join("20261121t000000z-aaaa.journal");
    binary::private_file(&empty, b"");
    home.run(&["resume"]).exits(exit::DONE);
    home.run(&["resume", "--all"]).exits(exit::DONE);
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    assert_eq!(fs::read(&empty).unwrap(), b"");
    fs::remove_file(&empty).unwrap();
    assert_completed(&home, &scene.cloud, &home.the_run());
}

#[test]
fn a_damaged_hold_marker_is_taken_as_a_hold() {
    let (_, home, book, file) = in_the_overlap();
    fs::write(file.with_extension("hold"), "not a marker\n").unwrap();
    let cloud = home.cloud();
    home.run(&["resume", "--wait"]).exits(exit::NEEDS_OPERATOR);
    home.run(&["hold", &book, "--reason", "x"]).exits(exit::NEEDS_OPERATOR);
    assert!(same(&cloud, &home.cloud()), "nothing was removed");
}

#[test]
fn a_damaged_sandbox_is_refused_and_left_as_it_is() {
    let home = Home::with(&Scene::living(&[EAST]));
    let state = home.state().join("sandbox/state.json");
    fs::write(&state, "{\"tenant\":").unwrap();
    home.run(&["rotate", &home.runbook(&Book::one())]).exits(exit::REFUSED);
    assert_eq!(fs::read_to_string(&state).unwrap(), "{\"tenant\":");
}
