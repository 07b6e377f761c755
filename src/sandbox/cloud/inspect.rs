//! What no client can see: for tests, which judge by the cloud's hidden state.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AppRef, Cloud, PasswordCredential, SecretVersion, Value};

/// How a credential stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Standing {
    /// `keyId`.
    pub key_id: Uuid,
    /// `displayName`, empty if there is none.
    pub display_name: String,
    /// Whether it has not been removed.
    pub living: bool,
    /// Whether lists show it.
    pub listed: bool,
    /// Per replica, whether a sign-in with it succeeds.
    pub accepted: Vec<bool>,
}

impl Standing {
    /// Whether every replica accepts it.
    pub fn accepted_everywhere(&self) -> bool {
        self.accepted.iter().all(|a| *a)
    }

    /// Whether any replica accepts it.
    pub fn accepted_somewhere(&self) -> bool {
        self.accepted.iter().any(|a| *a)
    }
}

impl Cloud {
    /// All credentials that the application ever had, in the order of their making; none if there is no such application.
    pub fn standings(&self, now: Timestamp, app: AppRef) -> Vec<Standing> {
        let Ok(application) = self.application(app) else { return Vec::new() };
        let enabled =
            !application.disabled && self.objects.principals.get(&application.client_id).is_some_and(|p| p.enabled);
        let stand = |p: &PasswordCredential| Standing {
            key_id: p.key_id,
            display_name: p.display_name.clone().unwrap_or_default(),
            living: !p.is_removed(),
            listed: p.listed(now),
            accepted: (0..p.replicas()).map(|r| enabled && p.in_date(now) && p.known_to(r, now)).collect(),
        };
        application.passwords.iter().map(stand).collect()
    }

    /// The latest version of a living secret, enabled or not.
    pub fn latest_version(&self, host: &str, name: &str) -> Option<&SecretVersion> {
        let secret = self.vaults.get(&host.to_ascii_lowercase())?.get(&name.to_ascii_lowercase())?;
        secret.latest().filter(|_| secret.deleted.is_none())
    }

    /// The credential whose value a version holds, removed or not; none for a value that no application ever had.
    pub fn credential_of(&self, version: &SecretVersion) -> Option<Uuid> {
        self.holder_of(&version.value)
    }

    /// The credential that a value belongs to, removed or not.
    pub fn holder_of(&self, value: &Value) -> Option<Uuid> {
        self.objects.passwords().find(|p| p.value == *value).map(|p| p.key_id)
    }

    /// The credential that consumers of a vault's secret sign in with: that of the latest version, if it can be read.
    pub fn served(&self, host: &str, name: &str) -> Option<Uuid> {
        self.latest_version(host, name).filter(|v| v.enabled).and_then(|v| self.credential_of(v))
    }
}
