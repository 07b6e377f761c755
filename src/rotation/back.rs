//! The way back: open until the first intent to remove the baseline.

use jiff::Timestamp;

use super::answers::{Mutation, SignIn, Source};
use super::effect::Reading;
use super::failure::Reason;
use super::names::VaultIx;
use super::plan::{Baseline, VaultStart};
use super::rules::{Rule, keeps};
use super::state::{End, Phase, Rotation, Serves};

impl Rotation {
    /// Whether a rollback is open, as far as the journal can tell: the baseline's value must sign in besides.
    pub fn may_go_back(&self) -> bool {
        let something_to_go_back_to = match self.plan.baseline {
            Baseline::None | Baseline::Alive { .. } => true,
            Baseline::Dead { .. } => !self.maybe_published(),
        };
        let over = matches!(self.phase, Phase::Ended { .. });
        let no_return = self.no_return && keeps(Rule::PointOfNoReturn);
        !over && !self.back && !no_return && !self.revokes_only() && something_to_go_back_to
    }

    /// Whether a rollback asked for now needs a sign-in with the baseline's value first, and where that value lies.
    pub fn rollback_proof(&self) -> Option<(VaultIx, super::names::VersionId)> {
        if !self.maybe_published() || !self.plan.baseline.alive() {
            return None;
        }
        self.vaults().find_map(|v| match self.start_of(v) {
            VaultStart::Holds { version } => Some((v, version)),
            VaultStart::Empty => None,
        })
    }

    /// Whether a rollback asked for now would put a credential back that is known to have leaked: that needs an explicit word.
    pub fn rollback_restores_leaked(&self) -> bool {
        self.plan.emergency.is_some() && self.maybe_published()
    }

    pub(super) fn rollback_requested(&mut self, baseline: Option<&SignIn>, restore_leaked: bool) -> bool {
        let proven = self.rollback_proof().is_none() || baseline.is_some_and(SignIn::accepted);
        let proven = proven || !keeps(Rule::ProofOfRollback);
        let said = restore_leaked || !self.rollback_restores_leaked();
        if !self.may_go_back() || !proven || !said || self.in_flight.is_some() {
            return false;
        }
        self.leak.may_be_restored = restore_leaked && self.plan.emergency.is_some();
        self.enter_back();
        true
    }

    /// Nothing published: settle, look, remove ours. Else put the baseline back first.
    pub(super) fn enter_back(&mut self) {
        self.back = true;
        self.ask_again();
        if self.maybe_published() {
            return self.enter(Phase::Restore);
        }
        self.enter(Phase::Withdraw);
        self.not_before = self.settled_at().filter(|_| keeps(Rule::SettleInWithdraw));
    }

    /// A version with our tag means that something was published after all.
    pub(super) fn decide_withdraw(&mut self, at: Timestamp) {
        let published: Vec<u32> = self.own_versions().map(|(n, _, _)| n).collect();
        if published.is_empty() || !keeps(Rule::WithdrawLooks) {
            let own = self.own_listed(self.seen.list.as_deref().unwrap_or_default());
            let victims: Vec<_> = own.into_iter().map(|(_, k)| k).collect();
            return self.remove_from(at, &victims, End::RolledBack);
        }
        for (number, attempt) in (1..).zip(&mut self.attempts) {
            attempt.published |= published.contains(&number);
        }
        let leaked = self.plan.emergency.is_some() && !self.leak.may_be_restored;
        if matches!(self.plan.baseline, Baseline::Dead { .. }) || leaked { self.turn_forward() } else { self.enter_back() }
    }

    /// The baseline is proven once more before each write of it.
    pub(super) fn next_baseline_proof(&self) -> Option<Reading> {
        let (vault, _) = self.astray()?;
        match self.start_of(vault) {
            VaultStart::Holds { version } if self.seen.baseline.is_none() => Some(Reading::Baseline { vault, version }),
            VaultStart::Holds { .. } | VaultStart::Empty => None,
        }
    }

    /// The first vault that serves one of ours, and which version.
    fn astray(&self) -> Option<(VaultIx, super::names::VersionId)> {
        self.vaults().find_map(|v| match self.serves(v) {
            Some(Serves::Ours { version, .. }) => Some((v, version)),
            Some(Serves::Baseline { .. } | Serves::Foreign) | None => None,
        })
    }

    /// One vault at a time: the baseline's value as a new version, or our version disabled where there was nothing.
    pub(super) fn decide_restore(&mut self, at: Timestamp) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        let Some((vault, ours)) = self.astray() else {
            self.put_back = self.version_at(VaultIx(0));
            // where nothing living is put back, there is nothing to read again
            return if self.plan.baseline.alive() { self.enter_consumers(at) } else { self.enter(Phase::Confirm) };
        };
        let VaultStart::Holds { version } = self.start_of(vault) else {
            return self.todo.push_back(Mutation::DisableVersion { vault, version: ours });
        };
        let answer = if keeps(Rule::ProofBeforeRestore) { self.seen.baseline.clone() } else { Some(SignIn::Accepted) };
        match answer {
            Some(SignIn::Accepted) => {
                let from = Source::Version { vault, version };
                self.todo.push_back(Mutation::WriteVault { vault, attempt: 0, from });
            }
            Some(answer) if answer.says_dead() => self.turn_forward(),
            Some(last) if self.out_of_patience(at) => self.stop(Reason::BaselineUnproven { last }),
            Some(_) | None => self.again(at, self.plan.proof.spacing),
        }
    }

    /// The baseline died on the way: its value helps nobody, ours does.
    pub(super) fn turn_forward(&mut self) {
        self.back = false;
        self.ask_again();
        self.enter(Phase::Confirm);
    }
}
