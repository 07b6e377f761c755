//! What became of each credential that a run added.

use serde::Serialize;

use super::claims::Story;
use super::timeline::Became;
use crate::rotation::answers::Mutation;
use crate::rotation::names::KeyId;
use crate::rotation::state::AddState;
use crate::rotation::{End, Phase};

/// One attempt to add a secret, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// The attempt, from 1.
    pub attempt: u32,
    /// Its key ID, where it is known.
    pub key_id: Option<KeyId>,
    /// What became of it.
    pub fate: Fate,
    /// The same in words.
    pub text: String,
    /// The records that show it.
    pub records: Vec<u64>,
}

/// What became of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The vaults were last found to serve it.
    Served,
    /// It was removed.
    Removed,
    /// It is there, and this run will not remove it any more.
    LeftOver,
    /// It is there, as far as is known; the run has not ended.
    Present,
    /// Whether it exists is not known.
    Unknown,
    /// The request was provably not applied.
    NotAdded,
}

impl Story<'_> {
    /// The attempts that were sent, in their order.
    pub(super) fn credentials(self) -> Vec<Credential> {
        (1..).zip(self.run.rotation.attempts()).filter_map(|(n, a)| self.credential(n, a.added)).collect()
    }

    fn credential(self, attempt: u32, added: AddState) -> Option<Credential> {
        let is_ours = |c: &&super::timeline::Change| c.request == Mutation::AddSecret { attempt };
        let sent: Vec<_> = self.line.changes.iter().filter(is_ours).collect();
        let mut records: Vec<u64> = Vec::new();
        for change in &sent {
            records.push(change.intent);
            records.extend(change.outcome.as_ref().map(|o| o.record));
        }
        // An answer that was lost is made good by a list that shows the tag.
        let in_lists = self.lists().find_map(|(record, all)| {
            let found = all.iter().find(|c| self.own(c) == Some(attempt))?;
            Some((record, found.key_id))
        });
        if added.key_id().is_none() {
            records.extend(in_lists.map(|(record, _)| record));
        }
        let key_id = added.key_id().or(in_lists.map(|(_, key_id)| key_id));
        let (fate, text) = match key_id {
            Some(key_id) => {
                let (fate, text, record) = self.known(added, key_id);
                records.extend(record);
                (fate, text)
            }
            None if sent.is_empty() && added == AddState::Planned => return None,
            None if !sent.is_empty()
                && sent.iter().all(|c| matches!(c.outcome.as_ref().map(|o| &o.is), Some(Became::NotApplied(_)))) =>
            {
                (Fate::NotAdded, "It was refused, so none was added.".to_owned())
            }
            None => {
                let from = records.last().copied().unwrap_or_default();
                match self.lists().rfind(|(record, _)| *record > from) {
                    Some((record, _)) => {
                        records.push(record);
                        (Fate::Unknown, "No answer came. The last list does not show it: either it was never applied, or it lands later.".to_owned())
                    }
                    None => (Fate::Unknown, "No answer came, and no list was read after it: it may exist.".to_owned()),
                }
            }
        };
        Some(Credential { attempt, key_id, fate, text, records })
    }

    /// One whose key ID is known; the last part is a record that shows its fate.
    fn known(self, added: AddState, key_id: KeyId) -> (Fate, String, Option<u64>) {
        let rotation = &self.run.rotation;
        if let Some((_, outcome)) = self.line.removal(key_id) {
            return (Fate::Removed, format!("It was removed at {}.", outcome.at), Some(outcome.record));
        }
        let last_list = self.lists().rfind(|(_, all)| all.iter().any(|c| c.key_id == key_id)).map(|(record, _)| record);
        let ended = matches!(rotation.phase(), Phase::Ended { .. });
        if matches!(added, AddState::Untagged(_)) {
            let text = "Its tag did not come back, so the run did not use it and may not remove it: it is left over, for you to \
                        remove.";
            return (Fate::LeftOver, text.to_owned(), last_list);
        }
        let back_at_baseline = *rotation.phase() == Phase::Ended { end: End::RolledBack };
        if rotation.served().map(|(k, _)| k) == Some(key_id) && !back_at_baseline {
            let read = self.line.rounds.iter().rfind(|r| !r.back && r.phase != Phase::Withdraw);
            return (
                Fate::Served,
                "The vaults were last found to serve it.".to_owned(),
                read.and_then(|r| r.records.last().copied()),
            );
        }
        if ended {
            let text = "The run has ended without removing it: it is left over, for you to look at and remove.";
            return (Fate::LeftOver, text.to_owned(), last_list);
        }
        let text = "It is at the application; the run removes it before it ends, unless the vaults come to serve it.";
        (Fate::Present, text.to_owned(), last_list)
    }
}
