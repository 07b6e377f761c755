//! Intents and what became of them.

use jiff::Timestamp;

use super::answers::{Mutation, Refusal, RefusalKind};
use super::event::Applied;
use super::failure::Reason;
use super::state::{AddState, Phase, Rotation};

/// How often the same thing is tried when it is refused for now.
const TRIES: u32 = 8;

impl Rotation {
    pub(super) fn intended(&mut self, request: &Mutation) -> bool {
        if self.in_flight.is_some() || self.todo.front() != Some(request) {
            return false;
        }
        if let Mutation::RemoveSecret { key_id } = request {
            self.no_return |= !self.back && self.plan.baseline.key_id() == Some(*key_id);
        }
        self.in_flight = Some(request.clone());
        true
    }

    pub(super) fn applied(&mut self, at: Timestamp, result: &Applied) -> bool {
        let Some(request) = self.in_flight.clone() else { return false };
        let fits = match (&request, result) {
            (Mutation::AddSecret { .. }, Applied::Added { .. }) => true,
            (Mutation::WriteVault { .. }, Applied::Written { .. }) => true,
            (Mutation::DisableVersion { .. }, Applied::Disabled) => true,
            (Mutation::RemoveSecret { .. }, Applied::Removed) => true,
            (Mutation::AddSecret { .. } | Mutation::WriteVault { .. }, _) => false,
            (Mutation::DisableVersion { .. } | Mutation::RemoveSecret { .. }, _) => false,
        };
        if !fits {
            return false;
        }
        self.in_flight = None;
        self.unsettled = Some(at);
        self.tries = 0;
        self.may_be_read(&request);
        match (request, result) {
            (Mutation::AddSecret { .. }, Applied::Added { key_id, tag_intact, .. }) => {
                self.was_added(*key_id, *tag_intact);
            }
            (Mutation::RemoveSecret { key_id }, _) => {
                let repeated = self.removed.contains_key(&key_id);
                self.removed.entry(key_id).or_insert(at);
                self.went_well();
                if self.leaked() == Some(key_id) && self.leaked_removed() {
                    return true;
                }
                if repeated {
                    self.again(at, self.plan.proof.spacing);
                }
            }
            (Mutation::DisableVersion { version, .. }, _) => {
                self.leaked_version_disabled(version);
                self.went_well();
            }
            (Mutation::AddSecret { .. } | Mutation::WriteVault { .. }, _) => {
                self.went_well();
            }
        }
        true
    }

    /// One thing of the list is done. When all are, everything is read again.
    fn went_well(&mut self) {
        self.todo.pop_front();
        if !self.todo.is_empty() {
            return;
        }
        match self.phase.clone() {
            Phase::Publish { .. } => self.enter(Phase::Smoke),
            Phase::Reconcile { room } => self.enter_reconcile(room),
            Phase::Align { .. } | Phase::Restore | Phase::Delete | Phase::Withdraw => self.forget(),
            Phase::Revoke | Phase::Dying => self.forget(),
            Phase::Add | Phase::Prove | Phase::Smoke | Phase::Consumers | Phase::Confirm => self.forget(),
            Phase::Wait | Phase::Adoption => self.forget(),
            Phase::NeedsOperator { .. } | Phase::Ended { .. } => {}
        }
    }

    pub(super) fn not_applied(&mut self, at: Timestamp, refusal: &Refusal) -> bool {
        let Some(request) = self.in_flight.take() else { return false };
        if matches!(request, Mutation::AddSecret { .. }) && refusal.kind == RefusalKind::NoRoom {
            // Somebody took the place a moment ago, and a list may not show it before settle (A1): else the same would be asked
            // and refused without a pause.
            let since = self.failing_since.unwrap_or(at);
            self.unsettled = Some(at);
            self.enter_reconcile(true);
            self.failing_since = Some(since);
        } else if refusal.kind.passes() && self.tries < TRIES {
            self.pause(at, refusal);
        } else {
            self.fail(refused(&request, refusal));
        }
        true
    }

    pub(super) fn in_doubt(&mut self, at: Timestamp, refusal: &Refusal) -> bool {
        let Some(request) = self.in_flight.take() else { return false };
        self.doubt(at, &request);
        match (&request, &mut self.phase) {
            // never sent again: the next attempt has a tag of its own
            (Mutation::AddSecret { .. }, _) => self.next_attempt(),
            _ if self.tries >= TRIES => self.fail(refused(&request, refusal)),
            (Mutation::WriteVault { .. }, Phase::Publish { look_for_tag }) => {
                *look_for_tag = true;
                self.pause(at, refusal);
            }
            (Mutation::WriteVault { .. } | Mutation::DisableVersion { .. } | Mutation::RemoveSecret { .. }, _) => {
                self.pause(at, refusal);
            }
        }
        true
    }

    /// Reads everything again after a while.
    fn pause(&mut self, at: Timestamp, refusal: &Refusal) {
        let pause = super::backoff(self.tries, refusal.retry_after);
        self.tries += 1;
        self.again(at, pause);
    }

    /// A write that was, or may have been, applied: somebody may have read the value. What consumers said before is about another.
    fn may_be_read(&mut self, request: &Mutation) {
        // a version of the leaked value is disabled when nobody reads it any more
        let withdrawn = matches!(request, Mutation::DisableVersion { .. }) && self.back;
        if matches!(request, Mutation::WriteVault { .. }) || withdrawn {
            self.consumers.fill(Default::default());
            self.confirmed_at = None;
        }
        let Mutation::WriteVault { attempt, .. } = request else { return };
        let index = usize::try_from(*attempt).ok().and_then(|n| n.checked_sub(1));
        if let Some(attempt) = index.and_then(|i| self.attempts.get_mut(i)) {
            attempt.published = true;
        }
    }

    /// The request may land yet.
    pub(super) fn doubt(&mut self, at: Timestamp, request: &Mutation) {
        (self.doubted, self.unsettled) = (true, Some(at));
        self.may_be_read(request);
        if let (Mutation::AddSecret { .. }, Some(a)) = (request, self.attempts.last_mut()) {
            a.added = AddState::InDoubt;
        }
    }
}

fn refused(request: &Mutation, refusal: &Refusal) -> Reason {
    let refusal = refusal.clone();
    match request {
        Mutation::AddSecret { .. } => Reason::AddRefused { refusal },
        Mutation::WriteVault { vault, .. } | Mutation::DisableVersion { vault, .. } => {
            Reason::WriteRefused { vault: *vault, refusal }
        }
        Mutation::RemoveSecret { key_id } => Reason::RemoveRefused { key_id: *key_id, refusal },
    }
}
