//! A leaked credential is removed and tried until it is dead; whose outage a person may accept on the way.

use super::super::answers::{Mutation, Reported, SignIn, Trace};
use super::super::effect::Reading;
use super::super::event::Event;
use super::super::plan::{ConsumerPlan, HeldIn, Way};
use super::super::state::{ConsumerState, Death, End, Phase, Streak};
use super::emergency::leak;
use super::*;
use crate::rotation::Reason;

fn tried(run: &Rotation, n: i64, answer: SignIn) -> Rotation {
    tell(run, n, &Event::LeakedTried { answer, trace: Trace::default() })
}

/// The window is 30 seconds, the spacing 10, the patience 600 and the window.
#[test]
fn dead_is_what_is_refused_without_a_break_for_the_window() {
    let dying = || standing(leak(Way::Replace, false), Phase::Dying);
    let row = |times: &[i64]| times.iter().fold(dying(), |run, n| tried(&run, *n, SignIn::Wrong));
    assert_eq!((row(&[0, 29]).death(), row(&[0, 29]).refused_since()), (None, Some(at(0))));
    assert_eq!((row(&[0, 30]).death(), row(&[0, 30]).refused_since()), (Some(Death::Proven), None));
    assert_eq!(row(&[0, 31]).refused_since(), Some(at(31)), "a gap of 31 s");
    let broken = tried(&row(&[0, 20]), 25, SignIn::Accepted);
    assert_eq!((broken.death(), broken.refused_since()), (None, None), "one replica lets it in still");
    let disabled = SignIn::Refused { code: 7_000_112, class: "unauthorized_client".into() };
    assert_eq!(tried(&row(&[0, 20]), 30, disabled).death(), None, "a living one would be refused too");
    let doubted = |n| tried(&tried(&dying(), 0, SignIn::Accepted), n, SignIn::Accepted).death();
    assert_eq!((doubted(630), doubted(631)), (None, Some(Death::Unproven)));
    // a row of sign-ins that succeed is another one
    let proof = Some(Streak { since: at(0), last: at(0) });
    assert_eq!(Rotation { proof, ..standing(plan(), Phase::Prove) }.refused_since(), None);
}

#[test]
fn what_follows_the_removal_of_the_leaked_one() {
    let after = |way, phase, back, death| {
        let mut run = standing(leak(way, way == Way::RevokeFirst), phase);
        (run.back, run.leak.death) = (back, death);
        let goes_on = run.leaked_removed();
        (goes_on, run.phase)
    };
    assert_eq!(after(Way::RevokeFirst, Phase::Revoke, false, None), (true, Phase::Add), "the replacement");
    assert_eq!(after(Way::RevokeFirst, Phase::Delete, false, None), (true, Phase::Dying));
    assert_eq!(after(Way::Replace, Phase::Delete, false, None), (true, Phase::Dying));
    assert_eq!(after(Way::RevokeOnly, Phase::Revoke, false, None), (true, Phase::Dying));
    assert_eq!(after(Way::Replace, Phase::Delete, true, None), (false, Phase::Delete), "on the way back");
    assert_eq!(after(Way::Replace, Phase::Delete, false, Some(Death::Proven)), (false, Phase::Delete), "it is known");
    assert_eq!(after(Way::Replace, Phase::Withdraw, false, None), (false, Phase::Withdraw));
}

/// What the vaults serve must be there before anything else goes: for settle (900 s) a list may be stale.
#[test]
fn nothing_is_revoked_while_what_is_served_is_not_listed() {
    let decided = |list: &[KeyId], n| {
        let mut run = standing(leak(Way::RevokeOnly, false), Phase::Revoke);
        run.attempts.clear();
        run.seen.list = Some(list.iter().map(|k| listed(*k, None)).collect());
        run.seen.currents = vec![Some((baseline(), Some(SignIn::Accepted)))];
        run.failing_since = Some(at(0));
        run.decide_revoke(at(n));
        run
    };
    assert_eq!(decided(&[OLD], 900).not_before, Some(at(910)));
    let gone = decided(&[OLD], 901).phase;
    assert!(matches!(gone, Phase::NeedsOperator { reason: Reason::CredentialGone { key_id: OTHERS }, .. }), "{gone:?}");
    let removes = super::super::answers::Mutation::RemoveSecret { key_id: OLD };
    assert_eq!(decided(&[OLD, OTHERS], 901).todo, [removes]);
    assert_eq!(decided(&[OTHERS], 0).phase, Phase::Dying, "it is gone already");
}

#[test]
fn a_version_counts_as_disabled_where_a_leak_is_answered() {
    let after = |plan, back| {
        let mut run = Rotation { back, ..run(plan) };
        run.leaked_version_disabled(START);
        run.leak.disabled.contains(&START)
    };
    assert!(after(leak(Way::Replace, false), false));
    assert!(!after(leak(Way::Replace, false), true) && !after(plan(), false));
}

#[test]
fn an_outage_is_accepted_for_consumers_that_there_are_before_the_cut() {
    let accepted = |consumers: &[usize]| Event::OutageAccepted { by: String::new(), consumers: consumers.to_vec() };
    let consumers = vec![ConsumerPlan { refresh: true, check: true, cache: seconds(60) }; 2];
    let with = |plan: Plan, phase| standing(Plan { consumers: consumers.clone(), ..plan }, phase);
    let waiting = with(leak(Way::Replace, false), Phase::Wait);
    let told = tell(&waiting, 1, &accepted(&[1]));
    assert!(told.outage_accepted(1) && !told.outage_accepted(0));
    refuses(&waiting, 1, &accepted(&[2]));
    refuses(&waiting, 1, &accepted(&[0, 2]));
    refuses(&Rotation { back: true, ..waiting }, 1, &accepted(&[1]));
    refuses(&with(leak(Way::RevokeOnly, false), Phase::Revoke), 1, &accepted(&[1]));
    refuses(&with(plan(), Phase::Wait), 1, &accepted(&[1]));
    refuses(&with(leak(Way::Replace, false), Phase::Ended { end: End::Completed }), 1, &accepted(&[1]));
}

/// An answer to a leak in which the vaults were confirmed at 100, with one consumer.
fn with_consumer(check: bool, cache: i64, state: ConsumerState) -> Rotation {
    let consumer = ConsumerPlan { refresh: false, check, cache: seconds(cache) };
    let mut run = standing(Plan { consumers: vec![consumer], ..leak(Way::Replace, false) }, Phase::Adoption);
    run.consumers = vec![state];
    run.confirmed_at = Some(at(100));
    run
}

fn waived(failure: bool, old: bool) -> ConsumerState {
    ConsumerState { failure_waived: failure, old_waived: old, ..Default::default() }
}

/// Its cache of 60 seconds and the second that a `Date` may lag; where it says nothing of a cache, the overlap of an hour.
#[test]
fn who_cannot_be_asked_is_waited_for() {
    let left = |check, cache, state| with_consumer(check, cache, state).leaked_is_left(at(100));
    let not_waited_for = Some(at(100));
    assert_eq!(left(false, 60, waived(false, false)), Some(at(161)));
    assert_eq!(left(false, 0, waived(false, false)), Some(at(3700)));
    assert_eq!(left(true, 60, waived(false, false)), not_waited_for, "it can be asked");
    assert_eq!(left(false, 60, waived(true, false)), not_waited_for, "somebody let it go");
    let mut run = with_consumer(false, 60, waived(false, false));
    run.leak.accepted = [0].into();
    assert_eq!(run.leaked_is_left(at(100)), not_waited_for, "its outage was accepted");
    run.back = true;
    assert_eq!(run.leaked_is_left(at(100)), None);
    assert_eq!(standing(plan(), Phase::Wait).leaked_is_left(at(100)), None);
    let mut cut_off = with_consumer(false, 60, waived(false, false));
    let first = leak(Way::RevokeFirst, true);
    cut_off.plan = Arc::new(Plan { consumers: cut_off.plan().consumers.clone(), ..first });
    assert_eq!(cut_off.leaked_is_left(at(100)), not_waited_for);
}

#[test]
fn who_lingers_is_asked_again_while_its_time_lasts() {
    let lingers = |run: &Rotation, n| run.lingers(0, at(n));
    let asked = with_consumer(true, 60, ConsumerState { asked_last: true, ..waived(false, false) });
    assert!(lingers(&asked, 160) && !lingers(&asked, 161), "its cache has elapsed");
    assert!(!lingers(&with_consumer(false, 60, waived(false, false)), 160), "it cannot be asked");
    assert!(!lingers(&with_consumer(true, 60, waived(true, false)), 160));
    assert!(!lingers(&with_consumer(true, 60, waived(false, true)), 160));
    let says = ConsumerState { reported: Some((at(110), Reported::New)), ..waived(false, false) };
    assert!(!lingers(&with_consumer(true, 60, says), 160), "it says so");
    assert!(!lingers(&Rotation { back: true, ..asked.clone() }, 160));
    let mut accepted = asked.clone();
    accepted.leak.accepted = [0].into();
    assert!(!lingers(&accepted, 160));
    // how long it is asked
    let again = |n| {
        let mut run = asked.clone();
        let again = run.ask_those_who_linger(at(n));
        (again, run.consumers[0].asked_last, run.not_before)
    };
    assert_eq!(again(160), (true, false, Some(at(170))));
    assert_eq!(again(161), (false, true, None));
    let silent = with_consumer(true, 0, ConsumerState { asked_last: true, ..waived(false, false) });
    let still = |n| silent.clone().ask_those_who_linger(at(n));
    assert_eq!((still(3699), still(3700)), (true, false), "an hour, where it says nothing");
}

/// The wait for the others is made anew; one that is being asked is asked no more.
#[test]
fn an_accepted_outage_shortens_what_is_under_way() {
    let accepted = Event::OutageAccepted { by: String::new(), consumers: vec![0] };
    let mut waiting = with_consumer(false, 60, waived(false, false));
    (waiting.phase, waiting.deadline) = (Phase::Wait, Some(at(161)));
    assert_eq!(tell(&waiting, 120, &accepted).deadline, Some(at(100)));
    let mut asked = with_consumer(true, 60, waived(false, false));
    asked.not_before = Some(at(170));
    assert_eq!(tell(&asked, 120, &accepted).phase, Phase::Delete);
    asked.phase = Phase::Smoke;
    let elsewhere = tell(&asked, 120, &accepted);
    assert_eq!((elsewhere.phase, elsewhere.not_before, elsewhere.deadline), (Phase::Smoke, Some(at(170)), None));
}

/// Since when others could use it; where nobody said so, the week that every tenant keeps records of.
#[test]
fn who_used_it_is_asked_from_the_exposure_on() {
    let since = |exposed_at| {
        let mut run = standing(leak(Way::Replace, false), Phase::Dying);
        let mut emergency = run.plan().emergency.clone().unwrap();
        emergency.exposed_at = exposed_at;
        run.plan = Arc::new(Plan { emergency: Some(emergency), ..run.plan().clone() });
        run.leak.death = Some(Death::Proven);
        run.readings_of_leaked()
    };
    let from = |since| Some(Reading::SignIns { key_id: OLD, since });
    assert_eq!(since(Some(at(-50))), from(at(-50)));
    assert_eq!(since(None), from("2026-11-14T03:00:00Z".parse().unwrap()));
}

/// Not the one that a vault serves: without it consumers would get nothing.
#[test]
fn versions_of_the_leaked_value_are_disabled_unless_they_are_served() {
    let held = |vault, n| HeldIn { vault, version: VersionId(n) };
    let next = |way, death, disabled: &[u128]| {
        let mut plan = leak(way, false);
        let emergency = plan.emergency.as_mut().unwrap();
        emergency.versions = vec![held(FIRST, 1), held(FIRST, 5), held(SECOND, 6)];
        emergency.disable_versions = true;
        let mut run = standing(Plan { vaults: vec![VaultStart::Holds { version: START }; 2], ..plan }, Phase::Delete);
        run.leak.death = death;
        run.leak.disabled = disabled.iter().map(|n| VersionId(*n)).collect();
        run.seen.currents = vec![Some((baseline(), None)), Some((serves(1, NEW), None))];
        run.nothing_left(End::Completed);
        (run.todo.pop_front(), run.phase)
    };
    let disable = |vault, n| (Some(Mutation::DisableVersion { vault, version: VersionId(n) }), Phase::Delete);
    let ended = (None, Phase::Ended { end: End::Completed });
    for death in [Death::Proven, Death::Unproven] {
        assert_eq!(next(Way::Replace, Some(death), &[]), disable(FIRST, 5), "1 is served");
        assert_eq!(next(Way::Replace, Some(death), &[5]), disable(SECOND, 6));
        assert_eq!(next(Way::Replace, Some(death), &[5, 6]), ended);
    }
    assert_eq!(next(Way::Replace, None, &[]), (None, Phase::Dying), "first it is tried");
}

#[test]
fn what_is_left_to_do_is_done_where_the_removal_was_decided() {
    for (way, phase) in [(Way::Replace, Phase::Delete), (Way::RevokeFirst, Phase::Delete), (Way::RevokeOnly, Phase::Revoke)]
    {
        let mut run = standing(leak(way, true), Phase::Dying);
        run.leaked_is_told();
        assert_eq!(run.phase, phase, "{way:?}");
    }
}
