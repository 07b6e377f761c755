//! What the rotation wants done next.

use jiff::Timestamp;

use super::answers::Mutation;
use super::failure::Reason;
use super::names::{KeyId, VaultIx, VersionId};
use super::plan::HeldIn;
use super::state::End;

/// One thing to do. The driver does it and tells the answer as an event; nothing else drives a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing until then.
    Wait {
        /// Service time.
        until: Timestamp,
        /// What for.
        why: Why,
    },
    /// A read or a sign-in: may be repeated freely.
    Read(Reading),
    /// Tell consumers to read again, side by side; each answer is an event. May be repeated.
    Refresh {
        /// Which, from 0, in rising order.
        consumers: Vec<usize>,
    },
    /// Ask consumers how they are, side by side; each answer is an event. May be repeated.
    Check {
        /// Which, from 0, in rising order.
        consumers: Vec<usize>,
    },
    /// Change the cloud: intent to disk, one request, outcome to disk.
    Mutate(Mutation),
    /// The longest wait for a release is over: record it.
    GiveUp,
    /// A person must look.
    NeedsOperator(Reason),
    /// The run is over.
    Ended(End),
}

/// A question to the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reading {
    /// The application's credentials.
    Credentials,
    /// A vault's current version, and where asked a fresh sign-in with its value.
    Vault {
        /// Where.
        vault: VaultIx,
        /// Sign in with it.
        sign_in: bool,
    },
    /// All versions in a vault.
    Versions {
        /// Where.
        vault: VaultIx,
    },
    /// Read the baseline's value from its version and sign in with it.
    Baseline {
        /// Where it lies.
        vault: VaultIx,
        /// In which version.
        version: VersionId,
    },
    /// Sign in with the value in memory.
    SignIn,
    /// Who has signed in with the old secret.
    SignIns {
        /// Its key ID.
        key_id: KeyId,
        /// From when on.
        since: Timestamp,
    },
    /// Sign in with the leaked value: the one that a person gave, else the one of this version.
    Leaked {
        /// Where it lies, if that is known.
        held_in: Option<HeldIn>,
    },
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// A request was refused for now, or a check has not succeeded yet.
    Again,
    /// The next sign-in of the proof.
    Proof,
    /// What is in doubt may still land, lists may be stale (assumption A1).
    Settle,
    /// Both secrets work.
    Overlap,
    /// A person holds the run.
    Hold,
    /// A person has to release the run.
    Release,
}

impl Why {
    /// Whether a process need not stay for it.
    pub fn may_leave(self) -> bool {
        match self {
            Why::Overlap | Why::Hold | Why::Release => true,
            Why::Again | Why::Proof | Why::Settle => false,
        }
    }
}
