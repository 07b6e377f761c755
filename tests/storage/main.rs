//! What a run keeps on this machine, under hardship: its journal damaged, on disks that fail or lose what was not synced, and of
//! every state there is; its locks fought over.
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
#[path = "../evidence_support/mod.rs"]
mod evidence_support;
#[path = "../reliability/mod.rs"]
mod reliability;
#[path = "../../fuzz/src/lib.rs"]
mod targets;
#[path = "../world/mod.rs"]
mod world;

mod corpora;
mod damage;
mod disk;
mod failing_disk;
mod golden;
mod starts;
mod system_calls;
mod whole;
