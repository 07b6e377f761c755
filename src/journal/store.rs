//! Where journals lie: the few calls that a journal makes, so that a test can fail each of them and another place can be added.

use std::io;

use crate::rotation::names::RunId;

/// A place that holds one journal for each run.
pub trait Store {
    /// An open journal.
    type Log: Log;

    /// Makes the empty journal of `run`, and the folder if need be. When this returns the new file is found after a power cut.
    ///
    /// # Errors
    /// If there is one already (`AlreadyExists`), or it cannot be made.
    fn create(&self, run: &RunId) -> Result<Self::Log, StoreError>;

    /// Opens the journal of `run` for writing at its end, and reads it. Changes nothing.
    ///
    /// # Errors
    /// If it is not there, or cannot be read or written.
    fn open(&self, run: &RunId) -> Result<(Self::Log, Vec<u8>), StoreError>;

    /// Reads the journal of `run`.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    fn read(&self, run: &RunId) -> Result<Vec<u8>, StoreError>;

    /// The names of all files that look like journals, without `.journal`, in no order. A place that does not exist holds none.
    ///
    /// # Errors
    /// If the place cannot be read.
    fn list(&self) -> Result<Vec<String>, StoreError>;

    /// Where the journal of `run` lies, or the whole place: for people.
    fn place(&self, run: Option<&RunId>) -> String;
}

/// An open journal. After any error what is on disk is unknown, and the log must not be used again.
pub trait Log {
    /// Writes `line` at the end. When this returns it is on disk.
    ///
    /// # Errors
    /// If it may not be on disk, or not whole.
    fn append(&mut self, line: &[u8]) -> Result<(), StoreError>;

    /// Cuts off what follows `whole`, the lines at the beginning, and forces these to disk: what was read may have been in memory
    /// only. The last of them is written once more. If its writer's sync failed the system may hold it in memory and call it
    /// clean, so that no later sync would write it; the lines before it were synced when it was written.
    ///
    /// # Errors
    /// If they may not be on disk.
    fn keep(&mut self, whole: &[u8]) -> Result<(), StoreError>;
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Making the folder.
    MakeFolder,
    /// Forcing the folder's entries to disk.
    SyncFolder,
    /// Reading the folder.
    List,
    /// Making the file.
    Create,
    /// Opening the file.
    Open,
    /// Reading it.
    Read,
    /// Writing to it.
    Write,
    /// Forcing what was written to disk.
    Sync,
    /// Cutting a torn line off.
    Cut,
}

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system said no.
    #[error("{error}")]
    Io {
        /// To what.
        doing: Doing,
        /// What it said.
        #[source]
        error: io::Error,
    },
    /// The file was removed or replaced while it was open: what is written to it is lost.
    #[error("the file was removed or replaced")]
    Replaced,
    /// The file has grown or shrunk without us: another process writes it.
    #[error("another process writes the file")]
    Interfered,
    /// There is something by that name that is not a file.
    #[error("not a file")]
    NotAFile,
    /// Larger than a journal can be.
    #[error("too large")]
    TooLarge,
}

impl StoreError {
    /// For `map_err`: the system said no while `doing`.
    pub fn io(doing: Doing) -> impl FnOnce(io::Error) -> StoreError {
        move |error| StoreError::Io { doing, error }
    }
}
