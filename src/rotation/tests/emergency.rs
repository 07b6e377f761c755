//! What an emergency excuses, and what it does not: the invariants of a run that ends a leaked credential.

use super::super::answers::{Mutation, Reported, SignIn};
use super::super::invariants::{Living, World, check, s2_leaked_is_left, s3_read_before_removal, s4_only_ours_is_removed};
use super::super::plan::{ConsumerPlan, Emergency, Way};
use super::super::state::{ConsumerState, Death, End, Phase};
use super::*;

/// The leaked credential is `OLD`. Where it is only revoked, the vaults serve another, `OTHERS`.
pub(super) fn leak(way: Way, outage_accepted: bool) -> Plan {
    let death = Proof { window: seconds(30), spacing: seconds(10), limit: seconds(600) };
    let emergency = Emergency {
        leaked: OLD,
        way,
        declared_at: at(0),
        exposed_at: None,
        outage_accepted,
        accepted: [].into(),
        death,
        check: None,
        versions: Vec::new(),
        disable_versions: false,
    };
    let key_id = if way == Way::RevokeOnly { OTHERS } else { OLD };
    Plan { baseline: Baseline::Alive { key_id }, emergency: Some(emergency), ..plan() }
}

fn world(credentials: &[(KeyId, Option<u32>, bool)], served: &[Option<KeyId>], recent: &[KeyId]) -> World {
    let living = |(key_id, attempt, accepted): &(KeyId, Option<u32>, bool)| Living {
        key_id: *key_id,
        tag: attempt.map(tag),
        accepted: *accepted,
    };
    let credentials = credentials.iter().map(living).collect();
    World { now: at(100), credentials, served: served.to_vec(), recent: recent.to_vec() }
}

fn broken(run: &Rotation, world: &World) -> Option<&'static str> {
    check(run, world, 0).err().map(|broken| broken.rule)
}

/// Cut off before it is replaced, if somebody has accepted that; and nothing but the leaked credential.
#[test]
fn s1_is_waived_for_what_is_revoked_first_once_that_is_intended() {
    let dead = world(&[(OLD, None, false), (NEW, Some(1), true)], &[Some(OLD)], &[]);
    let run = |way, accepted, no_return| Rotation { no_return, ..run(leak(way, accepted)) };
    assert_eq!(broken(&run(Way::RevokeFirst, true, true), &dead), None);
    assert_eq!(broken(&run(Way::RevokeFirst, true, false), &dead), Some("S1"), "not intended yet");
    assert_eq!(broken(&run(Way::RevokeFirst, false, true), &dead), Some("S1"), "nobody has accepted it");
    assert_eq!(broken(&run(Way::Replace, true, true), &dead), Some("S1"), "it is replaced first");
    let other = world(&[(NEW, Some(1), false)], &[Some(NEW)], &[]);
    assert_eq!(broken(&run(Way::RevokeFirst, true, true), &other), Some("S1"), "it did not leak");
}

#[test]
fn s2_is_waived_for_the_leaked_value_alone() {
    let recent = |key_id| world(&[(OLD, None, false), (NEW, Some(1), false)], &[None], &[key_id]);
    let run = |way, no_return| Rotation { no_return, ..run(leak(way, false)) };
    assert_eq!(broken(&run(Way::Replace, true), &recent(OLD)), None);
    assert_eq!(broken(&run(Way::RevokeOnly, false), &recent(OLD)), None);
    assert_eq!(broken(&run(Way::Replace, false), &recent(OLD)), Some("S2"), "not intended yet");
    assert_eq!(broken(&run(Way::Replace, true), &recent(NEW)), Some("S2"), "it did not leak");
    let ordinary = Rotation { no_return: true, ..super::run(plan()) };
    assert_eq!(broken(&ordinary, &recent(OLD)), Some("S2"));
}

/// About to remove the leaked credential, with one consumer that was told at 50 and keeps a value for 60 seconds.
fn removing(way: Way, phase: Phase, key_id: KeyId) -> Rotation {
    let consumer = ConsumerPlan { refresh: true, check: true, cache: seconds(60) };
    let mut run = run(Plan { consumers: vec![consumer], ..leak(way, way == Way::RevokeFirst) });
    run.attempts = vec![added(NEW, true)];
    run.phase = phase;
    run.consumers = vec![ConsumerState { refreshed: Some(at(50)), ..Default::default() }];
    run.in_flight = Some(Mutation::RemoveSecret { key_id });
    run
}

#[test]
fn s2_each_consumer_has_left_the_leaked_one_when_it_goes() {
    let left = |run: &Rotation, now| s2_leaked_is_left(run, &World { now: at(now), ..World::default() }).is_ok();
    let cut = || removing(Way::Replace, Phase::Delete, OLD);
    // 50 + 60, and the second that a Date may lag
    assert!(!left(&cut(), 110) && left(&cut(), 111));
    let with = |change: fn(&mut Rotation)| {
        let mut run = cut();
        change(&mut run);
        left(&run, 60)
    };
    assert!(with(|r| r.consumers[0].reported = Some((at(55), Reported::New))), "it says so");
    assert!(!with(|r| r.consumers[0].reported = Some((at(55), Reported::Old))), "it says the opposite");
    assert!(!with(|r| r.consumers[0].well = Some(at(55))), "health is not adoption");
    assert!(with(|r| r.consumers[0].failure_waived = true) && with(|r| r.consumers[0].old_waived = true));
    assert!(with(|r| r.leak.accepted = [0].into()), "its outage was accepted on the way");
    assert!(with(|r| r.back = true), "a rollback removes ours, not the leaked one");
    assert!(left(&removing(Way::Replace, Phase::Delete, NEXT), 60), "another one");
    assert!(left(&removing(Way::RevokeFirst, Phase::Revoke, OLD), 60), "accepted at the start");
    assert!(left(&removing(Way::RevokeFirst, Phase::Delete, OLD), 60));
}

#[test]
fn s3_only_the_leaked_one_goes_unread_and_only_where_it_is_revoked_first() {
    let ok = |run: &Rotation| s3_read_before_removal(run).is_ok();
    assert!(ok(&removing(Way::RevokeFirst, Phase::Revoke, OLD)));
    assert!(!ok(&removing(Way::RevokeFirst, Phase::Revoke, OTHERS)), "it did not leak");
    assert!(!ok(&removing(Way::RevokeFirst, Phase::Delete, OLD)), "not read");
    assert!(!ok(&removing(Way::RevokeOnly, Phase::Revoke, OLD)), "not read");
    let read = |key_id, answer| {
        let mut run = removing(Way::RevokeOnly, Phase::Revoke, key_id);
        run.seen.currents = vec![Some((baseline(), Some(answer)))];
        ok(&run)
    };
    assert!(read(OLD, SignIn::Accepted));
    assert!(!read(OLD, SignIn::Wrong), "what is served does not sign in");
    assert!(!read(OTHERS, SignIn::Accepted), "it is what is served");
    // a vault that was empty has nothing to sign in with, as long as it is empty
    let empty = |phase, current| {
        let mut run = removing(Way::RevokeOnly, phase, OLD);
        run.plan = Arc::new(Plan { vaults: vec![VaultStart::Empty], ..run.plan().clone() });
        run.seen.currents = vec![Some((current, None))];
        ok(&run)
    };
    assert!(empty(Phase::Revoke, Current::Nothing) && empty(Phase::Revoke, Current::Disabled));
    assert!(!empty(Phase::Revoke, baseline()) && !empty(Phase::Delete, Current::Nothing));
}

#[test]
fn s4_what_was_named_as_leaked_may_go_but_not_on_the_way_back() {
    let living = world(&[(OLD, None, true), (OTHERS, None, true)], &[], &[]);
    let ok = |run: &Rotation| s4_only_ours_is_removed(run, &living).is_ok();
    let mut run = removing(Way::RevokeOnly, Phase::Revoke, OLD);
    assert!(ok(&run));
    run.back = true;
    assert!(!ok(&run));
    let not_ours = Plan { delete: Delete::Never, ..leak(Way::RevokeOnly, false) };
    let mut run = removing(Way::RevokeOnly, Phase::Revoke, OTHERS);
    run.plan = Arc::new(not_ours);
    assert!(!ok(&run), "what the vaults serve did not leak");
}

#[test]
fn s6_a_leaked_credential_is_gone_and_known_to_be_dead_or_not() {
    let ended = |way, death, credentials: &[(KeyId, Option<u32>, bool)], served| {
        let mut run = run(leak(way, false));
        (run.no_return, run.attempts) = (true, vec![added(NEW, true)]);
        run.leak.death = death;
        run.phase = Phase::Ended { end: End::Completed };
        broken(&run, &world(credentials, &[Some(served)], &[]))
    };
    let (new, others) = ((NEW, Some(1), true), (OTHERS, None, true));
    for death in [Death::Proven, Death::Unproven] {
        assert_eq!(ended(Way::Replace, Some(death), &[new, others], NEW), None);
        assert_eq!(ended(Way::RevokeOnly, Some(death), &[others], OTHERS), None);
    }
    assert_eq!(ended(Way::Replace, None, &[new], NEW), Some("S6"), "nobody has tried it");
    assert_eq!(ended(Way::RevokeOnly, None, &[others], OTHERS), Some("S6"));
    let lives = (OLD, None, true);
    assert_eq!(ended(Way::RevokeOnly, Some(Death::Proven), &[others, lives], OTHERS), Some("S6"), "it is there still");
    assert_eq!(ended(Way::RevokeOnly, Some(Death::Proven), &[others, new], OTHERS), Some("S6"), "nothing was to be added");
}
