//! What a person reads when a service says no: each row of the table made to happen through the code that ships, the page that is
//! made from it, the words within a run, and `diagnose`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::print_stderr, clippy::disallowed_methods, missing_docs, unreachable_pub)]
#![allow(clippy::result_large_err, clippy::wildcard_enum_match_arm)]

mod asking;
#[path = "../binary/mod.rs"]
mod binary;
mod command;
mod diagnose;
#[path = "../evidence_support/mod.rs"]
mod evidence_support;
mod graph;
mod kinds;
mod page;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod token;
mod vault;
#[path = "../world/mod.rs"]
mod world;

use std::collections::BTreeSet;

use keyrelay::refusals;

use asking::Case;

/// Each row of the table has a case here, and each case a row.
#[test]
fn every_row_is_made_to_happen() {
    let rows: BTreeSet<&str> = refusals::rows().map(|r| r.name).collect();
    let cases = graph::cases().into_iter().chain(vault::cases()).chain(token::cases()).chain(kinds::cases());
    let made: BTreeSet<&str> = cases.map(|c: Case| c.row).chain(kinds::ELSEWHERE).collect();
    assert_eq!(made, rows);
}
