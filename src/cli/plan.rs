//! `plan`: what is there and what would happen. Read only; `rotate` looks at the same first.

use std::path::Path;

use serde_json::json;

use super::connect::{SignsIn, connect};
use super::context::{self, Context};
use super::output::Done;
use super::runs::Journals;
use super::session::LOOKING;
use super::signals::Signals;
use crate::clock::ServiceClock;
use crate::error::{Error, exit};
use crate::preflight::{Found, Preflight, Ready, Wanted};
use crate::rotation::names::{KeyId, RunId};
use crate::rotation::plan::Baseline;
use crate::runbook::Runbook;

pub(super) async fn plan(context: &Context, file: &Path, old_key: Option<KeyId>) -> Result<Done, Error> {
    let runbook = context::runbook(file)?;
    let journals = Journals::at(context.journals(Some((file, &runbook))));
    if let Some(run) = journals.unfinished(Some(runbook.target()))?.last() {
        return Err(Error::Unfinished { run: run.start.plan.run.clone() });
    }
    let (signals, clock) = (Signals::listen(), ServiceClock::default());
    let connected = connect(context, &runbook, true).await?;
    let look = Preflight { services: &connected.services, clock: &clock, stop: &signals, patience: LOOKING };
    let wanted = Wanted { old_key, if_expires_within: None, known_runs: journals.known()? };
    match look.look(&runbook, |at| RunId::new(at, 0), &wanted).await? {
        Found::Due(ready) => Ok(told(&runbook, &ready, &connected.actor().await, &connected.auth)),
        // cannot be: nothing was said of an end date
        Found::NotDue { ends } => {
            Ok(Done { exit: exit::DONE, lines: Vec::new(), json: json!({ "expires": ends }), stdout: None })
        }
    }
}

fn told(runbook: &Runbook, ready: &Ready, identity: &str, auth: &SignsIn) -> Done {
    let (plan, application) = (&ready.plan, &ready.application);
    let replaces = match plan.baseline {
        Baseline::None => "a first secret would be added: the vaults hold none".to_owned(),
        Baseline::Alive { key_id } => format!("key ID {key_id} would be replaced: it is in the vaults and signs in"),
        Baseline::Dead { key_id: Some(key_id), removable } => {
            let removed = if removable { "removed" } else { "left where it is" };
            format!("a repair: key ID {key_id} does not sign in; it would be {removed}")
        }
        Baseline::Dead { key_id: None, .. } => {
            "a repair: what the vaults hold does not sign in and belongs to no known key ID".to_owned()
        }
    };
    let mut lines = Vec::new();
    if runbook.cloud.is_sandbox() {
        lines.push("SANDBOX: no real tenant is looked at.".to_owned());
    }
    lines.push(format!("application {} ({})", application.display_name.escape_debug(), application.client_id));
    lines.push(format!("acting as {identity}: {}", auth.why));
    lines.push(replaces);
    let vault = |v: &crate::runbook::Vault| format!("  a new version of {} in {}", v.secret, v.url.host());
    lines.extend(runbook.vaults.iter().map(vault));
    let (window, overlap) = (runbook.proof.window, runbook.overlap);
    lines.push(format!("proof window {window}, overlap {overlap}, settle {}", runbook.settle));
    lines.extend(ready.warnings.iter().map(|w| format!("warning: {w}")));
    lines.push("nothing was changed".to_owned());
    let json = json!({
        "schema": "keyrelay.plan/1",
        "exit": exit::DONE,
        "application": application,
        "identity": identity,
        "auth": { "kind": auth.kind, "why": auth.why },
        "baseline": plan.baseline,
        "warnings": ready.warnings,
        "sandbox": runbook.cloud.is_sandbox(),
    });
    Done { exit: exit::DONE, lines, json, stdout: None }
}
