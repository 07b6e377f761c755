//! A run as its journal tells it: the start record, the events, and the state that they give.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::correlation::CorrelationKey;
use crate::journal;
use crate::ports::Granted;
use crate::rotation::{Event, IllegalEvent, Plan, Rotation};
use crate::runbook::Runbook;

/// One record of a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
#[allow(clippy::large_enum_variant)] // nearly all are events; a box around each would only cost
pub enum Record {
    /// The first, and only the first.
    Started(Box<Start>),
    /// All others.
    #[serde(untagged)]
    Event(Event),
}

/// Who, why, with what, from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The version of keyrelay that started the run.
    pub tool: String,
    /// What the run sets out from.
    pub plan: Plan,
    /// The runbook, resolved: a later edit of the file does not change a run under way.
    pub runbook: Runbook,
    /// The file that it was read from.
    pub runbook_file: String,
    /// What is rotated.
    pub application: ApplicationFacts,
    /// Who started it.
    pub by: By,
    /// Why, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ticket, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// What the application had been granted when its leak was declared; none of an ordinary rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<GrantedThen>,
    /// What the ids of the run's sign-ins are made from, so that they are known again in the tenant's records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<CorrelationKey>,
    /// The journal was lost, and this one was rebuilt from what the cloud showed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rebuilt: bool,
}

/// The application, as it was found at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationFacts {
    /// `appId`.
    pub client_id: String,
    /// `id`.
    pub object_id: String,
    /// `displayName`.
    pub display_name: String,
}

/// The application permissions at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantedThen {
    /// These.
    Read(Vec<Granted>),
    /// They could not be read: why.
    Unread(String),
}

/// Who runs keyrelay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct By {
    /// The identity that acts in the cloud.
    pub identity: String,
    /// The user of the machine.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The CI run, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} as {}", self.user, self.host, self.identity)?;
        self.ci.as_ref().map_or(Ok(()), |ci| write!(f, " ({ci})"))
    }
}

/// A record with its place and times.
pub type Numbered = journal::Record<Record>;

/// A run, replayed.
#[derive(Debug, Clone)]
pub struct Run {
    /// The first record.
    pub start: Start,
    /// All records.
    pub records: Vec<Numbered>,
    /// The state that they give.
    pub rotation: Rotation,
}

/// The records do not tell a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARun {
    /// The first record is not a start record.
    #[error("the first record does not start a run")]
    NoStart,
    /// A second start record.
    #[error("record {0} starts the run a second time")]
    StartsAgain(u64),
    /// A record without service time.
    #[error("record {0} has no service time")]
    NoTime(u64),
    /// An event that cannot follow from the ones before.
    #[error("record {seq}: {illegal}")]
    Illegal {
        /// Its number.
        seq: u64,
        /// What cannot be.
        illegal: IllegalEvent,
    },
}

impl Run {
    /// Replays a journal. `on_step` sees the state after each record.
    pub fn replay_with(records: Vec<Numbered>, mut on_step: impl FnMut(&Rotation, &Numbered)) -> Result<Run, NotARun> {
        let mut all = records.iter();
        let first = all.next().ok_or(NotARun::NoStart)?;
        let Record::Started(start) = &first.event else { return Err(NotARun::NoStart) };
        let mut rotation = Rotation::new(start.plan.clone().into(), time(first)?);
        on_step(&rotation, first);
        for record in all {
            let Record::Event(event) = &record.event else { return Err(NotARun::StartsAgain(record.seq)) };
            let next = rotation.apply(time(record)?, event);
            rotation = next.map_err(|illegal| NotARun::Illegal { seq: record.seq, illegal })?;
            on_step(&rotation, record);
        }
        let start = (**start).clone();
        Ok(Run { start, records, rotation })
    }

    /// Replays a journal.
    pub fn replay(records: Vec<Numbered>) -> Result<Run, NotARun> {
        Run::replay_with(records, |_, _| {})
    }

    /// The service time of the last record.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.records.last().and_then(|r| r.at)
    }

    /// Whether the run is in a sandbox.
    pub fn in_sandbox(&self) -> bool {
        self.start.runbook.cloud.is_sandbox()
    }
}

fn time(record: &Numbered) -> Result<Timestamp, NotARun> {
    record.at.ok_or(NotARun::NoTime(record.seq))
}
