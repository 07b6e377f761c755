//! Step 4, in both directions: confirm which version each vault serves, wait, and find the same versions again.

use jiff::Timestamp;

use super::failure::Reason;
use super::names::VersionId;
use super::rules::{Rule, keeps};
use super::state::{DATE_RESOLUTION, Phase, Rotation, Serves, after};

/// How often an overlap may begin again before a person must look.
const ROUNDS: u32 = 20;

impl Rotation {
    /// The versions that the vaults serve, if all of them serve what this direction ends with.
    fn arrived(&self) -> Option<Vec<Option<VersionId>>> {
        if !self.back {
            self.all_serve_ours()?;
        }
        let version = |v| match self.serves(v)? {
            Serves::Baseline { version } => self.back.then_some(version),
            Serves::Ours { version, .. } => (!self.back).then_some(Some(version)),
            Serves::Foreign => None,
        };
        let asked = if keeps(Rule::VaultsAgree) { usize::MAX } else { 1 };
        self.vaults().take(asked).map(version).collect()
    }

    /// Whether the vaults serve exactly what was confirmed when the overlap began.
    pub(super) fn unmoved(&self) -> bool {
        self.arrived().is_some_and(|now| now == self.confirmed || !keeps(Rule::OverlapRestarts))
    }

    pub(super) fn decide_confirm(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        match self.arrived() {
            None if self.back => self.enter(Phase::Restore),
            None => self.enter_reconcile(false),
            Some(_) if self.rounds >= ROUNDS => self.stop(Reason::VaultsUnsteady),
            Some(versions) => {
                self.rounds += 1;
                self.confirmed = versions;
                self.confirmed_at = Some(at);
                self.deadline = Some(self.overlap_ends(at));
                self.enter(Phase::Wait);
            }
        }
    }

    /// The overlap, no shorter than any consumer's cache; and until everything has settled, if anything was ever in doubt or
    /// an attempt was left behind.
    pub(super) fn overlap_ends(&self, at: Timestamp) -> Timestamp {
        if let Some(left) = self.leaked_is_left(at) {
            return self.settled_at().filter(|_| self.unsure()).map_or(left, |settled| left.max(settled));
        }
        let cache = self.plan.consumers.iter().map(|c| c.cache).max().unwrap_or_default();
        let wait = self.plan.overlap.max(cache);
        // no wait at all needs no clock
        let none = wait.is_zero() || !keeps(Rule::Overlap);
        let overlap = if none { at } else { after(at, wait.saturating_add(DATE_RESOLUTION)) };
        self.settled_at().filter(|_| self.unsure()).map_or(overlap, |settled| overlap.max(settled))
    }

    /// Something of this run may land yet, or a list may be stale.
    fn unsure(&self) -> bool {
        (self.back || self.doubted || self.attempts.len() > 1) && keeps(Rule::OverlapAfterSettle)
    }

    pub(super) fn decide_wait(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        if !self.unmoved() {
            return self.enter(Phase::Confirm);
        }
        if self.goes_on_draining(at) {
            return;
        }
        self.deadline = Some(after(at, self.plan.release_within));
        let seen = std::mem::take(&mut self.seen);
        self.enter_adoption();
        if self.phase == Phase::Delete && self.held_back(at).is_none() {
            // what was read at the end of the overlap is what the first removal rests on
            self.seen = seen;
            self.decide_delete(at);
        }
    }
}
