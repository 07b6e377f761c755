//! What the client of a sandbox that is served on its own is told: one JSON object.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use super::cloud::{Cloud, Operator, STOCK_VAULTS};
use super::endpoint::Endpoint;
use super::error::SandboxError;
use super::files;

/// The most applications that are listed; Graph lists them all.
const LISTED: usize = 100;

/// Where the services are, who may use them, and on what. It holds no secret, only names of files with secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// `keyrelay.sandbox.serve/1`.
    pub schema: &'static str,
    /// The sign-in service, without a path.
    pub authority: String,
    /// Microsoft Graph, without `/v1.0`.
    pub graph: String,
    /// The first vault.
    pub vault: String,
    /// Azure Resource Manager.
    pub arm: String,
    /// The certificate of the sandbox's authority, the only one to trust.
    pub ca_file: PathBuf,
    /// The one tenant.
    pub tenant_id: Uuid,
    /// Who may do everything.
    pub operator: ServedOperator,
    /// Everyone who may sign in, by what they may do.
    pub operators: Vec<NamedOperator>,
    /// All vaults.
    pub vaults: Vec<ServedVault>,
    /// The first hundred by name.
    pub applications: Vec<ServedApplication>,
    /// The server's process.
    pub pid: u32,
}

/// What signs an operator in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedOperator {
    /// `appId`.
    pub client_id: Uuid,
    /// The file with its client secret, and nothing else in it.
    pub client_secret_file: PathBuf,
}

/// An operator with its name: `all`, `owned-by`, `reader`, `nothing`, `vault-reader`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedOperator {
    /// As above.
    pub name: &'static str,
    /// `id` of its service principal.
    pub object_id: Uuid,
    /// What signs it in.
    #[serde(flatten)]
    pub signs_in: ServedOperator,
}

/// A vault under its two addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedVault {
    /// The first label of its host name.
    pub name: String,
    /// By address, which needs no name resolution; by name where the system has no such loopback address.
    pub url: String,
    /// By name.
    pub named_url: String,
}

/// An application with a living secret in the first vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedApplication {
    /// `displayName`.
    pub display_name: String,
    /// `appId`.
    pub client_id: Uuid,
    /// `id`.
    pub object_id: Uuid,
    /// The secret's name in the first vault.
    pub vault_secret: Option<String>,
}

/// Writes the operators' secrets into files of the folder and says where everything is. `addresses` are those that are listened
/// on, the main one first.
pub(super) fn served(
    folder: &Path,
    ca_file: &Path,
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
    cloud: &Cloud,
) -> Result<Served, SandboxError> {
    let base = format!("https://{}", endpoint.address);
    let mut operators = Vec::new();
    for operator in Operator::ALL {
        // Only the first is there in every state.
        let Ok(found) = cloud.operator(operator) else { continue };
        let client_secret_file = folder.join(format!("operator-{}", operator.as_str()));
        files::put(&client_secret_file, found.secret.text().as_bytes())?;
        let signs_in = ServedOperator { client_id: found.client_id, client_secret_file };
        operators.push(NamedOperator { name: operator.as_str(), object_id: found.object_id, signs_in });
    }
    let port = endpoint.address.port();
    let vaults = STOCK_VAULTS.iter().enumerate().filter(|(_, host)| cloud.has_vault(host)).map(|(nth, host)| {
        let named_url = format!("https://{host}:{port}");
        let url = addresses.get(nth).map_or_else(|| named_url.clone(), |address| format!("https://{address}"));
        ServedVault { name: host.split('.').next().unwrap_or_default().to_owned(), url, named_url }
    });
    let applications = cloud.stocked(LISTED).into_iter().map(|a| ServedApplication {
        display_name: a.display_name,
        client_id: a.client_id,
        object_id: a.object_id,
        vault_secret: a.vault_secret,
    });
    Ok(Served {
        schema: "keyrelay.sandbox.serve/1",
        authority: base.clone(),
        graph: base.clone(),
        vault: base.clone(),
        arm: base,
        ca_file: ca_file.to_owned(),
        tenant_id: endpoint.tenant,
        operator: ServedOperator {
            client_id: endpoint.operator_client_id,
            client_secret_file: endpoint.operator_secret_file.clone(),
        },
        operators,
        vaults: vaults.collect(),
        applications: applications.collect(),
        pid: endpoint.pid,
    })
}
