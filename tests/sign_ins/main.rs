//! Sign-in records: what the sandbox imitates of them, how they are read and counted, and what is made of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, clippy::result_large_err, missing_docs, clippy::wildcard_enum_match_arm)]

#[path = "../binary/mod.rs"]
#[allow(unreachable_pub)]
mod binary;
mod command;
mod drain;
mod facts;
mod identify;
mod reading;
mod scene;
#[path = "../world/mod.rs"]
mod world;
