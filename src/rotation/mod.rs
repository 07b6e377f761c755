//! The rotation: what is next, and what an answer means. Pure: no clock, file, socket, environment, randomness or secret value.
//!
//! [`Rotation::next`] says what to do, [`Rotation::apply`] takes what came of it; there is no other door. A run that is lived and
//! one that is replayed from its journal go through the same `apply`, so what the tests search is what ships.
//!
//! | file | subject |
//! |---|---|
//! | `names`, `answers` | key IDs, tags, versions; what services say |
//! | `plan`, `event`, `effect` | what a run sets out from, is told, wants |
//! | `state`, `view` | where a run stands; the same for those who only look |
//! | `readings` | what has to be read before the decision at hand |
//! | `add` | step 1: add and prove |
//! | `publish` | steps 2 and 3: write every vault, read back |
//! | `consumers` | refresh and check those who read, in both directions; which secret they use |
//! | `reconcile` | what to go on with when the value is gone, the vaults differ or there is no room |
//! | `overlap` | step 4, in both directions |
//! | `drain` | at its end: whether the old secret is still in use |
//! | `usage` | what the sign-in records say of a credential |
//! | `delete` | step 5, and the removal at the end of a rollback |
//! | `emergency`, `death` | a leaked credential: when it may go, and that it is dead |
//! | `back` | the way back |
//! | `failure` | why a machine stops, and the failure policy |
//! | `invariants` | what must hold in every state |
//! | `likeness` | when two states are the same |
//! | `rules` | the rules by name: each is switched off once by the search |

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub mod answers;
pub mod effect;
pub mod event;
pub mod failure;
pub mod invariants;
pub mod likeness;
pub mod names;
pub mod plan;
pub mod state;
pub mod usage;

mod add;
mod back;
pub mod consumers;
mod death;
mod delete;
mod drain;
mod emergency;
mod outcome;
mod overlap;
mod publish;
mod readings;
mod reconcile;
mod rules;
#[cfg(test)]
mod tests;
mod view;

pub use consumers::Adoption;
pub use effect::{Effect, Reading, Why};
pub use event::{Applied, Event};
pub use failure::Reason;
pub use plan::Plan;
#[cfg(feature = "rules-off")]
pub use rules::{Rule, switch_off};
pub use state::{Death, End, Phase, Rotation, Step};

use answers::Mutation;
use state::{AddState, Attempt, Hold, Seen};

/// An event that cannot happen in this state: a fault in keyrelay, or a journal that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event \"{event}\" cannot happen in the state \"{state}\"")]
pub struct IllegalEvent {
    /// Where the run stood.
    pub state: String,
    /// What it was told.
    pub event: String,
}

impl Rotation {
    /// A run at its start, or one whose journal is rebuilt from what the cloud shows.
    pub fn new(plan: Arc<Plan>, at: Timestamp) -> Rotation {
        let mut run = Rotation {
            back: false,
            phase: Phase::Add,
            attempts: vec![Attempt { added: AddState::Planned, published: false }],
            in_flight: None,
            todo: [].into(),
            unsettled: None,
            doubted: false,
            confirmed: Vec::new(),
            confirmed_at: None,
            deadline: None,
            rounds: 0,
            no_return: false,
            removed: [].into(),
            hold: Hold::None,
            consumers: vec![Default::default(); plan.consumers.len()],
            served: None,
            put_back: None,
            failure: None,
            not_before: None,
            tries: 0,
            failing_since: None,
            held: false,
            proof: None,
            leak: Default::default(),
            seen: Seen::nothing(plan.vaults.len()),
            plan,
        };
        run.begin_emergency();
        run.forget();
        run.adopt(at);
        run
    }

    /// What to do at `now`, in service time.
    pub fn next(&self, now: Timestamp) -> Effect {
        match &self.phase {
            Phase::Ended { end } => return Effect::Ended(*end),
            Phase::NeedsOperator { reason, .. } => return Effect::NeedsOperator(reason.clone()),
            Phase::Add | Phase::Prove | Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } => {}
            Phase::Smoke | Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Adoption | Phase::Delete => {}
            Phase::Withdraw | Phase::Restore | Phase::Revoke | Phase::Dying => {}
        }
        if let Some(request) = &self.in_flight {
            return Effect::Mutate(request.clone());
        }
        if let Some(until) = self.not_before.filter(|t| now < *t) {
            return Effect::Wait { until, why: self.why_not_yet() };
        }
        if let Some(until) = self.deadline.filter(|t| self.phase == Phase::Wait && now < *t) {
            return Effect::Wait { until, why: Why::Overlap };
        }
        if let Some(held) = self.held_back(now) {
            return held;
        }
        if let Some(request) = self.todo.front() {
            return Effect::Mutate(request.clone());
        }
        match self.next_reading() {
            Some(reading) => Effect::Read(reading),
            None => self.next_consumer(),
        }
    }

    /// Takes one event. The only way a run changes.
    pub fn apply(&self, at: Timestamp, event: &Event) -> Result<Rotation, IllegalEvent> {
        let mut run = self.clone();
        if run.take(at, event) { Ok(run) } else { Err(IllegalEvent { state: self.name(), event: event.name().to_owned() }) }
    }

    /// `false`: the event cannot happen in this state.
    fn take(&mut self, at: Timestamp, event: &Event) -> bool {
        let over = matches!(self.phase, Phase::Ended { .. });
        match event {
            Event::Resumed { .. } => !over && self.resumed(at),
            Event::Intended { request } => self.intended(request),
            Event::Applied { result, .. } => self.applied(at, result),
            Event::NotApplied { refusal, .. } => self.not_applied(at, refusal),
            Event::InDoubt { refusal, .. } => self.in_doubt(at, refusal),
            Event::CredentialsListed { credentials, .. } => {
                self.answers(Reading::Credentials, at, |seen| seen.list = Some(credentials.clone()))
            }
            Event::VaultRead { vault, current, sign_in, .. } => {
                let reading = Reading::Vault { vault: *vault, sign_in: self.signs_in_at(*vault) };
                let readable = matches!(current, answers::Current::Version(_));
                // a vault that serves nothing readable cannot be signed in with
                let whole = sign_in.is_some() == (self.signs_in_at(*vault) && readable);
                whole
                    && self.answers(reading, at, |seen| put(&mut seen.currents, *vault, (current.clone(), sign_in.clone())))
            }
            Event::VersionsListed { vault, versions, .. } => self
                .answers(Reading::Versions { vault: *vault }, at, |seen| put(&mut seen.versions, *vault, versions.clone())),
            Event::BaselineProven { answer, .. } => match self.next_reading() {
                Some(reading @ Reading::Baseline { .. }) => {
                    self.answers(reading, at, |seen| seen.baseline = Some(answer.clone()))
                }
                Some(Reading::Credentials | Reading::Vault { .. } | Reading::Versions { .. }) => false,
                Some(Reading::SignIn | Reading::SignIns { .. } | Reading::Leaked { .. }) | None => false,
            },
            Event::UsageRead { usage } => match self.next_reading() {
                Some(reading @ Reading::SignIns { key_id, .. }) if key_id == usage.key_id => {
                    self.answers(reading, at, |seen| seen.usage = Some(usage.clone()))
                }
                Some(Reading::SignIns { .. } | Reading::Credentials | Reading::Vault { .. }) => false,
                Some(Reading::Versions { .. } | Reading::Baseline { .. } | Reading::SignIn) => false,
                Some(Reading::Leaked { .. }) | None => false,
            },
            Event::SignedIn { answer, .. } => self.asks_for(Reading::SignIn) && self.signed_in(at, answer),
            Event::LeakedTried { answer, .. } => self.asks_for(self.next_try_of_leaked()) && self.leaked_tried(at, answer),
            Event::LeakedMissing { .. } => self.asks_for(self.next_try_of_leaked()) && self.leaked_is(Death::Unproven),
            Event::OutageAccepted { consumers, .. } => self.accept_outage(at, consumers),
            Event::ReadRefused { refusal, .. } => {
                // what is to be copied is read before the intent to write it
                let copies =
                    matches!(self.todo.front(), Some(Mutation::WriteVault { from: answers::Source::Version { .. }, .. }));
                // that the sign-in records cannot be read is an answer
                let reads = self.next_reading().is_some_and(|r| !matches!(r, Reading::SignIns { .. }));
                let asked = self.in_flight.is_none() && (copies || self.todo.is_empty() && reads);
                if asked {
                    self.fail(Reason::ReadRefused { refusal: refusal.clone() });
                }
                asked
            }
            Event::ConsumerRefreshed { consumer, ok, note } => self.refreshed(at, *consumer, *ok, note),
            Event::ConsumerChecked { consumer, ok, reported, note } => self.checked(at, *consumer, *ok, *reported, note),
            Event::RollbackRequested { baseline, restore_leaked, .. } => {
                self.rollback_requested(baseline.as_ref(), *restore_leaked)
            }
            Event::HoldSet { until, .. } => !over && self.set_hold(Hold::Until(*until)),
            Event::Released { .. } => {
                self.waive();
                !over && self.set_hold(Hold::Released)
            }
            Event::GaveUp => {
                let asked = matches!(self.held_back(at), Some(Effect::GiveUp));
                if asked {
                    self.stop(Reason::NotReleased);
                }
                asked
            }
            Event::Abandoned { .. } => {
                self.in_flight = None;
                if !over {
                    self.enter(Phase::Ended { end: End::Abandoned });
                }
                !over
            }
        }
    }

    /// Takes an answer down; when nothing more is to be read, decides.
    fn answers(&mut self, reading: Reading, at: Timestamp, take_down: impl FnOnce(&mut Seen)) -> bool {
        if !self.asks_for(reading) {
            return false;
        }
        take_down(&mut self.seen);
        if self.next_reading().is_none() {
            self.decide(at);
        }
        true
    }

    /// Everything that the phase has to know is known.
    fn decide(&mut self, at: Timestamp) {
        match self.phase.clone() {
            Phase::Add => self.decide_add(),
            Phase::Publish { look_for_tag } => self.decide_publish(look_for_tag),
            Phase::Reconcile { room } => self.decide_reconcile(at, room),
            Phase::Align { goal, vault, version } => self.decide_align(goal, vault, version),
            Phase::Smoke => self.decide_smoke(at),
            Phase::Confirm => self.decide_confirm(at),
            Phase::Wait => self.decide_wait(at),
            Phase::Delete => self.decide_delete(at),
            Phase::Revoke => self.decide_revoke(at),
            Phase::Withdraw => self.decide_withdraw(at),
            Phase::Restore => self.decide_restore(at),
            Phase::Dying => self.leaked_is_told(),
            Phase::Prove | Phase::Consumers | Phase::Adoption => {}
            Phase::NeedsOperator { .. } | Phase::Ended { .. } => {}
        }
    }

    /// A new process has the run: what was in memory is gone, what was under way is in doubt from now on.
    fn resumed(&mut self, at: Timestamp) -> bool {
        (self.held, self.proof) = (false, None);
        if let Some(request) = self.in_flight.take() {
            self.doubt(at, &request);
        }
        let paused = matches!(self.phase, Phase::NeedsOperator { .. });
        if let Phase::NeedsOperator { was, .. } = &self.phase {
            self.phase = (**was).clone();
            self.ask_again();
            self.rounds = 0; // a person has seen to what moved the vaults
        }
        match self.phase.clone() {
            Phase::Add if self.added(self.attempt()) == Some(AddState::Planned) => self.enter(Phase::Add),
            Phase::Add | Phase::Prove => self.next_attempt(),
            // What stopped the run may be there still: it is looked at before a further secret is added, or each resume would add one.
            Phase::Publish { .. } if paused || self.maybe_published() => {
                self.enter_reconcile(false);
            }
            Phase::Publish { .. } => self.next_attempt(),
            Phase::Reconcile { room } => self.enter_reconcile(room),
            Phase::Withdraw => self.enter_back(),
            Phase::Wait => self.forget(),
            phase @ (Phase::Align { .. } | Phase::Smoke | Phase::Consumers | Phase::Confirm) => self.enter(phase),
            // the consumers' answers may be days old by now
            Phase::Delete if !self.removal_begun() => self.enter_adoption(),
            phase @ (Phase::Adoption | Phase::Delete | Phase::Restore | Phase::Revoke | Phase::Dying) => self.enter(phase),
            Phase::NeedsOperator { .. } | Phase::Ended { .. } => {}
        }
        true
    }

    /// What keeps the run from removing the old secret although the overlap is over.
    fn held_back(&self, now: Timestamp) -> Option<Effect> {
        let removes = self.plan.delete != plan::Delete::Never && self.removable_baseline().is_some();
        if !matches!(self.phase, Phase::Adoption | Phase::Delete) || self.back || self.no_return || !removes {
            return None;
        }
        let wait = |until, why| Some(Effect::Wait { until, why });
        match (self.hold, self.plan.delete, self.deadline) {
            (Hold::Until(until), _, _) if now < until => wait(until, Why::Hold),
            (Hold::None | Hold::Until(_), plan::Delete::OnRelease, Some(until)) if now < until => wait(until, Why::Release),
            (Hold::None | Hold::Until(_), plan::Delete::OnRelease, _) => Some(Effect::GiveUp),
            (Hold::None | Hold::Until(_) | Hold::Released, _, _) => None,
        }
    }

    fn set_hold(&mut self, hold: Hold) -> bool {
        self.hold = hold;
        // what was read and asked for a removal is not fresh any more when the hold ends
        match self.phase {
            Phase::Delete if self.in_flight.is_some() => {}
            Phase::Delete if self.removal_begun() => self.forget(),
            Phase::Adoption | Phase::Delete => self.enter_adoption(),
            Phase::Add | Phase::Prove | Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } => {}
            Phase::Smoke | Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Withdraw | Phase::Restore => {}
            Phase::Revoke | Phase::Dying => {}
            Phase::NeedsOperator { .. } | Phase::Ended { .. } => {}
        }
        true
    }

    fn why_not_yet(&self) -> Why {
        match self.phase {
            Phase::Prove | Phase::Dying => Why::Proof,
            Phase::Reconcile { .. } | Phase::Withdraw if self.tries == 0 => Why::Settle,
            Phase::Reconcile { .. } | Phase::Withdraw | Phase::Add | Phase::Publish { .. } | Phase::Align { .. } => {
                Why::Again
            }
            Phase::Smoke | Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Adoption | Phase::Delete => Why::Again,
            Phase::Restore | Phase::Revoke | Phase::NeedsOperator { .. } | Phase::Ended { .. } => Why::Again,
        }
    }
}

fn put<T>(places: &mut [Option<T>], vault: names::VaultIx, what: T) {
    if let Some(place) = places.get_mut(usize::from(vault.0)) {
        *place = Some(what);
    }
}

/// How long to leave a service alone after `tries` refusals: doubling from a second up to a minute, or as long as it asks.
pub(crate) fn backoff(tries: u32, asked: Option<std::time::Duration>) -> SignedDuration {
    let own = SignedDuration::from_secs(1 << tries.clamp(0, 6)).min(SignedDuration::from_secs(60));
    let asked = asked.and_then(|d| SignedDuration::try_from(d).ok()).unwrap_or(SignedDuration::ZERO);
    own.max(asked)
}
