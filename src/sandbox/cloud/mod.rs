//! The emulator: applications, sign-in replicas, vaults. Pure: time is an argument, randomness a seeded generator in its state.
//!
//! It imitates what the services do to a caller, not their happy path: a credential reaches each sign-in replica and the lists
//! at its own time, versions are listed in the order of their ids, a soft-deleted name blocks, a request may land late.
//! It knows nothing of rotations: display names and tags are plain text here.
//!
//! Every operation sees what has landed by the last [`Cloud::advance`]; whoever drives the cloud calls that first.

mod application;
mod directory;
mod error;
mod inspect;
mod late;
mod profile;
mod random;
mod seed;
mod sign_in;
mod token;
mod value;
mod vault;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use application::{
    AppRef, Application, ApplicationSpec, Audience, NewPassword, PasswordCredential, PasswordSpec, Place,
};
pub use error::{CloudError, Detail};
pub use inspect::Standing;
pub use late::Op;
pub use profile::{Profile, Range};
pub use seed::{Seed, SeedVault, Seeded};
pub use sign_in::{SignInError, SignInRequest};
pub use token::{Caller, IssuedToken, Resource, TokenFault};
pub use value::Value;
pub(in crate::sandbox) use vault::RECOVERABLE_DAYS;
pub use vault::{Deletion, SecretUpdate, SecretVersion, SecretWrite, VaultSecret};

use random::Random;

/// The one tenant of a sandbox that is not told another: fixed, so that runbooks can name it.
pub const TENANT: Uuid = Uuid::from_u128(0x5a9d_b0c5_7e4a_4000_8000_0000_0000_0001);

/// The client ID of the operator: the principal with rights to everything.
pub const OPERATOR: Uuid = Uuid::from_u128(0x5a9d_b0c5_09e4_4000_8000_0000_0000_0001);

/// One tenant with its vaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cloud {
    tenant: Uuid,
    profile: Profile,
    /// Draws ids, values and propagation times.
    things: Random,
    /// Draws what leaves no trace: which replica answers, request ids.
    answers: Random,
    token_key: Value,
    applications: BTreeMap<Uuid, Application>,
    /// By host name in lower case; within, secrets by name in lower case.
    vaults: BTreeMap<String, BTreeMap<String, VaultSecret>>,
    late: Vec<late::LateOp>,
    revision: u64,
}

impl Cloud {
    /// A tenant with nothing in it but the operator, whose secret never expires within a sandbox's life.
    pub fn new(seed: u64, profile: Profile, now: Timestamp) -> Cloud {
        let mut things = Random::new(seed);
        let token_key = Value::new(things.secret());
        let mut cloud = Cloud {
            tenant: TENANT,
            profile,
            answers: things.fork(),
            things,
            token_key,
            applications: BTreeMap::new(),
            vaults: BTreeMap::new(),
            late: Vec::new(),
            revision: 0,
        };
        let operator = ApplicationSpec {
            client_id: Some(OPERATOR),
            display_name: "sandbox operator".to_owned(),
            ..ApplicationSpec::default()
        };
        let id = cloud.create_application(now, operator);
        let end = application::plus_days(now, 3650);
        cloud.insert_password(now, id, PasswordSpec { display_name: None, start: None, end: Some(end) });
        cloud
    }

    /// The tenant's id.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// How things propagate from now on.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// Grows with every change that must outlive the process. What only an answer needed (which replica, a request id) does
    /// not count.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A fresh id for a request's record.
    pub fn draw_request_id(&mut self) -> Uuid {
        self.answers.uuid()
    }

    /// Whether `caller` may do everything here. The only right there is so far: roles are to be told apart behind this.
    pub fn is_operator(&self, caller: &Caller) -> bool {
        caller.client_id == OPERATOR
    }

    /// The operator's secret, for the file that the server leaves to its owner.
    pub fn operator_secret(&self) -> Option<&Value> {
        let operator = self.applications.values().find(|a| a.client_id == OPERATOR)?;
        operator.passwords.iter().find(|p| p.removed.is_none()).map(|p| &p.value)
    }

    fn changed(&mut self) {
        self.revision = self.revision.saturating_add(1);
    }
}
