//! The report: who rotated what, why, when, and what can be claimed of it. A function of the journal; the same bytes each time.

use jiff::Timestamp;
use serde::Serialize;

use super::claims::{Claim, Story};
use super::consumers::Consumer;
use super::credentials::Credential;
use super::emergency::EmergencyFacts;
use super::explain::{Explanation, explain_in};
use super::lines::standing;
use super::moments::Moment;
use super::requests::Request;
use super::state::{self, State};
use super::summary::Application;
use super::text::{clean, sign_in};
use super::timeline::Timeline;
use super::turns::Happening;
use super::{html, markdown};
use crate::journal::RecordHash;
use crate::leak::reach::{Permission, reach};
use crate::rotation::names::{KeyId, RunId, VersionId};
use crate::rotation::plan::VaultStart;
use crate::rotation::usage::Source;
use crate::rotation::{End, Reason};
use crate::run::{GrantedThen, Run};
use crate::runbook::Runbook;

/// The version of the JSON form. Members may be added under it; none changes its meaning or goes away.
pub const SCHEMA: &str = "keyrelay.evidence/1";

/// All facts of the report. Text from outside is on one line and free of control characters; nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The run was in the sandbox: it is evidence of nothing that happened in a real tenant.
    pub sandbox: bool,
    /// The run's id.
    pub run: RunId,
    /// The version of keyrelay that started it.
    pub tool: String,
    /// Who, and on whose behalf.
    pub who: Who,
    /// Why.
    pub why: Why,
    /// What was rotated.
    pub application: Application,
    /// Where the value goes.
    pub vaults: Vec<VaultFacts>,
    /// The key ID that is replaced.
    pub old_key_id: Option<KeyId>,
    /// The key ID that the vaults were last found to serve of this run's, else the latest that it added.
    pub new_key_id: Option<KeyId>,
    /// How it stands, as of the last record.
    pub outcome: Outcome,
    /// The moments that a reader looks for first.
    pub moments: Vec<Moment>,
    /// In an emergency: what became of the leaked secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<EmergencyFacts>,
    /// In an emergency: what the application could do, as its permissions were read at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// The steps.
    pub steps: Vec<StepFacts>,
    /// What the records show, and what they do not.
    pub claims: Vec<Claim>,
    /// The secrets that the run added, and what became of each.
    pub credentials: Vec<Credential>,
    /// Who reads the secret, and what was proven for each.
    pub consumers: Vec<Consumer>,
    /// What the tenant's sign-in records said of the old secret, the last time that they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_ins: Option<SignIns>,
    /// Takeovers, holds, releases, failures, rollbacks, ends.
    pub course: Vec<Event>,
    /// The answers of the services, for a support case.
    pub requests: Vec<Request>,
    /// The runbook that the run was started with.
    pub runbook: RunbookFacts,
    /// The journal that this is drawn from.
    pub journal: JournalFacts,
    /// What no journal of such a run can show.
    pub not_proven: Vec<&'static str>,
}

/// Who ran it, and who answers for the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The identity that acted in the cloud.
    pub identity: String,
    /// The user of the machine.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The CI run.
    pub ci: Option<String>,
    /// Who answers for the application.
    pub owner: String,
    /// How the owner is reached.
    pub contact: String,
}

/// Why it was run, as given at the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The reason.
    pub reason: Option<String>,
    /// The ticket.
    pub ticket: Option<String>,
}

/// One place that the value goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultFacts {
    /// The vault's host name.
    pub vault: String,
    /// The secret's name.
    pub secret: String,
    /// The version that it served at the start; null if it served nothing.
    pub at_start: Option<VersionId>,
    /// The versions that the run wrote, in their order.
    pub written: Vec<VersionFacts>,
}

/// A version that the run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionFacts {
    /// The version.
    pub version: VersionId,
    /// The key ID whose value it holds, where it is known.
    pub key_id: Option<KeyId>,
    /// When it was written, or found.
    pub at: Timestamp,
    /// The record that shows it.
    pub record: u64,
}

/// How the run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// In one word.
    pub state: State,
    /// The step that it stands in, or stood in last.
    pub step: &'static str,
    /// When the first record was written, in service time.
    pub started: Option<Timestamp>,
    /// When the last record was written.
    pub last: Option<Timestamp>,
    /// The name of the reason, if it needs an operator, was rolled back or abandoned.
    pub reason: Option<&'static str>,
    /// What is true now, in words.
    pub text: String,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepFacts {
    /// Its name.
    pub name: &'static str,
    /// When it was first taken up.
    pub started: Timestamp,
    /// When it was last left.
    pub ended: Option<Timestamp>,
    /// How long the run stood in it, in seconds.
    pub seconds: f64,
    /// How often it was tried.
    pub attempts: u32,
}

/// What the sign-in records said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignIns {
    /// The record.
    pub record: u64,
    /// When they were read.
    pub at: Timestamp,
    /// `known`, `why`, `total`, `expected`, `unexpected[]` and so on, as `leak who` has them.
    #[serde(flatten)]
    pub said: serde_json::Value,
    /// The same in words.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// Where they came from.
    #[serde(skip)]
    pub sources: Vec<Source>,
}

/// What whoever signed in as the application could do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// Whether they could be read.
    pub known: bool,
    /// Why not.
    pub why: Option<String>,
    /// The application permissions, the most dangerous first. Roles in vaults and subscriptions are not among them.
    pub granted: Vec<Permission>,
}

impl Permissions {
    fn of(then: &GrantedThen) -> Permissions {
        match then {
            GrantedThen::Read(granted) => Permissions { known: true, why: None, granted: reach(granted) },
            GrantedThen::Unread(why) => Permissions { known: false, why: Some(clean(why)), granted: Vec::new() },
        }
    }
}

/// Something that turned the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The record.
    pub record: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// The runbook, resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunbookFacts {
    /// The file that it was read from.
    pub file: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// Its content with all defaults filled in.
    pub content: Runbook,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalFacts {
    /// How many records it has.
    pub records: usize,
    /// The hash of the last one.
    pub head: Option<RecordHash>,
    /// The journal was rebuilt from what the cloud showed: what happened before is not in it.
    pub rebuilt: bool,
    /// What the chain of hashes proves, and what it does not.
    pub meaning: &'static str,
}

const CHAIN: &str = "Each record holds the hash of the one before, so damage to the journal shows: a record changed, lost or \
                     moved. Forgery does not: who can write the file can write another chain. The head proves more only where it \
                     was kept elsewhere at the time.";

const NOT_PROVEN: [&str; 5] = [
    "Access tokens that were issued with a removed secret before its removal live on until they expire.",
    "That every sign-in replica accepted the new secret rests on assumption A2: replicas agree once fresh sign-ins have succeeded \
     without a break for the proof window. No vendor states that as a bound.",
    "That nothing of this run can take effect any more rests on assumption A1: after the settle time a request whose connection is \
     dead does not land, and no list is stale. No vendor states that as a bound.",
    "A healthy consumer proves nothing about which secret it uses while both work. Only one that reported the new key ID is shown \
     to use it.",
    "The records are what keyrelay was answered. What the services did besides is in their own audit logs; the request IDs below \
     tie the two together.",
];

impl Report {
    /// The report of `run`.
    pub fn of(run: &Run) -> Report {
        let line = Timeline::of(run);
        let story = Story { run, line: &line };
        let (start, rotation) = (&run.start, &run.rotation);
        let reason = state::reason(run, &line);
        let told = reason.iter().map(|(_, e)| e.happened.clone());
        let text: Vec<String> = told.chain([standing(rotation, start, &line)]).collect();
        let step = |s: &super::timeline::StepSpan| StepFacts {
            name: s.step.name(),
            started: s.started,
            ended: s.ended,
            seconds: s.spent.as_secs_f64(),
            attempts: s.attempts,
        };
        let event = |turn: &super::turns::Turn| Event { record: turn.record, at: turn.at, text: happening(&turn.what, run) };
        Report {
            schema: SCHEMA,
            sandbox: run.in_sandbox(),
            run: start.plan.run.clone(),
            tool: clean(&start.tool),
            who: Who {
                identity: clean(&start.by.identity),
                user: clean(&start.by.user),
                host: clean(&start.by.host),
                ci: start.by.ci.as_deref().map(clean),
                owner: clean(start.runbook.owner.as_str()),
                contact: clean(start.runbook.contact.as_str()),
            },
            why: Why { reason: start.reason.as_deref().map(clean), ticket: start.ticket.as_deref().map(clean) },
            application: Application::of(start),
            vaults: vaults(run, &line),
            old_key_id: state::old_key_id(start),
            new_key_id: state::new_key_id(rotation),
            outcome: Outcome {
                state: State::of(run),
                step: state::last_step(rotation, &line),
                started: run.records.first().and_then(|r| r.at),
                last: run.last_at(),
                reason: reason.map(|(name, _)| name),
                text: text.join(" "),
            },
            moments: story.moments(),
            emergency: EmergencyFacts::of(run),
            permissions: start.granted.as_ref().map(Permissions::of),
            steps: line.steps.iter().map(step).collect(),
            claims: story.claims(),
            credentials: story.credentials(),
            consumers: story.consumers(),
            sign_ins: line.usages.last().map(|u| SignIns {
                record: u.record,
                at: u.at,
                said: crate::usage::tell::json(&u.usage),
                lines: crate::usage::tell::lines(&u.usage),
                sources: u.usage.sources.clone(),
            }),
            course: line.turns.iter().map(event).collect(),
            requests: story.requests(),
            runbook: RunbookFacts {
                file: clean(&start.runbook_file),
                sha256: start.runbook.sha256.to_string(),
                content: start.runbook.clone(),
            },
            journal: JournalFacts {
                records: run.records.len(),
                head: run.records.last().map(|r| r.hash),
                rebuilt: start.rebuilt,
                meaning: CHAIN,
            },
            not_proven: NOT_PROVEN.to_vec(),
        }
    }

    /// As one JSON object over many lines, with a newline at its end.
    pub fn to_json(&self) -> String {
        // No member can fail to be written: the keys of all maps are text, and no number is infinite.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// As Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::write(self)
    }

    /// What the sign-in records were asked about.
    pub(super) fn sign_ins_with(&self) -> &'static str {
        if self.emergency.is_some() { "Sign-ins with the leaked secret" } else { "Sign-ins with the old secret" }
    }

    /// As one page of HTML that needs nothing else: no script, no font, no picture from anywhere.
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}

fn vaults(run: &Run, line: &Timeline) -> Vec<VaultFacts> {
    let served = |start: &VaultStart| match start {
        VaultStart::Empty => None,
        VaultStart::Holds { version } => Some(*version),
    };
    let places = run.start.runbook.vaults.iter().zip(&run.start.plan.vaults).enumerate();
    let facts = |(n, (vault, start)): (usize, (&crate::runbook::Vault, &VaultStart))| VaultFacts {
        vault: vault.url.host().to_owned(),
        secret: vault.secret.to_string(),
        at_start: served(start),
        written: line
            .versions
            .iter()
            .filter(|v| usize::from(v.vault.0) == n)
            .map(|v| VersionFacts { version: v.version, key_id: run.rotation.key_id(v.attempt), at: v.at, record: v.record })
            .collect(),
    };
    places.map(facts).collect()
}

fn happening(what: &Happening, run: &Run) -> String {
    let why = |reason: &Reason| {
        let Explanation { happened, .. } = explain_in(run, reason);
        happened
    };
    match what {
        Happening::Resumed { by } => format!("A new process took the run over: {}.", clean(by)),
        Happening::RollbackRequested { by, reason, baseline, restore_leaked } => {
            let signed_in =
                baseline.as_ref().map_or_else(String::new, |b| format!(" The old value was tried: {}.", sign_in(b)));
            let leaked = if *restore_leaked { " They said that the leaked value may be put back." } else { "" };
            format!("{} asked for the rollback: {}.{signed_in}{leaked}", clean(by), clean(reason))
        }
        Happening::TurnedBack { reason } => {
            format!("The run turned back by itself. {}", reason.as_ref().map_or_else(String::new, why)).trim_end().to_owned()
        }
        Happening::TurnedForward if run.start.plan.emergency.is_some() => {
            "The run went forward again: the old value has leaked, or does not sign in any more.".to_owned()
        }
        Happening::OutageAccepted { by, consumers } => {
            let names: Vec<String> = consumers.iter().map(|n| super::explain::name(&run.start, *n)).collect();
            format!("{} accepted that {} is cut off from the leaked secret.", clean(by), super::text::list(&names))
        }
        Happening::TurnedForward => "The old value does not sign in any more: the run went forward again.".to_owned(),
        Happening::NeedsOperator { reason } => format!("The run stopped for an operator. {}", why(reason)),
        Happening::PointOfNoReturn => "The removal of the old key ID was begun: from here on only forward.".to_owned(),
        Happening::HoldSet { by, why, until } => {
            format!("{} holds the old secret until {until}: {}.", clean(by), clean(why))
        }
        Happening::Released { by, why } => format!("{} released the run: {}.", clean(by), clean(why)),
        Happening::Abandoned { by, reason } => format!("{} closed the run as it stood: {}.", clean(by), clean(reason)),
        Happening::Ended(End::Completed) => "The run was completed.".to_owned(),
        Happening::Ended(End::RolledBack) => "The run was rolled back.".to_owned(),
        Happening::Ended(End::Abandoned) => "The run was abandoned.".to_owned(),
    }
}

/// One of the places, for people.
pub(super) fn named(vault: &VaultFacts) -> String {
    format!("{} in {}", vault.secret, vault.vault)
}
