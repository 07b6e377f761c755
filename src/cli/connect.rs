//! From a runbook to the services: the real ones, or the sandbox that is started for it.

use std::time::Duration;

use url::Url;

use super::context::{Context, read, secret_file};
use crate::azure::{AzureServices, Cloud, Connection, OperatorSignIn, Timeouts, VaultSecret};
use crate::correlation::CorrelationKey;
use crate::error::Error;
use crate::hardening;
use crate::ports::{Identity, IdentityKind};
use crate::runbook::{self, Runbook};
use crate::sandbox::cloud::{Seed, SeedVault};
use crate::sandbox::process::{self, StartOptions};
use crate::sandbox::server::Pace;

/// The services of a runbook, and who acts there.
pub(super) struct Connected {
    pub(super) services: AzureServices,
    /// The identity that acts, as far as it is known without a token.
    pub(super) identity: String,
    /// How it signs in, and why so.
    pub(super) auth: SignsIn,
}

/// How the identity that acts signs in.
pub(super) struct SignsIn {
    /// Such as `workload-identity`, or `sandbox`.
    pub(super) kind: &'static str,
    /// Why this way, as a clause.
    pub(super) why: String,
}

impl Connected {
    /// Goes on with a run whose sign-ins are known by another key.
    pub(super) fn known_by(mut self, key: Option<CorrelationKey>) -> Connected {
        if let Some(key) = key {
            self.services = self.services.known_by(key);
        }
        self
    }

    /// The identity that acts, for the record: with object ID and tenant if its token tells them. Where there is no token, what
    /// is known must do: a run that can still wait is not stopped by it.
    pub(super) async fn actor(&self) -> String {
        match self.services.identity().await {
            Ok((Some(identity), _)) => format!("{}, by {}", told(&identity), self.auth.kind),
            Ok((None, _)) | Err(_) => format!("{}, by {}", self.identity, self.auth.kind),
        }
    }
}

/// An identity in one line.
fn told(identity: &Identity) -> String {
    let Identity { kind, object_id, client_id, tenant, .. } = identity;
    let unknown = || "unknown".to_owned();
    let object_id = object_id.clone().unwrap_or_else(unknown);
    let tenant = tenant.clone().unwrap_or_else(unknown);
    match kind {
        IdentityKind::Application => {
            let client_id = client_id.clone().unwrap_or_else(unknown);
            format!("application {client_id} (object {object_id}) of tenant {tenant}")
        }
        IdentityKind::User => format!("user {object_id} of tenant {tenant}"),
    }
}

/// Connects. For a sandbox runbook the sandbox is started if it does not run, and `seed` makes its application if it is not there.
pub(super) async fn connect(context: &Context, runbook: &Runbook, seed: bool) -> Result<Connected, Error> {
    let (cloud, operator, identity, auth) = if runbook.cloud.is_sandbox() {
        if context.global.auth.is_some() {
            return Err(Error::Usage {
                what: "--auth is not for the sandbox, which has an identity of its own".to_owned(),
                advice: "leave it out".to_owned(),
            });
        }
        let (cloud, operator) = in_sandbox(context, runbook, seed).await?;
        let auth = SignsIn { kind: "sandbox", why: "the sandbox has an operator of its own".to_owned() };
        (cloud, operator, "the sandbox's operator".to_owned(), auth)
    } else if hardening::is_open_for_a_test() {
        return Err(Error::Usage {
            what: "this build leaves its memory open to a test (feature `memory-scan-test`), so it is for the sandbox only"
                .to_owned(),
            advice: "use a build without that feature".to_owned(),
        });
    } else {
        let chosen = context.sign_in(runbook)?;
        let auth = SignsIn { kind: chosen.kind.as_str(), why: chosen.why };
        (real(&runbook.cloud)?, chosen.sign_in, chosen.who, auth)
    };
    let vault = |v: &crate::runbook::Vault| -> Result<VaultSecret, Error> {
        let url = format!("https://{}", v.url.host());
        let bad = |_| Error::Usage { what: format!("{url} is not a URL"), advice: "mend the runbook".to_owned() };
        Ok(VaultSecret {
            url: Url::parse(&url).map_err(bad)?,
            secret: v.secret.as_str().to_owned(),
            content_type: v.content_type.clone(),
            tags: v.tags.clone(),
        })
    };
    let vaults = runbook.vaults.iter().map(vault).collect::<Result<_, _>>()?;
    let proof_scope = runbook.proof.scope.as_ref().map_or_else(|| cloud.graph_scope(), |s| s.as_str().to_owned());
    let connection = Connection {
        cloud,
        tenant: runbook.tenant.as_str().to_owned(),
        client_id: runbook.client_id.get(),
        vaults,
        operator,
        proof_scope,
        timeouts: Timeouts::default(),
    };
    let services = AzureServices::new(connection)?.known_by(context.correlation_key());
    Ok(Connected { services, identity, auth })
}

fn real(cloud: &runbook::Cloud) -> Result<Cloud, Error> {
    let ca_file = match cloud {
        runbook::Cloud::Custom(custom) => custom.ca_file.as_ref(),
        runbook::Cloud::Sandbox
        | runbook::Cloud::Public
        | runbook::Cloud::UsGovL4
        | runbook::Cloud::UsGovL5
        | runbook::Cloud::China => None,
    };
    let pem = ca_file.map(|file| read(file)).transpose()?;
    Ok(Cloud::real(cloud, pem.map(|p| String::from_utf8_lossy(&p).into_owned()))?)
}

async fn in_sandbox(context: &Context, runbook: &Runbook, seed: bool) -> Result<(Cloud, OperatorSignIn), Error> {
    let endpoint = process::ensure_running(&context.places.sandbox(), &start_options(context, runbook)).await?;
    if seed {
        let wrong_tenant = || Error::Usage {
            what: format!("the sandbox is the tenant {}, and the runbook names another", endpoint.tenant),
            advice: format!("write tenant = \"{}\"", endpoint.tenant),
        };
        let tenant = runbook.tenant.id().filter(|t| *t == endpoint.tenant).ok_or_else(wrong_tenant)?;
        let vault =
            |v: &crate::runbook::Vault| SeedVault { host: v.url.host().to_owned(), secret: v.secret.as_str().to_owned() };
        let seed = Seed {
            client_id: runbook.client_id.get(),
            tenant,
            display_name: format!("sandbox application of {}", runbook.owner.as_str()),
            vaults: runbook.vaults.iter().map(vault).collect(),
        };
        process::seed(&endpoint, &seed).await?;
    }
    let ca = read(&endpoint.ca_file)?;
    let cloud = Cloud::sandbox(endpoint.address, String::from_utf8_lossy(&ca).into_owned())?;
    let operator = OperatorSignIn::ClientSecret {
        tenant: endpoint.tenant.to_string(),
        client_id: endpoint.operator_client_id.to_string(),
        secret: secret_file(&endpoint.operator_secret_file)?,
    };
    Ok((cloud, operator))
}

/// A sandbox outlasts the overlap of the run that it is started for.
fn start_options(context: &Context, runbook: &Runbook) -> StartOptions {
    let (idle, profile) = context.sandbox_start();
    let idle = idle.and_then(|i| super::duration(&i).ok()).and_then(|d| Duration::try_from(d).ok());
    let idle = idle.or(Some(runbook.overlap.get() + Duration::from_secs(600)));
    let pace = if profile.as_deref() == Some("instant") { Pace::Instant } else { Pace::Realistic };
    StartOptions { idle, pace, ..StartOptions::default() }
}
