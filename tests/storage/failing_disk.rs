//! Whole runs on a disk that fails at each of the journal's calls, or loses what was not synced: the process stops before it does
//! what it could not write down, and a later one goes on from the disk, or refuses with nothing changed.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use jiff::Timestamp;
use keyrelay::driver::{DriverError, Log, Stopped};
use keyrelay::journal::error::Trouble;
use keyrelay::journal::record::{Unreadable, parse};
use keyrelay::journal::store::{Doing, StoreError};
use keyrelay::journal::{Journal, JournalError};
use keyrelay::rotation::{End, Event};
use keyrelay::run::Record;
use serde_json::json;

use crate::disk::{Disk, Fault, OnDisk, the_run};
use crate::evidence_support::{never, start};
use crate::reliability::Counts;
use crate::whole::thorough;
use crate::world::leaks::{Searched, secrets_in};
use crate::world::{Scene, Start, World};

/// The journal as the driver knows it.
struct Kept(Journal<Record, OnDisk>);

impl Log for Kept {
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError> {
        self.0.append(Some(at), local, &Record::Event(event.clone()))?;
        Ok(())
    }
}

/// A run of which this disk has the journal.
struct Case {
    world: World,
    disk: Disk,
}

impl Case {
    fn new(scene: &Scene) -> Case {
        Case { world: World::new(scene.clone()), disk: Disk::default() }
    }

    /// The first process.
    fn begin(&self) -> Result<Stopped, DriverError> {
        let first = Record::Started(Box::new(start(&self.world)));
        let begun = self.world.begun();
        let journal = Journal::create(&self.disk, &the_run(), &first, Some(begun), begun)?;
        *self.world.store.borrow_mut() = Some(Box::new(Kept(journal)));
        self.world.process(false, false, never)
    }

    /// A later one: what it goes on from is what the disk says.
    fn go_on(&self, rollback: bool) -> Result<Stopped, DriverError> {
        let (journal, records) = Journal::<Record, _>::open(&self.disk, &the_run())?;
        let events = records.into_iter().filter_map(|r| match r.event {
            Record::Event(event) => Some((r.at.unwrap(), event)),
            Record::Started(_) => None,
        });
        *self.world.journal.borrow_mut() = events.collect();
        *self.world.store.borrow_mut() = Some(Box::new(Kept(journal)));
        if let keyrelay::rotation::Phase::Ended { end } = self.world.replay().phase() {
            return Ok(Stopped::Ended(*end));
        }
        self.world.process(true, rollback, never)
    }

    /// What was on the disk when something followed from it is there still.
    fn nothing_acted_upon_is_lost(&self, case: &str) {
        let acted_upon = self.world.journal.borrow().len();
        let there = readable(&self.disk).map_or(0, |records| records.len());
        assert!(there > acted_upon || acted_upon == 0, "{case}: acted on {acted_upon} events, on disk {there} records");
        let events = readable(&self.disk).unwrap_or_default();
        for ((at, event), record) in self.world.journal.borrow().iter().zip(events.iter().skip(1)) {
            assert!(record.at == Some(*at) && record.event == Record::Event(event.clone()), "{case}");
        }
    }
}

/// The whole records before the first line that is not one.
fn readable(disk: &Disk) -> Option<Vec<keyrelay::run::Numbered>> {
    let bytes = disk.seen();
    match parse::<Record>(&bytes) {
        Ok(contents) => Some(contents.records),
        Err(Unreadable::Damaged { line, .. }) => {
            let before: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').take(line as usize - 1).collect();
            parse::<Record>(&before.concat()).ok().map(|contents| contents.records)
        }
        Err(_) => None,
    }
}

fn stopped_by_the_journal(case: &str, answer: Result<Stopped, DriverError>) -> JournalError {
    match answer {
        Err(DriverError::Journal(e)) => e,
        other => panic!("{case}: {other:?}"),
    }
}

/// The sectors that a power cut leaves: none, all, or every other one, beginning with either.
const LEFT: [fn(u32) -> bool; 4] = [|_| false, |_| true, |n| n.is_multiple_of(2), |n| n % 2 == 1];

fn cut_power(disk: &Disk, left: fn(u32) -> bool) {
    let mut sector = 0;
    disk.power_cut(|| {
        sector += 1;
        left(sector)
    });
}

const FAULTS: [Fault; 5] = [
    Fault::Refused(ErrorKind::Other),
    Fault::Refused(ErrorKind::StorageFull),
    Fault::Short,
    Fault::SyncFails,
    Fault::Killed,
];

#[test]
fn a_fault_at_each_call_is_survived_with_and_without_a_power_cut() {
    let scene = Scene { overlap: 60, ..Scene::default() };
    let mut counts = Counts::new("journal-disk", json!({}));
    let (mut came_to, mut searched) = (BTreeMap::<&str, u64>::new(), Searched::default());
    for fault in FAULTS {
        let cuts = LEFT.iter().copied().map(Some).chain([None]).enumerate();
        for (n, left) in cuts {
            for call in 1.. {
                if !thorough() && call > 3 && !(call as usize + n).is_multiple_of(31) {
                    continue;
                }
                let case = Case::new(&scene);
                let name = format!("{fault:?} at call {call}, power cut {n}");
                case.disk.fail(call, fault);
                let first = case.begin();
                if !case.disk.failed() {
                    assert_eq!(first.unwrap(), Stopped::Ended(End::Completed));
                    break;
                }
                stopped_by_the_journal(&name, first);
                case.world.losses.set(1);
                *came_to.entry(survived(&case, &name, left, call % 2 == 0)).or_default() += 1;
                searched += nothing_leaked(&case, &name);
            }
        }
    }
    let all = ["completed", "rolled back", "never began", "refused as damaged"];
    assert!(all.iter().all(|end| came_to.contains_key(end)), "{came_to:?}");
    counts.set("calls that failed", came_to.values().sum::<u64>());
    came_to.iter().for_each(|(end, n)| counts.set(end, *n));
    counts.set("searched for secrets", searched.json());
    counts.keep();
}

/// Whatever state the disk is in, nothing of a secret is on it.
fn nothing_leaked(case: &Case, name: &str) -> Searched {
    let mut searched = case.world.reached.borrow().searched;
    let found = case.world.needles().judge("the journal", &case.disk.seen(), &mut searched);
    assert_eq!(found, None, "{name}");
    searched
}

/// The hunt above is not to be believed for what it does not find.
#[test]
fn a_planted_leak_is_found_on_the_disk() {
    let case = Case::new(&Scene { overlap: 60, ..Scene::default() });
    assert_eq!(case.begin().unwrap(), Stopped::Ended(End::Completed));
    nothing_leaked(&case, "as it was written");
    let secrets = secrets_in(&serde_json::to_value(&*case.world.cloud.borrow()).unwrap());
    for secret in secrets {
        let torn = [&case.disk.seen()[..], b"{\"v\":1,", &secret.as_bytes()[20..28]].concat();
        let found = case.world.needles().judge("the journal", &torn, &mut Searched::default());
        assert!(found.is_some_and(|f| f.starts_with("S7: raw")));
    }
}

/// After the first process has stopped: what a later one comes to, judged.
fn survived(case: &Case, name: &str, left: Option<fn(u32) -> bool>, rollback: bool) -> &'static str {
    case.nothing_acted_upon_is_lost(name);
    if let Some(left) = left {
        cut_power(&case.disk, left);
        case.nothing_acted_upon_is_lost(name);
    }
    case.disk.mend();
    let (requests, before) = (case.world.requests.get(), case.disk.seen());
    match case.go_on(rollback) {
        Ok(Stopped::Ended(end)) => {
            case.world.check_journal();
            case.world.check_aftermath();
            // and now the power goes, with nothing synced since
            cut_power(&case.disk, LEFT[0]);
            case.nothing_acted_upon_is_lost(name);
            assert!(parse::<Record>(&case.disk.seen()).is_ok(), "{name}: the journal of an ended run is whole");
            if end == End::RolledBack { "rolled back" } else { "completed" }
        }
        Err(DriverError::Journal(e)) => {
            assert_eq!(case.world.requests.get(), requests, "{name}: a refusal sends nothing");
            assert_eq!(case.disk.seen(), before, "{name}: a refusal changes nothing");
            match e.trouble {
                Trouble::Unreadable(Unreadable::NeverBegan { .. } | Unreadable::Foreign)
                | Trouble::Store(StoreError::Io { doing: Doing::Open, .. }) => {
                    assert_eq!(requests, 0, "{name}: something was sent without a start record");
                    "never began"
                }
                Trouble::Unreadable(Unreadable::Damaged { .. }) => {
                    assert!(left.is_some(), "{name}: damaged without a power cut");
                    "refused as damaged"
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// The second process fails too, in its first calls, where it cuts off a torn line and writes its first record; the third goes on.
#[test]
fn a_second_process_on_a_failing_disk_is_survived() {
    let scene = Scene { start: Start::None, overlap: 60, ..Scene::default() };
    let (mut counts, mut cases) = (Counts::new("journal-disk-twice", json!({})), 0);
    for first in [Fault::Short, Fault::SyncFails, Fault::Killed] {
        for second in FAULTS {
            for call in (2..).step_by(if thorough() { 1 } else { 17 }) {
                let case = Case::new(&scene);
                case.disk.fail(call, first);
                let ended = case.begin();
                if !case.disk.failed() {
                    break;
                }
                let name = format!("{first:?} at call {call}, then {second:?}");
                stopped_by_the_journal(&name, ended);
                for again in 1..=4 {
                    case.world.losses.set(case.world.losses.get() + 1);
                    case.disk.fail(again, second);
                    match case.go_on(false) {
                        Err(DriverError::Journal(_)) => case.nothing_acted_upon_is_lost(&name),
                        other if !case.disk.failed() => drop(other.unwrap()),
                        other => panic!("{name}, {again}: {other:?}"),
                    }
                }
                if readable(&case.disk).is_some() {
                    survived(&case, &name, None, false);
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 15);
    counts.set("two processes", cases);
    counts.keep();
}
