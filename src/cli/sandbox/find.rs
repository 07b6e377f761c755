//! Which sandbox a command means.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::context::Context;
use crate::error::Error;
use crate::sandbox::{Endpoint, SandboxError, passing, process};

/// Which one; the only one that runs, if nothing is said.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The one on this port
    #[arg(long)]
    port: Option<u16>,
    /// The one that keeps its state in this file
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    state: Option<PathBuf>,
}

/// The folder of a sandbox whose state is in `file`: certificates, operators' secrets, endpoint.
pub(super) fn beside(file: &Path) -> PathBuf {
    file.with_added_extension("d")
}

/// All that run and can be found: those that keep nothing, and the one that runbooks use.
pub(super) async fn all(context: &Context) -> Result<Vec<Endpoint>, SandboxError> {
    let mut found = passing::running(&context.places.served()).await?;
    found.extend(process::running(&context.places.sandbox()).await?);
    Ok(found)
}

/// The one that is meant.
pub(super) async fn one(context: &Context, which: &Which) -> Result<Endpoint, Error> {
    let found = match &which.state {
        Some(file) => {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            process::running(&beside(&file)).await?.into_iter().collect()
        }
        None => all(context).await?,
    };
    let mut fitting: Vec<Endpoint> =
        found.into_iter().filter(|e| which.port.is_none_or(|port| e.address.port() == port)).collect();
    match (fitting.pop(), fitting.as_slice()) {
        (Some(one), []) => Ok(one),
        (Some(one), others) => {
            let ports: Vec<String> = others.iter().chain([&one]).map(|e| e.address.port().to_string()).collect();
            Err(Error::Usage {
                what: format!("several sandboxes run, on the ports {}", ports.join(", ")),
                advice: "name one with --port".to_owned(),
            })
        }
        (None, _) => Err(Error::Usage {
            what: "no such sandbox runs here".to_owned(),
            advice: "start one with `keyrelay sandbox serve`; one that keeps its state is named by --state FILE".to_owned(),
        }),
    }
}
