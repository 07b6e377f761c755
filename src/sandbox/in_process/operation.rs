//! The calls, and what may happen to them.

use std::time::Duration;

use crate::ports::Stamp;
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::{KeyId, VaultIx, VersionId};

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

/// What happens to a call.
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
