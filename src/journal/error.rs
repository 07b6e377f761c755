//! What can be wrong with a journal, for the person on call: what happened, what is true now, what to do.

use std::fmt;
use std::io::ErrorKind;

use super::record::{Damage, Unreadable};
use super::store::{Doing, StoreError};
use crate::rotation::names::RunId;

/// A journal could not be read or written.
///
/// Its text says what happened and what is true now; [`JournalError::advice`] says what to do.
#[derive(Debug, thiserror::Error)]
pub struct JournalError {
    /// The run, unless it is about all of them.
    pub run: Option<RunId>,
    /// The file or the folder.
    pub place: String,
    /// What is wrong.
    #[source]
    pub trouble: Trouble,
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Its bytes are not a journal that can be used.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It could not be reached, read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An earlier write failed, so what is on disk is unknown and nothing more is written by this process.
    #[error("an earlier write failed")]
    Stopped,
    /// The event cannot be written so that it can be read back. This is a fault in keyrelay.
    #[error("the event cannot be recorded: {0}")]
    Unwritable(Damage),
}

/// What is true after a failed write. Holds for an intent (its request was not sent) and for an outcome (its intent is there).
const NOTHING_UNRECORDED: &str = "No request was sent whose intent is not in the journal";
const NOTHING_CHANGED: &str = "Nothing was changed";

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.trouble {
            Trouble::Unreadable(Unreadable::NewerFormat { .. }) => {
                write!(f, "the journal {place} was written by a newer keyrelay: {}. {NOTHING_CHANGED}.", self.trouble)
            }
            Trouble::Unreadable(Unreadable::Foreign) => {
                write!(f, "{place} is not a journal of keyrelay: {}. {NOTHING_CHANGED}.", self.trouble)
            }
            Trouble::Unreadable(Unreadable::Damaged { .. }) => {
                write!(
                    f,
                    "the journal {place} is damaged, {}. {NOTHING_CHANGED}: its word is not taken for what is true.",
                    self.trouble
                )
            }
            Trouble::Unreadable(Unreadable::NeverBegan { .. }) => {
                write!(f, "the run of the journal {place} never began: {}. Nothing was sent for it.", self.trouble)
            }
            Trouble::Stopped => {
                write!(f, "the journal {place} could not be written; nothing was sent after the last record")
            }
            Trouble::Unwritable(why) => {
                write!(f, "an event cannot be recorded in {place} ({why}). {NOTHING_UNRECORDED}.")
            }
            Trouble::Store(StoreError::Replaced) => {
                write!(
                    f,
                    "the journal {place} was removed or replaced while it was in use. {NOTHING_UNRECORDED}; \
                           but that file is gone from its place."
                )
            }
            Trouble::Store(StoreError::Interfered) => {
                write!(f, "another process writes the journal {place}. {NOTHING_UNRECORDED}.")
            }
            Trouble::Store(StoreError::NotAFile) => write!(f, "{place} is not a file. {NOTHING_CHANGED}."),
            Trouble::Store(StoreError::TooLarge) => {
                write!(f, "{place} is larger than any journal of keyrelay. {NOTHING_CHANGED}.")
            }
            Trouble::Store(StoreError::Io { doing, error }) => io(f, place, *doing, error),
        }
    }
}

/// The system's refusals that people meet each have words of their own.
fn io(f: &mut fmt::Formatter<'_>, place: &str, doing: Doing, error: &std::io::Error) -> fmt::Result {
    let (what, now) = match doing {
        Doing::MakeFolder => ("make the folder of the journal", "Nothing was sent"),
        Doing::Create => ("make the journal", "Nothing was sent"),
        Doing::SyncFolder => ("force to disk the folder of the journal", "Nothing was sent"),
        Doing::List => ("read the folder of journals", NOTHING_CHANGED),
        Doing::Open => ("open the journal", NOTHING_CHANGED),
        Doing::Read => ("read the journal", NOTHING_CHANGED),
        Doing::Write => ("write the journal", NOTHING_UNRECORDED),
        Doing::Sync => ("force to disk the journal", NOTHING_UNRECORDED),
        Doing::Cut => ("cut the unfinished last line off the journal", "Nothing was sent"),
    };
    let kind = error.kind();
    if kind == ErrorKind::AlreadyExists && doing == Doing::Create {
        return write!(f, "there is a journal {place} already, and each run has its own. {now}.");
    }
    if kind == ErrorKind::NotFound && doing == Doing::Open {
        return write!(f, "there is no journal {place}. {now}.");
    }
    write!(f, "could not {what} {place}: ")?;
    if kind == ErrorKind::StorageFull {
        write!(f, "the disk is full")?;
    } else if kind == ErrorKind::QuotaExceeded {
        write!(f, "the disk quota is used up")?;
    } else if kind == ErrorKind::ReadOnlyFilesystem {
        write!(f, "the file system is read-only")?;
    } else if kind == ErrorKind::PermissionDenied {
        write!(f, "permission denied")?;
    } else if matches!(kind, ErrorKind::NotADirectory | ErrorKind::AlreadyExists) {
        write!(f, "something in its path is not a folder")?;
    } else if kind == ErrorKind::NotFound {
        write!(f, "a folder in its path is not there")?;
    } else {
        write!(f, "{error}")?;
    }
    match doing {
        Doing::Sync | Doing::SyncFolder => write!(f, ". What is on disk is unknown, so the work stops here. {now}."),
        Doing::Write | Doing::Cut | Doing::MakeFolder | Doing::Create => write!(f, ". {now}."),
        Doing::List | Doing::Open | Doing::Read => write!(f, ". {now}."),
    }
}

impl JournalError {
    /// What to do.
    pub fn advice(&self) -> String {
        let run = self.run.as_ref().map_or("RUN", RunId::as_str);
        let place = &self.place;
        match &self.trouble {
            Trouble::Unreadable(Unreadable::NewerFormat { .. }) => {
                "Use the keyrelay that began the run, or a newer one.".to_owned()
            }
            Trouble::Unreadable(Unreadable::Foreign) | Trouble::Store(StoreError::NotAFile | StoreError::TooLarge) => {
                format!("Check that this is the right folder; if it is, move {place} out of it.")
            }
            Trouble::Unreadable(Unreadable::Damaged { what: Damage::Content(_), .. }) => format!(
                "Its records are as they were written, so try the newest keyrelay: `keyrelay journal verify {run}`. Else \
                 `keyrelay adopt RUNBOOK` rebuilds the run from the tags in Graph and the vaults."
            ),
            Trouble::Unreadable(Unreadable::Damaged { .. }) => format!(
                "Keep a copy of the file and look at it with `keyrelay journal verify {run}`. Put back an intact copy if there \
                 is one; else `keyrelay adopt RUNBOOK` rebuilds the run from the tags in Graph and the vaults."
            ),
            Trouble::Unreadable(Unreadable::NeverBegan { .. }) => {
                format!("Start again with `keyrelay rotate RUNBOOK`; {place} may be deleted.")
            }
            Trouble::Unwritable(_) => {
                format!("This is a fault in keyrelay: please report it. `keyrelay status {run}` tells how far the run is.")
            }
            Trouble::Stopped => self.after_a_failed_write("Mend what the first error named"),
            Trouble::Store(StoreError::Replaced) => {
                format!(
                    "Put the file back if somebody moved it, then run `keyrelay resume {run}`; if it is lost, run \
                         `keyrelay adopt RUNBOOK`."
                )
            }
            Trouble::Store(StoreError::Interfered) => {
                format!("Find out what else writes it. Then check it with `keyrelay journal verify {run}`.")
            }
            Trouble::Store(StoreError::Io { doing, error }) => self.io_advice(*doing, error.kind()),
        }
    }

    fn io_advice(&self, doing: Doing, kind: ErrorKind) -> String {
        let folder = matches!(doing, Doing::MakeFolder | Doing::Create | Doing::SyncFolder);
        if kind == ErrorKind::AlreadyExists && doing == Doing::Create {
            return "Start again; the next run gets another name.".to_owned();
        }
        if kind == ErrorKind::NotFound && doing == Doing::Open {
            return "List the runs that are known here with `keyrelay status`, and check the journal folder.".to_owned();
        }
        let mend = if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            "Make room on that disk"
        } else if kind == ErrorKind::ReadOnlyFilesystem {
            "Make that file system writable"
        } else if kind == ErrorKind::PermissionDenied {
            "Let this user read and write there"
        } else if folder || doing == Doing::List {
            "Check the path of the journal folder"
        } else {
            "Check that disk"
        };
        match doing {
            Doing::MakeFolder | Doing::Create | Doing::SyncFolder => {
                format!("{mend}, or choose another journal folder, then start again with `keyrelay rotate RUNBOOK`.")
            }
            Doing::List | Doing::Open | Doing::Read => format!("{mend}, then repeat the command."),
            Doing::Write | Doing::Sync | Doing::Cut => self.after_a_failed_write(mend),
        }
    }

    fn after_a_failed_write(&self, mend: &str) -> String {
        let run = self.run.as_ref().map_or("RUN", RunId::as_str);
        format!("{mend}, check the journal with `keyrelay journal verify {run}`, then run `keyrelay resume {run}`.")
    }
}
