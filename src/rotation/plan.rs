//! What a run sets out from: fixed by its first record, never changed afterwards.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::names::{KeyId, RunId, TargetId, VersionId};
pub use crate::runbook::{Delete, OnFailure};

/// All that the rotation knows besides events. Durations are in service time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the run writes.
    pub target: TargetId,
    /// The run.
    pub run: RunId,
    /// The credential that the run replaces.
    pub baseline: Baseline,
    /// What each vault served when the run started, in the runbook's order.
    pub vaults: Vec<VaultStart>,
    /// How many secrets the application may hold, where that is known.
    pub room: Option<u8>,
    /// Runs of this target whose credentials were there at the start and that are known to have ended.
    #[serde(default)]
    pub bystanders: BTreeSet<RunId>,
    /// The proof before anything is published.
    pub proof: Proof,
    /// How long both secrets work.
    pub overlap: SignedDuration,
    /// Assumption A1.
    pub settle: SignedDuration,
    /// Whether the baseline is removed, and who says when.
    pub delete: Delete,
    /// The longest wait for a release, where `delete` is on release.
    pub release_within: SignedDuration,
    /// What happens when a step cannot be done after something may have been published.
    pub on_failure: OnFailure,
    /// How many secrets a run may add.
    pub attempts: u32,
    /// What the sign-in records of the old secret decide at the end of the overlap; none: they are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// Who reads the secret.
    #[serde(default)]
    pub consumers: Vec<ConsumerPlan>,
    /// The attempts that were found when the journal of a run was rebuilt; empty otherwise.
    #[serde(default)]
    pub adopted: Vec<Adopted>,
}

/// The credential that a run replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Baseline {
    /// A new integration: nothing is served yet.
    None,
    /// It signs in.
    Alive {
        /// Its key ID.
        key_id: KeyId,
    },
    /// The vault's value was refused as wrong or expired, unbroken for the proof window.
    Dead {
        /// Its key ID, where it could be told.
        key_id: Option<KeyId>,
        /// It has expired by service time, or a person named it: it may be removed.
        removable: bool,
    },
}

impl Baseline {
    /// Its key ID, where it is known.
    pub fn key_id(&self) -> Option<KeyId> {
        match self {
            Baseline::None => None,
            Baseline::Alive { key_id } => Some(*key_id),
            Baseline::Dead { key_id, .. } => *key_id,
        }
    }

    /// Whether a rollback has a living value to put back.
    pub fn alive(&self) -> bool {
        matches!(self, Baseline::Alive { .. })
    }
}

/// What a vault served when the run started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum VaultStart {
    /// Nothing that a consumer could read. A rollback disables our version here.
    Empty,
    /// This version.
    Holds {
        /// Its id.
        version: VersionId,
    },
}

/// Assumption A2 and how it is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// How long sign-ins must succeed without a break.
    pub window: SignedDuration,
    /// From one sign-in to the next.
    pub spacing: SignedDuration,
    /// When to give up.
    pub limit: SignedDuration,
}

/// What the sign-in records of the old secret decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// The overlap goes on until they say that it is idle; else what they say is written down, and no more.
    pub require: bool,
    /// How long a record may take to be seen: an assumption.
    pub log_delay: SignedDuration,
    /// For how long nobody must have signed in with it.
    pub idle: SignedDuration,
    /// The longest wait beyond the overlap.
    pub within: SignedDuration,
}

/// A consumer, as far as the order of things is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerPlan {
    /// It can be told to read again.
    pub refresh: bool,
    /// It can be asked how it is.
    pub check: bool,
    /// How long it may keep a value that it has read.
    pub cache: SignedDuration,
}

/// An attempt that was found in the cloud when a journal was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// Its number.
    pub attempt: u32,
    /// Its key ID.
    pub key_id: KeyId,
    /// Some vault holds a version with its tag.
    pub published: bool,
}
