//! What was shown for each consumer, when and by what. While both secrets work a healthy consumer proves nothing about which one it
//! uses.

use jiff::Timestamp;
use serde::Serialize;

use super::claims::Story;
use super::explain::{name, noted};
use super::text::{clean, duration};
use super::timeline::{Became, Change};
use crate::rotation::answers::{Mutation, Reported};
use crate::rotation::{Adoption, Event};
use crate::run::Record;

/// What was shown for one consumer since the value that it reads was last written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// Its name in the runbook.
    pub name: String,
    /// Whether it uses what the vaults serve.
    pub proof: Proof,
    /// Since when that is shown.
    pub at: Option<Timestamp>,
    /// The same in words, and by what it is shown.
    pub text: String,
    /// The records that show it.
    pub records: Vec<u64>,
    /// All that it answered, in its order.
    pub answers: Vec<Answer>,
}

/// How far it is shown that a consumer uses what the vaults serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It reported the key ID that the vaults serve.
    Adopted,
    /// The time for which it may keep a value has elapsed; it was not asked, or did not say which it uses.
    CacheElapsed,
    /// It reported a key ID that was to be removed, last.
    OldReported,
    /// It was found well; which secret it uses was not shown.
    HealthyOnly,
    /// Nothing.
    Nothing,
}

/// What it was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// To read again.
    Refresh,
    /// How it is.
    Check,
}

/// One answer of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The record.
    pub record: u64,
    /// When.
    pub at: Option<Timestamp>,
    /// What it was wanted for.
    pub asked: Asked,
    /// Whether it went well.
    pub ok: bool,
    /// The key ID that it named; null where it was not asked how it is.
    pub reported: Option<Reported>,
    /// What it printed, cut, with what looks like a secret struck out.
    pub printed: String,
}

impl Story<'_> {
    pub(super) fn consumers(self) -> Vec<Consumer> {
        (0..self.run.start.plan.consumers.len()).map(|consumer| self.consumer(consumer)).collect()
    }

    fn consumer(self, consumer: usize) -> Consumer {
        let answers = self.answers(consumer);
        let last = |asked| answers.iter().rfind(|a| a.asked == asked);
        let (mut text, mut records) = (Vec::new(), Vec::new());
        for answer in [last(Asked::Refresh), last(Asked::Check)].into_iter().flatten() {
            text.push(in_words(answer));
            records.push(answer.record);
        }
        let named = |which| answers.iter().rfind(|a| a.reported == Some(which)).map(|a| a.record);
        let now = self.run.last_at().unwrap_or(Timestamp::MIN);
        let (proof, at, words, shown_by) = match self.run.rotation.adoption(consumer, now) {
            Adoption::Reported { at } => (
                Proof::Adopted,
                Some(at),
                format!("It reported the key ID that the vaults serve, at {at}."),
                named(Reported::New),
            ),
            Adoption::Elapsed { at } => (Proof::CacheElapsed, Some(at), self.elapsed(consumer, at), None),
            Adoption::ReportedOld { at } => {
                let words = format!("It reported a key ID that is not the one that the vaults serve, at {at}.");
                (Proof::OldReported, Some(at), words, named(Reported::Old))
            }
            Adoption::HealthyOnly { at } => {
                (Proof::HealthyOnly, Some(at), "Which secret it uses was not shown.".to_owned(), None)
            }
            Adoption::Unknown => (Proof::Nothing, None, "Which secret it uses was not shown.".to_owned(), None),
        };
        text.push(words);
        records.extend(shown_by);
        records.extend(self.let_go(consumer).into_iter().inspect(|_| {
            text.push("A person let the run go on past its answer.".to_owned());
        }));
        records.sort_unstable();
        records.dedup();
        Consumer { name: name(&self.run.start, consumer), proof, at, text: text.join(" "), records, answers }
    }

    /// What was told and asked before the last write is about another version.
    fn answers(self, consumer: usize) -> Vec<Answer> {
        let writes = self.intents(|m| matches!(m, Mutation::WriteVault { .. } | Mutation::DisableVersion { .. }));
        let took_effect =
            |c: &&&Change| !c.outcome.as_ref().is_some_and(|outcome| matches!(outcome.is, Became::NotApplied(_)));
        let last_write = writes.iter().filter(took_effect).map(|c| c.intent).max().unwrap_or(0);
        let records = self.run.records.iter().filter(|r| r.seq > last_write);
        let answer = |record: &crate::run::Numbered| {
            let (asked, ok, reported, note) = match &record.event {
                Record::Event(Event::ConsumerRefreshed { consumer: c, ok, note }) if *c == consumer => {
                    (Asked::Refresh, *ok, None, note)
                }
                Record::Event(Event::ConsumerChecked { consumer: c, ok, reported, note }) if *c == consumer => {
                    (Asked::Check, *ok, Some(*reported), note)
                }
                Record::Event(_) | Record::Started(_) => return None,
            };
            Some(Answer { record: record.seq, at: record.at, asked, ok, reported, printed: clean(note) })
        };
        records.filter_map(answer).collect()
    }

    /// The record of the person's word that let the run go on past this consumer.
    fn let_go(self, consumer: usize) -> Option<u64> {
        let state = self.run.rotation.consumers().get(consumer)?;
        let released = |r: &&crate::run::Numbered| matches!(r.event, Record::Event(Event::Released { .. }));
        let let_go = state.failure_waived || state.old_waived;
        self.run.records.iter().rfind(released).filter(|_| let_go).map(|r| r.seq)
    }

    fn elapsed(self, consumer: usize, at: Timestamp) -> String {
        let plan = self.run.start.plan.consumers.get(consumer);
        let cache = duration(plan.map(|c| c.cache).unwrap_or_default());
        let since = if plan.is_some_and(|c| c.refresh) { "it was refreshed" } else { "the vaults were confirmed" };
        format!(
            "By {at} the {cache} for which it may keep a value had elapsed since {since}; which one it uses it did not say."
        )
    }
}

fn in_words(answer: &Answer) -> String {
    let what = match (answer.asked, answer.ok) {
        (Asked::Refresh, true) => "It was refreshed",
        (Asked::Refresh, false) => "It could not be refreshed",
        (Asked::Check, true) => "It was found well",
        (Asked::Check, false) => "It was not found well",
    };
    let at = answer.at.map_or_else(String::new, |at| format!(" at {at}"));
    format!("{what}{at}{}.", noted(&answer.printed))
}
