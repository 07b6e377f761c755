//! What a run sets out from: fixed by its first record, never changed afterwards.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::{KeyId, RunId, TargetId, VaultIx, VersionId};
pub use crate::runbook::{Delete, OnFailure};
use crate::secret::ValueCheck;

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
    /// A credential has leaked, and the run is there to end it. None in an ordinary rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
}

/// What an emergency adds to a plan. The leaked credential is removed as soon as every consumer is known to have left it, and is
/// then tried until it is proven dead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// The credential that has leaked.
    pub leaked: KeyId,
    /// What comes first, and what comes besides.
    pub way: Way,
    /// When the command was given that declares it, in service time.
    pub declared_at: Timestamp,
    /// Since when it is out, where a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_at: Option<Timestamp>,
    /// Somebody accepts that who uses it may be cut off, all consumers: always so where it is revoked first.
    pub outage_accepted: bool,
    /// Consumers, from 0, whose outage is accepted: nobody waits for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accepted: BTreeSet<usize>,
    /// The proof that it is dead: refusals without a break for the window; the limit is how long one that still accepts it is
    /// waited out.
    pub death: Proof,
    /// What tells the leaked value from one pasted by mistake when it is asked for again: a few bits of a digest, where a person
    /// gave the value at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<ValueCheck>,
    /// Versions that hold its value and that are not to be served any more, the first in each vault's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<HeldIn>,
    /// Those versions are disabled at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_versions: bool,
}

/// How an emergency goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The vaults serve it: it is replaced like any other, and removed without an overlap.
    Replace,
    /// The vaults serve it: it is removed first, which cuts its consumers off until the replacement is there.
    RevokeFirst,
    /// The vaults serve another: it is removed, and nothing else is done.
    RevokeOnly,
}

/// A version that holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldIn {
    /// Where.
    pub vault: VaultIx,
    /// Which.
    pub version: VersionId,
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
