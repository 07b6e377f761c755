//! `sandbox`: serve it, find it, point other clients at it.

use clap::Subcommand;

use super::context::Context;
use super::output::Done;
use crate::error::Error;

mod az;
mod faults;
mod find;
mod serve;
mod status;

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum SandboxCommand {
    /// Serve one until told to stop; what it holds is gone then, unless --state names a file
    #[command(after_help = "Examples: keyrelay sandbox serve --json\n          \
        keyrelay sandbox serve --port 8443 --state sandbox.json --ca-out ca.pem\n\n\
        With --json the first line of stdout is an object that says where everything is.")]
    Serve(serve::Serve),
    /// Say where sandboxes are
    #[command(after_help = "Example: keyrelay sandbox status")]
    Status,
    /// Print the shell lines that point an Azure CLI at a sandbox
    #[command(after_help = "Example: eval \"$(keyrelay sandbox az)\" && az ad app list --query '[].displayName'")]
    Az(find::Which),
    /// Let requests be lost, refused, late or slow while it runs
    #[command(subcommand)]
    Fault(faults::FaultCommand),
    /// Show what was asked of it, what it did, and which fault struck
    #[command(after_help = "Example: keyrelay sandbox log --after 120\n\n\
        The sandbox must run with `keyrelay sandbox serve --control`. No secret is in the log.")]
    Log(faults::LogArgs),
}

impl SandboxCommand {
    /// Whether it serves many at once.
    pub(super) fn wants_threads(&self) -> bool {
        match self {
            SandboxCommand::Serve(_) => true,
            SandboxCommand::Status | SandboxCommand::Az(_) => false,
            SandboxCommand::Fault(_) | SandboxCommand::Log(_) => false,
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<Done, Error> {
        match self {
            SandboxCommand::Serve(args) => serve::serve(context, args).await,
            SandboxCommand::Status => status::status(context).await,
            SandboxCommand::Az(which) => az::az(context, &which).await,
            SandboxCommand::Fault(command) => faults::fault(context, command).await,
            SandboxCommand::Log(args) => faults::log(context, args).await,
        }
    }
}
