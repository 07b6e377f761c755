//! The calls, and what may happen to them.

use std::time::Duration;

use crate::ports::Stamp;
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::{KeyId, VaultIx, VersionId};
use crate::sandbox::faults;

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// [`Directory::application`].
    Application,
    /// [`Directory::credentials`].
    Credentials,
    /// [`Directory::add_password`].
    AddPassword {
        /// The display name that is asked for.
        display_name: String,
    },
    /// [`Directory::remove_password`].
    RemovePassword(KeyId),
    /// [`Vaults::current`].
    Current(VaultIx),
    /// [`Vaults::version`].
    Version(VaultIx, VersionId),
    /// [`Vaults::versions`].
    Versions(VaultIx),
    /// [`Vaults::deleted`].
    Deleted(VaultIx),
    /// [`Vaults::write`].
    Write(VaultIx, Stamp),
    /// [`Vaults::disable`].
    Disable(VaultIx, VersionId),
    /// [`TokenEndpoint::sign_in`].
    SignIn,
    /// [`SignIns::sign_ins`] and [`SignIns::last_sign_in`].
    SignIns,
}

impl Operation {
    /// What rules know it as.
    pub(super) fn kind(&self) -> faults::Operation {
        use Operation as O;
        match self {
            O::Application | O::Credentials => faults::Operation::ReadApplication,
            O::AddPassword { .. } => faults::Operation::AddPassword,
            O::RemovePassword(_) => faults::Operation::RemovePassword,
            O::Current(_) | O::Version(..) => faults::Operation::GetSecret,
            O::Versions(_) => faults::Operation::ListVersions,
            O::Deleted(_) => faults::Operation::GetDeleted,
            O::Write(..) => faults::Operation::SetSecret,
            O::Disable(..) => faults::Operation::UpdateSecret,
            O::SignIn => faults::Operation::SignIn,
            O::SignIns => faults::Operation::ReadSignIns,
        }
    }

    /// The vault that it is about, if it is about one.
    pub(super) fn vault(&self) -> Option<VaultIx> {
        use Operation as O;
        match self {
            O::Current(ix) | O::Version(ix, _) | O::Versions(ix) | O::Deleted(ix) | O::Write(ix, _) | O::Disable(ix, _) => {
                Some(*ix)
            }
            O::Application | O::Credentials | O::AddPassword { .. } | O::RemovePassword(_) => None,
            O::SignIn | O::SignIns => None,
        }
    }

    /// Whether it changes the cloud.
    pub fn mutates(&self) -> bool {
        use Operation as O;
        match self {
            O::AddPassword { .. } | O::RemovePassword(_) | O::Write(..) | O::Disable(..) => true,
            O::Application
            | O::Credentials
            | O::Deleted(_)
            | O::Current(_)
            | O::Version(..)
            | O::Versions(_)
            | O::SignIn
            | O::SignIns => false,
        }
    }
}

/// What happens to a call, in the words of the ports: what a hook orders for one call, or what a rule of the cloud
/// ([`faults::Fault`]) comes to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is refused: not applied, and the caller knows. A sign-in counts this as unavailable.
    Refused(RefusalKind),
    /// The request is lost: in doubt, never applied.
    LostBefore,
    /// The answer is lost: in doubt, applied.
    LostAfter,
    /// No answer, and the request lands after this time: in doubt, applied later.
    Late(Duration),
    /// 503 after the effect: in doubt, applied.
    ServerErrorAfter,
    /// Answered with what is no answer (cut, not JSON, of the wrong type): in doubt, applied.
    BadAnswerAfter,
}

impl Fault {
    /// What a rule comes to for a call in process. A refusal is the service's to say, how the cloud is bent is the cloud's, and
    /// a call in process is never slow and knows no pages: whoever drives it has the time in hand.
    pub(super) fn of_rule(rule: &faults::Fault) -> Fault {
        match rule {
            faults::Fault::LoseRequest => Fault::LostBefore,
            faults::Fault::LoseAnswer => Fault::LostAfter,
            faults::Fault::ApplyLate(by) => Fault::Late(Duration::from_millis(*by)),
            faults::Fault::ErrorAfter(_) => Fault::ServerErrorAfter,
            faults::Fault::CutBody => Fault::BadAnswerAfter,
            faults::Fault::Refuse(_) | faults::Fault::Slow(_) => Fault::None,
            faults::Fault::ReplicaLate { .. } | faults::Fault::StaleList(_) | faults::Fault::EmptyPage => Fault::None,
        }
    }
}
