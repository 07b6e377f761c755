//! Service principals: what an application is within a tenant, and what signs in.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Cloud, GRAPH_APP_ID, PasswordCredential, Role};

/// `servicePrincipalType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// Of an application, of this tenant or another.
    #[default]
    Application,
    /// A managed identity: there is no application, and no password.
    ManagedIdentity,
}

impl PrincipalKind {
    /// As Graph spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::Application => "Application",
            PrincipalKind::ManagedIdentity => "ManagedIdentity",
        }
    }
}

/// A service principal. There is at most one per client ID in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServicePrincipal {
    /// `id`: what a token's claim `oid` says.
    pub object_id: Uuid,
    /// `appId`.
    pub client_id: Uuid,
    /// `displayName`.
    pub display_name: String,
    /// `servicePrincipalType`.
    pub kind: PrincipalKind,
    /// `accountEnabled`.
    pub enabled: bool,
    /// `createdDateTime`.
    pub created: Timestamp,
    /// What it has been granted of Microsoft Graph.
    pub roles: BTreeSet<Role>,
    /// Its own, apart from its application's.
    pub(super) passwords: Vec<PasswordCredential>,
}

/// How a request names a service principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalRef {
    /// `/servicePrincipals/{id}`.
    Object(Uuid),
    /// `/servicePrincipals(appId='..')`.
    Client(Uuid),
}

impl Cloud {
    /// Microsoft Graph itself, which every tenant has: not kept, since nothing of it ever changes.
    pub(in crate::sandbox) fn graph_principal(&self) -> ServicePrincipal {
        ServicePrincipal {
            object_id: Uuid::from_u128(0x5a9d_b0c5_4012_4000_8000_0000_0000_0003),
            client_id: GRAPH_APP_ID,
            display_name: "Microsoft Graph".to_owned(),
            kind: PrincipalKind::Application,
            enabled: true,
            created: Timestamp::UNIX_EPOCH,
            roles: BTreeSet::new(),
            passwords: Vec::new(),
        }
    }
}

/// What a service principal without an application of this tenant is made from; ids that are not given are drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrincipalSpec {
    /// `id`.
    pub object_id: Option<Uuid>,
    /// `appId`.
    pub client_id: Option<Uuid>,
    /// `displayName`.
    pub display_name: String,
    /// `servicePrincipalType`.
    pub kind: PrincipalKind,
}
