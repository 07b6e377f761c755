//! `diagnose`: why does the application fail to get tokens? Read only.

use std::path::Path;

use serde_json::json;

use super::connect::connect;
use super::context::{self, Context};
use super::output::Done;
use super::runs::Journals;
use super::signals::Signals;
use crate::clock::ServiceClock;
use crate::diagnose::{self, Diagnosis, History, Verdict};
use crate::driver::Patience;
use crate::error::{Error, exit};

/// Somebody is waiting for the answer.
const BRIEF: Patience = Patience { limit: jiff::SignedDuration::from_secs(20), not_found: jiff::SignedDuration::ZERO };

pub(super) async fn diagnose(context: &Context, file: &Path) -> Result<Done, Error> {
    let runbook = context::runbook(file)?;
    let journals = Journals::at(context.journals(Some((file, &runbook))));
    let (runs, unreadable) = journals.all()?;
    let (signals, clock) = (Signals::listen(), ServiceClock::default());
    let connected = connect(context, &runbook, false).await?;
    let facts = diagnose::look(&connected.services, &runbook, &clock, &signals, BRIEF).await;
    let history = History::of(&runs, &runbook);
    let diagnosis = Diagnosis::of(&runbook, &file.display().to_string(), &facts, &history);
    let mut lines = Vec::new();
    if runbook.cloud.is_sandbox() {
        lines.push("SANDBOX: no real tenant is looked at.".to_owned());
    }
    let name = facts.application.as_ref().map_or_else(|_| "?".to_owned(), |a| a.display_name.escape_debug().to_string());
    lines.push(format!("application {name} ({}), seen by {}", runbook.client_id, connected.identity));
    lines.extend(unreadable.iter().map(|e| format!("a journal was left out: {e}")));
    lines.extend(diagnosis.lines());
    let exit = match diagnosis.verdict {
        Verdict::SignsIn => exit::DONE,
        Verdict::Fails | Verdict::CannotTell => exit::REFUSED,
    };
    let unreadable: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
    let json = json!({
        "schema": "keyrelay.diagnose/1",
        "exit": exit,
        "verdict": diagnosis.verdict,
        "application": { "client_id": runbook.client_id.to_string(), "display_name": name },
        "identity": connected.identity,
        "vaults": diagnosis.vaults,
        "findings": diagnosis.findings,
        "unreadable": unreadable,
        "sandbox": runbook.cloud.is_sandbox(),
    });
    Ok(Done { exit, lines, json, stdout: None })
}
