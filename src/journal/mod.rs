//! The journal of a run: every intent and outcome, on disk before anything follows from it.
//!
//! [`record`] is the format, [`store`] the few calls that need a disk, [`file`] those calls on local files. [`Journal`] ties
//! them together: what [`Journal::append`] has returned for is on disk; once a write has failed the journal takes no more.
//! Nothing here asks the clock: times are given.

pub mod error;
pub mod file;
pub mod record;
pub mod store;

use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{JournalError, Trouble};
pub use file::Folder;
pub use record::{Contents, Record, RecordHash};

use crate::rotation::names::RunId;
use store::{Doing, Log, Store, StoreError};

/// A journal that is being written. One process at a time: its writer holds the run's lock (see [`crate::locks`]).
pub struct Journal<E, L> {
    run: RunId,
    place: String,
    log: L,
    world: Option<String>,
    next: u64,
    head: RecordHash,
    dropped_bytes: u64,
    /// A write has failed, so what is on disk is unknown.
    stopped: bool,
    events: PhantomData<fn(E) -> E>,
}

/// Where a record was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its number, from 0.
    pub seq: u64,
    /// Its hash, now the head of the journal.
    pub hash: RecordHash,
}

impl<E: Serialize + DeserializeOwned, L: Log> Journal<E, L> {
    /// Begins the journal of a new run with its first record. `at` is service time where it is known, `local` the machine's.
    ///
    /// # Errors
    /// If the run has a journal already, or this one is not surely on disk. Nothing may be sent then.
    pub fn create<S: Store<Log = L>>(
        store: &S,
        run: &RunId,
        first: &E,
        at: Option<Timestamp>,
        local: Timestamp,
    ) -> Result<Self, JournalError> {
        Journal::create_in(store, None, run, first, at, local)
    }

    /// The same of another world than the real one, which every record of it names, such as `sandbox`.
    ///
    /// # Errors
    /// As [`Journal::create`].
    pub fn create_in<S: Store<Log = L>>(
        store: &S,
        world: Option<&str>,
        run: &RunId,
        first: &E,
        at: Option<Timestamp>,
        local: Timestamp,
    ) -> Result<Self, JournalError> {
        let world = world.map(str::to_owned);
        let place = store.place(Some(run));
        let log = store.create(run).map_err(|e| failed(run, &place, e))?;
        let head = RecordHash::NONE;
        let mut journal = Journal {
            run: run.clone(),
            place,
            log,
            world,
            next: 0,
            head,
            dropped_bytes: 0,
            stopped: false,
            events: PhantomData,
        };
        journal.append(at, local, first).map_err(without_a_beginning)?;
        Ok(journal)
    }

    /// Opens the journal of `run` to go on with it, and reads it. A torn last line is cut off; whatever was read is on disk.
    ///
    /// # Errors
    /// If it cannot be read or written, is damaged, or has no record. Nothing was changed then.
    pub fn open<S: Store<Log = L>>(store: &S, run: &RunId) -> Result<(Self, Vec<Record<E>>), JournalError> {
        let place = store.place(Some(run));
        let (mut log, bytes) = store.open(run).map_err(|e| failed(run, &place, e))?;
        let contents: Contents<E> = record::parse(&bytes).map_err(|e| failed(run, &place, e))?;
        // Also where nothing is torn: the last writer may have been killed between its write and its sync.
        let whole = usize::try_from(contents.whole_bytes).ok().and_then(|n| bytes.get(..n)).unwrap_or(&bytes);
        log.keep(whole).map_err(|e| failed(run, &place, e))?;
        let journal = Journal {
            run: run.clone(),
            place,
            log,
            world: contents.records.first().and_then(|r| r.world.clone()),
            next: contents.records.len() as u64,
            head: contents.head,
            dropped_bytes: contents.torn_bytes,
            stopped: false,
            events: PhantomData,
        };
        Ok((journal, contents.records))
    }

    /// Puts `event` on disk. `at` is service time where it is known, `local` the machine's.
    ///
    /// # Errors
    /// If it may not be on disk. What follows from the event must not be done then. Unless the event could not be put into a
    /// line at all, every later call is refused too: what is on disk is unknown until the journal is opened anew.
    pub fn append(&mut self, at: Option<Timestamp>, local: Timestamp, event: &E) -> Result<Written, JournalError> {
        if self.stopped {
            return Err(failed(&self.run, &self.place, Trouble::Stopped));
        }
        let (line, hash) = record::encode_in(self.world.as_deref(), self.next, at, local, event, self.head)
            .map_err(|why| failed(&self.run, &self.place, Trouble::Unwritable(why)))?;
        // Set first: should the store panic or be cut short, the journal stays closed.
        self.stopped = true;
        self.log.append(&line).map_err(|e| failed(&self.run, &self.place, e))?;
        self.stopped = false;
        let written = Written { seq: self.next, hash };
        self.next += 1;
        self.head = hash;
        Ok(written)
    }
}

impl<E, L> Journal<E, L> {
    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Where the journal lies, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The hash of the last record.
    pub fn head(&self) -> RecordHash {
        self.head
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.next
    }

    /// How many bytes of a torn last line were dropped when the journal was opened.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }
}

fn failed(run: &RunId, place: &str, trouble: impl Into<Trouble>) -> JournalError {
    JournalError { run: Some(run.clone()), place: place.to_owned(), trouble: trouble.into() }
}

/// A first record that could not be written whole is the beginning of nothing: there is no run that could be resumed.
fn without_a_beginning(mut error: JournalError) -> JournalError {
    if let Trouble::Store(StoreError::Io { doing: doing @ Doing::Write, .. }) = &mut error.trouble {
        *doing = Doing::Create;
    }
    error
}

/// Reads the journal of `run` and changes nothing; another process may be writing it.
///
/// # Errors
/// If it cannot be read, is damaged, or has no record.
pub fn read_only<E: DeserializeOwned>(store: &impl Store, run: &RunId) -> Result<Contents<E>, JournalError> {
    let place = store.place(Some(run));
    let bytes = store.read(run).map_err(|e| failed(run, &place, e))?;
    record::parse(&bytes).map_err(|e| failed(run, &place, e))
}

/// A journal that was found intact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many records there are.
    pub records: u64,
    /// The hash of the last one: kept elsewhere, it shows later that nothing was taken away.
    pub head: RecordHash,
    /// How many bytes of a torn last line follow. They mean nothing, and the next writer cuts them off.
    pub torn_bytes: u64,
}

/// Checks each line of the journal of `run`: its hash, its place in the chain, and that its event is an `E`. With
/// [`serde::de::IgnoredAny`] for `E` any event passes.
///
/// # Errors
/// The first line that does not fit.
pub fn verify<E: DeserializeOwned>(store: &impl Store, run: &RunId) -> Result<Verified, JournalError> {
    let contents: Contents<E> = read_only(store, run)?;
    Ok(Verified { records: contents.records.len() as u64, head: contents.head, torn_bytes: contents.torn_bytes })
}

/// A file that bears the name of a journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listed {
    /// The journal of a run, by its name; what is in it shows when it is read.
    Run(RunId),
    /// The name is not that of a run.
    Foreign(String),
}

/// What is in the place of journals: the runs, oldest first, then what is foreign. A place that does not exist holds none.
///
/// # Errors
/// If the place itself cannot be read. A file that cannot be read is no error here: [`read_only`] tells.
pub fn list(store: &impl Store) -> Result<Vec<Listed>, JournalError> {
    let names =
        store.list().map_err(|e: StoreError| JournalError { run: None, place: store.place(None), trouble: e.into() })?;
    let mut listed: Vec<Listed> =
        names.into_iter().map(|name| name.parse().map_or_else(|_| Listed::Foreign(name), Listed::Run)).collect();
    listed.sort();
    Ok(listed)
}
