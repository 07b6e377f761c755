//! The shipped binary, killed (SIGKILL) wherever it stands, then resumed or rolled back; judged by the sandbox's own state.
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

#[path = "../binary/mod.rs"]
mod binary;
#[path = "../reliability/mod.rs"]
mod reliability;

mod aftermath;
mod anywhere;
mod places;
mod wire;
