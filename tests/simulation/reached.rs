//! That the suites came by everything there is: what is only hoped to be tried is not tried.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keyrelay::driver::CrashPoint;
use keyrelay::error::exit;
use keyrelay::rotation::End;
use serde_json::json;

use crate::crashes::{crashes, points};
use crate::faults::faults;
use crate::reasons::{ALL, reasons};
use crate::reliability::Counts;
use crate::scenes::thorough;
use crate::seeds::seeds;
use crate::steps::disabled_in_one_vault;
use crate::world::reached::Reached;

/// What each phase is told while it does its work. What a person says (hold, release, rollback, abandon) is the same in every phase;
/// `tests/rotation_events.rs` says it to every state.
const TOLD: &[(&str, &[&str])] = &[
    ("add", &["credentials listed", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"]),
    ("prove", &["signed in", "resumed"]),
    (
        "publish",
        &["credentials listed", "vault read", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"],
    ),
    (
        "look for tag",
        &[
            "credentials listed",
            "versions listed",
            "vault read",
            "intended",
            "applied",
            "not applied",
            "in doubt",
            "read refused",
            "resumed",
        ],
    ),
    ("reconcile", &["credentials listed", "versions listed", "vault read", "read refused", "resumed"]),
    (
        "make room",
        &[
            "credentials listed",
            "versions listed",
            "vault read",
            "intended",
            "applied",
            "not applied",
            "in doubt",
            "read refused",
            "resumed",
        ],
    ),
    ("align", &["vault read", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"]),
    ("smoke", &["vault read", "read refused", "resumed"]),
    ("consumers", &["consumer refreshed", "consumer checked", "resumed"]),
    ("consumers back", &["consumer refreshed", "resumed"]),
    ("confirm", &["vault read", "read refused", "resumed"]),
    ("confirm back", &["vault read", "read refused", "resumed"]),
    ("wait", &["usage read", "credentials listed", "vault read", "read refused", "resumed"]),
    ("wait back", &["credentials listed", "vault read", "read refused", "resumed"]),
    ("adoption", &["consumer checked", "resumed"]),
    ("adoption back", &["consumer checked", "resumed"]),
    (
        "delete",
        &[
            "credentials listed",
            "vault read",
            "intended",
            "applied",
            "not applied",
            "in doubt",
            "read refused",
            "resumed",
            "gave up",
        ],
    ),
    (
        "delete back",
        &["credentials listed", "vault read", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"],
    ),
    (
        "withdraw",
        &[
            "credentials listed",
            "versions listed",
            "intended",
            "applied",
            "not applied",
            "in doubt",
            "read refused",
            "resumed",
        ],
    ),
    (
        "restore",
        &["vault read", "baseline proven", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"],
    ),
    (
        "revoke",
        &["credentials listed", "vault read", "intended", "applied", "not applied", "in doubt", "read refused", "resumed"],
    ),
    ("dying", &["leaked tried", "leaked missing", "usage read", "resumed"]),
    ("needs operator", &["resumed", "abandoned"]),
];

/// The arms of recovery: how a run that does not go as planned gets from one phase to another.
const ARMS: &[(&str, &str, &str)] = &[
    // a new process, the value gone
    ("prove", "resumed", "add"),
    ("publish", "resumed", "add"),
    ("publish", "resumed", "reconcile"),
    ("look for tag", "resumed", "reconcile"),
    ("delete", "resumed", "adoption"),
    // a person has looked
    ("needs operator", "resumed", "add"),
    ("needs operator", "resumed", "reconcile"),
    ("needs operator", "resumed", "make room"),
    ("needs operator", "resumed", "smoke"),
    ("needs operator", "resumed", "consumers"),
    ("needs operator", "resumed", "confirm"),
    ("needs operator", "resumed", "wait"),
    ("needs operator", "resumed", "adoption"),
    ("needs operator", "resumed", "delete"),
    ("needs operator", "resumed", "withdraw"),
    ("needs operator", "resumed", "restore"),
    ("needs operator", "rollback requested", "restore"),
    // a write in doubt
    ("publish", "in doubt", "look for tag"),
    ("look for tag", "vault read", "smoke"),
    ("look for tag", "applied", "smoke"),
    // what the cloud shows
    ("reconcile", "vault read", "add"),
    ("reconcile", "vault read", "align"),
    ("smoke", "vault read", "reconcile"),
    ("confirm", "vault read", "reconcile"),
    ("wait", "vault read", "confirm"),
    // no room
    ("add", "credentials listed", "make room"),
    ("add", "not applied", "make room"),
    ("make room", "vault read", "add"),
    // back, and not back after all
    ("add", "read refused", "withdraw"),
    ("prove", "signed in", "withdraw"),
    ("publish", "not applied", "withdraw"),
    ("wait", "rollback requested", "restore"),
    ("withdraw", "versions listed", "ended"),
    ("restore", "vault read", "consumers back"),
    // a leak
    ("revoke", "applied", "add"),
    ("revoke", "applied", "dying"),
    ("delete", "applied", "dying"),
    ("delete", "vault read", "dying"),
    ("dying", "usage read", "delete"),
    ("dying", "usage read", "revoke"),
];

/// Each exit code, and the test of the binary that sees it.
const EXIT_CODES: [(u8, &str, &str); 8] = [
    (exit::DONE, "plan_checks/command.rs", "a_plan_that_may_run_exits_with_0"),
    (exit::USAGE, "plan_checks/command.rs", "a_runbook_with_a_mistake_is_refused_before_anything_is_asked"),
    (exit::ROLLED_BACK, "binary_runs/way_back.rs", "a_rollback_during_the_overlap_puts_the_old_value_back"),
    (exit::WAITING, "binary_runs/canary.rs", "a_rolled_back_run_leaks_nothing"),
    (exit::INTERRUPTED, "binary_runs/signals.rs", "the_first_signal_stops_at_a_checkpoint_and_the_run_is_resumed"),
    (exit::NEEDS_OPERATOR, "binary_runs/people.rs", "a_vault_that_is_edited_during_the_overlap_stops_the_run"),
    (exit::HELD, "binary_runs/people.rs", "a_second_writer_is_kept_out"),
    (exit::REFUSED, "plan_checks/command.rs", "a_plan_that_may_not_run_says_all_and_exits_with_50_as_rotate_does"),
];

#[test]
fn everything_was_reached() {
    let mut all = Reached::default();
    for suite in [crashes(), points(), faults(), seeds(), reasons()] {
        all.join(suite);
    }
    all.join(&disabled_in_one_vault().reached.borrow());
    let mut missing = Vec::new();
    let points = CrashPoint::all();
    let unkilled = points.iter().map(CrashPoint::to_string).filter(|p| !all.kills.contains(p));
    missing.extend(unkilled.map(|p| format!("no kill at {p}")));
    missing.extend(ALL.iter().filter(|r| !all.reasons.contains(*r)).map(|r| format!("no run stopped with {r}")));
    let ends = [End::Completed, End::RolledBack, End::Abandoned];
    missing.extend(ends.iter().filter(|e| !all.ends.contains(e)).map(|e| format!("no run ended {e:?}")));
    missing.extend(EXIT_CODES.iter().filter_map(|(code, file, name)| unseen(*code, file, name)));
    let told: BTreeSet<(&str, &str)> = TOLD.iter().flat_map(|(p, events)| events.iter().map(move |e| (*p, *e))).collect();
    let untold: Vec<_> = told.difference(&all.events).collect();
    let arms: BTreeSet<_> = ARMS.iter().copied().collect();
    let unturned: Vec<_> = arms.difference(&all.turns).collect();
    println!(
        "not told in this run: {untold:?}\nnot turned in this run: {unturned:?}\nturned besides: {:?}",
        all.turns.difference(&arms)
    );
    if thorough() {
        // a debug build tries a part of everything, so it comes by a part
        missing.extend(untold.iter().map(|(phase, event)| format!("{phase} was never told \"{event}\"")));
        missing.extend(unturned.iter().map(|(from, event, to)| format!("never from {from} to {to} on \"{event}\"")));
    }
    // the tables above are whole: what is reached and not in them would be missed if it were reached no more
    let words = ["hold set", "released", "rollback requested", "abandoned"];
    let known: BTreeMap<&str, &[&str]> = TOLD.iter().copied().collect();
    let strange = all
        .events
        .iter()
        .filter(|(phase, event)| !words.contains(event) && !known.get(phase).is_some_and(|events| events.contains(event)));
    missing.extend(strange.map(|(phase, event)| format!("the table does not know that {phase} is told \"{event}\"")));
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let mut counts = Counts::new("reached", json!({}));
    counts.set("phases with what they are told", format!("{} of {}", told.len() - untold.len(), told.len()));
    counts.set("arms of recovery", format!("{} of {}", arms.len() - unturned.len(), arms.len()));
    counts.set("crash points", format!("{0} of {0}", points.len()));
    counts.set("reasons to stop", format!("{0} of {0}", ALL.len()));
    counts.set("exit codes", format!("{0} of {0}", EXIT_CODES.len()));
    counts.keep();
}

/// Whether the test that sees an exit code is gone.
fn unseen(code: u8, file: &str, name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let there = text.contains(&format!("fn {name}("));
    (!there).then(|| format!("exit code {code}: tests/{file} has no {name} any more"))
}
