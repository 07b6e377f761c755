//! Each invariant says no to what breaks it. The suites never see that of a rotation that is right.

use super::super::answers::{Current, Mutation, SignIn, Source};
use super::super::event::{Applied, Event};
use super::super::invariants::{Broken, Living, World, check, s3_read_before_removal, s5_intended, s9_replays};
use super::super::state::{End, Phase};
use super::*;
use crate::rotation::Reason;

fn living(key_id: KeyId, attempt: Option<u32>, accepted: bool) -> Living {
    Living { key_id, tag: attempt.map(tag), accepted }
}

/// A world with these credentials, in which the vaults serve these.
fn world(credentials: &[Living], served: &[Option<KeyId>]) -> World {
    World { now: at(0), credentials: credentials.to_vec(), served: served.to_vec(), recent: Vec::new() }
}

/// The first rule that is broken.
fn broken(run: &Rotation, world: &World) -> Option<&'static str> {
    check(run, world, 0).err().map(|broken| broken.rule)
}

fn dead() -> Plan {
    Plan { baseline: Baseline::Dead { key_id: Some(OLD), removable: true }, ..plan() }
}

fn new_integration() -> Plan {
    Plan { baseline: Baseline::None, vaults: vec![VaultStart::Empty], ..plan() }
}

#[test]
fn s1_what_is_served_signs_in_everywhere() {
    let all = |new| [living(OLD, None, true), living(NEW, Some(1), new)];
    assert_eq!(broken(&run(plan()), &world(&all(false), &[Some(OLD)])), None);
    assert_eq!(broken(&run(plan()), &world(&all(true), &[Some(NEW)])), None);
    assert_eq!(broken(&run(plan()), &world(&all(false), &[None])), None, "nothing is served");
    for (plan, excused) in [(plan(), false), (dead(), true), (new_integration(), false)] {
        let half_known = [living(OLD, None, false), living(OTHERS, None, true)];
        assert_eq!(broken(&run(plan.clone()), &world(&half_known, &[Some(OLD)])).is_none(), excused, "{:?}", plan.baseline);
        assert_eq!(broken(&run(plan.clone()), &world(&all(false), &[None, Some(NEW)])), Some("S1"), "{:?}", plan.baseline);
        assert_eq!(broken(&run(plan), &world(&[living(OLD, None, true)], &[Some(NEW)])), Some("S1"), "it does not exist");
    }
}

#[test]
fn s2_what_was_served_lately_signs_in_everywhere() {
    let lately = |recent: &[KeyId], old, new| World {
        recent: recent.to_vec(),
        ..world(&[living(OLD, None, old), living(NEW, Some(1), new)], &[None])
    };
    assert_eq!(broken(&run(plan()), &lately(&[OLD, NEW], true, true)), None);
    assert_eq!(broken(&run(plan()), &lately(&[OLD, NEW], true, false)), Some("S2"));
    assert_eq!(broken(&run(plan()), &lately(&[NEW, OLD], false, true)), Some("S2"));
    assert_eq!(broken(&run(dead()), &lately(&[NEW, OLD], false, true)), None, "it was dead when the run began");
    assert_eq!(broken(&run(dead()), &lately(&[OLD, NEW], true, false)), Some("S2"));
}

/// A run that is about to remove this, in this phase.
fn removing(plan: Plan, phase: Phase, key_id: KeyId) -> Rotation {
    let mut run = run(plan);
    run.attempts = vec![added(NEW, true)];
    run.phase = phase;
    run.in_flight = Some(Mutation::RemoveSecret { key_id });
    run
}

fn s3(run: &Rotation) -> bool {
    s3_read_before_removal(run).is_ok()
}

#[test]
fn s3_nothing_is_removed_but_in_three_phases() {
    let reason = Reason::VaultsUnsteady;
    let phases = [
        Phase::Add,
        Phase::Prove,
        Phase::Publish { look_for_tag: false },
        Phase::Reconcile { room: false },
        Phase::Align { goal: 1, vault: FIRST, version: START },
        Phase::Smoke,
        Phase::Consumers,
        Phase::Confirm,
        Phase::Wait,
        Phase::Adoption,
        Phase::Restore,
        Phase::NeedsOperator { reason, was: Box::new(Phase::Delete) },
        Phase::Ended { end: End::Completed },
    ];
    for phase in phases {
        let mut run = removing(plan(), phase, OLD);
        run.seen.currents = vec![Some((serves(1, NEW), Some(SignIn::Accepted)))];
        assert!(!s3(&run), "{:?}", run.phase);
        run.in_flight = Some(Mutation::AddSecret { attempt: 1 });
        assert!(s3(&run), "{:?}", run.phase);
    }
}

#[test]
fn s3_what_makes_way_is_in_no_version() {
    for phase in [Phase::Withdraw, Phase::Reconcile { room: true }] {
        let with = |versions| {
            let mut run = removing(plan(), phase.clone(), NEW);
            run.seen.versions = vec![versions];
            s3(&run)
        };
        assert!(!with(None), "the versions were not read");
        assert!(with(Some(Vec::new())));
        assert!(!with(Some(vec![version(1, NEW)])));
        assert!(with(Some(vec![version(2, NEXT)])), "another one's version");
    }
}

#[test]
fn s3_every_vault_serves_something_else_and_signs_in() {
    let with = |back: bool, start, key_id, current: Current, answer: Option<SignIn>| {
        let mut run = removing(Plan { vaults: vec![start], ..plan() }, Phase::Delete, key_id);
        run.back = back;
        run.seen.currents = vec![Some((current, answer))];
        s3(&run)
    };
    let (holds, yes) = (VaultStart::Holds { version: START }, Some(SignIn::Accepted));
    // forward
    assert!(with(false, holds, OLD, serves(1, NEW), yes.clone()));
    assert!(!with(false, holds, NEW, serves(1, NEW), yes.clone()), "it is what the vault serves");
    assert!(!with(false, holds, OLD, serves(1, NEW), None), "not proven");
    assert!(!with(false, holds, OLD, serves(1, NEW), Some(SignIn::Wrong)), "proven wrong");
    assert!(!with(false, holds, NEW, baseline(), yes.clone()), "not all vaults serve ours");
    assert!(!with(false, holds, OLD, Current::Disabled, yes.clone()), "somebody else's doing");
    assert!(!with(false, VaultStart::Empty, OLD, Current::Disabled, None), "nothing of ours is there");
    // back
    assert!(with(true, holds, NEW, baseline(), yes.clone()));
    assert!(!with(true, holds, OLD, baseline(), yes.clone()), "it is what was put back");
    assert!(!with(true, holds, NEW, baseline(), None), "not proven");
    assert!(with(true, VaultStart::Empty, NEW, Current::Disabled, None), "nothing to sign in with");
    assert!(with(true, VaultStart::Empty, NEW, Current::Nothing, None));
    assert!(!with(true, VaultStart::Empty, NEW, serves(0, OLD), None), "there is something to sign in with");
    // one vault was not read
    let mut run = removing(Plan { vaults: vec![holds, holds], ..plan() }, Phase::Delete, OLD);
    run.seen.currents = vec![Some((serves(1, NEW), yes)), None];
    assert!(!s3(&run));
}

/// A run that removes this has made sure of the first vault; whose it is, is the question.
fn s4(plan: Plan, back: bool, key_id: KeyId, credentials: &[Living]) -> bool {
    let mut run = removing(plan, Phase::Delete, key_id);
    run.back = back;
    let rule = super::super::invariants::s4_only_ours_is_removed(&run, &world(credentials, &[]));
    assert!(rule.as_ref().is_ok() || rule.as_ref().is_err_and(|b| b.rule == "S4"));
    rule.is_ok()
}

#[test]
fn s4_only_ours_and_the_baseline_are_removed() {
    let all = [living(OLD, None, true), living(NEW, None, true), living(NEXT, Some(2), true), living(OTHERS, None, true)];
    for back in [false, true] {
        assert!(s4(plan(), back, NEW, &all), "the journal knows it for ours");
        assert!(s4(plan(), back, NEXT, &all), "its tag says so");
        assert!(!s4(plan(), back, OTHERS, &all));
        assert!(!s4(plan(), back, OTHERS, &all[3..]), "there is nothing else");
        assert!(s4(plan(), back, OTHERS, &all[..3]), "it is gone already");
    }
    assert!(s4(plan(), false, OLD, &all));
    assert!(!s4(plan(), true, OLD, &all), "a rollback keeps it");
    assert!(!s4(Plan { delete: Delete::Never, ..plan() }, false, OLD, &all), "the runbook keeps it");
    let not_told = Baseline::Dead { key_id: Some(OLD), removable: false };
    assert!(!s4(Plan { baseline: not_told, ..plan() }, false, OLD, &all), "nobody named it");
    assert!(s4(dead(), false, OLD, &all));
}

#[test]
fn s5_a_request_has_its_own_intent() {
    let request = Mutation::AddSecret { attempt: 1 };
    let mut run = run(plan());
    assert!(s5_intended(&run, &request).is_err());
    run.in_flight = Some(Mutation::AddSecret { attempt: 2 });
    assert!(s5_intended(&run, &request).is_err_and(|b| b.rule == "S5"));
    run.in_flight = Some(request.clone());
    assert!(s5_intended(&run, &request).is_ok());
}

fn ended(plan: Plan, end: End) -> Rotation {
    let mut run = run(plan);
    run.attempts = vec![added(NEW, true)];
    run.phase = Phase::Ended { end };
    run
}

#[test]
fn s6_a_completed_run_leaves_one_of_ours_in_every_vault_and_not_the_baseline() {
    let two = Plan { vaults: vec![VaultStart::Holds { version: START }; 2], ..plan() };
    let (new, old, next) = (living(NEW, Some(1), true), living(OLD, None, true), living(NEXT, Some(2), true));
    let others = living(OTHERS, None, true);
    let done = |plan: &Plan, credentials: &[&Living], served: &[Option<KeyId>]| {
        let credentials: Vec<Living> = credentials.iter().map(|c| (*c).clone()).collect();
        broken(&ended(plan.clone(), End::Completed), &world(&credentials, served))
    };
    assert_eq!(done(&two, &[&new, &others], &[Some(NEW), Some(NEW)]), None);
    assert_eq!(done(&two, &[&new, &next], &[Some(NEW), Some(NEW)]), Some("S6"), "two of ours");
    assert_eq!(done(&two, &[&new], &[Some(NEW), None]), Some("S6"), "a vault serves nothing");
    assert_eq!(done(&two, &[&new, &others], &[Some(NEW), Some(OTHERS)]), Some("S6"), "the vaults differ");
    assert_eq!(done(&two, &[&new, &others], &[Some(OTHERS), Some(OTHERS)]), Some("S6"), "not ours");
    assert_eq!(done(&two, &[&others], &[Some(OTHERS), Some(OTHERS)]), Some("S6"), "none of ours");
    assert_eq!(done(&two, &[&new, &old], &[Some(NEW), Some(NEW)]), Some("S6"), "the baseline lives");
    let never = Plan { delete: Delete::Never, ..two.clone() };
    assert_eq!(done(&never, &[&new, &old], &[Some(NEW), Some(NEW)]), None, "the runbook keeps it");
    let unnamed = Plan { baseline: Baseline::Dead { key_id: Some(OLD), removable: false }, ..two };
    assert_eq!(done(&unnamed, &[&new, &old], &[Some(NEW), Some(NEW)]), None, "nobody named it");
}

#[test]
fn s6_a_rolled_back_run_leaves_nothing_and_the_baseline_in_every_vault() {
    let (new, old, others) = (living(NEW, Some(1), true), living(OLD, None, true), living(OTHERS, None, true));
    let back = |plan: Plan, credentials: &[&Living], served: &[Option<KeyId>]| {
        let credentials: Vec<Living> = credentials.iter().map(|c| (*c).clone()).collect();
        broken(&ended(plan, End::RolledBack), &world(&credentials, served))
    };
    assert_eq!(back(plan(), &[&old, &others], &[Some(OLD)]), None);
    assert_eq!(back(plan(), &[&old, &new], &[Some(OLD)]), Some("S6"), "one of ours is left");
    assert_eq!(back(plan(), &[&old, &others], &[Some(OTHERS)]), Some("S6"), "not the baseline");
    assert_eq!(back(plan(), &[&old], &[None]), Some("S6"), "nothing is served");
    let second_empty = || Plan { vaults: vec![VaultStart::Holds { version: START }, VaultStart::Empty], ..plan() };
    assert_eq!(back(second_empty(), &[&old], &[Some(OLD), None]), None);
    assert_eq!(back(second_empty(), &[&old], &[Some(OLD), Some(OLD)]), Some("S6"), "it was empty");
    assert_eq!(back(dead(), &[&others], &[Some(OTHERS)]), None, "what was dead is not put back");
}

#[test]
fn s6_a_run_that_was_given_up_or_goes_on_may_leave_anything() {
    let mess = world(&[living(NEW, Some(1), true), living(NEXT, Some(2), true)], &[None]);
    assert_eq!(broken(&ended(plan(), End::Abandoned), &mess), None);
    assert_eq!(broken(&run(plan()), &mess), None);
}

#[test]
fn s9_a_journal_replays_event_by_event() {
    let intended = |attempt| (at(1), Event::Intended { request: Mutation::AddSecret { attempt } });
    let applied = (at(2), Event::Applied { result: added_result(), trace: Default::default() });
    let plan = Arc::new(plan());
    assert_eq!(s9_replays(&plan, at(0), &[]).unwrap(), Rotation::new(plan.clone(), at(0)));
    let run = s9_replays(&plan, at(0), &[intended(1), applied]).unwrap();
    assert_eq!((run.in_flight, run.phase), (None, Phase::Prove));
    let illegal: Broken = s9_replays(&plan, at(0), &[intended(1), intended(1)]).unwrap_err();
    assert_eq!(illegal.rule, "S9");
    assert!(illegal.what.starts_with("event 1: "), "{illegal}");
}

fn added_result() -> Applied {
    Applied::Added { key_id: NEW, tag_intact: true, end: None }
}

#[test]
fn s10_no_more_attempts_than_losses_explain_and_the_limit_allows() {
    let with = |attempts: Vec<Attempt>, losses| {
        let mut run = run(plan());
        run.attempts = attempts;
        check(&run, &World::default(), losses).err().map(|b| b.rule)
    };
    let (unpublished, published) = (added(NEW, false), added(NEXT, true));
    let planned = Attempt { added: AddState::Planned, published: false };
    let doubted = Attempt { added: AddState::InDoubt, published: false };
    assert_eq!(with(vec![unpublished.clone()], 0), None);
    assert_eq!(with(vec![unpublished.clone(), doubted.clone()], 0), Some("S10"));
    assert_eq!(with(vec![unpublished.clone(), doubted.clone()], 1), None);
    assert_eq!(with(vec![unpublished.clone(), doubted, unpublished.clone()], 1), Some("S10"));
    assert_eq!(with(vec![unpublished.clone(), planned.clone()], 0), None, "it was not sent");
    assert_eq!(with(vec![published.clone(), published.clone(), unpublished], 0), None, "they were published");
    assert_eq!(with(vec![planned; 3], 0), None);
    assert_eq!(with(vec![published; 4], 9), Some("S10"), "three is the limit");
}

/// What is in the journal of a write is the write itself: the source counts too.
#[test]
fn s5_the_source_of_a_write_is_part_of_its_intent() {
    let write = |from| Mutation::WriteVault { vault: FIRST, attempt: 1, from };
    let mut run = run(plan());
    run.in_flight = Some(write(Source::Memory));
    assert!(s5_intended(&run, &write(Source::Version { vault: SECOND, version: START })).is_err());
}
