//! What has to be read before the decision at hand.

use super::effect::Reading;
use super::names::VaultIx;
use super::plan::VaultStart;
use super::rules::{Rule, keeps};
use super::state::{Phase, Rotation};

impl Rotation {
    /// What is read next for the decision at hand.
    pub(super) fn next_reading(&self) -> Option<Reading> {
        self.readings().into_iter().next()
    }

    /// All that the decision at hand has still to know. None of them depends on another's answer, so they may be asked for side
    /// by side; their answers are taken in this order.
    pub fn readings(&self) -> Vec<Reading> {
        // It may take many minutes, and what rests on the others is to be fresh.
        if let Some(reading) = self.drain_reading() {
            return vec![reading];
        }
        let seen = |places: &[bool], v: VaultIx| places.get(usize::from(v.0)).copied().unwrap_or(false);
        let list = self.seen.list.is_none().then_some(Reading::Credentials);
        let read: Vec<bool> = self.seen.currents.iter().map(Option::is_some).collect();
        let current = |vault| Reading::Vault { vault, sign_in: self.signs_in_at(vault) };
        let currents = self.vaults().filter(|v| !seen(&read, *v)).map(current);
        let listed: Vec<bool> = self.seen.versions.iter().map(Option::is_some).collect();
        let versions = self.vaults().filter(|v| !seen(&listed, *v)).map(|vault| Reading::Versions { vault });
        match &self.phase {
            // the list only tells whether there is room
            Phase::Add => list.filter(|_| self.plan.room.is_some()).into_iter().collect(),
            Phase::Prove => vec![Reading::SignIn],
            Phase::Delete if !keeps(Rule::ReadBeforeRemoving) => list.into_iter().collect(),
            Phase::Publish { look_for_tag: false } | Phase::Wait | Phase::Delete | Phase::Revoke => {
                list.into_iter().chain(currents).collect()
            }
            Phase::Publish { look_for_tag: true } | Phase::Reconcile { .. } => {
                list.into_iter().chain(versions).chain(currents).collect()
            }
            Phase::Align { .. } | Phase::Smoke | Phase::Confirm => currents.collect(),
            Phase::Withdraw => list.into_iter().chain(versions).collect(),
            Phase::Restore => {
                let vaults: Vec<Reading> = currents.collect();
                if vaults.is_empty() { self.next_baseline_proof().into_iter().collect() } else { vaults }
            }
            Phase::Dying => self.readings_of_leaked().into_iter().collect(),
            Phase::Consumers | Phase::Adoption | Phase::NeedsOperator { .. } | Phase::Ended { .. } => Vec::new(),
        }
    }

    /// Whether the decision at hand needs a sign-in with what `vault` serves.
    pub(super) fn signs_in_at(&self, vault: VaultIx) -> bool {
        let baseline_there = self.start_of(vault) != VaultStart::Empty && self.plan.baseline.alive();
        match &self.phase {
            Phase::Smoke => true,
            Phase::Wait | Phase::Delete => !self.back || baseline_there,
            Phase::Revoke => baseline_there,
            Phase::Dying => false,
            Phase::Add | Phase::Prove | Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } => false,
            Phase::Consumers | Phase::Confirm | Phase::Adoption | Phase::Withdraw | Phase::Restore => false,
            Phase::NeedsOperator { .. } | Phase::Ended { .. } => false,
        }
    }

    pub(super) fn asks_for(&self, reading: Reading) -> bool {
        self.in_flight.is_none() && self.todo.is_empty() && self.next_reading() == Some(reading)
    }
}
