//! When what happened, gathered from a run's records in one replay. Numbers of records are those of the journal.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::gather::Gathering;
use super::turns::Turn;
use crate::rotation::answers::{Mutation, Refusal};
use crate::rotation::names::{KeyId, VaultIx, VersionId};
use crate::rotation::usage::Usage;
use crate::rotation::{Applied, Phase, Step};
use crate::run::Run;

/// What a run's records show, in the order of the journal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    /// The steps, each once, in the order in which they were first taken up.
    pub steps: Vec<StepSpan>,
    /// Where the run turned, stopped, changed hands or ended, and what people said.
    pub turns: Vec<Turn>,
    /// The requests that change the cloud.
    pub changes: Vec<Change>,
    /// The proofs that were passed before anything was written.
    pub proofs: Vec<Proof>,
    /// The rounds of reading on which a step was left.
    pub rounds: Vec<Round>,
    /// The overlaps, on the way forward and back.
    pub overlaps: Vec<Overlap>,
    /// The vault versions that bear the run's tag, each once.
    pub versions: Vec<OwnVersion>,
    /// What the sign-in records of the old secret said, each time that they were read.
    pub usages: Vec<UsageSeen>,
}

/// What the sign-in records of the old secret said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSeen {
    /// The record.
    pub record: u64,
    /// When they were read.
    pub at: Timestamp,
    /// What they said.
    pub usage: Usage,
}

/// One of the steps that a person sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSpan {
    /// Which.
    pub step: Step,
    /// When it was first taken up.
    pub started: Timestamp,
    /// When it was last left; `None` while the run stands in it.
    pub ended: Option<Timestamp>,
    /// The time that the run stood in it, waits and pauses included. Less than from `started` to `ended` if the run went back to
    /// an earlier step in between.
    pub spent: SignedDuration,
    /// How often it was tried: the larger of two counts. How often it was taken up: entered from another step, or worked on
    /// again by a new process after another had begun it (to sit out the overlap is no work). And how often its request was
    /// intended: adds in all, writes of the same vault, removals of the same key ID; for the overlap, how often it began.
    pub attempts: u32,
    /// How often it was taken up: the first of the two counts.
    pub(super) entries: u32,
}

/// A request that changes the cloud, from its intent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was to be sent.
    pub request: Mutation,
    /// The record of the intent.
    pub intent: u64,
    /// When it was intended.
    pub at: Timestamp,
    /// The reads since the last change that it rests on.
    pub reads: Vec<u64>,
    /// What became of it; `None` if no process lived to tell: it may or may not have been applied.
    pub outcome: Option<Outcome>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The record.
    pub record: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub is: Became,
}

/// The three ways in which a request can end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It was applied.
    Applied(Applied),
    /// It was provably not applied.
    NotApplied(Refusal),
    /// It may have been applied.
    InDoubt(Refusal),
}

/// An unbroken row of sign-ins with a value that nobody could have read yet, long enough to be a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Of which attempt.
    pub attempt: u32,
    /// The first sign-in of the row.
    pub since: Timestamp,
    /// The last.
    pub until: Timestamp,
    /// The records of the sign-ins.
    pub records: Vec<u64>,
}

/// Reads that belong together: one of the list and one of each vault at most, nothing else in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// What the run was about when it read them.
    pub phase: Phase,
    /// What followed.
    pub next: Phase,
    /// On the way back.
    pub back: bool,
    /// When the last of them was answered.
    pub at: Timestamp,
    /// The records.
    pub records: Vec<u64>,
}

/// A time in which both secrets are left in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// On the way back.
    pub back: bool,
    /// The records that confirm what each vault serves.
    pub confirmed_by: Vec<u64>,
    /// When it began.
    pub from: Timestamp,
    /// Until when it was to last at least.
    pub deadline: Option<Timestamp>,
    /// When the same versions were found again, and the records that show it; `None` while it lasts, if a vault moved, or if the
    /// run turned before its end.
    pub kept: Option<(Timestamp, Vec<u64>)>,
}

/// A version that the run wrote into a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnVersion {
    /// Where.
    pub vault: VaultIx,
    /// Which attempt's value; 0 is the old value, put back.
    pub attempt: u32,
    /// The version.
    pub version: VersionId,
    /// The record of the intent; `None` where the answer was lost and the version was found there later.
    pub intent: Option<u64>,
    /// The record that shows it: the answer to the write, or the read that found it.
    pub record: u64,
    /// When that was.
    pub at: Timestamp,
}

impl Timeline {
    /// The timeline of `run`. Should the records not tell a run, it ends at the first that does not fit; those of a [`Run`] do.
    pub fn of(run: &Run) -> Timeline {
        let mut gathering = Gathering::default();
        let _ = Run::replay_with(run.records.clone(), |state, record| gathering.see(state, record));
        gathering.line
    }

    /// The changes that were applied, with what they brought.
    pub fn applied(&self) -> impl Iterator<Item = (&Change, &Outcome, &Applied)> {
        self.changes.iter().filter_map(|change| match &change.outcome {
            Some(outcome @ Outcome { is: Became::Applied(applied), .. }) => Some((change, outcome, applied)),
            Some(Outcome { is: Became::NotApplied(_) | Became::InDoubt(_), .. }) | None => None,
        })
    }

    /// The latest version of the run in each vault that is known to have one, in the runbook's order.
    pub fn latest_versions(&self) -> Vec<&OwnVersion> {
        let mut latest: BTreeMap<VaultIx, &OwnVersion> = BTreeMap::new();
        latest.extend(self.versions.iter().map(|v| (v.vault, v)));
        latest.into_values().collect()
    }

    /// The first confirmed removal of `key_id`.
    pub fn removal(&self, key_id: KeyId) -> Option<(&Change, &Outcome)> {
        let removes = |change: &Change| change.request == Mutation::RemoveSecret { key_id };
        self.applied().find(|(change, ..)| removes(change)).map(|(change, outcome, _)| (change, outcome))
    }
}
