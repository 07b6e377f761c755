//! Steps 2 and 3: write every vault, read back as a consumer does, sign in.

use jiff::Timestamp;

use super::answers::{Current, Mutation, Source};
use super::failure::Reason;
use super::names::VaultIx;
use super::rules::{Rule, keeps};
use super::state::{Phase, Rotation, Serves};

impl Rotation {
    /// Each vault must serve the baseline or one of ours, and no other run of this target may have added a credential.
    pub(super) fn decide_publish(&mut self, look_for_tag: bool) {
        if let Some(vault) = self.foreign().filter(|_| keeps(Rule::ReadBeforeWrite)) {
            return self.fail(Reason::VaultChanged { vault });
        }
        if let Some(run) = self.another_run() {
            return self.fail(Reason::AnotherRun { run });
        }
        let attempt = self.attempt();
        let look_for_tag = look_for_tag && keeps(Rule::LookForTag);
        let lacking: Vec<VaultIx> = self
            .vaults()
            .filter(|v| !(self.serves_attempt(*v, attempt) || look_for_tag && self.bears(*v, attempt)))
            .collect();
        if lacking.is_empty() {
            return self.enter(Phase::Smoke);
        }
        let write = |vault| Mutation::WriteVault { vault, attempt, from: Source::Memory };
        self.todo.extend(lacking.into_iter().map(write));
    }

    /// The first vault that serves what is neither the baseline's nor ours.
    pub(super) fn foreign(&self) -> Option<VaultIx> {
        self.vaults().find(|v| self.serves(*v) == Some(Serves::Foreign))
    }

    /// A run of the same target, not known at the start, that has added a credential.
    pub(super) fn another_run(&self) -> Option<super::names::RunId> {
        let known = |c: &&super::answers::Listed| self.plan.baseline.key_id() != Some(c.key_id);
        let list = self.seen.list.as_ref()?;
        let others = list.iter().filter(known).filter_map(|c| c.tag.as_ref());
        let mut others = others.filter(|t| t.target == self.plan.target && t.run != self.plan.run);
        others.find(|t| !self.plan.bystanders.contains(&t.run)).map(|t| t.run.clone())
    }

    fn serves_attempt(&self, vault: VaultIx, attempt: u32) -> bool {
        matches!(self.serves(vault), Some(Serves::Ours { attempt: a, .. }) if a == attempt)
    }

    fn bears(&self, vault: VaultIx, attempt: u32) -> bool {
        let versions = self.seen.versions.get(usize::from(vault.0)).and_then(Option::as_ref);
        versions.is_some_and(|vs| vs.iter().any(|v| v.enabled && self.ours(v.tag.as_ref()) == Some(attempt)))
    }

    /// All vaults must serve the same credential of ours, and each value read back must sign in.
    pub(super) fn decide_smoke(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        let Some((_, key_id)) = self.all_serve_ours() else {
            return self.enter_reconcile(false);
        };
        match self.refused_sign_in() {
            None => {
                self.served = self.version_at(VaultIx(0)).map(|version| (key_id, version));
                self.enter_consumers(at);
            }
            Some((vault, last)) if self.out_of_patience(at) => self.fail(Reason::CurrentRefused { vault, last }),
            Some(_) => self.again(at, self.plan.proof.spacing),
        }
    }

    pub(super) fn version_at(&self, vault: VaultIx) -> Option<super::names::VersionId> {
        match self.serves(vault)? {
            Serves::Ours { version, .. } => Some(version),
            Serves::Baseline { version } => version,
            Serves::Foreign => None,
        }
    }

    /// The version that a vault was last read to serve, whoever's it is.
    pub(super) fn version_read_at(&self, vault: VaultIx) -> Option<super::names::VersionId> {
        match self.seen.currents.get(usize::from(vault.0))?.as_ref()? {
            (Current::Version(version), _) => Some(version.id),
            (Current::Nothing | Current::Disabled, _) => None,
        }
    }

    /// The attempt that every vault serves, if they all serve the same one.
    pub(super) fn all_serve_ours(&self) -> Option<(u32, super::names::KeyId)> {
        let mut all = self.vaults().map(|v| match self.serves(v) {
            Some(Serves::Ours { attempt, key_id, .. }) => Some((attempt, key_id)),
            Some(Serves::Baseline { .. } | Serves::Foreign) | None => None,
        });
        let first = all.next()??;
        let agree = keeps(if self.phase == Phase::Smoke { Rule::VaultsAgreeInSmoke } else { Rule::VaultsAgree });
        (!agree || all.all(|a| a == Some(first))).then_some(first)
    }

    /// The first vault whose value was read and did not sign in.
    pub(super) fn refused_sign_in(&self) -> Option<(VaultIx, super::answers::SignIn)> {
        let answer = |v: VaultIx| self.sign_in_at(v).filter(|a| !a.accepted()).map(|a| (v, a.clone()));
        self.vaults().find_map(answer)
    }
}
