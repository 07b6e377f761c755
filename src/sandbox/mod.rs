//! A local Entra, Microsoft Graph and Key Vault.
//!
//! [`cloud`] is the emulator, pure: searched state by state, driven by seeds, and served. [`in_process`] calls it as the ports
//! do, in virtual time and with faults. [`wire`] puts HTTP requests and answers around it, [`server`] a socket on loopback, and
//! [`process`] starts that server as a process which outlives a rotator that is killed.

pub mod cloud;
pub mod control;
pub mod faults;
pub mod in_process;
pub mod log;
pub mod passing;
pub mod process;
pub mod server;
pub mod wire;

mod endpoint;
mod error;
mod fate;
mod files;
mod listener;
mod options;
mod requests;
mod saved;
mod served;
mod tls;

pub use endpoint::Endpoint;
pub use error::SandboxError;
pub use served::{NamedOperator, Served, ServedApplication, ServedOperator, ServedVault};
