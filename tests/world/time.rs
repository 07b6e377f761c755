//! Virtual time: nothing runs while it stands still, and it jumps to the next moment that somebody waits for.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use keyrelay::clock::Clock;

/// Somebody who lives in the world beside the run: another writer, a person at the portal, consumers.
pub(crate) type Actor = Pin<Box<dyn Future<Output = ()>>>;

/// What everything in a world waits on.
#[derive(Clone)]
pub(crate) struct Timeline {
    pub now: Rc<Cell<Timestamp>>,
    asleep: Rc<RefCell<Vec<(Timestamp, Waker)>>>,
}

impl Timeline {
    pub(crate) fn new(now: Timestamp) -> Timeline {
        Timeline { now: Rc::new(Cell::new(now)), asleep: Rc::default() }
    }

    pub(crate) async fn sleep(&self, pause: SignedDuration) {
        let until = self.now.get() + pause.max(SignedDuration::ZERO);
        poll_fn(|cx| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.asleep.borrow_mut().push((until, cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Lets the others go first, at the same moment.
    pub(crate) async fn give_way(&self) {
        let mut given = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut given, true) {
                return Poll::Ready(());
            }
            self.asleep.borrow_mut().push((self.now.get(), cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs `main` to its end, and the actors beside it. All of them share one thread and take turns in a fixed order, so that
    /// the same world always goes the same way.
    pub(crate) fn run<T>(&self, main: impl Future<Output = T>, actors: &RefCell<Vec<Actor>>) -> T {
        let mut main = pin!(main);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
                return result;
            }
            actors.borrow_mut().retain_mut(|actor| actor.as_mut().poll(&mut cx).is_pending());
            self.jump();
        }
    }

    /// To the next moment that somebody waits for.
    fn jump(&self) {
        let mut asleep = self.asleep.borrow_mut();
        let Some(next) = asleep.iter().map(|(until, _)| *until).min() else { return };
        self.now.set(next.max(self.now.get()));
        // all are polled again and say again for what they wait; a stream polls only those of its parts that were woken
        for (_, waker) in asleep.drain(..) {
            waker.wake();
        }
    }
}

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
        self.timeline.now.get() - self.suspended.get()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Option<Timestamp> {
        if self.exact {
            return Some(self.timeline.now.get());
        }
        self.anchor.get().map(|(date, then)| date + self.monotonic().duration_since(then))
    }
    fn local(&self) -> Timestamp {
        self.timeline.now.get() + self.local.get()
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
