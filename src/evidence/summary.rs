//! The object that `--json` prints for `rotate`, `resume`, `rollback` and `status`.

use jiff::Timestamp;
use serde::Serialize;

use super::emergency::EmergencyFacts;
use super::lines::Words;
use super::state::{self, State};
use super::text::clean;
use super::timeline::{StepSpan, Timeline};
use crate::rotation::names::{KeyId, RunId, VersionId};
use crate::run::{Run, Start};

/// The version of the object. Members may be added under it; none changes its meaning or goes away.
pub const SCHEMA: &str = "keyrelay.run/1";

/// A run in one object. Every member is always there; what is not known or does not apply is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The run's id.
    pub run: RunId,
    /// Where it stands.
    pub state: State,
    /// The step that it stands in, or stood in last.
    pub step: &'static str,
    /// The exit code of the command that prints this.
    pub exit: u8,
    /// What is rotated.
    pub application: Application,
    /// The key ID that is replaced; null for a new integration, or where it could not be told.
    pub old_key_id: Option<KeyId>,
    /// The key ID that the vaults were last found to serve of this run's, else the latest that it added.
    pub new_key_id: Option<KeyId>,
    /// The latest version that the run put into each vault, the old value put back included. Vaults that it has not surely
    /// written are left out.
    pub vault_versions: Vec<VaultVersion>,
    /// Before then there is nothing to do; null unless `state` is `waiting`. It may have come since.
    pub waiting_until: Option<Timestamp>,
    /// The steps, in the order in which they were first taken up.
    pub steps: Vec<StepSummary>,
    /// Why the run needs an operator, or was rolled back or abandoned.
    pub reason: Option<Named>,
    /// The run is in the sandbox: no real tenant was touched.
    pub sandbox: bool,
    /// Where the journal lies.
    pub journal: Option<String>,
    /// Where a report was written.
    pub report: Option<String>,
    /// In an emergency only: more members.
    #[serde(flatten)]
    pub emergency: Option<EmergencyFacts>,
    /// What [`Summary::lines`] says besides.
    #[serde(skip)]
    pub(super) words: Words,
}

/// The application, as it was found at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Application {
    /// `appId`.
    pub client_id: String,
    /// `id`.
    pub object_id: String,
    /// `displayName`.
    pub display_name: String,
}

impl Application {
    /// The application of the run that began with `start`.
    pub(super) fn of(start: &Start) -> Application {
        let facts = &start.application;
        Application {
            client_id: clean(&facts.client_id),
            object_id: clean(&facts.object_id),
            display_name: clean(&facts.display_name),
        }
    }
}

/// A version of a vault's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultVersion {
    /// The vault's host name.
    pub vault: String,
    /// The secret's name.
    pub secret: String,
    /// The version.
    pub version: VersionId,
}

/// A step: times in service time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepSummary {
    /// `add secret`, `write vault`, `smoke test`, `overlap wait`, `delete old`; on the way back `put back`, `remove ours`.
    pub name: &'static str,
    /// When it was first taken up.
    pub started: Timestamp,
    /// When it was last left; null while the run stands in it.
    pub ended: Option<Timestamp>,
    /// How often it was tried: see [`super::timeline::StepSpan::attempts`].
    pub attempts: u32,
}

/// A reason by name, with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Such as `vault-changed`: its page in `runbooks/needs-operator/`. `rollback-requested` and `abandoned` where a person decided.
    pub name: &'static str,
    /// What happened.
    pub text: String,
}

impl Summary {
    /// The summary of `run`, which lies in the journal at `journal`.
    pub fn of(run: &Run, journal: Option<String>) -> Summary {
        let line = Timeline::of(run);
        let state = State::of(run);
        let step =
            |s: &StepSpan| StepSummary { name: s.step.name(), started: s.started, ended: s.ended, attempts: s.attempts };
        Summary {
            schema: SCHEMA,
            run: run.start.plan.run.clone(),
            state,
            step: state::last_step(&run.rotation, &line),
            exit: state.exit(),
            application: Application::of(&run.start),
            old_key_id: state::old_key_id(&run.start),
            new_key_id: state::new_key_id(&run.rotation),
            vault_versions: latest_versions(run, &line),
            waiting_until: state::waiting(run).map(|(until, _)| until),
            steps: line.steps.iter().map(step).collect(),
            reason: state::reason(run, &line).map(|(name, explained)| Named { name, text: explained.happened }),
            sandbox: run.in_sandbox(),
            journal,
            report: None,
            emergency: EmergencyFacts::of(run),
            words: Words::of(run, &line),
        }
    }

    /// The same with a state that the caller knows better, such as a run whose process was asked to stop.
    #[must_use]
    pub fn as_state(mut self, state: State) -> Summary {
        (self.state, self.exit) = (state, state.exit());
        self.waiting_until = self.waiting_until.filter(|_| state == State::Waiting);
        self
    }

    /// The same, with the place of a report that was written.
    #[must_use]
    pub fn with_report(mut self, report: String) -> Summary {
        self.report = Some(report);
        self
    }
}

fn latest_versions(run: &Run, line: &Timeline) -> Vec<VaultVersion> {
    let named = |own: &super::timeline::OwnVersion| {
        let vault = run.start.runbook.vault(own.vault)?;
        Some(VaultVersion { vault: vault.url.host().to_owned(), secret: vault.secret.to_string(), version: own.version })
    };
    line.latest_versions().into_iter().filter_map(named).collect()
}
