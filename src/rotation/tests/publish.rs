//! Which vaults are written, what stops that, and when what they serve counts as proven.

use super::super::answers::{Listed, Mutation, SignIn, Source};
use super::super::state::Phase;
use super::*;
use crate::rotation::Reason;

fn two_vaults() -> Plan {
    Plan { vaults: vec![VaultStart::Holds { version: START }; 2], ..plan() }
}

/// What is decided in two vaults that serve these, and hold these versions.
fn decided(look_for_tag: bool, list: &[Listed], serve: [Current; 2], second_holds: Vec<Version>) -> Rotation {
    let mut run = standing(two_vaults(), Phase::Publish { look_for_tag });
    run.seen.list = Some(list.to_vec());
    run.seen.currents = serve.map(|current| Some((current, None))).to_vec();
    run.seen.versions = vec![Some(Vec::new()), Some(second_holds)];
    run.decide_publish(look_for_tag);
    run
}

#[test]
fn every_vault_that_lacks_the_attempt_is_written() {
    let write = |vault| Mutation::WriteVault { vault, attempt: 1, from: Source::Memory };
    let todo = |look, serve, holds| decided(look, &[], serve, holds).todo;
    let ours = || serves(1, NEW);
    assert_eq!(todo(false, [baseline(), baseline()], vec![]), [write(FIRST), write(SECOND)]);
    assert_eq!(todo(false, [ours(), baseline()], vec![]), [write(SECOND)]);
    assert_eq!(decided(false, &[], [ours(), ours()], vec![]).phase, Phase::Smoke);
    // after a doubt the version may be there and not be served yet
    assert_eq!(todo(false, [ours(), baseline()], vec![version(1, NEW)]), [write(SECOND)]);
    assert_eq!(decided(true, &[], [ours(), baseline()], vec![version(1, NEW)]).phase, Phase::Smoke);
    assert_eq!(todo(true, [ours(), baseline()], vec![version(2, NEW)]), [write(SECOND)], "of another attempt");
    let disabled = Version { enabled: false, ..version(1, NEW) };
    assert_eq!(todo(true, [ours(), baseline()], vec![disabled]), [write(SECOND)]);
}

#[test]
fn what_somebody_else_wrote_stops_it() {
    let somebody = Current::Version(Version { id: VersionId(7), tag: None, key_id: None, enabled: true });
    for serve in [[somebody.clone(), baseline()], [baseline(), somebody], [Current::Disabled, baseline()]] {
        let vault = if serve[0] == baseline() { SECOND } else { FIRST };
        assert_eq!(stopped(&decided(false, &[], serve, vec![])), Some(&Reason::VaultChanged { vault }));
    }
}

#[test]
fn another_run_of_the_target_that_has_added_stops_it() {
    let other = Tag { run: RunId::new(at(9), 9), ..tag(1) };
    let elsewhere = Tag { target: TargetId::of([("kv-9.vault.sandbox.localhost", "secret")]), ..other.clone() };
    let tagged = |key_id, tag: &Tag| Listed { key_id, tag: Some(tag.clone()) };
    let with = |list: &[Listed]| decided(false, list, [baseline(), baseline()], vec![]);
    let another = Reason::AnotherRun { run: other.run.clone() };
    assert_eq!(stopped(&with(&[listed(NEW, Some(1)), tagged(OTHERS, &other)])), Some(&another));
    for harmless in [listed(NEW, Some(1)), listed(OTHERS, None), tagged(OTHERS, &elsewhere), tagged(OLD, &other)] {
        assert_eq!(stopped(&with(std::slice::from_ref(&harmless))), None, "{harmless:?}");
    }
    let mut known =
        standing(Plan { bystanders: [other.run.clone()].into(), ..plan() }, Phase::Publish { look_for_tag: false });
    known.seen.list = Some(vec![tagged(OTHERS, &other)]);
    assert_eq!(known.another_run(), None, "it was known at the start");
}

/// What is read back must sign in, in every vault, within 120 seconds.
#[test]
fn all_vaults_serve_the_same_and_it_signs_in() {
    let decided = |serve: [Current; 2], second: SignIn, n| {
        let mut run = standing(two_vaults(), Phase::Smoke);
        run.attempts.push(added(NEXT, true));
        let [first, other] = serve;
        run.seen.currents = vec![Some((first, Some(SignIn::Accepted))), Some((other, Some(second)))];
        run.failing_since = Some(at(0));
        run.decide_smoke(at(n));
        run
    };
    let both = || [serves(1, NEW), serves(1, NEW)];
    let proven = decided(both(), SignIn::Accepted, 500);
    assert_eq!((&proven.phase, proven.served), (&Phase::Confirm, Some((NEW, version(1, NEW).id))));
    assert_eq!(decided(both(), SignIn::Wrong, 120).not_before, Some(at(130)));
    let refused = decided(both(), SignIn::Wrong, 121);
    assert_eq!(stopped(&refused), Some(&Reason::CurrentRefused { vault: SECOND, last: SignIn::Wrong }));
    let reconcile = Phase::Reconcile { room: false };
    assert_eq!(decided([serves(1, NEW), serves(2, NEXT)], SignIn::Accepted, 0).phase, reconcile);
    assert_eq!(decided([serves(1, NEW), baseline()], SignIn::Accepted, 0).phase, reconcile);
}
