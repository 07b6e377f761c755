//! Keeping the old secret alive: a marker beside a run's journal.
//!
//! `hold` and `release` come from people while another process may own the journal, so they do not write it. They leave
//! `<run>.hold`, which the run's writer reads before every removal and records. The file has the format of a journal (see
//! [`crate::journal::record`]) with [`Mark`] for its events: the last one counts, the earlier ones are its history. It is
//! replaced as a whole, so a reader sees the old or the new one.
//!
//! A marker that cannot be read is an error, and an error is not "no hold": nothing may be removed then.
#![allow(clippy::disallowed_methods)] // reads and writes the marker

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::journal::record::{self, Damage, Record, RecordHash, Unreadable};
use crate::rotation::names::RunId;

/// What a person has said about a run's old secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Mark {
    /// It stays until a time. A hold has an end, else a forgotten one would keep a secret alive for ever.
    Hold {
        /// Who says so.
        who: String,
        /// Why.
        why: String,
        /// From when on.
        since: Timestamp,
        /// Until when, in service time.
        until: Timestamp,
    },
    /// It may go, also where the runbook says `delete = "on-release"`.
    Released {
        /// Who says so.
        who: String,
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
}

/// A marker could not be read or written.
///
/// Its text says what happened and what is true now; [`HoldError::advice`] says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{} {trouble}", place.display())]
pub struct HoldError {
    /// The marker's file.
    pub place: PathBuf,
    /// What is wrong.
    #[source]
    pub trouble: HoldTrouble,
}

/// What is wrong with a marker.
#[derive(Debug, thiserror::Error)]
pub enum HoldTrouble {
    /// It is not what was written.
    #[error("cannot be understood: {0}. It is taken as a hold: nothing is removed while it lies there.")]
    Unreadable(#[from] Unreadable),
    /// The hold would end before it begins.
    #[error("was not written: the hold would end at {until}, before it begins. Nothing was changed.")]
    EndsBeforeItBegins {
        /// Its end.
        until: Timestamp,
    },
    /// It would grow larger than what is read.
    #[error("was not written: there is no room for so many words. Nothing was changed.")]
    TooLong,
    /// Another process writes it at this moment.
    #[error("is being written by another process. Nothing was changed.")]
    Busy,
    /// The mark cannot be put into a line. This is a fault in keyrelay.
    #[error("was not written: {0}. Nothing was changed.")]
    Unwritable(Damage),
    /// It cannot be read, so whether there is a hold is unknown.
    #[error("could not be read: {0}. It is taken as a hold: nothing is removed until it can be read.")]
    Read(io::Error),
    /// It cannot be written.
    #[error(
        "could not be written: {0}. What was said before still counts, or, if only the folder could not be forced to disk, \
             the new word counts until a power cut."
    )]
    Write(io::Error),
}

impl HoldError {
    /// What to do.
    pub fn advice(&self) -> String {
        let place = self.place.display();
        match &self.trouble {
            HoldTrouble::Unreadable(_) => format!(
                "If the old secret may go, delete {place} and run `keyrelay release` for the run; else delete it and run \
                 `keyrelay hold`."
            ),
            HoldTrouble::EndsBeforeItBegins { .. } => "Name an end in the future.".to_owned(),
            HoldTrouble::TooLong => "Say it in fewer words.".to_owned(),
            HoldTrouble::Busy => "Repeat the command; the last word counts.".to_owned(),
            HoldTrouble::Unwritable(_) => "This is a fault in keyrelay: please report it.".to_owned(),
            HoldTrouble::Read(_) => format!("Let this user read {place}."),
            HoldTrouble::Write(e) if e.kind() == ErrorKind::NotFound => {
                "Check that this is the folder of the run's journal.".to_owned()
            }
            HoldTrouble::Write(_) => {
                format!("Let this user write {place} and make room on that disk, then repeat the command.")
            }
        }
    }
}

/// A marker is a few lines; what is larger than this, in bytes, is none.
const LIMIT: u64 = 1 << 20;

/// The marker of `run` beside its journal in `folder`.
pub fn file(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("{run}.hold"))
}

/// What counts for `run` now: its last mark. None if nobody has said anything. Whether a hold has ended is for the caller to
/// say, who knows the service time.
///
/// # Errors
/// If there is a marker that cannot be read. The caller must not remove anything then.
pub fn read(folder: &Path, run: &RunId) -> Result<Option<Mark>, HoldError> {
    Ok(history(folder, run)?.pop().map(|record| record.event))
}

/// Everything that was said about `run`, oldest first.
///
/// # Errors
/// If there is a marker that cannot be read.
pub fn history(folder: &Path, run: &RunId) -> Result<Vec<Record<Mark>>, HoldError> {
    let place = file(folder, run);
    load(&place).map(|(_, records)| records).map_err(|trouble| HoldError { place, trouble })
}

/// The marker's bytes and what they say; nothing if there is none.
fn load(place: &Path) -> Result<(Vec<u8>, Vec<Record<Mark>>), HoldTrouble> {
    match fs::metadata(place) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(e) => return Err(HoldTrouble::Read(e)),
        Ok(there) if !there.is_file() || there.len() > LIMIT => return Err(Unreadable::Foreign.into()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(place).and_then(|marker| marker.take(LIMIT).read_to_end(&mut bytes)).map_err(HoldTrouble::Read)?;
    let contents = record::parse(&bytes)?;
    if contents.torn_bytes > 0 {
        // The file is replaced as a whole, so no write of ours leaves a torn line.
        let line = contents.records.len() as u64 + 1;
        return Err(Unreadable::Damaged { line, what: Damage::NoHash }.into());
    }
    Ok((bytes, contents.records))
}

/// Says `mark` about `run`. When this returns it is on disk. `local` is the machine's time.
///
/// # Errors
/// If it may not be on disk, or the marker that is there cannot be read.
pub fn add(folder: &Path, run: &RunId, mark: &Mark, local: Timestamp) -> Result<(), HoldError> {
    let place = file(folder, run);
    let fail = |trouble| HoldError { place: place.clone(), trouble };
    if let Mark::Hold { since, until, .. } = mark
        && until <= since
    {
        return Err(fail(HoldTrouble::EndsBeforeItBegins { until: *until }));
    }
    let _alone = alone(folder).map_err(fail)?;
    let (mut bytes, said) = load(&place).map_err(fail)?;
    let prev = said.last().map_or(RecordHash::NONE, |record| record.hash);
    let encoded = record::encode(said.len() as u64, None, local, mark, prev);
    let (line, _) = encoded.map_err(|e| fail(HoldTrouble::Unwritable(e)))?;
    bytes.extend(line);
    if bytes.len() as u64 > LIMIT {
        return Err(fail(HoldTrouble::TooLong));
    }
    replace(folder, &place, &bytes).map_err(|e| fail(HoldTrouble::Write(e)))
}

/// Keeps a second `hold` or `release` out, so that neither loses the other's word: a lock on the folder, which leaves nothing
/// behind. Where folders cannot be locked the last one wins and the other's word is lost.
fn alone(folder: &Path) -> Result<Option<disk::Locked>, HoldTrouble> {
    if cfg!(not(unix)) {
        return Ok(None);
    }
    let folder = File::open(folder).map_err(HoldTrouble::Write)?;
    match disk::Locked::of(folder) {
        Ok(locked) => Ok(Some(locked)),
        Err(TryLockError::WouldBlock) => Err(HoldTrouble::Busy),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Puts `bytes` in the place of the file at `place`: whole or not at all, whenever the power goes.
fn replace(folder: &Path, place: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = place.with_extension("hold.new");
    let mut file = disk::private_file().create(true).truncate(true).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, place)?;
    disk::sync_folder(folder)
}
