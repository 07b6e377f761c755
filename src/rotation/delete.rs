//! Step 5, and the removal at the end of a rollback: read, sign in, list; remove one; again, until nothing is left to remove.
//!
//! The last round, which finds nothing to remove, is the final proof and the last sweep.

use jiff::Timestamp;

use super::answers::{Mutation, SignIn};
use super::failure::Reason;
use super::names::KeyId;
use super::rules::{Rule, keeps};
use super::state::{End, Phase, Rotation, after};

impl Rotation {
    /// The baseline's key ID, if this run may remove it.
    pub(super) fn removable_baseline(&self) -> Option<KeyId> {
        use super::plan::Baseline;
        match self.plan.baseline {
            Baseline::Alive { key_id } | Baseline::Dead { key_id: Some(key_id), removable: true } => Some(key_id),
            Baseline::None | Baseline::Dead { .. } => None,
        }
    }

    pub(super) fn decide_delete(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        if !self.unmoved() && keeps(Rule::ReadBeforeRemoving) {
            return self.enter(Phase::Confirm);
        }
        if let Some((vault, last)) = self.refused_sign_in() {
            return self.refused_before_removal(at, vault, last);
        }
        let kept =
            if self.back { self.plan.baseline.key_id().filter(|_| self.plan.baseline.alive()) } else { self.served_key() };
        let list = self.seen.list.clone().unwrap_or_default();
        if let Some(key_id) = kept.filter(|k| list.iter().all(|c| c.key_id != *k)) {
            if self.failing_for(at) > self.plan.settle {
                return self.stop(Reason::CredentialGone { key_id });
            }
            return self.again(at, self.plan.proof.spacing);
        }
        self.remove_from(at, &self.victims(&list, kept), if self.back { End::RolledBack } else { End::Completed });
    }

    fn served_key(&self) -> Option<KeyId> {
        if !keeps(Rule::KeepServed) || !keeps(Rule::ReadBeforeRemoving) {
            return self.key_id(self.attempt()); // what the journal believes in
        }
        self.all_serve_ours().map(|(_, key_id)| key_id)
    }

    /// Forward: all that bears the run's tag, and the baseline; back: all that bears the run's tag. Never what is kept.
    fn victims(&self, list: &[super::answers::Listed], kept: Option<KeyId>) -> Vec<KeyId> {
        let deletes = !self.back && self.plan.delete != super::plan::Delete::Never;
        let baseline = self.removable_baseline().filter(|_| deletes);
        let baseline = baseline.filter(|b| list.iter().any(|c| c.key_id == *b));
        let known = |k: &KeyId| keeps(Rule::SweepByTag) || self.attempts.iter().any(|a| a.added.key_id() == Some(*k));
        let own = self.own_listed(list).into_iter().map(|(_, k)| k).filter(known);
        let mut victims: Vec<KeyId> = own.chain(baseline).filter(|k| Some(*k) != kept).collect();
        // what has leaked goes first
        victims.sort_by_key(|k| self.leaked() != Some(*k));
        victims
    }

    /// Removes the first that is not removed yet; what is removed and still listed is waited for, then removed again.
    pub(super) fn remove_from(&mut self, at: Timestamp, victims: &[KeyId], end: End) {
        let removed_at = |k: &&KeyId| self.removed.get(*k).copied();
        if let Some(key_id) = victims.iter().find(|k| removed_at(k).is_none()) {
            return self.todo.push_back(Mutation::RemoveSecret { key_id: *key_id });
        }
        let Some(key_id) = victims.first().copied() else {
            return self.nothing_left(end);
        };
        let first = self.removed.get(&key_id).copied().unwrap_or(at);
        if at <= after(first, self.plan.settle) {
            self.again(at, self.plan.proof.spacing);
        } else if at <= after(first, self.plan.settle.saturating_mul(5)) {
            self.todo.push_back(Mutation::RemoveSecret { key_id });
        } else {
            self.stop(Reason::RemovalNotSeen { key_id });
        }
    }

    /// What the vaults serve did not sign in: nothing is removed. On the way back a dead baseline turns the run forward.
    fn refused_before_removal(&mut self, at: Timestamp, vault: super::names::VaultIx, last: SignIn) {
        if self.back && last.says_dead() {
            self.turn_forward();
        } else if self.out_of_patience(at) {
            let reason = if self.back { Reason::BaselineUnproven { last } } else { Reason::CurrentRefused { vault, last } };
            self.stop(reason);
        } else {
            self.again(at, self.plan.proof.spacing);
        }
    }
}
