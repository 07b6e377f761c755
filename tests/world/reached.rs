//! What runs came by: states with what they were told, turns from one phase to another, places of kills.

use std::collections::BTreeSet;

use keyrelay::driver::CrashPoint;
use keyrelay::rotation::{End, Event, Phase, Rotation};

use super::leaks::Searched;

/// Sets of names, to be held against what there is.
#[derive(Default, Clone)]
pub(crate) struct Reached {
    /// A phase, and an event that it took.
    pub events: BTreeSet<(&'static str, &'static str)>,
    /// A phase, an event that ended it, and the phase that followed.
    pub turns: BTreeSet<(&'static str, &'static str, &'static str)>,
    pub kills: BTreeSet<String>,
    pub passed: BTreeSet<String>,
    pub reasons: BTreeSet<&'static str>,
    pub ends: BTreeSet<End>,
    /// For secrets.
    pub searched: Searched,
}

/// The name of a phase; those that mean another thing on the way back have two.
pub(crate) fn name(phase: &Phase, back: bool) -> &'static str {
    match (phase, back) {
        (Phase::Add, _) => "add",
        (Phase::Prove, _) => "prove",
        (Phase::Publish { look_for_tag: false }, _) => "publish",
        (Phase::Publish { look_for_tag: true }, _) => "look for tag",
        (Phase::Reconcile { room: false }, _) => "reconcile",
        (Phase::Reconcile { room: true }, _) => "make room",
        (Phase::Align { .. }, _) => "align",
        (Phase::Smoke, _) => "smoke",
        (Phase::Consumers, false) => "consumers",
        (Phase::Consumers, true) => "consumers back",
        (Phase::Confirm, false) => "confirm",
        (Phase::Confirm, true) => "confirm back",
        (Phase::Wait, false) => "wait",
        (Phase::Wait, true) => "wait back",
        (Phase::Adoption, false) => "adoption",
        (Phase::Adoption, true) => "adoption back",
        (Phase::Delete, false) => "delete",
        (Phase::Delete, true) => "delete back",
        (Phase::Withdraw, _) => "withdraw",
        (Phase::Restore, _) => "restore",
        (Phase::Revoke, _) => "revoke",
        (Phase::Dying, _) => "dying",
        (Phase::NeedsOperator { .. }, _) => "needs operator",
        (Phase::Ended { .. }, _) => "ended",
    }
}

impl Reached {
    pub(crate) fn step(&mut self, before: &Rotation, event: &Event, after: &Rotation) {
        let (from, to) = (name(before.phase(), before.back()), name(after.phase(), after.back()));
        self.events.insert((from, event.name()));
        if from != to {
            self.turns.insert((from, event.name(), to));
        }
        match after.phase() {
            Phase::NeedsOperator { reason, .. } => {
                self.reasons.insert(reason.name());
            }
            Phase::Ended { end } => {
                self.ends.insert(*end);
            }
            _ => {}
        }
    }

    pub(crate) fn point(&mut self, point: CrashPoint, killed: bool) {
        let places = if killed { &mut self.kills } else { &mut self.passed };
        let name = point.to_string();
        if !places.contains(&name) {
            places.insert(name);
        }
    }

    pub(crate) fn join(&mut self, other: &Reached) {
        self.events.extend(&other.events);
        self.turns.extend(&other.turns);
        self.kills.extend(other.kills.iter().cloned());
        self.passed.extend(other.passed.iter().cloned());
        self.reasons.extend(&other.reasons);
        self.ends.extend(&other.ends);
        self.searched += other.searched;
    }
}
