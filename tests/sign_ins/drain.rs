//! The overlap question: observed, required, and what a person may answer in its place.

use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::Stopped;
use keyrelay::driver::crash::{CrashPoint, Pause};
use keyrelay::rotation::plan::Delete;
use keyrelay::rotation::usage::{Unknown, Usage};
use keyrelay::rotation::{End, Event, Reason};
use keyrelay::sandbox::cloud::{Range, Resource, SignInRecord, SignInSeries};

use crate::world::{CLIENT, Scene, World, drain, range, seconds};

/// An overlap of ten minutes; a record takes a minute at most, and a minute without one is idle.
fn world(require: bool) -> World {
    World::new(Scene { overlap: 600, drain: Some(drain(require)), ..Scene::default() }.brief())
}

/// Somebody signs in with the old secret every ten seconds: so often, from the run's beginning on.
fn somebody(world: &World, count: u64) -> Timestamp {
    let first = SignInRecord {
        at: world.begun(),
        client_id: CLIENT,
        key_id: world.baseline.map(|k| k.0),
        resource: Some(Resource::Vault),
        address: "203.0.113.7".parse().unwrap(),
        correlation_id: None,
        error: 0,
    };
    let mut cloud = world.cloud.borrow_mut();
    cloud.stage().sign_ins(SignInSeries { first, every: SignedDuration::from_secs(10), count });
    cloud.stage().sign_in_delay(Some(Range { from_ms: 0, to_ms: 30_000 }));
    world.begun() + seconds(10 * (count as i64 - 1))
}

fn never(_: CrashPoint) -> bool {
    false
}

fn run(world: &World) -> Stopped {
    world.process(false, false, never).unwrap()
}

/// What the records said, and when it was written down.
fn usages(world: &World) -> Vec<(Timestamp, Usage)> {
    let of = |(at, event): &(Timestamp, Event)| match event {
        Event::UsageRead { usage } => Some((*at, usage.clone())),
        _ => None,
    };
    world.journal.borrow().iter().filter_map(of).collect()
}

fn removed_at(world: &World) -> Option<Timestamp> {
    world.replay().removed().get(&world.baseline.unwrap()).copied()
}

#[test]
fn without_the_question_the_records_are_not_read() {
    let world = World::new(Scene { overlap: 600, ..Scene::default() }.brief());
    somebody(&world, 10_000);
    assert_eq!(run(&world), Stopped::Ended(End::Completed));
    assert!(usages(&world).is_empty());
}

#[test]
fn observed_it_is_written_down_and_changes_nothing() {
    let world = world(false);
    somebody(&world, 10_000);
    assert_eq!(run(&world), Stopped::Ended(End::Completed));
    let usages = usages(&world);
    assert_eq!(usages.len(), 1);
    let usage = &usages[0].1;
    assert!(usage.unknown.is_none() && usage.total > 5, "{usage:?}");
    assert_eq!(
        (usage.sources.len(), usage.sources[0].resource.as_str(), usage.sources[0].expected),
        (1, "Azure Key Vault", false)
    );
}

#[test]
fn observed_that_it_cannot_be_known_stops_nothing() {
    let world = world(false);
    world.cloud.borrow_mut().stage().premium(false);
    assert_eq!(run(&world), Stopped::Ended(End::Completed));
    assert_eq!(usages(&world)[0].1.unknown, Some(Unknown::LicenceMissing));
}

#[test]
fn required_the_overlap_goes_on_until_the_old_secret_is_idle() {
    let world = world(true);
    let last = somebody(&world, 200);
    assert_eq!(run(&world), Stopped::Ended(End::Completed));
    let usages = usages(&world);
    // while somebody signs in, idle is never sooner than a minute of log delay and a minute without anybody
    assert!(usages.len() > 2, "{}", usages.len());
    // the last look begins with the very record from which idle counts
    assert!(usages.iter().rev().skip(1).all(|(_, u)| u.total > 1) && usages.last().unwrap().1.total == 1, "{usages:#?}");
    let removed = removed_at(&world).unwrap();
    let after = removed.duration_since(last);
    assert!((seconds(120)..seconds(240)).contains(&after), "removed {after:#} after the last sign-in");
    // a process need not stay for it, and each look sees that the vaults are where they were
    assert_eq!(world.replay().confirmed().len(), 1);
}

#[test]
fn required_an_old_secret_that_stays_in_use_is_handed_over_and_a_person_may_let_it_go() {
    let world = world(true);
    somebody(&world, 100_000);
    let Stopped::NeedsOperator(Reason::NotDrained { last: Some(last), why: None }) = run(&world) else { panic!() };
    let waited = world.time.get().duration_since(world.begun());
    // the overlap of ten minutes and the two hours that the runbook allows
    assert!(waited > seconds(7800) && waited < seconds(8400), "{waited:#}");
    assert!(world.time.get().duration_since(last) < seconds(120));
    assert!(removed_at(&world).is_none());
    // asked again, it is no better
    let again = world.process(true, false, never).unwrap();
    assert!(matches!(again, Stopped::NeedsOperator(Reason::NotDrained { .. })), "{again:?}");
    world.said.borrow_mut().push_back(Event::Released { by: "kim".into(), why: "that job may fail".into() });
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    assert!(removed_at(&world).is_some());
}

#[test]
fn required_what_cannot_be_known_for_good_is_handed_over_at_once_and_what_passes_is_asked_again() {
    let world = world(true);
    world.cloud.borrow_mut().stage().premium(false);
    let stopped = run(&world);
    assert_eq!(stopped, Stopped::NeedsOperator(Reason::NotDrained { last: None, why: Some(Unknown::LicenceMissing) }));
    world.cloud.borrow_mut().stage().premium(true);
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed), "the licence has come");

    let passing = self::world(true);
    let own = passing.for_others();
    *passing.faults.borrow_mut() = Box::new(move |op| {
        use keyrelay::rotation::answers::RefusalKind;
        use keyrelay::sandbox::in_process::{Fault, Operation};
        let early = own.time.get().duration_since(own.begun()) < seconds(2000);
        if *op == Operation::SignIns && early { Fault::Refused(RefusalKind::Throttled) } else { Fault::None }
    });
    assert_eq!(run(&passing), Stopped::Ended(End::Completed));
    let usages = usages(&passing);
    assert!(usages.len() > 1 && usages[0].1.unknown == Some(Unknown::Throttled), "{usages:?}");
}

#[test]
fn nothing_is_asked_on_the_way_back_nor_where_nothing_is_removed() {
    let back = world(true);
    back.process(false, false, |p| p == CrashPoint::Waiting(Pause::Overlap)).unwrap_err();
    assert_eq!(back.process(true, true, never).unwrap(), Stopped::Ended(End::RolledBack));
    assert!(usages(&back).is_empty());
    let kept = Scene { overlap: 600, delete: Delete::Never, drain: Some(drain(true)), ..Scene::default() }.brief();
    let kept = World::new(kept);
    assert_eq!(run(&kept), Stopped::Ended(End::Completed));
    assert!(usages(&kept).is_empty());
}

#[test]
fn slow_replicas_and_kills_in_the_drain_change_nothing() {
    let world = world(true);
    let profile = keyrelay::sandbox::cloud::Profile { appears: range(0, 10_000), ..world.scene.profile.clone() };
    world.cloud.borrow_mut().set_profile(profile);
    somebody(&world, 120);
    let at = CrashPoint::AfterRead(keyrelay::driver::crash::Question::SignIns);
    world.process(false, false, move |p| p == at).unwrap_err();
    assert!(usages(&world).is_empty());
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    world.check_journal();
    world.check_aftermath();
}
