//! `plan`: what is there, what would happen, and whether it may. Read only; `rotate` looks at the same first.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::connect::{SignsIn, connect};
use super::context::{self, Context};
use super::output::Done;
use super::runs::Journals;
use super::signals::Signals;
use super::wanted::wanted;
use crate::clock::ServiceClock;
use crate::driver::Patience;
use crate::error::{Error, exit};
use crate::ports::{Identity, IdentityKind};
use crate::preflight::{Found, Looked, Preflight, Verdict};
use crate::rotation::Plan;
use crate::rotation::names::{KeyId, RunId};
use crate::rotation::plan::Baseline;
use crate::runbook::Runbook;

/// Somebody waits for the answer: what does not answer is told sooner than a run would give up.
const LOOKING: Patience = Patience { limit: SignedDuration::from_secs(30), not_found: SignedDuration::ZERO };

pub(super) async fn plan(
    context: &Context,
    file: &Path,
    old_key: Option<KeyId>,
    shared_key_ok: bool,
) -> Result<Done, Error> {
    let runbook = context::runbook(file)?;
    let journals = Journals::at(context.journals(Some((file, &runbook))));
    let wanted = wanted(&journals, &runbook, old_key, shared_key_ok)?;
    let (signals, clock) = (Signals::listen(), ServiceClock::default());
    let connected = connect(context, &runbook, true).await?;
    let look = Preflight { services: &connected.services, clock: &clock, stop: &signals, patience: LOOKING };
    let looked = look.look(&runbook, |at| RunId::new(at, 0), &wanted).await;
    Ok(told(&runbook, &looked, &connected.actor().await, &connected.auth))
}

fn told(runbook: &Runbook, looked: &Looked, actor: &str, auth: &SignsIn) -> Done {
    let plan = match &looked.found {
        Ok(Found::Due(ready)) => Some(&ready.plan),
        // NotDue cannot be: nothing was said of an end date
        Ok(Found::NotDue { .. }) | Err(_) => None,
    };
    let exit = if plan.is_some() { exit::DONE } else { exit::REFUSED };
    let json = json!({
        "schema": "keyrelay.plan/1",
        "exit": exit,
        "may_run": plan.is_some(),
        "application": looked.application,
        "identity": looked.identity.as_ref().map(identity_json),
        "acting_as": actor,
        "auth": { "kind": auth.kind, "why": auth.why },
        "baseline": plan.map(|p| p.baseline),
        "checks": looked.checks,
        "sandbox": runbook.cloud.is_sandbox(),
    });
    Done { exit, lines: lines(runbook, looked, plan, &format!("{actor}: {}", auth.why)), json, stdout: None }
}

fn lines(runbook: &Runbook, looked: &Looked, plan: Option<&Plan>, actor: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if runbook.cloud.is_sandbox() {
        lines.push("SANDBOX: no real tenant is looked at.".to_owned());
    }
    let name = looked.application.as_ref().map_or_else(String::new, |a| format!(" {}", a.display_name.escape_debug()));
    lines.push(format!("application{name} ({})", runbook.client_id.get()));
    lines.push(format!("acting as {actor}"));
    for check in &looked.checks {
        lines.push(format!("  {:<8} {:<17} {}", check.verdict.as_str(), check.check, check.sentence()));
        lines.extend(check.mend.iter().map(|mend| format!("{:28}next: {mend}", "")));
    }
    let count = |v: Verdict| looked.checks.iter().filter(|c| c.verdict == v).count();
    let others = format!("{} warnings, {} unknown", count(Verdict::Warning), count(Verdict::Unknown));
    match plan {
        Some(plan) => {
            lines.push(replaces(plan.baseline));
            let vault = |v: &crate::runbook::Vault| format!("  a new version of {} in {}", v.secret, v.url.host());
            lines.extend(runbook.vaults.iter().map(vault));
            let (window, overlap) = (runbook.proof.window, runbook.overlap);
            lines.push(format!("proof window {window}, overlap {overlap}, settle {}", runbook.settle));
            lines.push(format!("may run: yes ({others})"));
        }
        None => lines.push(format!("may run: no ({} refused, {others})", count(Verdict::Refused))),
    }
    lines.push("nothing was changed".to_owned());
    lines
}

fn replaces(baseline: Baseline) -> String {
    match baseline {
        Baseline::None => "a first secret would be added: the vaults hold none".to_owned(),
        Baseline::Alive { key_id } => format!("key ID {key_id} would be replaced: it is in the vaults and signs in"),
        Baseline::Dead { key_id: Some(key_id), removable } => {
            let removed = if removable { "removed" } else { "left where it is" };
            format!("a repair: key ID {key_id} does not sign in; it would be {removed}")
        }
        Baseline::Dead { key_id: None, .. } => {
            "a repair: what the vaults hold does not sign in and belongs to no known key ID".to_owned()
        }
    }
}

fn identity_json(identity: &Identity) -> Value {
    let kind = match identity.kind {
        IdentityKind::Application => "application",
        IdentityKind::User => "user",
    };
    json!({
        "kind": kind,
        "object_id": identity.object_id,
        "client_id": identity.client_id,
        "tenant": identity.tenant,
        "roles": identity.roles,
        "scopes": identity.scopes,
    })
}
