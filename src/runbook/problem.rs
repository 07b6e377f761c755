//! What is wrong with a runbook: where, which field, what, and what to write instead.
//!
//! No message holds a value of the file: a secret pasted into the wrong field would be printed with it. Line and column show
//! the place to the person who has the file.

use std::fmt;

use serde::Serialize;

/// A runbook that was refused. Nothing was changed, and nothing was asked of any service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct RunbookError {
    /// The file, as the caller named it.
    pub file: String,
    /// All that was found, in the order of the file; at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RunbookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the runbook has a problem; nothing was changed")?,
            n => write!(f, "the runbook has {n} problems; nothing was changed")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {}", self.file)?;
            match problem.place {
                Some(Place { line, column }) => write!(f, ":{line}:{column}: {problem}")?,
                None => write!(f, ": {problem}")?,
            }
        }
        Ok(())
    }
}

/// One thing that is wrong. `Display` is a sentence without the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where the field stands, or the table that lacks it; absent if the file as a whole is meant.
    pub place: Option<Place>,
    /// The field, such as `proof.window` or `vault[2].url` (counted from 1); empty if no field is meant.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead.
    pub instead: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "`{}` ", self.field)?;
        }
        write!(f, "{}. {}.", self.what, self.instead)
    }
}

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` of `text`. An offset inside a character counts as its start.
    pub(super) fn of(text: &[u8], offset: usize) -> Place {
        let before = text.get(..offset.min(text.len())).unwrap_or_default();
        let line = before.split(|b| *b == b'\n').count();
        let last = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
        Place { line, column: String::from_utf8_lossy(last).chars().count() + 1 }
    }
}

/// A text that does not have the form of its field. It never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}. {instead}")]
pub struct Wrong {
    /// What is wrong, as the end of a sentence that begins with the field's name.
    pub what: String,
    /// What to write instead, as a sentence.
    pub instead: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, instead: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), instead: instead.into() }
    }
}

/// A problem was recorded in [`Problems`]; there is no value to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported;

/// A field's value, unless a problem was recorded for it.
pub(super) type Checked<T> = Result<T, Reported>;

/// The most problems that one error lists: a file that is something else altogether has thousands.
const SHOWN: usize = 20;

/// Collects the problems of one file.
pub(super) struct Problems<'a> {
    text: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    /// Of a file with this text.
    pub(super) fn of(text: &'a str) -> Problems<'a> {
        Problems { text, found: Vec::new() }
    }

    /// Records a problem of `field` at byte `at` of the text.
    pub(super) fn add(&mut self, at: usize, field: impl Into<String>, wrong: Wrong) -> Reported {
        if !self.full() {
            let place = Some(Place::of(self.text.as_bytes(), at));
            self.found.push(Problem { place, field: field.into(), what: wrong.what, instead: wrong.instead });
        }
        Reported
    }

    /// Whether there are more problems than will be shown, so that looking for others is in vain.
    pub(super) fn full(&self) -> bool {
        self.found.len() > SHOWN
    }

    /// Whether a problem of the line that holds byte `at` was recorded already.
    pub(super) fn has_line_of(&self, at: usize) -> bool {
        let line = Place::of(self.text.as_bytes(), at).line;
        self.found.iter().any(|p| p.place.is_some_and(|p| p.line == line))
    }

    /// Whether nothing was recorded.
    pub(super) fn none(&self) -> bool {
        self.found.is_empty()
    }

    /// What was recorded, as the error of `file`.
    pub(super) fn into_error(mut self, file: &str) -> RunbookError {
        self.found.sort_by_key(|p| p.place);
        if self.found.len() > SHOWN {
            self.found.truncate(SHOWN);
            let instead = "Mend these first, then check again".to_owned();
            self.found.push(Problem { place: None, field: String::new(), what: "there is more".to_owned(), instead });
        }
        RunbookError { file: file.to_owned(), problems: self.found }
    }
}
