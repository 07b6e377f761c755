//! The runbook: what to rotate, where the value goes, who consumes it and what must hold.
//!
//! A runbook is Markdown with one fenced block whose info string is `toml keyrelay`, or a `.toml` file with the same content.
//! People read the prose, the tool executes the block. [`Runbook::parse`] either gives a [`Runbook`] that is valid or says all
//! that is wrong with the file; nothing later checks a field again. There is no place for a secret in it, and what looks like
//! one is refused without being shown.
//!
//! The fields are documented beside the types; `examples/real-tenant.md` shows every one of them in use.

mod auth;
mod choices;
mod cloud;
mod consumer;
mod custom_cloud;
mod describe;
mod document;
mod drain;
mod duration;
mod emergency;
#[cfg(test)]
mod example;
pub(crate) mod leaked;
mod names;
mod problem;
mod read;
mod table;
mod vault;

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

pub use auth::{Auth, AuthKind};
pub use choices::{Delete, DrainMode, OnFailure};
pub use cloud::{Cloud, Endpoints};
pub use consumer::{Action, Call, Command, Consumer, HttpUrl};
pub use custom_cloud::{CustomCloud, EndpointUrl, HostSuffix};
pub use drain::Drain;
pub use duration::HumanDuration;
pub use emergency::InEmergency;
pub use names::{ClientId, FileDigest, FreeText, Scope, SecretName, Tenant};
pub use problem::{Place, Problem, RunbookError, Wrong};
pub use vault::{Vault, VaultUrl};

use crate::rotation::names::{TargetId, VaultIx};
use crate::usage::Networks;

/// The most vaults that one runbook writes.
pub const VAULTS: usize = 8;

/// The most consumers that one runbook names.
pub const CONSUMERS: usize = 50;

/// A valid runbook with its defaults filled in. The start record of a run embeds it, so that a later edit of the file does not
/// change a run under way.
///
/// Reading one back from a journal checks the form of each field but not the limits that [`Runbook::parse`] puts on waits: a
/// run that was lawful when it started must stay resumable by a stricter version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// The SHA-256 of the file that it was read from.
    pub sha256: FileDigest,
    /// `cloud`: `sandbox`, `public`, `us-gov-l4`, `us-gov-l5`, `china`, or `custom` with a table `[custom]`.
    /// Required.
    pub cloud: Cloud,
    /// `tenant`: the tenant that the application signs in to. Required.
    pub tenant: Tenant,
    /// `client_id`: the application whose secret is replaced. Required.
    pub client_id: ClientId,
    /// `[auth]`: how the identity that rotates signs in. Default: what the environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// `owner`: who answers for the application. Required.
    pub owner: FreeText,
    /// `contact`: how whoever is on call reaches the owner at night. Required.
    pub contact: FreeText,
    /// `[[vault]]`: where the value goes; 1 to 8, no (vault, secret) twice. All hold the same value.
    #[serde(deserialize_with = "one_to_eight")]
    pub vaults: Vec<Vault>,
    /// `[secret]`: the new secret.
    pub secret: NewSecret,
    /// `[proof]`: what counts as signing in.
    pub proof: Proof,
    /// `[emergency]`: what differs when a secret has leaked.
    #[serde(default, skip_serializing_if = "InEmergency::is_default")]
    pub emergency: InEmergency,
    /// `overlap`: how long both secrets work, from the moment that the new one is confirmed in every vault. A consumer that
    /// keeps the value longer fails. At least `settle`; in the sandbox anything from 0s. Default: 24h.
    pub overlap: HumanDuration,
    /// `settle`: the time of assumption A1, after which a request whose connection is dead no longer lands and no list is
    /// stale. At least 5m; in the sandbox anything from 0s. Default: 15m.
    pub settle: HumanDuration,
    /// `delete`: whether the old secret is removed without asking. Default: `auto`.
    pub delete: Delete,
    /// `release_within`: the longest wait for a release, more than 0s; then the run needs an operator. Default: 30d.
    pub release_within: HumanDuration,
    /// `on_failure`: what happens after something may have been published. Before that, a failed run rolls back by itself.
    /// Default: `operator`.
    pub on_failure: OnFailure,
    /// `attempts`: how many secrets one run may add at most, 1 to 20. Default: 5.
    pub attempts: u32,
    /// `expected_networks`: where the application signs in from, in CIDR notation, at most 200. Sign-ins from elsewhere are called
    /// unexpected. Default: none, so that all are.
    #[serde(default, skip_serializing_if = "Networks::is_empty")]
    pub expected_networks: Networks,
    /// `drain`, `drain_log_delay`, `drain_idle`, `drain_within`: what the sign-in records of the old secret decide.
    #[serde(default, skip_serializing_if = "Drain::is_default")]
    pub drain: Drain,
    /// `[[consumer]]`: who reads the secret; at most 50, no name twice. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<Consumer>,
    /// `journal`: the folder of the journals of this runbook, absolute or counted from the runbook's own folder. Default: the
    /// user's state folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
}

/// The `[secret]` table: the secret that a run adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    /// `label`: follows the tag in the secret's display name, at most 40 characters. Default: the secret's name in the first
    /// vault, cut to 40.
    pub label: FreeText,
    /// `lifetime`: from now to its end date, at most 730d (as the portal has it) and longer than the rotation itself can take.
    /// Default: 180d.
    pub lifetime: HumanDuration,
}

/// The `[proof]` table: a value is proven if fresh sign-ins succeed without a break for the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `scope`: what a token is asked for, ending in `/.default`. Default: Microsoft Graph of the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// `window`: the time of assumption A2, after which the sign-in replicas agree. Longer than `spacing`, at least 1m; in the
    /// sandbox also 0s, then one sign-in is the proof. Default: 3m.
    pub window: HumanDuration,
    /// `spacing`: from one sign-in to the next, more than 0s, at least 1s outside the sandbox (the token endpoint throttles).
    /// Default: 10s.
    pub spacing: HumanDuration,
    /// `limit`: how long a proof may be tried in all, longer than `window`. Default: 20m.
    pub limit: HumanDuration,
}

impl Runbook {
    /// Reads a runbook from a file's `bytes`. `name` is the file as the caller names it: it stands in the messages, and one
    /// that ends in `.toml` is taken whole instead of looked through for a block.
    ///
    /// # Errors
    ///
    /// [`RunbookError`] lists all that is wrong, each with its place. It quotes no value of the file.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Runbook, RunbookError> {
        read::file(bytes, name)
    }

    /// The fingerprint of what it writes: the same for every runbook of the same vaults and secrets.
    pub fn target(&self) -> TargetId {
        TargetId::of(self.vaults.iter().map(|v| (v.url.host(), v.secret.as_str())))
    }

    /// One of its vaults.
    pub fn vault(&self, vault: VaultIx) -> Option<&Vault> {
        self.vaults.get(usize::from(vault.0))
    }

    /// Its fields as they hold, defaults included, for `keyrelay runbook check`: name and value, in the order of the file.
    pub fn describe(&self) -> Vec<(String, String)> {
        describe::fields(self)
    }
}

fn one_to_eight<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Vault>, D::Error> {
    let vaults = Vec::<Vault>::deserialize(d)?;
    let lawful = (1..=VAULTS).contains(&vaults.len());
    lawful.then_some(vaults).ok_or_else(|| serde::de::Error::custom("a runbook has 1 to 8 vaults"))
}
