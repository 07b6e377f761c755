//! What must hold in every state: functions that tests call on every state that they reach.
//!
//! The rotation sees only answers. [`World`] is what a test knows besides: the cloud's hidden state.

use std::sync::Arc;

use jiff::Timestamp;

use super::answers::{Current, Mutation};
use super::consumers::Adoption;
use super::effect::Effect;
use super::event::Event;
use super::names::{KeyId, Tag, VaultIx};
use super::plan::{Baseline, Delete, Plan, VaultStart, Way};
use super::state::{End, Phase, Rotation, Serves};

/// The cloud as it is, which no client can see.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Service time.
    pub now: Timestamp,
    /// Every credential that the application has.
    pub credentials: Vec<Living>,
    /// Per vault, the credential whose value a consumer gets; `None` where nothing can be read.
    pub served: Vec<Option<KeyId>>,
    /// The credentials of all values that were current somewhere within the last overlap.
    pub recent: Vec<KeyId>,
}

/// A credential that exists.
#[derive(Debug, Clone)]
pub struct Living {
    /// Its key ID.
    pub key_id: KeyId,
    /// The tag that begins its display name.
    pub tag: Option<Tag>,
    /// Every sign-in replica accepts it.
    pub accepted: bool,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {what}")]
pub struct Broken {
    /// S1 to S11.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
}

type Check = Result<(), Broken>;

fn must(holds: bool, rule: &'static str, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Broken { rule, what: what() }) }
}

impl World {
    fn accepted(&self, key_id: KeyId) -> bool {
        self.credentials.iter().any(|c| c.key_id == key_id && c.accepted)
    }

    fn own<'a>(&'a self, run: &'a Rotation) -> impl Iterator<Item = KeyId> + 'a {
        self.credentials.iter().filter(|c| run.ours(c.tag.as_ref()).is_some()).map(|c| c.key_id)
    }
}

/// All that speak of one state; S5 and S9 speak of a request and of a journal.
pub fn check(run: &Rotation, world: &World, losses: u32) -> Check {
    s1_current_signs_in(run, world)?;
    s2_recent_signs_in(run, world)?;
    s2_leaked_is_left(run, world)?;
    s3_read_before_removal(run)?;
    s4_only_ours_is_removed(run, world)?;
    s6_ends(run, world)?;
    s11_stays_ended(run)?;
    s10_attempts(run, losses)
}

/// S1: what a vault serves is accepted by every replica; from the start if the baseline was alive, else from our first publish. Not
/// so for a leaked credential that somebody has accepted to be removed before it is replaced, once that was intended.
pub fn s1_current_signs_in(run: &Rotation, world: &World) -> Check {
    let revoked = |k: KeyId| revoked_first(run) && run.leaked() == Some(k) && run.no_return;
    let dead = |k: KeyId| !run.plan.baseline.alive() && run.plan.baseline.key_id() == Some(k);
    let excused = |k: KeyId| dead(k) || revoked(k);
    let mut served = world.served.iter().enumerate().filter_map(|(v, k)| k.map(|k| (v, k)));
    match served.find(|(_, k)| !excused(*k) && !world.accepted(*k)) {
        Some((vault, key_id)) => {
            must(false, "S1", || format!("vault {vault} serves {key_id}, which does not sign in everywhere"))
        }
        None => Ok(()),
    }
}

/// S2: so is any value that was current within the last overlap. Not so for a leaked credential once its removal was intended; when
/// that may be is for [`s2_leaked_is_left`].
pub fn s2_recent_signs_in(run: &Rotation, world: &World) -> Check {
    let cut_off = |k: &KeyId| run.leaked() == Some(*k) && (run.no_return || run.revokes_only());
    let dead = |k: &KeyId| !run.plan.baseline.alive() && run.plan.baseline.key_id() == Some(*k);
    let excused = |k: &KeyId| dead(k) || cut_off(k);
    match world.recent.iter().find(|k| !excused(k) && !world.accepted(**k)) {
        Some(key_id) => {
            must(false, "S2", || format!("a consumer may hold the value of {key_id}, which does not sign in everywhere"))
        }
        None => Ok(()),
    }
}

/// S2 in an emergency: when the removal of the leaked credential that the vaults served is about to be sent, each consumer has
/// reported the new one, or its cache has elapsed since it was told, or somebody has let the run go on without it.
pub fn s2_leaked_is_left(run: &Rotation, world: &World) -> Check {
    let Some(Mutation::RemoveSecret { key_id }) = &run.in_flight else { return Ok(()) };
    let cut = run.leaked() == Some(*key_id) && run.phase == Phase::Delete && !run.back && !revoked_first(run);
    let let_go = |n: usize| {
        let waived = run.consumers().get(n).is_some_and(|c| c.failure_waived || c.old_waived);
        waived || run.outage_accepted(n)
    };
    let left = |n: usize| matches!(run.adoption(n, world.now), Adoption::Reported { .. } | Adoption::Elapsed { .. });
    match (0..run.plan.consumers.len()).find(|n| cut && !let_go(*n) && !left(*n)) {
        Some(n) => must(false, "S2", || format!("consumer {n} is not known to have left {key_id}, which is removed")),
        None => Ok(()),
    }
}

/// Somebody has accepted that the leaked credential goes before it is replaced.
fn revoked_first(run: &Rotation) -> bool {
    run.plan.emergency.as_ref().is_some_and(|e| e.way == Way::RevokeFirst && e.outage_accepted)
}

/// S3: when a removal is about to be sent, every vault has been read, and has signed in, since anything was last in doubt,
/// and serves something else; or no version of what is removed can be anywhere.
pub fn s3_read_before_removal(run: &Rotation) -> Check {
    let Some(Mutation::RemoveSecret { key_id }) = &run.in_flight else { return Ok(()) };
    let unread = match &run.phase {
        Phase::Reconcile { room: true } | Phase::Withdraw => true,
        Phase::Delete | Phase::Revoke => false,
        Phase::Add | Phase::Prove | Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } | Phase::Smoke => {
            return must(false, "S3", || format!("{key_id} is removed in {}", run.name()));
        }
        Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Adoption | Phase::Restore | Phase::Dying => {
            return must(false, "S3", || format!("{key_id} is removed in {}", run.name()));
        }
        Phase::NeedsOperator { .. } | Phase::Ended { .. } => {
            return must(false, "S3", || format!("{key_id} is removed in {}", run.name()));
        }
    };
    if unread {
        let known = run.seen.versions.iter().all(Option::is_some);
        let tagged = run.own_versions().any(|(_, _, v)| v.key_id == Some(*key_id));
        return must(known && !tagged, "S3", || format!("{key_id} makes way, and a vault may hold it"));
    }
    if run.phase == Phase::Revoke && revoked_first(run) {
        return must(run.leaked() == Some(*key_id), "S3", || format!("{key_id} is removed unread, and did not leak"));
    }
    for vault in run.vaults() {
        let serves = run.serves(vault);
        let other = match &serves {
            Some(Serves::Ours { key_id: k, .. }) => k != key_id,
            Some(Serves::Baseline { .. }) => {
                (run.back || run.phase == Phase::Revoke) && run.plan.baseline.key_id() != Some(*key_id)
            }
            Some(Serves::Foreign) | None => false,
        };
        must(other, "S3", || format!("{key_id} is removed while vault {} serves {serves:?}", vault.0))?;
        let signs_in = run.sign_in_at(vault).is_some_and(|a| a.accepted());
        let nothing_there = nothing_to_sign_in_with(run, vault);
        must(signs_in || nothing_there, "S3", || format!("{key_id} is removed and vault {} was not proven", vault.0))?;
    }
    Ok(())
}

/// A rollback to a vault that was empty has nothing there to sign in with.
fn nothing_to_sign_in_with(run: &Rotation, vault: VaultIx) -> bool {
    let current = run.seen.currents.get(usize::from(vault.0)).and_then(Option::as_ref);
    let unreadable = matches!(current, Some((Current::Nothing | Current::Disabled, _)));
    (run.back || run.phase == Phase::Revoke) && run.start_of(vault) == VaultStart::Empty && unreadable
}

/// S4: forward, only what bears the run's tag, the baseline where it may be removed, and what was named as leaked; back, only what
/// bears the run's tag.
pub fn s4_only_ours_is_removed(run: &Rotation, world: &World) -> Check {
    let Some(Mutation::RemoveSecret { key_id }) = &run.in_flight else { return Ok(()) };
    let ours = world.own(run).any(|k| k == *key_id) || run.attempts.iter().any(|a| a.added.key_id() == Some(*key_id));
    let gone = world.credentials.iter().all(|c| c.key_id != *key_id);
    let baseline = !run.back && run.plan.delete != Delete::Never && run.removable_baseline() == Some(*key_id);
    let named = !run.back && run.leaked() == Some(*key_id);
    must(ours || baseline || named || gone, "S4", || format!("{key_id} is not ours to remove"))
}

/// S5: a request that the cloud is about to receive has an intent in the journal and no outcome yet.
pub fn s5_intended(run: &Rotation, request: &Mutation) -> Check {
    must(run.in_flight.as_ref() == Some(request), "S5", || format!("{request:?} is sent without its intent"))
}

/// S6: completed, the vaults serve our one credential and the baseline is gone; rolled back, nothing of ours is left and the
/// vaults serve the baseline.
pub fn s6_ends(run: &Rotation, world: &World) -> Check {
    let Phase::Ended { end } = run.phase else { return Ok(()) };
    let own: Vec<KeyId> = world.own(run).collect();
    match end {
        End::Abandoned => Ok(()),
        End::Completed if run.revokes_only() => {
            must(own.is_empty(), "S6", || format!("revoked, and {own:?} were added"))?;
            leaked_is_gone(run, world)
        }
        End::Completed => {
            leaked_is_gone(run, world)?;
            let served: Option<Vec<KeyId>> = world.served.iter().copied().collect();
            let one = served.as_ref().and_then(|s| s.first().copied());
            let all_serve_it = served.is_some_and(|s| s.iter().all(|k| Some(*k) == one));
            must(all_serve_it, "S6", || format!("completed, and the vaults serve {:?}", world.served))?;
            must(own.len() == 1 && own.first().copied() == one, "S6", || format!("completed, and ours are {own:?}"))?;
            let kept = run.plan.delete == Delete::Never || run.removable_baseline().is_none();
            let old = run.plan.baseline.key_id();
            let lives = world.credentials.iter().any(|c| Some(c.key_id) == old);
            must(kept || !lives, "S6", || "completed, and the baseline lives".to_owned())
        }
        End::RolledBack => {
            must(own.is_empty(), "S6", || format!("rolled back, and {own:?} are left"))?;
            let old = run.plan.baseline.key_id();
            for (vault, served) in run.vaults().zip(&world.served) {
                let expected = match (run.start_of(vault), run.plan.baseline) {
                    (VaultStart::Empty, _) => served.is_none(),
                    (VaultStart::Holds { .. }, Baseline::Alive { .. }) => *served == old,
                    (VaultStart::Holds { .. }, Baseline::None | Baseline::Dead { .. }) => true,
                };
                must(expected, "S6", || format!("rolled back, and vault {} serves {served:?}", vault.0))?;
            }
            Ok(())
        }
    }
}

fn leaked_is_gone(run: &Rotation, world: &World) -> Check {
    let lives = world.credentials.iter().any(|c| run.leaked() == Some(c.key_id));
    must(!lives, "S6", || "completed, and the leaked credential lives".to_owned())?;
    must(run.leaked().is_none() || run.death().is_some(), "S6", || {
        "completed, and nobody knows whether it is dead".to_owned()
    })
}

/// S9: every prefix of a journal replays to a lawful state. Gives the last.
pub fn s9_replays(plan: &Arc<Plan>, begun: Timestamp, events: &[(Timestamp, Event)]) -> Result<Rotation, Broken> {
    let mut run = Rotation::new(plan.clone(), begun);
    for (number, (at, event)) in events.iter().enumerate() {
        run = run.apply(*at, event).map_err(|e| Broken { rule: "S9", what: format!("event {number}: {e}") })?;
    }
    Ok(run)
}

/// S11: an ended run has nothing to do, whatever the time, and takes nothing more.
pub fn s11_stays_ended(run: &Rotation) -> Check {
    let Phase::Ended { end } = run.phase else { return Ok(()) };
    let idle = run.next(Timestamp::MIN) == Effect::Ended(end) && run.next(Timestamp::MAX) == Effect::Ended(end);
    let resumed = run.apply(Timestamp::MAX, &Event::Resumed { by: String::new() });
    must(idle && resumed.is_err(), "S11", || "an ended run goes on".to_owned())
}

/// S10: no more attempts than the limit, nor than crashes and lost answers explain. `losses` counts both.
pub fn s10_attempts(run: &Rotation, losses: u32) -> Check {
    let unpublished = run.attempts.iter().filter(|a| !a.published && a.added != super::state::AddState::Planned).count();
    let within = unpublished <= 1 + losses as usize && run.attempts.len() <= run.plan.attempts as usize;
    must(within, "S10", || format!("{unpublished} attempts were not published"))
}
