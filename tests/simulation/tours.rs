//! The ways that a run can go, one after the other: on each of them every crash point lies that there is.

use jiff::SignedDuration;
use keyrelay::driver::crash::{Change, Pause};
use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use keyrelay::rotation::Event;
use keyrelay::rotation::plan::Delete;
use keyrelay::sandbox::in_process::{Fault, Operation};

use crate::faults::FaultKind;
use crate::scenes::{leaks, never};
use crate::world::{Scene, Start, World};

/// A world up to the process that is of interest, and how that one begins.
pub(crate) struct Tour {
    pub name: &'static str,
    prepare: fn(u64) -> World,
    pub resume: bool,
    pub rollback: bool,
}

fn brief(seed: u64) -> Scene {
    Scene { overlap: 60, seed, ..Scene::default() }.brief()
}

fn killed_at(world: World, point: CrashPoint) -> World {
    assert!(matches!(world.process(false, false, move |p| p == point), Err(DriverError::Killed(_))), "{point}");
    world
}

fn in_overlap(scene: Scene) -> World {
    killed_at(World::new(scene), CrashPoint::Waiting(Pause::Overlap))
}

/// A write whose sender is gone: what it left is to be found.
fn in_doubt(scene: Scene, fault: Fault) -> World {
    let world = World::new(scene);
    *world.faults.borrow_mut() = Box::new(move |op| if matches!(op, Operation::Write(..)) { fault } else { Fault::None });
    let world = killed_at(world, CrashPoint::AfterRequest(Change::Write));
    *world.faults.borrow_mut() = Box::new(|_| Fault::None);
    world
}

fn held(seed: u64) -> World {
    let world = World::new(brief(seed));
    let until = world.begun() + SignedDuration::from_hours(3);
    world.said.borrow_mut().push_back(Event::HoldSet { by: "kim".into(), why: "month end".into(), until });
    world
}

fn leak(n: usize, seed: u64) -> World {
    World::new(Scene { seed, ..leaks().swap_remove(n) })
}

pub(crate) const TOURS: [Tour; 14] = [
    tour("two vaults and a consumer", |seed| World::new(Scene { vaults: 2, consumers: true, ..brief(seed) }), false, false),
    tour("back, with a consumer", |seed| in_overlap(Scene { vaults: 2, consumers: true, ..brief(seed) }), true, true),
    tour("back to an empty vault", |seed| in_overlap(Scene { start: Start::None, ..brief(seed) }), true, true),
    tour(
        "back before anything was written",
        |seed| killed_at(World::new(brief(seed)), CrashPoint::AfterOutcome(Change::Add)),
        true,
        true,
    ),
    tour(
        "a write whose answer was lost with its sender",
        |seed| in_doubt(Scene { vaults: 2, ..brief(seed) }, Fault::LostAfter),
        true,
        false,
    ),
    tour("a write that was lost with its sender", |seed| in_doubt(brief(seed), Fault::LostBefore), true, false),
    tour(
        "no room, and the value is gone",
        |seed| killed_at(World::new(Scene { two_at_most: true, ..brief(seed) }), CrashPoint::AfterOutcome(Change::Add)),
        true,
        false,
    ),
    tour(
        "one vault of two, then a repair",
        |seed| {
            let world = World::new(Scene { start: Start::Expired, vaults: 2, two_at_most: true, ..brief(seed) });
            killed_at(world, CrashPoint::AfterOutcome(Change::Write))
        },
        true,
        false,
    ),
    tour("held", held, false, false),
    tour("a leak, and a consumer", |seed| leak(0, seed), false, false),
    tour("a leak, revoked first", |seed| leak(1, seed), false, false),
    tour("a leak of what no vault serves", |seed| leak(2, seed), false, false),
    tour("drained", |seed| World::new(Scene { drain: Some(crate::world::drain(true)), ..brief(seed) }), false, false),
    tour("on release", |seed| World::new(Scene { delete: Delete::OnRelease, ..brief(seed) }), false, false),
];

const fn tour(name: &'static str, prepare: fn(u64) -> World, resume: bool, rollback: bool) -> Tour {
    Tour { name, prepare, resume, rollback }
}

impl Tour {
    pub(crate) fn world(&self, seed: u64) -> World {
        (self.prepare)(seed)
    }

    /// The process of interest. Where the world was of use to it, the faults begin with it: they are counted from here.
    pub(crate) fn walk(
        &self,
        world: &World,
        fault: Option<(u32, FaultKind)>,
        kill: impl FnMut(CrashPoint) -> bool + 'static,
    ) -> Result<Stopped, DriverError> {
        let (own, first) = (world.for_others(), world.requests.get());
        *world.faults.borrow_mut() = Box::new(move |_| match fault {
            Some((n, kind)) if own.requests.get() - 1 == first + n => kind.strike(&own),
            _ => Fault::None,
        });
        world.process(self.resume, self.rollback, kill)
    }

    /// Goes on to the end with nobody in the way. A person lets go what waits for one.
    pub(crate) fn finish(&self, world: &World, first: Result<Stopped, DriverError>, rollback: bool) {
        *world.faults.borrow_mut() = Box::new(|_| Fault::None);
        let mut stopped = first;
        for turn in 0..4 {
            match stopped {
                Ok(Stopped::Ended(_)) => {
                    world.check_journal();
                    world.check_aftermath();
                    return;
                }
                Ok(Stopped::NeedsOperator(_)) | Err(DriverError::Killed(_)) => {}
                other => panic!("{}: {other:?}", self.name),
            }
            world.said.borrow_mut().push_back(Event::Released { by: "kim".into(), why: "go on".into() });
            stopped = world.process(true, rollback && turn == 0, never);
        }
        panic!("{}: {stopped:?}", self.name)
    }
}
