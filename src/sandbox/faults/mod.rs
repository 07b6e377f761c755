//! Faults on demand: rules that say which requests come to what harm.
//!
//! Pure, and part of the cloud's state: requests over HTTPS and calls in process meet the same rules, and a restart of the server
//! changes nothing. A rule is written as [`Written`] (a table `[[fault]]` of a TOML file, or JSON), and
//! [`Trouble`](super::cloud::Trouble) is a short form for one that refuses.

mod call;
mod rule;
mod written;

pub use call::{Call, Operation};
pub use rule::{Chance, Fault, Faults, Refusal, Rule, RuleId};
pub use written::{BadFault, Written, parse};
