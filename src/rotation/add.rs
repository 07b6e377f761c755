//! Step 1: add a secret and prove it before anyone can read it.

use jiff::{SignedDuration, Timestamp};

use super::answers::{Listed, Mutation, SignIn};
use super::failure::Reason;
use super::names::KeyId;
use super::rules::{Rule, keeps};
use super::state::{AddState, Attempt, Phase, Rotation, Streak, after};

/// A row of sign-ins is broken by a gap of three times their spacing, but no shorter one than this: a process that was
/// suspended has not seen what happened meanwhile.
const SHORTEST_BREAK: SignedDuration = SignedDuration::from_secs(15);

impl Rotation {
    /// The list shows room, or does not.
    pub(super) fn decide_add(&mut self) {
        // what was revoked first makes room, also where a list still shows it
        let revoked = |c: &&Listed| self.leaked() == Some(c.key_id) && self.removed.contains_key(&c.key_id);
        let listed = self.seen.list.as_ref().map_or(0, |list| list.iter().filter(|c| !revoked(c)).count());
        if self.plan.room.is_some_and(|room| listed >= usize::from(room)) {
            return self.enter_reconcile(true);
        }
        self.add_next();
    }

    pub(super) fn add_next(&mut self) {
        self.todo.push_back(Mutation::AddSecret { attempt: self.attempt() });
    }

    /// The tag must have come back: without it no later process could find the credential.
    pub(super) fn was_added(&mut self, key_id: KeyId, tag_intact: bool) {
        let state = if tag_intact { AddState::Added(key_id) } else { AddState::Untagged(key_id) };
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.added = state;
        }
        if tag_intact {
            let proof = keeps(Rule::ProofBeforePublishing);
            self.enter(if proof { Phase::Prove } else { Phase::Publish { look_for_tag: false } });
            self.held = true;
        } else {
            self.next_attempt();
        }
    }

    /// The attempt is left as it is, nothing is cleaned up on the way, and the next one is added.
    pub(super) fn next_attempt(&mut self) {
        if self.attempt() >= self.plan.attempts {
            return self.fail(Reason::AttemptsExhausted);
        }
        self.attempts.push(Attempt { added: AddState::Planned, published: false });
        self.enter(Phase::Add);
    }

    /// Since when the value in memory has signed in without a break, while it is being proven.
    pub fn proven_since(&self) -> Option<Timestamp> {
        self.proof.filter(|_| self.phase == Phase::Prove).map(|streak| streak.since)
    }

    /// Fresh sign-ins must succeed without a break for the window (assumption A2). Anything else starts it again.
    pub(super) fn signed_in(&mut self, at: Timestamp, answer: &SignIn) -> bool {
        let spacing = self.plan.proof.spacing;
        if !answer.accepted() {
            self.proof = None;
            if self.out_of_patience(at) {
                self.fail(Reason::NotProven { last: answer.clone() });
                return true;
            }
        } else {
            let since = self.unbroken_since(at, spacing);
            if at.duration_since(since) >= self.plan.proof.window || !keeps(Rule::ProofWindow) {
                self.enter(Phase::Publish { look_for_tag: false });
                return true;
            }
        }
        self.pace(at, answer, spacing);
        true
    }

    /// Since when the row lasts to which the answer of this moment belongs.
    pub(super) fn unbroken_since(&mut self, at: Timestamp, spacing: SignedDuration) -> Timestamp {
        let gap = spacing.saturating_mul(3).max(SHORTEST_BREAK);
        let unbroken = self.proof.filter(|s| at.duration_since(s.last) <= gap);
        let since = unbroken.map_or(at, |s| s.since);
        self.proof = Some(Streak { since, last: at });
        since
    }

    /// The next sign-in. An endpoint that does not answer, or throttles, is asked ever more seldom, up to once a minute.
    pub(super) fn pace(&mut self, at: Timestamp, answer: &SignIn, spacing: SignedDuration) {
        let unanswered = matches!(answer, SignIn::Unavailable { .. });
        self.tries = if unanswered { self.tries.saturating_add(1) } else { 0 };
        let rest = if unanswered { super::backoff(self.tries, None) } else { SignedDuration::ZERO };
        self.not_before = Some(after(at, spacing.max(rest)));
    }
}
