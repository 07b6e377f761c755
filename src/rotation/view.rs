//! Where a run stands, for those who only look.

use jiff::Timestamp;

use super::Step;
use super::answers::Mutation;
use super::failure::Reason;
use super::names::{KeyId, VersionId};
use super::plan::Plan;
use super::state::{self, Attempt, Hold, Phase, Rotation};

impl Rotation {
    /// The state in a few words, for messages.
    pub(super) fn name(&self) -> String {
        let phase = match &self.phase {
            Phase::Add => "add",
            Phase::Prove => "prove",
            Phase::Publish { .. } => "publish",
            Phase::Reconcile { room: false } => "reconcile",
            Phase::Reconcile { room: true } => "make room",
            Phase::Align { .. } => "align",
            Phase::Smoke => "smoke test",
            Phase::Consumers => "consumers",
            Phase::Confirm => "confirm",
            Phase::Wait => "overlap wait",
            Phase::Adoption => "adoption",
            Phase::Delete => "delete",
            Phase::Revoke => "revoke",
            Phase::Dying => "prove dead",
            Phase::Withdraw => "withdraw",
            Phase::Restore => "put back",
            Phase::NeedsOperator { .. } => "needs operator",
            Phase::Ended { .. } => "ended",
        };
        let way = if self.back { ", on the way back" } else { "" };
        let sent = if self.in_flight.is_some() { ", a request is under way" } else { "" };
        format!("{phase}{way}{sent}")
    }

    /// What a person sees of where the run stands; the last step that was worked on, once it is over or paused.
    pub fn step(&self) -> Step {
        fn step(phase: &Phase, back: bool) -> Step {
            match phase {
                Phase::Add | Phase::Prove => Step::AddSecret,
                Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } => Step::WriteVault,
                Phase::Consumers if back => Step::PutBack,
                Phase::Smoke | Phase::Consumers => Step::SmokeTest,
                Phase::Confirm | Phase::Wait => Step::OverlapWait,
                Phase::Adoption | Phase::Delete if back => Step::RemoveOurs,
                Phase::Adoption | Phase::Delete => Step::DeleteOld,
                Phase::Revoke => Step::RevokeLeaked,
                Phase::Dying => Step::ProveDead,
                Phase::Withdraw => Step::RemoveOurs,
                Phase::Restore => Step::PutBack,
                Phase::NeedsOperator { was, .. } => step(was, back),
                Phase::Ended { .. } if back => Step::RemoveOurs,
                Phase::Ended { .. } => Step::DeleteOld,
            }
        }
        step(&self.phase, self.back)
    }

    /// What the run set out from.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether it is on the way back.
    pub fn back(&self) -> bool {
        self.back
    }

    /// All attempts, the first first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The attempt whose value this process must have in memory, if any.
    pub fn held(&self) -> Option<u32> {
        self.held.then(|| self.attempt())
    }

    /// The key ID of an attempt, where it is known; of the baseline for attempt 0.
    pub fn key_id(&self, attempt: u32) -> Option<KeyId> {
        if attempt == 0 { self.plan.baseline.key_id() } else { self.added(attempt)?.key_id() }
    }

    /// What every vault was last read to serve and to sign in with: the key ID, and the version in the first vault.
    pub fn served(&self) -> Option<(KeyId, VersionId)> {
        self.served
    }

    /// What a person said about the removal of the old secret.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Whether a removal of the baseline was intended: there is no way back.
    pub fn past_return(&self) -> bool {
        self.no_return
    }

    /// What turned the run back or stopped it.
    pub fn failure(&self) -> Option<&Reason> {
        self.failure.as_ref()
    }

    /// When the overlap, or the wait for a release, is over.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// The intent without an outcome.
    pub fn in_flight(&self) -> Option<&Mutation> {
        self.in_flight.as_ref()
    }

    /// The version each vault was confirmed to serve when the overlap began.
    pub fn confirmed(&self) -> &[Option<VersionId>] {
        &self.confirmed
    }

    /// What became of the leaked credential; none before that is known, and in an ordinary rotation.
    pub fn death(&self) -> Option<super::Death> {
        self.leak.death
    }

    /// What was removed, and when.
    pub fn removed(&self) -> &std::collections::BTreeMap<KeyId, Timestamp> {
        &self.removed
    }

    /// What is known of each consumer.
    pub fn consumers(&self) -> &[state::ConsumerState] {
        &self.consumers
    }
}
