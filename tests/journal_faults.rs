//! A store that fails: the journal is closed at once, what is on disk stays usable, and the message says what is true.
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

use std::io::{self, ErrorKind as K};

use journal_support::{Event, Fault, Memory, events, read, run, time, trouble, write, written};
use keyrelay::journal::error::Trouble;
use keyrelay::journal::record::Damage;
use keyrelay::journal::store::{Doing, StoreError};
use keyrelay::journal::{self, Journal, JournalError, Listed};
use keyrelay::rotation::names::RunId;
use serde::{Deserialize, Serialize};

#[test]
fn an_event_that_could_not_be_read_back_is_never_written() {
    /// Written as a number, read as a text.
    #[derive(Deserialize)]
    struct Odd(#[allow(dead_code)] String);
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_u8(7)
        }
    }
    let store = Memory::default();
    let answer = Journal::create(&store, &run(), &Odd(String::new()), None, time(0));
    assert!(matches!(trouble(answer), Trouble::Unwritable(Damage::Content(_))));
    assert_eq!(store.bytes(), b"");
}

/// Every fault at every call that a run of four records and a reopening makes: the journal is closed at once, what is on disk is
/// a beginning of what was to be written, and a later process goes on from it.
#[test]
fn after_each_fault_nothing_more_is_written_and_a_later_process_goes_on() {
    use io::ErrorKind as K;
    let kinds = [K::StorageFull, K::Other, K::PermissionDenied, K::ReadOnlyFilesystem, K::QuotaExceeded, K::Interrupted];
    let faults: Vec<Fault> =
        kinds.into_iter().flat_map(|k| [Fault::Refuse(k), Fault::Short(k)]).chain([Fault::Sync]).collect();
    let whole = written(&events());
    let mut reached = 0;
    for fault in faults {
        for call in 1.. {
            let store = Memory::default();
            store.fail(call, fault);
            let (sent, error) = attempt(&store);
            let on_disk = store.bytes();
            assert!(whole.starts_with(&on_disk), "call {call}, {fault:?}");
            let Some(error) = error else { break };
            reached += 1;
            assert!(error.to_string().contains("memory:"), "{error}");
            assert!(!error.advice().is_empty());
            // Whatever was acted upon is on disk.
            let readable = read(&on_disk).map_or(0, |records| records.len());
            assert!(readable >= sent, "call {call}, {fault:?}: acted on {sent}, on disk {readable}");
            assert!(readable <= sent + 1);
            // A later process, with the disk mended.
            store.0.borrow_mut().fault = None;
            if readable > 0 {
                let (mut journal, records) = Journal::<Event, _>::open(&store, &run()).ok().unwrap();
                for (n, event) in events().iter().enumerate().skip(records.len()) {
                    journal.append((n > 0).then(|| time(n as i64)), time(n as i64), event).unwrap();
                }
                assert_eq!(store.bytes(), whole);
            }
        }
    }
    // Thirteen faults at: create, append; open, keep; three appends.
    assert_eq!(reached, 13 * 7);
}

/// One record, a reopening, three records. How many were acted upon, and the error that ended it.
fn attempt(store: &Memory) -> (usize, Option<JournalError>) {
    let events = events();
    if let Err(e) = Journal::<Event, _>::create(store, &run(), &events[0], None, time(0)) {
        return (0, Some(e));
    }
    let mut journal = match Journal::<Event, _>::open(store, &run()) {
        Ok((journal, _)) => journal,
        Err(e) => return (1, Some(e)),
    };
    for (n, event) in events.iter().enumerate().skip(1) {
        if let Err(e) = journal.append(Some(time(n as i64)), time(n as i64), event) {
            let (head, before) = (journal.head(), store.bytes());
            store.0.borrow_mut().fault = None;
            for _ in 0..3 {
                let refused = journal.append(None, time(9), event).unwrap_err();
                assert!(matches!(refused.trouble, Trouble::Stopped));
                assert!(refused.to_string().ends_with("could not be written; nothing was sent after the last record"));
            }
            assert_eq!((journal.head(), store.bytes()), (head, before), "a stopped journal writes nothing");
            return (n, Some(e));
        }
    }
    (events.len(), None)
}

#[test]
fn a_run_has_one_journal_and_an_unknown_run_has_none() {
    let store = Memory::default();
    write(&store, &events()).ok().unwrap();
    let twice = Journal::<Event, _>::create(&store, &run(), &events()[0], None, time(0)).err().unwrap();
    assert!(twice.to_string().contains("already"), "{twice}");
    let other: RunId = "20261121t230659z-aaaa".parse().unwrap();
    let none = Journal::<Event, _>::open(&store, &other).err().unwrap();
    assert_eq!(none.to_string(), "there is no journal memory:20261121t230659z-aaaa. Nothing was changed.");
}

#[test]
fn runs_are_listed_oldest_first_and_foreign_names_last() {
    let store = Memory::default();
    for name in ["20261122t000000z-aaaa", "Copy of 20261121t230659z-k7f2", "20261121t230659z-k7f2"] {
        store.0.borrow_mut().files.insert(name.to_owned(), Vec::new());
    }
    let run = |name: &str| Listed::Run(name.parse().unwrap());
    let foreign = Listed::Foreign("Copy of 20261121t230659z-k7f2".to_owned());
    assert_eq!(journal::list(&store).unwrap(), [run("20261121t230659z-k7f2"), run("20261122t000000z-aaaa"), foreign]);
}

/// What is said, and what is advised.
fn said(doing: Doing, kind: K) -> (String, String) {
    let trouble = StoreError::Io { doing, error: kind.into() }.into();
    let error = JournalError { run: Some(run()), place: "/j/r.journal".into(), trouble };
    (error.to_string(), error.advice())
}

#[test]
fn what_people_meet_has_words_of_its_own() {
    let (text, advice) = said(Doing::Write, K::StorageFull);
    assert_eq!(
        text,
        "could not write the journal /j/r.journal: the disk is full. No request was sent whose intent is not in the journal."
    );
    assert_eq!(
        advice,
        "Make room on that disk, check the journal with `keyrelay journal verify 20261121t230659z-k7f2`, then run `keyrelay \
         resume 20261121t230659z-k7f2`."
    );
    let (text, advice) = said(Doing::Sync, K::Other);
    assert!(text.contains("What is on disk is unknown, so the work stops here."), "{text}");
    assert!(advice.starts_with("Check that disk, check the journal with `keyrelay journal verify"), "{advice}");
    let (text, advice) = said(Doing::Create, K::ReadOnlyFilesystem);
    assert_eq!(text, "could not make the journal /j/r.journal: the file system is read-only. Nothing was sent.");
    assert!(advice.starts_with("Make that file system writable, or choose another journal folder"), "{advice}");
    let (text, advice) = said(Doing::Open, K::PermissionDenied);
    assert_eq!(text, "could not open the journal /j/r.journal: permission denied. Nothing was changed.");
    assert_eq!(advice, "Let this user read and write there, then repeat the command.");
    let (text, advice) = said(Doing::MakeFolder, K::NotADirectory);
    assert!(text.contains("something in its path is not a folder. Nothing was sent."), "{text}");
    assert!(advice.starts_with("Check the path of the journal folder"), "{advice}");
    assert!(said(Doing::Write, K::QuotaExceeded).0.contains("the disk quota is used up"));
    assert!(said(Doing::Write, K::QuotaExceeded).1.starts_with("Make room on that disk"));
}

/// The same refusal of the system means something else where something else was tried.
#[test]
fn what_was_tried_tells_what_a_refusal_means() {
    let is = |doing, kind, text: &str, advice: &str| {
        assert_eq!(said(doing, kind), (text.to_owned(), advice.to_owned()), "{doing:?}, {kind:?}");
    };
    is(
        Doing::Create,
        K::AlreadyExists,
        "there is a journal /j/r.journal already, and each run has its own. Nothing was sent.",
        "Start again; the next run gets another name.",
    );
    is(
        Doing::MakeFolder,
        K::AlreadyExists,
        "could not make the folder of the journal /j/r.journal: something in its path is not a folder. Nothing was sent.",
        "Check the path of the journal folder, or choose another journal folder, then start again with `keyrelay rotate RUNBOOK`.",
    );
    is(
        Doing::Open,
        K::NotFound,
        "there is no journal /j/r.journal. Nothing was changed.",
        "List the runs that are known here with `keyrelay status`, and check the journal folder.",
    );
    is(
        Doing::Create,
        K::NotFound,
        "could not make the journal /j/r.journal: a folder in its path is not there. Nothing was sent.",
        "Check the path of the journal folder, or choose another journal folder, then start again with `keyrelay rotate RUNBOOK`.",
    );
    is(
        Doing::List,
        K::TimedOut,
        "could not read the folder of journals /j/r.journal: timed out. Nothing was changed.",
        "Check the path of the journal folder, then repeat the command.",
    );
    is(
        Doing::Read,
        K::TimedOut,
        "could not read the journal /j/r.journal: timed out. Nothing was changed.",
        "Check that disk, then repeat the command.",
    );
}
