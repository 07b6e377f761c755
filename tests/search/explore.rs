//! Breadth first through every state that can be reached from a scene.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use keyrelay::rotation::invariants::Broken;

use crate::graph::{Graph, Place};
use crate::scene::Scene;
use crate::state::State;
use crate::steps::Ways;

/// What was found in one scene.
pub(crate) struct Found {
    pub scene: Scene,
    pub graph: Graph,
    pub seconds: f64,
    /// How many steps the farthest state is away.
    pub depth: usize,
    /// The first violation, with the shortest way to it.
    pub broken: Option<(Broken, Vec<String>)>,
    /// There were more states than were asked for, or than there was time for.
    pub cut: bool,
}

/// The keys are digests already.
#[derive(Default)]
struct AsIs(u64);
impl Hasher for AsIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only 128-bit numbers are hashed here")
    }
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Which state a state was first reached from, by which of its ways.
struct Origin {
    from: u32,
    way: u16,
}

/// When to stop though there is more.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub states: usize,
    pub until: Option<Instant>,
}

impl Limit {
    pub(crate) const NONE: Limit = Limit { states: usize::MAX, until: None };

    fn reached(self, states: usize) -> bool {
        states > self.states || states.is_multiple_of(1024) && self.is_late()
    }

    fn is_late(self) -> bool {
        self.until.is_some_and(|until| Instant::now() > until)
    }
}

/// Goes on until nothing new is found, a violation is, or the limit is reached.
pub(crate) fn explore(scene: &Scene, limit: Limit) -> Found {
    let clock = Instant::now();
    let first = scene.first();
    let mut known: HashMap<u128, u32, BuildHasherDefault<AsIs>> = HashMap::default();
    known.insert(first.likeness(), 0);
    let mut origins = vec![Origin { from: 0, way: 0 }];
    let mut graph = Graph::default();
    graph.places.push(Place::of(&first));
    let (mut frontier, mut next) = (vec![first], Vec::new());
    let (mut broken, mut depth, mut at, mut cut) = (None, 0, 0_u32, false);
    let mut ways = Ways { scene, told: false, out: Vec::new() };
    'search: while !frontier.is_empty() {
        for state in frontier.drain(..) {
            if limit.reached(at as usize) {
                cut = true;
                break 'search;
            }
            ways.all(&state);
            for (n, way) in ways.out.drain(..).enumerate() {
                let index = match known.entry(way.to.likeness()) {
                    Entry::Occupied(found) => {
                        let same = graph.places[*found.get() as usize] == Place::of(&way.to);
                        assert!(same, "two states that differ were taken for one");
                        *found.get()
                    }
                    Entry::Vacant(free) => {
                        let index = u32::try_from(graph.places.len()).unwrap();
                        free.insert(index);
                        origins.push(Origin { from: at, way: u16::try_from(n).unwrap() });
                        graph.places.push(Place::of(&way.to));
                        if let Err(found) = way.to.check(scene) {
                            broken = Some((found, index));
                            break 'search;
                        }
                        next.push(way.to);
                        index
                    }
                };
                graph.lead(index, way.sort);
            }
            graph.end_of_ways();
            at += 1;
        }
        depth += 1;
        std::mem::swap(&mut frontier, &mut next);
    }
    let broken = broken.map(|(what, index)| (what, path(scene, &origins, index)));
    Found { scene: scene.clone(), graph, seconds: clock.elapsed().as_secs_f64(), depth, broken, cut }
}

/// Goes the way to `index` once more and tells what happens.
fn path(scene: &Scene, origins: &[Origin], index: u32) -> Vec<String> {
    let mut turns = Vec::new();
    let mut at = index;
    while at != 0 {
        let origin = &origins[at as usize];
        turns.push(origin.way);
        at = origin.from;
    }
    let mut state = scene.first();
    let mut ways = Ways { scene, told: true, out: Vec::new() };
    let mut told = Vec::new();
    for turn in turns.into_iter().rev() {
        ways.all(&state);
        let way = ways.out.swap_remove(usize::from(turn));
        told.push(format!("{:<60} {}", way.what, way.to.stands()));
        state = way.to;
    }
    told
}

impl State {
    /// Where everything stands, on one line.
    fn stands(&self) -> String {
        let name = |k: &uuid::Uuid| match self.name_of(*k) / 2 {
            0 => "baseline".to_owned(),
            attempt => format!("#{attempt}"),
        };
        let seconds = self.now.duration_since(crate::scene::begin()).as_secs();
        let credentials: Vec<_> = self.standings.iter().filter(|s| s.living).map(|s| name(&s.key_id.0)).collect();
        let current = |v: &Vec<crate::state::Made>| match v.last() {
            Some(made) if made.enabled => name(&made.key_id),
            Some(_) => "disabled".to_owned(),
            None => "nothing".to_owned(),
        };
        let vaults: Vec<_> = self.made.iter().map(current).collect();
        let phase = format!("{:?}", self.run.phase());
        let phase = phase.split([' ', '{']).next().unwrap_or_default();
        let way = if self.run.back() { " back" } else { "" };
        let late = if self.late.is_empty() { String::new() } else { format!(", {} under way", self.late.len()) };
        format!("{seconds:>4} s {phase}{way}; alive {}; served {}{late}", credentials.join(" "), vaults.join(" | "))
    }
}

/// Searches every scene that there is time to begin with, two at a time, and gives each result as soon as it is there.
pub(crate) fn explore_all(scenes: &[Scene], limit: Limit, each: impl Fn(Found) + Sync) {
    let (next, done) = (std::sync::atomic::AtomicUsize::new(0), std::sync::Mutex::new(()));
    let work = || {
        while let Some(scene) = scenes.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            if limit.is_late() {
                return;
            }
            let found = explore(scene, limit);
            let _one_at_a_time = done.lock();
            each(found);
        }
    };
    std::thread::scope(|s| {
        s.spawn(work);
        s.spawn(work);
    });
}
