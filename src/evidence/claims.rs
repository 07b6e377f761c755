//! What can be claimed of a run, each claim with the records that show it. A claim is drawn from events, never from the course
//! that a run should take: where the events are not there, it says so.

use serde::Serialize;

use super::state;
use super::text::{count, duration, place};
use super::timeline::{Became, Change, Overlap, Timeline};
use crate::rotation::answers::{Listed, Mutation, SignIn, Source};
use crate::rotation::names::KeyId;
use crate::rotation::{Event, Phase};
use crate::run::{Record, Run};

/// One statement about the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Its name, for programs. Several claims may bear the same, one for each secret or vault.
    pub name: &'static str,
    /// Whether the records show it. If not, the text says what is missing.
    pub shown: bool,
    /// The statement.
    pub text: String,
    /// The records that show it, or as much as there is.
    pub records: Vec<u64>,
}

pub(super) fn shown(name: &'static str, text: String, records: Vec<u64>) -> Claim {
    Claim { name, shown: true, text, records }
}

pub(super) fn not_shown(name: &'static str, text: String, records: Vec<u64>) -> Claim {
    Claim { name, shown: false, text, records }
}

/// A run with its timeline.
#[derive(Clone, Copy)]
pub(super) struct Story<'a> {
    pub(super) run: &'a Run,
    pub(super) line: &'a Timeline,
}

impl<'a> Story<'a> {
    /// Everything that the report claims, in the order of a run.
    pub(super) fn claims(self) -> Vec<Claim> {
        let mut all = vec![self.changes()];
        all.extend(self.proven());
        all.extend(self.written());
        all.extend(self.read_back());
        all.extend(self.overlap());
        all.extend(self.put_back());
        all.extend(self.old_removed());
        all.extend(self.leaked());
        all.push(self.only_ours_removed());
        all.extend(self.others());
        all.extend(self.end());
        all
    }

    pub(super) fn event(self, record: u64) -> Option<&'a Event> {
        let record = self.run.records.get(usize::try_from(record).ok()?)?;
        match &record.event {
            Record::Event(event) => Some(event),
            Record::Started(_) => None,
        }
    }

    /// All lists of the application's credentials, with their records.
    pub(super) fn lists(self) -> impl DoubleEndedIterator<Item = (u64, &'a [Listed])> {
        self.run.records.iter().filter_map(|record| match &record.event {
            Record::Event(Event::CredentialsListed { credentials, .. }) => Some((record.seq, credentials.as_slice())),
            Record::Event(_) | Record::Started(_) => None,
        })
    }

    /// The attempt that bears this run's tag, if the credential does.
    pub(super) fn own(self, listed: &Listed) -> Option<u32> {
        let plan = &self.run.start.plan;
        let own = listed.tag.as_ref().filter(|t| t.run == plan.run && t.target == plan.target);
        own.map(|t| t.attempt).filter(|n| *n > 0)
    }

    pub(super) fn old(self) -> Option<KeyId> {
        self.run.start.plan.baseline.key_id()
    }

    /// Whether `records` hold a read of every vault, each with a sign-in that was accepted.
    pub(super) fn all_signed_in(self, records: &[u64]) -> bool {
        let signed_in = |vault: usize| {
            records.iter().filter_map(|r| self.event(*r)).any(|event| {
                matches!(event, Event::VaultRead { vault: at, sign_in: Some(SignIn::Accepted), .. } if usize::from(at.0) == vault)
            })
        };
        (0..self.run.start.plan.vaults.len()).all(signed_in)
    }

    fn key(self, attempt: u32) -> String {
        self.run.rotation.key_id(attempt).map_or_else(|| format!("of attempt {attempt}"), |k| k.to_string())
    }

    pub(super) fn intents(self, of: impl Fn(&Mutation) -> bool) -> Vec<&'a Change> {
        self.line.changes.iter().filter(|c| of(&c.request)).collect()
    }

    fn changes(self) -> Claim {
        let all = &self.line.changes;
        let of = |is: fn(&Became) -> bool| all.iter().filter(|c| c.outcome.as_ref().is_some_and(|o| is(&o.is))).count();
        let applied = of(|b| matches!(b, Became::Applied(_)));
        let refused = of(|b| matches!(b, Became::NotApplied(_)));
        let doubted = all.len() - applied - refused;
        let text = format!(
            "{} to change the cloud {} intended: {applied} applied, {refused} not applied, {doubted} in doubt.",
            count(all.len(), "request"),
            if all.len() == 1 { "was" } else { "were" },
        );
        shown("changes", text, all.iter().map(|c| c.intent).collect())
    }

    /// Each value that was written from memory was proven first.
    fn proven(self) -> Vec<Claim> {
        let window = duration(self.run.start.plan.proof.window);
        let mut all = Vec::new();
        for attempt in 1..=u32::try_from(self.run.rotation.attempts().len()).unwrap_or(u32::MAX) {
            let publishes =
                |m: &Mutation| matches!(m, Mutation::WriteVault { attempt: a, from: Source::Memory, .. } if *a == attempt);
            let Some(first) = self.intents(publishes).first().map(|c| c.intent) else { continue };
            let key = self.key(attempt);
            let before = |r: &u64| *r < first;
            let proof = self.line.proofs.iter().find(|p| p.attempt == attempt && p.records.iter().all(before));
            all.push(match proof {
                Some(p) => shown(
                    "proven-before-published",
                    format!(
                        "The new secret with key ID {key} signed in {} without a break from {} to {} ({}; the runbook asks for \
                         {window}), before it was sent to any vault.",
                        count(p.records.len(), "time"),
                        p.since,
                        p.until,
                        duration(p.until.duration_since(p.since)),
                    ),
                    p.records.clone(),
                ),
                None => not_shown(
                    "proven-before-published",
                    format!("That the new secret with key ID {key} was proven before it was sent to a vault."),
                    vec![first],
                ),
            });
        }
        all
    }

    fn written(self) -> Vec<Claim> {
        let writes = self.intents(|m| matches!(m, Mutation::WriteVault { attempt, .. } if *attempt > 0));
        let mut all = Vec::new();
        if writes.is_empty() && !self.run.rotation.maybe_published() {
            all.push(shown("nothing-published", "No write of a new value to any vault was intended.".to_owned(), vec![]));
        }
        for v in self.line.versions.iter().filter(|v| v.attempt > 0) {
            let (at, key) = (place(&self.run.start, v.vault), self.key(v.attempt));
            let text = match v.intent {
                Some(_) => format!("The value of key ID {key} was written to {at} as version {}.", v.version),
                None => format!("{at} was found to serve the value of key ID {key} as version {}.", v.version),
            };
            all.push(shown("written", text, v.intent.into_iter().chain([v.record]).collect()));
        }
        for change in writes {
            let Mutation::WriteVault { vault, .. } = change.request else { continue };
            if !self.line.versions.iter().any(|v| v.vault == vault && v.attempt > 0) {
                let text = format!("That the write to {} that was intended took effect.", place(&self.run.start, vault));
                all.push(not_shown("written", text, vec![change.intent]));
            }
        }
        all
    }

    fn read_back(self) -> Option<Claim> {
        if !self.run.rotation.maybe_published() {
            return None;
        }
        const NAME: &str = "read-back";
        let passed = |p: &Phase| matches!(p, Phase::Consumers | Phase::Confirm);
        let round = self.line.rounds.iter().rfind(|r| r.phase == Phase::Smoke && passed(&r.next));
        Some(match round.filter(|r| self.all_signed_in(&r.records)) {
            Some(r) => {
                let key = state::new_key_id(&self.run.rotation).map_or_else(String::new, |k| format!(" of key ID {k}"));
                let text = format!(
                    "The value{key} was read back from every vault as a consumer reads it, and signed in ({}).",
                    r.at
                );
                shown(NAME, text, r.records.clone())
            }
            None => not_shown(NAME, "That the new value was read back from every vault and signed in.".to_owned(), vec![]),
        })
    }

    fn overlap(self) -> Vec<Claim> {
        let mut all = Vec::new();
        for back in [false, true] {
            let Some(overlap) = self.line.overlaps.iter().rfind(|o| o.back == back) else { continue };
            all.push(self.one_overlap(overlap));
        }
        all
    }

    fn one_overlap(self, overlap: &Overlap) -> Claim {
        let way = if overlap.back { " on the way back" } else { "" };
        let until = overlap.deadline.map_or_else(String::new, |d| format!(" It was to last until {d} at least."));
        let Some((end, again)) = &overlap.kept else {
            let text = format!("That the overlap{way} that began at {} was kept to its end.{until}", overlap.from);
            return not_shown("overlap", text, overlap.confirmed_by.clone());
        };
        let records: Vec<u64> = overlap.confirmed_by.iter().chain(again).copied().collect();
        let (first, last) = (records.iter().min().copied(), records.iter().max().copied());
        let within = |c: &&Change| Some(c.intent) > first && Some(c.intent) < last;
        if let Some(change) = self.line.changes.iter().find(within) {
            let text = format!("That nothing was changed in the overlap{way}.");
            return not_shown("overlap", text, vec![change.intent]);
        }
        let what = if self.old().is_some() { "Both secrets were" } else { "The new secret was" };
        let text = format!(
            "{what} left in place{way} from {} to {end} ({}): every vault served the same version at both ends, and no change was \
             intended in between.",
            overlap.from,
            duration(end.duration_since(overlap.from)),
        );
        shown("overlap", text, records)
    }
}
