//! How long changes take to be seen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Cloud;

/// A delay drawn anew for each change and place, in milliseconds, ends included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// At least.
    pub from_ms: u64,
    /// At most.
    pub to_ms: u64,
}

/// How changes propagate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// How many sign-in replicas there are; a change of the number holds for credentials made after it.
    pub replicas: u8,
    /// Until a replica accepts a new credential.
    pub appears: Range,
    /// Until a replica refuses a removed credential.
    pub vanishes: Range,
    /// Until lists show a change.
    pub lists: Range,
    /// Until a deleted secret is among the deleted ones.
    pub deletion: Range,
    /// Nothing propagates until [`Cloud::propagate`] says so: a search chooses the moments itself.
    pub held: bool,
}

impl Profile {
    /// Two replicas, everything seen everywhere at once.
    pub fn instant() -> Profile {
        let none = Range::default();
        Profile { replicas: 2, appears: none, vanishes: none, lists: none, deletion: none, held: false }
    }

    /// Two replicas; seconds instead of the minutes of a bad day, so that somebody can watch.
    pub fn realistic() -> Profile {
        Profile {
            appears: Range { from_ms: 200, to_ms: 1500 },
            vanishes: Range { from_ms: 200, to_ms: 2500 },
            lists: Range { from_ms: 0, to_ms: 1000 },
            deletion: Range { from_ms: 500, to_ms: 3000 },
            ..Profile::instant()
        }
    }

    /// Four replicas, and the minutes of a bad day.
    pub fn hostile() -> Profile {
        Profile {
            replicas: 4,
            appears: Range { from_ms: 5_000, to_ms: 120_000 },
            vanishes: Range { from_ms: 5_000, to_ms: 180_000 },
            lists: Range { from_ms: 0, to_ms: 60_000 },
            deletion: Range { from_ms: 5_000, to_ms: 60_000 },
            held: false,
        }
    }

    /// Two replicas; the caller decides when each of them, and the lists, see a change.
    pub fn held() -> Profile {
        Profile { held: true, ..Profile::instant() }
    }
}

impl Cloud {
    /// When a change made at `now` is seen at one place.
    pub(super) fn seen_at(&mut self, now: Timestamp, range: Range) -> Timestamp {
        if self.profile.held {
            return Timestamp::MAX;
        }
        let delay = self.things.between(range.from_ms, range.to_ms);
        let delay = SignedDuration::from_millis(i64::try_from(delay).unwrap_or(i64::MAX));
        now.checked_add(delay).unwrap_or(Timestamp::MAX)
    }

    /// The same for every replica.
    pub(super) fn seen_at_each(&mut self, now: Timestamp, range: Range) -> Vec<Timestamp> {
        let lag = |cloud: &Cloud, replica, at: Timestamp| at.saturating_add(cloud.lag(replica)).unwrap_or(Timestamp::MAX);
        (0..self.profile.replicas)
            .map(|replica| {
                let at = self.seen_at(now, range);
                lag(self, usize::from(replica), at)
            })
            .collect()
    }
}
