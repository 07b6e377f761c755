//! What this machine's journals know that a look before a run must know too.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{Journals, ended};
use crate::error::Error;
use crate::evidence::{State, Summary};
use crate::preflight::{OtherUse, Wanted};
use crate::rotation::names::{KeyId, RunId, TargetId};
use crate::run::Run;
use crate::runbook::{Runbook, Vault};

/// What is asked of a look at `runbook`, given the journals here.
pub(super) fn wanted(
    journals: &Journals,
    runbook: &Runbook,
    old_key: Option<KeyId>,
    shared_key_ok: bool,
) -> Result<Wanted, Error> {
    let runs = journals.every()?;
    let run = |r: &Run| r.start.plan.run.clone();
    let of_target = |r: &&Run| r.start.plan.target == runbook.target();
    let unfinished = runs.iter().filter(of_target).rfind(|r| !ended(r)).map(run);
    let known_runs: BTreeMap<RunId, bool> = runs.iter().map(|r| (run(r), ended(r))).collect();
    // oldest first: of each target the newest run stays
    let others = runs.iter().filter(|r| !of_target(r) && r.start.runbook.client_id == runbook.client_id);
    let newest: BTreeMap<TargetId, &Run> = others.map(|r| (r.start.plan.target, r)).collect();
    let other_uses = newest.into_values().filter_map(|r| other_use(r, runbook)).collect();
    Ok(Wanted { old_key, if_expires_within: None, shared_key_ok, waived: &[], known_runs, unfinished, other_uses })
}

/// What a run of another target may have left in vaults that `runbook` does not write.
fn other_use(run: &Run, runbook: &Runbook) -> Option<OtherUse> {
    let written = |v: &Vault| runbook.vaults.iter().any(|w| w.url == v.url && w.secret == v.secret);
    let others = run.start.runbook.vaults.iter().filter(|v| !written(v));
    let places: Vec<String> = others.map(|v| format!("{} in {}", v.secret, v.url.host())).collect();
    let summary = Summary::of(run, None);
    let keys = match summary.state {
        State::Completed => [summary.new_key_id, None],
        State::RolledBack => [None, summary.old_key_id],
        State::Waiting | State::Interrupted | State::NeedsOperator | State::Abandoned => {
            [summary.new_key_id, summary.old_key_id]
        }
    };
    let key_ids: BTreeSet<KeyId> = keys.into_iter().flatten().collect();
    let (run, runbook_file) = (run.start.plan.run.clone(), run.start.runbook_file.clone());
    (!places.is_empty()).then_some(OtherUse { run, runbook_file, key_ids, places })
}
