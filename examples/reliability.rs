//! The table of what was tried: `cargo run --example reliability`, after `cargo test` or, for more, `.ci/run`.
//!
//! Every suite leaves its counts in `target/reliability/`, one JSON object a file. This prints them as a table in Markdown: one row
//! a count, with the suite, its options and how long it took.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a program of its own that reads files and prints

use std::error::Error;
use std::path::Path;

use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("reliability");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .map_err(|e| format!("{}: {e}. Run `cargo test` first.", folder.display()))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    println!("| suite | options | what was counted | seconds |\n|---|---|---|---|");
    for file in files {
        let suite: Map<String, Value> = serde_json::from_slice(&std::fs::read(&file)?)?;
        println!("{}", row(&suite));
    }
    Ok(())
}

/// One suite. What is a list of its own (the scenes of the search) is left to the file.
fn row(suite: &Map<String, Value>) -> String {
    let text = |name: &str| suite.get(name).map(words).unwrap_or_default();
    let nested = suite.get("counts").and_then(Value::as_object);
    let own = suite.iter().filter(|(name, _)| !matches!(name.as_str(), "suite" | "options" | "counts" | "seconds"));
    let counted: Vec<String> =
        own.chain(nested.into_iter().flatten()).map(|(name, value)| format!("{name} {}", words(value))).collect();
    format!("| {} | {} | {} | {} |", text("suite"), text("options"), counted.join("; "), text("seconds"))
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), grouped),
        Value::Array(all) => format!("({})", all.len()),
        Value::Object(parts) => {
            let parts: Vec<String> = parts.iter().map(|(name, value)| format!("{name} {}", words(value))).collect();
            parts.join(", ")
        }
        Value::Bool(_) | Value::Null => value.to_string(),
    }
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (left, digit) in (1..=digits.len()).rev().zip(digits.chars()) {
        out.push(digit);
        if left > 1 && left % 3 == 1 {
            out.push(' ');
        }
    }
    out
}
