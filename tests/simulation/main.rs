//! The driver and the journal that ship, on the sandbox's cloud in process and in virtual time.
//!
//! | file | subject |
//! |---|---|
//! | `steps` | single days, each with its own trouble |
//! | `tours` | the ways that a run can go |
//! | `crashes` | a kill at every crash point, once and twice |
//! | `faults` | each kind of fault at every request: alone, in pairs, with a kill |
//! | `seeds` | everything at once, drawn by seed; `mischief` is what can happen, `regressions` what once failed |
//! | `consumers` | fifty who fetch and sign in all the while, and the rotations that they would notice |
//! | `reasons` | every reason for which a run stops and asks |
//! | `reached` | that all of the above came by everything that there is |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod consumers;
mod crashes;
mod draw;
mod faults;
mod mischief;
mod reached;
mod reasons;
mod regressions;
#[path = "../reliability/mod.rs"]
mod reliability;
mod scenes;
mod seeds;
mod steps;
mod tours;
#[path = "../world/mod.rs"]
mod world;
