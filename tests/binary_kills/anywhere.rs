//! Between the bytes of requests, as a change arrives, and at random times, once or twice in a run. What was on the wire when the process died arrives,
//! whole or cut. `KEYRELAY_KILLS` runs, from `KEYRELAY_SEED` on; each is told by its number.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use keyrelay::rotation::End;
use keyrelay::sandbox::cloud::Audience;
use serde_json::json;

use crate::aftermath::ends_well;
use crate::binary::leaks::Searched;
use crate::binary::scene::{EAST, WEST};
use crate::binary::truth::{end, same};
use crate::binary::{Book, Home, Running, Scene, exit, this_many_at_once};
use crate::reliability::{Counts, number, soak, thorough};
use crate::wire::Wire;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What a run without a kill takes.
#[derive(Debug, Clone, Copy)]
struct Measure {
    bytes: u64,
    time: Duration,
}

/// What came of all runs.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<&'static str, u64>>, Mutex<Searched>);

impl Tally {
    fn add(&self, what: &'static str, n: u64) {
        *self.0.lock().unwrap().entry(what).or_default() += n;
    }

    fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

fn book(vaults: usize) -> Book {
    let book = if vaults == 2 { Book::two() } else { Book::one() };
    // what is on the wire arrives long before it has settled
    Book { settle: "1s", overlap: "200ms", window: "200ms", ..book }
}

fn scene(draw: &mut Draw) -> (Scene, usize) {
    match draw.below(10) {
        0..=5 => (Scene::living(&[EAST]), 1),
        6 | 7 => (Scene::living(&[EAST, WEST]), 2),
        8 => (Scene::bare(Audience::MyOrg), 1),
        _ => (Scene::expired(&[EAST]), 1),
    }
}

fn measure() -> Measure {
    let home = Home::with(&Scene::living(&[EAST]));
    let wire = Wire::to(&home, Duration::from_millis(5));
    let book = home.runbook(&book(1));
    let begun = Instant::now();
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    Measure { bytes: wire.sent(), time: begun.elapsed() }
}

/// Where a process is killed.
#[derive(Debug, Clone, Copy)]
enum Place {
    Byte {
        at: u64,
        sharp: bool,
    },
    Time(Duration),
    /// As the change reaches the service, before it has its effect.
    Change(u64),
}

impl Place {
    fn draw(kind: u64, draw: &mut Draw, whole: Measure) -> Place {
        match kind % 6 {
            0 => Place::Byte { at: draw.below(whole.bytes), sharp: draw.below(2) == 0 },
            1 => Place::Change(1 + draw.below(3)),
            2.. => Place::Time(Duration::from_micros(draw.below(u64::try_from(whole.time.as_micros()).unwrap()))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Byte { sharp: true, .. } => "killed at a byte, cut there",
            Place::Byte { sharp: false, .. } => "killed at a byte, what was sent arrives",
            Place::Time(_) => "killed at a time",
            Place::Change(_) => "killed as a change arrives",
        }
    }
}

/// Kills it there, unless it ends before.
fn kill(place: Place, wire: &Wire, mut running: Running, tally: &Tally) {
    let begun = Instant::now();
    let look = Duration::from_millis(5);
    let told = match place {
        Place::Byte { at, sharp } => Some(wire.kill_after(at, sharp)),
        Place::Change(nth) => Some(wire.kill_at_change(nth)),
        Place::Time(_) => None,
    };
    match (told, place) {
        (Some(told), _) => while told.recv_timeout(look).is_err() && running.works() {},
        (None, Place::Time(at)) => {
            while begun.elapsed() < at && running.works() {
                std::thread::sleep(at.saturating_sub(begun.elapsed()).min(look));
            }
        }
        (None, _) => {}
    }
    let worked = running.works();
    running.kill();
    wire.process_is_dead();
    tally.add(if worked { place.name() } else { "ended before its kill" }, 1);
}

fn one_run(number: u64, whole: Measure, tally: &Tally) {
    let mut draw = Draw(number);
    let (scene, vaults) = scene(&mut draw);
    let home = Home::with(&scene);
    let wire = Wire::to(&home, Duration::from_millis(draw.below(40)));
    let book = home.runbook(&book(vaults));
    let before = home.cloud();
    wire.process_starts();
    let place = Place::draw(number, &mut draw, whole);
    kill(place, &wire, home.start(&["rotate", &book, "--wait"]), tally);
    let pause = |draw: &mut Draw| std::thread::sleep(Duration::from_millis(draw.below(2) * 60));
    pause(&mut draw);
    if !began(&home) {
        assert!(same(&before, &home.cloud()), "nothing was done before the start record");
        home.journal_bytes().iter().for_each(|(file, _)| std::fs::remove_file(file).unwrap());
        wire.process_starts();
        home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
        tally.add("killed before the run began", 1);
    } else if draw.below(2) == 0 && end(&home.the_run()).is_none() {
        tally.add("second process killed too", 1);
        let again = if draw.below(3) == 0 { "rollback" } else { "resume" };
        wire.process_starts();
        let place = Place::draw(draw.below(6), &mut draw, whole);
        kill(place, &wire, home.start(&[again, home.the_run().start.plan.run.as_str(), "--wait"]), tally);
        pause(&mut draw);
    }
    wire.process_starts();
    let (end, searched) = ends_well(&home, &scene.cloud, draw.below(2) == 0);
    *tally.1.lock().unwrap() += searched;
    match end {
        End::Completed => tally.add("completed", 1),
        End::RolledBack => tally.add("rolled back", 1),
        End::Abandoned => {}
    }
    let (changes, late) = wire.changes();
    tally.add("changes that reached the service", changes);
    tally.add("of them when their sender was dead", late);
}

fn began(home: &Home) -> bool {
    home.journal_bytes().iter().any(|(_, bytes)| bytes.contains(&b'\n'))
}

/// How many runs, and for how long at most: two out of three are killed at a random time, so that 750 make 500 of those.
fn how_many() -> (u64, Duration) {
    match (soak(), thorough()) {
        (Some(limit), _) => (10_000, limit),
        (None, true) => (750, Duration::MAX),
        (None, false) => (9, Duration::MAX),
    }
}

#[test]
fn killed_between_bytes_and_at_random_times() {
    let ((most, limit), seed) = (how_many(), number("KEYRELAY_SEED", 0));
    let most = number("KEYRELAY_KILLS", most);
    let mut counts = Counts::new("kills-anywhere", json!({ "first": seed, "runs at most": most }));
    let (clock, tally, whole) = (Instant::now(), Tally::default(), measure());
    let numbers: Vec<u64> = (seed..seed + most).collect();
    this_many_at_once(12, &numbers, |number| {
        if clock.elapsed() > limit {
            return;
        }
        let result = std::panic::catch_unwind(|| one_run(*number, whole, &tally));
        assert!(result.is_ok(), "run {number} of {whole:?}; KEYRELAY_SEED={number} KEYRELAY_KILLS=1 repeats the draw");
        tally.add("runs", 1);
    });
    let runs = tally.of("runs");
    assert_eq!(tally.of("completed") + tally.of("rolled back"), runs);
    for what in ["of them when their sender was dead", "second process killed too", "killed at a time"] {
        assert!(runs < 20 || tally.of(what) > 0, "{what}: none. The suite proves nothing about it");
    }
    tally.0.lock().unwrap().iter().for_each(|(what, n)| counts.set(what, *n));
    counts.set("searched for secrets", tally.1.lock().unwrap().json());
    counts.keep();
}
