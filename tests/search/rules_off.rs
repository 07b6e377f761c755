//! Each rule of the protocol is taken away once: the search must find what then goes wrong, and tells the shortest way there.
//!
//! Looked at is what users and ends see (S1, S2, S6, S10, L1, L2), not S3 and S4, which say the rules once more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use keyrelay::rotation::Rule::{self, *};
use keyrelay::rotation::plan::Way;
use keyrelay::rotation::switch_off;
use serde_json::{Value, json};

use crate::explore::{Limit, explore};
use crate::reliability::{Counts, soak};
use crate::scene::{Scene, Start};

/// Enough for every scene below with every rule kept.
const MOST: usize = 1_000_000;

/// Rules that are switched off together, and what must be found: the invariants that may break first, or why nothing does.
struct Row {
    off: &'static [Rule],
    found: Result<&'static [&'static str], &'static str>,
}

const fn breaks(off: &'static [Rule], first: &'static [&'static str]) -> Row {
    Row { off, found: Ok(first) }
}

const fn covered(off: &'static [Rule], why: &'static str) -> Row {
    Row { off, found: Err(why) }
}

const ROWS: &[Row] = &[
    covered(&[], "every rule is kept"),
    breaks(&[ProofBeforePublishing], &["S1"]),
    breaks(&[ProofWindow], &["S1"]),
    breaks(&[ReadBeforeWrite], &["S4"]),
    covered(&[LookForTag], "a second version of the same value does no harm; the look keeps the vault's history clean"),
    covered(&[VaultsAgreeInSmoke], "VaultsAgree asks again before the overlap begins"),
    breaks(&[VaultsAgree], &["S6"]),
    covered(&[GoOnWithServed], "the next attempt is published over what is served, and the sweep takes the rest"),
    breaks(&[SettleInReconcile], &["S1"]),
    breaks(&[Overlap], &["S2"]),
    breaks(&[OverlapAfterSettle], &["S1"]),
    breaks(&[OverlapRestarts], &["S2"]),
    breaks(&[ReadBeforeRemoving], &["S1"]),
    covered(
        &[KeepServed],
        "settle, one set of versions through the whole overlap, and alignment leave the journal no other belief",
    ),
    breaks(&[KeepServed, GoOnWithServed], &["S1", "S2", "S6"]),
    breaks(&[SweepByTag], &["S6"]),
    breaks(&[PointOfNoReturn], &["S1"]),
    breaks(&[SettleBeforeRoom], &["L1"]),
    covered(
        &[ReadBeforeRoom],
        "SettleInReconcile has read the vaults, and gone on with what they held, before an attempt is left",
    ),
    breaks(&[ReadBeforeRoom, GoOnWithServed], &["S1", "S2"]),
    breaks(&[SettleBeforeRoom, ReadBeforeRoom], &["L1"]),
    breaks(&[SettleInWithdraw], &["S6"]),
    covered(
        &[WithdrawLooks],
        "the intent to write is on disk before the request, so nothing can be published unknown; a lost journal could",
    ),
    breaks(&[ProofOfRollback], &["S10"]),
    breaks(&[ProofBeforeRestore], &["S1"]),
    breaks(&[AdoptionBeforeCut], &["S2"]),
    breaks(&[SettleInReconcile, SettleBeforeRoom, OverlapAfterSettle, SettleInWithdraw], &["S6"]),
];

/// What is tried, the smallest first, so that whatever goes wrong is found with as little as it takes.
fn ladder(deep: bool) -> Vec<Scene> {
    let base = Scene { outcomes_only: true, ..Scene::default() };
    let mut scenes = Vec::new();
    let budgets: [(u8, u8); 7] = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (1, 2)];
    for (crashes, losses) in budgets {
        if (crashes, losses) == (0, 0) {
            let leak = Scene { leak: Some(Way::Replace), overlap: 3, ..base.clone() };
            scenes.push(Scene { consumer: true, silent: true, ..leak });
        }
        for scene in [
            base.clone(),
            Scene { overlap: 3, ..base.clone() },
            Scene { two_at_most: true, ..base.clone() },
            Scene { start: Start::None, ..base.clone() },
            Scene { strangers: 1, ..base.clone() },
            Scene { start: Start::Dying, strangers: 1, ..base.clone() },
            Scene { vaults: 2, ..base.clone() },
            Scene { vaults: 2, two_at_most: true, ..base.clone() },
            Scene { vaults: 2, second_empty: true, strangers: 1, ..base.clone() },
        ] {
            let wide = scene.vaults == 2 || scene.strangers > 0;
            let farthest = 1 + i32::from(deep) + i32::from(!wide);
            if i32::from(crashes) + i32::from(losses) <= farthest {
                scenes.push(Scene { crashes, losses, ..scene });
            }
        }
    }
    scenes
}

struct Wrong {
    what: String,
    scene: String,
    path: Vec<String>,
}

/// The first thing that goes wrong, and how many states were looked at. That a run cannot end counts where nothing worse is found,
/// or where nothing worse is looked for.
fn first_wrong(row: &Row, scenes: &[Scene]) -> (Option<Wrong>, usize) {
    switch_off(row.off);
    let stuck_is_enough = row.found == Ok(&["L1"]);
    let (mut states, mut stuck) = (0, None);
    for scene in scenes {
        let found = explore(scene, Limit { states: MOST, until: None });
        states += found.graph.places.len();
        if let Some((broken, path)) = &found.broken {
            return (Some(Wrong { what: broken.to_string(), scene: scene.name(), path: path.clone() }), states);
        }
        assert!(!found.cut, "{}: more than {MOST} states", scene.name());
        if stuck.is_none() {
            let wrong = found.graph.lives().wrong(scene).into_iter().next();
            stuck = wrong.map(|what| Wrong { what, scene: scene.name(), path: Vec::new() });
        }
        if stuck.is_some() && stuck_is_enough {
            break;
        }
    }
    (stuck, states)
}

fn names(off: &[Rule]) -> String {
    off.iter().map(|r| format!("{r:?}")).collect::<Vec<_>>().join(" and ")
}

/// Prints what was found and says whether it was to be found.
fn judge(row: &Row, found: Option<Wrong>, states: usize) -> (Value, Option<String>) {
    let off = names(row.off);
    let line = json!({
        "off": off, "states": states, "found": found.as_ref().map(|w| &w.what), "steps": found.as_ref().map(|w| w.path.len()),
        "in": found.as_ref().map(|w| &w.scene), "kept_for_audit_because": row.found.err(),
    });
    match (&row.found, found) {
        (Ok(first), Some(wrong)) => {
            println!("{off} OFF: {} ({} steps; {})", wrong.what, wrong.path.len(), wrong.scene);
            wrong.path.iter().for_each(|step| println!("      {step}"));
            let expected = first.iter().any(|f| wrong.what.starts_with(&format!("{f}:")));
            (line, (!expected).then(|| format!("{off} off: expected {first:?}, found {}", wrong.what)))
        }
        (Ok(first), None) => (line, Some(format!("{off} off: expected {first:?}, found nothing in {states} states"))),
        (Err(why), None) => {
            println!("{off} OFF: nothing in {states} states: {why}");
            (line, None)
        }
        (Err(_), Some(wrong)) => {
            let path = wrong.path.join("\n      ");
            (
                line,
                Some(format!("{off} off: {} ({}) was to be covered by other rules\n      {path}", wrong.what, wrong.scene)),
            )
        }
    }
}

fn run(suite: &str, rows: &[Row], deep: bool) {
    let mut counts = Counts::new(suite, json!({}));
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), Vec::new(), 0));
    let work = || {
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            // a rule that others cover is looked at less far out than the rest; the soak looks as far
            let (found, states) = first_wrong(row, &ladder(deep || row.found.is_ok() || row.off.is_empty()));
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            let (line, wrong) = judge(row, found, states);
            results.0.push(line);
            results.1.extend(wrong);
            results.2 += states;
        }
    };
    std::thread::scope(|s| {
        s.spawn(work);
        s.spawn(work);
    });
    let (lines, wrong, states) = results.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missed = rows.iter().filter(|row| row.found.is_ok()).count();
    counts.set("missed", missed);
    counts.set("for audit only", rows.len() - missed - rows.iter().filter(|row| row.off.is_empty()).count());
    counts.set("states", states);
    counts.set("each", lines);
    counts.keep();
}

#[test]
fn a_rule_switched_off_is_missed() {
    run("search-rules-off", ROWS, soak().is_some());
}

/// Every rule has a row of its own.
#[test]
fn no_rule_is_left_out() {
    for rule in Rule::ALL {
        assert!(ROWS.iter().any(|row| row.off == [*rule]), "{rule:?} is not switched off alone");
    }
}
