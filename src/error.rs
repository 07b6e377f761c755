//! What can go wrong for the person who typed the command: what happened, what to do, and the exit code.

use crate::azure::{NoSignIn, SetupError};
use crate::driver::DriverError;
use crate::hold::HoldError;
use crate::journal::JournalError;
use crate::locks::LockError;
use crate::places::NoPlace;
use crate::preflight::Refused;
use crate::rotation::names::RunId;
use crate::run::NotARun;
use crate::runbook::RunbookError;
use crate::sandbox::SandboxError;

/// The exit codes, the whole list.
pub mod exit {
    /// Completed, or nothing to do.
    pub const DONE: u8 = 0;
    /// Wrong usage or a bad runbook; nothing was changed.
    pub const USAGE: u8 = 2;
    /// Rolled back.
    pub const ROLLED_BACK: u8 = 10;
    /// Waiting: resume after the time that was told. `--waiting-ok` makes it 0.
    pub const WAITING: u8 = 20;
    /// Interrupted: resume.
    pub const INTERRUPTED: u8 = 21;
    /// A person must look.
    pub const NEEDS_OPERATOR: u8 = 30;
    /// Somebody else holds it.
    pub const HELD: u8 = 40;
    /// Refused: nothing was changed.
    pub const REFUSED: u8 = 50;
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The words of the command do not fit together.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to type instead.
        advice: String,
    },
    /// The runbook is not one.
    #[error("{0}")]
    Runbook(RunbookError),
    /// A file cannot be read.
    #[error("{what} cannot be read: {error}")]
    File {
        /// Which.
        what: String,
        /// Why.
        error: std::io::Error,
    },
    /// The services cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The sandbox does not run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// There is no way to sign in.
    #[error(transparent)]
    NoSignIn(#[from] NoSignIn),
    /// A run may not start.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no per-user folder.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal is whole, and its records do not tell a run.
    #[error("the journal of run {run} cannot be replayed: {why}")]
    NotARun {
        /// Which.
        run: RunId,
        /// Why.
        why: NotARun,
    },
    /// A lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A hold marker.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// The driver had to stop.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// No run fits what was named.
    #[error("no run {named} has a journal in {folder}")]
    NoSuchRun {
        /// What was named.
        named: String,
        /// Where was looked.
        folder: String,
    },
    /// Several fit.
    #[error("{what}:{}", runs.iter().map(|r| format!("\n  {r}")).collect::<String>())]
    WhichRun {
        /// What was named.
        what: String,
        /// Those that fit.
        runs: Vec<String>,
    },
    /// A run of the same target is unfinished.
    #[error("run {run} of the same target is unfinished")]
    Unfinished {
        /// Which.
        run: RunId,
    },
    /// What was asked for is not open any more, or not yet.
    #[error("{what}")]
    NotOpen {
        /// Why.
        what: String,
        /// What is open.
        advice: String,
    },
}

impl Error {
    /// The exit code.
    pub fn exit(&self) -> u8 {
        use crate::journal::Trouble;
        use crate::journal::store::{Doing, StoreError};
        match self {
            Error::Usage { .. } | Error::Runbook(_) | Error::File { .. } | Error::NoPlace(_) => exit::USAGE,
            Error::NoSuchRun { .. } | Error::WhichRun { .. } => exit::USAGE,
            Error::Setup(_) | Error::Sandbox(_) | Error::NoSignIn(_) | Error::Refused(_) => exit::REFUSED,
            Error::Unfinished { .. } | Error::NotOpen { .. } => exit::REFUSED,
            Error::Journal(e) => match &e.trouble {
                Trouble::Unreadable(crate::journal::record::Unreadable::Damaged { .. }) => exit::NEEDS_OPERATOR,
                Trouble::Unreadable(_) => exit::REFUSED,
                // resuming goes on from a write that failed; what could not even be opened is not the beginning of anything
                Trouble::Store(StoreError::Io { doing: Doing::Write | Doing::Sync | Doing::Cut, .. }) => exit::INTERRUPTED,
                Trouble::Store(StoreError::Replaced | StoreError::Interfered) => exit::INTERRUPTED,
                Trouble::Store(StoreError::Io { .. } | StoreError::NotAFile | StoreError::TooLarge) => exit::REFUSED,
                Trouble::Stopped | Trouble::Unwritable(_) => exit::INTERRUPTED,
            },
            Error::NotARun { .. } => exit::NEEDS_OPERATOR,
            Error::Lock(LockError::Held { .. }) => exit::HELD,
            Error::Lock(LockError::Lost { .. }) => exit::INTERRUPTED,
            Error::Lock(LockError::NoLocks { .. } | LockError::Io { .. }) => exit::REFUSED,
            Error::Hold(_) | Error::Driver(DriverError::Hold(_)) => exit::NEEDS_OPERATOR,
            Error::Driver(_) => exit::INTERRUPTED,
        }
    }

    /// What to do, where there is something.
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Error::Usage { advice, .. } | Error::NotOpen { advice, .. } => advice.clone(),
            Error::Runbook(_) => "mend the runbook, and check it: keyrelay runbook check FILE".to_owned(),
            Error::File { .. } | Error::Setup(_) | Error::Sandbox(_) => return None,
            Error::NoSignIn(e) => e.advice(),
            Error::Refused(refused) => refused.advice(),
            Error::NoPlace(e) => e.advice(),
            Error::Journal(e) => e.advice(),
            Error::NotARun { run, .. } => {
                format!("nothing was changed; keep the file, and read runbooks/needs-operator/journal-damaged.md (run {run})")
            }
            Error::Lock(e) => e.advice(),
            Error::Hold(e) => e.advice(),
            Error::Driver(DriverError::Journal(e)) => e.advice(),
            Error::Driver(DriverError::Lock(e)) => e.advice(),
            Error::Driver(DriverError::Hold(e)) => e.advice(),
            Error::Driver(_) => "what is on disk is true: keyrelay status, then keyrelay resume".to_owned(),
            Error::NoSuchRun { .. } => {
                "list the runs: keyrelay status; if the runbook names a folder for journals, name the runbook or the journal's file"
                    .to_owned()
            }
            Error::WhichRun { .. } => "name one of them, or a unique prefix of one".to_owned(),
            Error::Unfinished { run } => format!("keyrelay resume {run}, or keyrelay rollback {run}"),
        };
        Some(advice)
    }
}
