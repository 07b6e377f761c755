//! `adopt`: the journal of a run is lost; rebuild it from tags and versions.

use std::path::Path;

use super::connect::connect;
use super::context::{self, Context};
use super::output::{Done, note, note_sandbox};
use super::rotate::begin;
use super::runs::Journals;
use super::session::{LOOKING, lock, target_locks};
use super::signals::Signals;
use crate::clock::ServiceClock;
use crate::error::Error;
use crate::locks::LockName;
use crate::preflight::{self, Preflight};
use crate::rotation::names::{KeyId, RunId};
use crate::run::Start;

pub(super) async fn adopt(context: &Context, file: &Path, old_key: Option<KeyId>) -> Result<Done, Error> {
    let runbook = context::runbook(file)?;
    note_sandbox(context, &runbook);
    let journals = Journals::at(context.journals(Some((file, &runbook))));
    if let Some(run) = journals.unfinished(Some(runbook.target()))?.last() {
        return Err(Error::Unfinished { run: run.start.plan.run.clone() });
    }
    let signals = Signals::listen();
    let _locks = lock(context, &target_locks(&runbook), None)?;
    let clock = ServiceClock::default();
    let connected = connect(context, &runbook, false).await?;
    let look = Preflight { services: &connected.services, clock: &clock, stop: &signals, patience: LOOKING };
    let ended: Vec<RunId> = journals.known()?.into_keys().collect();
    let ready = preflight::adopt(&look, &runbook, old_key, &ended).await?;
    ready.warnings.iter().for_each(|w| note(context, w));
    let run = ready.plan.run.clone();
    let _run_lock = lock(context, &[LockName::Run(run.clone())], Some(&run))?;
    let start = Start {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        plan: ready.plan,
        runbook,
        runbook_file: file.display().to_string(),
        application: ready.application,
        by: context.by(connected.actor().await),
        reason: Some("rebuilt from tags and versions".to_owned()),
        ticket: None,
        correlation: Some(context.correlation_key()),
        granted: None,
        rebuilt: true,
    };
    begin(&journals, &start, &clock)?;
    let told = journals.read(&run)?;
    Ok(Done::of_run(&journals, &told).and_well())
}
