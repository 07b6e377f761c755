//! Time: the services' own, carried on by the monotonic clock between answers. The local wall clock is for records only.
#![allow(clippy::disallowed_methods)] // the one place that may ask the machine for the time

use std::cell::Cell;
use std::future::Future;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// Where the driver gets its time from.
pub trait Clock {
    /// Service time; `None` until an answer has carried a `Date`.
    fn now(&self) -> Option<Timestamp>;
    /// The machine's wall clock, which may be wrong by days.
    fn local(&self) -> Timestamp;
    /// An answer carried this `Date`.
    fn observe(&self, date: Timestamp);
    /// Nothing for a while.
    fn sleep(&self, pause: SignedDuration) -> impl Future<Output = ()>;
}

/// The clock of a real run.
///
/// Service time never goes back: an answer that comes from a cache, or from a service whose clock is behind, changes nothing.
/// It has milliseconds, which is more than a `Date` tells and as much as a person can read.
/// While the machine is suspended the monotonic clock may stand still, so waits get longer, never shorter.
#[derive(Debug, Default)]
pub struct ServiceClock {
    anchor: Cell<Option<(Timestamp, Instant)>>,
    /// What an earlier process has seen.
    floor: Option<Timestamp>,
}

impl ServiceClock {
    /// A clock that begins no earlier than the last record of a journal: a `Date` has whole seconds, and may lie before it.
    pub fn going_on_from(floor: Option<Timestamp>) -> ServiceClock {
        ServiceClock { anchor: Cell::new(None), floor }
    }
}

impl Clock for ServiceClock {
    fn now(&self) -> Option<Timestamp> {
        let (date, then) = self.anchor.get()?;
        let passed = SignedDuration::try_from(then.elapsed()).unwrap_or(SignedDuration::MAX);
        let now = date.checked_add(passed).unwrap_or(Timestamp::MAX);
        Some(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }

    fn local(&self) -> Timestamp {
        Timestamp::now()
    }

    fn observe(&self, date: Timestamp) {
        let date = self.floor.map_or(date, |floor| floor.max(date));
        if self.now().is_none_or(|now| date > now) {
            self.anchor.set(Some((date, Instant::now())));
        }
    }

    async fn sleep(&self, pause: SignedDuration) {
        tokio::time::sleep(pause.unsigned_abs()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_time_starts_with_the_first_date_and_never_goes_back() {
        let clock = ServiceClock::default();
        assert_eq!(clock.now(), None);
        let date: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        clock.observe(date);
        assert!(clock.now().unwrap() >= date);
        clock.observe(date - SignedDuration::from_hours(24));
        assert!(clock.now().unwrap() >= date);
        clock.observe(date + SignedDuration::from_hours(1));
        assert!(clock.now().unwrap() >= date + SignedDuration::from_hours(1));
    }

    #[test]
    fn a_later_process_does_not_go_back_behind_the_journal() {
        let last: Timestamp = "2026-11-21T10:00:00.7Z".parse().unwrap();
        let clock = ServiceClock::going_on_from(Some(last));
        assert_eq!(clock.now(), None, "the journal's time alone is not the time");
        clock.observe("2026-11-21T10:00:00Z".parse().unwrap());
        assert!(clock.now().unwrap() >= last);
    }
}
