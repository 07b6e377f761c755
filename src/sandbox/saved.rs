//! The cloud that is served, and how much of it is on disk.
#![allow(clippy::disallowed_methods)] // a new state is dated by the local clock and may be drawn

use std::path::PathBuf;

use jiff::Timestamp;

use super::cloud::Cloud;
use super::error::SandboxError;
use super::files;
use super::options::ServeOptions;

/// The cloud with its file. Without a file it lives in memory only.
pub(super) struct Saved {
    pub(super) cloud: Cloud,
    revision: Option<u64>,
    file: Option<PathBuf>,
}

impl Saved {
    /// The state of the file, or a new one with what the options want in it.
    pub(super) fn load(options: &ServeOptions) -> Result<Saved, SandboxError> {
        let file = options.state_file();
        let found = match &file {
            Some(path) => files::read(path)?.map(|bytes| (path.clone(), bytes)),
            None => None,
        };
        let (mut cloud, revision) = match found {
            Some((path, bytes)) => {
                let damaged = |e: serde_json::Error| SandboxError::State { path, line: e.line(), column: e.column() };
                let cloud: Cloud = serde_json::from_slice(&bytes).map_err(damaged)?;
                let revision = Some(cloud.revision());
                (cloud, revision)
            }
            None => (new(options)?, None),
        };
        cloud.set_profile(options.pace.profile());
        if let Some(rules) = &options.faults {
            let mut stage = cloud.stage();
            stage.no_troubles();
            for rule in rules {
                let _ = stage.faults().add(rule.clone());
            }
        }
        let mut saved = Saved { cloud, revision, file };
        saved.save()?;
        Ok(saved)
    }

    /// Writes what has changed since the last time: the old state or the new one is on disk, never a part.
    pub(super) fn save(&mut self) -> Result<(), SandboxError> {
        let Some(file) = self.file.as_ref().filter(|_| self.revision != Some(self.cloud.revision())) else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(&self.cloud).map_err(|e| files::at(file)(e.into()))?;
        files::replace(file, &bytes)?;
        self.revision = Some(self.cloud.revision());
        Ok(())
    }
}

fn new(options: &ServeOptions) -> Result<Cloud, SandboxError> {
    let drawn = || {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|e| files::at(&options.state_folder)(e.into()))?;
        Ok(u64::from_le_bytes(bytes))
    };
    let now = Timestamp::now();
    let mut cloud = Cloud::new(options.seed.map_or_else(drawn, Ok)?, options.pace.profile(), now);
    if let Some(applications) = options.applications {
        cloud.stock(now, applications).map_err(|e| SandboxError::Refused { why: e.message })?;
    }
    Ok(cloud)
}
