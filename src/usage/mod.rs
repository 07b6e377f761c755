//! Who uses a credential: the tenant's sign-in records, read page by page and counted.
//!
//! Only counts are kept, so a hundred thousand records take no more room than a few. Records are compared by key ID here; ours
//! are told apart by their ids ([`crate::correlation`]). The answer is [`Usage`]: counts, and where it applies why the log cannot
//! tell.

mod networks;
mod own;
mod reader;
mod tally;
pub mod tell;

pub use networks::{Network, Networks};
pub use own::OwnSignIns;
pub use reader::{RETENTION, read};

pub use crate::rotation::usage::{Idleness, Source, Unknown, Usage};

use jiff::{SignedDuration, Timestamp};

use crate::rotation::names::KeyId;

/// What is asked of the log.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Which credential.
    pub key_id: KeyId,
    /// From when on.
    pub since: Timestamp,
    /// The circumstances.
    pub by: &'a Circumstances,
}

/// What the runbook and this machine say about the application's sign-ins.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// How long a record may take to be seen. No bound is promised: this is an assumption.
    pub log_delay: SignedDuration,
    /// Where the application's consumers sign in from.
    pub networks: Networks,
    /// By what ours are known.
    pub own: OwnSignIns,
}

impl Default for Circumstances {
    /// A log delay of two hours, no expected networks, and nothing of ours.
    fn default() -> Circumstances {
        let log_delay = SignedDuration::from_hours(2);
        Circumstances { log_delay, networks: Networks::default(), own: OwnSignIns::default() }
    }
}
