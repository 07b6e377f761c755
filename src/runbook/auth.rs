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

    /// A runbook with this `[auth]`; what is wrong with it, or the table.
    fn read(cloud: &str, auth: &str) -> Result<Option<Auth>, String> {
        let suffix = if cloud == "sandbox" { "vault.sandbox.localhost" } else { "vault.azure.net" };
        let toml = format!(
            "cloud = '{cloud}'\ntenant = 'contoso.example'\nclient_id = '11111111-2222-3333-4444-555555555555'\nowner = 'a'\n\
             contact = 'b'\nvault = [{{ url = 'https://kv.{suffix}', secret = 's' }}]\n[auth]\n{auth}\n"
        );
        match super::super::Runbook::parse(toml.as_bytes(), "r.toml") {
            Ok(runbook) => Ok(runbook.auth),
            Err(e) => Err(e.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn an_auth_table_is_read_whole() {
        let written =
            "kind = 'certificate'\ntenant = 'fabrikam.example'\nclient_id = '22222222-3333-4444-5555-666666666666'";
        let auth = read("public", written).unwrap().unwrap();
        let kept: Auth = serde_json::from_str(&serde_json::to_string(&auth).unwrap()).unwrap();
        assert_eq!(kept, auth, "a run is resumed with it");
        assert_eq!((auth.kind, auth.tenant.unwrap().as_str()), (AuthKind::Certificate, "fabrikam.example"));
        assert_eq!(auth.client_id.unwrap().to_string(), "22222222-3333-4444-5555-666666666666");
        let bare = Auth { kind: AuthKind::AzureCli, tenant: None, client_id: None };
        assert_eq!(read("public", "kind = 'azure-cli'").unwrap(), Some(bare));
    }

    #[test]
    fn a_wrong_auth_table_is_refused() {
        let id = "client_id = '22222222-3333-4444-5555-666666666666'";
        let cases = [
            ("public", String::new(), "`auth.kind` is missing. Add a way to sign in, such as kind = \"workload-identity\"."),
            ("public", "kind = 'password'".into(), "`auth.kind` is not a way to sign in that keyrelay knows."),
            ("public", "kind = 'azure-cli'\nkinds = 1".into(), "`auth.kinds` is not a field"),
            ("public", format!("kind = 'azure-cli'\n{id}"), "`auth.client_id` says nothing to the kind \"azure-cli\"."),
            (
                "public",
                "kind = 'managed-identity'\ntenant = 'fabrikam.example'".into(),
                "`auth.tenant` says nothing to the kind \"managed-identity\".",
            ),
            ("public", "kind = 'certificate'\ntenant = 'common'".into(), "`auth.tenant` names no single tenant"),
            ("sandbox", "kind = 'azure-cli'".into(), "`auth` is not for the sandbox"),
        ];
        for (cloud, auth, says) in cases {
            let said = read(cloud, &auth).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
    }
}
