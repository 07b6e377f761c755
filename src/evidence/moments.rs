//! The moments of a run that a reader looks for first, in the order of time: when it began, when the new secret was proven and
//! live, when the old one was gone, how it ended.

use jiff::Timestamp;
use serde::Serialize;

use super::claims::Story;
use super::emergency::EmergencyFacts;
use super::text::{clean, place};
use super::turns::Happening;
use crate::rotation::{Applied, End};

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Its name, for programs.
    pub name: &'static str,
    /// When, in service time.
    pub at: Timestamp,
    /// What happened, in a few words.
    pub text: String,
    /// The record that shows it; none where it is reckoned.
    pub record: Option<u64>,
}

impl Story<'_> {
    /// All of them, the earliest first.
    pub(super) fn moments(self) -> Vec<Moment> {
        let mut all = Vec::new();
        let mut say = |name, at, text: String, record| all.push(Moment { name, at, text, record });
        if let Some(first) = self.run.records.first()
            && let Some(at) = first.at
        {
            say("started", at, "Run started".to_owned(), Some(first.seq));
        }
        for (_, outcome, applied) in self.line.applied() {
            match applied {
                Applied::Added { .. } => {
                    say("secret-added", outcome.at, "New secret added".to_owned(), Some(outcome.record));
                }
                Applied::Written { .. } | Applied::Removed | Applied::Disabled => {}
            }
        }
        for proof in &self.line.proofs {
            say("secret-proven", proof.until, "New secret proven at sign-in".to_owned(), proof.records.last().copied());
        }
        for version in &self.line.versions {
            let place = clean(&place(&self.run.start, version.vault));
            let (name, what) = match version.attempt {
                0 => ("old-live-again", "Old secret live again"),
                _ => ("replacement-live", "Replacement live"),
            };
            say(name, version.at, format!("{what}: {place}"), Some(version.record));
        }
        for overlap in &self.line.overlaps {
            let (from, record) = (overlap.from, overlap.confirmed_by.last().copied());
            say("overlap-began", from, "Both secrets work: overlap began".to_owned(), record);
        }
        if let Some(old) = self.run.start.plan.baseline.key_id()
            && let Some((_, outcome)) = self.line.removal(old)
        {
            say("old-removed", outcome.at, "Old key ID removed".to_owned(), Some(outcome.record));
        }
        for turn in &self.line.turns {
            let (name, text) = match turn.what {
                Happening::Resumed { .. } => ("taken-over", "Taken over by a new process"),
                Happening::RollbackRequested { .. } => ("rollback-asked", "Rollback asked for"),
                Happening::TurnedBack { .. } => ("turned-back", "Turned back by itself"),
                Happening::TurnedForward => ("turned-forward", "Turned forward again"),
                Happening::NeedsOperator { .. } => ("needs-operator", "Stopped for an operator"),
                Happening::HoldSet { .. } => ("held", "Old secret held"),
                Happening::Released { .. } => ("released", "Released"),
                Happening::Abandoned { .. } | Happening::Ended(End::Abandoned) => ("abandoned", "Closed by a person"),
                Happening::Ended(End::Completed) => ("completed", "Completed"),
                Happening::Ended(End::RolledBack) => ("rolled-back", "Rolled back"),
                Happening::OutageAccepted { .. } => ("outage-accepted", "An outage was accepted"),
                Happening::PointOfNoReturn => continue,
            };
            say(name, turn.at, text.to_owned(), Some(turn.record));
        }
        if let Some(leak) = EmergencyFacts::of(self.run) {
            all.retain(|m| m.name != "old-removed");
            all.extend(of_leak(&leak));
        }
        all.sort_by_key(|moment| (moment.at, moment.record));
        all
    }
}

/// What a leak adds to them. The times of a leak are drawn from several records, which the claims name.
fn of_leak(leak: &EmergencyFacts) -> Vec<Moment> {
    let moments = [
        ("exposed", leak.exposed_at, "Exposed"),
        ("declared", Some(leak.declared_at), "Leak declared: the command"),
        ("leaked-removed", leak.removed_at, "Leaked key ID removed"),
        ("still-accepted", leak.last_accepted_at, "Last accepted after its removal"),
        ("first-refused", leak.first_refused_at, "First refused at sign-in"),
        ("proven-dead", leak.proven_dead_at, "Proven dead"),
        ("token-tail", leak.token_tail_until, "Last possible token expires"),
    ];
    let told = |(name, at, text): (&'static str, Option<Timestamp>, &str)| {
        at.map(|at| Moment { name, at, text: text.to_owned(), record: None })
    };
    moments.into_iter().filter_map(told).collect()
}
