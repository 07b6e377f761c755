//! What people decide matters: the same scenario, other commands.

use keyrelay::drill::Voice;

use crate::{played, shipped};

/// Nobody holds the old secret: the export, which reads once a day, is out from the removal until it reads again.
#[test]
fn a_day_cache_that_nobody_cares_for_is_an_outage() {
    let played = played(&shipped("day-cache"), &["wait", "resume"]);
    let export = played.debrief.consumers.iter().find(|c| c.name == "nightly-export").unwrap();
    // removed soon after 04:03, read again at 02:00 of the next day: not quite 22 hours
    assert!((21 * 3600..22 * 3600).contains(&export.outage_seconds), "{export:?}");
    assert_eq!(export.outages.len(), 1);
    assert!(export.outages[0].to.is_some());
    assert_eq!(played.debrief.consumers.iter().find(|c| c.name == "billing-api").unwrap().outage_seconds, 0);
    assert!(!played.debrief.as_rehearsed && played.debrief.exit == 30);
    assert!(played.debrief.differs[0].contains("0s at most were to be"), "{:?}", played.debrief.differs);
}

#[test]
fn a_run_that_nobody_goes_on_with_is_told() {
    let played = played(&shipped("killed-after-add"), &[]);
    assert_eq!(played.debrief.secrets, 2);
    assert_eq!(played.debrief.old_refused_after_seconds, None);
    let differs = played.debrief.differs.join("; ");
    assert!(differs.contains("to be completed; it is interrupted"), "{differs}");
    assert!(differs.contains("to have 1 secrets in the end; it has 2"), "{differs}");
}

/// A rollback is as good an answer to a vault that forbids, and is told as what it is.
#[test]
fn a_rollback_is_possible() {
    let played = played(&shipped("vault-forbidden"), &["grant", "rollback"]);
    assert_eq!(played.debrief.you.last().unwrap().exit, Some(20));
    let played = played_to_the_end();
    assert_eq!(played.debrief.runs[0].state.name(), "rolled_back");
    assert_eq!((played.debrief.secrets, played.debrief.outage_seconds), (1, 0));
}

fn played_to_the_end() -> crate::Played {
    played(&shipped("vault-forbidden"), &["grant", "rollback", "wait", "resume"])
}

#[test]
fn what_cannot_be_typed_is_answered_and_costs_nothing() {
    let played = played(
        &shipped("killed-after-add"),
        &["frobnicate", "grant", "resume", "wait", "resume", "rollback", "done", "rotate"],
    );
    let said: Vec<&str> = played.heard.iter().filter(|(_, v, _)| *v == Voice::Tool).map(|(_, _, t)| t.as_str()).collect();
    assert!(said.iter().any(|t| t.starts_with("frobnicate is nothing that can be done here: plan, rotate")));
    assert!(said.iter().any(|t| t.contains("error: run") && t.contains("has ended")));
    let typed: Vec<&str> = played.debrief.you.iter().map(|t| t.line.as_str()).collect();
    assert_eq!(typed, ["keyrelay rotate billing.md", "resume", "wait", "resume", "rollback"], "nothing after done");
    assert_eq!(played.debrief.you.last().unwrap().exit, Some(50));
}
