//! A check: one thing that was looked at before a run, what was found, and what mends it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Refused;

/// What is looked at, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckId {
    /// The runbook is lawful.
    Runbook,
    /// Who acts at Microsoft Graph.
    Identity,
    /// Who acts at the vaults.
    VaultIdentity,
    /// The application is found.
    Application,
    /// Its service principal is found and enabled.
    ServicePrincipal,
    /// The identity may change the application's secrets.
    Permission,
    /// The application is not the identity that acts.
    NotItself,
    /// Each vault's secret can be read and written.
    VaultSecret,
    /// Each vault lets its versions be listed.
    VaultPermission,
    /// keyrelay's tags fit onto each vault's next version.
    VaultTags,
    /// Each vault's current value signs in.
    SignIn,
    /// Which password credential each vault serves.
    Baseline,
    /// The vaults serve the same one.
    VaultsAgree,
    /// One more secret fits.
    Room,
    /// The tenant's policies allow the new secret.
    Policy,
    /// No other run of this target is unfinished.
    UnfinishedRun,
    /// No other runbook known here uses the old secret.
    SharedSecret,
    /// This machine's clock agrees with the services'.
    Clock,
    /// The old secret outlives the rotation.
    Expiry,
    /// No consumer keeps the value for longer than the overlap.
    ConsumerCache,
    /// No consumer is pinned to a version.
    ConsumerVersion,
}

impl CheckId {
    /// All of them, in order.
    pub const ALL: [CheckId; 21] = [
        CheckId::Runbook,
        CheckId::Identity,
        CheckId::VaultIdentity,
        CheckId::Application,
        CheckId::ServicePrincipal,
        CheckId::Permission,
        CheckId::NotItself,
        CheckId::VaultSecret,
        CheckId::VaultPermission,
        CheckId::VaultTags,
        CheckId::SignIn,
        CheckId::Baseline,
        CheckId::VaultsAgree,
        CheckId::Room,
        CheckId::Policy,
        CheckId::UnfinishedRun,
        CheckId::SharedSecret,
        CheckId::Clock,
        CheckId::Expiry,
        CheckId::ConsumerCache,
        CheckId::ConsumerVersion,
    ];

    /// As it is printed, and as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckId::Runbook => "runbook",
            CheckId::Identity => "identity",
            CheckId::VaultIdentity => "vault-identity",
            CheckId::Application => "application",
            CheckId::ServicePrincipal => "service-principal",
            CheckId::Permission => "permission",
            CheckId::NotItself => "not-itself",
            CheckId::VaultSecret => "vault-secret",
            CheckId::VaultPermission => "vault-permission",
            CheckId::VaultTags => "vault-tags",
            CheckId::SignIn => "sign-in",
            CheckId::Baseline => "baseline",
            CheckId::VaultsAgree => "vaults-agree",
            CheckId::Room => "room",
            CheckId::Policy => "policy",
            CheckId::UnfinishedRun => "unfinished-run",
            CheckId::SharedSecret => "shared-secret",
            CheckId::Clock => "clock",
            CheckId::Expiry => "expiry",
            CheckId::ConsumerCache => "consumer-cache",
            CheckId::ConsumerVersion => "consumer-version",
        }
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is in the way.
    Ok,
    /// A run may start, and somebody should know this first.
    Warning,
    /// It could not be told, or was not looked at because of another check. Stops nothing by itself.
    Unknown,
    /// No run may start.
    Refused,
}

impl Verdict {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Unknown => "unknown",
            Verdict::Refused => "refused",
        }
    }
}

/// One thing that was looked at. Everything here may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub check: CheckId,
    /// Of which vault's secret or which consumer, where there can be several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found, and why it matters.
    pub says: String,
    /// The command, or the line of the runbook, that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    fn new(check: CheckId, verdict: Verdict, says: impl Into<String>) -> Check {
        Check { check, subject: None, verdict, says: says.into(), mend: None }
    }

    pub(super) fn ok(check: CheckId, says: impl Into<String>) -> Check {
        Check::new(check, Verdict::Ok, says)
    }

    pub(super) fn warning(check: CheckId, says: impl Into<String>) -> Check {
        Check::new(check, Verdict::Warning, says)
    }

    pub(super) fn unknown(check: CheckId, says: impl Into<String>) -> Check {
        Check::new(check, Verdict::Unknown, says)
    }

    pub(super) fn refused(check: CheckId, says: impl Into<String>) -> Check {
        Check::new(check, Verdict::Refused, says)
    }

    /// A refusal that has its own words and its own advice.
    pub(super) fn refusing(check: CheckId, why: &Refused) -> Check {
        Check::refused(check, why.to_string()).mend(why.advice())
    }

    /// Not looked at: what it depends on was not found.
    pub(super) fn after(check: CheckId, first: CheckId) -> Check {
        Check::unknown(check, format!("not looked at: it depends on {first}"))
    }

    pub(super) fn of(mut self, subject: impl Into<String>) -> Check {
        self.subject = Some(subject.into());
        self
    }

    pub(super) fn mend(mut self, mend: impl Into<String>) -> Check {
        self.mend = Some(mend.into());
        self
    }

    /// Whether no run may start because of it.
    pub fn refuses(&self) -> bool {
        self.verdict == Verdict::Refused
    }

    /// What was found, with its subject before it.
    pub fn sentence(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{subject}: {}", self.says),
            None => self.says.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_checks_are_in_the_list_once_and_in_order() {
        assert!(CheckId::ALL.is_sorted());
        let names: std::collections::BTreeSet<&str> = CheckId::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), CheckId::ALL.len());
        assert_eq!(CheckId::ALL.last(), Some(&CheckId::ConsumerVersion), "a new check belongs into the list");
    }
}
