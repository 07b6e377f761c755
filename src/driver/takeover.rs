//! A run that another process left: how it is taken over, and how a person turns it back.

use super::{Driver, DriverError, Stop, Stopped};
use crate::clock::Clock;
use crate::ports::{Consumers, Services};
use crate::rotation::answers::{Refusal, SignIn};
use crate::rotation::{Effect, Event};

/// Why the way back is closed. Nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WayBackClosed {
    /// The old value is dead.
    #[error("the old value does not sign in any more ({0})")]
    Dead(SignIn),
    /// Whether it lives cannot be told.
    #[error("the old value cannot be read: {0}")]
    Unread(Refusal),
    /// The run began without one, or is a repair.
    #[error("there is no living old value to go back to")]
    Nothing,
}

impl<S: Services, C: Clock, K: Consumers, P: Stop> Driver<'_, S, C, K, P> {
    /// Takes the run over and drives it, unless there is nothing to do but wait and nobody asked to stay. `accepted` are
    /// consumers whose outage a person accepts. Ask for the time first.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn resume(&mut self, by: String, accepted: Vec<usize>) -> Result<Stopped, DriverError> {
        // a release may have come since: then there is more to do than to wait
        self.hear_people()?;
        let now = self.now()?;
        if let Effect::Wait { until, why } = self.rotation.next(now)
            && self.may_leave(now, until, why)
            && accepted.is_empty()
        {
            return Ok(Stopped::Waiting { until, why });
        }
        self.record(Event::Resumed { by: by.clone() })?;
        if !accepted.is_empty() {
            self.record(Event::OutageAccepted { by, consumers: accepted })?;
        }
        self.run().await
    }

    /// Takes the run over and turns it back, if the way is open; to be followed by [`Driver::run`]. Ask for the time first. All
    /// that can refuse comes before the first record. `restore_leaked`: a person says that a leaked value may be put back.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn turn_back(
        &mut self,
        by: String,
        reason: String,
        restore_leaked: bool,
    ) -> Result<Result<(), WayBackClosed>, DriverError> {
        let back = self.rotation.back();
        let baseline = match self.rotation.rollback_proof().filter(|_| !back) {
            None => None,
            Some((vault, version)) => match self.baseline_signs_in(vault, version).await? {
                Ok((answer, _)) if answer.accepted() => Some(answer),
                Ok((answer, _)) => return Ok(Err(WayBackClosed::Dead(answer))),
                Err((refusal, _)) => return Ok(Err(WayBackClosed::Unread(refusal))),
            },
        };
        if !back && !self.rotation.may_go_back() {
            return Ok(Err(WayBackClosed::Nothing));
        }
        // a word that was said to the run as it stood is heard before it goes on
        self.hear_people()?;
        self.record(Event::Resumed { by: by.clone() })?;
        if !self.rotation.back() {
            self.record(Event::RollbackRequested { by, reason, baseline, restore_leaked })?;
        }
        Ok(Ok(()))
    }
}
