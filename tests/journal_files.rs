//! Journals and hold markers as files: who may read them, what is refused, and that a killed writer loses nothing.
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

mod journal_support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use journal_support::{Event, events, run, said, time};
use keyrelay::hold::{self, HoldTrouble, Mark};
use keyrelay::journal::error::Trouble;
use keyrelay::journal::file::{FileLog, LIMIT};
use keyrelay::journal::record::Unreadable;
use keyrelay::journal::store::{Log, Store, StoreError};
use keyrelay::journal::{self, Folder, Journal, JournalError, Listed};
use keyrelay::rotation::names::RunId;

type OnDisk = Journal<Event, FileLog>;

fn begin(folder: &Folder) -> OnDisk {
    Journal::create(folder, &run(), &events()[0], None, time(0)).map_err(|e| e.to_string()).unwrap()
}

fn open(folder: &Folder) -> Result<OnDisk, JournalError> {
    Journal::open(folder, &run()).map(|(journal, _)| journal)
}

fn error<T>(answer: Result<T, JournalError>) -> JournalError {
    answer.err().expect("an error")
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_run_is_written_read_and_continued() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path().join("state").join("journals"));
    begin(&folder).append(None, time(1), &events()[1]).unwrap();
    let path = folder.file(&run());
    assert_eq!(path, temp.path().join("state/journals/20261121t230659z-k7f2.journal"));
    #[cfg(unix)]
    {
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(folder.path().parent().unwrap()), 0o700);
    }
    // A torn tail is left alone by readers and cut off by the next writer.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"v\":1,\"se"].concat()).unwrap();
    let verified = journal::verify::<Event>(&folder, &run()).unwrap();
    assert_eq!((verified.records, verified.torn_bytes), (2, 10));
    assert_eq!(fs::read(&path).unwrap().len(), whole.len() + 10);
    let (mut journal, records) = OnDisk::open(&folder, &run()).ok().unwrap();
    assert_eq!(said(&records), &events()[..2]);
    assert_eq!((journal.dropped_bytes(), journal.head()), (10, verified.head));
    assert_eq!((journal.run(), journal.place()), (&run(), path.to_str().unwrap()));
    assert_eq!(fs::read(&path).unwrap(), whole);
    journal.append(None, time(2), &events()[2]).unwrap();
    assert_eq!(journal::verify::<Event>(&folder, &run()).unwrap().records, 3);

    assert!(error(Journal::create(&folder, &run(), &events()[0], None, time(0))).to_string().contains("already"));
    assert_eq!(Folder::of(&path).map(|(f, r)| (f.path().to_owned(), r)), Some((folder.path().to_owned(), run())));
    assert!(Folder::of(Path::new("/x/Not A Run.journal")).is_none());
}

#[test]
fn a_file_that_is_moved_or_written_by_another_stops_the_writer() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    let path = folder.file(&run());

    let mut ours = begin(&folder);
    let mut theirs = open(&folder).unwrap_or_else(|e| panic!("{e}"));
    theirs.append(None, time(1), &events()[1]).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(error(ours.append(None, time(1), &events()[1])).trouble, Trouble::Store(StoreError::Interfered)));
    assert!(matches!(error(ours.append(None, time(1), &events()[1])).trouble, Trouble::Stopped));
    assert_eq!(fs::read(&path).unwrap(), before);

    if cfg!(unix) {
        fs::rename(&path, temp.path().join("moved")).unwrap();
        assert!(matches!(error(theirs.append(None, time(2), &events()[2])).trouble, Trouble::Store(StoreError::Replaced)));
        assert_eq!(fs::read(temp.path().join("moved")).unwrap(), before);
    }
}

#[test]
fn what_cannot_be_a_journal_is_refused_with_words() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| Folder::new(temp.path().join(name));
    // No such folder, no such run.
    let text = error(open(&at("none"))).to_string();
    assert!(text.starts_with("there is no journal ") && text.ends_with(". Nothing was changed."), "{text}");
    assert_eq!(journal::list(&at("none")).unwrap(), []);
    // A file where the folder should be.
    fs::write(temp.path().join("file"), "").unwrap();
    for name in ["file", "file/below"] {
        let e = error(Journal::create(&at(name), &run(), &events()[0], None, time(0)));
        assert!(e.to_string().contains("not a folder. Nothing was sent."), "{e}");
        let e = error(open(&at(name)));
        assert!(e.to_string().contains("not a folder. Nothing was changed."), "{e}");
        assert!(journal::list(&at(name)).unwrap_err().to_string().contains("not a folder"));
    }
    // A folder, a foreign file, an empty one where the journal should be.
    let folder = at("some");
    fs::create_dir_all(folder.file(&run())).unwrap();
    assert!(matches!(error(open(&folder)).trouble, Trouble::Store(StoreError::NotAFile)));
    fs::remove_dir(folder.file(&run())).unwrap();
    fs::write(folder.file(&run()), "Dear diary,\n").unwrap();
    let e = error(open(&folder));
    assert!(e.to_string().contains("is not a journal of keyrelay"), "{e}");
    assert_eq!(fs::read(folder.file(&run())).unwrap(), b"Dear diary,\n");
    fs::write(folder.file(&run()), "").unwrap();
    let e = error(open(&folder));
    assert!(matches!(e.trouble, Trouble::Unreadable(Unreadable::NeverBegan { torn_bytes: 0 })));
    assert!(e.to_string().ends_with("Nothing was sent for it."), "{e}");
}

/// The files take up no space on the disk: nothing but their length is written.
#[test]
fn a_journal_is_read_and_written_up_to_its_limit() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    let file = fs::File::create(folder.file(&run())).unwrap();
    file.set_len(LIMIT + 1).unwrap();
    assert!(matches!(error(open(&folder)).trouble, Trouble::Store(StoreError::TooLarge)));
    file.set_len(LIMIT).unwrap();
    assert_eq!(folder.read(&run()).unwrap().len() as u64, LIMIT);

    file.set_len(LIMIT - 5).unwrap();
    let (mut log, _) = folder.open(&run()).unwrap();
    assert!(matches!(log.append(b"7 bytes"), Err(StoreError::TooLarge)), "it could never be read again");
    assert_eq!(file.metadata().unwrap().len(), LIMIT - 5);
    log.append(b"bytes").unwrap();
    assert_eq!(file.metadata().unwrap().len(), LIMIT);
}

/// After a failed sync the system may show a line that the disk does not have: whoever goes on writes it once more.
#[test]
fn the_last_line_is_written_again_by_whoever_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    begin(&folder).append(None, time(1), &events()[1]).unwrap();
    let path = folder.file(&run());
    let (mut log, bytes) = folder.open(&run()).unwrap();
    let last = bytes.len() - bytes.split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
    let on_disk = [&bytes[..last], &vec![0; bytes.len() - last]].concat();
    fs::write(&path, &on_disk).unwrap();
    log.keep(&bytes).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_folder_is_listed_whatever_else_lies_in_it() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    begin(&folder);
    for name in ["20261121t230658z-aaaa.journal", "Copy (1).journal", "notes.txt", "20261121t230659z-k7f2.hold"] {
        fs::write(temp.path().join(name), "not ours").unwrap();
    }
    let foreign: RunId = "20261121t230658z-aaaa".parse().unwrap();
    let expected = [Listed::Run(foreign.clone()), Listed::Run(run()), Listed::Foreign("Copy (1)".into())];
    assert_eq!(journal::list(&folder).unwrap(), expected);
    let e = error(journal::read_only::<Event>(&folder, &foreign));
    assert!(matches!(e.trouble, Trouble::Unreadable(Unreadable::Foreign)));
    assert_eq!(journal::read_only::<Event>(&folder, &run()).unwrap().records.len(), 1);
}

/// The part of the test below that gets killed: writes records and says which ones are on disk.
#[test]
fn child_writes_until_killed() {
    let Some(folder) = std::env::var_os("KEYRELAY_TEST_JOURNAL").map(PathBuf::from) else { return };
    let (mut journal, _) = OnDisk::open(&Folder::new(folder), &run()).ok().unwrap();
    loop {
        let written = journal.append(None, time(1), &events()[1]).unwrap();
        println!("on disk: {}", written.seq);
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acted_upon() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::new(temp.path());
    begin(&folder);
    for kill in [1, 3, 7, 12] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_writes_until_killed", "--nocapture"])
            .env("KEYRELAY_TEST_JOURNAL", temp.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut on_disk = lines.filter_map(|l| l.split_once("on disk: ").map(|(_, n)| n.parse::<u64>().unwrap()));
        let last = on_disk.nth(kill).expect("the child writes");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said while it was being killed counts too.
        let last = on_disk.last().unwrap_or(last);
        let (journal, records) = OnDisk::open(&folder, &run()).ok().unwrap();
        assert!(journal.records() > last, "{} records, {last} was on disk", journal.records());
        assert_eq!(records.len() as u64, journal.records());
    }
}

fn hold(who: &str, until: i64) -> Mark {
    Mark::Hold { who: who.into(), why: "consumer not migrated".into(), since: time(0), until: time(until) }
}

#[test]
fn the_last_word_about_a_hold_counts_and_all_are_kept() {
    let temp = tempfile::tempdir().unwrap();
    let released = Mark::Released { who: "lee".into(), why: "done".into(), at: time(20) };
    assert_eq!(hold::read(temp.path(), &run()).unwrap(), None);
    for mark in [hold("kim", 60), released.clone(), hold("lee", 90)] {
        hold::add(temp.path(), &run(), &mark, time(5)).unwrap();
        assert_eq!(hold::read(temp.path(), &run()).unwrap(), Some(mark));
    }
    let all: Vec<Mark> = hold::history(temp.path(), &run()).unwrap().into_iter().map(|r| r.event).collect();
    assert_eq!(all, [hold("kim", 60), released, hold("lee", 90)]);
    assert_eq!(hold::read(temp.path(), &"another-run".parse().unwrap()).unwrap(), None);
    #[cfg(unix)]
    assert_eq!(mode(&hold::file(temp.path(), &run())), 0o600);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "nothing but the marker is left");
}

#[test]
fn a_marker_that_is_damaged_is_never_taken_for_none() {
    let temp = tempfile::tempdir().unwrap();
    let place = hold::file(temp.path(), &run());
    hold::add(temp.path(), &run(), &hold("kim", 60), time(5)).unwrap();
    let good = fs::read(&place).unwrap();
    let mut changed: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
    changed.extend((0..good.len() * 8).map(|bit| {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    }));
    changed.push([&good[..], b"{"].concat());
    for bytes in changed {
        fs::write(&place, &bytes).unwrap();
        let e = hold::read(temp.path(), &run()).unwrap_err();
        assert!(matches!(e.trouble, HoldTrouble::Unreadable(_)), "{}", bytes.escape_ascii());
        assert!(e.to_string().contains("nothing is removed"), "{e}");
        assert!(!e.advice().is_empty());
    }
    assert!(hold::add(temp.path(), &run(), &hold("lee", 90), time(6)).is_err(), "and it is not written over");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(hold::read(temp.path(), &run()).is_err());
}

#[test]
fn a_hold_that_cannot_be_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let e = hold::add(temp.path(), &run(), &hold("kim", 0), time(5)).unwrap_err();
    assert!(matches!(e.trouble, HoldTrouble::EndsBeforeItBegins { .. }));
    assert_eq!(hold::read(temp.path(), &run()).unwrap(), None);
    let long = Mark::Hold { who: "kim".into(), why: "x".repeat(1 << 20), since: time(0), until: time(60) };
    let e = hold::add(temp.path(), &run(), &long, time(5)).unwrap_err();
    assert!(matches!(e.trouble, HoldTrouble::TooLong));
    assert_eq!(hold::read(temp.path(), &run()).unwrap(), None);
    let e = hold::add(&temp.path().join("none"), &run(), &hold("kim", 60), time(5)).unwrap_err();
    assert!(e.advice().contains("folder of the run's journal"), "{e}");
}

#[test]
fn two_people_at_once_do_not_lose_each_others_word() {
    let temp = tempfile::tempdir().unwrap();
    let words: usize = std::thread::scope(|scope| {
        let one = |n: usize| {
            let (folder, mark) = (temp.path(), hold(&format!("person {n}"), 60));
            scope.spawn(move || match hold::add(folder, &run(), &mark, time(5)) {
                Ok(()) => 1,
                Err(e) if matches!(e.trouble, HoldTrouble::Busy) => 0,
                Err(e) => panic!("{e}"),
            })
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert!(words >= 1);
    if cfg!(unix) {
        assert_eq!(hold::history(temp.path(), &run()).unwrap().len(), words);
    }
}

/// Says where this user's folder is, for the test below.
#[test]
fn child_finds_its_places() {
    if std::env::var_os("KEYRELAY_TEST_PLACES").is_some() {
        println!("places: {:?}", keyrelay::places::Places::find().map(|p| p.folder().to_owned()).map_err(|e| e.to_string()));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_users_folder_follows_the_xdg_rules() {
    let find = |set: &[(&str, &str)]| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "child_finds_its_places", "--nocapture"]);
        child.env_remove("XDG_STATE_HOME").env("KEYRELAY_TEST_PLACES", "1").envs(set.iter().copied());
        let said = String::from_utf8(child.output().unwrap().stdout).unwrap();
        said.lines().find_map(|l| l.split_once("places: ").map(|(_, p)| p.to_owned())).expect("an answer")
    };
    assert_eq!(find(&[("HOME", "/home/kim")]), r#"Ok("/home/kim/.local/state/keyrelay")"#);
    assert_eq!(find(&[("HOME", "/home/kim"), ("XDG_STATE_HOME", "/var/kim")]), r#"Ok("/var/kim/keyrelay")"#);
    assert_eq!(find(&[("HOME", "/home/kim"), ("XDG_STATE_HOME", "relative")]), r#"Ok("/home/kim/.local/state/keyrelay")"#);
    assert_eq!(
        find(&[("HOME", "not/absolute")]),
        r#"Err("no folder to keep journals and locks in: this user has no home directory. Nothing was changed.")"#
    );
}
