//! What is removed, in which order, and when it counts as gone.

use super::super::answers::{Listed, Mutation, SignIn, Trace};
use super::super::effect::{Effect, Why};
use super::super::event::Event;
use super::super::plan::Way;
use super::super::state::Phase;
use super::*;
use crate::rotation::{End, Reason};

/// Back from Delete: the baseline is kept, ours go, the oldest first; nobody else's is looked at.
#[test]
fn what_is_removed_in_either_direction() {
    let list = vec![listed(OTHERS, None), listed(NEXT, Some(2)), listed(NEW, Some(1)), listed(OLD, None)];
    let next = |back: bool, list: &[Listed]| {
        let mut run = standing(plan(), Phase::Delete);
        run.back = back;
        run.attempts.push(added(NEXT, false));
        let (current, version) = if back { (baseline(), START) } else { (serves(1, NEW), version(1, NEW).id) };
        run.confirmed = vec![Some(version)];
        let run = tell(&run, 1, &Event::CredentialsListed { credentials: list.to_vec(), trace: Trace::default() });
        let (vault, sign_in) = (FIRST, Some(SignIn::Accepted));
        let (trace, sign_in_trace) = (Trace::default(), Some(Trace::default()));
        tell(&run, 1, &Event::VaultRead { vault, current, sign_in, trace, sign_in_trace }).next(at(1))
    };
    let removes = |key_id| Effect::Mutate(Mutation::RemoveSecret { key_id });
    assert_eq!(next(false, &list), removes(NEXT));
    assert_eq!(next(false, &[list[2].clone(), list[3].clone()]), removes(OLD));
    assert_eq!(next(false, &[list[0].clone(), list[2].clone()]), Effect::Ended(End::Completed));
    assert_eq!(next(true, &list), removes(NEW));
    assert_eq!(next(true, &[list[0].clone(), list[3].clone()]), Effect::Ended(End::RolledBack));
    // the runbook keeps the old one
    let mut kept = standing(Plan { delete: Delete::Never, ..plan() }, Phase::Delete);
    kept.confirmed = vec![Some(version(1, NEW).id)];
    kept.seen.currents = vec![Some((serves(1, NEW), Some(SignIn::Accepted)))];
    kept.seen.list = Some(vec![listed(NEW, Some(1)), listed(OLD, None)]);
    kept.decide_delete(at(1));
    assert_eq!(kept.phase, Phase::Ended { end: End::Completed });
    // what the vaults serve is not in the list: it is waited for
    assert!(matches!(next(false, &list[..2]), Effect::Wait { why: Why::Again, .. }));
    assert!(matches!(next(true, &list[..3]), Effect::Wait { why: Why::Again, .. }));
}

/// Settle long a removed one may be listed; then it is removed again, for five times that; then a person must look.
#[test]
fn what_was_removed_and_is_still_listed() {
    let after = |n: i64| {
        let mut run = standing(plan(), Phase::Delete);
        run.removed.insert(OLD, at(0));
        run.remove_from(at(n), &[OLD], End::Completed);
        run.next(at(n))
    };
    let again = |n: i64| Effect::Wait { until: at(n + 10), why: Why::Again };
    assert_eq!((after(1), after(900)), (again(1), again(900)));
    let removes = Effect::Mutate(Mutation::RemoveSecret { key_id: OLD });
    assert_eq!((after(901), after(4500)), (removes.clone(), removes));
    assert_eq!(after(4501), Effect::NeedsOperator(Reason::RemovalNotSeen { key_id: OLD }));
}

#[test]
fn what_has_leaked_is_removed_first() {
    let mut run = standing(super::emergency::leak(Way::Replace, false), Phase::Delete);
    run.attempts.insert(0, added(NEXT, true));
    run.confirmed = vec![Some(version(2, NEW).id)];
    let run = tell(
        &run,
        1,
        &Event::CredentialsListed {
            credentials: vec![listed(NEXT, Some(1)), listed(NEW, Some(2)), listed(OLD, None)],
            trace: Trace::default(),
        },
    );
    let (trace, sign_in_trace) = (Trace::default(), Some(Trace::default()));
    let read =
        Event::VaultRead { vault: FIRST, current: serves(2, NEW), sign_in: Some(SignIn::Accepted), trace, sign_in_trace };
    assert_eq!(tell(&run, 1, &read).next(at(1)), Effect::Mutate(Mutation::RemoveSecret { key_id: OLD }));
}
