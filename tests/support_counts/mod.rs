//! What a suite tried, kept for the table of docs/reliability.md: `target/reliability/<suite>.json`, one JSON object.

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};

/// What one suite counts.
pub(crate) struct Counts {
    suite: &'static str,
    begun: Instant,
    counted: Map<String, Value>,
}

impl Counts {
    /// Begins to count. `options` say how thorough the suite is this time.
    pub(crate) fn new(suite: &'static str, options: Value) -> Counts {
        let mut counted = Map::new();
        counted.insert("suite".into(), suite.into());
        counted.insert("options".into(), options);
        Counts { suite, begun: Instant::now(), counted }
    }

    pub(crate) fn add(&mut self, what: &str, n: u64) {
        let so_far = self.counted.get(what).and_then(Value::as_u64).unwrap_or(0);
        self.counted.insert(what.into(), (so_far + n).into());
    }

    pub(crate) fn set(&mut self, what: &str, value: impl Into<Value>) {
        self.counted.insert(what.into(), value.into());
    }

    pub(crate) fn seconds(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0
    }

    /// Writes the file and prints it; a suite that fails comes no further than this and leaves none.
    pub(crate) fn keep(mut self) {
        self.counted.insert("seconds".into(), json!(self.seconds()));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reliability");
        std::fs::create_dir_all(&folder).unwrap();
        let line = Value::Object(self.counted).to_string();
        println!("{line}");
        std::fs::write(folder.join(format!("{}.json", self.suite)), format!("{line}\n")).unwrap();
    }
}
