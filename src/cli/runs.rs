//! Which run is meant: an id, a unique prefix of one, or a runbook's path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::{Context, runbook};
use crate::error::Error;
use crate::journal::{self, Folder, Listed};
use crate::rotation::Phase;
use crate::rotation::names::{RunId, TargetId};
use crate::run::{Record, Run};

/// The journals of one folder.
pub(super) struct Journals {
    pub(super) folder: Folder,
}

impl Journals {
    pub(super) fn at(folder: PathBuf) -> Journals {
        Journals { folder: Folder::new(folder) }
    }

    /// The ids of all runs, oldest first. Files that are not journals are passed over.
    pub(super) fn ids(&self) -> Result<Vec<RunId>, Error> {
        let id = |l| match l {
            Listed::Run(run) => Some(run),
            Listed::Foreign(_) => None,
        };
        Ok(journal::list(&self.folder)?.into_iter().filter_map(id).collect())
    }

    /// Reads and replays a run; changes nothing.
    pub(super) fn read(&self, run: &RunId) -> Result<Run, Error> {
        let contents = journal::read_only::<Record>(&self.folder, run)?;
        Run::replay(contents.records).map_err(|why| Error::NotARun { run: run.clone(), why })
    }

    /// All runs that can be read, oldest first, and those that cannot.
    pub(super) fn all(&self) -> Result<(Vec<Run>, Vec<Error>), Error> {
        let (mut runs, mut errors) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.read(&id) {
                Ok(run) => runs.push(run),
                Err(e) => errors.push(e),
            }
        }
        Ok((runs, errors))
    }

    /// All runs, oldest first; refuses if a journal cannot be read, since nobody knows whether its run has ended, nor of which
    /// target it is.
    pub(super) fn every(&self) -> Result<Vec<Run>, Error> {
        let (runs, errors) = self.all()?;
        errors.into_iter().find(may_be_unfinished).map_or(Ok(runs), Err)
    }

    /// The unfinished runs of a target, or of all; refuses if a journal cannot be read.
    pub(super) fn unfinished(&self, target: Option<TargetId>) -> Result<Vec<Run>, Error> {
        let runs = self.every()?;
        let wanted = |r: &Run| !ended(r) && target.is_none_or(|t| r.start.plan.target == t);
        Ok(runs.into_iter().filter(wanted).collect())
    }

    /// Which runs are known here, and whether they have ended.
    pub(super) fn known(&self) -> Result<BTreeMap<RunId, bool>, Error> {
        let runs = self.every()?;
        Ok(runs.into_iter().map(|r| (r.start.plan.run.clone(), ended(&r))).collect())
    }
}

/// Whether a journal that cannot be read may be that of a run that is under way. One that never began has sent nothing.
pub(super) fn may_be_unfinished(error: &Error) -> bool {
    use crate::journal::{JournalError, Trouble, record::Unreadable};
    !matches!(error, Error::Journal(JournalError { trouble: Trouble::Unreadable(Unreadable::NeverBegan { .. }), .. }))
}

pub(super) fn ended(run: &Run) -> bool {
    matches!(run.rotation.phase(), Phase::Ended { .. })
}

/// The run that `named` means: of a runbook's path the newest unfinished one, else the newest; of a journal's path its own.
pub(super) fn find(context: &Context, named: &str) -> Result<(Journals, RunId), Error> {
    let path = Path::new(named);
    let is_path = named.contains(std::path::MAIN_SEPARATOR) || path.extension().is_some();
    if let Some((folder, run)) = Folder::of(path).filter(|_| is_path) {
        return Ok((Journals { folder }, run));
    }
    if is_path {
        let book = runbook(path)?;
        let journals = Journals::at(context.journals(Some((path, &book))));
        let runs = journals.every()?;
        let of_target: Vec<&Run> = runs.iter().filter(|r| r.start.plan.target == book.target()).collect();
        let found = of_target.iter().rev().find(|r| !ended(r)).or(of_target.last());
        let run = found.map(|r| r.start.plan.run.clone()).ok_or_else(|| none(named, &journals))?;
        return Ok((journals, run));
    }
    let journals = Journals::at(context.journals(None));
    let fits: Vec<RunId> = journals.ids()?.into_iter().filter(|r| r.as_str().starts_with(named)).collect();
    match fits.as_slice() {
        [] => Err(none(named, &journals)),
        [one] => Ok((journals, one.clone())),
        several => match several.iter().find(|r| r.as_str() == named) {
            Some(exact) => Ok((journals, exact.clone())),
            None => Err(Error::WhichRun {
                what: format!("{named} is the beginning of several runs"),
                runs: several.iter().map(ToString::to_string).collect(),
            }),
        },
    }
}

fn none(named: &str, journals: &Journals) -> Error {
    Error::NoSuchRun { named: named.to_owned(), folder: journals.folder.path().display().to_string() }
}
