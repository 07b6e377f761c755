//! What those see who only look.

use super::super::answers::Mutation;
use super::super::state::{ConsumerState, Phase, Step};
use super::*;
use crate::rotation::{End, Reason};

#[test]
fn each_phase_has_a_name_and_a_step_in_both_directions() {
    let align = Phase::Align { goal: 1, vault: FIRST, version: START };
    let asks = Phase::NeedsOperator { reason: Reason::NoRoom, was: Box::new(Phase::Delete) };
    use Step::*;
    let all = [
        (Phase::Add, "add", AddSecret, AddSecret),
        (Phase::Prove, "prove", AddSecret, AddSecret),
        (Phase::Publish { look_for_tag: true }, "publish", WriteVault, WriteVault),
        (Phase::Reconcile { room: false }, "reconcile", WriteVault, WriteVault),
        (Phase::Reconcile { room: true }, "make room", WriteVault, WriteVault),
        (align, "align", WriteVault, WriteVault),
        (Phase::Smoke, "smoke test", SmokeTest, SmokeTest),
        (Phase::Consumers, "consumers", SmokeTest, PutBack),
        (Phase::Confirm, "confirm", OverlapWait, OverlapWait),
        (Phase::Wait, "overlap wait", OverlapWait, OverlapWait),
        (Phase::Adoption, "adoption", DeleteOld, RemoveOurs),
        (Phase::Delete, "delete", DeleteOld, RemoveOurs),
        (Phase::Revoke, "revoke", RevokeLeaked, RevokeLeaked),
        (Phase::Dying, "prove dead", ProveDead, ProveDead),
        (Phase::Withdraw, "withdraw", RemoveOurs, RemoveOurs),
        (Phase::Restore, "put back", PutBack, PutBack),
        (asks, "needs operator", DeleteOld, RemoveOurs),
        (Phase::Ended { end: End::Completed }, "ended", DeleteOld, RemoveOurs),
    ];
    for (phase, name, forward, back) in all {
        let mut run = Rotation { phase, ..run(plan()) };
        assert_eq!((run.name().as_str(), run.step(), run.back()), (name, forward, false));
        run.back = true;
        run.in_flight = Some(Mutation::RemoveSecret { key_id: NEW });
        assert_eq!(run.name(), format!("{name}, on the way back, a request is under way"));
        assert_eq!((run.step(), run.back()), (back, true));
    }
}

#[test]
fn what_is_shown_is_what_is_there() {
    let mut run = standing(plan(), Phase::Wait);
    run.deadline = Some(at(7));
    run.failure = Some(Reason::NoRoom);
    run.confirmed = vec![Some(START)];
    run.consumers = vec![ConsumerState { names_old: true, ..Default::default() }];
    assert_eq!(run.attempts(), [added(NEW, true)]);
    assert_eq!((run.deadline(), run.failure(), run.confirmed()), (Some(at(7)), Some(&Reason::NoRoom), &[Some(START)][..]));
    assert!(run.consumers().len() == 1 && run.consumers()[0].names_old);
}
