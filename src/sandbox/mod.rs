//! A local Entra, Microsoft Graph and Key Vault.
//!
//! [`cloud`] is the emulator, pure: searched state by state, driven by seeds, and served. [`in_process`] calls it as the ports
//! do, in virtual time and with faults. [`wire`] puts HTTP requests and answers around it.

pub mod cloud;
pub mod in_process;
pub mod wire;
