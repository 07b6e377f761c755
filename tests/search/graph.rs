//! The graph of all states, and from where what can be reached.

use std::collections::BTreeMap;

use keyrelay::rotation::plan::Way;
use keyrelay::rotation::{End, Phase};

use crate::scene::{Scene, Start};
use crate::state::State;
use crate::steps::Sort;

/// What is kept of a state for good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub end: Option<End>,
    /// Why it waits for a person.
    pub paused: Option<&'static str>,
    pub phase: &'static str,
    pub back: bool,
    /// A rollback is open, once what is under way is answered.
    pub may_go_back: bool,
}

impl Place {
    pub(crate) fn of(state: &State) -> Place {
        let (mut end, mut paused) = (None, None);
        let phase = match state.run.phase() {
            Phase::Ended { end: e } => {
                end = Some(*e);
                "ended"
            }
            Phase::NeedsOperator { reason, .. } => {
                paused = Some(reason.name());
                "needs operator"
            }
            Phase::Add => "add",
            Phase::Prove => "prove",
            Phase::Publish { .. } => "publish",
            Phase::Reconcile { room: true } => "make room",
            Phase::Reconcile { .. } => "reconcile",
            Phase::Align { .. } => "align",
            Phase::Smoke => "smoke test",
            Phase::Consumers => "consumers",
            Phase::Confirm => "confirm",
            Phase::Wait => "wait",
            Phase::Adoption => "adoption",
            Phase::Delete => "delete",
            Phase::Withdraw => "withdraw",
            Phase::Restore => "restore",
            Phase::Revoke => "revoke",
            Phase::Dying => "dying",
        };
        Place { end, paused, phase, back: state.run.back(), may_go_back: state.run.may_go_back() }
    }
}

#[derive(Default)]
pub(crate) struct Graph {
    pub places: Vec<Place>,
    /// Where each way leads, and in the two upper bits its sort; the ways from a state lie side by side.
    ways: Vec<u32>,
    /// Where the ways from each state end.
    ends: Vec<usize>,
}

const SORT: u32 = 30;

impl Graph {
    pub(crate) fn lead(&mut self, to: u32, sort: Sort) {
        assert!(to >> SORT == 0, "more states than the graph can number");
        self.ways.push(to | (sort as u32) << SORT);
    }

    pub(crate) fn end_of_ways(&mut self) {
        self.ends.push(self.ways.len());
    }

    pub(crate) fn transitions(&self) -> usize {
        self.ways.len()
    }

    /// Every way of the given sorts, as (from, to).
    fn each(&self, sorts: &[Sort]) -> impl Iterator<Item = (usize, usize)> {
        let mask = sorts.iter().fold(0_u32, |m, s| m | 1 << (*s as u32));
        let mut from = 0;
        self.ways.iter().enumerate().filter_map(move |(n, way)| {
            while self.ends.get(from).is_some_and(|end| *end <= n) {
                from += 1;
            }
            (mask >> (way >> SORT) & 1 == 1).then_some((from, (way & !(3 << SORT)) as usize))
        })
    }

    /// The graph backwards: those that lead to `i` are `froms[firsts[i]..firsts[i + 1]]`.
    fn backwards(&self, sorts: &[Sort]) -> (Vec<usize>, Vec<u32>) {
        let mut firsts = vec![0; self.places.len() + 1];
        self.each(sorts).for_each(|(_, to)| firsts[to + 1] += 1);
        for i in 0..self.places.len() {
            firsts[i + 1] += firsts[i];
        }
        let (mut next, mut froms) = (firsts.clone(), vec![0; *firsts.last().unwrap()]);
        for (from, to) in self.each(sorts) {
            froms[next[to]] = from as u32;
            next[to] += 1;
        }
        (firsts, froms)
    }

    /// From which states one of `goals` can be reached by ways of the given sorts.
    fn reach(&self, sorts: &[Sort], goal: impl Fn(&Place) -> bool) -> Vec<bool> {
        let (firsts, froms) = self.backwards(sorts);
        let mut reached: Vec<bool> = self.places.iter().map(goal).collect();
        let mut work: Vec<usize> = (0..reached.len()).filter(|i| reached[*i]).collect();
        while let Some(i) = work.pop() {
            for from in froms[firsts[i]..firsts[i + 1]].iter().map(|f| *f as usize) {
                if !reached[from] {
                    reached[from] = true;
                    work.push(from);
                }
            }
        }
        reached
    }

    /// Whether somebody can go round for ever on ways of the given sorts.
    fn circles(&self, sorts: &[Sort]) -> usize {
        let (firsts, froms) = self.backwards(sorts);
        let mut leaving = vec![0_u32; self.places.len()];
        self.each(sorts).for_each(|(from, _)| leaving[from] += 1);
        let mut work: Vec<usize> = (0..leaving.len()).filter(|i| leaving[*i] == 0).collect();
        let mut sorted = 0;
        while let Some(i) = work.pop() {
            sorted += 1;
            for from in froms[firsts[i]..firsts[i + 1]].iter().map(|f| *f as usize) {
                leaving[from] -= 1;
                if leaving[from] == 0 {
                    work.push(from);
                }
            }
        }
        self.places.len() - sorted
    }

    fn count(&self, reached: &[bool], of: impl Fn(&Place) -> bool) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for place in self.places.iter().zip(reached).filter(|(p, r)| !**r && of(p)).map(|(p, _)| p) {
            let back = if place.back { ", on the way back" } else { "" };
            let name = format!("{}{back}", place.paused.unwrap_or(place.phase));
            *counts.entry(name).or_insert(0) += 1;
        }
        counts
    }

    /// L1 and L2.
    pub(crate) fn lives(&self) -> Lives {
        use Sort::{Goes, Resumes, Returns};
        let pauses = |p: &Place| p.end.is_some() || p.paused.is_some();
        let completed = |p: &Place| p.end == Some(End::Completed);
        let undone = |p: &Place| p.end == Some(End::RolledBack);
        let mut ends = BTreeMap::new();
        for place in &self.places {
            let name = match (place.end, place.paused) {
                (Some(end), _) => format!("{end:?}"),
                (None, Some(reason)) => format!("paused: {reason}"),
                (None, None) => continue,
            };
            *ends.entry(name).or_insert(0) += 1;
        }
        Lives {
            ends,
            circles: self.circles(&[Goes]),
            without_an_end: self.count(&self.reach(&[Goes], pauses), |_| true),
            without_resume: self.count(&self.reach(&[Goes, Resumes], |p| p.end.is_some()), |_| true),
            without_completion: self.count(&self.reach(&[Goes, Resumes], completed), |p| !p.back && p.end.is_none()),
            without_rollback: self.count(&self.reach(&[Goes, Resumes, Returns], undone), |p| p.may_go_back),
        }
    }
}

/// How runs end. Each map counts states by where the run stands.
#[derive(Debug)]
pub(crate) struct Lives {
    pub ends: BTreeMap<String, usize>,
    /// States that lie on or before a circle of a run that nobody disturbs: one that could go on for ever.
    pub circles: usize,
    /// No end and no pause can be reached, though nothing goes wrong any more.
    pub without_an_end: BTreeMap<String, usize>,
    /// No end can be reached by resuming as often as it takes.
    pub without_resume: BTreeMap<String, usize>,
    /// Not on the way back, and yet the run cannot complete any more.
    pub without_completion: BTreeMap<String, usize>,
    /// A rollback is open, and yet cannot end.
    pub without_rollback: BTreeMap<String, usize>,
}

impl Lives {
    /// What is not as L1 and L2 have it.
    pub(crate) fn wrong(&self, scene: &Scene) -> Vec<String> {
        // what somebody wrote by hand stays there until a person mends it; a baseline that somebody removed stays dead
        let (by_hand, dies) = (scene.strangers > 0 && scene.start != Start::Dying, scene.start == Start::Dying);
        let mut wrong = Vec::new();
        if self.circles > 0 {
            wrong.push(format!("L1: an undisturbed run can go round in circles, before or in {} states", self.circles));
        }
        let mut none = |what: &str, found: &BTreeMap<String, usize>| {
            if !found.is_empty() {
                wrong.push(format!("{what}: {found:?}"));
            }
        };
        none("L1: no end and no pause can be reached", &self.without_an_end);
        if !by_hand {
            none("L2: no end can be reached by resuming", &self.without_resume);
            none("L2: a forward run cannot complete", &self.without_completion);
        }
        if !by_hand && !dies {
            none("L2: an open rollback cannot end", &self.without_rollback);
        }
        let paused = self.ends.keys().filter_map(|e| e.strip_prefix("paused: "));
        let drained = scene.drain;
        let here = |r: &str| by_hand && r == "vault-changed" || drained && r == "not-drained";
        for reason in paused.filter(|r| !(LAWFUL.contains(r) || here(r))) {
            wrong.push(format!("L1: {reason} is no reason to pause for here"));
        }
        let undone = self.ends.contains_key("RolledBack") || scene.leak == Some(Way::RevokeOnly);
        if !self.ends.contains_key("Completed") || !undone {
            wrong.push(format!("not every end was reached: {:?}", self.ends));
        }
        wrong
    }
}

/// What a refusal, a throttled or slow token endpoint, and another's hand may bring a run to.
const LAWFUL: [&str; 10] = [
    "add-refused",
    "baseline-unproven",
    "consumer-failed",
    "consumer-uses-old",
    "current-refused",
    "not-proven",
    "not-released",
    "read-refused",
    "remove-refused",
    "write-refused",
];
