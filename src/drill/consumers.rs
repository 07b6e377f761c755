//! Consumers: they read the vault, keep what they read, and sign in with it. They are how an outage shows.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::scenario::{ConsumerSpec, length};
use crate::ports::{ConsumerAnswer, Consumers, Told};
use crate::rotation::answers::Reported;
use crate::rotation::names::KeyId;
use crate::runbook::Runbook;
use crate::sandbox::cloud::{Cloud, SignInRequest, Value};
use crate::sandbox::in_process::timeline::Timeline;

/// From one sign-in of a consumer to the next, where nothing is said.
const EVERY: SignedDuration = SignedDuration::from_secs(30);

/// A time in which no sign-in succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The first that failed.
    pub from: Timestamp,
    /// The first that succeeded again; none if there was none before the end.
    pub to: Option<Timestamp>,
}

/// One consumer.
pub(super) struct Life {
    pub(super) spec: ConsumerSpec,
    held: Option<Held>,
    pub(super) sign_ins: u64,
    pub(super) failed: u64,
    pub(super) outages: Vec<Outage>,
}

struct Held {
    value: Value,
    until: Timestamp,
}

impl Life {
    pub(super) fn new(spec: &ConsumerSpec) -> Life {
        Life { spec: spec.clone(), held: None, sign_ins: 0, failed: 0, outages: Vec::new() }
    }

    /// It is restarted.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// The key ID of what it uses.
    fn uses(&self, cloud: &Cloud) -> Option<Uuid> {
        self.held.as_ref().and_then(|h| cloud.holder_of(&h.value))
    }

    /// Reads if it has to, and signs in once. Which replica answers goes round.
    fn sign_in(&mut self, cloud: &mut Cloud, runbook: &Runbook, now: Timestamp) {
        cloud.advance(now);
        if self.held.as_ref().is_none_or(|h| now >= h.until) {
            let vault = runbook.vaults.get(usize::from(self.spec.vault)).or(runbook.vaults.first());
            let read = vault.and_then(|v| cloud.secret(v.url.host(), v.secret.as_str(), None).ok());
            if let Some(read) = read {
                let until = now.saturating_add(length(self.spec.cache)).unwrap_or(Timestamp::MAX);
                self.held = Some(Held { value: read.value.clone(), until });
            }
        }
        let (tenant, client_id) = (cloud.tenant().to_string(), runbook.client_id.to_string());
        let scope = "https://graph.microsoft.com/.default";
        let replica = usize::from(self.sign_ins % 2 == 1);
        let accepted = self.held.as_ref().is_some_and(|held| {
            let request = SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(&held.value), scope };
            cloud.sign_in_at(now, replica, &request).is_ok()
        });
        self.count(now, accepted);
        if !accepted && self.spec.reads_again {
            self.forget();
        }
    }

    fn count(&mut self, now: Timestamp, accepted: bool) {
        self.sign_ins = self.sign_ins.saturating_add(1);
        let open = self.outages.last_mut().filter(|o| o.to.is_none());
        match (accepted, open) {
            (true, Some(outage)) => outage.to = Some(now),
            (false, None) => self.outages.push(Outage { from: now, to: None }),
            (true, None) | (false, Some(_)) => {}
        }
        self.failed = self.failed.saturating_add(u64::from(!accepted));
    }
}

/// All of them, and what they live in. Clones are the same people.
#[derive(Clone)]
pub(super) struct People {
    pub(super) lives: Rc<RefCell<Vec<Life>>>,
    pub(super) cloud: Rc<RefCell<Cloud>>,
    pub(super) runbook: Rc<Runbook>,
    pub(super) time: Timeline,
}

impl People {
    /// One of them, for ever.
    pub(super) async fn live(self, n: usize) {
        loop {
            let now = self.time.now();
            let every = {
                let mut lives = self.lives.borrow_mut();
                let Some(life) = lives.get_mut(n) else { return };
                life.sign_in(&mut self.cloud.borrow_mut(), &self.runbook, now);
                life.spec.every.map_or(EVERY, length).max(SignedDuration::from_secs(1))
            };
            self.time.sleep(every).await;
        }
    }

    /// Those of these names read again.
    pub(super) fn restart(&self, names: &[String]) {
        self.lives.borrow_mut().iter_mut().filter(|l| names.contains(&l.spec.name)).for_each(Life::forget);
    }

    fn named<T>(&self, consumer: usize, ask: impl FnOnce(&mut Life) -> T) -> Option<T> {
        let name = self.runbook.consumers.get(consumer)?.name.as_str();
        self.lives.borrow_mut().iter_mut().find(|l| l.spec.name == name).map(ask)
    }
}

impl Consumers for People {
    /// A runbook's consumer that nobody plays is told, and does nothing.
    async fn refresh(&self, consumer: usize, _told: &Told) -> ConsumerAnswer {
        self.named(consumer, Life::forget);
        answer(true, Reported::Neither)
    }

    async fn check(&self, consumer: usize, told: &Told) -> ConsumerAnswer {
        let now = self.time.now();
        let asked = self.named(consumer, |life| {
            let mut cloud = self.cloud.borrow_mut();
            life.sign_in(&mut cloud, &self.runbook, now);
            let uses = life.uses(&cloud).map(KeyId).filter(|_| life.spec.names_its_key);
            let reported = match uses {
                Some(id) if told.new_key_id == Some(id) => Reported::New,
                Some(id) if told.old_key_ids.contains(&id) => Reported::Old,
                Some(_) | None => Reported::Neither,
            };
            (life.outages.last().is_none_or(|o| o.to.is_some()), reported)
        });
        let (ok, reported) = asked.unwrap_or((true, Reported::Neither));
        answer(ok, reported)
    }

    fn within(&self, _: usize) -> SignedDuration {
        SignedDuration::from_mins(5)
    }
}

fn answer(ok: bool, reported: Reported) -> ConsumerAnswer {
    ConsumerAnswer { ok, reported, note: "played by the drill".to_owned(), retry: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_from_the_first_failure_to_the_next_success() {
        let spec = "name = \"api\"\ncache = \"5m\"\n";
        let mut life = Life::new(&toml::from_str(spec).unwrap());
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        for (second, accepted) in [(0, true), (30, false), (60, false), (90, true), (120, false)] {
            life.count(at(second), accepted);
        }
        assert_eq!(life.outages, [Outage { from: at(30), to: Some(at(90)) }, Outage { from: at(120), to: None }]);
        assert_eq!((life.sign_ins, life.failed), (5, 3));
    }
}
