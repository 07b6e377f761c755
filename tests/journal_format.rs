//! The format of a journal: what was written is read back, what was changed is refused, a torn line is dropped.
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

use journal_support::{Event, InMemory, Memory, events, read, run, said, time, trouble, written};
use keyrelay::journal::error::Trouble;
use keyrelay::journal::record::{Damage, Unreadable, encode, encode_in, parse};
use keyrelay::journal::{self, Journal, RecordHash};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Made by hand with printf and sha256sum, not by keyrelay.
const HASH_0: &str = "ab4c2085e7f1e9ff8b84f4ef25ed9f40348302210ebef3230d1d4980f641cf2e";
const HASH_1: &str = "4983b9f0a956e5964020b2224a3e9ce21d015561de14907ac03b751cedf02999";

/// A journal as another program would make it.
fn by_hand() -> String {
    let zeros = "0".repeat(64);
    let first = r#"{"v":1,"seq":0,"at":null,"local":"2026-11-21T23:06:59Z","event":{"is":"begun","why":"leak"},"prev":""#;
    let second = r#"{"v":1,"seq":1,"at":"2026-11-21T23:07:00Z","local":"2026-11-21T23:07:00.5Z","event":{"is":"waited","seconds":30},"prev":""#;
    format!("{first}{zeros}\",\"hash\":\"{HASH_0}\"}}\n{second}{HASH_0}\",\"hash\":\"{HASH_1}\"}}\n")
}

#[test]
fn a_journal_made_by_hand_is_read_and_written_alike() {
    let bytes = by_hand();
    let contents = parse::<Event>(bytes.as_bytes()).unwrap();
    assert_eq!(contents.head.to_string(), HASH_1);
    assert_eq!(said(&contents.records), [Event::Begun { why: "leak".into() }, Event::Waited { seconds: 30 }]);
    assert_eq!(contents.records[0].at, None);
    assert_eq!(contents.records[1].at, Some("2026-11-21T23:07:00Z".parse().unwrap()));

    let store = Memory::default();
    let [first, second] = &contents.records[..] else { panic!("two records") };
    let mut journal: InMemory = Journal::create(&store, &run(), &first.event, first.at, first.local).ok().unwrap();
    assert_eq!(journal.head().to_string(), HASH_0);
    let written = journal.append(second.at, second.local, &second.event).unwrap();
    assert_eq!((written.seq, written.hash.to_string()), (1, HASH_1.to_owned()));
    assert_eq!(String::from_utf8(store.bytes()).unwrap(), bytes);
}

#[test]
fn a_cut_at_each_byte_loses_the_torn_line_and_nothing_else() {
    let bytes = written(&events());
    let ends: Vec<usize> = (1..=bytes.len()).filter(|n| bytes[n - 1] == b'\n').collect();
    assert_eq!(ends.len(), 4);
    for cut in 0..bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let store = Memory::holding(&bytes[..cut]);
        let opened = Journal::<Event, _>::open(&store, &run());
        if whole == 0 {
            assert!(
                matches!(trouble(opened), Trouble::Unreadable(Unreadable::NeverBegan { torn_bytes }) if torn_bytes == cut as u64)
            );
            assert_eq!(store.bytes(), &bytes[..cut], "nothing was changed");
            continue;
        }
        let (mut journal, records) = opened.ok().unwrap();
        assert_eq!(said(&records), &events()[..whole]);
        assert_eq!(journal.dropped_bytes(), (cut - ends[whole - 1]) as u64);
        assert_eq!(store.bytes(), &bytes[..ends[whole - 1]]);
        for (n, event) in events().iter().enumerate().skip(whole) {
            journal.append(Some(time(n as i64)), time(n as i64), event).unwrap();
        }
        assert_eq!(store.bytes(), bytes, "the run goes on as if it had not been cut");
    }
}

#[test]
fn each_flipped_bit_is_seen() {
    let bytes = by_hand().into_bytes();
    let original = read(&bytes).unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            let answer = read(&changed);
            assert!(answer.is_err(), "byte {place}, bit {bit}: {answer:?}");
        }
    }
    // In what is torn off there is nothing to see: it is dropped whatever it says.
    let torn = bytes.len() - 40;
    for place in 0..torn {
        for bit in 0..8 {
            let mut changed = bytes[..torn].to_vec();
            changed[place] ^= 1 << bit;
            if let Ok(records) = read(&changed) {
                assert_eq!(records, original[..1], "byte {place}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_record_that_is_dropped_doubled_or_moved_is_seen() {
    let bytes = written(&events());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    let chain = |line| Unreadable::Damaged { line, what: Damage::Chain };
    let with = |order: &[usize]| read(&order.iter().flat_map(|n| lines[*n].to_vec()).collect::<Vec<u8>>());
    assert_eq!(with(&[1, 2, 3]), Err(chain(1)));
    assert_eq!(with(&[0, 2, 3]), Err(chain(2)));
    assert_eq!(with(&[0, 1, 3]), Err(chain(3)));
    assert_eq!(with(&[0, 0, 1, 2, 3]), Err(chain(2)));
    assert_eq!(with(&[0, 1, 1, 2, 3]), Err(chain(3)));
    assert_eq!(with(&[0, 1, 2, 3, 3]), Err(chain(5)));
    assert_eq!(with(&[1, 0, 2, 3]), Err(chain(1)));
    assert_eq!(with(&[0, 2, 1, 3]), Err(chain(2)));
    // Only a head that is kept elsewhere shows that the end is missing.
    assert_eq!(said(&with(&[0, 1, 2]).unwrap()), &events()[..3]);
}

#[test]
fn a_number_that_is_left_out_is_seen() {
    let first = by_hand().lines().next().unwrap().to_owned() + "\n";
    let (line, _) = encode(2, None, time(1), &events()[1], HASH_0.parse().unwrap()).unwrap();
    let bytes = [first.as_bytes(), &line].concat();
    assert_eq!(read(&bytes), Err(Unreadable::Damaged { line: 2, what: Damage::Seq { expected: 1, found: 2 } }));
}

#[test]
fn a_record_of_another_world_is_seen() {
    let worlds = |first, second| {
        let (line, head) = encode_in(first, 0, None, time(0), &events()[0], RecordHash::NONE).unwrap();
        let (next, _) = encode_in(second, 1, None, time(1), &events()[1], head).unwrap();
        read(&[line, next].concat())
    };
    let sandbox = Some("sandbox");
    assert!(worlds(None, None).is_ok() && worlds(sandbox, sandbox).is_ok());
    for (first, second) in [(None, sandbox), (sandbox, None), (sandbox, Some("another"))] {
        assert_eq!(worlds(first, second), Err(Unreadable::Damaged { line: 2, what: Damage::World }));
    }
}

#[test]
fn what_is_not_ours_newer_or_unknown_is_told_apart() {
    let foreign = |bytes: &[u8]| assert_eq!(read(bytes), Err(Unreadable::Foreign), "{}", bytes.escape_ascii());
    foreign(b"hello\n");
    foreign(b"hello");
    foreign(b"\n");
    foreign(b"{\"time\":1}\n");
    foreign(b"\xef\xbb\xbf{\"v\":1}\n");
    foreign(b"{\"v\":\"1\"}\n");
    foreign(b"{\"v\":,\"seq\":0}\n");
    foreign(b"{\"v\":1.5}\n");
    foreign(b"\xff\xfe\n");

    let newer = |bytes: &[u8], line, version| assert_eq!(read(bytes), Err(Unreadable::NewerFormat { line, version }));
    newer(b"{\"v\":2,\"anything\":{}}\n", 1, 2);
    newer(b"{\"v\":2}\n", 1, 2);
    newer(b"{\"v\":99999999999999999999999}\n", 1, u64::MAX);
    newer(format!("{}{{\"v\":3,\"x\":1}}\n", by_hand()).as_bytes(), 3, 3);

    let began =
        |bytes: &[u8]| matches!(read(bytes), Err(Unreadable::NeverBegan { torn_bytes }) if torn_bytes == bytes.len() as u64);
    assert!(began(b""));
    assert!(began(b"{"));
    assert!(began(b"{\"v\":1,\"seq\":0,\"at\":nu"));
    assert!(began(&[0; 512]), "a length without content, after a power cut");

    let damaged = |bytes: &[u8]| match read(bytes) {
        Err(Unreadable::Damaged { line, what }) => (line, what),
        other => panic!("{other:?}"),
    };
    assert_eq!(damaged(b"{\"v\":0}\n"), (1, Damage::UnknownFormat(0)));
    assert_eq!(damaged(b"{\"v\":1}\n"), (1, Damage::NoHash));
    assert_eq!(damaged(format!("{}\n", by_hand()).as_bytes()), (3, Damage::NoVersion));
    assert_eq!(damaged(by_hand().replace('\n', "\r\n").as_bytes()), (1, Damage::NoHash));
    assert_eq!(damaged(by_hand().replace(HASH_0, &HASH_0.to_uppercase()).as_bytes()), (1, Damage::NoHash));
    assert_eq!(damaged(by_hand().replace("leak", "joke").as_bytes()), (1, Damage::Hash));
    assert_eq!(
        damaged(by_hand().trim_end().as_bytes().iter().chain(b"J").copied().collect::<Vec<_>>().as_slice()),
        (2, Damage::NoNewline)
    );
}

#[test]
fn an_event_of_a_later_version_is_refused_but_its_chain_can_be_verified() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case", tag = "is")]
    enum Later {
        Begun { why: String },
        Teleported { far: bool },
    }
    let store = Memory::default();
    let mut journal = Journal::create(&store, &run(), &Later::Begun { why: String::new() }, None, time(0)).ok().unwrap();
    journal.append(None, time(1), &Later::Teleported { far: true }).unwrap();
    let Trouble::Unreadable(Unreadable::Damaged { line: 2, what: Damage::Content(why) }) =
        trouble(journal::read_only::<Event>(&store, &run()))
    else {
        panic!("line 2 is not known");
    };
    assert!(why.contains("teleported"), "{why}");
    let verified = journal::verify::<serde::de::IgnoredAny>(&store, &run()).unwrap();
    assert_eq!((verified.records, verified.head, verified.torn_bytes), (2, journal.head(), 0));
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![".*".prop_map(|why| Event::Begun { why }), any::<u64>().prop_map(|seconds| Event::Waited { seconds })]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(events in prop::collection::vec(any_event(), 1..12)) {
        let bytes = written(&events);
        let contents = parse::<Event>(&bytes).unwrap();
        prop_assert_eq!(said(&contents.records), events);
        prop_assert_eq!((contents.whole_bytes, contents.torn_bytes), (bytes.len() as u64, 0));
        prop_assert!(contents.records.iter().zip(0..).all(|(r, n)| r.seq == n));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let _ = read(&bytes);
        let good = by_hand().into_bytes();
        let place = at.index(good.len());
        let mut mixed = good.clone();
        mixed.splice(place..place, bytes.iter().copied());
        if let Ok(records) = read(&mixed) {
            // Bytes put behind the last newline are a torn tail; anywhere else they show.
            prop_assert!(bytes.is_empty() || place == good.len());
            prop_assert_eq!(records.len(), 2);
        }
    }

    #[test]
    fn bytes_that_are_overwritten_show(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 1..40)) {
        let good = written(&events());
        let place = at.index(good.len());
        let mut bad = good.clone();
        let end = (place + with.len()).min(bad.len());
        bad[place..end].copy_from_slice(&with[..end - place]);
        if bad != good {
            let kept = read(&bad).map(|records| said(&records));
            // Overwriting the last newline leaves a tail without one; the record that it ends was never promised to be whole.
            prop_assert!(kept.is_err() || kept == Ok(events()[..3].to_vec()));
            prop_assert!(kept.is_err() || end == good.len());
        }
    }

    #[test]
    fn a_hash_has_one_text(bytes in any::<[u8; 32]>(), text in "[0-9a-fA-F]{60,68}") {
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let hash: RecordHash = hex.parse().unwrap();
        prop_assert_eq!((hash.to_string(), format!("{hash:?}"), String::from(hash)), (hex.clone(), hex.clone(), hex));
        let lawful = text.len() == 64 && !text.bytes().any(|b| b.is_ascii_uppercase());
        prop_assert_eq!(text.parse::<RecordHash>().is_ok(), lawful);
    }
}

proptest! {
    /// Read from a file: what is not a marker is an error with its place and an advice, never a hold that is forgotten.
    #[test]
    fn no_bytes_pass_for_a_hold_marker(bytes in prop::collection::vec(any::<u8>(), 1..200), line in "\\{\"v\":1,.{0,60}\\}\n") {
        let temp = tempfile::tempdir().unwrap();
        let run: keyrelay::rotation::names::RunId = "20261121t230659z-k7f2".parse().unwrap();
        for bytes in [&bytes[..], line.as_bytes()] {
            std::fs::write(keyrelay::hold::file(temp.path(), &run), bytes).unwrap();
            let error = keyrelay::hold::read(temp.path(), &run).unwrap_err();
            prop_assert!(error.to_string().contains(".hold") && !error.advice().is_empty(), "{}", error);
        }
    }
}
