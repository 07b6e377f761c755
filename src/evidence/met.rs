//! Which request it was that was refused: asked of the run's records.

use crate::refusals::{Operation, asked, asked_by};
use crate::rotation::answers::{Refusal, Trace};
use crate::rotation::names::VaultIx;
use crate::rotation::{Event, Reason, Rotation};
use crate::run::{Record, Run};

/// What was asked for, where, and under which id, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) operation: Option<Operation>,
    pub(super) vault: Option<VaultIx>,
    pub(super) request_id: Option<String>,
}

impl Met {
    /// The same, and where nothing is known this.
    pub(super) fn or(&self, operation: Operation, vault: Option<VaultIx>) -> Met {
        let operation = self.operation.or(Some(operation));
        Met { operation, vault: self.vault.or(vault), request_id: self.request_id.clone() }
    }
}

/// The request whose refusal is the reason.
pub(super) fn met(run: &Run, reason: &Reason) -> Met {
    let refusal = match reason {
        Reason::AddRefused { refusal } | Reason::WriteRefused { refusal, .. } => refusal,
        Reason::RemoveRefused { refusal, .. } | Reason::ReadRefused { refusal } => refusal,
        Reason::VaultChanged { .. } | Reason::VaultsUnsteady | Reason::NoRoom | Reason::AnotherRun { .. } => {
            return Met::default();
        }
        Reason::NotProven { .. } | Reason::CurrentRefused { .. } | Reason::BaselineUnproven { .. } => return Met::default(),
        Reason::CredentialGone { .. } | Reason::RemovalNotSeen { .. } | Reason::AttemptsExhausted => return Met::default(),
        Reason::ConsumerFailed { .. } | Reason::ConsumerUsesOld { .. } | Reason::NotReleased => return Met::default(),
        Reason::NotDrained { .. } => return Met::default(),
    };
    let mut found = Met::default();
    let mut before: Option<Rotation> = None;
    // the records were replayed once already, so they can be again
    let _ = Run::replay_with(run.records.clone(), |after, record| {
        if let (Record::Event(event), Some(before), Some(at)) = (&record.event, &before, record.at)
            && let Some(trace) = refused(event, refusal)
        {
            let (operation, vault) = match before.in_flight() {
                Some(request) => asked_by(request),
                None => asked(&before.next(at)),
            };
            found = Met { operation, vault, request_id: trace.request_id.clone() };
        }
        before = Some(after.clone());
    });
    found
}

fn refused<'a>(event: &'a Event, with: &Refusal) -> Option<&'a Trace> {
    use Event as E;
    match event {
        E::NotApplied { refusal, trace } | E::InDoubt { refusal, trace } | E::ReadRefused { refusal, trace } => {
            (refusal == with).then_some(trace)
        }
        E::Resumed { .. } | E::Intended { .. } | E::Applied { .. } | E::CredentialsListed { .. } => None,
        E::VaultRead { .. } | E::VersionsListed { .. } | E::SignedIn { .. } | E::BaselineProven { .. } => None,
        E::ConsumerRefreshed { .. } | E::ConsumerChecked { .. } | E::RollbackRequested { .. } => None,
        E::UsageRead { .. } => None,
        E::LeakedTried { .. } | E::LeakedMissing { .. } | E::OutageAccepted { .. } => None,
        E::HoldSet { .. } | E::Released { .. } | E::GaveUp | E::Abandoned { .. } => None,
    }
}
