//! What fuzzing is given to begin with, and all that it ever found, through the functions that are fuzzed.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::golden;
use crate::reliability::Counts;
use crate::targets;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let inputs: Vec<_> = files.map(|f| (f.display().to_string(), fs::read(&f).unwrap())).collect();
    assert!(!inputs.is_empty(), "{target} has a corpus");
    inputs
}

fn all_of(counts: &mut Counts, target: &str, function: fn(&[u8])) {
    for (name, bytes) in corpus(target) {
        let result = std::panic::catch_unwind(|| function(&bytes));
        assert!(result.is_ok(), "{target}: {name}");
        counts.add("inputs", 1);
    }
}

/// `answers` is not here: what it calls is not public, and the library's own tests hold its corpus.
#[test]
fn the_corpora_hold() {
    let mut counts = Counts::new("fuzz-corpora", json!({}));
    all_of(&mut counts, "journal_line", targets::journal::line);
    all_of(&mut counts, "journal", targets::journal::whole);
    all_of(&mut counts, "runbook", targets::runbook);
    all_of(&mut counts, "events", targets::events::events);
    counts.add("inputs", golden::journals().len() as u64);
    counts.keep();
}

/// The journals of every state are what a fuzzer of journals should begin with too; and each is written again as it was.
#[test]
fn the_journals_of_every_state_hold() {
    for (name, bytes) in golden::journals() {
        let result = std::panic::catch_unwind(|| {
            targets::journal::whole(&bytes);
            assert_eq!(targets::journal::sealed(&bytes).len(), unsealed_length(&bytes), "sealed anew as it was");
        });
        assert!(result.is_ok(), "{name}");
    }
}

/// A sealed line names no world.
fn unsealed_length(bytes: &[u8]) -> usize {
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    bytes.len() - lines * r#""world":"sandbox","#.len()
}
