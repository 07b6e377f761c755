//! Folders of sandboxes of which nothing is to stay: each server has one while it runs, for certificates and operators' secrets.

use std::path::{Path, PathBuf};

use super::endpoint::Endpoint;
use super::error::SandboxError;
use super::{files, process};

/// A new private folder in `parent`. What servers that were killed have left there is removed.
pub fn fresh(parent: &Path) -> Result<PathBuf, SandboxError> {
    files::private_folder(parent)?;
    for left in files::folders(parent)? {
        // A server holds its lock before it says where it is: one that has said so and holds none is dead.
        if Endpoint::load(&left)?.is_some() && files::try_lock(&left.join("server.lock"))?.is_some() {
            files::remove_folder(&left)?;
        }
    }
    let mut drawn = [0; 4];
    #[allow(clippy::disallowed_methods)] // a name that no other server has
    getrandom::fill(&mut drawn).map_err(|e| files::at(parent)(e.into()))?;
    let folder = parent.join(format!("{:08x}", u32::from_le_bytes(drawn)));
    files::private_folder(&folder)?;
    Ok(folder)
}

/// The servers of `parent` that answer.
pub async fn running(parent: &Path) -> Result<Vec<Endpoint>, SandboxError> {
    let mut found = Vec::new();
    for folder in files::folders(parent)? {
        found.extend(process::running(&folder).await?);
    }
    Ok(found)
}
