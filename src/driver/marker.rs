//! What people say with `hold` and `release`, as the writer of the journal hears it.

use std::path::PathBuf;

use super::HoldMarker;
use crate::hold::{self, HoldError, Mark};
use crate::rotation::Event;
use crate::rotation::names::RunId;
use crate::run::{Record, Run};

/// The marker beside a journal; each of its words is an event once.
pub struct MarkerFile {
    folder: PathBuf,
    run: RunId,
    heard: usize,
}

impl MarkerFile {
    /// The marker of a run whose journal lies in `folder` and has `heard` so many of its words: see [`heard`].
    pub fn new(folder: PathBuf, run: RunId, heard: usize) -> MarkerFile {
        MarkerFile { folder, run, heard }
    }
}

/// How many of the marker's words the journal has.
pub fn heard(run: &Run) -> usize {
    let word = |e: &Record| matches!(e, Record::Event(Event::HoldSet { .. } | Event::Released { .. }));
    run.records.iter().filter(|r| word(&r.event)).count()
}

impl HoldMarker for MarkerFile {
    fn read(&mut self) -> Result<Option<Event>, HoldError> {
        let words = hold::history(&self.folder, &self.run)?;
        let Some(word) = words.into_iter().nth(self.heard) else { return Ok(None) };
        self.heard += 1;
        Ok(Some(match word.event {
            Mark::Hold { who, why, until, .. } => Event::HoldSet { by: who, why, until },
            Mark::Released { who, why, .. } => Event::Released { by: who, why },
        }))
    }
}
