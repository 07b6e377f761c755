//! App management policies: whether a secret may be added, and how long it may live.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Application, Cloud, CloudError, Detail};

/// An app management policy: the tenant's default one, or one that is assigned to an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ManagementPolicy {
    /// `id`: what refusals name.
    pub id: Uuid,
    /// `isEnabled`.
    pub enabled: bool,
    /// Those of `passwordCredentials`; each kind at most once.
    pub restrictions: Vec<Restriction>,
}

/// One restriction on password credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restriction {
    /// `restrictionType` with what belongs to it.
    pub kind: RestrictionKind,
    /// `state`: whether it is evaluated.
    pub enabled: bool,
    /// `restrictForAppsCreatedAfterDateTime`; none: for all applications.
    pub apps_created_after: Option<Timestamp>,
}

/// What is restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestrictionKind {
    /// `passwordAddition`: no secret may be added.
    Addition,
    /// `passwordLifetime`: none longer than this many days (`maxLifetime` is an ISO 8601 duration, such as `P90D`).
    Lifetime {
        /// The most days from start to end.
        days: u16,
    },
}

impl RestrictionKind {
    /// As Graph spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            RestrictionKind::Addition => "passwordAddition",
            RestrictionKind::Lifetime { .. } => "passwordLifetime",
        }
    }
}

impl ManagementPolicy {
    /// An enabled policy that lets secrets live for this many days at most, on all applications.
    pub fn lifetime(days: u16) -> ManagementPolicy {
        ManagementPolicy::of(RestrictionKind::Lifetime { days })
    }

    /// An enabled policy that forbids new secrets, on all applications.
    pub fn no_addition() -> ManagementPolicy {
        ManagementPolicy::of(RestrictionKind::Addition)
    }

    fn of(kind: RestrictionKind) -> ManagementPolicy {
        let restriction = Restriction { kind, enabled: true, apps_created_after: None };
        ManagementPolicy { id: DEFAULT_POLICY, enabled: true, restrictions: vec![restriction] }
    }
}

/// The id of the tenant's default policy where nobody gave another (sample of tenantappmanagementpolicy.md: zeros).
pub const DEFAULT_POLICY: Uuid = Uuid::nil();

impl Cloud {
    /// The tenant's default policy: it always exists, and is disabled where nothing was staged (learn.microsoft.com,
    /// applicationauthenticationmethodpolicy).
    pub fn tenant_policy(&self) -> ManagementPolicy {
        let disabled = || ManagementPolicy { id: DEFAULT_POLICY, enabled: false, restrictions: Vec::new() };
        self.tenant_policy.clone().unwrap_or_else(disabled)
    }

    /// Refuses a new secret that a policy forbids. A policy of the application's own stands in for the tenant's, as a whole:
    /// whether single restrictions of the tenant's go on beside it is not verified.
    pub(super) fn check_policy(&self, app: &Application, start: Timestamp, end: Timestamp) -> Result<(), CloudError> {
        let own = app.policy.as_ref().filter(|p| p.enabled);
        let Some(policy) = own.or(self.tenant_policy.as_ref().filter(|p| p.enabled)) else { return Ok(()) };
        let holds = |r: &&Restriction| r.enabled && r.apps_created_after.is_none_or(|after| app.created > after);
        for restriction in policy.restrictions.iter().filter(holds) {
            match restriction.kind {
                RestrictionKind::Addition => return Err(not_allowed(policy.id)),
                RestrictionKind::Lifetime { days } => {
                    let most = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
                    if end.duration_since(start) > most {
                        return Err(too_long(policy.id));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The code is what agents-toolkit looks for; status and sentence are not verified.
fn not_allowed(policy: Uuid) -> CloudError {
    let message = format!("Credential type not allowed as per assigned policy '{policy}'.");
    CloudError::new(400, "CredentialTypeNotAllowedAsPerAppPolicy", message)
}

/// As quoted in microsoft-365-agents-toolkit#10998; the status is not verified.
fn too_long(policy: Uuid) -> CloudError {
    let message = format!("Credential lifetime exceeds the max value allowed as per assigned policy '{policy}'.");
    let detail = Detail { code: "InvalidKeyEndDate".to_owned(), target: "EndDate".to_owned(), message: message.clone() };
    CloudError { details: vec![detail], ..CloudError::new(400, "CredentialInvalidLifetimeAsPerAppPolicy", message) }
}
