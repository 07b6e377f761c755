//! Why a run may not start: what happened, and what mends it. Nothing was changed.

use jiff::Timestamp;

use super::check::Check;
use crate::ports::Credential;
use crate::refusals::{Names, Words};
use crate::rotation::answers::{Refusal, RefusalKind, SignIn};
use crate::rotation::names::{KeyId, RunId};

/// A credential, as a person has to tell it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its key ID.
    pub key_id: KeyId,
    /// Its display name.
    pub name: String,
    /// From.
    pub start: Option<Timestamp>,
    /// To.
    pub end: Option<Timestamp>,
}

impl Candidate {
    /// What a person may know of a credential: not its hint.
    pub fn of(c: &Credential) -> Candidate {
        Candidate { key_id: c.key_id, name: c.display_name.clone(), start: c.start, end: c.end }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = |t: Option<Timestamp>| t.map_or_else(|| "?".to_owned(), |t| t.strftime("%Y-%m-%d").to_string());
        write!(f, "{} \"{}\" ({} to {})", self.key_id, self.name, date(self.start), date(self.end))
    }
}

/// One in a sentence, several in a list, each with its mend.
fn told(checks: &[Check]) -> String {
    match checks {
        [one] => one.sentence(),
        several => {
            let mend = |c: &Check| c.mend.as_ref().map(|m| format!("\n    next: {m}")).unwrap_or_default();
            let line = |c: &Check| format!("\n  {}: {}{}", c.check, c.sentence(), mend(c));
            format!("{} checks refuse:{}", several.len(), several.iter().map(line).collect::<String>())
        }
    }
}

fn listed(candidates: &[Candidate]) -> String {
    candidates.iter().map(|c| format!("\n  {c}")).collect()
}

/// Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A service said no, or nothing.
    #[error("{what}: {refusal}{}", request_id.as_ref().map(|r| format!(" (request-id {r})")).unwrap_or_default())]
    Service {
        /// What was asked for.
        what: String,
        /// The answer.
        refusal: Refusal,
        /// For support.
        request_id: Option<String>,
    },
    /// No answer carried a `Date`.
    #[error("no service has told the time (no `Date` in any answer), and without it no deadline can be kept")]
    NoServiceTime,
    /// A vault answered a version without a value.
    #[error("{place}: the vault answered without a value")]
    Value {
        /// The secret.
        place: String,
    },
    /// The latest version is disabled.
    #[error("{place}: the latest version is disabled, so consumers get nothing")]
    Disabled {
        /// The secret.
        place: String,
    },
    /// The name is blocked.
    #[error("{place}: the secret is soft-deleted, and its name is blocked")]
    SoftDeleted {
        /// The secret.
        place: String,
    },
    /// The value signs in, but it cannot be told which credential it is.
    #[error("{place}: the value signs in, but which credential it is cannot be told:{}", listed(candidates))]
    WhichKey {
        /// The secret.
        place: String,
        /// Those that it may be.
        candidates: Vec<Candidate>,
    },
    /// `--old-key` names no credential of the application.
    #[error("the application has no credential {key_id}; it has:{}", listed(credentials))]
    NoSuchKey {
        /// What was named.
        key_id: KeyId,
        /// What there is.
        credentials: Vec<Candidate>,
    },
    /// The sign-in says neither that the value is alive nor that it is dead.
    #[error("{place}: whether the current value signs in cannot be told: {answer}")]
    CannotTell {
        /// The secret.
        place: String,
        /// The last answer.
        answer: SignIn,
    },
    /// The vaults serve different credentials.
    #[error("the vaults do not agree: {}", what.join("; "))]
    VaultsDisagree {
        /// Who serves what.
        what: Vec<String>,
    },
    /// One more secret does not fit.
    #[error("the application may hold {room} secrets and holds:{}", listed(credentials))]
    NoRoom {
        /// How many it may hold.
        room: u8,
        /// What it holds.
        credentials: Vec<Candidate>,
    },
    /// Another run of the same target has added a credential and is not known to have ended.
    #[error("run {run} of the same target has added a credential and is not known to have ended")]
    Unfinished {
        /// Its id.
        run: RunId,
        /// Its journal is on this machine.
        here: bool,
    },
    /// Some checks refuse; all of them are told.
    #[error("{}", told(checks))]
    Checks {
        /// Those that refuse, at least one.
        checks: Vec<Check>,
    },
    /// A leak cannot be answered as it was asked for.
    #[error("{what}")]
    Emergency {
        /// Why not.
        what: String,
        /// What to type instead.
        next: String,
    },
    /// No run can be rebuilt.
    #[error("no unfinished run of this runbook's target can be seen in the application or in its vaults")]
    NothingToAdopt,
    /// What the run replaced cannot be told any more.
    #[error("{place}: what the vault served before run {run} cannot be told: no older version signs in")]
    NoOlderVersion {
        /// The secret.
        place: String,
        /// The run.
        run: RunId,
    },
}

impl Refused {
    /// The service's refusal, where it is one.
    pub fn service(&self) -> Option<&Refusal> {
        match self {
            Refused::Service { refusal, .. } => Some(refusal),
            Refused::NoServiceTime
            | Refused::Value { .. }
            | Refused::Disabled { .. }
            | Refused::SoftDeleted { .. }
            | Refused::WhichKey { .. }
            | Refused::NoSuchKey { .. }
            | Refused::CannotTell { .. }
            | Refused::VaultsDisagree { .. }
            | Refused::NoRoom { .. }
            | Refused::Unfinished { .. }
            | Refused::Checks { .. }
            | Refused::NothingToAdopt
            | Refused::Emergency { .. }
            | Refused::NoOlderVersion { .. } => None,
        }
    }

    /// The kind of the service's refusal.
    pub fn kind(&self) -> Option<RefusalKind> {
        self.service().map(|refusal| refusal.kind)
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Refused::Service { refusal, .. } => service_advice(refusal),
            Refused::NoServiceTime => "ask who runs the proxy between here and the services why it drops `Date`".to_owned(),
            Refused::Value { .. } => "look at the secret in the vault: az keyvault secret show".to_owned(),
            Refused::Disabled { .. } => {
                "enable it (az keyvault secret set-attributes --enabled true) or set a value that signs in".to_owned()
            }
            Refused::SoftDeleted { .. } => {
                "recover it (az keyvault secret recover) or purge it, then start again".to_owned()
            }
            Refused::WhichKey { .. } => "say which it is: --old-key KEY_ID".to_owned(),
            Refused::NoSuchKey { .. } => "name one of these with --old-key".to_owned(),
            Refused::CannotTell { .. } => "mend the sign-in first: nothing is rotated on a guess".to_owned(),
            Refused::VaultsDisagree { .. } => {
                "make them agree: set the value that signs in as a new version where it is missing".to_owned()
            }
            Refused::NoRoom { .. } => {
                "remove one that nobody uses: az ad app credential delete --id APP --key-id KEY_ID".to_owned()
            }
            Refused::Unfinished { run, here: true } => {
                format!(
                    "finish it first: keyrelay resume {run}, or keyrelay rollback {run}, or keyrelay abandon {run} --reason WHY"
                )
            }
            Refused::Unfinished { here: false, .. } => {
                "finish it where its journal is; if the journal is lost: keyrelay adopt RUNBOOK".to_owned()
            }
            Refused::Checks { checks } => match checks.as_slice() {
                [one] => one.mend.clone().unwrap_or_else(|| "keyrelay plan RUNBOOK shows all checks".to_owned()),
                _ => "mend these, and look again: keyrelay plan RUNBOOK".to_owned(),
            },
            Refused::Emergency { next, .. } => next.clone(),
            Refused::NothingToAdopt => "start a run: keyrelay rotate RUNBOOK".to_owned(),
            Refused::NoOlderVersion { .. } => "say which credential it was: --old-key KEY_ID".to_owned(),
        }
    }
}

/// Without names: where the runbook is at hand, the checks say it with them.
fn service_advice(refusal: &Refusal) -> String {
    Words::of_refusal(None, refusal, None, &Names::default()).advice()
}
