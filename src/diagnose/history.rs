//! What the journals of this machine know of the application's secrets.

use jiff::Timestamp;

use crate::rotation::names::{KeyId, RunId, VersionId};
use crate::rotation::plan::VaultStart;
use crate::rotation::{End, Phase};
use crate::run::Run;
use crate::runbook::Runbook;

/// A secret that a run removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Which.
    pub key_id: KeyId,
    /// The run.
    pub run: RunId,
    /// When, in service time.
    pub at: Timestamp,
}

/// A version that a completed run left in a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) host: String,
    pub(super) secret: String,
    pub(super) version: VersionId,
    pub(super) run: RunId,
}

/// What is known of earlier runs of the application. Empty where there are no journals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Secrets that runs removed, oldest first.
    pub removals: Vec<Removal>,
    /// Runs that have not ended, and the step that each stands in.
    pub unfinished: Vec<(RunId, &'static str)>,
    /// Versions that were found at the start of a run, and the secret that the run took them for.
    pub(super) found: Vec<(VersionId, KeyId)>,
    /// What the last completed run left, per vault.
    pub(super) left: Vec<Left>,
}

impl History {
    /// What `runs`, oldest first, tell of the runbook's application.
    pub fn of(runs: &[Run], runbook: &Runbook) -> History {
        let mut history = History::default();
        for run in runs.iter().filter(|r| r.start.runbook.client_id == runbook.client_id) {
            history.learn(run);
        }
        history
    }

    fn learn(&mut self, run: &Run) {
        let (id, rotation) = (&run.start.plan.run, &run.rotation);
        let removed = rotation.removed().iter();
        self.removals.extend(removed.map(|(key_id, at)| Removal { key_id: *key_id, run: id.clone(), at: *at }));
        if let Some(baseline) = run.start.plan.baseline.key_id() {
            let held = run.start.plan.vaults.iter().filter_map(|v| match v {
                VaultStart::Holds { version } => Some((*version, baseline)),
                VaultStart::Empty => None,
            });
            self.found.extend(held);
        }
        if let Phase::Ended { end } = rotation.phase() {
            if *end == End::Completed {
                self.leave(run);
            }
        } else {
            self.unfinished.push((id.clone(), rotation.step().name()));
        }
    }

    /// The versions that a completed run confirmed.
    fn leave(&mut self, run: &Run) {
        let confirmed = run.rotation.confirmed().iter().zip(&run.start.runbook.vaults);
        for (version, vault) in confirmed {
            let Some(version) = version else { continue };
            let (host, secret) = (vault.url.host().to_owned(), vault.secret.as_str().to_owned());
            self.left.retain(|l| !(l.host == host && l.secret == secret));
            self.left.push(Left { host, secret, version: *version, run: run.start.plan.run.clone() });
        }
    }

    /// The secret that a run took a version for when it started.
    pub fn key_of(&self, version: VersionId) -> Option<KeyId> {
        self.found.iter().rfind(|(v, _)| *v == version).map(|(_, key_id)| *key_id)
    }

    /// Who removed a secret.
    pub fn removal(&self, key_id: KeyId) -> Option<&Removal> {
        self.removals.iter().rfind(|r| r.key_id == key_id)
    }
}
