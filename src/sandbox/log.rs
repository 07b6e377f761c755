//! What was asked of a sandbox, what it did, and which fault struck. Bounded, and by its types unable to hold a value, a `hint`
//! or a token: ids, codes, known names, times.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::faults::{Call, Operation, RuleId};

/// The most entries that are kept; older ones go.
const MOST: usize = 1000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1, without gaps.
    pub seq: u64,
    /// Service time.
    pub at: Timestamp,
    /// What was asked for.
    pub operation: Operation,
    /// The HTTP method, if it is one of HTTP's own.
    pub method: String,
    /// The client that the token was given to; none if there was no good token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Uuid>,
    /// The client ID of the application that it concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Uuid>,
    /// The vault's host name, if there is such a vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// The secret's name, if the vault has one of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What went back.
    pub answered: Answered,
    /// `error.code`, or the number of a refused sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// The rules that struck it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<RuleId>,
}

/// What went back to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// An answer with this status.
    Status(u16),
    /// Nothing: the request was lost, and nothing happened.
    RequestLost,
    /// Nothing: the request was performed with this status, and the answer was lost.
    AnswerLost(u16),
    /// An answer with this status, cut in its body.
    Cut(u16),
    /// Nothing: the request lands later, and has an entry of its own then.
    AppliesLater,
    /// The request landed with this status when nobody listened any more.
    Nobody(u16),
}

/// What a request changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A password credential, by key ID.
    Added(Uuid),
    /// A password credential, by key ID.
    Removed(Uuid),
    /// A version, by id.
    Set(String),
    /// A version's properties, by id.
    Updated(String),
    /// A secret was deleted.
    Deleted,
    /// A secret was recovered.
    Recovered,
    /// A secret was purged.
    Purged,
    /// Something else.
    Changed,
}

impl Entry {
    /// An entry of a request that nothing is known of yet but what it asks for.
    pub(super) fn new(at: Timestamp, call: &Call, method: &str) -> Entry {
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = if known.contains(&method) { method } else { "OTHER" };
        Entry {
            seq: 0,
            at,
            operation: call.operation,
            method: method.to_owned(),
            caller: None,
            application: call.application,
            vault: None,
            secret: None,
            answered: Answered::RequestLost,
            code: None,
            effect: None,
            faults: Vec::new(),
        }
    }

    /// For people, on one line.
    pub fn line(&self) -> String {
        let on = match (&self.vault, &self.secret, self.application) {
            (Some(vault), Some(secret), _) => format!(" {secret} in {vault}"),
            (Some(vault), None, _) => format!(" in {vault}"),
            (None, _, Some(application)) => format!(" {application}"),
            (None, _, None) => String::new(),
        };
        let answered = match self.answered {
            Answered::Status(status) => status.to_string(),
            Answered::RequestLost => "request lost".to_owned(),
            Answered::AnswerLost(status) => format!("{status}, answer lost"),
            Answered::Cut(status) => format!("{status}, answer cut"),
            Answered::AppliesLater => "no answer, lands later".to_owned(),
            Answered::Nobody(status) => format!("landed late with {status}"),
        };
        let code = self.code.as_deref().map(|c| format!(" {c}")).unwrap_or_default();
        let effect = self.effect.as_ref().map(|e| format!("; {}", e.words())).unwrap_or_default();
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let faults = if faults.is_empty() { String::new() } else { format!("; fault {}", faults.join(", ")) };
        format!("{:>5} {} {}{on}: {answered}{code}{effect}{faults}", self.seq, self.at, self.operation.name())
    }
}

impl Effect {
    fn words(&self) -> String {
        match self {
            Effect::Added(id) => format!("added key ID {id}"),
            Effect::Removed(id) => format!("removed key ID {id}"),
            Effect::Set(id) => format!("wrote version {id}"),
            Effect::Updated(id) => format!("changed version {id}"),
            Effect::Deleted => "deleted".to_owned(),
            Effect::Recovered => "recovered".to_owned(),
            Effect::Purged => "purged".to_owned(),
            Effect::Changed => "changed".to_owned(),
        }
    }
}

/// The latest entries.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    /// Keeps an entry under the next number.
    pub fn push(&mut self, entry: Entry) {
        self.last = self.last.saturating_add(1);
        self.entries.push_back(Entry { seq: self.last, ..entry });
        if self.entries.len() > MOST {
            self.entries.pop_front();
        }
    }

    /// Those after a number, oldest first.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.seq > seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_counts_on() {
        let mut log = Log::default();
        let entry = Entry::new(Timestamp::UNIX_EPOCH, &Call::of(Operation::SignIn), "BREW");
        assert_eq!(entry.method, "OTHER");
        (0..1005).for_each(|_| log.push(entry.clone()));
        let kept: Vec<u64> = log.after(0).map(|e| e.seq).collect();
        assert_eq!((kept.len(), kept.first(), kept.last()), (1000, Some(&6), Some(&1005)));
        assert_eq!(log.after(1003).count(), 2);
    }
}
