//! At the edge of every limit: one step before it and one step behind.

use super::super::answers::{Listed, Mutation, RefusalKind, SignIn, Trace};
use super::super::effect::{Effect, Why};
use super::super::event::Event;
use super::super::plan::ConsumerPlan;
use super::super::state::{Phase, Step, Streak};
use super::*;
use crate::rotation::Reason;

fn proving(plan: Plan) -> Rotation {
    let mut run = run(plan);
    run.attempts = vec![added(NEW, false)];
    run.enter(Phase::Prove);
    run.held = true;
    run
}

fn signed_in(run: &Rotation, n: i64, answer: SignIn) -> Rotation {
    run.apply(at(n), &Event::SignedIn { answer, trace: Trace::default() }).unwrap()
}

/// The window is 30 seconds, the spacing 10; a gap of more than three spacings breaks the row.
#[test]
fn the_proof_is_a_row_without_a_break_for_the_window() {
    let row = |times: &[i64]| times.iter().fold(proving(plan()), |run, n| signed_in(&run, *n, SignIn::Accepted));
    let publish = Phase::Publish { look_for_tag: false };
    assert_eq!((row(&[0, 29]).phase, row(&[0, 29]).proven_since()), (Phase::Prove, Some(at(0))));
    assert_eq!(row(&[0, 30]).phase, publish);
    assert_eq!(row(&[0, 30]).proven_since(), None, "it is proven no more, it is published");
    assert_eq!((row(&[0, 31]).phase, row(&[0, 31]).proven_since()), (Phase::Prove, Some(at(31))), "a gap of 31 s");
    let broken = signed_in(&row(&[0, 20]), 25, SignIn::Wrong);
    assert_eq!((broken.proven_since(), broken.next(at(34))), (None, Effect::Wait { until: at(35), why: Why::Proof }));
    // where sign-ins are a second apart, fifteen of them are no break
    let dense = Plan { proof: Proof { window: seconds(30), spacing: seconds(1), limit: seconds(120) }, ..plan() };
    let row = |gap| signed_in(&signed_in(&proving(dense.clone()), 0, SignIn::Accepted), gap, SignIn::Accepted);
    assert_eq!((row(15).proven_since(), row(16).proven_since()), (Some(at(0)), Some(at(16))));
}

/// An endpoint that says nothing is asked ever more seldom; one that answers, at its spacing.
#[test]
fn who_does_not_answer_is_asked_more_seldom() {
    let silent = || SignIn::Unavailable { why: String::new() };
    let next = |run: &Rotation| run.not_before.unwrap().duration_since(at(0)).as_secs();
    let mut run = proving(plan());
    run.tries = 3;
    assert_eq!((next(&signed_in(&run, 0, silent())), next(&signed_in(&run, 0, SignIn::Wrong))), (16, 10));
    assert_eq!((signed_in(&run, 0, silent()).tries, signed_in(&run, 0, SignIn::Accepted).tries), (4, 0));
}

/// 120 seconds of patience, from the first no. Nothing was published, so the run takes back what it added.
#[test]
fn a_value_that_is_never_proven_is_taken_back() {
    let first = signed_in(&proving(plan()), 0, SignIn::Wrong);
    assert_eq!(signed_in(&first, 120, SignIn::Wrong).phase, Phase::Prove);
    assert_eq!(signed_in(&first, 121, SignIn::Wrong).phase, Phase::Withdraw);
    assert_eq!(signed_in(&first, 121, SignIn::Accepted).phase, Phase::Prove);
}

#[test]
fn three_attempts_are_three() {
    let doubted = Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace: Trace::default() };
    let after = |attempts: usize| {
        let mut run = run(plan());
        run.attempts = vec![Attempt { added: AddState::InDoubt, published: true }; attempts];
        run.enter(Phase::Add);
        run.in_flight = Some(Mutation::AddSecret { attempt: run.attempt() });
        run.apply(at(1), &doubted).unwrap()
    };
    assert_eq!(after(2).next(at(1)), Effect::Mutate(Mutation::AddSecret { attempt: 3 }));
    assert_eq!(stopped(&after(3)), Some(&Reason::AttemptsExhausted));
}

/// A vault that serves ours, as it is read at the end of a wait.
fn confirmed(mut run: Rotation, n: i64) -> Rotation {
    run.enter(Phase::Confirm);
    let event = Event::VaultRead {
        vault: FIRST,
        current: serves(1, NEW),
        sign_in: None,
        trace: Trace::default(),
        sign_in_trace: None,
    };
    run.apply(at(n), &event).unwrap()
}

fn published(plan: Plan) -> Rotation {
    let mut run = run(plan);
    run.attempts = vec![added(NEW, true)];
    run
}

#[test]
fn the_overlap_begins_twenty_times_at_most() {
    let with = |rounds| confirmed(Rotation { rounds, ..published(plan()) }, 100);
    let last = with(19);
    assert_eq!((&last.phase, last.rounds, last.confirmed_at), (&Phase::Wait, 20, Some(at(100))));
    assert_eq!(stopped(&with(20)), Some(&Reason::VaultsUnsteady));
}

/// An hour, and the second that a `Date` may lag; a consumer's cache, where that is longer; and what is unsettled (900 s).
#[test]
fn how_long_the_overlap_is() {
    let ends = |run: Rotation| confirmed(run, 1000).deadline.unwrap().duration_since(at(1000)).as_secs();
    assert_eq!(ends(published(plan())), 3601);
    let consumer = |cache| ConsumerPlan { refresh: false, check: false, cache: seconds(cache) };
    let cached = |cache| Plan { consumers: vec![consumer(5), consumer(cache)], ..plan() };
    assert_eq!((ends(published(cached(7200))), ends(published(cached(60)))), (7201, 3601));
    assert_eq!(ends(published(Plan { overlap: seconds(0), ..plan() })), 0, "no wait at all needs no clock");
    let short = || Plan { overlap: seconds(60), ..plan() };
    let unsettled = |run: Rotation| Rotation { unsettled: Some(at(900)), ..run };
    assert_eq!(ends(unsettled(published(short()))), 61, "nothing was ever in doubt");
    assert_eq!(ends(unsettled(Rotation { doubted: true, ..published(short()) })), 801);
    let mut again = published(short());
    again.attempts.insert(0, added(NEXT, false));
    again.attempts.swap(0, 1);
    assert_eq!(ends(unsettled(again)), 801, "an attempt was left behind");
    assert_eq!(ends(unsettled(Rotation { doubted: true, ..published(plan()) })), 3601, "the overlap is longer");
}

/// What the vaults serve is not among the credentials: lists may be stale for settle (900 s), no longer.
#[test]
fn a_credential_that_is_gone_is_waited_for_as_long_as_lists_may_be_stale() {
    let with = |failing: i64| {
        let mut run = published(plan());
        run.enter(Phase::Delete);
        run.failing_since = Some(at(0));
        run.confirmed = vec![Some(version(1, NEW).id)];
        run.seen.currents = vec![Some((serves(1, NEW), Some(SignIn::Accepted)))];
        run.seen.list = Some(vec![Listed { key_id: OLD, tag: None }]);
        run.decide_delete(at(failing));
        run
    };
    assert_eq!(with(900).next(at(900)), Effect::Wait { until: at(910), why: Why::Again });
    assert_eq!(stopped(&with(901)), Some(&Reason::CredentialGone { key_id: NEW }));
}

/// What is served does not sign in before a removal: forward a person must look, back a dead baseline turns the run forward.
#[test]
fn a_refused_sign_in_before_a_removal() {
    let with = |back: bool, answer: SignIn, failing: i64| {
        let mut run = published(plan());
        run.enter(Phase::Delete);
        run.back = back;
        run.failing_since = Some(at(0));
        let (current, id) = if back { (baseline(), START) } else { (serves(1, NEW), version(1, NEW).id) };
        run.confirmed = vec![Some(id)];
        run.seen.currents = vec![Some((current, Some(answer)))];
        run.seen.list = Some(Vec::new());
        run.decide_delete(at(failing));
        run
    };
    let silent = || SignIn::Unavailable { why: String::new() };
    assert_eq!(with(false, SignIn::Wrong, 120).phase, Phase::Delete);
    let vault = FIRST;
    assert_eq!(stopped(&with(false, SignIn::Wrong, 121)), Some(&Reason::CurrentRefused { vault, last: SignIn::Wrong }));
    let turned = with(true, SignIn::Wrong, 1);
    assert_eq!((turned.back, turned.phase), (false, Phase::Confirm));
    assert_eq!(with(true, silent(), 120).phase, Phase::Delete);
    assert_eq!(stopped(&with(true, silent(), 121)), Some(&Reason::BaselineUnproven { last: silent() }));
}

/// A place that is taken shows within settle; for five times that it is looked for.
#[test]
fn room_is_sought_for_five_times_settle() {
    let with = |failing: Option<i64>, listed: &[KeyId]| {
        let mut run = run(Plan { room: Some(2), ..plan() });
        run.enter(Phase::Reconcile { room: true });
        run.failing_since = failing.map(at);
        run.seen.list = Some(listed.iter().map(|key_id| Listed { key_id: *key_id, tag: None }).collect());
        run.seen.versions = vec![Some(Vec::new())];
        run.seen.currents = vec![Some((baseline(), None))];
        run.decide_reconcile(at(4500), true);
        run
    };
    assert_eq!(with(None, &[OLD]).phase, Phase::Add);
    assert_eq!((with(Some(0), &[OLD]).phase, with(Some(0), &[OLD]).failing_since), (Phase::Add, Some(at(0))));
    assert_eq!(stopped(&with(Some(-1), &[OLD])), Some(&Reason::NoRoom));
    assert_eq!(stopped(&with(None, &[OLD, OTHERS])), Some(&Reason::NoRoom), "somebody else has the place");
}

#[test]
fn what_a_person_sees_of_where_a_run_stands() {
    let step = |phase, back| Rotation { phase, back, ..run(plan()) }.step();
    let asks = |was: Phase| Phase::NeedsOperator { reason: Reason::NoRoom, was: Box::new(was) };
    assert_eq!((step(Phase::Consumers, false), step(Phase::Consumers, true)), (Step::SmokeTest, Step::PutBack));
    assert_eq!((step(Phase::Delete, false), step(Phase::Delete, true)), (Step::DeleteOld, Step::RemoveOurs));
    assert_eq!((step(asks(Phase::Add), false), step(asks(Phase::Delete), true)), (Step::AddSecret, Step::RemoveOurs));
    let end = crate::rotation::End::RolledBack;
    assert_eq!((step(Phase::Ended { end }, false), step(Phase::Ended { end }, true)), (Step::DeleteOld, Step::RemoveOurs));
    assert!(Why::Overlap.may_leave() && Why::Hold.may_leave() && Why::Release.may_leave());
    assert!(!Why::Again.may_leave() && !Why::Proof.may_leave() && !Why::Settle.may_leave());
    let row = Rotation { proof: Some(Streak { since: at(1), last: at(2) }), ..published(plan()) };
    assert_eq!(row.proven_since(), None, "only while it is being proven");
}
