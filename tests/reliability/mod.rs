//! How much a suite tries, and what it has tried: `target/reliability/<size>/<suite>.json`, one line each, from which
//! `examples/reliability` makes the table.
#![allow(dead_code)] // each suite uses a part

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// Whether there is time for all there is: `KEYRELAY_THOROUGH=1`, in release mode.
pub(crate) fn thorough() -> bool {
    std::env::var_os("KEYRELAY_THOROUGH").is_some()
}

/// How long to go on with what has no end: `KEYRELAY_SOAK=30m`.
pub(crate) fn soak() -> Option<Duration> {
    let text = std::env::var("KEYRELAY_SOAK").ok()?;
    Some(humantime::parse_duration(&text).unwrap_or_else(|e| panic!("KEYRELAY_SOAK: {text}: {e}")))
}

/// One of these folders has what was counted.
fn size() -> &'static str {
    match (soak(), thorough()) {
        (Some(_), _) => "soak",
        (None, true) => "full",
        (None, false) => "quick",
    }
}

/// A number that the environment may say.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |n| n.parse().unwrap_or_else(|e| panic!("{variable}: {n}: {e}")))
}

/// What a suite tried, counted.
pub(crate) struct Counts {
    suite: String,
    options: Value,
    begun: Instant,
    counted: Map<String, Value>,
}

impl Counts {
    /// Begins to count. What the suite counted before is removed: if it fails now, nothing may stand there.
    pub(crate) fn new(suite: impl Into<String>, options: Value) -> Counts {
        let counts = Counts { suite: suite.into(), options, begun: Instant::now(), counted: Map::new() };
        let _ = std::fs::remove_file(counts.file());
        counts
    }

    pub(crate) fn add(&mut self, what: &str, n: u64) {
        let so_far = self.counted.get(what).and_then(Value::as_u64).unwrap_or(0);
        self.counted.insert(what.into(), (so_far + n).into());
    }

    pub(crate) fn set(&mut self, what: &str, value: impl Into<Value>) {
        self.counted.insert(what.into(), value.into());
    }

    fn file(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reliability").join(size());
        folder.join(format!("{}.json", self.suite))
    }

    /// Writes them down; a suite that fails does not come to this.
    pub(crate) fn keep(self) {
        let seconds = (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        let line = json!({
            "suite": self.suite, "size": size(), "options": self.options, "counts": self.counted, "seconds": seconds,
            "commit": commit(), "day": jiff::Timestamp::now().strftime("%F").to_string(),
        });
        println!("{line}");
        let file = self.file();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("{line}\n")).unwrap();
    }
}

/// What this was built from, as far as git knows: `-dirty` where something was changed since.
pub(crate) fn commit() -> &'static str {
    static COMMIT: OnceLock<String> = OnceLock::new();
    COMMIT.get_or_init(|| {
        let described = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10"]).output();
        let text = described.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
        text.map_or_else(|| "unknown".to_owned(), |t| t.trim().to_owned())
    })
}
