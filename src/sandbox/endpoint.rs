//! Where a sandbox is, and what its clients need: the content of `endpoint.json` in its folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::SandboxError;
use super::files;

/// What a client of the sandbox is told. It holds no secret, only the name of the file with the operator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Of this object's form: 1.
    pub schema: u32,
    /// Where every host name of the sandbox is to be looked for.
    pub address: SocketAddr,
    /// `https://login.sandbox.localhost`.
    pub authority: String,
    /// `https://graph.sandbox.localhost`.
    pub graph: String,
    /// `vault.sandbox.localhost`: a vault's host is a name, a dot and this.
    pub vault_suffix: String,
    /// The certificate of the sandbox's own authority.
    pub ca_file: PathBuf,
    /// The one tenant.
    pub tenant: Uuid,
    /// The operator's client ID.
    pub operator_client_id: Uuid,
    /// The file with the operator's client secret, and nothing else in it.
    pub operator_secret_file: PathBuf,
    /// The server's process.
    pub pid: u32,
}

fn file(folder: &Path) -> PathBuf {
    folder.join("endpoint.json")
}

impl Endpoint {
    pub(super) fn load(folder: &Path) -> Result<Option<Endpoint>, SandboxError> {
        let bytes = files::read(&file(folder))?;
        Ok(bytes.and_then(|b| serde_json::from_slice(&b).ok()))
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), SandboxError> {
        let path = file(folder);
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| files::at(&path)(e.into()))?;
        files::put(&path, &bytes)
    }
}
