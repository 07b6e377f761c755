//! When two runs stand alike: what a search must not take for two states.
//!
//! Nothing here is needed to rotate a secret. It stands beside the state because it must name every field of it: whoever adds
//! one has to say here whether a later decision can depend on it.

use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::answers::{Current, Mutation, Reported, SignIn, Source, Version};
use super::names::{KeyId, VaultIx, VersionId};
use super::plan::Delete;
use super::state::{AddState, Attempt, ConsumerState, Hold, LeakState, Phase, Rotation, Seen, Streak};

/// Names that are the same in states that differ only by what the cloud happened to draw.
pub trait Names {
    /// A credential.
    fn key(&self, key_id: KeyId) -> u32;
    /// Whether the credential is removed and no list can show it any more.
    fn gone(&self, key_id: KeyId) -> bool;
    /// A version of a vault.
    fn version(&self, vault: VaultIx, version: VersionId) -> u32;
}

struct Scribe<'a, N, H> {
    now: Timestamp,
    names: &'a N,
    to: &'a mut H,
}

impl Rotation {
    /// Writes down all that a later decision can depend on: moments as their distance from `now`, key IDs and versions under the
    /// names that `names` gives them. Two runs of one plan that write the same do the same from here on. Left out is what only a
    /// report tells ([`Rotation::failure`], [`Rotation::to_use`], [`Rotation::adoption`]) and what is written anew before it is looked at.
    pub fn likeness(&self, now: Timestamp, names: &impl Names, to: &mut impl Hasher) {
        let Rotation { plan, back, phase, attempts, in_flight, todo, unsettled, doubted, confirmed, deadline, .. } = self;
        let Rotation { rounds, no_return, removed, hold, consumers, not_before, tries, failing_since, .. } = self;
        let Rotation { held, proof, seen, leak, served: _, put_back: _, confirmed_at: _, failure: _, .. } = self;
        let mut scribe = Scribe { now, names, to };
        (back, doubted, rounds, no_return, tries, held).hash(scribe.to);
        consumers.iter().for_each(|c| scribe.consumer(c));
        scribe.phase(phase);
        (attempts.len(), in_flight.is_some(), todo.len()).hash(scribe.to);
        for Attempt { added, published } in attempts {
            published.hash(scribe.to);
            std::mem::discriminant(added).hash(scribe.to);
            match added {
                AddState::Added(key_id) | AddState::Untagged(key_id) => scribe.key(*key_id),
                AddState::Planned | AddState::InDoubt => {}
            }
        }
        scribe.requests(in_flight.iter().chain(todo));
        scribe.left(self.settled_at().filter(|_| unsettled.is_some()));
        scribe.left(*not_before);
        // the end of the overlap, or of the longest wait for a release: both are set anew when they begin
        let waits = *phase == Phase::Wait || plan.delete == Delete::OnRelease;
        scribe.left(deadline.filter(|_| waits));
        if let Some(by) = self.drained_by() {
            scribe.left(Some(by));
        }
        if matches!(phase, Phase::Wait | Phase::Adoption | Phase::Delete) {
            for (vault, version) in self.vaults().zip(confirmed) {
                version.map(|v| names.version(vault, v)).hash(scribe.to);
            }
        }
        let room_is_sought = matches!(phase, Phase::Add | Phase::Reconcile { room: true });
        let longest = if room_is_sought { plan.settle.saturating_mul(5) } else { plan.settle.max(plan.proof.limit) };
        let longest = longest.saturating_add(SignedDuration::from_secs(1));
        scribe.age(*failing_since, longest);
        let lingering = || removed.iter().filter(|(k, _)| !names.gone(**k));
        lingering().count().hash(scribe.to);
        for (key_id, at) in lingering() {
            scribe.key(*key_id);
            scribe.age(Some(*at), plan.settle.saturating_mul(6));
        }
        match hold {
            Hold::Until(until) => scribe.left(Some(*until)),
            Hold::None | Hold::Released => hold.hash(scribe.to),
        }
        proof.is_some().hash(scribe.to);
        if let Some(Streak { since, last }) = proof {
            scribe.age(
                Some(*since),
                plan.emergency.as_ref().map_or(plan.proof.window, |e| e.death.window.max(plan.proof.window)),
            );
            scribe.age(Some(*last), plan.proof.limit.max(SignedDuration::from_mins(5)));
        }
        scribe.seen(seen);
        let Some(emergency) = &plan.emergency else { return };
        let LeakState { death, accepted, disabled, may_be_restored } = leak;
        (death, accepted, may_be_restored).hash(scribe.to);
        emergency.versions.iter().map(|h| disabled.contains(&h.version)).for_each(|d| d.hash(scribe.to));
        for (consumer, planned) in consumers.iter().zip(&plan.consumers) {
            consumer.reported.is_some_and(|(_, r)| r == Reported::New).hash(scribe.to);
            let elapses = self.cache_elapses(planned, consumer, self.confirmed_at);
            elapses.is_some().hash(scribe.to);
            scribe.left(elapses.or_else(|| Some(self.leaves_by(planned, consumer, self.confirmed_at?))));
        }
        let limit = emergency.death.limit.saturating_add(emergency.death.window);
        scribe.age(failing_since.filter(|_| *phase == Phase::Dying), limit.saturating_add(SignedDuration::from_secs(1)));
    }
}

impl<N: Names, H: Hasher> Scribe<'_, N, H> {
    /// How long until then; what is past is all the same.
    fn left(&mut self, until: Option<Timestamp>) {
        until.map_or(0, |t| t.duration_since(self.now).as_secs().max(0)).hash(self.to);
    }

    /// How long since then; what is longer ago than `longest` is all the same.
    fn age(&mut self, since: Option<Timestamp>, longest: SignedDuration) {
        since.map(|t| self.now.duration_since(t).min(longest).as_secs()).hash(self.to);
    }

    fn key(&mut self, key_id: KeyId) {
        self.names.key(key_id).hash(self.to);
    }

    fn version(&mut self, vault: VaultIx, version: VersionId) {
        self.names.version(vault, version).hash(self.to);
    }

    /// What it named, and when, only a report tells.
    fn consumer(&mut self, consumer: &ConsumerState) {
        let ConsumerState { refreshed, well, reported: _, failed, names_old, asked_last, failure_waived, old_waived } =
            consumer;
        (refreshed.is_some(), well.is_some(), failed.is_some(), names_old, asked_last).hash(self.to);
        (failure_waived, old_waived).hash(self.to);
    }

    fn phase(&mut self, phase: &Phase) {
        std::mem::discriminant(phase).hash(self.to);
        match phase {
            Phase::Publish { look_for_tag: flag } | Phase::Reconcile { room: flag } => flag.hash(self.to),
            Phase::Align { goal, vault, version } => {
                (goal, vault).hash(self.to);
                self.version(*vault, *version);
            }
            Phase::NeedsOperator { reason, was } => {
                reason.name().hash(self.to);
                self.phase(was);
            }
            Phase::Ended { end } => end.hash(self.to),
            Phase::Add | Phase::Prove | Phase::Smoke | Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Delete => {}
            Phase::Adoption | Phase::Withdraw | Phase::Restore | Phase::Revoke | Phase::Dying => {}
        }
    }

    fn requests<'m>(&mut self, requests: impl Iterator<Item = &'m Mutation>) {
        for request in requests {
            std::mem::discriminant(request).hash(self.to);
            match request {
                Mutation::AddSecret { attempt } => attempt.hash(self.to),
                Mutation::WriteVault { vault, attempt, from } => {
                    (vault, attempt).hash(self.to);
                    match from {
                        Source::Memory => {}
                        Source::Version { vault, version } => self.version(*vault, *version),
                    }
                }
                Mutation::DisableVersion { vault, version } => self.version(*vault, *version),
                Mutation::RemoveSecret { key_id } => self.key(*key_id),
            }
        }
    }

    fn seen(&mut self, seen: &Seen) {
        let Seen { list, currents, versions, baseline, usage } = seen;
        list.is_some().hash(self.to);
        if let Some(list) = list {
            let mut keys: Vec<u32> = list.iter().map(|c| self.names.key(c.key_id)).collect();
            keys.sort_unstable();
            keys.hash(self.to);
        }
        for (vault, current) in (0..).map(VaultIx).zip(currents) {
            let Some((current, sign_in)) = current else {
                0_u8.hash(self.to);
                continue;
            };
            std::mem::discriminant(current).hash(self.to);
            match current {
                Current::Version(version) => self.version(vault, version.id),
                Current::Nothing | Current::Disabled => {}
            }
            self.answer(sign_in.as_ref());
        }
        for (vault, versions) in (0..).map(VaultIx).zip(versions) {
            let name = |v: &Version| (v.tag.as_ref().map(|t| t.attempt), v.enabled, self.names.version(vault, v.id));
            let mut named: Option<Vec<_>> = versions.as_ref().map(|vs| vs.iter().map(name).collect());
            named.iter_mut().for_each(|n| n.sort_unstable());
            named.hash(self.to);
        }
        self.answer(baseline.as_ref());
        usage.is_some().hash(self.to);
        if let Some(usage) = usage {
            usage.unknown.as_ref().map(|why| (why.name(), why.passes())).hash(self.to);
            let ago = |t: Timestamp| self.now.duration_since(t).as_secs();
            (usage.last.map(ago), ago(usage.until)).hash(self.to);
        }
    }

    fn answer(&mut self, answer: Option<&SignIn>) {
        answer.map(SignIn::accepted).hash(self.to);
        answer.map(SignIn::says_dead).hash(self.to);
    }
}
