//! Which way to sign in. Decided from what was asked for, the environment and one file, never by asking a metadata address.
//!
//! What is named (`--auth` over the runbook's `[auth]`) is taken. Else the first variable of [`MARKS`] that is set decides, and
//! else an Azure CLI that is signed in. What decides must be whole: a half-set environment is refused, and so is one in which two
//! credentials compete for one client ID, because nobody could say who has rotated.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::{IdTokenRequest, IdentityEndpoint, OperatorSignIn};
use crate::runbook::{Auth, AuthKind, ClientId, Tenant};

mod no_sign_in;
#[cfg(test)]
mod tests;

pub use no_sign_in::NoSignIn;

/// What people asked for.
pub struct Asked<'a> {
    /// `--auth`.
    pub flag: Option<AuthKind>,
    /// The runbook's `[auth]`. Its fields hold only for its own kind.
    pub runbook: Option<&'a Auth>,
    /// The runbook's `tenant`.
    pub tenant: &'a Tenant,
}

/// What the machine says.
pub struct Environment<'a> {
    /// Looks a variable up. An empty one counts as not set.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Whether somebody has signed in to the Azure CLI here: its profile is there.
    pub azure_cli_profile: bool,
}

/// A way to sign in, and what can be told of it.
pub struct Chosen {
    /// With its secrets.
    pub sign_in: OperatorSignIn,
    /// Which way.
    pub kind: AuthKind,
    /// Why this one, as a clause.
    pub why: String,
    /// Who will act, as far as it is known before a token is there.
    pub who: String,
}

/// The variables that decide, first come first served. The first three are credentials of `AZURE_CLIENT_ID`.
const MARKS: [(&str, AuthKind); 6] = [
    ("AZURE_FEDERATED_TOKEN_FILE", AuthKind::WorkloadIdentity),
    ("AZURE_CLIENT_SECRET", AuthKind::ClientSecret),
    ("AZURE_CLIENT_CERTIFICATE_PATH", AuthKind::Certificate),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", AuthKind::GithubActions),
    ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", AuthKind::AzurePipelines),
    ("IDENTITY_ENDPOINT", AuthKind::ManagedIdentity),
];

/// What is half of something if no mark is set.
const HALVES: [(&str, &str); 3] = [
    ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"),
    ("IDENTITY_HEADER", "IDENTITY_ENDPOINT"),
];

/// Chooses, and takes what the way needs out of the environment.
///
/// # Errors
/// [`NoSignIn`] says what is missing, odd or too much.
pub fn choose(asked: &Asked<'_>, environment: &Environment<'_>) -> Result<Chosen, NoSignIn> {
    let (kind, why, explicit) = match (asked.flag, asked.runbook) {
        (Some(kind), _) => (kind, "--auth says so".to_owned(), true),
        (None, Some(auth)) => (auth.kind, "the runbook's [auth] says so".to_owned(), true),
        (None, None) => {
            let (kind, why) = by_environment(environment)?;
            (kind, why, false)
        }
    };
    let auth = asked.runbook.filter(|a| a.kind == kind);
    let parts = Parts { kind, why, auth, tenant: explicit.then_some(asked.tenant), environment };
    let (sign_in, who) = parts.sign_in(asked.tenant)?;
    Ok(Chosen { sign_in, kind, why: parts.why, who })
}

fn by_environment(environment: &Environment<'_>) -> Result<(AuthKind, String), NoSignIn> {
    let is_set = |name: &str| environment.get(name).is_some();
    let mut marks = MARKS.into_iter().filter(|(name, _)| is_set(name));
    if let Some((first, kind)) = marks.next() {
        let of_client = |kind| matches!(kind, AuthKind::WorkloadIdentity | AuthKind::ClientSecret | AuthKind::Certificate);
        return match marks.next() {
            Some((second, other)) if of_client(other) => Err(NoSignIn::Ambiguous { first, second }),
            Some(_) | None => Ok((kind, format!("{first} is set"))),
        };
    }
    if let Some((set, missing)) = HALVES.into_iter().find(|(set, _)| is_set(set)) {
        return Err(NoSignIn::Half { set, missing });
    }
    match environment.azure_cli_profile {
        true => Ok((AuthKind::AzureCli, "the environment names no way, and the Azure CLI is signed in".to_owned())),
        false => Err(NoSignIn::Nothing),
    }
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|v| !v.is_empty())
    }
}

/// What a chosen way is put together from.
struct Parts<'a> {
    kind: AuthKind,
    why: String,
    auth: Option<&'a Auth>,
    /// The runbook's tenant, where it stands in for one that nobody gave.
    tenant: Option<&'a Tenant>,
    environment: &'a Environment<'a>,
}

impl Parts<'_> {
    fn sign_in(&self, runbooks_tenant: &Tenant) -> Result<(OperatorSignIn, String), NoSignIn> {
        let application = |tenant: &str, client_id: &str| format!("application {client_id} of tenant {tenant}");
        Ok(match self.kind {
            AuthKind::ClientSecret => {
                let secret = self.secret("AZURE_CLIENT_SECRET")?;
                let (tenant, client_id) = self.principal()?;
                let who = application(&tenant, &client_id);
                (OperatorSignIn::ClientSecret { tenant, client_id, secret }, who)
            }
            AuthKind::Certificate => {
                let file = PathBuf::from(self.variable("AZURE_CLIENT_CERTIFICATE_PATH")?);
                let (tenant, client_id) = self.principal()?;
                let who = application(&tenant, &client_id);
                (OperatorSignIn::Certificate { tenant, client_id, file }, who)
            }
            AuthKind::WorkloadIdentity => {
                let token_file = PathBuf::from(self.variable("AZURE_FEDERATED_TOKEN_FILE")?);
                let (tenant, client_id) = self.principal()?;
                let who = application(&tenant, &client_id);
                (OperatorSignIn::WorkloadIdentity { tenant, client_id, token_file }, who)
            }
            AuthKind::GithubActions => {
                let request = self.id_token_request("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
                let (tenant, client_id) = self.principal()?;
                let who = application(&tenant, &client_id);
                (OperatorSignIn::GithubActions { tenant, client_id, request }, who)
            }
            AuthKind::AzurePipelines => {
                let service_connection = self.variable("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID")?;
                let request = self.id_token_request("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN")?;
                let (tenant, client_id) = self.principal()?;
                let who = application(&tenant, &client_id);
                (OperatorSignIn::AzurePipelines { tenant, client_id, service_connection, request }, who)
            }
            AuthKind::ManagedIdentity | AuthKind::ManagedIdentityImds => {
                let endpoint = self.identity_endpoint()?;
                let client_id = self.client_id_if_given()?;
                let who = match &client_id {
                    Some(client_id) => format!("the user-assigned managed identity {client_id}"),
                    None => "the system-assigned managed identity of this machine".to_owned(),
                };
                (OperatorSignIn::ManagedIdentity { client_id, endpoint }, who)
            }
            AuthKind::AzureCli => {
                let tenant = self.tenant_if_given()?.unwrap_or_else(|| runbooks_tenant.as_str().to_owned());
                let who = format!("whoever is signed in to the Azure CLI, in tenant {tenant}");
                (OperatorSignIn::AzureCli { tenant }, who)
            }
        })
    }

    fn missing(&self, variable: &'static str) -> NoSignIn {
        NoSignIn::Missing { kind: self.kind, why: self.why.clone(), variable }
    }

    fn malformed(&self, variable: &'static str, what: impl Into<String>) -> NoSignIn {
        NoSignIn::Malformed { kind: self.kind, why: self.why.clone(), variable, what: what.into() }
    }

    fn variable(&self, name: &'static str) -> Result<String, NoSignIn> {
        self.environment.get(name).ok_or_else(|| self.missing(name))
    }

    fn secret(&self, name: &'static str) -> Result<SecretString, NoSignIn> {
        self.variable(name).map(SecretString::from)
    }

    fn id_token_request(&self, url: &'static str, bearer: &'static str) -> Result<IdTokenRequest, NoSignIn> {
        let address = Url::parse(&self.variable(url)?).ok().filter(|u| u.scheme() == "https" && u.has_host());
        let address = address.ok_or_else(|| self.malformed(url, "is not an https:// address"))?;
        Ok(IdTokenRequest { url: address, bearer: self.secret(bearer)? })
    }

    /// The names of the variables for tenant and client ID, the most telling first.
    fn names(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self.kind {
            AuthKind::AzurePipelines => {
                (&["AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"], &["AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"])
            }
            AuthKind::ClientSecret
            | AuthKind::Certificate
            | AuthKind::WorkloadIdentity
            | AuthKind::GithubActions
            | AuthKind::ManagedIdentity
            | AuthKind::ManagedIdentityImds
            | AuthKind::AzureCli => (&["AZURE_TENANT_ID"], &["AZURE_CLIENT_ID"]),
        }
    }

    fn principal(&self) -> Result<(String, String), NoSignIn> {
        let (tenants, client_ids) = self.names();
        let lacking = |names: &[&'static str]| self.missing(names.first().copied().unwrap_or_default());
        let stand_in = || self.tenant.map(|t| t.as_str().to_owned());
        let tenant = self.tenant_if_given()?.or_else(stand_in).ok_or_else(|| lacking(tenants))?;
        Ok((tenant, self.client_id_if_given()?.ok_or_else(|| lacking(client_ids))?))
    }

    fn tenant_if_given(&self) -> Result<Option<String>, NoSignIn> {
        let given = self.auth.and_then(|a| a.tenant.as_ref()).map(|t| t.as_str().to_owned());
        given.map_or_else(|| self.first_of::<Tenant>(self.names().0), |t| Ok(Some(t)))
    }

    fn client_id_if_given(&self) -> Result<Option<String>, NoSignIn> {
        let given = self.auth.and_then(|a| a.client_id).map(|c| c.to_string());
        given.map_or_else(|| self.first_of::<ClientId>(self.names().1), |c| Ok(Some(c)))
    }

    /// The first of these variables that is set, if it has the form.
    fn first_of<T>(&self, names: &[&'static str]) -> Result<Option<String>, NoSignIn>
    where
        T: std::str::FromStr<Err = crate::runbook::Wrong> + ToString,
    {
        let set = names.iter().find_map(|name| self.environment.get(name).map(|value| (*name, value)));
        let Some((name, value)) = set else { return Ok(None) };
        let wrong = |wrong: crate::runbook::Wrong| self.malformed(name, format!("{}. {}", wrong.what, wrong.instead));
        value.trim().parse::<T>().map(|t| Some(t.to_string())).map_err(wrong)
    }

    /// The same order as the SDK's, which looks for itself.
    fn identity_endpoint(&self) -> Result<IdentityEndpoint, NoSignIn> {
        let other = |what| NoSignIn::OtherEndpoint { kind: self.kind, why: self.why.clone(), what };
        let named = self.environment.get("IDENTITY_ENDPOINT");
        if self.kind == AuthKind::ManagedIdentityImds {
            return match named {
                None => Ok(IdentityEndpoint::Imds),
                Some(_) => Err(other("IDENTITY_ENDPOINT is set, so here it is managed-identity")),
            };
        }
        let url = named.ok_or_else(|| self.missing("IDENTITY_ENDPOINT"))?;
        let malformed = || self.malformed("IDENTITY_ENDPOINT", "is not an http:// or https:// address");
        let url = Url::parse(&url).ok().filter(|u| u.has_host()).ok_or_else(malformed)?;
        self.variable("IDENTITY_HEADER")?;
        match self.environment.get("IDENTITY_SERVER_THUMBPRINT") {
            None => Ok(IdentityEndpoint::Named(url)),
            Some(_) => Err(other("this is Service Fabric, whose managed identities are not supported")),
        }
    }
}
