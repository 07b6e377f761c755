//! Consumers: told and asked side by side, each again until it goes well or its time is over, each answer forced to disk when it comes.
//!
//! Nothing here changes the cloud. A process that dies on the way leaves no more than a refresh that happens twice.

use futures::StreamExt;
use futures::stream;
use jiff::SignedDuration;

use super::crash::Question;
use super::{CrashPoint, Driver, DriverError, Stop, Stopped, patience};
use crate::clock::Clock;
use crate::ports::{ConsumerAnswer, Consumers, Services, Told};
use crate::rotation::Event;

/// How many consumers are told or asked at the same time.
pub const SIDE_BY_SIDE: usize = 8;

/// The longest pause between two tries.
const LONGEST_REST: SignedDuration = SignedDuration::from_secs(15);

/// What consumers are wanted for.
#[derive(Clone, Copy)]
pub(super) enum Errand {
    Refresh,
    Check,
}

impl<S: Services, C: Clock, K: Consumers, P: Stop> Driver<'_, S, C, K, P> {
    /// All of `consumers`. One that does not answer holds up the decision, but not the others, nor the record of their answers.
    /// Where somebody asks to stop, what is being tried is tried to its end and nothing is tried again; who has not answered well
    /// by then has not answered, and the next process asks.
    pub(super) async fn visit(&mut self, errand: Errand, consumers: Vec<usize>) -> Result<Option<Stopped>, DriverError> {
        let told = self.told();
        let asked = Visit { consumers: self.consumers, clock: self.clock, stop: self.stop, told: &told, errand };
        let asks = consumers.into_iter().map(|consumer| async move { (consumer, asked.until_well(consumer).await) });
        let mut answers = stream::iter(asks).buffer_unordered(SIDE_BY_SIDE);
        while let Some((consumer, answer)) = answers.next().await {
            let Some(answer) = answer else { continue };
            self.crash(CrashPoint::AfterRead(Question::Consumer))?;
            let ConsumerAnswer { ok, reported, note, .. } = answer;
            self.record(match errand {
                Errand::Refresh => Event::ConsumerRefreshed { consumer, ok, note },
                Errand::Check => Event::ConsumerChecked { consumer, ok, reported, note },
            })?;
        }
        Ok(None)
    }

    fn told(&self) -> Told {
        let plan = self.rotation.plan();
        let to_use = self.rotation.to_use();
        Told {
            run: plan.run.to_string(),
            old_key_ids: self.rotation.to_leave(),
            new_key_id: to_use.map(|(key_id, _)| key_id),
            vault_version: to_use.and_then(|(_, version)| version),
        }
    }
}

/// What one visit to several consumers shares.
struct Visit<'a, K, C, P> {
    consumers: &'a K,
    clock: &'a C,
    stop: &'a P,
    told: &'a Told,
    errand: Errand,
}

impl<K, C, P> Clone for Visit<'_, K, C, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, C, P> Copy for Visit<'_, K, C, P> {}

impl<K: Consumers, C: Clock, P: Stop> Visit<'_, K, C, P> {
    /// One consumer: tried until it goes well, cannot help, or its time is over, with pauses that double. `None` if somebody asked to
    /// stop before that.
    async fn until_well(self, consumer: usize) -> Option<ConsumerAnswer> {
        if self.stop.requested() {
            return None;
        }
        let begun = self.clock.now();
        for tries in 1.. {
            let answer = match self.errand {
                Errand::Refresh => self.consumers.refresh(consumer, self.told).await,
                Errand::Check => self.consumers.check(consumer, self.told).await,
            };
            if answer.ok {
                return Some(answer);
            }
            if self.stop.requested() {
                return None;
            }
            let spent = self.clock.now().zip(begun).map_or(SignedDuration::MAX, |(now, begun)| now.duration_since(begun));
            let left = self.consumers.within(consumer).saturating_sub(spent);
            if !answer.retry || !left.is_positive() {
                return Some(counted(answer, tries));
            }
            let rest = crate::rotation::backoff(tries - 1, None).min(LONGEST_REST).min(left);
            patience::pause(self.clock, self.stop, rest).await;
            if self.stop.requested() {
                return None;
            }
        }
        None
    }
}

fn counted(answer: ConsumerAnswer, tries: u32) -> ConsumerAnswer {
    if tries == 1 {
        return answer;
    }
    ConsumerAnswer { note: format!("{tries} tries, the last: {}", answer.note), ..answer }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::rotation::answers::Reported;
    use jiff::Timestamp;

    struct Still;
    impl Clock for Still {
        fn now(&self) -> Option<Timestamp> {
            Some(Timestamp::UNIX_EPOCH)
        }
        fn local(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
        fn observe(&self, _: Timestamp) {}
        async fn sleep(&self, _: SignedDuration) {}
    }

    /// A consumer that is never well, and somebody who asks to stop at its third try.
    struct Ill(Cell<u32>);
    impl Consumers for Ill {
        async fn refresh(&self, _: usize, _: &Told) -> ConsumerAnswer {
            self.0.set(self.0.get() + 1);
            ConsumerAnswer { ok: false, reported: Reported::Neither, note: String::new(), retry: true }
        }
        async fn check(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
            self.refresh(consumer, told).await
        }
        fn within(&self, _: usize) -> SignedDuration {
            SignedDuration::from_hours(1)
        }
    }
    impl Stop for Ill {
        fn requested(&self) -> bool {
            self.0.get() >= 3
        }
        async fn asked(&self) {
            std::future::pending().await
        }
    }

    #[test]
    fn who_is_not_well_when_the_run_is_stopped_has_not_answered() {
        let (ill, told) =
            (Ill(Cell::new(0)), Told { run: String::new(), old_key_ids: Vec::new(), new_key_id: None, vault_version: None });
        let visit = Visit { consumers: &ill, clock: &Still, stop: &ill, told: &told, errand: Errand::Check };
        assert_eq!(futures::executor::block_on(visit.until_well(0)), None);
        assert_eq!(ill.0.get(), 3);
        assert_eq!(futures::executor::block_on(visit.until_well(0)), None, "nothing is begun after that");
        assert_eq!(ill.0.get(), 3);
    }
}
