//! The bytes of a whole run's journal, changed in every way that a disk or a hand changes them: refused with nothing changed, but
//! for a torn tail, which is dropped. All bits and cuts where there is time, else some of each line.

use keyrelay::journal::error::Trouble;
use keyrelay::journal::record::{Damage, Unreadable, parse};
use keyrelay::journal::{Journal, Record as InJournal};
use keyrelay::run::{NotARun, Record, Run};
use serde_json::json;

use crate::disk::{Disk, the_run};
use crate::reliability::Counts;
use crate::whole::{chained, lines, long, thorough};

/// Opens a journal of these bytes for writing, as a resume does: what it holds, or why not. In the latter case nothing was changed.
fn open(bytes: &[u8]) -> Result<(Vec<InJournal<Record>>, Vec<u8>), Unreadable> {
    let disk = Disk::holding(bytes);
    match Journal::<Record, _>::open(&disk, &the_run()) {
        Ok((_, records)) => Ok((records, disk.seen())),
        Err(e) => {
            assert!(disk.seen() == bytes, "a refusal changes nothing");
            match e.trouble {
                Trouble::Unreadable(why) => Err(why),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn damaged(answer: Result<(Vec<InJournal<Record>>, Vec<u8>), Unreadable>) -> (u64, Damage) {
    match answer {
        Err(Unreadable::Damaged { line, what }) => (line, what),
        other => panic!("{:?}", other.map(|(records, _)| records.len())),
    }
}

#[test]
fn a_cut_at_each_byte_drops_the_torn_line_and_nothing_else() {
    let run = long();
    let lines = lines(&run);
    let whole = lines.concat();
    let (mut counts, mut end, mut cuts) = (Counts::new("journal-cuts", json!({})), 0, 0);
    for (n, line) in lines.iter().enumerate() {
        let step = if thorough() { 1 } else { line.len().div_ceil(2) };
        let at = (0..line.len()).step_by(step).chain([1, line.len() - 1]);
        for cut in at.map(|within| end + within) {
            cuts += 1;
            match open(&whole[..cut]) {
                Err(Unreadable::NeverBegan { torn_bytes }) => assert_eq!((n, torn_bytes), (0, cut as u64)),
                Ok((records, left)) => {
                    assert!(records == run.records[..n], "cut at {cut}: {} records", records.len());
                    assert!(left == whole[..end], "cut at {cut}: the torn line is gone, the others are there");
                }
                other => panic!("cut at {cut}: {:?}", other.err()),
            }
        }
        end += line.len();
    }
    counts.add("cuts", cuts);
    counts.add("bytes", whole.len() as u64);
    counts.keep();
}

/// Every beginning of it is a lawful run (S9), and the whole of it is written again as the same bytes.
#[test]
fn every_beginning_replays() {
    let run = long();
    for records in 1..=run.records.len() {
        let run = Run::replay(run.records[..records].to_vec()).unwrap();
        assert_eq!(run.records.len(), records);
    }
    let bytes = lines(&run).concat();
    let again = Run::replay(parse::<Record>(&bytes).unwrap().records).unwrap();
    assert_eq!((lines(&again).concat(), again.rotation), (bytes, run.rotation));
}

#[test]
fn each_flipped_bit_is_refused() {
    let bytes = lines(&long()).concat();
    let bits = bytes.len() * 8;
    // a prime, so that each line and each place of a byte is met
    let step = if thorough() { 1 } else { 1999 };
    let (mut counts, mut flipped) = (Counts::new("journal-bits", json!({ "step": step })), 0);
    let mut bad = bytes.clone();
    for bit in (0..bits).step_by(step).chain(bits - 8..bits) {
        bad[bit / 8] ^= 1 << (bit % 8);
        match open(&bad) {
            Err(Unreadable::Damaged { .. } | Unreadable::NewerFormat { .. } | Unreadable::Foreign) => flipped += 1,
            other => panic!("bit {bit}: {:?}", other.map(|(records, _)| records.len())),
        }
        bad[bit / 8] = bytes[bit / 8];
    }
    assert!(flipped >= bits / step);
    counts.set("bits", bits);
    counts.set("refused", flipped);
    counts.keep();
}

#[test]
fn a_record_that_is_dropped_doubled_or_swapped_is_refused() {
    let (mut counts, lines) = (Counts::new("journal-records", json!({})), lines(&long()));
    let last = lines.len() - 1;
    let with = |order: &[usize]| open(&order.iter().flat_map(|n| lines[*n].clone()).collect::<Vec<u8>>());
    let all: Vec<usize> = (0..=last).collect();
    for n in 0..=last {
        let mut dropped = all.clone();
        dropped.remove(n);
        if n == last {
            // only a head that is kept elsewhere shows it
            assert_eq!(with(&dropped).unwrap().0.len(), last);
        } else {
            assert_eq!(damaged(with(&dropped)), (n as u64 + 1, Damage::Chain), "{n} dropped");
        }
        let mut doubled = all.clone();
        doubled.insert(n, n);
        assert_eq!(damaged(with(&doubled)), (n as u64 + 2, Damage::Chain), "{n} doubled");
        let others: Vec<usize> = if thorough() { (n + 1..=last).collect() } else { vec![n + 1, last - n] };
        for m in others.into_iter().filter(|m| n < *m && *m <= last) {
            let mut swapped = all.clone();
            swapped.swap(n, m);
            assert_eq!(damaged(with(&swapped)), (n as u64 + 1, Damage::Chain), "{n} and {m} swapped");
            counts.add("swapped", 1);
        }
        counts.add("dropped", 1);
        counts.add("doubled", 1);
    }
    counts.keep();
}

/// A record of another run in the middle, or another journal behind the end.
#[test]
fn a_record_of_another_journal_is_refused() {
    let lines = lines(&long());
    let mut other = long();
    other.records[0].local += jiff::SignedDuration::from_secs(1);
    let other = chained(other.records.iter());
    let middle = lines.len() / 2;
    let mixed = [&lines[..middle], &other[middle..]].concat().concat();
    assert_eq!(damaged(open(&mixed)), (middle as u64 + 1, Damage::Chain));
    let behind = [&lines[..], &other[..]].concat().concat();
    assert_eq!(damaged(open(&behind)), (lines.len() as u64 + 1, Damage::Chain));
}

/// Somebody who can make hashes drops, doubles or swaps records: what cannot follow is named, and nothing panics.
#[test]
fn a_journal_that_was_chained_anew_is_replayed_or_refused() {
    let run = long();
    let count = run.records.len();
    let (mut refused, mut replayed) = (0, 0);
    let mut tried = |order: &mut dyn Iterator<Item = usize>| {
        let records: Vec<_> = order.map(|n| run.records[n].clone()).collect();
        let bytes = chained(records.iter()).concat();
        match Run::replay(parse::<Record>(&bytes).unwrap().records) {
            Ok(_) => replayed += 1,
            Err(NotARun::Illegal { illegal, .. }) => {
                assert!(!illegal.state.is_empty() && !illegal.event.is_empty());
                refused += 1;
            }
            Err(NotARun::NoStart | NotARun::StartsAgain(_)) => refused += 1,
            Err(e @ NotARun::NoTime(_)) => panic!("{e}"),
        }
    };
    for n in (0..count).step_by(if thorough() { 1 } else { 4 }) {
        tried(&mut (0..count).filter(|m| *m != n));
        tried(&mut (0..count).flat_map(|m| std::iter::repeat_n(m, 1 + usize::from(m == n))));
        tried(&mut (0..count).map(|m| {
            if m == n {
                (n + 1).min(count - 1)
            } else if m == n + 1 {
                n
            } else {
                m
            }
        }));
    }
    println!("{refused} refused, {replayed} replayed");
    assert!(refused > 2 * replayed, "most records follow from the one before");
}
