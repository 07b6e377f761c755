//! The table: what is changed in the world, and what the check then says.

use jiff::SignedDuration;
use keyrelay::preflight::{Check, CheckId as C, Found, Verdict as V};
use keyrelay::rotation::names::RunId;
use keyrelay::sandbox::cloud::{Audience, ManagementPolicy, Operator, VaultRight};

use crate::world::{APP, EAST, Observatory, WEST, World, of, remarkable, text};
use crate::{around, vaults, who};

/// What is changed, which check tells, how, and a part of its words and of its mend.
pub struct Row(pub &'static str, pub fn(&mut World), pub C, pub V, pub &'static str, pub &'static str);

fn rows() -> impl Iterator<Item = &'static Row> {
    who::ROWS.iter().chain(vaults::ROWS).chain(around::ROWS)
}

pub fn other_run() -> RunId {
    RunId::new("2026-11-01T00:00:00Z".parse().unwrap(), 7)
}

/// Whoever rotates may do all in both vaults.
fn officer(world: &mut World) {
    let id = world.cloud.stage().operator(world.now, world.operator).unwrap().object_id;
    [EAST, WEST].into_iter().for_each(|host| world.cloud.stage().vault_rights(host, id, &VaultRight::OFFICER));
}

/// In the world that nothing was done to, every check is fine: what is not fine in a row is so because of that row.
#[tokio::test]
async fn every_check_is_fine_in_a_fine_world() {
    let looked = Observatory::open().await.look(&mut World::new()).await;
    assert!(remarkable(&looked).is_empty(), "{:#?}", remarkable(&looked));
    C::ALL.into_iter().for_each(|check| drop(of(&looked, check)));
    assert!(matches!(looked.found, Ok(Found::Due(_))));
}

#[tokio::test]
async fn every_check_tells_what_is_wrong_and_how_it_is_mended() {
    let observatory = Observatory::open().await;
    let mut failed = Vec::new();
    for Row(what, change, check, verdict, says, mend) in rows() {
        let mut world = World::new();
        change(&mut world);
        let looked = observatory.look(&mut world).await;
        let told = |c: &&&Check| {
            c.verdict == *verdict && c.sentence().contains(says) && c.mend.as_deref().unwrap_or_default().contains(mend)
        };
        let found = of(&looked, *check);
        let fits = found.iter().any(|c| told(&c));
        let stops = looked.found.is_err() == looked.checks.iter().any(Check::refuses);
        let secrets = [text(&world.old.value)[..8].to_owned()];
        let all = format!("{:?} {:?}", looked.checks, looked.found);
        let leaks = secrets.iter().any(|s| all.contains(s));
        if !fits || !stops || leaks {
            failed.push(format!(
                "{what}: expected {check} {verdict:?} {says:?} {mend:?}\n  found {found:#?}\n{:#?}",
                remarkable(&looked)
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Each check that can be other than fine is so in some row; the runbook itself is checked before anything is asked.
#[test]
fn every_check_is_flipped() {
    for check in C::ALL.into_iter().filter(|c| *c != C::Runbook) {
        let flipped = rows().any(|Row(_, _, of, verdict, ..)| *of == check && *verdict != V::Ok && *verdict != V::Unknown);
        assert!(flipped, "{check}");
    }
}

/// The least that a run needs: ownership, the three rights on the secret, and nothing that only a look asks for.
#[tokio::test]
async fn a_run_may_start_with_the_least_permission() {
    let mut world = World { operator: Operator::OwnedBy, ..World::new() };
    let id = world.cloud.stage().operator(world.now, world.operator).unwrap().object_id;
    world.cloud.stage().add_owner(APP, id).unwrap();
    officer(&mut world);
    let looked = Observatory::open().await.look(&mut world).await;
    assert!(looked.found.is_ok(), "{:#?}", remarkable(&looked));
    let odd: Vec<C> = looked.checks.iter().filter(|c| c.verdict != V::Ok).map(|c| c.check).collect();
    assert_eq!(odd, [C::Policy], "policies need a permission of their own");
}

/// Several refusals are told at once, each with its mend.
#[tokio::test]
async fn all_refusals_are_told_at_once() {
    let mut world = World::new();
    world.cloud.stage().audience(APP, Audience::Personal).unwrap();
    world.cloud.stage().tenant_policy(Some(ManagementPolicy::no_addition()));
    let looked = Observatory::open().await.look(&mut world).await;
    let refused = looked.found.unwrap_err().to_string();
    assert!(refused.starts_with("2 checks refuse:\n  room: the application may hold 2 secrets"), "{refused}");
    assert!(refused.contains("\n  policy: the tenant's default policy forbids new secrets"), "{refused}");
    assert!(refused.contains("\n    next: remove one that nobody uses: az ad app credential delete"), "{refused}");
}

/// A schedule that is not due is not disturbed by what would be in the way of a run.
#[tokio::test]
async fn what_is_not_due_is_not_refused() {
    let mut world = World::new();
    world.cloud.stage().tenant_policy(Some(ManagementPolicy::no_addition()));
    world.wanted.if_expires_within = Some(SignedDuration::from_hours(24));
    let looked = Observatory::open().await.look(&mut world).await;
    assert!(matches!(looked.found, Ok(Found::NotDue { .. })), "{:#?}", remarkable(&looked));
    assert!(of(&looked, C::Policy)[0].refuses());
}
