//! A rotation in virtual time: the driver that ships, the sandbox's cloud in process, the journal's own code on a disk in memory.
//!
//! | file | subject |
//! |---|---|
//! | `scene` | what there is before the run |
//! | `clock` | the clock of one process, in virtual time |
//! | `disk` | the journal |
//! | `hunt` | that nothing of a secret is left anywhere |
//! | `consumers` | consumers, as the run asks them |
//! | `reached` | what runs came by |
#![allow(dead_code, unused_imports, clippy::type_complexity, clippy::wildcard_enum_match_arm)] // each suite uses its part

pub(crate) mod clock;
mod consumers;
mod disk;
mod hunt;
#[allow(clippy::duplicate_mod)] // suites of worlds and of binaries may stand side by side
#[path = "../leaks/mod.rs"]
pub(crate) mod leaks;
pub(crate) mod reached;
pub(crate) mod scene;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::{
    CrashPoint, Driver, DriverError, HoldMarker, Log, Manners, NeverStop, NewSecret, Observer, Patience, Stopped,
};
use keyrelay::hold::HoldError;
use keyrelay::rotation::answers::Mutation;
use keyrelay::rotation::invariants::{
    Broken, Living, World as Hidden, check, s3_read_before_removal, s4_only_ours_is_removed, s5_intended, s9_replays,
    s10_attempts, s11_stays_ended,
};
use keyrelay::rotation::names::{KeyId, Tag, VaultIx};
use keyrelay::rotation::plan::Plan;
use keyrelay::rotation::{Event, Rotation};
use keyrelay::sandbox::cloud::{AppRef, Cloud};
use keyrelay::sandbox::in_process::{Fault, InProcess, Operation, Setup, VaultSetup};

pub(crate) use consumers::{Visits, WITHIN};
pub(crate) use scene::{CLIENT, SECRET, SETTLE, Scene, Start, drain, host, range, seconds};

use clock::VirtualClock;
use consumers::TestConsumers;
use disk::{Disk, Mirrored};
use keyrelay::sandbox::in_process::Wire;
use keyrelay::sandbox::in_process::timeline::{Actor, Timeline};
use reached::Reached;

/// Clones are the same world.
#[derive(Clone)]
pub(crate) struct World {
    pub scene: Scene,
    pub cloud: Rc<RefCell<Cloud>>,
    pub timeline: Timeline,
    pub time: Rc<Cell<Timestamp>>,
    pub plan: Arc<Plan>,
    disk: Disk,
    /// What is in the journal. What a test puts here is written down before the next process begins.
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
    /// Somebody else changes what this run relies on: what the cloud is like is not this run's doing alone.
    pub meddled: Rc<Cell<bool>>,
    /// How far the wall clock of the machine is off.
    pub local: Rc<Cell<SignedDuration>>,
    /// How long the machine was suspended in all.
    pub suspended: Rc<Cell<SignedDuration>>,
    /// Who lives here besides.
    pub actors: Rc<RefCell<Vec<Actor>>>,
    /// What stores the journal besides, where a test is about that: asked before a record counts as written.
    pub store: Rc<RefCell<Option<Box<dyn Log>>>>,
    pub reached: Rc<RefCell<Reached>>,
}

impl World {
    pub(crate) fn new(scene: Scene) -> World {
        let (cloud, plan, baseline) = scene::stage(&scene);
        let timeline = Timeline::new(scene::begun());
        World::of(scene, Rc::new(RefCell::new(cloud)), timeline, plan, baseline)
    }

    /// A run with a journal of its own.
    fn of(scene: Scene, cloud: Rc<RefCell<Cloud>>, timeline: Timeline, plan: Plan, baseline: Option<KeyId>) -> World {
        World {
            scene,
            cloud,
            time: timeline.cell(),
            timeline,
            plan: Arc::new(plan),
            disk: Disk::default(),
            journal: Rc::default(),
            baseline,
            losses: Rc::default(),
            recent: Rc::default(),
            faults: Rc::new(RefCell::new(Box::new(|_| Fault::None))),
            requests: Rc::default(),
            said: Rc::default(),
            consumer_ok: Rc::new(Cell::new(true)),
            visits: Rc::default(),
            side_by_side: Rc::default(),
            baseline_killed: Rc::default(),
            meddled: Rc::default(),
            local: Rc::new(Cell::new(disk::wrong_clock())),
            suspended: Rc::default(),
            actors: Rc::default(),
            store: Rc::default(),
            reached: Rc::default(),
        }
    }

    /// Another host's run on the same application and vaults, which knows nothing of this one's journal.
    pub(crate) fn beside(&self, plan: Plan, baseline: Option<KeyId>) -> World {
        let other = World::of(self.scene.clone(), self.cloud.clone(), self.timeline.clone(), plan, baseline);
        World { meddled: Rc::new(Cell::new(true)), reached: self.reached.clone(), ..other }
    }

    pub(crate) fn begun(&self) -> Timestamp {
        scene::begun()
    }

    /// Puts on disk what a test has put into the journal by hand.
    fn written_down(&self) {
        let run = &self.plan.run;
        if self.disk.lines(run) == self.journal.borrow().len() + 1 {
            return;
        }
        self.disk.remove(run);
        self.disk.begin(&self.plan, self.begun());
        let (mut log, _) = self.disk.open(run);
        for (at, event) in self.journal.borrow().iter() {
            log.append(*at, *at, event).unwrap();
        }
    }

    /// A clock that shows the true time.
    pub(crate) fn exact_clock(&self) -> VirtualClock {
        VirtualClock::exact(self.timeline.clone(), self.local.clone())
    }

    /// The state that the journal gives.
    pub(crate) fn replay(&self) -> Rotation {
        self.written_down();
        self.disk.replay(&self.plan.run).rotation
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
        let recent = recent.iter().map(|(k, _)| *k).collect();
        Hidden { now, credentials: credentials.collect(), served, recent }
    }

    /// What DESIGN promises of every state; what the cloud is like only if nobody else had a hand in it.
    fn judge(&self, run: &Rotation) -> Result<(), Broken> {
        let hidden = self.hidden();
        if !self.meddled.get() {
            return check(run, &hidden, self.losses.get());
        }
        s3_read_before_removal(run)?;
        s4_only_ours_is_removed(run, &hidden)?;
        s11_stays_ended(run)?;
        s10_attempts(run, self.losses.get())
    }

    fn judged(&self, when: &str, run: &Rotation) {
        if let Err(broken) = self.judge(run) {
            let log: Vec<String> = self.journal.borrow().iter().map(|(t, e)| format!("{t} {e:?}")).collect();
            let (scene, hidden) = (&self.scene, self.hidden());
            panic!("{when}{broken}\nscene {scene:?}\nstate {run:?}\nhidden {hidden:?}\n{}", log.join("\n"));
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
        let live = self.live(resume, rollback, kill);
        self.timeline.run(live, &self.actors)
    }

    /// Nothing happens for a while; the others live on.
    pub(crate) fn pass(&self, pause: SignedDuration) {
        self.timeline.run(self.timeline.sleep(pause), &self.actors);
    }

    /// A process, for whoever runs the world's time.
    pub(crate) async fn live(
        &self,
        resume: bool,
        rollback: bool,
        kill: impl FnMut(CrashPoint) -> bool + 'static,
    ) -> Result<Stopped, DriverError> {
        self.written_down();
        let (disk, run) = self.disk.open(&self.plan.run);
        let rotation = run.rotation.clone();
        let services = Wire { services: self.services(), time: self.timeline.clone() };
        let clock = self.clock(run.last_at());
        let consumers = TestConsumers {
            timeline: self.timeline.clone(),
            ok: self.consumer_ok.clone(),
            visits: self.visits.clone(),
            side_by_side: self.side_by_side.clone(),
        };
        let mut log = Mirrored { disk, journal: self.journal.clone(), store: self.store.clone() };
        let mut marker = Marker(self.said.clone());
        let mut observer = Watch { world: self.clone(), before: rotation.clone(), kill: Box::new(kill) };
        let manners =
            Manners { patience: Patience { limit: seconds(600), not_found: seconds(600) }, stay_for: SignedDuration::MAX };
        let new_secret = NewSecret { label: "nightly".into(), lifetime: SignedDuration::from_hours(24 * 180) };
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
        let result = drive(&mut driver, self.scene.service_time, resume, rollback).await;
        if matches!(result, Err(DriverError::Killed(_))) {
            self.losses.set(self.losses.get() + 1);
        }
        result
    }

    fn clock(&self, last: Option<Timestamp>) -> VirtualClock {
        let (timeline, local) = (self.timeline.clone(), self.local.clone());
        if self.scene.service_time {
            VirtualClock::of_services(timeline, local, self.suspended.clone(), last)
        } else {
            VirtualClock::exact(timeline, local)
        }
    }

    fn services(&self) -> InProcess {
        let vault = |v| VaultSetup { host: host(v), secret: SECRET.into(), ..Default::default() };
        let setup = Setup {
            client_id: CLIENT,
            scope: "https://graph.microsoft.com/.default".into(),
            vaults: (0..self.scene.vaults).map(vault).collect(),
        };
        let (world, time) = (self.clone(), self.time.clone());
        InProcess::new(self.cloud.clone(), setup, move || time.get()).with_faults(move |op| {
            world.requests.set(world.requests.get() + 1);
            if op.mutates() {
                let journal = world.journal.borrow();
                assert_eq!(world.disk.lines(&world.plan.run), journal.len() + 1, "S5: not all is on disk");
                let run = s9_replays(&world.plan, world.begun(), &journal).unwrap();
                s5_intended(&run, &request(op, &run)).unwrap();
            }
            let fault = (world.faults.borrow_mut())(op);
            if fault != Fault::None {
                world.losses.set(world.losses.get() + 1);
            }
            fault
        })
    }

    /// `keyrelay abandon`: a person closes the run as it stands.
    pub(crate) fn abandon(&self) {
        let (mut disk, run) = self.disk.open(&self.plan.run);
        let event = Event::Abandoned { by: "test".into(), reason: "test".into() };
        let at = run.last_at().unwrap().max(self.time.get());
        let after = run.rotation.apply(at, &event).unwrap_or_else(|e| panic!("L2: {e}"));
        disk.append(at, at, &event).unwrap();
        self.journal.borrow_mut().push((at, event.clone()));
        self.reached.borrow_mut().step(&run.rotation, &event, &after);
    }

    /// The same world for those who live in it, without themselves: what they keep must not keep them.
    pub(crate) fn for_others(&self) -> World {
        World { actors: Rc::default(), faults: Rc::new(RefCell::new(Box::new(|_| Fault::None))), ..self.clone() }
    }

    pub(crate) fn share(&self) -> World {
        self.clone()
    }

    /// The last process was killed in the middle of writing a line.
    pub(crate) fn tear(&self) {
        self.disk.tear(&self.plan.run);
    }

    /// Every prefix of the journal replays (S9), what is on disk is what the processes wrote, and nothing of a secret is in it (S7).
    pub(crate) fn check_journal(&self) {
        let run = self.disk.replay(&self.plan.run);
        let on_disk = run.records.iter().skip(1).map(|r| match &r.event {
            keyrelay::run::Record::Event(event) => (r.at.unwrap(), event.clone()),
            keyrelay::run::Record::Started(_) => panic!("record {} starts the run again", r.seq),
        });
        assert!(on_disk.eq(self.journal.borrow().iter().cloned()));
        self.nothing_leaked(&run);
        let replayed = s9_replays(&self.plan, self.begun(), &self.journal.borrow()).unwrap();
        assert_eq!(replayed, run.rotation);
    }

    /// Long after the end: what was under way has landed, and the end still holds.
    pub(crate) fn check_aftermath(&self) {
        self.pass(seconds(2 * SETTLE));
        self.judged("after the end: ", &self.replay());
    }
}

async fn drive(
    driver: &mut Driver<'_, Wire, VirtualClock, TestConsumers, NeverStop>,
    ask_the_time: bool,
    resume: bool,
    rollback: bool,
) -> Result<Stopped, DriverError> {
    if ask_the_time && let Some(stopped) = driver.ask_the_time().await? {
        return Ok(stopped);
    }
    if resume && !matches!(driver.rotation().phase(), keyrelay::rotation::Phase::Ended { .. }) {
        driver.record(Event::Resumed { by: "test".into() })?;
    }
    if rollback && driver.rotation().may_go_back() {
        let baseline = match driver.rotation().rollback_proof() {
            Some((v, version)) => driver.baseline_signs_in(v, version).await?.ok().map(|(answer, _)| answer),
            None => None,
        };
        let event = Event::RollbackRequested { by: "test".into(), reason: "test".into(), baseline, restore_leaked: true };
        let now = keyrelay::clock::Clock::now(driver.clock).ok_or(DriverError::NoServiceTime)?;
        if driver.rotation().apply(now, &event).is_ok() {
            driver.record(event)?;
        }
    }
    driver.run().await
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

struct Marker(Rc<RefCell<VecDeque<Event>>>);
impl HoldMarker for Marker {
    fn read(&mut self) -> Result<Option<Event>, HoldError> {
        Ok(self.0.borrow_mut().pop_front())
    }
}

struct Watch {
    world: World,
    before: Rotation,
    kill: Box<dyn FnMut(CrashPoint) -> bool>,
}

impl Observer for Watch {
    fn recorded(&mut self, run: &Rotation, _at: Timestamp, event: &Event) {
        self.world.reached.borrow_mut().step(&self.before, event, run);
        self.before = run.clone();
        self.world.judged("", run);
    }
    fn crash(&mut self, point: CrashPoint) -> bool {
        let killed = (self.kill)(point);
        self.world.reached.borrow_mut().point(point, killed);
        killed
    }
}

pub(crate) fn vault_ix(v: u8) -> VaultIx {
    VaultIx(v)
}
