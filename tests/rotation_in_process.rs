//! The driver that ships, against the sandbox's cloud in process and in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod world;

use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use keyrelay::driver::crash::Pause;
use keyrelay::rotation::answers::{Mutation, RefusalKind, Source};
use keyrelay::rotation::names::Tag;
use keyrelay::rotation::{End, Event, Reason};
use keyrelay::sandbox::cloud::SecretUpdate;
use keyrelay::sandbox::in_process::{Fault, Operation};
use world::{Scene, Start, World};

fn never(_: CrashPoint) -> bool {
    false
}

fn scenes() -> Vec<Scene> {
    let mut all = Vec::new();
    for start in [Start::Alive, Start::None, Start::Expired] {
        for vaults in [1, 2] {
            for two_at_most in [false, true] {
                for consumers in [false, true] {
                    all.push(Scene { start, vaults, two_at_most, consumers, ..Scene::default() });
                }
            }
        }
    }
    all.push(Scene { vaults: 2, second_empty: true, ..Scene::default() });
    // shorter than the settle time, so that the overlap does not hide a settle that is missing
    all.iter_mut().for_each(|s| s.overlap = 60);
    all.push(Scene { vaults: 2, ..Scene::default() });
    all
}

#[test]
fn the_five_steps_complete_in_every_scene() {
    for scene in scenes() {
        let world = World::new(scene.clone());
        let stopped = world.process(false, false, never).unwrap();
        assert_eq!(stopped, Stopped::Ended(End::Completed), "{scene:?}");
        world.check_journal();
        world.check_aftermath();
    }
}

/// Every scene where there is time (`KEYRELAY_THOROUGH=1`), else those that differ most.
fn some_scenes() -> Vec<Scene> {
    if std::env::var_os("KEYRELAY_THOROUGH").is_some() {
        return scenes();
    }
    vec![
        Scene { overlap: 60, ..Scene::default() },
        Scene { vaults: 2, two_at_most: true, consumers: true, ..Scene::default() },
        Scene { start: Start::None, vaults: 2, overlap: 60, ..Scene::default() },
        Scene { start: Start::Expired, two_at_most: true, overlap: 60, ..Scene::default() },
    ]
}

/// Killed at the n-th crash point, then resumed or rolled back, until no n is reached any more.
#[test]
fn a_kill_at_every_crash_point_is_resumed_or_rolled_back() {
    let mut ends = std::collections::BTreeMap::new();
    for scene in some_scenes() {
        for rollback in [false, true] {
            for n in 0.. {
                let world = World::new(Scene { seed: n, ..scene.clone() });
                let mut count = 0;
                let kill = move |_| {
                    count += 1;
                    count == n + 1
                };
                match world.process(false, false, kill) {
                    Err(DriverError::Killed(_)) => {}
                    Ok(_) => break,
                    Err(e) => panic!("{e}"),
                }
                let stopped = world.process(true, rollback, never).unwrap();
                world.check_journal();
                world.check_aftermath();
                match stopped {
                    Stopped::Ended(end) => *ends.entry(format!("{end:?} after rollback {rollback}")).or_insert(0) += 1,
                    other => panic!("{scene:?} rollback {rollback} n {n}: {other:?}"),
                }
            }
        }
    }
    println!("{ends:?}");
    assert!(ends.len() >= 3, "{ends:?}");
}

const FAULTS: [Fault; 8] = [
    Fault::Refused(RefusalKind::Throttled),
    Fault::Refused(RefusalKind::Conflict),
    Fault::Refused(RefusalKind::Unreachable),
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::ServerErrorAfter,
    Fault::Late(Duration::from_secs(20)),
    Fault::Late(Duration::from_secs(800)),
];

fn at_request(n: u32, fault: Fault) -> Box<dyn FnMut(&Operation) -> Fault> {
    let mut count = 0;
    Box::new(move |_| {
        count += 1;
        if count == n + 1 { fault } else { Fault::None }
    })
}

/// One fault of each kind at every request, alone, then with a kill right after the request; then resumed, or rolled back.
#[test]
fn a_fault_at_every_request_is_survived() {
    let mut late = 0;
    for scene in some_scenes() {
        for (kind, fault) in FAULTS.into_iter().enumerate() {
            for killed in [false, true] {
                for n in 0.. {
                    let world = World::new(Scene { seed: u64::from(n) + 7 * kind as u64, ..scene.clone() });
                    *world.faults.borrow_mut() = at_request(n, fault);
                    let (requests, mut done) = (world.requests.clone(), false);
                    let kill = move |_| {
                        let now = killed && !done && requests.get() > n;
                        done |= now;
                        now
                    };
                    let first = world.process(false, false, kill);
                    late += usize::from(world.cloud.borrow().on_their_way() > 0);
                    let stopped = match first {
                        Err(DriverError::Killed(_)) => world.process(true, n % 2 == 1, never).unwrap(),
                        Ok(stopped) => stopped,
                        Err(e) => panic!("{e}"),
                    };
                    world.check_journal();
                    world.check_aftermath();
                    let over = matches!(stopped, Stopped::Ended(End::Completed | End::RolledBack));
                    assert!(over, "{scene:?} {fault:?} at {n}, killed {killed}: {stopped:?}");
                    if world.requests.get() <= n {
                        break;
                    }
                }
            }
        }
    }
    assert!(late > 0, "no request was on its way when its sender had gone");
}

/// Two kills and two faults drawn by seed, then a resume or a rollback without any.
#[test]
fn seeds_with_two_kills_and_two_faults_end_well() {
    let seeds = std::env::var("KEYRELAY_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(600);
    let scenes = scenes();
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..seeds {
        let mut draw = Draw(seed);
        let scene = Scene { seed, ..scenes[draw.below(scenes.len() as u64) as usize].clone() };
        let world = World::new(scene.clone());
        let mut stopped = None;
        for process in 0..3 {
            let (at, fault) = (draw.below(60) as u32, FAULTS[draw.below(8) as usize]);
            *world.faults.borrow_mut() = if process < 2 { at_request(at, fault) } else { Box::new(|_| Fault::None) };
            let (mut count, at) = (0, if process < 2 { draw.below(120) } else { u64::MAX });
            let kill = move |_| {
                count += 1;
                count == at
            };
            match world.process(process > 0, process > 0 && draw.below(3) == 0, kill) {
                Err(DriverError::Killed(_)) => {}
                Ok(s) => {
                    stopped = Some(s);
                    break;
                }
                Err(e) => panic!("seed {seed}: {e}"),
            }
        }
        world.check_journal();
        world.check_aftermath();
        match stopped {
            Some(Stopped::Ended(end)) => *ends.entry(end).or_insert(0) += 1,
            other => panic!("seed {seed} {scene:?}: {other:?}"),
        }
    }
    println!("{seeds} seeds: {ends:?}");
    assert!(ends.len() == 2, "{ends:?}");
}

/// SplitMix64.
struct Draw(u64);
impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A vault that refuses for good before anybody can have read the value: the run takes back what it added, by itself.
#[test]
fn a_refused_first_write_rolls_back_by_itself_and_a_later_one_asks_a_person() {
    for (vaults, refuse) in [(1, 1), (2, 1), (2, 2)] {
        let world = World::new(Scene { vaults, ..Scene::default() });
        let mut writes = 0;
        *world.faults.borrow_mut() = Box::new(move |op| {
            writes += u32::from(matches!(op, Operation::Write(..)));
            let refused = matches!(op, Operation::Write(..)) && writes >= refuse;
            if refused { Fault::Refused(RefusalKind::Forbidden) } else { Fault::None }
        });
        let stopped = world.process(false, false, never).unwrap();
        world.check_journal();
        match (refuse, stopped) {
            (1, Stopped::Ended(End::RolledBack)) => {}
            (2, Stopped::NeedsOperator(Reason::WriteRefused { .. })) => {
                // the permission is granted, and a person says so
                *world.faults.borrow_mut() = Box::new(|_| Fault::None);
                assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
            }
            (_, other) => panic!("{vaults} vaults, write {refuse} refused: {other:?}"),
        }
    }
}

/// A throttled token endpoint is not hammered: the pauses grow from the spacing (10 s) to a minute, and shrink again.
#[test]
fn an_endpoint_that_does_not_answer_is_asked_ever_more_seldom() {
    let world = World::new(Scene::default());
    let mut asked = 0;
    *world.faults.borrow_mut() = Box::new(move |op| {
        asked += u32::from(*op == Operation::SignIn);
        let throttled = *op == Operation::SignIn && (3..=10).contains(&asked);
        if throttled { Fault::Refused(RefusalKind::Throttled) } else { Fault::None }
    });
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    let journal = world.journal.borrow();
    let at: Vec<_> = journal.iter().filter(|(_, e)| matches!(e, Event::SignedIn { .. })).map(|(t, _)| *t).collect();
    let pauses: Vec<i64> = at.windows(2).map(|w| w[1].duration_since(w[0]).as_secs()).collect();
    // 2, 4 and 8 s are less than the spacing
    assert_eq!(pauses[..12], [10, 10, 10, 10, 10, 16, 32, 60, 60, 60, 10, 10], "{pauses:?}");
}

/// An add in doubt is never sent again: the next one has a tag of its own, and both go in the end but the one that is served.
#[test]
fn an_add_in_doubt_is_followed_by_another_attempt() {
    let world = World::new(Scene::default());
    let names = Rc::new(RefCell::new(Vec::new()));
    let seen = names.clone();
    *world.faults.borrow_mut() = Box::new(move |op| {
        if let Operation::AddPassword { display_name } = op {
            seen.borrow_mut().push(Tag::leading(display_name).unwrap().attempt);
            return if seen.borrow().len() == 1 { Fault::LostAfter } else { Fault::None };
        }
        Fault::None
    });
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    assert_eq!(*names.borrow(), [1, 2]);
    world.check_aftermath();
}

/// Somebody disables our version in one of two vaults before it is read back: it is aligned before anything is removed.
#[test]
fn one_vault_that_serves_the_new_value_is_not_enough() {
    let world = World::new(Scene { vaults: 2, second_empty: true, ..Scene::default() });
    let (cloud, time) = (world.cloud.clone(), world.time.clone());
    let mut written = 0;
    let mut disabled = false;
    *world.faults.borrow_mut() = Box::new(move |op| {
        written += u32::from(matches!(op, Operation::Write(..)));
        if written == 2 && !disabled && matches!(op, Operation::Current(_)) {
            disabled = true;
            let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
            cloud.borrow_mut().update_secret(time.get(), &world::host(1), world::SECRET, None, off).unwrap();
        }
        Fault::None
    });
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    let copied =
        |e: &Event| matches!(e, Event::Intended { request: Mutation::WriteVault { from: Source::Version { .. }, .. } });
    assert_eq!(world.journal.borrow().iter().filter(|(_, e)| copied(e)).count(), 1);
    world.check_aftermath();
}

/// The baseline dies between the writes of a rollback: it is not put back any further, and the run turns forward again.
#[test]
fn a_baseline_that_dies_on_the_way_back_turns_the_run_forward() {
    let world = World::new(Scene { vaults: 2, ..Scene::default() });
    let in_overlap = |p| p == CrashPoint::Waiting(Pause::Overlap);
    assert!(matches!(world.process(false, false, in_overlap), Err(DriverError::Killed(_))));
    let shared = world.share();
    let mut restored = 0;
    *world.faults.borrow_mut() = Box::new(move |op| {
        if restored == 1 && !shared.baseline_killed.get() {
            shared.kill_baseline();
        }
        restored += u32::from(matches!(op, Operation::Write(..)));
        Fault::None
    });
    assert_eq!(world.process(true, true, never).unwrap(), Stopped::Ended(End::Completed));
    let back = |e: &Event| matches!(e, Event::Intended { request: Mutation::WriteVault { attempt: 0, .. } });
    assert_eq!(world.journal.borrow().iter().filter(|(_, e)| back(e)).count(), 1, "a dead value was put back");
    world.check_aftermath();
}

/// A write that was given up on lands during the overlap: the version moved, so the whole overlap passes once more from there.
#[test]
fn a_version_that_moves_during_the_overlap_begins_it_again() {
    let world = World::new(Scene { overlap: 1200, ..Scene::default() });
    let (time, landed) = (world.time.clone(), Rc::new(Cell::new(world.begun())));
    let (seen, mut writes) = (landed.clone(), 0);
    *world.faults.borrow_mut() = Box::new(move |op| {
        writes += u32::from(matches!(op, Operation::Write(..)));
        if writes == 1 && matches!(op, Operation::Write(..)) {
            seen.set(time.get() + world::seconds(400));
            return Fault::Late(Duration::from_secs(400));
        }
        Fault::None
    });
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    let removes = |e: &Event| matches!(e, Event::Intended { request: Mutation::RemoveSecret { .. } });
    let removed = world.journal.borrow().iter().find(|(_, e)| removes(e)).map(|(t, _)| *t).unwrap();
    let waited = removed.duration_since(landed.get());
    assert!(waited >= world::seconds(1200), "the old secret went {waited:?} after a version that consumers may have read");
    world.check_aftermath();
}
