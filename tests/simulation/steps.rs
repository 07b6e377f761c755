//! Single days in the life of a run, each with its own trouble.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use keyrelay::driver::crash::Pause;
use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use keyrelay::rotation::answers::{Mutation, RefusalKind, Source};
use keyrelay::rotation::names::Tag;
use keyrelay::rotation::{End, Event, Reason};
use keyrelay::sandbox::cloud::SecretUpdate;
use keyrelay::sandbox::in_process::{Fault, Operation};

use crate::scenes::{never, scenes};
use crate::world::leaks::secrets_in;
use crate::world::{self, Scene, World};

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

/// The hunt that every run of this suite ends with is not to be believed for what it does not find.
#[test]
fn a_planted_leak_is_found() {
    let world = World::new(Scene::default());
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    let cloud = serde_json::to_value(&*world.cloud.borrow()).unwrap();
    let secrets: Vec<String> = secrets_in(&cloud).into_iter().collect();
    assert!(secrets.len() >= 2, "the old one and the new one");
    let leaks = |said: &str| {
        let world = World::new(Scene::default());
        *world.cloud.borrow_mut() = serde_json::from_value(cloud.clone()).unwrap();
        world.journal.borrow_mut().push((world.begun(), Event::Resumed { by: said.into() }));
        world.leaks(&world.on_disk())
    };
    for secret in &secrets {
        let hex: String = secret[3..11].bytes().map(|b| format!("{b:02x}")).collect();
        for planted in [&secret[31..39], &hex, &secret[..3]] {
            assert!(leaks(planted).iter().any(|found| found.contains("in the journal")), "{planted}");
        }
        assert!(leaks(&secret[31..38]).is_empty(), "seven bytes are none");
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
pub(crate) fn disabled_in_one_vault() -> World {
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
    world
}

#[test]
fn one_vault_that_serves_the_new_value_is_not_enough() {
    let world = disabled_in_one_vault();
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
