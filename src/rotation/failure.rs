//! When a step cannot be done: why, and what the run does then.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{Refusal, SignIn};
use super::names::{KeyId, RunId, VaultIx};
use super::plan::OnFailure;
use super::state::{Phase, Rotation};
use super::usage::Unknown;

/// Why the machine does not go on by itself. Each has its page in `runbooks/needs-operator/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Reason {
    /// A vault serves a version that is neither the baseline nor ours.
    VaultChanged {
        /// Where.
        vault: VaultIx,
    },
    /// The vaults did not come to rest: each time they were read again, one had moved.
    VaultsUnsteady,
    /// The application holds as many secrets as it may, and none of them is an attempt of this run that could make way.
    NoRoom,
    /// Another run of the same target has added a credential.
    AnotherRun {
        /// Its id.
        run: RunId,
    },
    /// The new value did not sign in without a break for the proof window within the limit.
    NotProven {
        /// The last answer.
        last: SignIn,
    },
    /// What a vault serves does not sign in.
    CurrentRefused {
        /// Where.
        vault: VaultIx,
        /// The last answer.
        last: SignIn,
    },
    /// The credential that the vaults serve is not among the application's.
    CredentialGone {
        /// Its key ID.
        key_id: KeyId,
    },
    /// The baseline could neither be proven alive nor dead, so it cannot be put back.
    BaselineUnproven {
        /// The last answer.
        last: SignIn,
    },
    /// Adding was refused.
    AddRefused {
        /// How.
        refusal: Refusal,
    },
    /// Writing or disabling a vault version was refused.
    WriteRefused {
        /// Where.
        vault: VaultIx,
        /// How.
        refusal: Refusal,
    },
    /// Removing was refused.
    RemoveRefused {
        /// What.
        key_id: KeyId,
        /// How.
        refusal: Refusal,
    },
    /// Removed credentials are listed still, long after.
    RemovalNotSeen {
        /// One of them.
        key_id: KeyId,
    },
    /// A read was refused.
    ReadRefused {
        /// How.
        refusal: Refusal,
    },
    /// The run has added as many secrets as it may.
    AttemptsExhausted,
    /// Consumers could not be refreshed, or are not well.
    ConsumerFailed {
        /// Which, from 0, in rising order.
        consumers: Vec<usize>,
        /// What the first of them printed, cut.
        note: String,
    },
    /// Consumers report a key ID that is about to be removed.
    ConsumerUsesOld {
        /// Which, from 0, in rising order.
        consumers: Vec<usize>,
    },
    /// Nobody released the run in time.
    NotReleased,
    /// The old secret was not known to be idle in time.
    NotDrained {
        /// When somebody last signed in with it, if that was seen.
        last: Option<Timestamp>,
        /// Why the sign-in records could not tell, if they could not.
        why: Option<Unknown>,
    },
}

impl Reason {
    /// Its name: its page in `runbooks/needs-operator/`, the word in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::VaultChanged { .. } => "vault-changed",
            Reason::VaultsUnsteady => "vaults-unsteady",
            Reason::NoRoom => "no-room",
            Reason::AnotherRun { .. } => "another-run",
            Reason::NotProven { .. } => "not-proven",
            Reason::CurrentRefused { .. } => "current-refused",
            Reason::CredentialGone { .. } => "credential-gone",
            Reason::BaselineUnproven { .. } => "baseline-unproven",
            Reason::AddRefused { .. } => "add-refused",
            Reason::WriteRefused { .. } => "write-refused",
            Reason::RemoveRefused { .. } => "remove-refused",
            Reason::RemovalNotSeen { .. } => "removal-not-seen",
            Reason::ReadRefused { .. } => "read-refused",
            Reason::AttemptsExhausted => "attempts-exhausted",
            Reason::ConsumerFailed { .. } => "consumer-failed",
            Reason::ConsumerUsesOld { .. } => "consumer-uses-old",
            Reason::NotReleased => "not-released",
            Reason::NotDrained { .. } => "not-drained",
        }
    }
}

impl Rotation {
    /// The failure policy: before anything may have been published, roll back; after, as the runbook says.
    pub(super) fn fail(&mut self, reason: Reason) {
        // what has leaked is put back by nobody but a person who says so
        let leaked = self.plan.emergency.is_some();
        let by_policy = self.plan.on_failure == OnFailure::Rollback && self.may_go_back() && !leaked;
        let unread = !self.maybe_published() && !self.no_return && !self.revokes_only();
        self.failure = Some(reason.clone());
        if !self.back && (unread || by_policy) { self.enter_back() } else { self.stop(reason) }
    }

    /// Pauses for a person.
    pub(super) fn stop(&mut self, reason: Reason) {
        self.failure = Some(reason.clone());
        let was = Box::new(self.phase.clone());
        self.enter(Phase::NeedsOperator { reason, was });
    }
}
