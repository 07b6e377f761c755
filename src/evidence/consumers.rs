//! What was proven for each consumer. While both secrets work a healthy consumer proves nothing about which one it uses.

use serde::Serialize;

use super::claims::Story;
use super::explain::{name, noted};
use super::text::duration;
use crate::rotation::Event;
use crate::run::Record;

/// What was proven for one consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// Its name in the runbook.
    pub name: String,
    /// Whether it uses what the vaults serve.
    pub proof: Proof,
    /// The same in words.
    pub text: String,
    /// The records that show it.
    pub records: Vec<u64>,
}

/// How far it is proven that a consumer uses what the vaults serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It reported the new key ID.
    Adopted,
    /// The time for which it may keep a value has elapsed; it was not asked, or did not say which it uses.
    CacheElapsed,
    /// Nothing.
    Nothing,
}

/// The last answer of a consumer to a refresh or a check.
struct Answer {
    record: u64,
    ok: bool,
    note: String,
}

impl Story<'_> {
    pub(super) fn consumers(self) -> Vec<Consumer> {
        (0..self.run.start.plan.consumers.len()).map(|consumer| self.consumer(consumer)).collect()
    }

    fn consumer(self, consumer: usize) -> Consumer {
        // What was told and asked before the last write is about another version.
        let last_write = self.line.versions.iter().filter_map(|v| v.intent).max().unwrap_or(0);
        let mut answers = [None, None];
        for record in self.run.records.iter().filter(|r| r.seq > last_write) {
            let (slot, ok, note) = match &record.event {
                Record::Event(Event::ConsumerRefreshed { consumer: c, ok, note }) if *c == consumer => (0, *ok, note),
                Record::Event(Event::ConsumerChecked { consumer: c, ok, note, .. }) if *c == consumer => (1, *ok, note),
                Record::Event(_) | Record::Started(_) => continue,
            };
            if let Some(slot) = answers.get_mut(slot) {
                *slot = Some(Answer { record: record.seq, ok, note: note.clone() });
            }
        }
        let [refreshed, checked] = answers;
        let adopted = self.run.rotation.consumers().get(consumer).is_some_and(|c| c.adopted) && !self.run.rotation.back();
        let mut text = Vec::new();
        let mut records = Vec::new();
        for (answer, well, ill) in [
            (&refreshed, "It was refreshed", "It could not be refreshed"),
            (&checked, "It was found well", "It was found ill"),
        ] {
            if let Some(answer) = answer {
                text.push(format!("{}{}.", if answer.ok { well } else { ill }, noted(&answer.note)));
                records.push(answer.record);
            }
        }
        let proof = match self.cache_elapsed(consumer) {
            _ if adopted => {
                text.push("It reported the new key ID.".to_owned());
                Proof::Adopted
            }
            Some((words, shown_by)) => {
                text.push(words);
                records.extend(shown_by);
                Proof::CacheElapsed
            }
            None => {
                text.push("Which secret it uses was not shown.".to_owned());
                Proof::Nothing
            }
        };
        Consumer { name: name(&self.run.start, consumer), proof, text: text.join(" "), records }
    }

    /// Whether the overlap outlasted its cache. The overlap begins after the refresh.
    fn cache_elapsed(self, consumer: usize) -> Option<(String, Vec<u64>)> {
        let back = self.run.rotation.back();
        let overlap = self.line.overlaps.last().filter(|o| o.back == back)?;
        let (end, shown_by) = overlap.kept.as_ref()?;
        let cache = self.run.start.plan.consumers.get(consumer)?.cache;
        let passed = end.duration_since(overlap.from);
        let which = if back { "old" } else { "new" };
        let records = overlap.confirmed_by.iter().chain(shown_by).copied().collect();
        (passed >= cache).then(|| {
            let words = format!(
                "The vaults served the {which} value for {}, and it keeps a value for {} at most; which one it uses it did not say.",
                duration(passed),
                duration(cache)
            );
            (words, records)
        })
    }
}
