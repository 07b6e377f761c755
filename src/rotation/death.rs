//! The leaked credential is removed: that it is dead is proven as a new one is proven alive, by sign-ins on fresh connections.
//!
//! One replica may accept it for a while after its removal: it is waited out. Refusals count only if they say that the value is
//! wrong or expired; a disabled application, throttling or Conditional Access would refuse a living one too.

use jiff::{SignedDuration, Timestamp};

use super::Death;
use super::answers::SignIn;
use super::effect::Reading;
use super::plan::{Emergency, Way};
use super::state::{Phase, Rotation};

/// How far back is asked who used it, where nobody said since when others could: as long as every tenant keeps sign-in records
/// (learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention).
const LOOKBACK: SignedDuration = SignedDuration::from_hours(7 * 24);

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

    /// It is known. What is left is to ask who used it: now, since asking before would have let it live for longer.
    pub(super) fn leaked_is(&mut self, death: Death) -> bool {
        self.leak.death = Some(death);
        self.enter(Phase::Dying);
        true
    }

    /// What is read of the leaked credential: whether it is dead, then who used it.
    pub(super) fn readings_of_leaked(&self) -> Option<Reading> {
        let emergency = self.plan.emergency.as_ref()?;
        if self.leak.death.is_none() {
            return Some(self.next_try_of_leaked());
        }
        let before = || emergency.declared_at.checked_sub(LOOKBACK).unwrap_or(Timestamp::MIN);
        let since = emergency.exposed_at.unwrap_or_else(before);
        self.seen.usage.is_none().then_some(Reading::SignIns { key_id: emergency.leaked, since })
    }

    /// What is left to do is done where the removal was decided.
    pub(super) fn leaked_is_told(&mut self) {
        let only = self.plan.emergency.as_ref().is_some_and(|e| e.way == Way::RevokeOnly);
        self.enter(if only { Phase::Revoke } else { Phase::Delete });
    }
}
