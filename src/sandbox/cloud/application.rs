//! Applications, as the directory keeps them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ManagementPolicy, PasswordCredential, Role};

/// `signInAudience`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// This tenant.
    #[default]
    #[serde(rename = "AzureADMyOrg")]
    MyOrg,
    /// Any tenant.
    #[serde(rename = "AzureADMultipleOrgs")]
    MultipleOrgs,
    /// Any tenant and personal accounts: at most two secrets.
    #[serde(rename = "AzureADandPersonalMicrosoftAccount")]
    OrgsAndPersonal,
    /// Personal accounts only: at most two secrets.
    #[serde(rename = "PersonalMicrosoftAccount")]
    Personal,
}

impl Audience {
    /// As Graph spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::MyOrg => "AzureADMyOrg",
            Audience::MultipleOrgs => "AzureADMultipleOrgs",
            Audience::OrgsAndPersonal => "AzureADandPersonalMicrosoftAccount",
            Audience::Personal => "PersonalMicrosoftAccount",
        }
    }

    /// How many secrets an application may hold, where there is a number (azure-cli#12946: two with personal accounts).
    pub fn room(self) -> Option<usize> {
        match self {
            Audience::MyOrg | Audience::MultipleOrgs => None,
            Audience::OrgsAndPersonal | Audience::Personal => Some(2),
        }
    }
}

/// What an application is made from; ids that are not given are drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationSpec {
    /// `id`.
    pub object_id: Option<Uuid>,
    /// `appId`.
    pub client_id: Option<Uuid>,
    /// `id` of its service principal.
    pub service_principal_id: Option<Uuid>,
    /// `displayName`.
    pub display_name: String,
    /// `signInAudience`.
    pub audience: Audience,
}

/// An application of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Application {
    /// `id`.
    pub object_id: Uuid,
    /// `appId`.
    pub client_id: Uuid,
    /// `displayName`.
    pub display_name: String,
    /// `signInAudience`.
    pub audience: Audience,
    /// `createdDateTime`.
    pub created: Timestamp,
    /// Whether Microsoft disabled it (`disabledByMicrosoftStatus`).
    #[serde(default)]
    pub disabled: bool,
    /// The permissions of Microsoft Graph that it asks for (`requiredResourceAccess`), granted or not.
    #[serde(default)]
    pub requested: BTreeSet<Role>,
    /// Object ids of its owners.
    #[serde(default)]
    pub owners: BTreeSet<Uuid>,
    /// The app management policy that is assigned to it.
    #[serde(default)]
    pub policy: Option<ManagementPolicy>,
    /// Until then it is not found; it has always been there if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<Timestamp>,
    /// In the order of their making, removed ones too: a replica may still accept them.
    pub(super) passwords: Vec<PasswordCredential>,
}

/// How a request names an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AppRef {
    /// `/applications/{id}`.
    Object(Uuid),
    /// `/applications(appId='..')`.
    Client(Uuid),
}

impl Application {
    /// Its password credentials, removed ones too.
    pub(in crate::sandbox) fn all_passwords(&self) -> &[PasswordCredential] {
        &self.passwords
    }
}
