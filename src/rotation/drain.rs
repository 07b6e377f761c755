//! The overlap question: is the old secret still in use? Where the runbook asks it, the overlap goes on until it is not.

use jiff::{SignedDuration, Timestamp};

use super::Reading;
use super::failure::Reason;
use super::names::KeyId;
use super::plan::{Baseline, Delete, Drain};
use super::state::{Hold, Phase, Rotation, after};
use super::usage::Idleness;

/// How soon to ask again where the log did not tell; no later than an idle time.
const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

impl Rotation {
    /// Whether and how the sign-in records of the old secret count. A person who has released the run has answered the question,
    /// and a secret that has leaked is not waited for.
    fn drains(&self) -> Option<(Drain, KeyId)> {
        let leaked = self.plan.emergency.is_some();
        let asked = !self.back && !leaked && self.plan.delete != Delete::Never && self.hold != Hold::Released;
        match self.plan.baseline {
            Baseline::Alive { key_id } => self.plan.drain.filter(|_| asked).map(|drain| (drain, key_id)),
            Baseline::None | Baseline::Dead { .. } => None,
        }
    }

    /// The question to the sign-in records at the end of the overlap, until it is answered: from when on the old secret must
    /// have been idle to be idle now.
    pub(super) fn drain_reading(&self) -> Option<Reading> {
        let (drain, key_id) = self.drains().filter(|_| self.phase == Phase::Wait && self.seen.usage.is_none())?;
        let lookback = drain.log_delay.saturating_add(drain.idle);
        let since = self.deadline?.checked_sub(lookback).unwrap_or(Timestamp::MIN);
        Some(Reading::SignIns { key_id, since })
    }

    /// When the longest wait for the old secret to fall idle is over.
    pub(super) fn drained_by(&self) -> Option<Timestamp> {
        let (drain, _) = self.drains().filter(|(drain, _)| drain.require)?;
        self.confirmed_at.map(|at| after(self.overlap_ends(at), drain.within))
    }

    /// Goes on with the overlap, or stops, as long as the old secret is not known to be idle and the runbook asks for that.
    pub(super) fn goes_on_draining(&mut self, at: Timestamp) -> bool {
        let (Some((drain, _)), Some(by), Some(usage)) = (self.drains(), self.drained_by(), self.seen.usage.clone()) else {
            return false;
        };
        let (next, why) = match usage.idleness(drain.log_delay, drain.idle) {
            Idleness::Idle => return false,
            Idleness::InUse { idle_at } => (Some(idle_at), None),
            Idleness::CannotKnow(why) => {
                let soon = after(at, drain.idle.min(ASK_AGAIN));
                (why.passes().then_some(soon), Some(why.clone()))
            }
        };
        match next.filter(|_| at < by) {
            Some(next) => {
                self.forget();
                self.deadline = Some(next.max(after(at, SignedDuration::from_secs(1))).min(by));
            }
            None => self.stop(Reason::NotDrained { last: usage.last, why }),
        }
        true
    }
}
