//! What can be claimed of the way back, of what was removed, and of the end.

use super::EmergencyFacts;
use super::claims::{Claim, Story, not_shown, shown};
use super::text::{list, place};
use super::timeline::Became;
use crate::rotation::answers::{Listed, Mutation, SignIn};
use crate::rotation::names::KeyId;
use crate::rotation::plan::{Delete, Way};
use crate::rotation::{Event, Phase};
use crate::run::{Numbered, Record};

impl Story<'_> {
    pub(super) fn put_back(self) -> Vec<Claim> {
        let mut all = Vec::new();
        for v in self.line.versions.iter().filter(|v| v.attempt == 0) {
            let at = place(&self.run.start, v.vault);
            let text = format!("The old value was put back into {at} as version {}.", v.version);
            all.push(shown("put-back", text, v.intent.into_iter().chain([v.record]).collect()));
        }
        all.extend(self.old_proven());
        let leaked = self.run.start.plan.emergency.as_ref().map_or(&[][..], |e| e.versions.as_slice());
        let ours = |m: &Mutation| matches!(m, Mutation::DisableVersion { version, .. } if !leaked.iter().any(|h| h.version == *version));
        for change in self.intents(ours) {
            let Mutation::DisableVersion { vault, version } = change.request else { continue };
            let at = place(&self.run.start, vault);
            let outcome = change.outcome.as_ref().filter(|o| matches!(o.is, Became::Applied(_)));
            all.extend(outcome.map(|o| {
                let text = format!("Version {version} of {at} was disabled: there was nothing readable at the start.");
                shown("disabled", text, vec![change.intent, o.record])
            }));
        }
        all
    }

    /// Each write of the old value follows a sign-in with it that no other write lies between.
    fn old_proven(self) -> Option<Claim> {
        const NAME: &str = "old-proven";
        let writes = self.intents(|m| matches!(m, Mutation::WriteVault { attempt: 0, .. }));
        let (mut since, mut proofs) = (0, Vec::new());
        for write in &writes {
            let proven = |r: &&Numbered| {
                (since..write.intent).contains(&r.seq)
                    && matches!(&r.event, Record::Event(Event::BaselineProven { answer: SignIn::Accepted, .. }))
            };
            proofs.extend(self.run.records.iter().rfind(proven).map(|r| r.seq));
            since = write.intent;
        }
        let text = "The old value signed in before each time that it was put back.".to_owned();
        let missing = "That the old value signed in before each time that it was put back.".to_owned();
        let whole = proofs.len() == writes.len();
        (!writes.is_empty()).then(|| if whole { shown(NAME, text, proofs) } else { not_shown(NAME, missing, proofs) })
    }

    pub(super) fn old_removed(self) -> Option<Claim> {
        let old = super::state::old_key_id(&self.run.start)?;
        let kept = || {
            let why = if self.run.start.plan.delete == Delete::Never { ": the runbook keeps it" } else { "" };
            shown("old-not-removed", format!("No removal of the old key ID {old} was intended{why}."), vec![])
        };
        let revoked_first = self.run.start.plan.emergency.as_ref().is_some_and(|e| e.way == Way::RevokeFirst);
        let removals = self.intents(|m| *m == Mutation::RemoveSecret { key_id: old });
        let Some(first) = removals.first() else { return Some(kept()) };
        const NAME: &str = "old-removed";
        let Some((change, outcome)) = self.line.removal(old) else {
            return Some(not_shown(
                NAME,
                format!("That the old key ID {old}, whose removal was intended, was removed."),
                vec![first.intent],
            ));
        };
        // What matters is what was known when the removal was first sent.
        if revoked_first {
            let text = format!(
                "The leaked key ID {old} was removed at {} before it was replaced: an outage was accepted.",
                outcome.at
            );
            return Some(shown(NAME, text, vec![0, change.intent, outcome.record]));
        }
        if !self.all_signed_in(&first.reads) {
            let text = format!(
                "That every vault had been read and had signed in before the old key ID {old} was removed at {}.",
                outcome.at
            );
            return Some(not_shown(NAME, text, vec![change.intent, outcome.record]));
        }
        let text = format!(
            "The old key ID {old} was removed at {}, after every vault had been read again and its value had signed in.",
            outcome.at
        );
        let records = first.reads.iter().copied().chain([first.intent, change.intent, outcome.record]);
        let mut records: Vec<u64> = records.collect();
        records.dedup();
        Some(shown(NAME, text, records))
    }

    /// In an emergency: whether the leaked secret is dead.
    pub(super) fn leaked(self) -> Option<Claim> {
        const NAME: &str = "leaked-dead";
        let facts = EmergencyFacts::of(self.run)?;
        let records = facts.records.clone();
        Some(if facts.proven_dead_at.is_some() {
            shown(NAME, facts.fate(), records)
        } else {
            not_shown(NAME, format!("That the leaked secret is dead. {}", facts.fate()), records)
        })
    }

    /// Removals are of what the run added, and of the old key ID; nothing else.
    pub(super) fn only_ours_removed(self) -> Claim {
        const NAME: &str = "only-ours-removed";
        let removals = self.intents(|m| matches!(m, Mutation::RemoveSecret { .. }));
        let records: Vec<u64> = removals.iter().map(|c| c.intent).collect();
        let asked = removals.iter().filter_map(|c| match c.request {
            Mutation::RemoveSecret { key_id } => Some(key_id),
            Mutation::AddSecret { .. } | Mutation::WriteVault { .. } | Mutation::DisableVersion { .. } => None,
        });
        let asked: std::collections::BTreeSet<KeyId> = asked.collect();
        let added = |k: &KeyId| self.run.rotation.attempts().iter().any(|a| a.added.key_id() == Some(*k));
        let tagged = |k: &KeyId| self.lists().any(|(_, all)| all.iter().any(|c| c.key_id == *k && self.own(c).is_some()));
        let whose = |k: &KeyId| match (Some(*k) == self.old(), added(k) || tagged(k)) {
            _ if Some(*k) == self.run.rotation.leaked() => Some(format!("{k} (the leaked one)")),
            (true, _) => Some(format!("{k} (the old one)")),
            (false, true) => Some(format!("{k} (added by this run)")),
            (false, false) => None,
        };
        if asked.is_empty() {
            return shown(NAME, "No removal of any credential was intended.".to_owned(), records);
        }
        let strange: Vec<String> = asked.iter().filter(|k| whose(k).is_none()).map(ToString::to_string).collect();
        if strange.is_empty() {
            let known: Vec<String> = asked.iter().filter_map(whose).collect();
            return shown(NAME, format!("Removal was intended for nothing but {}.", list(&known)), records);
        }
        let text = format!("That {}, whose removal was intended, is this run's or the old one.", list(&strange));
        not_shown(NAME, text, records)
    }

    /// The other credentials of the application, in the first list and in the last.
    pub(super) fn others(self) -> Option<Claim> {
        const NAME: &str = "others-untouched";
        let (first, before) = self.lists().next()?;
        let (last, after) = self.lists().next_back().filter(|(last, _)| *last != first)?;
        let leaked = self.run.rotation.leaked();
        let other = |c: &&Listed| Some(c.key_id) != self.old() && Some(c.key_id) != leaked && self.own(c).is_none();
        let others: Vec<KeyId> = before.iter().filter(other).map(|c| c.key_id).collect();
        let gone: Vec<String> =
            others.iter().filter(|k| after.iter().all(|c| c.key_id != **k)).map(ToString::to_string).collect();
        let records = vec![first, last];
        Some(if gone.is_empty() {
            let text = match others.len() {
                0 => "The first list shows no other credential of the application.".to_owned(),
                1 => "The other credential that the first list shows is in the last one too.".to_owned(),
                n => format!("All {n} other credentials that the first list shows are in the last one too."),
            };
            shown(NAME, text, records)
        } else {
            let text = format!("That {} stayed: not in the last list, and no removal by this run is recorded.", list(&gone));
            not_shown(NAME, text, records)
        })
    }

    /// The round on which the run ended.
    pub(super) fn end(self) -> Option<Claim> {
        const NAME: &str = "end";
        let round = self.line.rounds.last().filter(|r| matches!(r.next, Phase::Ended { .. }))?;
        let (_, listed) = self.lists().find(|(record, _)| round.records.contains(record))?;
        let own: Vec<String> = listed.iter().filter(|c| self.own(c).is_some()).map(|c| c.key_id.to_string()).collect();
        let old_there = self.old().filter(|old| listed.iter().any(|c| c.key_id == *old));
        let old = match (old_there, self.old()) {
            (Some(_), _) => ", and the old one",
            (None, Some(_)) => ", and the old one no more",
            (None, None) => "",
        };
        let found = if own.is_empty() { "no credential".to_owned() } else { list(&own) };
        let signed_in = self.all_signed_in(&round.records);
        let vaults = match (signed_in, round.phase == Phase::Withdraw) {
            (true, _) => "every vault was read once more and its value signed in",
            (false, true) => "no vault held a version with this run's tag",
            (false, false) => "the vaults were read once more",
        };
        let text = format!("At the end ({}) {vaults}. The application listed {found} of this run{old}.", round.at);
        let expected = self.run.rotation.back() || signed_in;
        Some(if expected { shown(NAME, text, round.records.clone()) } else { not_shown(NAME, text, round.records.clone()) })
    }
}
