//! The leaked credential is removed: that it is dead is proven as a new one is proven alive, by sign-ins on fresh connections.
//!
//! One replica may accept it for a while after its removal: it is waited out. Refusals count only if they say that the value is
//! wrong or expired; a disabled application, throttling or Conditional Access would refuse a living one too.

use jiff::Timestamp;

use super::Death;
use super::answers::SignIn;
use super::effect::Reading;
use super::plan::{Emergency, Way};
use super::state::{Phase, Rotation};

impl Rotation {
    pub(super) fn next_try_of_leaked(&self) -> Reading {
        let held_in = self.plan.emergency.as_ref().and_then(|e| e.versions.first().copied());
        Reading::Leaked { held_in }
    }

    /// Since when the leaked value has been refused without a break, while that is being proven.
    pub fn refused_since(&self) -> Option<Timestamp> {
        self.proof.filter(|_| self.phase == Phase::Dying).map(|streak| streak.since)
    }

    pub(super) fn leaked_tried(&mut self, at: Timestamp, answer: &SignIn) -> bool {
        let Some(Emergency { death, .. }) = self.plan.emergency.clone() else { return false };
        if answer.says_dead() {
            let since = self.unbroken_since(at, death.spacing);
            if at.duration_since(since) >= death.window {
                return self.leaked_is(Death::Proven);
            }
        } else {
            self.proof = None;
        }
        if self.failing_for(at) > death.limit.saturating_add(death.window) {
            return self.leaked_is(Death::Unproven);
        }
        self.pace(at, answer, death.spacing);
        true
    }

    /// What is left to do is done where the removal was decided.
    pub(super) fn leaked_is(&mut self, death: Death) -> bool {
        self.leak.death = Some(death);
        let only = self.plan.emergency.as_ref().is_some_and(|e| e.way == Way::RevokeOnly);
        self.enter(if only { Phase::Revoke } else { Phase::Delete });
        true
    }
}
