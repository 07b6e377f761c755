//! A scenario: the file that a drill is played from. `drills/README.md` explains every field.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::act::Act;
use crate::driver::CrashPoint;
use crate::runbook::{HumanDuration, Runbook, RunbookError};

/// What a drill's runbook is where the scenario says nothing else.
const STANDARD: &str = include_str!("../../drills/runbook.toml");

/// A drill.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line.
    pub title: String,
    /// How often a team should practise it.
    pub practise: String,
    /// What whoever is on call knows when it begins.
    pub story: String,
    /// What the drill teaches, told at the end.
    #[serde(default)]
    pub lessons: Vec<String>,
    #[serde(default = "night")]
    pub(super) starts: Timestamp,
    /// Fields of the runbook, over those of the standard one.
    #[serde(default)]
    runbook: toml::Table,
    #[serde(default)]
    pub(super) scene: SceneSpec,
    #[serde(default)]
    pub(super) consumer: Vec<ConsumerSpec>,
    #[serde(default)]
    pub(super) incident: Vec<Incident>,
    #[serde(default)]
    pub(super) mend: Vec<Mend>,
    /// What the schedule types before anybody is asked.
    #[serde(default)]
    pub(super) begins: Option<String>,
    /// What whoever knows the runbooks types.
    #[serde(default)]
    pub script: Vec<String>,
    /// What it comes to then.
    #[serde(default)]
    pub(super) expect: Expect,
    /// How long a person takes for a command.
    #[serde(default)]
    thinking: Option<HumanDuration>,
}

/// What there is before it begins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SceneSpec {
    /// The old secret ends this much later than the drill begins.
    pub(super) old_secret_ends_in: Option<HumanDuration>,
    /// Or it ended this much earlier.
    pub(super) old_secret_ended: Option<HumanDuration>,
    /// The application holds two secrets at most.
    pub(super) two_at_most: bool,
    /// Secrets of the application that belong to others.
    pub(super) others: u8,
    /// How long changes take.
    pub(super) propagation: Propagation,
    /// Draws ids, values and delays.
    pub(super) seed: u64,
}

/// From, to: drawn for each change and place.
type Span = [HumanDuration; 2];

/// How long changes take to be seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Propagation {
    /// Until a sign-in replica accepts a new secret; 4s to 18s if it is not said.
    pub(super) appears: Option<Span>,
    /// Until it refuses a removed one; 5s to 60s.
    pub(super) vanishes: Option<Span>,
    /// Until lists show a change; 0s to 30s.
    pub(super) lists: Option<Span>,
}

/// Somebody who reads the secret and signs in with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsumerSpec {
    /// A consumer of the runbook of the same name is this one: its refresh makes this one read again.
    pub(super) name: String,
    /// How long it keeps what it read.
    pub(super) cache: HumanDuration,
    /// From one sign-in to the next.
    #[serde(default)]
    pub(super) every: Option<HumanDuration>,
    /// Which of the runbook's vaults it reads, from 0.
    #[serde(default)]
    pub(super) vault: u8,
    /// It reads the vault again when its sign-in was refused.
    #[serde(default)]
    pub(super) reads_again: bool,
    /// Its check names the key ID that it uses.
    #[serde(default)]
    pub(super) names_its_key: bool,
}

/// Something that goes wrong, once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incident {
    /// How long after the beginning.
    #[serde(default)]
    pub(super) at: Option<HumanDuration>,
    /// Or when keyrelay comes by this place: a crash point, such as `after-outcome:add-secret`.
    #[serde(default)]
    pub(super) on: Option<String>,
    /// And so much later.
    #[serde(default)]
    pub(super) later: Option<HumanDuration>,
    /// What people notice; nobody does if there is none.
    #[serde(default)]
    pub(super) say: Option<String>,
    /// The debrief's words for it.
    pub(super) what: String,
    /// The process of keyrelay is killed there (with `on`).
    #[serde(default)]
    pub(super) kill: bool,
    #[serde(default)]
    pub(super) does: Act,
}

/// Something that people can do besides keyrelay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mend {
    /// What is typed.
    pub(super) word: String,
    /// What it is.
    pub(super) says: String,
    /// How long it takes.
    #[serde(default)]
    pub(super) takes: Option<HumanDuration>,
    #[serde(default)]
    pub(super) does: Act,
}

/// What the rehearsed script comes to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Expect {
    /// The state of the last run.
    pub(super) state: Option<String>,
    /// The longest outage of any consumer.
    pub(super) outage_at_most: Option<HumanDuration>,
    /// How many living secrets the application has in the end.
    pub(super) secrets: Option<usize>,
}

/// A scenario that cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScenario {
    /// It is not of this form.
    #[error("{0}")]
    Form(String),
    /// Its parts do not fit together.
    #[error("{0}")]
    Sense(String),
}

fn night() -> Timestamp {
    // 2026-11-21T02:00:00Z
    Timestamp::from_second(1_795_226_400).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A duration of a file, as it is reckoned with.
pub(super) fn length(d: HumanDuration) -> SignedDuration {
    SignedDuration::try_from(d.get()).unwrap_or(SignedDuration::MAX)
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Scenario, BadScenario> {
        let scenario: Scenario = toml::from_str(text).map_err(|e| BadScenario::Form(e.to_string()))?;
        scenario.check().map_err(BadScenario::Sense)?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        for incident in &self.incident {
            let what = &incident.what;
            match (&incident.at, &incident.on) {
                (Some(_), None) if !incident.kill => {}
                (Some(_), None) => {
                    return Err(format!("incident \"{what}\": `kill` needs `on`, the place where it happens"));
                }
                (None, Some(on)) if on.parse::<CrashPoint>().is_ok() => {}
                (None, Some(on)) => {
                    let all: Vec<String> = CrashPoint::all().iter().map(ToString::to_string).collect();
                    return Err(format!("incident \"{what}\": on = \"{on}\" is not one of {}", all.join(", ")));
                }
                (None, None) | (Some(_), Some(_)) => {
                    return Err(format!("incident \"{what}\" needs one of `at` (a time) and `on` (a place)"));
                }
            }
            incident.does.check(what)?;
        }
        for mend in &self.mend {
            mend.does.check(&mend.word)?;
            if mend.word.contains(char::is_whitespace) || mend.word.is_empty() {
                return Err(format!("mend \"{}\": write one word", mend.word));
            }
        }
        if self.scene.old_secret_ended.is_some() && self.scene.old_secret_ends_in.is_some() {
            return Err("`old_secret_ended` and `old_secret_ends_in`: write one of them".to_owned());
        }
        self.runbook().map(drop).map_err(|e| e.to_string())
    }

    /// The runbook that it is played with.
    ///
    /// # Errors
    /// If the scenario's fields do not make one.
    pub fn runbook(&self) -> Result<Runbook, RunbookError> {
        self.runbook_with(&toml::Table::new())
    }

    /// The same, with fields that somebody changed.
    pub(super) fn runbook_with(&self, changed: &toml::Table) -> Result<Runbook, RunbookError> {
        let mut table: toml::Table = toml::from_str(STANDARD).unwrap_or_default();
        for (key, value) in self.runbook.iter().chain(changed) {
            table.insert(key.clone(), value.clone());
        }
        Runbook::parse(toml::to_string(&table).unwrap_or_default().as_bytes(), "drill.toml")
    }

    pub(super) fn thinking(&self) -> SignedDuration {
        self.thinking.map_or(SignedDuration::from_mins(1), length)
    }
}
