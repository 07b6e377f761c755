//! What the suites wrote down: `target/reliability/<size>/<suite>.json`, and what cargo-mutants did.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use serde_json::Value;

/// How much was tried: a part of everything, all there is, or what has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Size {
    /// `cargo test`
    Quick,
    /// `.ci/thorough`
    Full,
    /// `.ci/soak`
    Soak,
}

impl Size {
    pub(crate) const ALL: [Size; 3] = [Size::Quick, Size::Full, Size::Soak];

    /// The folder, and the word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Size::Quick => "quick",
            Size::Full => "full",
            Size::Soak => "soak",
        }
    }
}

/// All that is known.
#[derive(Default)]
pub(crate) struct Results {
    pub suites: BTreeMap<(String, Size), Value>,
    /// What became of each mutant that was tried.
    pub mutants: BTreeMap<String, String>,
}

impl Results {
    pub(crate) fn read(target: &Path) -> Result<Results, Box<dyn Error>> {
        let mut results = Results::default();
        for size in Size::ALL {
            let folder = target.join("reliability").join(size.name());
            for file in files(&folder).filter(|f| f.extension().is_some_and(|e| e == "json")) {
                let read = || serde_json::from_slice::<Value>(&std::fs::read(&file)?).map_err(std::io::Error::from);
                let suite = read().map_err(|e| format!("{}: {e}", file.display()))?;
                let name = suite["suite"].as_str().unwrap_or_default().to_owned();
                results.suites.insert((name, size), suite);
            }
        }
        if results.suites.is_empty() {
            return Err(format!("nothing in {}. Run `cargo test` first.", target.join("reliability").display()).into());
        }
        // one folder, or one for each pass
        for folder in files(&target.join("mutants")).chain([target.join("mutants")]) {
            if let Ok(bytes) = std::fs::read(folder.join("mutants.out/outcomes.json")) {
                results.add_mutants(&serde_json::from_slice(&bytes)?);
            }
        }
        Ok(results)
    }

    fn add_mutants(&mut self, outcomes: &Value) {
        for outcome in outcomes["outcomes"].as_array().into_iter().flatten() {
            let (Some(name), Some(summary)) = (outcome["scenario"]["Mutant"]["name"].as_str(), outcome["summary"].as_str())
            else {
                continue; // the tree as it is
            };
            // one that a pass noticed stays so, whatever other suites let pass
            let said = self.mutants.entry(name.to_owned()).or_insert_with(|| summary.to_owned());
            if said == "MissedMutant" {
                summary.clone_into(said);
            }
        }
    }

    /// The suite at full size; where that was not run, what `cargo test` tried of it.
    pub(crate) fn best(&self, suite: &str) -> Option<Tried<'_>> {
        let of = |size| self.suites.get(&(suite.to_owned(), size)).map(|value| Tried { value, size });
        of(Size::Full).or_else(|| of(Size::Quick))
    }

    pub(crate) fn soak(&self, suite: &str) -> Option<Tried<'_>> {
        let size = Size::Soak;
        self.suites.get(&(suite.to_owned(), size)).map(|value| Tried { value, size })
    }

    /// The best of each suite whose name begins so.
    pub(crate) fn all(&self, beginning: &str) -> Vec<Tried<'_>> {
        let names: BTreeSet<&String> = self.suites.keys().map(|(name, _)| name).collect();
        names.into_iter().filter(|n| n.starts_with(beginning)).filter_map(|n| self.best(n)).collect()
    }

    /// What all suites wrote under this name.
    pub(crate) fn each(&self, what: &str) -> BTreeSet<String> {
        self.suites.values().filter_map(|suite| suite[what].as_str().map(str::to_owned)).collect()
    }
}

/// One suite's file.
#[derive(Clone, Copy)]
pub(crate) struct Tried<'a> {
    pub value: &'a Value,
    pub size: Size,
}

impl<'a> Tried<'a> {
    pub(crate) fn counts(self) -> &'a Value {
        &self.value["counts"]
    }

    /// A count; 0 if there is none of that name.
    pub(crate) fn number(self, what: &str) -> u64 {
        self.counts()[what].as_u64().unwrap_or_default()
    }

    /// Of all counts whose name begins so.
    pub(crate) fn sum(self, beginning: &str) -> u64 {
        let counts = self.counts().as_object().into_iter().flatten();
        counts.filter(|(name, _)| name.starts_with(beginning)).filter_map(|(_, n)| n.as_u64()).sum()
    }
}

fn files(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    files.into_iter()
}

/// Thousands apart.
pub(crate) fn grouped(number: u64) -> String {
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
