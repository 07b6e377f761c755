//! The clouds, and what a runbook must know of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, not_one_of};
use super::problem::Wrong;

/// Where tenant and vaults live. Endpoints belong to [`crate::azure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// `sandbox`: the embedded one, on loopback, with no secret of worth.
    Sandbox,
    /// `public`: the global cloud; GCC uses it too.
    Public,
    /// `us-gov-l4`: US Government L4 (GCC High).
    UsGovL4,
    /// `us-gov-l5`: US Government L5 (DoD).
    UsGovL5,
    /// `china`: operated by 21Vianet.
    China,
}

impl Cloud {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Cloud; 5] = [Cloud::Sandbox, Cloud::Public, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China];

    /// As it is written in a runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Cloud::Sandbox => "sandbox",
            Cloud::Public => "public",
            Cloud::UsGovL4 => "us-gov-l4",
            Cloud::UsGovL5 => "us-gov-l5",
            Cloud::China => "china",
        }
    }

    /// What follows a vault's name and a dot in its host name (Microsoft's "Azure Key Vault endpoints" and the SDKs' tables).
    pub fn vault_suffix(self) -> &'static str {
        match self {
            Cloud::Sandbox => "vault.sandbox.localhost",
            Cloud::Public => "vault.azure.net",
            Cloud::UsGovL4 | Cloud::UsGovL5 => "vault.usgovcloudapi.net",
            Cloud::China => "vault.azure.cn",
        }
    }

    /// Whether a mistake here costs nothing: short waits are lawful.
    pub fn is_sandbox(self) -> bool {
        self == Cloud::Sandbox
    }
}

impl Form for Cloud {
    const NAME: &'static str = "the name of a cloud";
    const EXAMPLE: &'static str = "public";
}

impl FromStr for Cloud {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let found = Cloud::ALL.into_iter().find(|c| c.as_str() == s);
        found.ok_or_else(|| not_one_of("a cloud that keyrelay knows", Cloud::ALL.map(Cloud::as_str).as_slice()))
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
