//! What the rotation is told. Every event is a record of the journal; replaying them is the same `apply` as living them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{Current, Listed, Mutation, Refusal, Reported, SignIn, Trace, Version};
use super::names::{KeyId, VaultIx, VersionId};
use super::usage::Usage;

/// One thing that happened. What it means is decided in one place, [`super::Rotation::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Event {
    /// A process has taken the run over; what another held in memory is lost, and its requests may still land.
    Resumed {
        /// Who runs it.
        by: String,
    },
    /// The intent to change the cloud, on disk before the first byte is sent.
    Intended {
        /// What will be sent.
        request: Mutation,
    },
    /// The request was applied.
    Applied {
        /// What it brought.
        result: Applied,
        /// For support.
        trace: Trace,
    },
    /// The request was provably not applied.
    NotApplied {
        /// Why.
        refusal: Refusal,
        /// For support.
        trace: Trace,
    },
    /// The request may have been applied, or may be yet.
    InDoubt {
        /// What was seen instead of an answer.
        refusal: Refusal,
        /// For support.
        trace: Trace,
    },
    /// The application's credentials.
    CredentialsListed {
        /// All of them.
        credentials: Vec<Listed>,
        /// For support.
        trace: Trace,
    },
    /// A vault's current version, read as a consumer reads it.
    VaultRead {
        /// Where.
        vault: VaultIx,
        /// What it serves.
        current: Current,
        /// What a fresh sign-in with that value answered, where one was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_in: Option<SignIn>,
        /// For support, of the vault's answer.
        trace: Trace,
        /// For support, of the sign-in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sign_in_trace: Option<Trace>,
    },
    /// All versions in a vault.
    VersionsListed {
        /// Where.
        vault: VaultIx,
        /// Those that keyrelay tagged.
        versions: Vec<Version>,
        /// For support.
        trace: Trace,
    },
    /// A sign-in with the value in memory.
    SignedIn {
        /// What it answered.
        answer: SignIn,
        /// For support.
        trace: Trace,
    },
    /// A sign-in with the baseline's value, read from its version.
    BaselineProven {
        /// What it answered.
        answer: SignIn,
        /// For support.
        trace: Trace,
    },
    /// The sign-in records of the old secret were read, or could not be: both are answers.
    UsageRead {
        /// What they say.
        usage: Usage,
    },
    /// A sign-in with the leaked value after its removal.
    LeakedTried {
        /// What it answered.
        answer: SignIn,
        /// For support.
        trace: Trace,
    },
    /// The leaked value is in no memory, and in no version that can be read: nobody can prove it dead.
    LeakedMissing {
        /// Why it could not be read.
        why: String,
    },
    /// A person accepts that consumers are cut off from the leaked secret before they are known to have left it.
    OutageAccepted {
        /// Who.
        by: String,
        /// Which, from 0, in rising order.
        consumers: Vec<usize>,
    },
    /// A read was refused for good, or for longer than it is worth waiting.
    ReadRefused {
        /// Why.
        refusal: Refusal,
        /// For support.
        trace: Trace,
    },
    /// A consumer was told to read again.
    ConsumerRefreshed {
        /// Which, from 0.
        consumer: usize,
        /// Whether it did.
        ok: bool,
        /// What it printed, cut.
        note: String,
    },
    /// A consumer was asked how it is.
    ConsumerChecked {
        /// Which, from 0.
        consumer: usize,
        /// Whether it is well.
        ok: bool,
        /// The key ID that it named.
        reported: Reported,
        /// What it printed, cut.
        note: String,
    },
    /// A person, or the failure policy of a pipeline, asked for the way back.
    RollbackRequested {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// What a sign-in with the baseline's value answered just now, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<SignIn>,
        /// The baseline is known to have leaked, and is to be put back all the same.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restore_leaked: bool,
    },
    /// A person holds the old secret alive.
    HoldSet {
        /// Who.
        by: String,
        /// Why.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person lets the run go on.
    Released {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// The longest wait for a release is over.
    GaveUp,
    /// A person closes the run as it stands.
    Abandoned {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

/// What an applied request brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Applied {
    /// A credential.
    Added {
        /// Its key ID.
        key_id: KeyId,
        /// The tag came back at the beginning of its display name.
        tag_intact: bool,
        /// Its end date as it came back.
        end: Option<Timestamp>,
    },
    /// A version.
    Written {
        /// Its id.
        version: VersionId,
    },
    /// The version is disabled.
    Disabled,
    /// The credential is gone, or was not there.
    Removed,
}

impl Event {
    /// Its name, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Resumed { .. } => "resumed",
            Event::Intended { .. } => "intended",
            Event::Applied { .. } => "applied",
            Event::NotApplied { .. } => "not applied",
            Event::InDoubt { .. } => "in doubt",
            Event::CredentialsListed { .. } => "credentials listed",
            Event::VaultRead { .. } => "vault read",
            Event::VersionsListed { .. } => "versions listed",
            Event::SignedIn { .. } => "signed in",
            Event::BaselineProven { .. } => "baseline proven",
            Event::UsageRead { .. } => "usage read",
            Event::LeakedTried { .. } => "leaked tried",
            Event::LeakedMissing { .. } => "leaked missing",
            Event::OutageAccepted { .. } => "outage accepted",
            Event::ReadRefused { .. } => "read refused",
            Event::ConsumerRefreshed { .. } => "consumer refreshed",
            Event::ConsumerChecked { .. } => "consumer checked",
            Event::RollbackRequested { .. } => "rollback requested",
            Event::HoldSet { .. } => "hold set",
            Event::Released { .. } => "released",
            Event::GaveUp => "gave up",
            Event::Abandoned { .. } => "abandoned",
        }
    }
}
