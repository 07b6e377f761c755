//! What makes two states differ for the search, and what does not: a likeness that is too coarse leaves states unsearched.

use std::hash::{DefaultHasher, Hasher};

use super::super::answers::{Current, Listed, Mutation, Reported, SignIn, Source};
use super::super::likeness::Names;
use super::super::plan::{ConsumerPlan, Way};
use super::super::state::{Death, Hold, Phase, Streak};
use super::*;
use crate::rotation::{End, Reason};

/// As they are; `OTHERS` is gone for good.
struct AsTheyAre;

impl Names for AsTheyAre {
    fn key(&self, key_id: KeyId) -> u32 {
        key_id.0.as_u128() as u32
    }
    fn gone(&self, key_id: KeyId) -> bool {
        key_id == OTHERS
    }
    fn version(&self, vault: VaultIx, version: VersionId) -> u32 {
        1000 * u32::from(vault.0) + version.0 as u32
    }
}

fn likeness(run: &Rotation) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.likeness(at(1000), &AsTheyAre, &mut hasher);
    hasher.finish()
}

/// In the middle of things, with something in every field.
fn busy(phase: Phase) -> Rotation {
    let consumer = ConsumerPlan { refresh: true, check: true, cache: seconds(60) };
    let vaults = vec![VaultStart::Holds { version: START }; 2];
    let mut run = run(Plan { consumers: vec![consumer], vaults, ..plan() });
    run.enter(phase);
    run.attempts = vec![added(NEW, true), added(NEXT, false)];
    run.confirmed = vec![Some(START), None];
    run.unsettled = Some(at(900));
    run.not_before = Some(at(1100));
    run.deadline = Some(at(1500));
    run.failing_since = Some(at(990));
    run.removed.insert(NEXT, at(950));
    run.hold = Hold::Until(at(2000));
    run.proof = Some(Streak { since: at(980), last: at(995) });
    run.todo.push_back(Mutation::RemoveSecret { key_id: NEW });
    run.seen.list = Some(vec![Listed { key_id: NEW, tag: None }]);
    run.seen.currents[0] = Some((baseline(), Some(SignIn::Accepted)));
    run.seen.versions[0] = Some(vec![version(1, NEW)]);
    run.seen.baseline = Some(SignIn::Accepted);
    run
}

type Change = fn(&mut Rotation);

fn differ(phase: Phase, changes: &[Change]) {
    let mut seen = vec![likeness(&busy(phase.clone()))];
    for (n, change) in changes.iter().enumerate() {
        let mut run = busy(phase.clone());
        change(&mut run);
        let found = likeness(&run);
        assert!(!seen.contains(&found), "change {n} in {phase:?} is not told from what was before");
        seen.push(found);
    }
}

fn alike(phase: Phase, changes: &[Change]) {
    for (n, change) in changes.iter().enumerate() {
        let mut run = busy(phase.clone());
        change(&mut run);
        assert_eq!(likeness(&run), likeness(&busy(phase.clone())), "change {n} in {phase:?}");
    }
}

#[test]
fn every_field_that_a_decision_can_depend_on_counts() {
    differ(
        Phase::Wait,
        &[
            |r| r.back = true,
            |r| r.doubted = true,
            |r| r.rounds = 1,
            |r| r.no_return = true,
            |r| r.tries = 1,
            |r| r.held = true,
            |r| r.attempts.truncate(1),
            |r| r.attempts[0].published = false,
            |r| r.attempts[0].added = AddState::Planned,
            |r| r.attempts[0].added = AddState::InDoubt,
            |r| r.attempts[0].added = AddState::Untagged(NEW),
            |r| r.attempts[0].added = AddState::Added(OTHERS),
            |r| r.unsettled = None,
            |r| r.unsettled = Some(at(901)),
            |r| r.not_before = Some(at(1101)),
            |r| r.deadline = Some(at(1501)),
            |r| r.confirmed[0] = None,
            |r| r.confirmed[0] = Some(VersionId(2)),
            |r| r.failing_since = None,
            |r| r.failing_since = Some(at(991)),
            |r| r.removed.extend([(NEXT, at(951))]),
            |r| r.removed.extend([(OLD, at(951))]),
            |r| r.hold = Hold::None,
            |r| r.hold = Hold::Released,
            |r| r.hold = Hold::Until(at(2001)),
            |r| r.proof = None,
            |r| r.proof = Some(Streak { since: at(981), last: at(995) }),
            |r| r.proof = Some(Streak { since: at(980), last: at(996) }),
        ],
    );
}

#[test]
fn what_consumers_said_counts() {
    differ(
        Phase::Consumers,
        &[
            |r| r.consumers[0].refreshed = Some(at(1)),
            |r| r.consumers[0].well = Some(at(1)),
            |r| r.consumers[0].failed = Some("no".into()),
            |r| r.consumers[0].names_old = true,
            |r| r.consumers[0].asked_last = true,
            |r| r.consumers[0].failure_waived = true,
            |r| r.consumers[0].old_waived = true,
        ],
    );
}

#[test]
fn what_is_to_be_sent_counts() {
    fn write(r: &mut Rotation, vault: VaultIx, attempt: u32, from: Source) {
        r.todo = [Mutation::WriteVault { vault, attempt, from }].into();
    }
    differ(
        Phase::Delete,
        &[
            |r| r.todo.clear(),
            |r| r.in_flight = r.todo.pop_front(),
            |r| r.todo = [Mutation::RemoveSecret { key_id: OLD }].into(),
            |r| r.todo = [Mutation::AddSecret { attempt: 1 }].into(),
            |r| r.todo = [Mutation::AddSecret { attempt: 2 }].into(),
            |r| r.todo = [Mutation::DisableVersion { vault: FIRST, version: START }].into(),
            |r| r.todo = [Mutation::DisableVersion { vault: SECOND, version: START }].into(),
            |r| write(r, FIRST, 1, Source::Memory),
            |r| write(r, SECOND, 1, Source::Memory),
            |r| write(r, FIRST, 2, Source::Memory),
            |r| write(r, FIRST, 1, Source::Version { vault: FIRST, version: START }),
            |r| write(r, FIRST, 1, Source::Version { vault: FIRST, version: VersionId(2) }),
        ],
    );
}

#[test]
fn what_was_read_counts() {
    differ(
        Phase::Restore,
        &[
            |r| r.seen.list = None,
            |r| r.seen.list = Some(Vec::new()),
            |r| r.seen.list = Some(vec![Listed { key_id: OLD, tag: None }]),
            |r| r.seen.currents[0] = None,
            |r| r.seen.currents.swap(0, 1),
            |r| r.seen.currents[0] = Some((Current::Nothing, None)),
            |r| r.seen.currents[0] = Some((Current::Disabled, None)),
            |r| r.seen.currents[0] = Some((serves(1, NEW), Some(SignIn::Accepted))),
            |r| r.seen.currents[0] = Some((baseline(), None)),
            |r| r.seen.currents[0] = Some((baseline(), Some(SignIn::Wrong))),
            |r| r.seen.currents[0] = Some((baseline(), Some(SignIn::OtherIdentity))),
            |r| r.seen.versions[0] = None,
            |r| r.seen.versions[0] = Some(Vec::new()),
            |r| r.seen.versions[0].as_mut().unwrap()[0].enabled = false,
            |r| r.seen.versions[0].as_mut().unwrap()[0].tag = None,
            |r| r.seen.versions[0].as_mut().unwrap()[0].id = VersionId(7),
            |r| r.seen.baseline = None,
            |r| r.seen.baseline = Some(SignIn::Wrong),
            |r| r.seen.baseline = Some(SignIn::OtherIdentity),
        ],
    );
}

#[test]
fn the_phase_counts_with_all_that_it_holds() {
    let align = |goal, vault, version| Phase::Align { goal, vault, version };
    let asks = |reason, was| Phase::NeedsOperator { reason, was: Box::new(was) };
    let phases = [
        Phase::Add,
        Phase::Publish { look_for_tag: false },
        Phase::Publish { look_for_tag: true },
        Phase::Reconcile { room: false },
        Phase::Reconcile { room: true },
        align(1, FIRST, START),
        align(2, FIRST, START),
        align(1, SECOND, START),
        align(1, FIRST, VersionId(2)),
        asks(Reason::NoRoom, Phase::Add),
        asks(Reason::NotReleased, Phase::Add),
        asks(Reason::NoRoom, Phase::Delete),
        Phase::Ended { end: End::Completed },
        Phase::Ended { end: End::RolledBack },
    ];
    let mut seen: Vec<u64> = phases.iter().map(|phase| likeness(&busy(phase.clone()))).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), phases.len());
}

/// Only where a leak is answered: what consumers named decides who is cut off, and how long the death is doubted has an end.
#[test]
fn what_a_leak_adds_counts() {
    let with = |phase: Phase, change: Change| {
        let mut run = busy(phase);
        let plan = super::emergency::leak(Way::Replace, false);
        run.plan = Arc::new(Plan { emergency: plan.emergency, ..run.plan().clone() });
        change(&mut run);
        likeness(&run)
    };
    let differ = |phase: Phase, changes: &[Change]| {
        let mut all: Vec<u64> = changes.iter().map(|change| with(phase.clone(), *change)).collect();
        all.push(with(phase.clone(), |_| {}));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), changes.len() + 1, "{phase:?}");
    };
    let told: [Change; 5] = [
        |r| r.consumers[0].reported = Some((at(1), Reported::New)),
        |r| r.leak.accepted = [0].into(),
        |r| r.leak.may_be_restored = true,
        |r| r.leak.death = Some(Death::Proven),
        |r| r.leak.death = Some(Death::Unproven),
    ];
    differ(Phase::Delete, &told);
    let old = with(Phase::Delete, |r| r.consumers[0].reported = Some((at(1), Reported::Old)));
    assert_eq!(old, with(Phase::Delete, |_| {}), "that it names the old one stands in another field");
    // settle and all other patience is over after 901 s, the death is doubted for 600 s and the window
    let (long, longer): (Change, Change) = (|r| r.failing_since = Some(at(0)), |r| r.failing_since = Some(at(-1000)));
    assert_eq!(with(Phase::Delete, long), with(Phase::Delete, longer));
    let slow = |phase: Phase, change: Change| {
        let mut run = busy(phase);
        let mut emergency = super::emergency::leak(Way::Replace, false).emergency.unwrap();
        emergency.death.limit = seconds(5000);
        run.plan = Arc::new(Plan { emergency: Some(emergency), ..run.plan().clone() });
        change(&mut run);
        likeness(&run)
    };
    assert_ne!(slow(Phase::Dying, long), slow(Phase::Dying, longer));
    assert_eq!(slow(Phase::Delete, long), slow(Phase::Delete, longer));
}

/// What nothing depends on any more must not make two states of one: there would be no end of them.
#[test]
fn what_is_past_or_only_told_does_not_count() {
    let told: [Change; 6] = [
        |r| r.failure = Some(Reason::NoRoom),
        |r| r.served = Some((NEW, START)),
        |r| r.put_back = Some(START),
        |r| r.confirmed_at = Some(at(1)),
        |r| r.consumers[0].reported = Some((at(1), Reported::New)),
        |r| r.removed.extend([(OTHERS, at(1))]),
    ];
    alike(Phase::Wait, &told);
    // the overlap's end counts while it lasts
    alike(Phase::Delete, &[|r| r.deadline = Some(at(1501))]);
    // and the confirmed versions until the removal is over
    alike(Phase::Smoke, &[|r| r.confirmed[0] = None]);
    differ(Phase::Adoption, &[|r| r.confirmed[0] = None]);
    differ(Phase::Delete, &[|r| r.confirmed[0] = None]);
    // moments that are past
    let past = |n| {
        let mut run = busy(Phase::Wait);
        (run.unsettled, run.not_before, run.hold) = (Some(at(n - 2000)), Some(at(n)), Hold::Until(at(n)));
        likeness(&run)
    };
    assert_eq!(past(999), past(5));
}

/// Where a release is waited for, the end of that wait stands in the same place and counts until the run is over.
#[test]
fn the_longest_wait_for_a_release_counts() {
    let with = |n| {
        let mut run = busy(Phase::Delete);
        run.plan = Arc::new(Plan { delete: Delete::OnRelease, ..run.plan().clone() });
        run.deadline = Some(at(n));
        likeness(&run)
    };
    assert_ne!(with(1500), with(1501));
}

/// What is tried for room is tried for longer than anything else.
#[test]
fn how_long_something_fails_counts_for_as_long_as_it_matters() {
    let since = |phase: Phase, n| {
        let mut run = busy(phase);
        run.failing_since = Some(at(n));
        likeness(&run)
    };
    let room = Phase::Reconcile { room: true };
    assert_ne!(since(room.clone(), -1000), since(room.clone(), -2000), "settle is 900 s, and five times that counts");
    assert_eq!(since(room.clone(), -4000), since(room, -5000));
    assert_ne!(since(Phase::Add, -1000), since(Phase::Add, -2000));
    assert_eq!(since(Phase::Smoke, -1000), since(Phase::Smoke, -2000));
}
