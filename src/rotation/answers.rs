//! What the services said, as far as the rotation is concerned: plain data, no value, no hint.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names::{KeyId, Tag, VaultIx, VersionId};

/// A password credential of the application, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its key ID.
    pub key_id: KeyId,
    /// The tag that begins its display name, if keyrelay made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// One version of the vault's secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The version's id. Key Vault lists versions in the order of their ids, not of their age.
    pub id: VersionId,
    /// The tag among its tags, if keyrelay wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The key ID that it was tagged with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Whether it can be read. Reading a disabled version answers 403.
    pub enabled: bool,
}

/// What *get* without a version answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Current {
    /// No such secret (404).
    Nothing,
    /// The latest version is disabled (403 SecretDisabled); which one, the answer does not say.
    Disabled,
    /// A version that consumers can read.
    Version(Version),
}

/// What a sign-in with a value answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum SignIn {
    /// A token of the expected tenant and application.
    Accepted,
    /// AADSTS7000215: this replica does not know the value (yet, or any more).
    Wrong,
    /// AADSTS7000222: the value has expired, or all known secrets of the application have.
    Expired,
    /// Another refusal: disabled, Conditional Access, unknown application, or a code that keyrelay does not know.
    /// It says nothing about the value.
    Refused {
        /// The AADSTS number, 0 if there was none.
        code: u32,
        /// The `error` class of the answer, such as `unauthorized_client`.
        class: String,
    },
    /// No statement: throttled, timed out, 5xx, or an answer that is not one.
    Unavailable {
        /// Why, in a few words.
        why: String,
    },
    /// A token, but of another tenant or application.
    OtherIdentity,
}

impl SignIn {
    /// Whether the value was proven to sign in.
    pub fn accepted(&self) -> bool {
        *self == SignIn::Accepted
    }

    /// Whether the answer is evidence that the value is dead. Disabled applications, throttling, Conditional Access and
    /// anything unknown are not.
    pub fn says_dead(&self) -> bool {
        matches!(self, SignIn::Wrong | SignIn::Expired)
    }
}

impl std::fmt::Display for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SignIn::Accepted => f.write_str("accepted"),
            SignIn::Wrong => f.write_str("refused as wrong (AADSTS7000215)"),
            SignIn::Expired => f.write_str("refused as expired (AADSTS7000222)"),
            SignIn::Refused { code: 0, class } => write!(f, "refused ({class})"),
            SignIn::Refused { code, class } => write!(f, "refused (AADSTS{code}, {class})"),
            SignIn::Unavailable { why } => write!(f, "no answer ({why})"),
            SignIn::OtherIdentity => f.write_str("a token of another tenant or application"),
        }
    }
}

/// Which key ID a consumer named when it was asked how it is. Only that tells which secret it uses while both work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// The one that the vaults serve, and none that is to be removed.
    New,
    /// One that is to be removed, alone or beside the new one: some part of it still uses that.
    Old,
    /// Neither.
    Neither,
}

/// Why a service said no, or could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The connection was never opened.
    Unreachable,
    /// No whole answer in time, a reset, 5xx or 408: for a read, ask again.
    Unanswered,
    /// 429.
    Throttled,
    /// Somebody else is writing (409 `Directory_ConcurrencyViolation`, or another passing conflict).
    Conflict,
    /// 404. Also answered for an object that was made a moment ago.
    NotFound,
    /// 401: the operator's token was not taken.
    Unauthenticated,
    /// 403: permission missing.
    Forbidden,
    /// 403: the vault's firewall.
    Firewall,
    /// The application holds as many secrets as it may.
    NoRoom,
    /// An app management policy forbids it (lifetime, or adding at all).
    Policy,
    /// The version that was asked for is disabled.
    Disabled,
    /// The vault's secret is soft-deleted: its name is blocked until it is recovered or purged.
    SoftDeleted,
    /// The vault's secret is being deleted.
    BeingDeleted,
    /// Any other 4xx.
    Rejected,
    /// An answer that is not one: cut, not JSON, of the wrong type, redirecting elsewhere.
    BadAnswer,
}

impl RefusalKind {
    /// Whether asking again later can help without a person.
    pub fn passes(self) -> bool {
        use RefusalKind as K;
        match self {
            K::Unreachable | K::Unanswered | K::Throttled | K::Conflict | K::NotFound | K::BeingDeleted => true,
            K::Unauthenticated | K::Forbidden | K::Firewall | K::NoRoom | K::Policy => false,
            K::Disabled | K::SoftDeleted | K::Rejected | K::BadAnswer => false,
        }
    }
}

/// A service's no, in the words that a person on call needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What kind of no.
    pub kind: RefusalKind,
    /// The HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's code, such as `Authorization_RequestDenied` or `Forbidden/ForbiddenByRbac`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The service's sentence, cut; empty where the request carried the value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How long the service asks to be left alone, capped.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            RefusalKind::Unreachable => "could not be reached",
            RefusalKind::Unanswered => "gave no answer",
            RefusalKind::Throttled => "asks to slow down",
            RefusalKind::Conflict => "is being changed by somebody else",
            RefusalKind::NotFound => "not found",
            RefusalKind::Unauthenticated => "does not take the operator's token",
            RefusalKind::Forbidden => "permission missing",
            RefusalKind::Firewall => "refused by the vault's firewall",
            RefusalKind::NoRoom => "no room for one more secret",
            RefusalKind::Policy => "forbidden by an app management policy",
            RefusalKind::Disabled => "the version is disabled",
            RefusalKind::SoftDeleted => "the secret is soft-deleted, its name is blocked",
            RefusalKind::BeingDeleted => "the secret is being deleted",
            RefusalKind::Rejected => "rejected",
            RefusalKind::BadAnswer => "gave an answer that cannot be understood",
        };
        f.write_str(what)?;
        match (self.status, self.code.as_str()) {
            (Some(status), "") => write!(f, " (HTTP {status})")?,
            (Some(status), code) => write!(f, " (HTTP {status}, {code})")?,
            (None, "") => {}
            (None, code) => write!(f, " ({code})")?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(d.unwrap_or_default().as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(d)?;
        Ok(seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()))
    }
}

/// What ties an answer to the services' own records, for support and for evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// `request-id` (Graph), `x-ms-request-id` (vault), `trace_id` (token endpoint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What keyrelay sent as `client-request-id`; the token endpoint's correlation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<String>,
    /// The `Date` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// For how many seconds the token lives that a sign-in got (`expires_in`, RFC 6749 section 5.1): as long may one that somebody
    /// else got with the same secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_seconds: Option<u32>,
}

/// A request that changes the cloud. Each is sent once per intent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Mutation {
    /// `addPassword`; the attempt's tag begins the display name.
    AddSecret {
        /// From 1.
        attempt: u32,
    },
    /// A new version in a vault.
    WriteVault {
        /// Where.
        vault: VaultIx,
        /// Which attempt's value; 0 is the baseline.
        attempt: u32,
        /// Where the value is taken from.
        from: Source,
    },
    /// Disable our version where there was nothing at the start.
    DisableVersion {
        /// Where.
        vault: VaultIx,
        /// Ours.
        version: VersionId,
    },
    /// `removePassword`.
    RemoveSecret {
        /// What is removed.
        key_id: KeyId,
    },
}

/// Where the value of a vault write comes from. It is in memory only, either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Source {
    /// The answer of this process's own `addPassword`.
    Memory,
    /// Read back from a version.
    Version {
        /// The vault that holds it.
        vault: VaultIx,
        /// The version.
        version: VersionId,
    },
}
