//! Virtual time: nothing runs while it stands still, and it jumps to the next moment that somebody waits for.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// Somebody who lives beside a run: a consumer, another writer, a person at the portal, an incident.
pub type Actor = Pin<Box<dyn Future<Output = ()>>>;

/// What everything in a world waits on. Clones are the same time.
#[derive(Clone, Debug)]
pub struct Timeline {
    now: Rc<Cell<Timestamp>>,
    asleep: Rc<RefCell<Vec<(Timestamp, Waker)>>>,
}

impl Timeline {
    /// Time that stands at `now`.
    pub fn new(now: Timestamp) -> Timeline {
        Timeline { now: Rc::new(Cell::new(now)), asleep: Rc::default() }
    }

    /// The time itself, for whoever moves it.
    pub fn cell(&self) -> Rc<Cell<Timestamp>> {
        Rc::clone(&self.now)
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Until so much later.
    pub async fn sleep(&self, pause: SignedDuration) {
        self.sleep_until(self.now().saturating_add(pause.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)).await;
    }

    /// Until then; a moment that is past has come already.
    pub async fn sleep_until(&self, until: Timestamp) {
        poll_fn(|cx| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.asleep.borrow_mut().push((until, cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Lets the others go first, at the same moment.
    pub async fn give_way(&self) {
        let mut given = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut given, true) {
                return Poll::Ready(());
            }
            self.asleep.borrow_mut().push((self.now(), cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Runs `main` to its end, and the actors beside it; an actor may bring others. All share one thread and take turns in a fixed
    /// order, so that the same world always goes the same way.
    pub fn run<T>(&self, main: impl Future<Output = T>, actors: &RefCell<Vec<Actor>>) -> T {
        let mut main = pin!(main);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
                return result;
            }
            let mut acting = std::mem::take(&mut *actors.borrow_mut());
            acting.retain_mut(|actor| actor.as_mut().poll(&mut cx).is_pending());
            let brought = std::mem::replace(&mut *actors.borrow_mut(), acting);
            actors.borrow_mut().extend(brought);
            self.jump();
        }
    }

    /// To the next moment that somebody waits for. Everybody is polled again then, and says again for what they wait.
    fn jump(&self) {
        let mut asleep = self.asleep.borrow_mut();
        let next = asleep.iter().map(|(until, _)| *until).min();
        self.now.set(next.unwrap_or_else(|| self.now()).max(self.now()));
        for (_, waker) in asleep.drain(..) {
            waker.wake();
        }
    }
}

impl Clock for Timeline {
    fn now(&self) -> Option<Timestamp> {
        Some(self.now.get())
    }

    fn local(&self) -> Timestamp {
        self.now.get()
    }

    fn observe(&self, _: Timestamp) {}

    async fn sleep(&self, pause: SignedDuration) {
        Timeline::sleep(self, pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_jumps_from_one_who_waits_to_the_next() {
        let begun: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
        let (time, heard) = (Timeline::new(begun), Rc::new(RefCell::new(Vec::new())));
        let seconds = SignedDuration::from_secs;
        let actor = |name: &'static str, every: i64| -> Actor {
            let (time, heard) = (time.clone(), Rc::clone(&heard));
            Box::pin(async move {
                loop {
                    time.sleep(seconds(every)).await;
                    heard.borrow_mut().push((name, time.now().duration_since(begun).as_secs()));
                }
            })
        };
        let actors = RefCell::new(vec![actor("a", 40), actor("b", 60)]);
        time.run(time.sleep(seconds(100)), &actors);
        assert_eq!(*heard.borrow(), [("a", 40), ("b", 60), ("a", 80)]);
        assert_eq!(time.now(), begun + seconds(100));
    }
}
