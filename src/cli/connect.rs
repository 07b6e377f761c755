//! From a runbook to the services: the real ones, or the sandbox that is started for it.

use std::time::Duration;

use url::Url;

use super::context::{Context, read, secret_file};
use crate::azure::{AzureServices, Cloud, Connection, OperatorSignIn, Timeouts, VaultSecret};
use crate::error::Error;
use crate::hardening;
use crate::runbook::Runbook;
use crate::sandbox::cloud::{Seed, SeedVault};
use crate::sandbox::process::{self, StartOptions};
use crate::sandbox::server::Pace;

/// The services of a runbook, and who acts there.
pub(super) struct Connected {
    pub(super) services: AzureServices,
    /// The identity that acts, for the record.
    pub(super) identity: String,
}

/// Connects. For a sandbox runbook the sandbox is started if it does not run, and `seed` makes its application if it is not there.
pub(super) async fn connect(context: &Context, runbook: &Runbook, seed: bool) -> Result<Connected, Error> {
    let (cloud, operator, identity) = if runbook.cloud.is_sandbox() {
        in_sandbox(context, runbook, seed).await?
    } else if hardening::is_open_for_a_test() {
        return Err(Error::Usage {
            what: "this build leaves its memory open to a test (feature `memory-scan-test`), so it is for the sandbox only"
                .to_owned(),
            advice: "use a build without that feature".to_owned(),
        });
    } else {
        let unknown = || Error::Usage {
            what: format!("the cloud {} is not known", runbook.cloud),
            advice: "keyrelay runbook check FILE".to_owned(),
        };
        let cloud = Cloud::named(runbook.cloud.as_str()).ok_or_else(unknown)?;
        let (tenant, client_id, secret) = context.operator()?;
        let identity = format!("application {client_id} of tenant {tenant}");
        (cloud, OperatorSignIn::ClientSecret { tenant, client_id, secret }, identity)
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
    Ok(Connected { services: AzureServices::new(connection)?, identity })
}

async fn in_sandbox(context: &Context, runbook: &Runbook, seed: bool) -> Result<(Cloud, OperatorSignIn, String), Error> {
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
    Ok((cloud, operator, "the sandbox's operator".to_owned()))
}

/// A sandbox outlasts the overlap of the run that it is started for.
fn start_options(context: &Context, runbook: &Runbook) -> StartOptions {
    let (idle, profile) = context.sandbox_start();
    let idle = idle.and_then(|i| super::duration(&i).ok()).and_then(|d| Duration::try_from(d).ok());
    let idle = idle.or(Some(runbook.overlap.get() + Duration::from_secs(600)));
    let pace = if profile.as_deref() == Some("instant") { Pace::Instant } else { Pace::Realistic };
    StartOptions { idle, pace, ..StartOptions::default() }
}
