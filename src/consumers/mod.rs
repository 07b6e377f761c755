//! Those who read the secret: told to read again and asked how they are, as the runbook says.
//!
//! Each call is one try, with a time limit; the driver tries again, because a service that has just been restarted is not well at
//! once. So a refresh may happen more than once; it may anyway, because a run that is killed right after one repeats it.
//!
//! What a consumer prints is kept for the report: the end of it, on one line, with all that looks like a secret struck out. No
//! consumer is ever told a secret.

mod command;
mod encoded;
mod http;
mod known;
mod note;
mod strike;

use std::time::Duration;

use jiff::SignedDuration;

use crate::ports::{ConsumerAnswer, Consumers, Told};
use crate::rotation::answers::Reported;
use crate::rotation::names::KeyId;
use crate::runbook::{Action, Call, Consumer, Runbook};
use known::Known;
use note::Tail;

/// A runbook's consumers.
#[derive(Debug, Clone)]
pub struct RunbookConsumers {
    consumers: Vec<Consumer>,
    reach: Reach,
    known: Known,
}

/// Which hosts an HTTP GET may go to. What a command does is its own affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any that a runbook may name: https anywhere, http on loopback.
    Anywhere,
    /// Loopback only, as in the sandbox. Anything else is a failed answer that says so, and nothing is sent.
    Loopback,
}

impl RunbookConsumers {
    /// The consumers in the order of the runbook, by which the rotation counts them.
    pub fn new(consumers: Vec<Consumer>, reach: Reach) -> RunbookConsumers {
        RunbookConsumers { consumers, reach, known: Known::of_environment() }
    }

    /// Those of a runbook; in the sandbox they are reached on loopback only.
    pub fn of(runbook: &Runbook) -> RunbookConsumers {
        let reach = if runbook.cloud.is_sandbox() { Reach::Loopback } else { Reach::Anywhere };
        RunbookConsumers::new(runbook.consumers.clone(), reach)
    }

    /// One try.
    async fn act(&self, action: Option<&Action>, told: &Told) -> ConsumerAnswer {
        let Some(action) = action else { return nothing_to_do() };
        let limit = action.timeout.get();
        let tried = match &action.call {
            Call::Command(command) => command::run(command, told, limit).await,
            Call::Http(url) => http::get(url.as_url(), self.reach, told, limit).await,
        };
        tried.answer(told, &self.known)
    }
}

impl Consumers for RunbookConsumers {
    async fn refresh(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
        self.act(self.consumers.get(consumer).and_then(|c| c.refresh.as_ref()), told).await
    }

    /// What it names is looked for in what was printed or answered, in the last 64 KiB of each stream: a whole GUID, in any case. A
    /// check that repeats what it was told shows nothing, and one that names an old key ID beside the new one counts as old.
    async fn check(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
        self.act(self.consumers.get(consumer).and_then(|c| c.check.as_ref()), told).await
    }

    fn within(&self, consumer: usize) -> SignedDuration {
        let within = self.consumers.get(consumer).map(|c| c.within.get()).unwrap_or_default();
        SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX)
    }
}

/// A time limit as a person reads it: what little of it was spent before the try began is not told.
fn about(limit: Duration) -> String {
    let tenths = limit.as_millis().saturating_add(50) / 100;
    humantime::format_duration(Duration::from_millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))).to_string()
}

/// The rotation asks only for what the runbook has; a journal that says otherwise ends here.
fn nothing_to_do() -> ConsumerAnswer {
    let note = "the runbook says nothing of how to do this".to_owned();
    ConsumerAnswer { ok: false, reported: Reported::Neither, note, retry: false }
}

/// How one try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Well,
    /// Another try may help.
    Badly,
    /// No other try can help.
    Hopelessly,
}

/// One try.
struct Try {
    went: Went,
    /// In our words; empty if there is nothing to say.
    what: String,
    /// In the consumer's words.
    said: Vec<Tail>,
}

impl Try {
    fn new(went: Went, what: impl Into<String>) -> Try {
        Try { went, what: what.into(), said: Vec::new() }
    }

    fn saying(mut self, said: impl IntoIterator<Item = Tail>) -> Try {
        self.said.extend(said);
        self
    }

    fn answer(self, told: &Told, known: &Known) -> ConsumerAnswer {
        let names = |key_id: &KeyId| self.said.iter().any(|tail| tail.reports(*key_id));
        let reported = if told.old_key_ids.iter().any(names) {
            Reported::Old
        } else if told.new_key_id.as_ref().is_some_and(names) {
            Reported::New
        } else {
            Reported::Neither
        };
        let (ok, retry) = match self.went {
            Went::Well => (true, false),
            Went::Badly => (false, true),
            Went::Hopelessly => (false, false),
        };
        ConsumerAnswer { ok, reported, note: note::note(&self.what, &self.said, known), retry }
    }
}

/// What a consumer is told: the name of each fact and the fact, where it is known.
fn facts(told: &Told) -> impl Iterator<Item = (&'static str, String)> {
    let facts = [
        ("run", Some(told.run.clone())),
        ("old-key-id", told.old_key_ids.first().map(KeyId::to_string)),
        ("new-key-id", told.new_key_id.map(|k| k.to_string())),
        ("vault-version", told.vault_version.map(|v| v.to_string())),
    ];
    facts.into_iter().filter_map(|(name, fact)| fact.map(|f| (name, f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_tenths_of_a_second() {
        assert_eq!(about(Duration::from_micros(999_700)), "1s");
        assert_eq!(about(Duration::from_millis(1_540)), "1s 500ms");
    }

    #[test]
    fn a_fact_that_is_not_known_is_not_told() {
        let told = Told { run: "r".into(), old_key_ids: Vec::new(), new_key_id: None, vault_version: None };
        assert_eq!(facts(&told).collect::<Vec<_>>(), [("run", "r".to_owned())]);
    }
}
