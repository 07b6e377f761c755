//! Where a run turned, stopped, changed hands or ended, and what people said to it.

use jiff::Timestamp;

use crate::rotation::answers::SignIn;
use crate::rotation::{End, Event, Phase, Reason, Rotation};

/// One such point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The record that brought it about.
    pub record: u64,
    /// When, in service time.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
}

/// What happened at a [`Turn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A process took the run over.
    Resumed {
        /// Whose.
        by: String,
    },
    /// Rollback was asked for.
    RollbackRequested {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
        /// What a sign-in with the old value answered just then, where one was needed.
        baseline: Option<SignIn>,
        /// They said that a value known to have leaked may be put back.
        restore_leaked: bool,
    },
    /// A person accepted that consumers are cut off from the leaked secret.
    OutageAccepted {
        /// Who.
        by: String,
        /// Which, from 0.
        consumers: Vec<usize>,
    },
    /// The failure policy turned the run back.
    TurnedBack {
        /// Why.
        reason: Option<Reason>,
    },
    /// The old value turned out dead on the way back: the run went forward again.
    TurnedForward,
    /// The run paused for a person.
    NeedsOperator {
        /// Why.
        reason: Reason,
    },
    /// The removal of the old secret was intended for the first time: rollback is closed.
    PointOfNoReturn,
    /// A person holds the old secret alive.
    HoldSet {
        /// Who.
        by: String,
        /// Why.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person let the run go on.
    Released {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// The run was closed as it stood.
    Abandoned {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run ended by itself.
    Ended(End),
}

/// What a record turned, in the order of its consequences.
pub(super) fn at(record: u64, at: Timestamp, event: &Event, before: &Rotation, after: &Rotation) -> Vec<Turn> {
    let mut all = Vec::new();
    let asked = said(event);
    let asked_back = matches!(asked, Some(Happening::RollbackRequested { .. }));
    let abandoned = matches!(asked, Some(Happening::Abandoned { .. }));
    all.extend(asked);
    if after.past_return() && !before.past_return() {
        all.push(Happening::PointOfNoReturn);
    }
    if after.back() && !before.back() && !asked_back {
        all.push(Happening::TurnedBack { reason: after.failure().cloned() });
    }
    if before.back() && !after.back() {
        all.push(Happening::TurnedForward);
    }
    match after.phase() {
        Phase::NeedsOperator { reason, .. } if !matches!(before.phase(), Phase::NeedsOperator { .. }) => {
            all.push(Happening::NeedsOperator { reason: reason.clone() });
        }
        Phase::Ended { end } if !matches!(before.phase(), Phase::Ended { .. }) && !abandoned => {
            all.push(Happening::Ended(*end));
        }
        Phase::NeedsOperator { .. } | Phase::Ended { .. } | Phase::Add | Phase::Prove | Phase::Publish { .. } => {}
        Phase::Reconcile { .. } | Phase::Align { .. } | Phase::Smoke | Phase::Consumers | Phase::Confirm => {}
        Phase::Wait | Phase::Adoption | Phase::Delete | Phase::Withdraw | Phase::Restore => {}
        Phase::Revoke | Phase::Dying => {}
    }
    all.into_iter().map(|what| Turn { record, at, what }).collect()
}

/// What a person or a new process said.
fn said(event: &Event) -> Option<Happening> {
    match event.clone() {
        Event::Resumed { by } => Some(Happening::Resumed { by }),
        Event::RollbackRequested { by, reason, baseline, restore_leaked } => {
            Some(Happening::RollbackRequested { by, reason, baseline, restore_leaked })
        }
        Event::OutageAccepted { by, consumers } => Some(Happening::OutageAccepted { by, consumers }),
        Event::LeakedTried { .. } | Event::LeakedMissing { .. } => None,
        Event::HoldSet { by, why, until } => Some(Happening::HoldSet { by, why, until }),
        Event::Released { by, why } => Some(Happening::Released { by, why }),
        Event::Abandoned { by, reason } => Some(Happening::Abandoned { by, reason }),
        Event::Intended { .. } | Event::Applied { .. } | Event::NotApplied { .. } | Event::InDoubt { .. } => None,
        Event::CredentialsListed { .. } | Event::VaultRead { .. } | Event::VersionsListed { .. } => None,
        Event::SignedIn { .. } | Event::BaselineProven { .. } | Event::ReadRefused { .. } | Event::GaveUp => None,
        Event::ConsumerRefreshed { .. } | Event::ConsumerChecked { .. } | Event::UsageRead { .. } => None,
    }
}
