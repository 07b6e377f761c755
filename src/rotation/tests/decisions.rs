//! Single decisions: who goes on where, what a person's word does, and what stays as it was.

use super::super::answers::{Mutation, RefusalKind, Reported, SignIn, Source, Trace};
use super::super::consumers::Adoption;
use super::super::effect::{Effect, Reading, Why};
use super::super::event::{Applied, Event};
use super::super::plan::{ConsumerPlan, Way};
use super::super::state::{ConsumerState, Hold, Phase, Serves};
use super::*;
use crate::rotation::{End, Reason};

fn resumed() -> Event {
    Event::Resumed { by: String::new() }
}

fn one_consumer() -> Plan {
    Plan { consumers: vec![ConsumerPlan { refresh: true, check: true, cache: seconds(60) }], ..plan() }
}

fn add(attempt: u32) -> Effect {
    Effect::Mutate(Mutation::AddSecret { attempt })
}

/// An add that was sent has a tag that may be there: never the same one again.
#[test]
fn a_resume_adds_again_only_what_was_never_sent() {
    assert_eq!(tell(&run(plan()), 1, &resumed()).next(at(1)), add(1));
    let sent = tell(&run(plan()), 1, &Event::Intended { request: Mutation::AddSecret { attempt: 1 } });
    let next = tell(&sent, 2, &resumed());
    assert_eq!((next.next(at(2)), next.attempts[0].added), (add(2), AddState::InDoubt));
    // refused before it was resumed: provably not applied
    let refused = Event::NotApplied { refusal: refusal(RefusalKind::Throttled), trace: Trace::default() };
    let next = tell(&tell(&sent, 2, &refused), 60, &resumed());
    assert_eq!(next.next(at(60)), add(1));
}

/// As long as nothing of an attempt can be anywhere, there is nothing to find: the next one is begun.
#[test]
fn a_resume_goes_on_from_what_may_be_in_a_vault() {
    let publish = Phase::Publish { look_for_tag: false };
    let mut run = standing(plan(), publish.clone());
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Reconcile { room: false });
    run.attempts[0].published = false;
    assert_eq!(tell(&run, 9, &resumed()).next(at(9)), add(2));
    run.phase = Phase::NeedsOperator { reason: Reason::NoRoom, was: Box::new(publish) };
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Reconcile { room: false }, "what stopped it may be there still");
}

/// Before the removal has begun the consumers' answers may be days old; afterwards they change nothing.
#[test]
fn a_resume_asks_the_consumers_again_until_the_removal_has_begun() {
    let mut run = standing(one_consumer(), Phase::Delete);
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Adoption);
    run.no_return = true;
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Delete);
    // on the way back what counts is what was removed
    run.back = true;
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Adoption);
    run.removed.insert(NEW, at(5));
    assert_eq!(tell(&run, 9, &resumed()).phase, Phase::Delete);
}

#[test]
fn a_hold_has_the_consumers_asked_again_until_the_removal_has_begun() {
    let hold = Event::HoldSet { by: String::new(), why: String::new(), until: at(500) };
    let mut run = standing(one_consumer(), Phase::Delete);
    run.seen.list = Some(Vec::new());
    assert_eq!(tell(&run, 9, &hold).phase, Phase::Adoption);
    run.no_return = true;
    let held = tell(&run, 9, &hold);
    assert_eq!((&held.phase, held.seen.list.as_ref()), (&Phase::Delete, None), "what was read is not fresh any more");
    run.in_flight = Some(Mutation::RemoveSecret { key_id: OLD });
    assert_eq!(tell(&run, 9, &hold).seen.list, Some(Vec::new()), "it is under way");
    (run.in_flight, run.back) = (None, true);
    assert_eq!(tell(&run, 9, &hold).phase, Phase::Adoption, "back, nothing was removed yet");
    run.removed.insert(NEW, at(5));
    assert_eq!(tell(&run, 9, &hold).phase, Phase::Delete);
}

#[test]
fn a_run_is_given_up_once() {
    let abandoned = Event::Abandoned { by: String::new(), reason: String::new() };
    let mut run = standing(plan(), Phase::Wait);
    run.in_flight = Some(Mutation::RemoveSecret { key_id: OLD });
    let ended = tell(&run, 1, &abandoned);
    assert_eq!((ended.next(at(1)), ended.in_flight.as_ref()), (Effect::Ended(End::Abandoned), None));
    refuses(&ended, 2, &abandoned);
}

/// Before anything may be read: back, whatever the runbook says. Afterwards as it says; what has leaked is put back by nobody but
/// a person who says so.
#[test]
fn a_failure_turns_a_run_back_or_stops_it() {
    let fails = |plan: Plan, published| {
        let mut run = standing(plan, Phase::Smoke);
        run.attempts[0].published = published;
        run.fail(Reason::VaultsUnsteady);
        assert_eq!(run.failure(), Some(&Reason::VaultsUnsteady));
        run.phase
    };
    let stops = |phase| matches!(phase, Phase::NeedsOperator { .. });
    let with = |on_failure| Plan { on_failure, ..plan() };
    assert_eq!(fails(with(OnFailure::Operator), false), Phase::Withdraw);
    assert!(stops(fails(with(OnFailure::Operator), true)));
    assert_eq!(fails(with(OnFailure::Rollback), true), Phase::Restore);
    let leak = |way| Plan { on_failure: OnFailure::Rollback, ..super::emergency::leak(way, false) };
    assert!(stops(fails(leak(Way::Replace), true)));
    assert_eq!(fails(leak(Way::Replace), false), Phase::Withdraw);
    assert!(stops(fails(leak(Way::RevokeOnly), false)), "it adds nothing that could be taken back");
}

/// What was read of a vault decides as the run's own only where tags and journal agree.
#[test]
fn a_version_is_ours_if_run_target_and_key_id_are() {
    let serves = |tag, key_id| {
        let mut run = standing(plan(), Phase::Smoke);
        run.attempts.push(Attempt { added: AddState::InDoubt, published: true });
        let version = Version { tag: Some(tag), key_id, ..version(1, NEW) };
        run.seen.currents = vec![Some((Current::Version(version), None))];
        matches!(run.serves(FIRST), Some(Serves::Ours { .. }))
    };
    assert!(serves(tag(1), Some(NEW)));
    assert!(!serves(tag(1), Some(OTHERS)), "the journal knows another key ID for this attempt");
    assert!(!serves(tag(1), None));
    assert!(serves(tag(2), Some(OTHERS)), "nothing is known of this attempt but that it was made");
    assert!(!serves(tag(3), Some(OTHERS)), "there was no such attempt");
    let other_run = Tag { run: RunId::new(at(1), 7), ..tag(1) };
    let other_target = Tag { target: TargetId::of([("kv-1.vault.sandbox.localhost", "secret")]), ..tag(1) };
    assert!(!serves(other_run, Some(NEW)) && !serves(other_target, Some(NEW)));
}

/// A credential is ours from the first attempt on: attempt 0 is a value that a rollback put back.
#[test]
fn what_is_listed_as_ours() {
    let list = [listed(OTHERS, Some(0)), listed(NEXT, Some(2)), listed(NEW, Some(1)), listed(OLD, None)];
    assert_eq!(run(plan()).own_listed(&list), [(1, NEW), (2, NEXT)]);
}

/// The value is dropped as soon as it is written or nobody will write it.
#[test]
fn the_value_is_held_while_it_is_published_and_no_longer() {
    let after = |held, phase| {
        let mut run = Rotation { held, ..run(plan()) };
        run.enter(phase);
        run.held
    };
    let publish = || Phase::Publish { look_for_tag: false };
    assert_eq!([after(true, publish()), after(false, publish())], [true, false]);
    assert_eq!([after(true, Phase::Smoke), after(false, Phase::Smoke)], [false, false]);
}

#[test]
fn a_hold_ends_at_its_moment_and_a_release_at_once() {
    let mut run = standing(plan(), Phase::Delete);
    run.hold = Hold::Until(at(500));
    let wait = Effect::Wait { until: at(500), why: Why::Hold };
    assert_eq!(run.next(at(499)), wait);
    assert_eq!(run.next(at(500)), Effect::Read(Reading::Credentials));
    run.hold = Hold::Released;
    assert_eq!(run.next(at(1)), Effect::Read(Reading::Credentials));
    // what nobody removes nobody holds
    run.hold = Hold::Until(at(500));
    for free in [
        Rotation { no_return: true, ..run.clone() },
        Rotation { back: true, ..run.clone() },
        Rotation { plan: Arc::new(Plan { delete: Delete::Never, ..plan() }), ..run.clone() },
        Rotation { plan: Arc::new(Plan { baseline: Baseline::None, ..plan() }), ..run.clone() },
    ] {
        assert_ne!(free.next(at(1)), wait, "{free:?}");
    }
}

#[test]
fn without_a_release_a_run_waits_to_its_deadline_then_asks() {
    let mut run = standing(Plan { delete: Delete::OnRelease, ..plan() }, Phase::Delete);
    run.deadline = Some(at(900));
    assert_eq!(run.next(at(899)), Effect::Wait { until: at(900), why: Why::Release });
    assert_eq!(run.next(at(900)), Effect::GiveUp);
    refuses(&run, 899, &Event::GaveUp);
    assert!(matches!(tell(&run, 900, &Event::GaveUp).phase, Phase::NeedsOperator { reason: Reason::NotReleased, .. }));
}

#[test]
fn a_wait_is_over_at_its_moment() {
    let mut run = standing(plan(), Phase::Wait);
    run.deadline = Some(at(100));
    assert_eq!(run.next(at(99)), Effect::Wait { until: at(100), why: Why::Overlap });
    assert_eq!(run.next(at(100)), Effect::Read(Reading::Credentials));
    run.not_before = Some(at(200));
    assert_eq!(run.next(at(199)), Effect::Wait { until: at(200), why: Why::Again });
    assert_eq!(run.next(at(200)), Effect::Read(Reading::Credentials));
    // what a wait is for
    let why = |phase, tries| {
        let run = Rotation { not_before: Some(at(9)), tries, ..standing(plan(), phase) };
        let Effect::Wait { why, .. } = run.next(at(1)) else { panic!("{run:?}") };
        why
    };
    assert_eq!(why(Phase::Prove, 0), Why::Proof);
    assert_eq!((why(Phase::Withdraw, 0), why(Phase::Withdraw, 1)), (Why::Settle, Why::Again));
    assert_eq!(why(Phase::Reconcile { room: false }, 0), Why::Settle);
    assert_eq!(why(Phase::Smoke, 0), Why::Again);
}

#[test]
fn what_a_run_says_of_itself() {
    let mut run = standing(plan(), Phase::Wait);
    assert!(!run.past_return() && run.confirmed().is_empty() && run.removed().is_empty() && run.failure().is_none());
    run.no_return = true;
    run.confirmed = vec![Some(START)];
    run.removed.insert(OLD, at(5));
    run.served = Some((NEW, START));
    run.in_flight = Some(Mutation::RemoveSecret { key_id: OLD });
    assert!(run.past_return());
    assert_eq!((run.confirmed(), run.removed().len(), run.served()), (&[Some(START)][..], 1, Some((NEW, START))));
    assert_eq!((run.key_id(0), run.key_id(1), run.key_id(2)), (Some(OLD), Some(NEW), None));
    let illegal = run.apply(at(1), &Event::GaveUp).unwrap_err();
    assert_eq!(illegal.state, "overlap wait, a request is under way");
    run.back = true;
    run.in_flight = None;
    assert_eq!(run.apply(at(1), &Event::GaveUp).unwrap_err().state, "overlap wait, on the way back");
}

#[test]
fn refusals_pass_by_themselves_or_do_not() {
    use RefusalKind::*;
    for kind in [Unreachable, Unanswered, Throttled, Conflict, NotFound, BeingDeleted] {
        assert!(kind.passes(), "{kind:?}");
    }
    for kind in [Unauthenticated, Forbidden, Firewall, NoRoom, Policy, Disabled, SoftDeleted, Rejected, BadAnswer] {
        assert!(!kind.passes(), "{kind:?}");
    }
}

#[test]
fn a_service_is_left_alone_for_ever_longer_up_to_a_minute_or_as_it_asks() {
    let after = |tries| super::super::backoff(tries, None).as_secs();
    assert_eq!([0, 1, 2, 5, 6, 60].map(after), [1, 2, 4, 32, 60, 60]);
    let asked = |tries, secs| super::super::backoff(tries, Some(std::time::Duration::from_secs(secs))).as_secs();
    assert_eq!((asked(5, 1), asked(5, 90)), (32, 90));
}

/// Nine times refused for now, counting the first: then a person must look. So often in doubt too.
#[test]
fn what_is_refused_for_now_is_tried_eight_times_more() {
    let write = Mutation::WriteVault { vault: FIRST, attempt: 1, from: Source::Memory };
    let with = |tries| {
        let mut run = standing(plan(), Phase::Publish { look_for_tag: false });
        run.held = true;
        run.tries = tries;
        run.in_flight = Some(write.clone());
        run
    };
    let refused = Event::NotApplied { refusal: refusal(RefusalKind::Throttled), trace: Trace::default() };
    let doubted = Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace: Trace::default() };
    let stopped = |run: Rotation| matches!(run.phase, Phase::NeedsOperator { reason: Reason::WriteRefused { .. }, .. });
    for event in [refused, doubted] {
        let again = tell(&with(7), 0, &event);
        assert_eq!((again.tries, again.not_before), (8, Some(at(60))), "{again:?}");
        assert!(stopped(tell(&with(8), 0, &event)));
    }
    let applied = Event::Applied { result: Applied::Written { version: START }, trace: Trace::default() };
    let done = tell(&with(7), 3, &applied);
    assert_eq!((done.tries, done.unsettled, done.phase), (0, Some(at(3)), Phase::Smoke));
}

#[test]
fn an_outcome_is_of_the_request_that_is_under_way() {
    let removed = Event::Applied { result: Applied::Removed, trace: Trace::default() };
    refuses(&run(plan()), 1, &removed);
    let mut run = standing(plan(), Phase::Delete);
    run.in_flight = Some(Mutation::RemoveSecret { key_id: OLD });
    refuses(&run, 1, &Event::Applied { result: Applied::Disabled, trace: Trace::default() });
    refuses(&run, 1, &Event::Intended { request: Mutation::RemoveSecret { key_id: OLD } });
    assert_eq!(tell(&run, 1, &removed).removed(), &[(OLD, at(1))].into());
}

/// The first intent to remove the baseline closes the way back; removals of our own do not, nor do those on the way back.
#[test]
fn the_point_of_no_return_is_the_first_intent_to_remove_the_baseline() {
    let intend = |back, key_id| {
        let mut run = standing(plan(), Phase::Delete);
        run.back = back;
        run.todo.push_back(Mutation::RemoveSecret { key_id });
        tell(&run, 1, &Event::Intended { request: Mutation::RemoveSecret { key_id } }).past_return()
    };
    assert_eq!([intend(false, OLD), intend(false, NEW), intend(true, OLD), intend(true, NEW)], [true, false, false, false]);
}

/// A consumer that read one value has said nothing about the next.
#[test]
fn a_write_makes_what_consumers_said_worthless_and_a_removal_does_not() {
    let after = |request: Mutation, phase, back, result| {
        let mut run = standing(one_consumer(), phase);
        run.back = back;
        run.consumers = vec![ConsumerState { refreshed: Some(at(1)), ..Default::default() }];
        run.confirmed_at = Some(at(1));
        run.todo.push_back(request.clone());
        run.in_flight = Some(request);
        let run = tell(&run, 2, &Event::Applied { result, trace: Trace::default() });
        (run.consumers[0].refreshed.is_some(), run.confirmed_at.is_some())
    };
    let write = Mutation::WriteVault { vault: FIRST, attempt: 0, from: Source::Version { vault: FIRST, version: START } };
    assert_eq!(after(write, Phase::Restore, true, Applied::Written { version: START }), (false, false));
    let disable = || Mutation::DisableVersion { vault: FIRST, version: START };
    assert_eq!(after(disable(), Phase::Restore, true, Applied::Disabled), (false, false));
    // forward it is one of a value that nobody reads any more
    assert_eq!(after(disable(), Phase::Delete, false, Applied::Disabled), (true, true));
    assert_eq!(after(Mutation::RemoveSecret { key_id: OLD }, Phase::Delete, false, Applied::Removed), (true, true));
}

#[test]
fn how_far_it_is_shown_that_a_consumer_uses_the_new_one() {
    let with = |plan: ConsumerPlan, state: ConsumerState, now: i64| {
        let mut run = run(Plan { consumers: vec![plan], ..super::plan() });
        run.consumers = vec![state];
        run.confirmed_at = Some(at(100));
        run.adoption(0, at(now))
    };
    let told = ConsumerPlan { refresh: true, check: true, cache: seconds(60) };
    let by_itself = ConsumerPlan { refresh: false, ..told.clone() };
    let silent = ConsumerPlan { cache: seconds(0), ..by_itself.clone() };
    let state = |refreshed, well| ConsumerState { refreshed, well, ..Default::default() };
    // told at 200, its cache of a minute and the second that a Date may lag are over at 261
    assert_eq!(with(told.clone(), state(Some(at(200)), None), 260), Adoption::Unknown);
    assert_eq!(with(told.clone(), state(Some(at(200)), None), 261), Adoption::Elapsed { at: at(261) });
    assert_eq!(with(by_itself.clone(), state(None, None), 161), Adoption::Elapsed { at: at(161) });
    assert_eq!(with(silent, state(None, Some(at(150))), 9999), Adoption::HealthyOnly { at: at(150) });
    let failed = ConsumerState { failed: Some("no".into()), ..state(None, Some(at(150))) };
    assert_eq!(with(told.clone(), failed, 9999), Adoption::Unknown);
    let says = |n, key, well| ConsumerState { reported: Some((at(n), key)), ..state(Some(at(200)), well) };
    assert_eq!(with(told.clone(), says(210, Reported::New, None), 211), Adoption::Reported { at: at(210) });
    assert_eq!(with(told.clone(), says(210, Reported::Old, None), 211), Adoption::ReportedOld { at: at(210) });
    // its own word against time, until it names none the next time
    assert_eq!(with(told.clone(), says(261, Reported::Old, Some(at(261))), 300), Adoption::ReportedOld { at: at(261) });
    assert_eq!(with(told.clone(), says(260, Reported::Old, None), 300), Adoption::Elapsed { at: at(261) });
    assert_eq!(with(told.clone(), says(270, Reported::Old, Some(at(280))), 300), Adoption::HealthyOnly { at: at(280) });
    assert_eq!(run(Plan { consumers: vec![told], ..plan() }).adoption(1, at(1)), Adoption::Unknown, "there is none");
}

/// What was confirmed when the overlap began must be there at its end; if not, it begins anew or the vaults are put in order.
#[test]
fn an_overlap_counts_for_the_versions_that_it_began_with() {
    let confirmed = |back, current: Current, confirmed: VersionId| {
        let mut run = standing(plan(), Phase::Wait);
        run.back = back;
        run.confirmed = vec![Some(confirmed)];
        run.seen.currents = vec![Some((current, Some(SignIn::Accepted)))];
        run
    };
    let ours = version(1, NEW).id;
    assert!(confirmed(false, serves(1, NEW), ours).unmoved() && confirmed(true, baseline(), START).unmoved());
    assert!(!confirmed(false, serves(1, NEW), VersionId(9)).unmoved(), "another version of the same");
    assert!(!confirmed(false, baseline(), START).unmoved() && !confirmed(true, serves(1, NEW), ours).unmoved());
    let decided = |back, current| {
        let mut run = confirmed(back, current, ours);
        run.decide_confirm(at(0));
        run.phase
    };
    assert_eq!((decided(false, serves(1, NEW)), decided(true, baseline())), (Phase::Wait, Phase::Wait));
    assert_eq!(decided(false, baseline()), Phase::Reconcile { room: false });
    assert_eq!(decided(true, serves(1, NEW)), Phase::Restore);
}

/// A write whose answer was lost may have landed: the version is looked for before it is written again.
#[test]
fn a_write_in_doubt_is_looked_for() {
    let doubted = |phase| {
        let mut run = standing(plan(), phase);
        run.held = true;
        run.in_flight = Some(Mutation::WriteVault { vault: FIRST, attempt: 1, from: Source::Memory });
        let event = Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace: Trace::default() };
        tell(&run, 1, &event).phase
    };
    assert_eq!(doubted(Phase::Publish { look_for_tag: false }), Phase::Publish { look_for_tag: true });
    assert_eq!(doubted(Phase::Restore), Phase::Restore);
}
