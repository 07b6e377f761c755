//! What can be staged: who acts, what they may do, what refuses them. One fact a test; each names it as azure-facts.md does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod directory;
mod in_process;
mod refusals;
mod roles;
mod scene;
mod vaults;
