//! The way back: who may ask for it, what has to be proven first, and where it turns round.

use super::super::answers::{Mutation, SignIn, Source};
use super::super::event::Event;
use super::super::plan::Way;
use super::super::state::{Hold, Phase};
use super::emergency::leak;
use super::*;
use crate::rotation::{End, Reason};

fn asked(baseline: Option<SignIn>, restore_leaked: bool) -> Event {
    Event::RollbackRequested { by: String::new(), reason: String::new(), baseline, restore_leaked }
}

fn dead() -> Plan {
    Plan { baseline: Baseline::Dead { key_id: Some(OLD), removable: true }, ..plan() }
}

#[test]
fn what_was_published_is_taken_back_only_for_a_value_that_signs_in() {
    let run = standing(plan(), Phase::Wait);
    assert_eq!(run.rollback_proof(), Some((FIRST, START)));
    for answer in [None, Some(SignIn::Wrong), Some(SignIn::Unavailable { why: String::new() })] {
        refuses(&run, 1, &asked(answer, false));
    }
    let back = tell(&run, 1, &asked(Some(SignIn::Accepted), false));
    assert_eq!((&back.phase, back.back, back.leak.may_be_restored), (&Phase::Restore, true, false));
    refuses(&back, 2, &asked(Some(SignIn::Accepted), false));
    let under_way = Rotation { in_flight: Some(Mutation::RemoveSecret { key_id: NEXT }), ..run.clone() };
    refuses(&under_way, 1, &asked(Some(SignIn::Accepted), false));
    refuses(&Rotation { no_return: true, ..run }, 1, &asked(Some(SignIn::Accepted), false));
    // the value lies where one was
    let later =
        standing(Plan { vaults: vec![VaultStart::Empty, VaultStart::Holds { version: START }], ..plan() }, Phase::Wait);
    assert_eq!(later.rollback_proof(), Some((SECOND, START)));
}

#[test]
fn nothing_is_proven_where_nothing_was_published_or_nothing_lived() {
    let mut unread = standing(plan(), Phase::Prove);
    unread.attempts[0].published = false;
    assert_eq!(unread.rollback_proof(), None);
    let back = tell(&unread, 1, &asked(None, true));
    assert_eq!((back.phase, back.leak.may_be_restored), (Phase::Withdraw, false), "nothing has leaked");
    let new = standing(Plan { baseline: Baseline::None, vaults: vec![VaultStart::Empty], ..plan() }, Phase::Wait);
    assert_eq!((new.rollback_proof(), tell(&new, 1, &asked(None, false)).phase), (None, Phase::Restore));
    // a dead value helps nobody, once ours may have been read
    let mut repair = standing(dead(), Phase::Wait);
    assert_eq!((repair.rollback_proof(), repair.may_go_back()), (None, false));
    refuses(&repair, 1, &asked(Some(SignIn::Accepted), false));
    repair.attempts[0].published = false;
    assert_eq!(tell(&repair, 1, &asked(None, false)).phase, Phase::Withdraw);
}

#[test]
fn what_has_leaked_is_put_back_for_an_explicit_word_only() {
    let run = standing(leak(Way::Replace, false), Phase::Wait);
    assert!(run.rollback_restores_leaked());
    refuses(&run, 1, &asked(Some(SignIn::Accepted), false));
    let back = tell(&run, 1, &asked(Some(SignIn::Accepted), true));
    assert_eq!((back.phase, back.leak.may_be_restored), (Phase::Restore, true));
    let mut unread = run;
    unread.attempts[0].published = false;
    assert!(!unread.rollback_restores_leaked());
    assert!(!tell(&unread, 1, &asked(None, false)).leak.may_be_restored);
    assert!(tell(&unread, 1, &asked(None, true)).leak.may_be_restored);
    assert!(!standing(plan(), Phase::Wait).rollback_restores_leaked());
    let only = standing(leak(Way::RevokeOnly, false), Phase::Revoke);
    refuses(&only, 1, &asked(Some(SignIn::Accepted), true));
}

/// The intent to write may be lost with the process that had it, the version is there: it may have been read.
#[test]
fn a_version_that_is_found_means_published() {
    let decided = |plan: Plan, restore_leaked, versions: &[Version]| {
        let mut run = standing(plan, Phase::Withdraw);
        run.attempts[0].published = false;
        (run.back, run.leak.may_be_restored) = (true, restore_leaked);
        run.seen.list = Some(vec![listed(NEW, Some(1)), listed(OLD, None)]);
        run.seen.versions = vec![Some(versions.to_vec())];
        run.decide_withdraw(at(0));
        run
    };
    let found = [version(1, NEW)];
    let removes = |run: Rotation| run.todo.front().cloned();
    assert_eq!(removes(decided(plan(), false, &[])), Some(Mutation::RemoveSecret { key_id: NEW }));
    let restored = [Version { tag: Some(tag(0)), ..version(1, OLD) }];
    assert_eq!(removes(decided(plan(), false, &restored)), Some(Mutation::RemoveSecret { key_id: NEW }), "not an attempt");
    let back = decided(plan(), false, &found);
    assert_eq!((&back.phase, back.attempts[0].published, back.back), (&Phase::Restore, true, true));
    let forward = |run: Rotation| (run.phase, run.back) == (Phase::Confirm, false);
    assert!(forward(decided(dead(), false, &found)), "there is nothing to go back to");
    assert!(forward(decided(leak(Way::Replace, false), false, &found)), "what has leaked is not put back");
    assert_eq!(decided(leak(Way::Replace, false), true, &found).phase, Phase::Restore, "somebody has said so");
    assert_eq!(decided(plan(), true, &found).phase, Phase::Restore);
}

/// The baseline's value is proven before each write of it, for 120 seconds at most.
#[test]
fn the_baseline_is_put_back_while_it_lives() {
    let decided = |current, answer, n| {
        let mut run = standing(plan(), Phase::Restore);
        run.back = true;
        run.seen.currents = vec![Some((current, None))];
        run.seen.baseline = answer;
        run.failing_since = Some(at(0));
        run.decide_restore(at(n));
        run
    };
    let ours = || serves(1, NEW);
    let write = Mutation::WriteVault { vault: FIRST, attempt: 0, from: Source::Version { vault: FIRST, version: START } };
    assert_eq!(decided(ours(), Some(SignIn::Accepted), 500).todo, [write]);
    for answer in [SignIn::Wrong, SignIn::Expired] {
        let run = decided(ours(), Some(answer), 0);
        assert_eq!((run.phase, run.back), (Phase::Confirm, false), "it died on the way");
    }
    let silent = || Some(SignIn::Unavailable { why: String::new() });
    assert_eq!(decided(ours(), silent(), 120).not_before, Some(at(130)));
    let stopped = decided(ours(), silent(), 121).phase;
    assert!(matches!(stopped, Phase::NeedsOperator { reason: Reason::BaselineUnproven { .. }, .. }));
    assert_eq!(decided(baseline(), None, 0).put_back, Some(START));
    let somebody = Current::Version(Version { id: VersionId(7), tag: None, key_id: None, enabled: true });
    assert!(matches!(decided(somebody, None, 0).phase, Phase::NeedsOperator { reason: Reason::VaultChanged { .. }, .. }));
}

/// What was revoked first makes room, although a list may show it still; nothing else does.
#[test]
fn what_counts_against_the_limit_of_secrets() {
    let full = |removed: &[KeyId], listed_ones: &[KeyId]| {
        let mut run = run(Plan { room: Some(2), ..leak(Way::RevokeFirst, true) });
        run.enter(Phase::Add);
        run.removed = removed.iter().map(|k| (*k, at(0))).collect();
        run.seen.list = Some(listed_ones.iter().map(|k| listed(*k, None)).collect());
        run.decide_add();
        assert_eq!(run.phase == Phase::Add, run.todo == [Mutation::AddSecret { attempt: 1 }]);
        run.phase == Phase::Reconcile { room: true }
    };
    assert!(!full(&[OLD], &[OLD, OTHERS]), "the leaked one is gone");
    assert!(full(&[], &[OLD, OTHERS]), "it is not removed yet");
    assert!(full(&[OLD], &[OLD, OTHERS, NEXT]), "there are two others");
    assert!(full(&[NEXT], &[NEXT, OTHERS]), "it did not leak");
    assert!(!full(&[OLD], &[OTHERS]));
}

#[test]
fn a_run_that_has_ended_is_not_held_and_not_rolled_back() {
    let ended = standing(plan(), Phase::Ended { end: End::Completed });
    assert!(!ended.may_go_back());
    refuses(&ended, 1, &asked(Some(SignIn::Accepted), false));
    refuses(&ended, 1, &Event::HoldSet { by: String::new(), why: String::new(), until: at(9) });
    refuses(&ended, 1, &Event::Released { by: String::new(), why: String::new() });
    assert_eq!(ended.hold, Hold::None);
}
