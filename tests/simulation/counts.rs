//! What a suite of this binary tried, counted.

use std::time::Instant;

use serde_json::{Map, Value};

use crate::reliability;

pub(crate) struct Counts {
    suite: &'static str,
    options: Value,
    begun: Instant,
    counted: Map<String, Value>,
}

impl Counts {
    /// Begins to count. `options` say how thorough the suite is this time.
    pub(crate) fn new(suite: &'static str, options: Value) -> Counts {
        Counts { suite, options, begun: Instant::now(), counted: Map::new() }
    }

    pub(crate) fn add(&mut self, what: &str, n: u64) {
        let so_far = self.counted.get(what).and_then(Value::as_u64).unwrap_or(0);
        self.counted.insert(what.into(), (so_far + n).into());
    }

    pub(crate) fn set(&mut self, what: &str, value: impl Into<Value>) {
        self.counted.insert(what.into(), value.into());
    }

    /// Writes them down; a suite that fails does not come to this.
    pub(crate) fn keep(self) {
        reliability::keep(self.suite, &self.options, &Value::Object(self.counted), self.begun);
    }
}
