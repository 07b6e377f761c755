//! Every check of `plan`, through the real adapters against the sandbox: fine in one world, not fine in another that differs
//! in one thing. And the shipped command: its exit code and its JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    missing_docs
)]

mod around;
#[path = "../binary/mod.rs"]
mod binary;
mod command;
mod table;
mod vaults;
mod who;
mod world;
