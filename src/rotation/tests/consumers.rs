//! Which consumers are told or asked, in which order, and what their answers lead to.

use super::super::answers::Reported;
use super::super::effect::Effect;
use super::super::event::Event;
use super::super::plan::{ConsumerPlan, Way};
use super::super::state::{ConsumerState, Hold, Phase};
use super::*;
use crate::rotation::Reason;

/// Three: one is told and asked, one only told, one only asked.
fn three() -> Plan {
    let consumer = |refresh, check| ConsumerPlan { refresh, check, cache: seconds(60) };
    Plan { consumers: vec![consumer(true, true), consumer(true, false), consumer(false, true)], ..plan() }
}

fn refreshed(consumer: usize, ok: bool) -> Event {
    Event::ConsumerRefreshed { consumer, ok, note: "it says".into() }
}

fn checked(consumer: usize, ok: bool, reported: Reported) -> Event {
    Event::ConsumerChecked { consumer, ok, reported, note: "it says".into() }
}

fn well(consumer: usize) -> Event {
    checked(consumer, true, Reported::Neither)
}

fn after(mut run: Rotation, events: &[Event]) -> Rotation {
    for (n, event) in (1..).zip(events) {
        run = tell(&run, n, event);
    }
    run
}

#[test]
fn what_is_to_be_used_and_what_is_to_be_left() {
    let mut run = standing(plan(), Phase::Consumers);
    run.attempts.extend([added(NEXT, true), added(OTHERS, false)]);
    assert_eq!((run.to_use(), run.to_leave()), (None, vec![OLD, NEXT, NEW]), "nothing was found to be served yet");
    run.served = Some((NEXT, VersionId(7)));
    assert_eq!((run.to_use(), run.to_leave()), (Some((NEXT, Some(VersionId(7)))), vec![OLD, NEW]));
    (run.back, run.put_back) = (true, Some(VersionId(9)));
    assert_eq!((run.to_use(), run.to_leave()), (Some((OLD, Some(VersionId(9)))), vec![NEXT, NEW]));
}

#[test]
fn all_are_told_before_the_first_is_asked() {
    let run = standing(three(), Phase::Consumers);
    assert_eq!(run.next(at(0)), Effect::Refresh { consumers: vec![0, 1] });
    for early in [well(0), well(2), refreshed(2, true), refreshed(3, true)] {
        refuses(&run, 1, &early);
    }
    let half = after(run, &[refreshed(1, true)]);
    assert_eq!(half.next(at(1)), Effect::Refresh { consumers: vec![0] });
    refuses(&half, 2, &refreshed(1, true));
    let told = after(half, &[refreshed(0, true)]);
    assert_eq!(told.next(at(1)), Effect::Check { consumers: vec![0, 2] });
    let asked = after(told, &[well(0)]);
    assert_eq!(asked.next(at(1)), Effect::Check { consumers: vec![2] });
    assert_eq!(after(asked, &[well(2)]).phase, Phase::Confirm);
}

/// All are told, although one fails; nobody is asked then. The first that is asked and is not well stops the run.
#[test]
fn one_that_fails_stops_the_run() {
    let run = after(standing(three(), Phase::Consumers), &[refreshed(0, false)]);
    assert_eq!(run.next(at(1)), Effect::Refresh { consumers: vec![1] });
    let stopped = |run: &Rotation| {
        let Phase::NeedsOperator { reason: Reason::ConsumerFailed { consumers, note }, .. } = &run.phase else {
            panic!("{:?}", run.phase)
        };
        (consumers.clone(), note.clone())
    };
    assert_eq!(stopped(&after(run, &[refreshed(1, true)])), (vec![0], "it says".to_owned()));
    let told = [refreshed(0, true), refreshed(1, true)];
    let asked = after(standing(three(), Phase::Consumers), &told);
    let sick = after(asked, &[checked(2, false, Reported::New)]);
    refuses(&sick, 2, &well(0));
    assert_eq!(stopped(&sick), (vec![2], "it says".to_owned()));
    assert_eq!((sick.consumers[2].well, sick.consumers[2].reported), (None, None), "it is not well: it shows no adoption");
}

/// On the way back they are told of the old value and asked only before something is removed.
#[test]
fn on_the_way_back_they_are_told_and_asked_later() {
    let mut run = standing(three(), Phase::Consumers);
    run.back = true;
    let told = after(run, &[refreshed(0, true), refreshed(1, true)]);
    assert_eq!(told.phase, Phase::Confirm);
    let mut leaving = told;
    leaving.enter(Phase::Adoption);
    assert_eq!(leaving.next(at(9)), Effect::Check { consumers: vec![0, 2] });
    // one that is not well for another reason does not keep the new secret alive
    let left = after(leaving.clone(), &[checked(0, false, Reported::Neither), well(2)]);
    assert_eq!(left.phase, Phase::Delete);
    let mut uses = leaving;
    uses.plan = Arc::new(Plan { on_failure: OnFailure::Operator, ..three() });
    let uses = after(uses, &[checked(0, true, Reported::Old), well(2)]);
    assert!(matches!(uses.phase, Phase::NeedsOperator { reason: Reason::ConsumerUsesOld { .. }, .. }), "{:?}", uses.phase);
}

/// What a check said of keys: kept until the next that says something.
#[test]
fn what_a_consumer_names_is_kept() {
    let mut run = standing(three(), Phase::Adoption);
    run.consumers = vec![ConsumerState { reported: Some((at(0), Reported::New)), ..Default::default() }; 3];
    let state = |reported, ok| after(run.clone(), &[checked(0, ok, reported)]).consumers[0].clone();
    let neither = state(Reported::Neither, true);
    assert_eq!((neither.reported, neither.well, neither.asked_last), (Some((at(0), Reported::New)), Some(at(1)), true));
    let old = state(Reported::Old, false);
    assert_eq!((old.reported, old.well, old.names_old), (Some((at(1), Reported::Old)), None, true));
    assert_eq!(state(Reported::New, false).reported, Some((at(0), Reported::New)), "not well, not believed");
    assert_eq!(state(Reported::New, true).reported, Some((at(1), Reported::New)));
    assert!(!state(Reported::New, true).names_old);
}

/// As long as somebody holds the old secret nobody is asked whether it may go.
#[test]
fn nobody_is_asked_during_a_hold() {
    let mut run = standing(three(), Phase::Adoption);
    run.hold = Hold::Until(at(500));
    refuses(&run, 499, &well(0));
    tell(&run, 500, &well(0));
}

/// A person who releases a run that stopped because of consumers takes those on, and no others.
#[test]
fn a_release_lets_those_go_that_the_run_stopped_for() {
    let after_release = |reason| {
        let mut run = standing(three(), Phase::Adoption);
        run.consumers[1].failure_waived = true;
        run.stop(reason);
        let run = tell(&run, 1, &Event::Released { by: String::new(), why: String::new() });
        run.consumers.iter().map(|c| (c.failure_waived, c.old_waived)).collect::<Vec<_>>()
    };
    let failed = Reason::ConsumerFailed { consumers: vec![0], note: String::new() };
    assert_eq!(after_release(failed), [(true, false), (true, false), (false, false)]);
    let uses_old = Reason::ConsumerUsesOld { consumers: vec![0, 2] };
    assert_eq!(after_release(uses_old), [(false, true), (true, false), (false, true)]);
    assert_eq!(after_release(Reason::NotReleased), [(false, false), (true, false), (false, false)]);
}

#[test]
fn one_that_was_let_go_stops_nothing() {
    let fails = |waived: bool, back: bool| {
        let mut run = standing(three(), Phase::Consumers);
        run.back = back;
        run.consumers[0].failure_waived = waived;
        after(run, &[refreshed(0, false), refreshed(1, true)]).phase
    };
    let stops = |phase: &Phase| matches!(phase, Phase::NeedsOperator { reason: Reason::ConsumerFailed { .. }, .. });
    assert!(stops(&fails(false, false)) && stops(&fails(false, true)), "on the way back too: it may use what is to go");
    assert!(!stops(&fails(true, false)) && !stops(&fails(true, true)));
    let leak = super::emergency::leak(Way::Replace, false);
    let mut accepted = standing(Plan { consumers: three().consumers, ..leak }, Phase::Consumers);
    accepted.leak.accepted = [0].into();
    assert!(!stops(&after(accepted, &[refreshed(0, false), refreshed(1, true)]).phase), "its outage was accepted");
}

/// They are asked where something is about to go that they may use.
#[test]
fn who_is_asked_before_a_removal() {
    let phase = |change: fn(&mut Rotation)| {
        let mut run = standing(three(), Phase::Wait);
        change(&mut run);
        run.enter_adoption();
        run.phase
    };
    assert_eq!(phase(|_| {}), Phase::Adoption);
    assert_eq!(phase(|r| r.no_return = true), Phase::Delete);
    assert_eq!(phase(|r| r.plan = Arc::new(Plan { delete: Delete::Never, ..three() })), Phase::Delete);
    assert_eq!(phase(|r| r.plan = Arc::new(Plan { baseline: Baseline::None, ..three() })), Phase::Delete);
    let mut back = standing(Plan { baseline: Baseline::None, ..three() }, Phase::Wait);
    back.back = true;
    back.enter_adoption();
    assert_eq!(back.phase, Phase::Adoption, "ours goes");
}
