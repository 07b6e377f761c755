//! A process killed at every crash point, once and twice; then resumed, or rolled back.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use keyrelay::rotation::End;
use serde_json::json;

use crate::reliability::Counts;
use crate::scenes::{leaks, never, scenes, some_scenes, thorough};
use crate::tours::TOURS;
use crate::world::reached::Reached;
use crate::world::{Scene, World};

/// Killed when it comes by any crash point for the `n`th time, from 0.
pub(crate) fn nth(n: u64) -> impl FnMut(CrashPoint) -> bool + 'static {
    let mut count = 0;
    move |_| {
        count += 1;
        count == n + 1
    }
}

/// Whether the process, the second in the direction that is to be tried, was killed there.
fn killed(world: &World, process: u32, n: u64, rollback: bool) -> bool {
    match world.process(process > 0, process > 0 && rollback, nth(n)) {
        Err(DriverError::Killed(_)) => {}
        Ok(_) => return false,
        Err(e) => panic!("{:?}, killed at {n}: {e}", world.scene),
    }
    if n % 3 == 1 {
        world.tear();
    }
    true
}

/// The process that nobody kills any more must come to an end by itself.
fn ends(world: &World, rollback: bool, how: &str) -> End {
    let stopped = world.process(true, rollback, never).unwrap();
    world.check_journal();
    world.check_aftermath();
    match stopped {
        Stopped::Ended(end) => end,
        other => panic!("{:?} {how}: {other:?}", world.scene),
    }
}

/// What the suite came by; it runs once, whoever asks.
pub(crate) fn crashes() -> &'static Reached {
    static DONE: OnceLock<Reached> = OnceLock::new();
    DONE.get_or_init(|| {
        let mut counts = Counts::new("crashes", json!({}));
        let mut reached = Reached::default();
        let mut ended: BTreeMap<(End, bool), u64> = BTreeMap::new();
        let some = || some_scenes().into_iter().map(Scene::brief).chain(leaks()).collect();
        let once: Vec<Scene> = if thorough() { scenes() } else { some() };
        for (scene, rollback) in both_ways(once) {
            for n in 0.. {
                let world = World::new(Scene { seed: n, ..scene.clone() });
                if !killed(&world, 0, n, false) {
                    break;
                }
                let end = ends(&world, rollback, &format!("killed at {n}, rollback {rollback}"));
                *ended.entry((end, rollback)).or_default() += 1;
                counts.add("runs", 1);
                counts.add("kills", 1);
                reached.join(&world.reached.borrow());
            }
        }
        let twice: Vec<Scene> = if thorough() { scenes() } else { some_scenes() };
        // in a debug build only some of the pairs, no two scenes the same ones
        let stride = if thorough() { 1 } else { 23 };
        for (s, (scene, rollback)) in (0..).zip(both_ways(twice.iter().cloned().map(Scene::brief).collect())) {
            for first in (s % stride..).step_by(usize::try_from(stride).unwrap()) {
                let mut any = false;
                for second in (first % stride..).step_by(usize::try_from(stride).unwrap()) {
                    let world = World::new(Scene { seed: first + 1000 * second, ..scene.clone() });
                    if !killed(&world, 0, first, false) {
                        break;
                    }
                    any = true;
                    if !killed(&world, 1, second, rollback) {
                        break;
                    }
                    let end = ends(&world, rollback, &format!("killed at {first} and {second}, rollback {rollback}"));
                    *ended.entry((end, rollback)).or_default() += 1;
                    counts.add("runs", 1);
                    counts.add("kills", 2);
                    reached.join(&world.reached.borrow());
                }
                if !any {
                    break;
                }
            }
        }
        for ((end, rollback), n) in &ended {
            counts.set(&format!("{end:?} after {}", if *rollback { "rollback" } else { "resume" }), *n);
        }
        assert!(ended.len() >= 3, "{ended:?}");
        counts.set("scenes", twice.len());
        counts.set("searched for secrets", reached.searched.json());
        counts.keep();
        reached
    })
}

fn both_ways(scenes: Vec<Scene>) -> impl Iterator<Item = (Scene, bool)> {
    scenes.into_iter().flat_map(|scene| [(scene.clone(), false), (scene, true)])
}

/// By name: each crash point that there is lies on a tour. A new effect brings new ones, and fails this until a tour comes by it.
pub(crate) fn points() -> &'static Reached {
    static DONE: OnceLock<Reached> = OnceLock::new();
    DONE.get_or_init(|| {
        let (mut reached, mut counts) = (Reached::default(), Counts::new("crash-points", json!({})));
        let all = CrashPoint::all();
        for (n, point) in (0..).zip(&all) {
            let mut runs = 0;
            for tour in &TOURS {
                // in a debug build one tour is enough for a point, in either direction by turns
                if !thorough() && runs > 0 {
                    break;
                }
                for rollback in if thorough() { vec![false, true] } else { vec![n % 2 == 1] } {
                    let world = tour.world(n);
                    let point = *point;
                    let stopped = tour.walk(&world, None, move |p| p == point);
                    if matches!(stopped, Err(DriverError::Killed(_))) {
                        runs += 1;
                        tour.finish(&world, stopped, rollback);
                        reached.join(&world.reached.borrow());
                    }
                }
            }
            assert!(runs > 0, "{point} lies on no tour");
            counts.add("runs", runs);
        }
        counts.set("crash points", all.len());
        counts.set("searched for secrets", reached.searched.json());
        counts.keep();
        reached
    })
}

#[test]
fn every_crash_point_lies_on_a_tour_and_is_survived() {
    points();
}

#[test]
fn a_kill_at_every_crash_point_once_and_twice_is_resumed_or_rolled_back() {
    crashes();
}
