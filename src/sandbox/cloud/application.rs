//! Applications and their password credentials, as the directory keeps them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Value;

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

/// An application with its service principal in the tenant.
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
    /// `id` of its service principal.
    pub service_principal_id: Uuid,
    /// The service principal's `accountEnabled`.
    pub enabled: bool,
    /// `createdDateTime`.
    pub created: Timestamp,
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

/// What `addPassword` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PasswordSpec {
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`, default now.
    pub start: Option<Timestamp>,
    /// `endDateTime`, default two years after the start.
    pub end: Option<Timestamp>,
}

/// A password credential, with when each place sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PasswordCredential {
    /// `keyId`.
    pub key_id: Uuid,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`.
    pub start: Timestamp,
    /// `endDateTime`.
    pub end: Timestamp,
    /// `secretText`.
    pub value: Value,
    pub(super) added: Seen,
    /// `None` while it lives.
    pub(super) removed: Option<Seen>,
}

/// When lists and replicas see a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) lists: Timestamp,
    pub(super) replicas: Vec<Timestamp>,
}

/// Somewhere a change arrives at its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The lists of credentials.
    Lists,
    /// A sign-in replica, from 0.
    Replica(usize),
}

/// The answer of `addPassword`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// `keyId`.
    pub key_id: Uuid,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`.
    pub start: Timestamp,
    /// `endDateTime`.
    pub end: Timestamp,
    /// `secretText`.
    pub value: Value,
}

impl PasswordCredential {
    /// Whether a list shows it at `now`.
    pub fn listed(&self, now: Timestamp) -> bool {
        self.added.lists <= now && self.removed.as_ref().is_none_or(|r| r.lists > now)
    }

    /// Whether the replica knows it at `now`, expired or not.
    pub fn known_to(&self, replica: usize, now: Timestamp) -> bool {
        let seen = |s: &Seen| s.replicas.get(replica).is_some_and(|at| *at <= now);
        seen(&self.added) && !self.removed.as_ref().is_some_and(seen)
    }

    /// Whether it is within its own dates.
    pub fn in_date(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// Whether it has been removed, seen everywhere or not.
    pub fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    pub(super) fn replicas(&self) -> usize {
        self.added.replicas.len()
    }
}

/// `days` later, or the end of time.
pub(super) fn plus_days(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(days.saturating_mul(24))).unwrap_or(Timestamp::MAX)
}
