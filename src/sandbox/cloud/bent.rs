//! What a fault does to one request only: a replica that learns of it late, lists that are behind.

use jiff::{SignedDuration, Timestamp};

use super::Cloud;
use crate::sandbox::faults::Fault;

/// How the cloud is bent while one request is performed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Bent {
    late_replica: Option<(usize, SignedDuration)>,
    lists_as_of: Option<Timestamp>,
}

impl Cloud {
    /// Performs one request under a fault. What happens to it on its way is the caller's to do.
    pub(in crate::sandbox) fn under<T>(
        &mut self,
        fault: Option<&Fault>,
        now: Timestamp,
        act: impl FnOnce(&mut Cloud) -> T,
    ) -> T {
        let millis = |ms: &u64| SignedDuration::from_millis(i64::try_from(*ms).unwrap_or(i64::MAX));
        match fault {
            Some(Fault::ReplicaLate { replica, by }) => {
                self.bent.late_replica = Some((usize::from(*replica), millis(by)));
            }
            Some(Fault::StaleList(by)) => {
                self.bent.lists_as_of = Some(now.saturating_sub(millis(by)).unwrap_or(Timestamp::MIN));
            }
            Some(Fault::Refuse(_) | Fault::LoseRequest | Fault::LoseAnswer | Fault::ApplyLate(_)) | None => {}
            Some(Fault::ErrorAfter(_) | Fault::CutBody | Fault::Slow(_) | Fault::EmptyPage) => {}
        }
        let done = act(self);
        self.bent = Bent::default();
        done
    }

    /// How much later than it would a replica sees what happens now.
    pub(super) fn lag(&self, replica: usize) -> SignedDuration {
        self.bent.late_replica.filter(|(late, _)| *late == replica).map_or(SignedDuration::ZERO, |(_, by)| by)
    }

    /// As of when lists are answered.
    pub(super) fn lists_at(&self, now: Timestamp) -> Timestamp {
        self.bent.lists_as_of.unwrap_or(now)
    }

    /// Whether lists show what was made then.
    pub(super) fn lists_know(&self, made: Timestamp) -> bool {
        self.bent.lists_as_of.is_none_or(|as_of| made <= as_of)
    }
}
