//! Consumers: told to read again, asked how they are, and asked once more before what they may still use is removed.
//!
//! Those that are to be told or asked stand side by side in one effect; each answer is an event of its own, and what they mean
//! is decided when the last has come. The way back tells them too: a consumer that read the new value would keep it otherwise.

use jiff::Timestamp;

use super::answers::Reported;
use super::effect::Effect;
use super::failure::Reason;
use super::names::{KeyId, VersionId};
use super::plan::{ConsumerPlan, Delete};
use super::state::{ConsumerState, DATE_RESOLUTION, Phase, Rotation, after};

/// How far it is shown that a consumer uses what the vaults serve. Health is not adoption: both secrets work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// It reported the key ID that the vaults serve.
    Reported {
        /// When.
        at: Timestamp,
    },
    /// The time for which it may keep a value has elapsed since it was told to read again.
    Elapsed {
        /// Since when that is so.
        at: Timestamp,
    },
    /// The last key ID that it reported is one that is to be removed.
    ReportedOld {
        /// When.
        at: Timestamp,
    },
    /// It was found well, and nothing shows which it uses.
    HealthyOnly {
        /// When.
        at: Timestamp,
    },
    /// Nothing is shown.
    Unknown,
}

/// What consumers are wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    Refresh,
    Check,
}

impl Rotation {
    /// How far it is shown at `now` that a consumer uses what the vaults serve.
    pub fn adoption(&self, consumer: usize, now: Timestamp) -> Adoption {
        let (Some(state), Some(plan)) = (self.consumers.get(consumer), self.plan.consumers.get(consumer)) else {
            return Adoption::Unknown;
        };
        let elapsed = self.cache_elapses(plan, state, self.confirmed_at).filter(|t| *t <= now);
        let well = state.well.filter(|_| state.failed.is_none());
        let health = || well.map_or(Adoption::Unknown, |at| Adoption::HealthyOnly { at });
        match (state.reported, elapsed) {
            (Some((at, Reported::New)), _) => Adoption::Reported { at },
            // its own word against time; if it named none the next time, neither is shown
            (Some((at, Reported::Old)), Some(elapsed)) if elapsed <= at && well > Some(at) => health(),
            (Some((at, Reported::Old)), Some(elapsed)) if elapsed <= at => Adoption::ReportedOld { at },
            (_, Some(at)) => Adoption::Elapsed { at },
            (Some((at, Reported::Old)), None) => Adoption::ReportedOld { at },
            (Some((_, Reported::Neither)) | None, None) => health(),
        }
    }

    /// When a consumer can hold nothing any more that it read before the vaults were confirmed: its cache has elapsed since it was
    /// told to read again or, left to do so by itself, since then. If it says neither how it is told nor how long it keeps a value,
    /// time shows nothing.
    pub(super) fn cache_elapses(
        &self,
        plan: &ConsumerPlan,
        state: &ConsumerState,
        confirmed: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let told = if plan.refresh { state.refreshed } else { confirmed.filter(|_| plan.cache.is_positive()) };
        told.map(|t| after(t, plan.cache.saturating_add(DATE_RESOLUTION)))
    }

    /// The key ID and the version in the first vault that consumers are to use now: the new one, or on the way back the baseline.
    pub fn to_use(&self) -> Option<(KeyId, Option<VersionId>)> {
        if self.back {
            self.plan.baseline.key_id().map(|key_id| (key_id, self.put_back))
        } else {
            self.served.map(|(key_id, version)| (key_id, Some(version)))
        }
    }

    /// The key IDs that consumers may have read and are to use no more: forward the baseline's first, then the attempts' that were
    /// published, the latest first.
    pub fn to_leave(&self) -> Vec<KeyId> {
        let kept = self.to_use().map(|(key_id, _)| key_id);
        let published = self.attempts.iter().rev().filter(|a| a.published).filter_map(|a| a.added.key_id());
        self.plan.baseline.key_id().into_iter().chain(published).filter(|k| Some(*k) != kept).collect()
    }

    /// Those that are told or asked next, side by side, without those that have answered. All are refreshed before the first is
    /// checked.
    pub(super) fn wanted(&self) -> Option<(Errand, Vec<usize>)> {
        let all = |wanted: &dyn Fn(&ConsumerPlan, &ConsumerState) -> bool| -> Vec<usize> {
            let all = self.plan.consumers.iter().zip(&self.consumers).enumerate();
            all.filter(|(_, (plan, state))| wanted(plan, state)).map(|(n, _)| n).collect()
        };
        let open = |s: &ConsumerState| s.failed.is_none();
        let (errand, consumers) = if self.phase == Phase::Consumers {
            let refresh = all(&|plan, state| plan.refresh && state.refreshed.is_none() && open(state));
            if !refresh.is_empty() {
                (Errand::Refresh, refresh)
            } else if self.back || self.failed().next().is_some() {
                return None;
            } else {
                (Errand::Check, all(&|plan, state| plan.check && state.well.is_none() && open(state)))
            }
        } else if self.phase == Phase::Adoption {
            (Errand::Check, all(&|plan, state| plan.check && !state.asked_last))
        } else {
            return None;
        };
        (!consumers.is_empty()).then_some((errand, consumers))
    }

    pub(super) fn next_consumer(&self) -> Effect {
        match self.wanted() {
            Some((Errand::Refresh, consumers)) => Effect::Refresh { consumers },
            Some((Errand::Check, consumers)) => Effect::Check { consumers },
            // No state stands so: whatever has nothing to read has something to send, or has moved on. If one did, it must not spin.
            None => Effect::NeedsOperator(Reason::VaultsUnsteady),
        }
    }

    fn is_wanted(&self, at: Timestamp, errand: Errand, consumer: usize) -> bool {
        let free = self.held_back(at).is_none();
        free && self.wanted().is_some_and(|(wanted, who)| wanted == errand && who.contains(&consumer))
    }

    pub(super) fn refreshed(&mut self, at: Timestamp, consumer: usize, ok: bool, note: &str) -> bool {
        if !self.is_wanted(at, Errand::Refresh, consumer) {
            return false;
        }
        if let Some(state) = self.consumers.get_mut(consumer) {
            state.refreshed = ok.then_some(at);
            state.failed = (!ok).then(|| note.to_owned());
        }
        self.consumers_answered(at);
        true
    }

    pub(super) fn checked(&mut self, at: Timestamp, consumer: usize, ok: bool, reported: Reported, note: &str) -> bool {
        if !self.is_wanted(at, Errand::Check, consumer) {
            return false;
        }
        if let Some(state) = self.consumers.get_mut(consumer) {
            // what a consumer that is not well says of itself shows no adoption; that it names the old key is taken at its word
            if ok || reported == Reported::Old {
                state.well = ok.then_some(at).or(state.well);
                state.reported = if reported == Reported::Neither { state.reported } else { Some((at, reported)) };
            }
            state.failed = (!ok).then(|| note.to_owned());
            state.names_old = reported == Reported::Old;
            state.asked_last = self.phase == Phase::Adoption;
        }
        self.consumers_answered(at);
        true
    }

    /// Decides when all of a kind have answered.
    pub(super) fn consumers_answered(&mut self, at: Timestamp) {
        if self.wanted().is_some() {
            return;
        }
        let failed: Vec<usize> = self.failed().map(|(n, _)| n).collect();
        let note = self.failed().next().map(|(_, note)| note.to_owned());
        // On the way back a consumer that has read again and is not well for another reason does not keep the new secret alive.
        let in_the_way = self.phase == Phase::Consumers || !self.back;
        if let Some(note) = note.filter(|_| in_the_way) {
            return self.fail(Reason::ConsumerFailed { consumers: failed, note });
        }
        if self.phase == Phase::Consumers {
            return self.enter(Phase::Confirm);
        }
        if self.ask_those_who_linger(at) {
            return;
        }
        let states = self.consumers.iter().enumerate();
        let uses_old = |n: usize, s: &ConsumerState| (s.names_old || self.lingers(n, at)) && !s.old_waived;
        let old: Vec<usize> = states.filter(|(n, s)| uses_old(*n, s) && !self.outage_accepted(*n)).map(|(n, _)| n).collect();
        if old.is_empty() { self.enter(Phase::Delete) } else { self.fail(Reason::ConsumerUsesOld { consumers: old }) }
    }

    /// Those whose last answer was no, and what each printed; without those that a person let go.
    fn failed(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.consumers.iter().enumerate().filter(|(n, s)| !s.failure_waived && !self.outage_accepted(*n));
        all.filter_map(|(n, s)| s.failed.as_deref().map(|note| (n, note)))
    }

    /// The vaults serve what they are to serve: those who read them are told.
    pub(super) fn enter_consumers(&mut self, at: Timestamp) {
        self.enter(Phase::Consumers);
        self.consumers_answered(at);
    }

    /// What is about to be removed may be in use: all that can be asked are asked once more.
    pub(super) fn enter_adoption(&mut self) {
        self.ask_again();
        let removes = self.plan.delete != Delete::Never && self.removable_baseline().is_some() && !self.no_return;
        let leaves = self.back || removes;
        let asks = leaves && self.plan.consumers.iter().any(|c| c.check);
        self.enter(if asks { Phase::Adoption } else { Phase::Delete });
    }

    /// Those that failed, and those that were asked before a removal, are told or asked again.
    pub(super) fn ask_again(&mut self) {
        for state in &mut self.consumers {
            (state.failed, state.names_old, state.asked_last) = (None, false, false);
        }
    }

    /// A person who lets a run go on that stopped because of consumers takes that on: what they were told of stops it no more.
    pub(super) fn waive(&mut self) {
        let Phase::NeedsOperator { reason, .. } = &self.phase else { return };
        let of = |c: &[usize], n: usize| c.contains(&n);
        for (n, state) in self.consumers.iter_mut().enumerate() {
            state.failure_waived |= matches!(reason, Reason::ConsumerFailed { consumers, .. } if of(consumers, n));
            state.old_waived |= matches!(reason, Reason::ConsumerUsesOld { consumers } if of(consumers, n));
        }
    }

    /// Whether a removal that consumers were asked about has begun.
    pub(super) fn removal_begun(&self) -> bool {
        if self.back { !self.removed.is_empty() } else { self.no_return }
    }
}
