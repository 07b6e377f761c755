//! The emulator's answers against real recorded ones: same status, same headers that matter, same members of the same types.
//!
//! Each recording has one verdict: the same, different on purpose, or not served. `docs/sandbox.md` has the table of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, missing_docs)]

mod compare;
mod entra;
mod graph;
mod key_vault;
mod not_served;
mod page;
mod replay;

use std::collections::BTreeMap;

use replay::folder;

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same but for this, which should be nothing.
    Same(Vec<String>),
    /// Different, and why.
    OnPurpose(&'static str),
    /// The sandbox does not serve it, and why.
    NotServed(&'static str),
}

/// Verdicts by the names of recordings.
pub(crate) type Verdicts = BTreeMap<&'static str, Verdict>;

pub(crate) fn verdicts(folder: &std::path::Path) -> Verdicts {
    let mut all = Verdicts::new();
    for some in [graph::verdicts(folder), key_vault::verdicts(folder), entra::verdicts(folder), not_served::verdicts(folder)]
    {
        for (name, verdict) in some {
            assert!(all.insert(name, verdict).is_none(), "{name} has one verdict");
        }
    }
    all
}

#[test]
fn what_is_served_answers_as_recorded() {
    let Some(folder) = folder() else { return };
    let differs: Vec<String> = verdicts(&folder)
        .into_values()
        .flat_map(|verdict| match verdict {
            Verdict::Same(differs) => differs,
            Verdict::OnPurpose(_) | Verdict::NotServed(_) => Vec::new(),
        })
        .collect();
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}

#[test]
fn no_recording_is_left_out() {
    let Some(folder) = folder() else { return };
    let files = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let recorded: Vec<String> = files.filter_map(|f| f.strip_suffix(".json").map(str::to_owned)).collect();
    let ours = verdicts(&folder);
    let missing: Vec<&String> = recorded.iter().filter(|name| !ours.contains_key(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(recorded.len(), ours.len());
}
