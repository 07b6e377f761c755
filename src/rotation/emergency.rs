//! A credential has leaked: which way it goes, whom its removal waits for, and the revocation of one that no vault serves.
//!
//! What an emergency waives is S2 for the leaked value alone, and only when each consumer has left it or may be cut off. Where it
//! is revoked first, S1 is waived too until the replacement is published: somebody has accepted that, and the plan says so.
//! Everything else holds as in any run: proof before publishing, reading before removing, settle where anything was in doubt.

use jiff::Timestamp;

use super::Adoption;
use super::answers::Mutation;
use super::failure::Reason;
use super::names::KeyId;
use super::plan::{ConsumerPlan, Emergency, Way};
use super::rules::{Rule, keeps};
use super::state::{ConsumerState, End, Phase, Rotation, after};

impl Rotation {
    /// The credential that has leaked.
    pub fn leaked(&self) -> Option<KeyId> {
        self.plan.emergency.as_ref().map(|e| e.leaked)
    }

    fn way(&self) -> Option<Way> {
        self.plan.emergency.as_ref().map(|e| e.way)
    }

    /// Nothing is added and nothing is written: there is nothing to take back.
    pub(super) fn revokes_only(&self) -> bool {
        self.way() == Some(Way::RevokeOnly)
    }

    pub(super) fn begin_emergency(&mut self) {
        if matches!(self.way(), Some(Way::RevokeFirst | Way::RevokeOnly)) {
            self.phase = Phase::Revoke;
        }
    }

    /// What is revoked first is removed without reading anything.
    pub(super) fn revoke_at_once(&mut self) {
        if let Some(Emergency { leaked, way: Way::RevokeFirst, .. }) = self.plan.emergency.as_ref() {
            self.todo.push_back(Mutation::RemoveSecret { key_id: *leaked });
        }
    }

    /// No vault serves the leaked credential: each serves what it served at the start, and that signs in.
    pub(super) fn decide_revoke(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.stop(Reason::VaultChanged { vault });
        }
        if let Some((vault, last)) = self.refused_sign_in() {
            if self.out_of_patience(at) {
                return self.stop(Reason::CurrentRefused { vault, last });
            }
            return self.again(at, self.plan.proof.spacing);
        }
        let list = self.seen.list.clone().unwrap_or_default();
        let listed = |k: KeyId| list.iter().any(|c| c.key_id == k);
        if let Some(key_id) = self.plan.baseline.key_id().filter(|k| self.plan.baseline.alive() && !listed(*k)) {
            if self.failing_for(at) > self.plan.settle {
                return self.stop(Reason::CredentialGone { key_id });
            }
            return self.again(at, self.plan.proof.spacing);
        }
        let victims: Vec<KeyId> = self.leaked().filter(|k| listed(*k)).into_iter().collect();
        self.remove_from(at, &victims, End::Completed);
    }

    /// The leaked credential is removed: what comes next, if that is not more of the same.
    pub(super) fn leaked_removed(&mut self) -> bool {
        let first = self.way() == Some(Way::RevokeFirst) && self.phase == Phase::Revoke;
        let dies = !self.back && self.leak.death.is_none() && matches!(self.phase, Phase::Delete | Phase::Revoke);
        if first {
            self.enter(Phase::Add);
        } else if dies {
            self.enter(Phase::Dying);
        }
        first || dies
    }

    /// Nothing is left to remove: the run ends when the leaked credential's death is known, and its versions are disabled.
    pub(super) fn nothing_left(&mut self, end: End) {
        if !self.back && self.plan.emergency.is_some() {
            if self.leak.death.is_none() {
                return self.enter(Phase::Dying);
            }
            if let Some(request) = self.version_to_disable() {
                return self.todo.push_back(request);
            }
        }
        self.enter(Phase::Ended { end });
    }

    /// Never what a vault serves: consumers would get nothing.
    fn version_to_disable(&self) -> Option<Mutation> {
        let emergency = self.plan.emergency.as_ref().filter(|e| e.disable_versions)?;
        let left = |h: &&super::plan::HeldIn| !self.leak.disabled.contains(&h.version);
        let old = |h: &&super::plan::HeldIn| self.version_read_at(h.vault) != Some(h.version);
        let next = emergency.versions.iter().filter(left).find(old)?;
        Some(Mutation::DisableVersion { vault: next.vault, version: next.version })
    }

    pub(super) fn leaked_version_disabled(&mut self, version: super::names::VersionId) {
        if self.plan.emergency.is_some() && !self.back {
            self.leak.disabled.insert(version);
        }
    }

    /// Whether somebody has accepted that this consumer is cut off.
    pub(super) fn outage_accepted(&self, consumer: usize) -> bool {
        let at_the_start = |e: &Emergency| e.accepted.contains(&consumer);
        !self.back && (self.leak.accepted.contains(&consumer) || self.plan.emergency.as_ref().is_some_and(at_the_start))
    }

    /// A person needs not wait for those.
    pub(super) fn accept_outage(&mut self, at: Timestamp, consumers: &[usize]) -> bool {
        let over = matches!(self.phase, Phase::Ended { .. });
        let known = consumers.iter().all(|n| *n < self.consumers.len());
        if over || self.back || !known || self.way() != Some(Way::Replace) {
            return false;
        }
        self.leak.accepted.extend(consumers);
        if self.phase == Phase::Wait {
            self.deadline = Some(self.overlap_ends(self.confirmed_at.unwrap_or(at)));
        } else if self.phase == Phase::Adoption && self.in_flight.is_none() {
            for n in consumers {
                self.consumers.get_mut(*n).into_iter().for_each(|state| state.asked_last = true);
            }
            self.not_before = None;
            self.consumers_answered(at);
        }
        true
    }

    /// When the consumers that cannot be asked have left the leaked credential; those that can are asked. None where nothing is
    /// to be cut short: in an ordinary run, and on the way back.
    pub(super) fn leaked_is_left(&self, confirmed: Timestamp) -> Option<Timestamp> {
        let way = self.way().filter(|_| !self.back)?;
        if way == Way::RevokeFirst || !keeps(Rule::AdoptionBeforeCut) {
            return Some(confirmed);
        }
        let all = self.plan.consumers.iter().zip(&self.consumers).enumerate();
        let waited_for = all.filter(|(n, (plan, state))| !plan.check && !state.failure_waived && !self.outage_accepted(*n));
        let left = waited_for.map(|(_, (plan, state))| self.leaves_by(plan, state, confirmed));
        Some(left.fold(confirmed, Timestamp::max))
    }

    /// By when a consumer is waited for: its cache; where that says nothing, the overlap.
    pub(super) fn leaves_by(&self, plan: &ConsumerPlan, state: &ConsumerState, confirmed: Timestamp) -> Timestamp {
        let elapses = self.cache_elapses(plan, state, Some(confirmed));
        elapses.unwrap_or_else(|| after(confirmed, self.plan.overlap))
    }

    /// Whether it can be asked, and nothing shows yet that it has left the leaked credential.
    pub(super) fn lingers(&self, consumer: usize, at: Timestamp) -> bool {
        let replaces = self.way() == Some(Way::Replace) && !self.back && keeps(Rule::AdoptionBeforeCut);
        let asked = self.plan.consumers.get(consumer).is_some_and(|c| c.check);
        let waived = self.consumers.get(consumer).is_some_and(|s| s.old_waived || s.failure_waived);
        let left = matches!(self.adoption(consumer, at), Adoption::Reported { .. } | Adoption::Elapsed { .. });
        replaces && asked && !waived && !left && !self.outage_accepted(consumer)
    }

    /// Those that linger are asked again after a while, until their time is up.
    pub(super) fn ask_those_who_linger(&mut self, at: Timestamp) -> bool {
        let confirmed = self.confirmed_at.unwrap_or(at);
        let all = self.plan.consumers.iter().zip(&self.consumers).enumerate();
        let in_time = all.filter(|(_, (plan, state))| at < self.leaves_by(plan, state, confirmed));
        let again: Vec<usize> = in_time.map(|(n, _)| n).filter(|n| self.lingers(*n, at)).collect();
        for n in &again {
            self.consumers.get_mut(*n).into_iter().for_each(|state| state.asked_last = false);
        }
        if !again.is_empty() {
            self.not_before = Some(after(at, self.plan.proof.spacing));
        }
        !again.is_empty()
    }
}
