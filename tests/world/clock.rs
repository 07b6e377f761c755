//! The clock of one process in virtual time.

use std::cell::Cell;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::clock::Clock;
use keyrelay::sandbox::in_process::timeline::Timeline;

/// The clock of one process: service time, told by the `Date` of answers and carried on by a monotonic clock; or, where a test
/// wants to reckon with moments, the true time.
pub(crate) struct VirtualClock {
    pub timeline: Timeline,
    /// How far the machine's wall clock is off.
    pub local: Rc<Cell<SignedDuration>>,
    /// How long the machine was suspended in all: its monotonic clock stood still.
    pub suspended: Rc<Cell<SignedDuration>>,
    /// The `Date`, and what the monotonic clock showed then.
    anchor: Cell<Option<(Timestamp, Timestamp)>>,
    floor: Option<Timestamp>,
    exact: bool,
}

impl VirtualClock {
    pub(crate) fn exact(timeline: Timeline, local: Rc<Cell<SignedDuration>>) -> VirtualClock {
        let (anchor, suspended) = (Cell::new(None), Rc::default());
        VirtualClock { timeline, local, suspended, anchor, floor: None, exact: true }
    }

    /// As [`keyrelay::clock::ServiceClock`], which the shipped binary has.
    pub(crate) fn of_services(
        timeline: Timeline,
        local: Rc<Cell<SignedDuration>>,
        suspended: Rc<Cell<SignedDuration>>,
        floor: Option<Timestamp>,
    ) -> VirtualClock {
        VirtualClock { timeline, local, suspended, anchor: Cell::new(None), floor, exact: false }
    }

    fn monotonic(&self) -> Timestamp {
        self.timeline.now() - self.suspended.get()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Option<Timestamp> {
        if self.exact {
            return Some(self.timeline.now());
        }
        self.anchor.get().map(|(date, then)| date + self.monotonic().duration_since(then))
    }
    fn local(&self) -> Timestamp {
        self.timeline.now() + self.local.get()
    }
    fn observe(&self, date: Timestamp) {
        let date = self.floor.map_or(date, |floor| floor.max(date));
        if !self.exact && self.now().is_none_or(|now| date > now) {
            self.anchor.set(Some((date, self.monotonic())));
        }
    }
    async fn sleep(&self, pause: SignedDuration) {
        self.timeline.sleep(pause).await;
    }
}
