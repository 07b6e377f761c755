//! Fifty consumers that fetch the current version and sign in, all through the rotation: none may notice. The same fifty beside
//! two rotations as others do them: those they notice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::{DriverError, Stopped};
use keyrelay::rotation::End;
use keyrelay::sandbox::cloud::{AppRef, PasswordSpec, SignInRequest, Value};
use serde_json::json;

use crate::crashes::nth;
use crate::draw::Draw;
use crate::reliability::Counts;
use crate::scenes::{never, thorough};
use crate::world::leaks::Searched;
use crate::world::scene::by_hand;
use crate::world::{CLIENT, SECRET, Scene, World, host, range, seconds};

const CONSUMERS: i64 = 50;
const OVERLAP: i64 = 600;

/// From one sign-in of a consumer to its next, in seconds.
fn every() -> i64 {
    if thorough() { 3 } else { 20 }
}

/// One that keeps a value for `cache` seconds, then reads the vault again.
struct Client {
    cache: i64,
    value: Option<(Value, Timestamp)>,
}

/// What consumers have seen.
#[derive(Default)]
struct Seen {
    sign_ins: Cell<u64>,
    failed: Cell<u64>,
    /// Which of them ever failed.
    hit: RefCell<BTreeSet<i64>>,
}

/// The world of this suite: replicas that need up to the whole proof window, and old secrets that die at once.
fn scene(seed: u64) -> Scene {
    let mut scene = Scene { overlap: OVERLAP, seed, service_time: true, ..Scene::default() };
    scene.profile.appears = range(0, 180_000);
    scene.profile.vanishes = range(0, 0);
    scene
}

/// Lets them live in the world: caches from zero to the overlap, evenly, and each sign-in at any of the replicas.
fn settle_in(world: &World) -> Rc<Seen> {
    let seen = Rc::new(Seen::default());
    let (own, noted) = (world.for_others(), seen.clone());
    let (mut draw, every) = (Draw(world.scene.seed), every());
    world.actors.borrow_mut().push(Box::pin(async move {
        let client = |n| Client { cache: n * OVERLAP / (CONSUMERS - 1), value: None };
        let mut clients: Vec<Client> = (0..CONSUMERS).map(client).collect();
        loop {
            for (n, client) in (0..).zip(&mut clients) {
                let replica = draw.index(usize::from(own.scene.profile.replicas));
                let failed = !signs_in(&own, client, replica);
                noted.sign_ins.set(noted.sign_ins.get() + 1);
                if failed {
                    noted.failed.set(noted.failed.get() + 1);
                    noted.hit.borrow_mut().insert(n);
                }
            }
            own.timeline.sleep(seconds(every)).await;
        }
    }));
    seen
}

fn signs_in(world: &World, client: &mut Client, replica: usize) -> bool {
    let now = world.time.get();
    world.cloud.borrow_mut().advance(now);
    let cloud = world.cloud.borrow();
    if client.value.as_ref().is_none_or(|(_, read)| now.duration_since(*read) > seconds(client.cache)) {
        let current = cloud.secret(&host(0), SECRET, None).expect("the vault serves a readable version throughout");
        client.value = Some((current.value.clone(), now));
    }
    let Some((value, _)) = &client.value else { return false };
    let (tenant, client_id) = (cloud.tenant().to_string(), CLIENT.to_string());
    let scope = "https://graph.microsoft.com/.default";
    let request = SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(value), scope };
    cloud.sign_in_at(now, replica, &request).is_ok()
}

/// A while before and after, so that caches are full when it begins and have run out when it is over.
fn around(world: &World, rotation: impl FnOnce(&World)) {
    world.pass(seconds(OVERLAP));
    rotation(world);
    world.pass(seconds(2 * OVERLAP));
    world.actors.borrow_mut().clear();
}

#[derive(Default)]
struct Row {
    runs: u64,
    sign_ins: u64,
    failed: u64,
    hit: BTreeSet<i64>,
}

impl Row {
    fn add(&mut self, seen: &Seen) {
        self.runs += 1;
        self.sign_ins += seen.sign_ins.get();
        self.failed += seen.failed.get();
        self.hit.extend(seen.hit.borrow().iter());
    }

    fn json(&self) -> serde_json::Value {
        json!({ "runs": self.runs, "sign-ins": self.sign_ins, "failed": self.failed, "consumers hit": self.hit.len() })
    }
}

/// Killed at the n-th crash point, then resumed or rolled back; none where there is no such point.
fn interrupted(n: u64, rollback: bool) -> Option<(Rc<Seen>, Searched)> {
    let world = World::new(scene(n));
    let seen = settle_in(&world);
    let mut reached = true;
    around(&world, |world| match world.process(false, false, nth(n)) {
        Err(DriverError::Killed(_)) => {
            // nobody is awake: it is found in the morning
            world.pass(seconds(i64::try_from(n % 7).unwrap() * 400));
            let stopped = world.process(true, rollback, never).unwrap();
            assert!(matches!(stopped, Stopped::Ended(_)), "{stopped:?}");
        }
        Ok(_) => reached = false,
        Err(e) => panic!("{e}"),
    });
    reached.then(|| (seen, judged(&world)))
}

/// The journal of a run beside which they lived.
fn judged(world: &World) -> Searched {
    world.check_journal();
    world.reached.borrow().searched
}

#[test]
fn fifty_consumers_notice_nothing() {
    let options = json!({ "consumers": CONSUMERS, "seconds between sign-ins": every() });
    let mut counts = Counts::new("consumers", options);
    let mut searched = Searched::default();
    let mut completed = Row::default();
    for seed in 0..if thorough() { 40 } else { 2 } {
        let world = World::new(scene(seed));
        let seen = settle_in(&world);
        around(&world, |world| {
            assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
        });
        searched += judged(&world);
        completed.add(&seen);
    }
    let step = if thorough() { 1 } else { 41 };
    for (row, rollback) in [("resumed", false), ("rolled back", true)] {
        let mut tally = Row::default();
        for n in (u64::from(rollback)..).step_by(step) {
            let Some((seen, read)) = interrupted(n, rollback) else { break };
            tally.add(&seen);
            searched += read;
        }
        assert!(tally.runs > 1 && tally.failed == 0, "{row}: {} of {} sign-ins failed", tally.failed, tally.sign_ins);
        counts.set(row, tally.json());
    }
    assert_eq!(completed.failed, 0, "of {} sign-ins", completed.sign_ins);
    counts.set("completed", completed.json());
    for (row, steps) in [("control: no proof before publishing", NO_PROOF), ("control: delete at once", DELETE_AT_ONCE)] {
        let mut tally = Row::default();
        for seed in 0..if thorough() { 40 } else { 2 } {
            let world = World::new(scene(seed));
            let seen = settle_in(&world);
            around(&world, |world| by_script(world, steps));
            tally.add(&seen);
        }
        assert!(tally.failed > 0 && tally.hit.len() > 5, "{row}: a control that nobody notices shows nothing");
        println!("{row}: {}", tally.json());
        counts.set(row, tally.json());
    }
    counts.set("searched for secrets", searched.json());
    counts.keep();
}

/// How long a script waits after adding, and after writing.
#[derive(Clone, Copy)]
struct Script {
    after_add: i64,
    after_write: i64,
}

/// Add, write at once, wait out the overlap, delete.
const NO_PROOF: Script = Script { after_add: 0, after_write: OVERLAP };
/// Add, wait until every replica knows it, write, delete at once.
const DELETE_AT_ONCE: Script = Script { after_add: 200, after_write: 0 };

/// The five steps as a script does them.
fn by_script(world: &World, script: Script) {
    let app = AppRef::Client(CLIENT);
    let spec = PasswordSpec { display_name: Some("by script".into()), start: None, end: None };
    let new = world.cloud.borrow_mut().add_password(world.time.get(), app, spec).unwrap();
    world.pass(seconds(script.after_add) + SignedDuration::from_millis(100));
    world.cloud.borrow_mut().set_secret(world.time.get(), &host(0), SECRET, by_hand(new.value)).unwrap();
    world.pass(seconds(script.after_write) + SignedDuration::from_millis(100));
    world.cloud.borrow_mut().remove_password(world.time.get(), app, world.baseline.unwrap().0).unwrap();
}
