//! A leaked credential is removed and tried until it is dead; whose outage a person may accept on the way.

use super::super::answers::{SignIn, Trace};
use super::super::event::Event;
use super::super::plan::{ConsumerPlan, Way};
use super::super::state::{Death, End, Phase, Streak};
use super::decisions::{listed, refuses, standing, tell};
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
