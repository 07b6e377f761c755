//! What is gone on with when nobody knows what is where: after a resume, a lost journal, a limit that is reached.

use super::super::answers::{Listed, Mutation, SignIn, Source};
use super::super::plan::Adopted;
use super::super::state::Phase;
use super::*;
use crate::rotation::Reason;

/// Two vaults that serve these, of which the second holds these versions; attempts 1 and 2 were made.
fn reconciled(list: &[Listed], serve: [Current; 2], second_holds: Vec<Version>, removed: &[KeyId]) -> Rotation {
    let plan = Plan { vaults: vec![VaultStart::Holds { version: START }; 2], ..plan() };
    let mut run = standing(plan, Phase::Reconcile { room: false });
    run.attempts.push(added(NEXT, true));
    run.seen.list = Some(list.to_vec());
    run.seen.currents = serve.map(|current| Some((current, None))).to_vec();
    run.seen.versions = vec![Some(Vec::new()), Some(second_holds)];
    run.removed = removed.iter().map(|k| (*k, at(0))).collect();
    run.decide_reconcile(at(0), false);
    run
}

#[test]
fn what_a_vault_serves_of_ours_comes_first_then_what_it_holds() {
    let align = |goal, vault, version: VersionId| Phase::Align { goal, vault, version };
    let phase = |serve, holds| {
        reconciled(&[listed(OLD, None), listed(NEW, Some(1)), listed(NEXT, Some(2))], serve, holds, &[]).phase
    };
    let (one, two) = (version(1, NEW), version(2, NEXT));
    assert_eq!(phase([serves(1, NEW), serves(2, NEXT)], vec![]), align(2, SECOND, two.id), "the newest");
    assert_eq!(phase([serves(1, NEW), baseline()], vec![two.clone()]), align(1, FIRST, one.id), "what is served");
    assert_eq!(phase([baseline(), baseline()], vec![one.clone(), two.clone()]), align(2, SECOND, two.id));
    let disabled = Version { enabled: false, ..two.clone() };
    assert_eq!(phase([baseline(), baseline()], vec![one.clone(), disabled]), align(1, SECOND, one.id));
    let restored = Version { tag: Some(tag(0)), ..two.clone() };
    assert_eq!(phase([baseline(), baseline()], vec![restored, one.clone()]), align(1, SECOND, one.id));
    // what is not listed any more, or removed by us, is no good
    let holds = || vec![one.clone(), two.clone()];
    let gone = reconciled(&[listed(NEW, Some(1))], [baseline(), baseline()], holds(), &[]);
    assert_eq!(gone.phase, align(1, SECOND, one.id));
    let both = [listed(NEW, Some(1)), listed(NEXT, Some(2))];
    assert_eq!(reconciled(&both, [baseline(), baseline()], holds(), &[NEXT]).phase, align(1, SECOND, one.id));
    let nothing = reconciled(&[listed(OLD, None)], [baseline(), baseline()], vec![], &[]);
    assert_eq!(nothing.todo, [Mutation::AddSecret { attempt: 3 }]);
}

/// Attempts that nothing is left of are in doubt: one more may land.
#[test]
fn a_lost_journal_is_stood_in_for_by_what_the_cloud_shows() {
    let adopted = |attempt, key_id, published| Adopted { attempt, key_id, published };
    let run = run(Plan { adopted: vec![adopted(1, NEW, false), adopted(3, NEXT, true)], ..plan() });
    let doubted = Attempt { added: AddState::InDoubt, published: false };
    assert_eq!(run.attempts, [added(NEW, false), doubted, added(NEXT, true)]);
    assert_eq!((&run.phase, run.doubted), (&Phase::Reconcile { room: false }, true));
    // settle, and the second that a `Date` may lag
    assert_eq!(run.not_before, Some(at(901)));
}

/// Two secrets at most, one of them the baseline's: what of ours nobody can have read goes; else a person must make room.
#[test]
fn what_makes_way_for_one_more() {
    let decided = |room, list: &[Listed], versions: Vec<Version>, removed: &[KeyId], n: i64| {
        let mut run = standing(Plan { room, ..plan() }, Phase::Reconcile { room: true });
        run.attempts.push(Attempt { added: AddState::Planned, published: false });
        run.seen.list = Some(list.to_vec());
        run.seen.versions = vec![Some(versions)];
        run.seen.currents = vec![Some((baseline(), Some(SignIn::Accepted)))];
        run.removed = removed.iter().map(|k| (*k, at(0))).collect();
        run.failing_since = Some(at(0));
        run.decide_reconcile(at(n), true);
        run
    };
    let both = [listed(OLD, None), listed(NEW, Some(1))];
    assert_eq!(decided(Some(2), &both, vec![], &[], 0).todo, [Mutation::RemoveSecret { key_id: NEW }]);
    let disabled = Version { enabled: false, ..version(1, NEW) };
    assert_eq!(stopped(&decided(Some(2), &both, vec![disabled], &[], 0)), Some(&Reason::NoRoom), "it may have been read");
    let theirs = [listed(OLD, None), listed(OTHERS, None)];
    assert_eq!(stopped(&decided(Some(2), &theirs, vec![], &[], 0)), Some(&Reason::NoRoom));
    // removed and still listed: the add is tried, and the clock goes on
    let tried = decided(Some(2), &both, vec![], &[NEW], 4500);
    assert_eq!((&tried.phase, tried.failing_since), (&Phase::Add, Some(at(0))));
    assert_eq!(stopped(&decided(Some(2), &both, vec![], &[NEW], 4501)), Some(&Reason::NoRoom), "five times settle");
    // a limit that the service told of and that we do not know
    assert_eq!(stopped(&decided(None, &theirs, vec![], &[], 0)), Some(&Reason::NoRoom));
    let planned = decided(None, &both, vec![], &[NEW], 0);
    assert_eq!((&planned.phase, planned.attempts.len()), (&Phase::Add, 2), "the attempt that was planned is made");
    let mut made = standing(Plan { room: Some(2), ..plan() }, Phase::Reconcile { room: true });
    made.seen = planned.seen;
    made.removed = planned.removed;
    made.decide_reconcile(at(0), true);
    assert_eq!((&made.phase, made.attempts.len()), (&Phase::Add, 2), "an attempt that was made is not made again");
}

#[test]
fn vaults_that_serve_something_else_get_a_copy_of_what_is_gone_on_with() {
    let decided = |serve: [Current; 2]| {
        let plan = Plan { vaults: vec![VaultStart::Holds { version: START }; 2], ..plan() };
        let phase = Phase::Align { goal: 1, vault: FIRST, version: version(1, NEW).id };
        let mut run = standing(plan, phase);
        run.attempts.push(added(NEXT, true));
        run.seen.currents = serve.map(|current| Some((current, None))).to_vec();
        run.decide_align(1, FIRST, version(1, NEW).id);
        run
    };
    let from = Source::Version { vault: FIRST, version: version(1, NEW).id };
    let copied = [Mutation::WriteVault { vault: SECOND, attempt: 1, from }];
    assert_eq!(decided([serves(1, NEW), baseline()]).todo, copied);
    assert_eq!(decided([serves(1, NEW), serves(2, NEXT)]).todo, copied, "another attempt of ours");
    assert_eq!(decided([serves(1, NEW), serves(1, NEW)]).phase, Phase::Smoke);
    let changed = decided([serves(1, NEW), Current::Disabled]);
    assert_eq!(stopped(&changed), Some(&Reason::VaultChanged { vault: SECOND }));
}
