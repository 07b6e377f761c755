//! Each kind of fault at every request: alone, in pairs, and with a kill; then resumed, or rolled back.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use keyrelay::rotation::End;
use keyrelay::rotation::answers::RefusalKind;
use keyrelay::sandbox::in_process::{Fault, Operation};
use serde_json::json;

use crate::draw::Draw;
use crate::reliability::Counts;
use crate::scenes::{never, scenes, some_scenes, thorough};
use crate::tours::{TOURS, Tour};
use crate::world::reached::Reached;
use crate::world::{Scene, World, seconds};

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// Refused for good: 403.
    Refused,
    /// It never arrives, and nobody says so.
    LostBefore,
    /// The answer never arrives.
    LostAfter,
    /// It lands after its sender has given up, soon or just before the settle time is over.
    LateSoon,
    LateLong,
    /// 503, and it was done.
    ServerErrorAfter,
    /// 409: somebody else is writing. (503 for the same is `ServerErrorAfter` or `LostBefore`: a client cannot tell.)
    Conflict,
    /// 429.
    Throttled,
    /// Done, and answered with half a body, or with something else than an answer.
    BadAnswer,
    /// It takes half a minute.
    Slow,
}

impl FaultKind {
    pub(crate) const ALL: [FaultKind; 10] = [
        FaultKind::Refused,
        FaultKind::LostBefore,
        FaultKind::LostAfter,
        FaultKind::LateSoon,
        FaultKind::LateLong,
        FaultKind::ServerErrorAfter,
        FaultKind::Conflict,
        FaultKind::Throttled,
        FaultKind::BadAnswer,
        FaultKind::Slow,
    ];

    /// Brings it about; `Slow` is time that passes before the service acts.
    pub(crate) fn strike(self, world: &World) -> Fault {
        match self {
            FaultKind::Refused => Fault::Refused(RefusalKind::Forbidden),
            FaultKind::LostBefore => Fault::LostBefore,
            FaultKind::LostAfter => Fault::LostAfter,
            FaultKind::LateSoon => Fault::Late(Duration::from_secs(20)),
            FaultKind::LateLong => Fault::Late(Duration::from_secs(800)),
            FaultKind::ServerErrorAfter => Fault::ServerErrorAfter,
            FaultKind::Conflict => Fault::Refused(RefusalKind::Conflict),
            FaultKind::Throttled => Fault::Refused(RefusalKind::Throttled),
            FaultKind::BadAnswer => Fault::BadAnswerAfter,
            FaultKind::Slow => {
                world.time.set(world.time.get() + seconds(30));
                Fault::None
            }
        }
    }
}

/// A kind of fault at the request of this number, counted over all processes.
type At = (u32, FaultKind);

fn strike_at(world: &World, faults: &[At]) -> Rc<Cell<u32>> {
    let (faults, struck) = (faults.to_vec(), Rc::new(Cell::new(0)));
    let (own, seen) = (world.for_others(), struck.clone());
    *world.faults.borrow_mut() = Box::new(move |_: &Operation| {
        let number = own.requests.get() - 1;
        let Some((_, kind)) = faults.iter().find(|(n, _)| *n == number) else { return Fault::None };
        seen.set(seen.get() + 1);
        kind.strike(&own)
    });
    struck
}

/// Killed at the first crash point after the request of this number.
fn after_request(world: &World, n: u32) -> impl FnMut(CrashPoint) -> bool + 'static {
    let (requests, mut done) = (world.requests.clone(), false);
    move |_| {
        let now = !done && requests.get() > n;
        done |= now;
        now
    }
}

/// Goes on until the run has ended. A refusal for good stops a run; whoever is on call resumes it.
fn to_the_end(world: &World, first: Result<Stopped, DriverError>, rollback: bool, how: &str) -> End {
    let mut stopped = first;
    for _ in 0..4 {
        match stopped {
            Ok(Stopped::Ended(end)) => {
                world.check_journal();
                world.check_aftermath();
                return end;
            }
            Ok(Stopped::NeedsOperator(_)) | Err(DriverError::Killed(_)) => {}
            other => panic!("{:?} {how}: {other:?}", world.scene),
        }
        stopped = world.process(true, rollback, never);
    }
    panic!("{:?} {how}: {stopped:?}", world.scene)
}

#[derive(Default)]
struct Tally {
    reached: Reached,
    ended: BTreeMap<End, u64>,
    struck: BTreeMap<FaultKind, u64>,
    runs: u64,
    late: u64,
}

impl Tally {
    fn join(&mut self, other: Tally) {
        self.reached.join(&other.reached);
        other.ended.into_iter().for_each(|(end, n)| *self.ended.entry(end).or_default() += n);
        other.struck.into_iter().for_each(|(kind, n)| *self.struck.entry(kind).or_default() += n);
        self.runs += other.runs;
        self.late += other.late;
    }

    /// One run; `false` if it was over before the last of the faults.
    fn run(&mut self, scene: &Scene, faults: &[At], killed: bool, rollback: bool) -> bool {
        let mix = faults.iter().fold(0, |mix, (n, kind)| 131 * mix + 10 * u64::from(*n) + *kind as u64);
        let world = World::new(Scene { seed: mix, ..scene.clone() });
        let struck = strike_at(&world, faults);
        let last = faults.iter().map(|(n, _)| *n).max().unwrap_or(0);
        let first = if killed {
            world.process(false, false, after_request(&world, last))
        } else {
            world.process(false, false, never)
        };
        self.late += u64::from(world.cloud.borrow().on_their_way() > 0);
        let end = to_the_end(&world, first, rollback, &format!("{faults:?}, killed {killed}, rollback {rollback}"));
        *self.ended.entry(end).or_default() += 1;
        self.runs += 1;
        if struck.get() as usize == faults.len() {
            for (_, kind) in faults {
                *self.struck.entry(*kind).or_default() += 1;
            }
        }
        self.reached.join(&world.reached.borrow());
        world.requests.get() > last
    }

    /// A fault in a process that goes on from another, or back; killed after it or not. `false` if it was over before.
    fn on_tour(&mut self, tour: &Tour, n: u32, kind: FaultKind) -> bool {
        let world = tour.world(u64::from(n));
        let first = world.requests.get();
        let stopped = if n.is_multiple_of(2) {
            tour.walk(&world, Some((n, kind)), never)
        } else {
            let kill = after_request(&world, first + n);
            tour.walk(&world, Some((n, kind)), kill)
        };
        let came_about = world.requests.get() > first + n;
        tour.finish(&world, stopped, false);
        self.runs += 1;
        self.reached.join(&world.reached.borrow());
        came_about
    }

    /// Two kinds at every two requests.
    fn pairs(&mut self, scene: &Scene, first: FaultKind, second: FaultKind) {
        for n in 0.. {
            let mut m = n + 1;
            while self.run(scene, &[(n, first), (m, second)], false, m % 2 == 1) {
                m += 1;
            }
            if m == n + 1 {
                return;
            }
        }
    }
}

/// What is tried, in parts that know nothing of each other.
enum Part {
    /// One kind at every request, each in a run of its own, with a kill after it or without.
    Alone(Scene, FaultKind, bool),
    /// Two kinds at every two requests; in a debug build these two once, somewhere.
    Pair(u64, FaultKind, FaultKind),
    /// One kind at every request of a process that goes on from another, or back.
    Tour(usize, FaultKind),
}

impl Part {
    fn all() -> Vec<Part> {
        let alone = if thorough() { scenes() } else { vec![some_scenes()[1].clone()] };
        let alone = alone.into_iter().map(Scene::brief).flat_map(|scene| {
            let kinds = FaultKind::ALL.into_iter().flat_map(|kind| [(kind, false), (kind, true)]);
            kinds.map(move |(kind, killed)| Part::Alone(scene.clone(), kind, killed))
        });
        let pairs = (0..).zip(kinds_in_pairs()).map(|(turn, (first, second))| Part::Pair(turn, first, second));
        let tours = (0..TOURS.len()).flat_map(|tour| FaultKind::ALL.map(|kind| Part::Tour(tour, kind)));
        alone.chain(pairs).chain(tours).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Part::Alone(..) => "alone or with a kill",
            Part::Pair(..) => "in pairs",
            Part::Tour(..) => "on tours",
        }
    }

    fn run(&self, tally: &mut Tally) {
        match self {
            Part::Alone(scene, kind, killed) => {
                // in a debug build every third, of each kind others
                let step = if thorough() { 1 } else { 3 };
                let mut n = (*kind as u32 + u32::from(*killed)) % step;
                while tally.run(scene, &[(n, *kind)], *killed, *killed && n % 2 == 1) {
                    n += step;
                }
            }
            Part::Pair(_, first, second) if thorough() => {
                some_scenes().into_iter().map(Scene::brief).for_each(|scene| tally.pairs(&scene, *first, *second));
            }
            Part::Pair(turn, first, second) => {
                let mut draw = Draw(*turn);
                let n = draw.below(12) as u32;
                let m = n + 1 + draw.below(10) as u32;
                let scene = some_scenes()[draw.index(4)].clone().brief();
                tally.run(&scene, &[(n, *first), (m, *second)], false, m % 2 == 1);
            }
            Part::Tour(tour, kind) => {
                // in a debug build one of nineteen, of each tour and each kind others
                let step = if thorough() { 1 } else { 19 };
                let mut n = (*tour as u32 + 2 * *kind as u32) % step;
                while tally.on_tour(&TOURS[*tour], n, *kind) {
                    n += step;
                }
            }
        }
    }
}

/// What the suite came by; it runs once, whoever asks.
pub(crate) fn faults() -> &'static Reached {
    static DONE: OnceLock<Reached> = OnceLock::new();
    DONE.get_or_init(|| {
        let (parts, next) = (Part::all(), AtomicUsize::new(0));
        let mut counts = Counts::new("faults", json!({}));
        let mut tally = Tally::default();
        let worker = || {
            let (mut tally, mut runs) = (Tally::default(), BTreeMap::new());
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let before = tally.runs;
                part.run(&mut tally);
                *runs.entry(part.name()).or_default() += tally.runs - before;
            }
            (tally, runs)
        };
        std::thread::scope(|scope| {
            let many = std::thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..many).map(|_| scope.spawn(worker)).collect();
            for worker in workers {
                let (theirs, runs): (Tally, BTreeMap<&str, u64>) = worker.join().expect("a fault was not survived");
                runs.into_iter().for_each(|(name, n)| counts.add(name, n));
                tally.join(theirs);
            }
        });
        counts.set("runs", tally.runs);
        counts.set("searched for secrets", tally.reached.searched.json());
        counts.set("requests on their way when their sender was gone", tally.late);
        for (kind, n) in &tally.struck {
            counts.set(&format!("{kind:?}"), *n);
        }
        for (end, n) in &tally.ended {
            counts.set(&format!("ended {end:?}"), *n);
        }
        assert!(tally.late > 0, "no request was on its way when its sender had gone");
        assert_eq!(tally.struck.len(), FaultKind::ALL.len(), "not every kind of fault came about: {:?}", tally.struck);
        counts.keep();
        tally.reached
    })
}

fn kinds_in_pairs() -> impl Iterator<Item = (FaultKind, FaultKind)> {
    FaultKind::ALL.into_iter().flat_map(|a| FaultKind::ALL.into_iter().map(move |b| (a, b)))
}

#[test]
fn a_fault_at_every_request_alone_in_pairs_and_with_a_kill_is_survived() {
    faults();
}
