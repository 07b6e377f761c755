//! How a [`Timeline`] is gathered while a run's records are replayed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::timeline::{Became, Change, Outcome, Overlap, OwnVersion, Proof, Round, StepSpan, Timeline, UsageSeen};
use super::turns;
use crate::rotation::answers::{Current, Mutation};
use crate::rotation::names::{KeyId, VaultIx, VersionId};
use crate::rotation::{Applied, Event, Phase, Rotation, Step};
use crate::run::{Numbered, Record};

/// What is known so far while the records go by.
#[derive(Default)]
pub(super) struct Gathering {
    pub(super) line: Timeline,
    /// The state before the record at hand, and when it came about.
    before: Option<(Rotation, Timestamp)>,
    /// The reads since something else happened, with their records.
    reads: Vec<(Reads, u64)>,
    /// The sign-ins with the value in memory since the run turned to proving it.
    sign_ins: Vec<(Timestamp, u64)>,
    /// How often each request was intended.
    tried: BTreeMap<Same, u32>,
    /// Something was done in the step that the run stands in.
    worked: bool,
    /// A new process has the run and has not done anything yet in a step that another had worked on.
    taken_over: bool,
}

/// What a read was of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    List,
    Vault(VaultIx),
}

/// Requests of one step that count as the same.
type Same = (Step, Option<VaultIx>, Option<KeyId>);

fn same(step: Step, request: &Mutation) -> Same {
    match request {
        Mutation::AddSecret { .. } => (step, None, None),
        Mutation::WriteVault { vault, .. } | Mutation::DisableVersion { vault, .. } => (step, Some(*vault), None),
        Mutation::RemoveSecret { key_id } => (step, None, Some(*key_id)),
    }
}

/// One record between the states before and after it.
struct Seen<'a> {
    event: &'a Event,
    seq: u64,
    at: Timestamp,
    before: &'a Rotation,
    after: &'a Rotation,
}

impl Gathering {
    pub(super) fn see(&mut self, after: &Rotation, record: &Numbered) {
        let Some(at) = record.at else { return };
        match (&record.event, self.before.take()) {
            (Record::Event(event), Some((before, since))) => {
                let seen = Seen { event, seq: record.seq, at, before: &before, after };
                self.read(&seen);
                self.change(&seen);
                self.version(&seen);
                if let Event::UsageRead { usage } = event {
                    self.line.usages.push(UsageSeen { record: seen.seq, at, usage: usage.clone() });
                }
                self.proof(&seen);
                self.round(&seen);
                self.line.turns.extend(turns::at(seen.seq, at, event, &before, after));
                self.step(&seen, since);
                // what was read at the end of the overlap is what the first removal rests on
                let goes_on = *before.phase() == Phase::Wait && *after.phase() == Phase::Delete;
                if before.phase() != after.phase() && !goes_on {
                    self.reads.clear();
                }
            }
            (Record::Event(_) | Record::Started(_), _) => self.line.steps.push(begun(after.step(), at)),
        }
        self.before = Some((after.clone(), at));
    }

    /// A read begins a new round if the same was read before; what is not a read ends one.
    fn read(&mut self, seen: &Seen<'_>) {
        let of = if let Event::VaultRead { vault, .. } = seen.event {
            Some(Reads::Vault(*vault))
        } else {
            matches!(seen.event, Event::CredentialsListed { .. }).then_some(Reads::List)
        };
        let beside =
            matches!(seen.event, Event::VersionsListed { .. } | Event::BaselineProven { .. } | Event::Intended { .. });
        if !beside && of.is_none_or(|of| self.reads.iter().any(|(known, _)| *known == of)) {
            self.reads.clear();
        }
        self.reads.extend(of.map(|of| (of, seen.seq)));
    }

    fn read_records(&self) -> Vec<u64> {
        self.reads.iter().map(|(_, seq)| *seq).collect()
    }

    fn change(&mut self, seen: &Seen<'_>) {
        if let Event::Intended { request } = seen.event {
            *self.tried.entry(same(seen.before.step(), request)).or_default() += 1;
            let reads = self.read_records();
            let change = Change { request: request.clone(), intent: seen.seq, at: seen.at, reads, outcome: None };
            return self.line.changes.push(change);
        }
        let is = if let Event::Applied { result, .. } = seen.event {
            Became::Applied(result.clone())
        } else if let Event::NotApplied { refusal, .. } = seen.event {
            Became::NotApplied(refusal.clone())
        } else if let Event::InDoubt { refusal, .. } = seen.event {
            Became::InDoubt(refusal.clone())
        } else {
            return;
        };
        if let Some(change) = self.line.changes.last_mut() {
            change.outcome = Some(Outcome { record: seen.seq, at: seen.at, is });
        }
    }

    /// A version of ours: from the answer to its write, or found later where that answer was lost.
    fn version(&mut self, seen: &Seen<'_>) {
        let mut own =
            OwnVersion { vault: VaultIx(0), attempt: 0, version: VersionId(0), intent: None, record: seen.seq, at: seen.at };
        if let Event::Applied { result: Applied::Written { version }, .. } = seen.event
            && let Some(change) = self.line.changes.last()
            && let Mutation::WriteVault { vault, attempt, .. } = change.request
        {
            (own.vault, own.attempt, own.version, own.intent) = (vault, attempt, *version, Some(change.intent));
        } else if let Event::VaultRead { vault, current: Current::Version(version), .. } = seen.event
            && let Some(tag) = version.tag.as_ref()
            && (&tag.run, tag.target) == (&seen.before.plan().run, seen.before.plan().target)
        {
            (own.vault, own.attempt, own.version) = (*vault, tag.attempt, version.id);
        } else {
            return;
        }
        if !self.line.versions.iter().any(|known| (known.vault, known.version) == (own.vault, own.version)) {
            self.line.versions.push(own);
        }
    }

    /// The row that counts is the one that the rotation counted: a refusal or a long gap starts it again.
    fn proof(&mut self, seen: &Seen<'_>) {
        if *seen.before.phase() != Phase::Prove {
            return;
        }
        if !matches!(seen.event, Event::SignedIn { .. }) {
            return self.sign_ins.retain(|_| *seen.after.phase() == Phase::Prove);
        }
        self.sign_ins.push((seen.at, seen.seq));
        if matches!(seen.after.phase(), Phase::Publish { .. }) {
            let since = seen.before.proven_since().unwrap_or(seen.at);
            let row = self.sign_ins.iter().filter(|(at, _)| *at >= since);
            let attempt = u32::try_from(seen.before.attempts().len()).unwrap_or(u32::MAX);
            let records = row.map(|(_, seq)| *seq).collect();
            self.line.proofs.push(Proof { attempt, since, until: seen.at, records });
        }
        self.sign_ins.retain(|_| *seen.after.phase() == Phase::Prove);
    }

    /// The rounds of reading that settle something: read back, confirmed, found again, nothing left to remove.
    fn round(&mut self, seen: &Seen<'_>) {
        let (phase, next) = (seen.before.phase(), seen.after.phase());
        let reads_whole = matches!(phase, Phase::Smoke | Phase::Confirm | Phase::Wait | Phase::Delete | Phase::Withdraw)
            || *phase == Phase::Revoke;
        let is_read =
            matches!(seen.event, Event::CredentialsListed { .. } | Event::VaultRead { .. } | Event::VersionsListed { .. });
        if !reads_whole || !is_read || phase == next {
            return;
        }
        let (records, back) = (self.read_records(), seen.before.back());
        let confirmed = *phase == Phase::Confirm && *next == Phase::Wait;
        if confirmed {
            let (confirmed_by, deadline) = (records.clone(), seen.after.deadline());
            self.line.overlaps.push(Overlap { back, confirmed_by, from: seen.at, deadline, kept: None });
        } else if *phase == Phase::Wait
            && matches!(next, Phase::Adoption | Phase::Delete)
            && let Some(overlap) = self.line.overlaps.last_mut()
        {
            let vaults = self.reads.iter().filter(|(of, _)| *of != Reads::List).map(|(_, seq)| *seq);
            overlap.kept = Some((seen.at, vaults.collect()));
        }
        self.line.rounds.push(Round { phase: phase.clone(), next: next.clone(), back, at: seen.at, records });
    }

    /// `since` is when the state before the record came about.
    fn step(&mut self, seen: &Seen<'_>, since: Timestamp) {
        let over = matches!(seen.after.phase(), Phase::Ended { .. });
        let (was, is) = (seen.before.step(), seen.after.step());
        let left = over || was != is;
        if let Some(span) = self.line.steps.iter_mut().find(|s| s.step == was) {
            span.spent = span.spent.saturating_add(seen.at.duration_since(since));
            span.ended = left.then_some(seen.at);
            let resumed = matches!(seen.event, Event::Resumed { .. });
            if !resumed && !said_by_a_person(seen.event) {
                span.entries += u32::from(self.taken_over);
                (self.worked, self.taken_over) = (true, false);
            }
            self.taken_over |= resumed && self.worked && *seen.after.phase() != Phase::Wait;
        }
        if left {
            (self.worked, self.taken_over) = (false, false);
        }
        if !over && was != is {
            match self.line.steps.iter_mut().find(|s| s.step == is) {
                Some(span) => (span.ended, span.entries) = (None, span.entries + 1),
                None => self.line.steps.push(begun(is, seen.at)),
            }
        }
        let began = |s: &StepSpan| match s.step {
            Step::OverlapWait => u32::try_from(self.line.overlaps.len()).unwrap_or(u32::MAX),
            Step::AddSecret | Step::WriteVault | Step::SmokeTest | Step::DeleteOld | Step::PutBack | Step::RemoveOurs => 0,
            Step::RevokeLeaked | Step::ProveDead => 0,
        };
        let tried = |s: &StepSpan| self.tried.iter().filter(|((step, ..), _)| *step == s.step).map(|(_, n)| *n).max();
        let counts: Vec<u32> = self.line.steps.iter().map(|s| s.entries.max(began(s)).max(tried(s).unwrap_or(0))).collect();
        for (span, attempts) in self.line.steps.iter_mut().zip(counts) {
            span.attempts = attempts;
        }
    }
}

fn said_by_a_person(event: &Event) -> bool {
    matches!(
        event,
        Event::RollbackRequested { .. }
            | Event::HoldSet { .. }
            | Event::Released { .. }
            | Event::Abandoned { .. }
            | Event::OutageAccepted { .. }
    )
}

fn begun(step: Step, at: Timestamp) -> StepSpan {
    StepSpan { step, started: at, ended: None, spent: SignedDuration::ZERO, attempts: 1, entries: 1 }
}
