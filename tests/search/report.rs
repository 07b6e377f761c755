//! What was found, for people and for the table of what was tried.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::explore::{Found, Limit};
use crate::reliability::Counts;

/// Collects one suite's results; fails it in the end, if it must.
pub(crate) struct Report {
    counts: Counts,
    timed: bool,
    lines: Mutex<(Vec<Value>, Vec<String>)>,
}

impl Report {
    pub(crate) fn new(suite: &str, limit: Limit) -> Report {
        Report { counts: Counts::new(suite, json!({})), timed: limit.until.is_some(), lines: Mutex::default() }
    }

    /// Prints one scene's result; whatever must not be is kept for the end.
    pub(crate) fn add(&self, found: &Found) {
        let name = found.scene.name();
        let (states, transitions) = (found.graph.places.len(), found.graph.transitions());
        println!("{name:<75} {states:>9} states {transitions:>10} transitions {:>6.1} s", found.seconds);
        let mut wrong = Vec::new();
        let mut ends = BTreeMap::new();
        if found.cut && self.timed {
            println!("    as far as there was time: no violation, and nothing is known of the ends");
        } else if found.cut {
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
            "whole": !found.cut,
        });
        let mut lines = self.lines.lock().unwrap();
        lines.0.push(line);
        lines.1.extend(wrong);
    }

    /// Writes it down, and fails if something was wrong.
    pub(crate) fn finish(self) {
        let (scenes, wrong) = self.lines.into_inner().unwrap();
        let sum = |what: &str| scenes.iter().filter_map(|s| s[what].as_u64()).sum::<u64>();
        let mut counts = self.counts;
        counts.set("scenes", scenes.len());
        counts.set("scenes searched to the end", scenes.iter().filter(|s| s["whole"] == true).count());
        counts.set("states", sum("states"));
        counts.set("transitions", sum("transitions"));
        counts.set("deepest", scenes.iter().filter_map(|s| s["depth"].as_u64()).max().unwrap_or_default());
        counts.set("each", scenes);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        counts.keep();
    }
}

pub(crate) fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
