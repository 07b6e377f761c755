//! What is fuzzed: one function for each kind of input, which panics if something is wrong with the answer. `cargo fuzz run` calls
//! them with what it makes up; `cargo test` calls them with the corpora under `fuzz/corpus/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    unreachable_pub
)]

pub mod events;
pub mod journal;
pub mod stage;

/// An answer of Graph, a vault or the token endpoint. `cargo test` calls this from inside the package.
#[cfg(fuzzing)]
pub fn answers(bytes: &[u8]) {
    keyrelay::azure::from_bytes::answer(bytes);
}

/// A runbook file: parsed or refused, and what was parsed is written and parsed alike.
pub fn runbook(bytes: &[u8]) {
    use keyrelay::runbook::Runbook;
    for name in ["a.md", "a.toml"] {
        let Ok(book) = Runbook::parse(bytes, name) else { continue };
        let text = serde_json::to_string(&book).unwrap();
        assert_eq!(serde_json::from_str::<Runbook>(&text).unwrap(), book, "a start record keeps the runbook whole");
    }
}
