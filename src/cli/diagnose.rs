//! `diagnose`: why does the application fail to get tokens? Read only.

use std::path::Path;

use serde_json::{Value, json};

use super::connect::connect;
use super::context::{self, Context};
use super::output::Done;
use super::runs::Journals;
use super::signals::Signals;
use crate::clock::ServiceClock;
use crate::diagnose::{self, Diagnosis, History, Verdict};
use crate::driver::Patience;
use crate::error::{Error, exit};
use crate::runbook::Runbook;

/// Somebody is waiting for the answer.
const BRIEF: Patience = Patience { limit: jiff::SignedDuration::from_secs(20), not_found: jiff::SignedDuration::ZERO };

/// What is there now, and what is wrong with it.
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) lines: Vec<String>,
    /// `verdict, application{}, identity, vaults[], findings[], unreadable[]`.
    pub(super) json: Value,
}

/// Reads what `runbook` is about as a consumer does. `file` is what its advice calls the runbook.
pub(super) async fn see(context: &Context, runbook: &Runbook, file: &str, journals: &Journals) -> Result<Seen, Error> {
    let (runs, unreadable) = journals.all()?;
    let (signals, clock) = (Signals::listen(), ServiceClock::default());
    let connected = connect(context, runbook, false).await?;
    let facts = diagnose::look(&connected.services, runbook, &clock, &signals, BRIEF).await;
    let history = History::of(&runs, runbook);
    let diagnosis = Diagnosis::of(runbook, file, &facts, &history);
    let name = facts.application.as_ref().map_or_else(|_| "?".to_owned(), |a| a.display_name.escape_debug().to_string());
    let mut lines = vec![format!("application {name} ({}), seen by {}", runbook.client_id, connected.identity)];
    lines.extend(unreadable.iter().map(|e| format!("a journal was left out: {e}")));
    lines.extend(diagnosis.lines());
    let unreadable: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
    let json = json!({
        "verdict": diagnosis.verdict,
        "application": { "client_id": runbook.client_id.to_string(), "display_name": name },
        "identity": connected.identity,
        "vaults": diagnosis.vaults,
        "findings": diagnosis.findings,
        "unreadable": unreadable,
    });
    Ok(Seen { verdict: diagnosis.verdict, lines, json })
}

pub(super) async fn diagnose(context: &Context, file: &Path) -> Result<Done, Error> {
    let runbook = context::runbook(file)?;
    let journals = Journals::at(context.journals(Some((file, &runbook))));
    let Seen { verdict, mut lines, mut json } = see(context, &runbook, &file.display().to_string(), &journals).await?;
    if runbook.cloud.is_sandbox() {
        lines.insert(0, "SANDBOX: no real tenant is looked at.".to_owned());
    }
    let exit = match verdict {
        Verdict::SignsIn => exit::DONE,
        Verdict::Fails | Verdict::CannotTell => exit::REFUSED,
    };
    let about =
        [("schema", json!("keyrelay.diagnose/1")), ("exit", json!(exit)), ("sandbox", json!(runbook.cloud.is_sandbox()))];
    if let Some(members) = json.as_object_mut() {
        members.extend(about.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(Done { exit, lines, json, stdout: None })
}
