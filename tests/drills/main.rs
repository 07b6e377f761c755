//! Drills: the shipped scenarios end as they say, and a drill tells what happened as it happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, missing_docs)]

mod command;
mod decisions;
mod files;
mod rehearsed;

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;
use keyrelay::drill::{Audience, Choice, Debrief, Scenario, Voice, built_in, play};

/// Types from a list, and keeps what it hears.
struct Listener {
    script: std::vec::IntoIter<String>,
    heard: Rc<RefCell<Vec<(Timestamp, Voice, String)>>>,
}

impl Audience for Listener {
    fn hear(&mut self, at: Timestamp, voice: Voice, text: &str) {
        self.heard.borrow_mut().push((at, voice, text.to_owned()));
    }

    fn decide(&mut self, _: Timestamp, choices: &[Choice]) -> Option<String> {
        assert!(choices.len() >= 12);
        self.script.next()
    }
}

struct Played {
    debrief: Debrief,
    heard: Vec<(Timestamp, Voice, String)>,
    folder: tempfile::TempDir,
}

impl Played {
    fn all_text(&self) -> String {
        let heard: Vec<&str> = self.heard.iter().map(|(_, _, text)| text.as_str()).collect();
        format!(
            "{}\n{}\n{}",
            heard.join("\n"),
            self.debrief.lines().join("\n"),
            serde_json::to_string(&self.debrief).unwrap()
        )
    }
}

fn shipped(name: &str) -> Scenario {
    let (_, text) = built_in().iter().find(|(n, _)| *n == name).unwrap();
    Scenario::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn played(scenario: &Scenario, script: &[&str]) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let script: Vec<String> = script.iter().map(|s| (*s).to_owned()).collect();
    let listener = Listener { script: script.into_iter(), heard: Rc::clone(&heard) };
    let debrief = play(scenario, None, &folder.path().join("drill"), Box::new(listener)).unwrap();
    let heard = heard.borrow().clone();
    Played { debrief, heard, folder }
}

fn rehearsed(name: &str) -> Played {
    let scenario = shipped(name);
    let script: Vec<&str> = scenario.script.iter().map(String::as_str).collect();
    played(&scenario, &script)
}
