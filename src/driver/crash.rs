//! The places where a process may be killed: before and after everything that leaves a trace.

use std::fmt;
use std::str::FromStr;

use crate::rotation::answers::Mutation;
use crate::rotation::{Reading, Why};

/// One such place. Suites walk [`CrashPoint::all`], so that a new effect is covered the day it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrashPoint {
    /// The start record is on disk, nothing else has happened.
    Started,
    /// A request was decided; its intent is not on disk.
    BeforeIntent(Change),
    /// The intent is on disk, nothing was sent.
    AfterIntent(Change),
    /// The request was answered; the outcome is not on disk.
    AfterRequest(Change),
    /// The outcome is on disk.
    AfterOutcome(Change),
    /// A read was answered; the answer is not on disk.
    AfterRead(Question),
    /// About to wait.
    Waiting(Pause),
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }
        impl $name {
            /// Every one.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// Its name in a crash point.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }
    };
}

named! {
    /// A kind of request that changes the cloud.
    Change {
        /// `addPassword`.
        Add = "add-secret",
        /// A new version.
        Write = "write-vault",
        /// A version disabled.
        Disable = "disable-version",
        /// `removePassword`.
        Remove = "remove-secret",
    }
}

named! {
    /// A kind of read.
    Question {
        /// The list of credentials.
        Credentials = "credentials",
        /// A vault's current version.
        Vault = "vault",
        /// A vault's versions.
        Versions = "versions",
        /// A sign-in with the baseline's value.
        Baseline = "baseline",
        /// The version that a vault is written from.
        Copy = "copy",
        /// A sign-in with the value in memory.
        SignIn = "sign-in",
        /// A sign-in with the leaked value after its removal.
        Leaked = "leaked",
        /// A consumer's refresh or check.
        Consumer = "consumer",
        /// The sign-in records of the old secret.
        SignIns = "sign-in-records",
    }
}

named! {
    /// A kind of wait.
    Pause {
        /// Before something is tried again.
        Again = "again",
        /// Between the sign-ins of a proof.
        Proof = "proof",
        /// Until what is in doubt has settled.
        Settle = "settle",
        /// The overlap.
        Overlap = "overlap",
        /// Held by a person.
        Hold = "hold",
        /// For a person's release.
        Release = "release",
    }
}

impl From<&Mutation> for Change {
    fn from(m: &Mutation) -> Change {
        match m {
            Mutation::AddSecret { .. } => Change::Add,
            Mutation::WriteVault { .. } => Change::Write,
            Mutation::DisableVersion { .. } => Change::Disable,
            Mutation::RemoveSecret { .. } => Change::Remove,
        }
    }
}

impl From<Reading> for Question {
    fn from(r: Reading) -> Question {
        match r {
            Reading::Credentials => Question::Credentials,
            Reading::Vault { .. } => Question::Vault,
            Reading::Versions { .. } => Question::Versions,
            Reading::Baseline { .. } => Question::Baseline,
            Reading::SignIn => Question::SignIn,
            Reading::SignIns { .. } => Question::SignIns,
            Reading::Leaked { .. } => Question::Leaked,
        }
    }
}

impl From<Why> for Pause {
    fn from(w: Why) -> Pause {
        match w {
            Why::Again => Pause::Again,
            Why::Proof => Pause::Proof,
            Why::Settle => Pause::Settle,
            Why::Overlap => Pause::Overlap,
            Why::Hold => Pause::Hold,
            Why::Release => Pause::Release,
        }
    }
}

impl CrashPoint {
    /// Every crash point.
    pub fn all() -> Vec<CrashPoint> {
        let stages = [Self::BeforeIntent, Self::AfterIntent, Self::AfterRequest, Self::AfterOutcome];
        let changes = Change::ALL.iter().flat_map(|c| stages.iter().map(|s| s(*c)));
        let reads = Question::ALL.iter().map(|q| Self::AfterRead(*q));
        let waits = Pause::ALL.iter().map(|p| Self::Waiting(*p));
        std::iter::once(Self::Started).chain(changes).chain(reads).chain(waits).collect()
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CrashPoint::Started => f.write_str("started"),
            CrashPoint::BeforeIntent(c) => write!(f, "before-intent:{}", c.name()),
            CrashPoint::AfterIntent(c) => write!(f, "after-intent:{}", c.name()),
            CrashPoint::AfterRequest(c) => write!(f, "after-request:{}", c.name()),
            CrashPoint::AfterOutcome(c) => write!(f, "after-outcome:{}", c.name()),
            CrashPoint::AfterRead(q) => write!(f, "after-read:{}", q.name()),
            CrashPoint::Waiting(p) => write!(f, "waiting:{}", p.name()),
        }
    }
}

impl FromStr for CrashPoint {
    type Err = crate::rotation::names::NotAName;
    fn from_str(s: &str) -> Result<CrashPoint, Self::Err> {
        let named = CrashPoint::all().into_iter().find(|p| p.to_string() == s);
        named.ok_or(crate::rotation::names::NotAName("a crash point"))
    }
}
