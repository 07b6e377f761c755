//! A rotation in virtual time: the driver that ships, the sandbox's cloud in process, a journal in memory.
#![allow(dead_code, clippy::type_complexity, clippy::wildcard_enum_match_arm)] // each suite uses its part

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::clock::Clock;
use keyrelay::driver::{
    CrashPoint, Driver, DriverError, HoldMarker, Log, Manners, NeverStop, NewSecret, Observer, Patience, Stopped,
};
use keyrelay::hold::HoldError;
use keyrelay::ports::{ConsumerAnswer, Consumers, Told};
use keyrelay::rotation::answers::{Mutation, Reported};
use keyrelay::rotation::invariants::{Living, World as Hidden, check, s5_intended, s9_replays};
use keyrelay::rotation::names::{KeyId, RunId, Tag, TargetId, VaultIx, VersionId};
use keyrelay::rotation::plan::{Baseline, Delete, OnFailure, Plan, Proof, VaultStart};
use keyrelay::rotation::{Event, Rotation};
use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, Audience, Cloud, PasswordSpec, Profile, SecretWrite};
use keyrelay::sandbox::in_process::{Fault, InProcess, Operation, Setup, VaultSetup};
use uuid::Uuid;

pub(crate) const CLIENT: Uuid = Uuid::from_u128(0xA11);
pub(crate) const SECRET: &str = "billing-api-client-secret";

pub(crate) fn host(vault: u8) -> String {
    format!("kv-{vault}.vault.sandbox.localhost")
}

/// What the world looks like before the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Alive,
    None,
    /// The current value has expired.
    Expired,
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub start: Start,
    pub vaults: u8,
    pub second_empty: bool,
    pub two_at_most: bool,
    pub foreign: u8,
    pub profile: Profile,
    pub seed: u64,
    pub on_failure: OnFailure,
    pub delete: Delete,
    pub consumers: bool,
    pub consumer_count: usize,
    /// In seconds.
    pub overlap: i64,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene {
            start: Start::Alive,
            vaults: 1,
            second_empty: false,
            two_at_most: false,
            foreign: 0,
            // slower than a few sign-ins, faster than the proof window and the settle time
            profile: Profile {
                replicas: 3,
                appears: range(0, 90_000),
                vanishes: range(0, 90_000),
                lists: range(0, 90_000),
                deletion: range(0, 0),
                held: false,
            },
            seed: 1,
            on_failure: OnFailure::Operator,
            delete: Delete::Auto,
            consumers: false,
            consumer_count: 1,
            overlap: 3600,
        }
    }
}

pub(crate) fn range(from_ms: u64, to_ms: u64) -> keyrelay::sandbox::cloud::Range {
    keyrelay::sandbox::cloud::Range { from_ms, to_ms }
}

pub(crate) fn seconds(s: i64) -> SignedDuration {
    SignedDuration::from_secs(s)
}

#[derive(Clone)]
pub(crate) struct VirtualClock(pub Rc<Cell<Timestamp>>);

impl Clock for VirtualClock {
    fn now(&self) -> Option<Timestamp> {
        Some(self.0.get())
    }
    fn local(&self) -> Timestamp {
        self.0.get() - SignedDuration::from_hours(24)
    }
    fn observe(&self, _date: Timestamp) {}
    async fn sleep(&self, pause: SignedDuration) {
        self.0.set(self.0.get() + pause);
    }
}

pub(crate) struct World {
    pub scene: Scene,
    pub cloud: Rc<RefCell<Cloud>>,
    pub time: Rc<Cell<Timestamp>>,
    pub plan: Arc<Plan>,
    pub journal: Rc<RefCell<Vec<(Timestamp, Event)>>>,
    pub baseline: Option<KeyId>,
    pub losses: Rc<Cell<u32>>,
    /// Values that were current, and until when a consumer may keep them.
    pub recent: Rc<RefCell<Vec<(KeyId, Timestamp)>>>,
    pub faults: Rc<RefCell<Box<dyn FnMut(&Operation) -> Fault>>>,
    pub requests: Rc<Cell<u32>>,
    pub said: Rc<RefCell<VecDeque<Event>>>,
    pub consumer_ok: Rc<Cell<bool>>,
    /// What consumers answer, where a test says so: to a refresh (`true`) or a check.
    pub visits: Rc<RefCell<Option<Visits>>>,
    /// How many consumers were told or asked at the same time: now, and at most.
    pub side_by_side: Rc<Cell<(usize, usize)>>,
    /// Somebody removed the baseline: that it does not sign in is not the run's doing.
    pub baseline_killed: Rc<Cell<bool>>,
}

pub(crate) const SETTLE: i64 = 900;

impl World {
    pub(crate) fn new(scene: Scene) -> World {
        let t0: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let mut cloud = Cloud::new(scene.seed, scene.profile.clone(), t0 - SignedDuration::from_hours(900));
        let long_ago = t0 - SignedDuration::from_hours(800);
        let audience = if scene.two_at_most { Audience::OrgsAndPersonal } else { Audience::MyOrg };
        let spec =
            ApplicationSpec { client_id: Some(CLIENT), display_name: "billing".into(), audience, ..Default::default() };
        cloud.create_application(long_ago, spec);
        let app = AppRef::Client(CLIENT);
        for v in 0..scene.vaults {
            cloud.create_vault(&host(v));
        }
        let mut vaults = vec![VaultStart::Empty; usize::from(scene.vaults)];
        let mut baseline = None;
        if scene.start != Start::None {
            let end = if scene.start == Start::Expired {
                t0 - SignedDuration::from_hours(1)
            } else {
                t0 + SignedDuration::from_hours(900)
            };
            let spec = PasswordSpec { display_name: Some("by hand".into()), start: Some(long_ago), end: Some(end) };
            let made = cloud.add_password(long_ago, app, spec).unwrap();
            baseline = Some(KeyId(made.key_id));
            for v in 0..scene.vaults {
                if scene.second_empty && v == 1 {
                    continue;
                }
                let write = SecretWrite {
                    value: made.value.clone(),
                    content_type: None,
                    tags: Default::default(),
                    enabled: true,
                    not_before: None,
                    expires: None,
                };
                let version = cloud.set_secret(long_ago, &host(v), SECRET, write).unwrap();
                vaults[usize::from(v)] = VaultStart::Holds { version: version.id.parse::<VersionId>().unwrap() };
            }
        }
        for n in 0..scene.foreign {
            let spec = PasswordSpec { display_name: Some(format!("somebody's {n}")), start: None, end: None };
            cloud.add_password(long_ago, app, spec).unwrap();
        }
        let plan = Plan {
            target: TargetId::of((0..scene.vaults).map(host).collect::<Vec<_>>().iter().map(|h| (h.as_str(), SECRET))),
            run: RunId::new(t0, 42),
            baseline: match (scene.start, baseline) {
                (Start::Alive, Some(key_id)) => Baseline::Alive { key_id },
                (Start::Expired, key_id) => Baseline::Dead { key_id, removable: true },
                _ => Baseline::None,
            },
            vaults,
            room: scene.two_at_most.then_some(2),
            bystanders: Default::default(),
            proof: Proof { window: seconds(180), spacing: seconds(10), limit: seconds(1200) },
            overlap: seconds(scene.overlap),
            settle: seconds(SETTLE),
            delete: scene.delete,
            release_within: seconds(86400),
            on_failure: scene.on_failure,
            attempts: 8,
            consumers: if scene.consumers {
                let one = keyrelay::rotation::plan::ConsumerPlan { refresh: true, check: true, cache: seconds(7200) };
                vec![one; scene.consumer_count]
            } else {
                Vec::new()
            },
            adopted: Vec::new(),
        };
        World {
            scene,
            cloud: Rc::new(RefCell::new(cloud)),
            time: Rc::new(Cell::new(t0)),
            plan: Arc::new(plan),
            journal: Default::default(),
            baseline,
            losses: Default::default(),
            recent: Default::default(),
            faults: Rc::new(RefCell::new(Box::new(|_| Fault::None))),
            requests: Default::default(),
            said: Default::default(),
            consumer_ok: Rc::new(Cell::new(true)),
            visits: Default::default(),
            side_by_side: Default::default(),
            baseline_killed: Default::default(),
        }
    }

    pub(crate) fn begun(&self) -> Timestamp {
        "2026-11-21T03:00:00Z".parse().unwrap()
    }

    /// The state that the journal gives.
    pub(crate) fn replay(&self) -> Rotation {
        s9_replays(&self.plan, self.begun(), &self.journal.borrow()).unwrap()
    }

    pub(crate) fn hidden(&self) -> Hidden {
        let now = self.time.get();
        let mut cloud = self.cloud.borrow_mut();
        cloud.advance(now);
        let standings = cloud.standings(now, AppRef::Client(CLIENT));
        let credentials = standings.iter().filter(|s| s.living).map(|s| Living {
            key_id: KeyId(s.key_id),
            tag: Tag::leading(&s.display_name),
            accepted: s.accepted_everywhere(),
        });
        let served: Vec<_> = (0..self.scene.vaults).map(|v| cloud.served(&host(v), SECRET).map(KeyId)).collect();
        let mut recent = self.recent.borrow_mut();
        for k in served.iter().flatten() {
            recent.retain(|(r, _)| r != k);
            recent.push((*k, now + seconds(self.scene.overlap)));
        }
        recent.retain(|(_, until)| *until > now);
        let excused = self.baseline.filter(|_| self.baseline_killed.get());
        let served: Vec<_> = served.into_iter().map(|k| k.filter(|k| Some(*k) != excused)).collect();
        recent.retain(|(k, _)| Some(*k) != excused);
        Hidden {
            credentials: credentials.collect(),
            served: served.clone(),
            recent: recent.iter().map(|(k, _)| *k).collect(),
        }
    }

    /// Somebody removes the baseline, and every replica knows at once.
    pub(crate) fn kill_baseline(&self) {
        let now = self.time.get();
        let mut cloud = self.cloud.borrow_mut();
        let key_id = self.baseline.unwrap().0;
        cloud.remove_password(now, AppRef::Client(CLIENT), key_id).unwrap();
        cloud.propagate_all(now);
        self.baseline_killed.set(true);
    }

    /// One process: takes the run over if `resume`, and goes on until it stops or is killed.
    pub(crate) fn process(
        &self,
        resume: bool,
        rollback: bool,
        kill: impl FnMut(CrashPoint) -> bool + 'static,
    ) -> Result<Stopped, DriverError> {
        let hidden_check = {
            let world = self.share();
            move |run: &Rotation| {
                let hidden = world.hidden();
                if let Err(broken) = check(run, &hidden, world.losses.get()) {
                    let log: Vec<String> = world.journal.borrow().iter().map(|(t, e)| format!("{t} {e:?}")).collect();
                    panic!("{broken}\nscene {:?}\nstate {run:?}\nhidden {hidden:?}\n{}", world.scene, log.join("\n"));
                }
            }
        };
        let faults = self.faults.clone();
        let requests = self.requests.clone();
        let (time, losses, journal) = (self.time.clone(), self.losses.clone(), self.journal.clone());
        let (plan, begun) = (self.plan.clone(), self.begun());
        let setup = Setup {
            client_id: CLIENT,
            scope: "https://graph.microsoft.com/.default".into(),
            vaults: (0..self.scene.vaults)
                .map(|v| VaultSetup { host: host(v), secret: SECRET.into(), ..Default::default() })
                .collect(),
        };
        let clock = VirtualClock(self.time.clone());
        let now = {
            let t = time.clone();
            move || t.get()
        };
        let services = InProcess::new(self.cloud.clone(), setup, now).with_faults(move |op| {
            requests.set(requests.get() + 1);
            time.set(time.get() + SignedDuration::from_millis(100));
            if op.mutates() {
                let run = s9_replays(&plan, begun, &journal.borrow()).unwrap();
                s5_intended(&run, &request(op, &run)).unwrap();
            }
            let fault = (faults.borrow_mut())(op);
            if fault != Fault::None {
                losses.set(losses.get() + 1);
            }
            fault
        });
        let consumers = TestConsumers {
            ok: self.consumer_ok.clone(),
            visits: self.visits.clone(),
            side_by_side: self.side_by_side.clone(),
        };
        let mut log = MemoryLog(self.journal.clone());
        let mut marker = Marker(self.said.clone());
        let mut observer = Watch { check: Box::new(hidden_check), kill: Box::new(kill) };
        let manners =
            Manners { patience: Patience { limit: seconds(600), not_found: seconds(600) }, stay_for: SignedDuration::MAX };
        let new_secret = NewSecret { label: "nightly".into(), lifetime: SignedDuration::from_hours(24 * 180) };
        let rotation = self.replay();
        let mut driver = Driver::new(
            rotation,
            &services,
            &clock,
            &consumers,
            &NeverStop,
            &mut log,
            &mut marker,
            &mut observer,
            manners,
            new_secret,
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(async {
            if resume {
                driver.record(Event::Resumed { by: "test".into() })?;
            }
            if rollback && driver.rotation().may_go_back() {
                let baseline = match driver.rotation().rollback_proof() {
                    Some((v, version)) => match driver.baseline_signs_in(v, version).await? {
                        Ok((answer, _)) => Some(answer),
                        Err(_) => None,
                    },
                    None => None,
                };
                let event = Event::RollbackRequested { by: "test".into(), reason: "test".into(), baseline };
                if driver.rotation().apply(clock.0.get(), &event).is_ok() {
                    driver.record(event)?;
                }
            }
            driver.run().await
        });
        if matches!(result, Err(DriverError::Killed(_))) {
            self.losses.set(self.losses.get() + 1);
        }
        result
    }

    pub(crate) fn share(&self) -> World {
        World {
            scene: self.scene.clone(),
            cloud: self.cloud.clone(),
            time: self.time.clone(),
            plan: self.plan.clone(),
            journal: self.journal.clone(),
            baseline: self.baseline,
            losses: self.losses.clone(),
            recent: self.recent.clone(),
            faults: self.faults.clone(),
            requests: self.requests.clone(),
            said: self.said.clone(),
            consumer_ok: self.consumer_ok.clone(),
            visits: self.visits.clone(),
            side_by_side: self.side_by_side.clone(),
            baseline_killed: self.baseline_killed.clone(),
        }
    }

    /// Every prefix of the journal replays (S9), and the whole of it gives the state again after a trip through JSON.
    pub(crate) fn check_journal(&self) {
        let journal = self.journal.borrow();
        let mut run = Rotation::new(self.plan.clone(), self.begun());
        for (at, event) in journal.iter() {
            let text = serde_json::to_string(event).unwrap();
            let back: Event = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert_eq!(&back, event, "{text}");
            run = run.apply(*at, &back).unwrap();
        }
    }

    /// Long after the end: what was under way has landed, and the end still holds.
    pub(crate) fn check_aftermath(&self) {
        self.time.set(self.time.get() + seconds(2 * SETTLE));
        if let Err(broken) = check(&self.replay(), &self.hidden(), self.losses.get()) {
            let log: Vec<String> = self.journal.borrow().iter().map(|(t, e)| format!("{t} {e:?}")).collect();
            panic!("after the end: {broken}\nscene {:?}\n{}", self.scene, log.join("\n"));
        }
    }
}

/// The request that a call to the cloud must have an intent for.
fn request(op: &Operation, run: &Rotation) -> Mutation {
    match op {
        Operation::AddPassword { display_name } => {
            Mutation::AddSecret { attempt: Tag::leading(display_name).unwrap().attempt }
        }
        Operation::RemovePassword(key_id) => Mutation::RemoveSecret { key_id: *key_id },
        Operation::Disable(vault, version) => Mutation::DisableVersion { vault: *vault, version: *version },
        Operation::Write(vault, stamp) => {
            let from = match run.in_flight() {
                Some(Mutation::WriteVault { from, .. }) => *from,
                other => panic!("S5: {op:?} is sent while {other:?} is intended"),
            };
            Mutation::WriteVault { vault: *vault, attempt: stamp.tag.attempt, from }
        }
        other => panic!("{other:?} changes nothing"),
    }
}

struct MemoryLog(Rc<RefCell<Vec<(Timestamp, Event)>>>);
impl Log for MemoryLog {
    fn append(&mut self, at: Timestamp, _local: Timestamp, event: &Event) -> Result<(), DriverError> {
        let mut journal = self.0.borrow_mut();
        journal.push((at, event.clone()));
        if journal.len() > 2000 {
            let last: Vec<String> = journal.iter().rev().take(12).map(|(t, e)| format!("{t} {e:?}")).collect();
            panic!("L1: the run does not end\n{}", last.join("\n"));
        }
        Ok(())
    }
}

struct Marker(Rc<RefCell<VecDeque<Event>>>);
impl HoldMarker for Marker {
    fn read(&mut self) -> Result<Option<Event>, HoldError> {
        Ok(self.0.borrow_mut().pop_front())
    }
}

pub(crate) type Visits = Box<dyn FnMut(bool, usize, &Told) -> ConsumerAnswer>;

/// Time for tries in a world: ten seconds after the first.
pub(crate) const WITHIN: i64 = 10;

struct TestConsumers {
    ok: Rc<Cell<bool>>,
    visits: Rc<RefCell<Option<Visits>>>,
    side_by_side: Rc<Cell<(usize, usize)>>,
}

impl TestConsumers {
    async fn answer(&self, refresh: bool, consumer: usize, told: &Told) -> ConsumerAnswer {
        let (now, most) = self.side_by_side.get();
        self.side_by_side.set((now + 1, most.max(now + 1)));
        tokio::task::yield_now().await; // lets the others begin
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

struct Watch {
    check: Box<dyn FnMut(&Rotation)>,
    kill: Box<dyn FnMut(CrashPoint) -> bool>,
}
impl Observer for Watch {
    fn recorded(&mut self, run: &Rotation, _at: Timestamp, _event: &Event) {
        (self.check)(run);
    }
    fn crash(&mut self, point: CrashPoint) -> bool {
        (self.kill)(point)
    }
}

pub(crate) fn vault_ix(v: u8) -> VaultIx {
    VaultIx(v)
}
