//! The emulator: applications, sign-in replicas, vaults. Pure: time is an argument, randomness a seeded generator in its state.
//!
//! It imitates what the services do to a caller, not their happy path: a credential reaches each sign-in replica and the lists
//! at its own time, versions are listed in the order of their ids, a soft-deleted name blocks, a request may land late.
//! Who may do what is decided here too, and what no client can bring about is arranged by hand through [`Stage`].
//! It knows nothing of rotations: display names and tags are plain text here.
//!
//! Every operation sees what has landed by the last [`Cloud::advance`]; whoever drives the cloud calls that first.

mod access;
mod application;
mod bent;
mod directory;
mod error;
mod inspect;
mod late;
mod lifecycle;
mod objects;
mod operator;
mod password;
mod policy;
mod principal;
mod profile;
pub(in crate::sandbox) mod random;
mod role;
mod seed;
mod sign_in;
mod sign_in_log;
mod sign_in_pages;
mod stage;
mod stage_sign_ins;
mod stock;
mod token;
mod trouble;
mod value;
mod vault;
mod vault_access;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use access::DirectoryAct;
pub use application::{AppRef, Application, ApplicationSpec, Audience};
pub use error::{CloudError, Detail};
pub use inspect::Standing;
pub use late::Op;
pub use operator::{OPERATOR, Operator, OperatorSecret};
pub use password::{NewPassword, PasswordCredential, PasswordSpec, Place};
pub use policy::{DEFAULT_POLICY, ManagementPolicy, Restriction, RestrictionKind};
pub use principal::{PrincipalKind, PrincipalRef, PrincipalSpec, ServicePrincipal};
pub use profile::{Profile, Range};
pub use role::Role;
pub use seed::{Seed, SeedVault, Seeded};
pub use sign_in::{SignInError, SignInRequest};
pub use sign_in_log::{Origin, SignInRecord, SignInSeries};
pub use sign_in_pages::{SignInFilter, SignInPage, SignInPlace};
pub use stage::Stage;
pub use stock::{STOCK_VAULTS, Stocked};
pub use token::{Caller, GRAPH_APP_ID, IssuedToken, Resource, TokenFault};
pub(in crate::sandbox) use trouble::right_for;
pub use trouble::{GraphCall, GraphTrouble, RetryAfter, SignInTrouble, Trouble, VaultTrouble};
pub use value::Value;
pub(in crate::sandbox) use vault::RECOVERABLE_DAYS;
pub use vault::{Deletion, SecretUpdate, SecretVersion, SecretWrite, VaultSecret};
pub use vault_access::{AccessModel, VaultRight};

use super::faults::Faults;
use bent::Bent;
use objects::Objects;
use random::Random;
use sign_in_log::SignInLog;
use vault_access::VaultRules;

/// The one tenant of a sandbox that is not told another: fixed, so that runbooks can name it.
pub const TENANT: Uuid = Uuid::from_u128(0x5a9d_b0c5_7e4a_4000_8000_0000_0000_0001);

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
    #[serde(flatten)]
    objects: Objects,
    #[serde(default)]
    tenant_policy: Option<ManagementPolicy>,
    /// By host name in lower case; within, secrets by name in lower case.
    vaults: BTreeMap<String, BTreeMap<String, VaultSecret>>,
    /// By host name in lower case; a vault that nothing was staged for is not here.
    #[serde(default)]
    vault_rules: BTreeMap<String, VaultRules>,
    late: Vec<late::LateOp>,
    #[serde(default)]
    sign_in_log: SignInLog,
    #[serde(default)]
    faults: Faults,
    #[serde(skip)]
    bent: Bent,
    /// How far the services' clock is ahead of the real one.
    #[serde(default)]
    clock_offset: SignedDuration,
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
            objects: Objects::default(),
            tenant_policy: None,
            vaults: BTreeMap::new(),
            vault_rules: BTreeMap::new(),
            late: Vec::new(),
            sign_in_log: SignInLog::default(),
            faults: Faults::default(),
            bent: Bent::default(),
            clock_offset: SignedDuration::ZERO,
            revision: 0,
        };
        // Nothing is in its way in an empty tenant.
        let _ = cloud.make_operator(now, Operator::All);
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

    fn changed(&mut self) {
        self.revision = self.revision.saturating_add(1);
    }
}
