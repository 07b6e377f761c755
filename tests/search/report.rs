//! What was found, for people and for the table of what was tried.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::explore::Found;

/// Collects one suite's results; fails it in the end, if it must.
pub(crate) struct Report {
    suite: String,
    lines: Mutex<(Vec<Value>, Vec<String>)>,
}

impl Report {
    pub(crate) fn new(suite: &str) -> Report {
        Report { suite: suite.to_owned(), lines: Mutex::default() }
    }

    /// Prints one scene's result; whatever must not be is kept for the end.
    pub(crate) fn add(&self, found: &Found) {
        let name = found.scene.name();
        let (states, transitions) = (found.graph.places.len(), found.graph.transitions());
        println!("{name:<75} {states:>9} states {transitions:>10} transitions {:>6.1} s", found.seconds);
        let mut wrong = Vec::new();
        let mut ends = BTreeMap::new();
        if found.cut {
            wrong.push(format!("{name}: more states than were to be looked at"));
        } else if let Some((broken, path)) = &found.broken {
            wrong.push(format!("{name}: {broken}, after {} steps:\n  {}", path.len(), path.join("\n  ")));
        } else {
            let lives = found.graph.lives();
            wrong.extend(lives.wrong(&found.scene).into_iter().map(|w| format!("{name}: {w}")));
            println!("    depth {}, ends in {:?}", found.depth, lives.ends);
            ends = lives.ends;
        }
        let (crashes, losses) = (found.scene.crashes, found.scene.losses);
        let line = json!({
            "scene": name, "vaults": found.scene.vaults, "crashes": crashes, "losses": losses,
            "states": states, "transitions": transitions, "seconds": tenths(found.seconds), "depth": found.depth, "ends": ends,
        });
        let mut lines = self.lines.lock().unwrap();
        lines.0.push(line);
        lines.1.extend(wrong);
    }

    /// Writes `target/reliability/<suite>.json`, one line, and fails if something was wrong.
    pub(crate) fn finish(self) {
        let (scenes, wrong) = self.lines.into_inner().unwrap();
        let sum = |what: &str| scenes.iter().filter_map(|s| s[what].as_f64()).sum::<f64>();
        let (states, transitions, seconds) = (sum("states") as u64, sum("transitions") as u64, tenths(sum("seconds")));
        println!("{}: {} scenes, {states} states, {transitions} transitions, {seconds} s", self.suite, scenes.len());
        let whole = json!({
            "suite": self.suite, "options": { "scenes": scenes }, "states": states, "transitions": transitions,
            "seconds": seconds, "failed": wrong.len(),
        });
        keep(&self.suite, &whole);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// One line in `target/reliability/`.
pub(crate) fn keep(suite: &str, what: &Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reliability");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{suite}.json")), format!("{what}\n")).unwrap();
}

pub(crate) fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
