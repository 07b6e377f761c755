//! The shipped binary against the sandbox, from the first word that is typed to the end of the run.
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

mod canary;
mod emergency;
mod people;
mod rotation;
#[cfg(unix)]
mod signals;
mod way_back;
