//! Where a run stands: in one word, and why.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::{Explanation, explain_in};
use super::text::clean;
use super::timeline::Timeline;
use super::turns::Happening;
use crate::error::exit;
use crate::rotation::names::KeyId;
use crate::rotation::plan::Way;
use crate::rotation::{Effect, End, Phase, Rotation, Why};
use crate::run::{Run, Start};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The vaults serve the new secret; the old one is gone, unless the runbook keeps it.
    Completed,
    /// The vaults serve what they served at the start; nothing that the run added is left that it could remove.
    RolledBack,
    /// Nothing is to be done before a time, and no process need stay for it.
    Waiting,
    /// It stands in the middle: a process is at work on it, or has died.
    Interrupted,
    /// A person must look.
    NeedsOperator,
    /// A person closed it as it stood.
    Abandoned,
}

impl State {
    /// Where `run` stands, as its journal tells it.
    pub fn of(run: &Run) -> State {
        match run.rotation.phase() {
            Phase::Ended { end: End::Completed } => State::Completed,
            Phase::Ended { end: End::RolledBack } => State::RolledBack,
            Phase::Ended { end: End::Abandoned } => State::Abandoned,
            Phase::NeedsOperator { .. } => State::NeedsOperator,
            Phase::Add
            | Phase::Prove
            | Phase::Publish { .. }
            | Phase::Reconcile { .. }
            | Phase::Align { .. }
            | Phase::Smoke
            | Phase::Consumers
            | Phase::Confirm
            | Phase::Wait
            | Phase::Adoption
            | Phase::Delete
            | Phase::Withdraw
            | Phase::Restore
            | Phase::Revoke
            | Phase::Dying => waiting(run).map_or(State::Interrupted, |_| State::Waiting),
        }
    }

    /// As it is written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Completed => "completed",
            State::RolledBack => "rolled_back",
            State::Waiting => "waiting",
            State::Interrupted => "interrupted",
            State::NeedsOperator => "needs_operator",
            State::Abandoned => "abandoned",
        }
    }

    /// The exit code of a command that leaves a run so.
    pub fn exit(self) -> u8 {
        match self {
            State::Completed | State::Abandoned => exit::DONE,
            State::RolledBack => exit::ROLLED_BACK,
            State::Waiting => exit::WAITING,
            State::Interrupted => exit::INTERRUPTED,
            State::NeedsOperator => exit::NEEDS_OPERATOR,
        }
    }
}

/// Until when a run waits for what no process need stay for, in service time, and what for. Asked as of its last record: the
/// time may have come since.
pub(super) fn waiting(run: &Run) -> Option<(Timestamp, Why)> {
    match run.rotation.next(run.last_at()?) {
        Effect::Wait { until, why } if why.may_leave() => Some((until, why)),
        Effect::Wait { .. } | Effect::Read(_) | Effect::Refresh { .. } | Effect::Check { .. } | Effect::Mutate(_) => None,
        Effect::GiveUp | Effect::NeedsOperator(_) | Effect::Ended(_) => None,
    }
}

/// The step that the run stands in; if it is over, the one that was left last.
pub(super) fn last_step(rotation: &Rotation, line: &Timeline) -> &'static str {
    let over = matches!(rotation.phase(), Phase::Ended { .. });
    let last = line.steps.iter().filter(|s| over && s.ended.is_some()).max_by_key(|s| s.ended);
    last.map_or_else(|| rotation.step().name(), |s| s.step.name())
}

/// The key ID that the run replaces; none where it only revokes another.
pub(super) fn old_key_id(start: &Start) -> Option<KeyId> {
    let only = start.plan.emergency.as_ref().is_some_and(|e| e.way == Way::RevokeOnly);
    start.plan.baseline.key_id().filter(|_| !only)
}

/// What the vaults were last found to serve of this run's, else the latest that it added.
pub(super) fn new_key_id(rotation: &Rotation) -> Option<KeyId> {
    let added = || rotation.attempts().iter().rev().find_map(|a| a.added.key_id());
    rotation.served().map(|(key_id, _)| key_id).or_else(added)
}

/// Why the run needs an operator, is on its way back, or ended otherwise than completed: the last thing that made it so.
pub(super) fn reason(run: &Run, line: &Timeline) -> Option<(&'static str, Explanation)> {
    if let Phase::NeedsOperator { reason, .. } = run.rotation.phase() {
        return Some((reason.name(), explain_in(run, reason)));
    }
    let abandoned = *run.rotation.phase() == Phase::Ended { end: End::Abandoned };
    if !abandoned && !run.rotation.back() {
        return None;
    }
    let person = |name, who: &str, what: &str, why: &str| {
        let happened = format!("{} {what}: {}.", clean(who), clean(why).trim_end_matches('.'));
        Some((name, Explanation { happened, now: String::new(), to_do: String::new() }))
    };
    line.turns.iter().rev().find_map(|turn| match &turn.what {
        Happening::Abandoned { by, reason } => person("abandoned", by, "closed the run", reason),
        Happening::RollbackRequested { by, reason, .. } => {
            person("rollback-requested", by, "asked for the rollback", reason)
        }
        Happening::TurnedBack { reason } => reason.as_ref().map(|r| (r.name(), explain_in(run, r))),
        Happening::Resumed { .. } | Happening::TurnedForward | Happening::NeedsOperator { .. } => None,
        Happening::PointOfNoReturn | Happening::OutageAccepted { .. } => None,
        Happening::HoldSet { .. } | Happening::Released { .. } | Happening::Ended(_) => None,
    })
}
