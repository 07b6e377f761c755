//! How the identity that rotates signs in, if the runbook says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, not_one_of};
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;
use super::{ClientId, Tenant};

/// The `[auth]` table. It holds no secret and no path: those are the machine's, which may be another one when a run is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// `kind`: how to sign in. Required.
    pub kind: AuthKind,
    /// `tenant`: where to sign in, if not in the runbook's tenant. Default: the environment's, else the runbook's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// `client_id`: of the identity that rotates, or of a user-assigned managed identity. Default: the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// The ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// `workload-identity`: a token that Kubernetes projects into a file.
    WorkloadIdentity,
    /// `client-secret`: a secret of the identity that rotates.
    ClientSecret,
    /// `certificate`: a certificate with its RSA key in a PEM file.
    Certificate,
    /// `github-actions`: the ID token of a GitHub Actions job.
    GithubActions,
    /// `azure-pipelines`: the ID token of an Azure Pipelines service connection.
    AzurePipelines,
    /// `managed-identity`: of App Service, Functions, Container Apps: what `IDENTITY_ENDPOINT` names.
    ManagedIdentity,
    /// `managed-identity-imds`: of a virtual machine, asked at the metadata address. Only if it is named.
    ManagedIdentityImds,
    /// `azure-cli`: whoever is signed in to the Azure CLI.
    AzureCli,
}

impl AuthKind {
    /// All of them, in the order in which messages list them.
    pub const ALL: [AuthKind; 8] = [
        AuthKind::WorkloadIdentity,
        AuthKind::ClientSecret,
        AuthKind::Certificate,
        AuthKind::GithubActions,
        AuthKind::AzurePipelines,
        AuthKind::ManagedIdentity,
        AuthKind::ManagedIdentityImds,
        AuthKind::AzureCli,
    ];

    /// As it is written in a runbook and after `--auth`.
    pub fn as_str(self) -> &'static str {
        match self {
            AuthKind::WorkloadIdentity => "workload-identity",
            AuthKind::ClientSecret => "client-secret",
            AuthKind::Certificate => "certificate",
            AuthKind::GithubActions => "github-actions",
            AuthKind::AzurePipelines => "azure-pipelines",
            AuthKind::ManagedIdentity => "managed-identity",
            AuthKind::ManagedIdentityImds => "managed-identity-imds",
            AuthKind::AzureCli => "azure-cli",
        }
    }

    /// Which of the optional fields say something to it: `tenant`, `client_id`.
    fn takes(self) -> (bool, bool) {
        match self {
            AuthKind::WorkloadIdentity | AuthKind::ClientSecret | AuthKind::Certificate => (true, true),
            AuthKind::GithubActions | AuthKind::AzurePipelines => (true, true),
            AuthKind::ManagedIdentity | AuthKind::ManagedIdentityImds => (false, true),
            AuthKind::AzureCli => (true, false),
        }
    }
}

impl Form for AuthKind {
    const NAME: &'static str = "a way to sign in";
    const EXAMPLE: &'static str = "workload-identity";
}

impl FromStr for AuthKind {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let found = AuthKind::ALL.into_iter().find(|k| k.as_str() == s);
        found.ok_or_else(|| not_one_of("a way to sign in that keyrelay knows", &AuthKind::ALL.map(AuthKind::as_str)))
    }
}

impl fmt::Display for AuthKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `[auth]` table, if there is one.
pub(super) fn read(top: &Table<'_>, in_sandbox: bool, p: &mut Problems<'_>) -> Checked<Option<Auth>> {
    let Some(t) = top.optional_table("auth", p)? else { return Ok(None) };
    t.only_fields_of("auth", p);
    let kind = t.required::<AuthKind>("kind", p);
    let (tenant, client_id) = (t.optional("tenant", p), t.optional("client_id", p));
    if in_sandbox {
        let wrong = Wrong::new("is not for the sandbox, which has an identity of its own", "Take the table out");
        return Err(top.wrong("auth", wrong, p));
    }
    let auth = Auth { kind: kind?, tenant: tenant?, client_id: client_id? };
    let (takes_tenant, takes_client_id) = auth.kind.takes();
    let of_no_use = |name: &str, p: &mut Problems<'_>| {
        let what = format!("says nothing to the kind \"{}\"", auth.kind);
        t.wrong(name, Wrong::new(what, "Take it out, or name another kind"), p)
    };
    if auth.tenant.is_some() && !takes_tenant {
        return Err(of_no_use("tenant", p));
    }
    if auth.client_id.is_some() && !takes_client_id {
        return Err(of_no_use("client_id", p));
    }
    Ok(Some(auth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_everywhere_alike() {
        for kind in AuthKind::ALL {
            assert_eq!(kind.as_str().parse::<AuthKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
