//! What a suite has tried, counted: `target/reliability/<suite>.json`, one line each, from which the table of what was tried is made.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

/// Writes the counts of `suite`, which began then.
pub(crate) fn keep(suite: &str, options: &Value, counts: &Value, begun: Instant) {
    let seconds = (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reliability");
    std::fs::create_dir_all(&folder).unwrap();
    let line = json!({ "suite": suite, "options": options, "counts": counts, "seconds": seconds });
    println!("{line}");
    std::fs::write(folder.join(format!("{suite}.json")), format!("{line}\n")).unwrap();
}
