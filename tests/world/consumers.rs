//! Consumers as a run asks them: they answer what a test says, or that they are well.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::SignedDuration;
use keyrelay::ports::{ConsumerAnswer, Consumers, Told};
use keyrelay::rotation::answers::Reported;

use super::scene::seconds;
use keyrelay::sandbox::in_process::timeline::Timeline;

pub(crate) type Visits = Box<dyn FnMut(bool, usize, &Told) -> ConsumerAnswer>;

/// Time for tries in a world: ten seconds after the first.
pub(crate) const WITHIN: i64 = 10;

pub(crate) struct TestConsumers {
    pub timeline: Timeline,
    pub ok: Rc<Cell<bool>>,
    pub visits: Rc<RefCell<Option<Visits>>>,
    pub side_by_side: Rc<Cell<(usize, usize)>>,
}

impl TestConsumers {
    async fn answer(&self, refresh: bool, consumer: usize, told: &Told) -> ConsumerAnswer {
        let (now, most) = self.side_by_side.get();
        self.side_by_side.set((now + 1, most.max(now + 1)));
        self.timeline.give_way().await; // lets the others begin
        let (now, most) = self.side_by_side.get();
        self.side_by_side.set((now - 1, most));
        if let Some(visits) = self.visits.borrow_mut().as_mut() {
            return visits(refresh, consumer, told);
        }
        let reported = if refresh || told.new_key_id.is_none() { Reported::Neither } else { Reported::New };
        ConsumerAnswer { ok: self.ok.get(), reported, note: String::new(), retry: true }
    }
}

impl Consumers for TestConsumers {
    async fn refresh(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
        self.answer(true, consumer, told).await
    }
    async fn check(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
        self.answer(false, consumer, told).await
    }
    fn within(&self, _: usize) -> SignedDuration {
        seconds(WITHIN)
    }
}
