//! What the sandbox imitates, one fact a test (each names its section in azure-facts.md), and what can be staged and ordered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, missing_docs)]

mod cloud;
mod directory;
mod faults;
mod faults_served;
mod in_process;
mod refusals;
mod roles;
mod scene;
mod table;
mod vaults;
mod wire;
