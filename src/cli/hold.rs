//! `hold`, `release` and `abandon`: what a person says of a run. The first two never write the journal of a run that another
//! process may own: they leave a marker beside it, which the writer reads before every removal.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::output::{Done, note_sandbox};
use super::runs::{self, ended};
use super::session::lock;
use crate::clock::{Clock, ServiceClock};
use crate::error::{Error, exit};
use crate::hold::{self, Mark};
use crate::journal::Journal;
use crate::locks::LockName;
use crate::rotation::Event;
use crate::rotation::names::RunId;
use crate::run::{Record, Run};

pub(super) fn hold(context: &Context, named: &str, how_long: SignedDuration, reason: &str) -> Result<Done, Error> {
    let (journals, run) = runs::find(context, named)?;
    let told = journals.read(&run)?;
    note_sandbox(context, &told.start.runbook);
    not_too_late(&told)?;
    let (since, local) = service_time(&told);
    let until = since.checked_add(how_long).unwrap_or(Timestamp::MAX);
    let mark = Mark::Hold { who: who(context), why: reason.to_owned(), since, until };
    hold::add(journals.folder.path(), &run, &mark, local)?;
    // the removal may have been intended while the marker was written
    not_too_late(&journals.read(&run)?)?;
    Ok(said(&run, "held", format!("run {run} keeps the old secret alive until {until}")))
}

pub(super) fn release(context: &Context, named: &str, reason: &str) -> Result<Done, Error> {
    let (journals, run) = runs::find(context, named)?;
    let told = journals.read(&run)?;
    note_sandbox(context, &told.start.runbook);
    not_too_late(&told)?;
    let (at, local) = service_time(&told);
    let mark = Mark::Released { who: who(context), why: reason.to_owned(), at };
    hold::add(journals.folder.path(), &run, &mark, local)?;
    Ok(said(
        &run,
        "released",
        format!("run {run} may remove the old secret when its overlap is over: keyrelay resume {run}"),
    ))
}

pub(super) fn abandon(context: &Context, named: &str, reason: &str) -> Result<Done, Error> {
    let (journals, run) = runs::find(context, named)?;
    let _lock = lock(context, &[LockName::Run(run.clone())], Some(&run))?;
    let (mut journal, records) = Journal::<Record, _>::open(&journals.folder, &run)?;
    let told = Run::replay(records).map_err(|why| Error::NotARun { run: run.clone(), why })?;
    note_sandbox(context, &told.start.runbook);
    if ended(&told) {
        let what = format!("run {run} has ended: there is nothing to abandon");
        return Err(Error::NotOpen { what, advice: format!("keyrelay status {run}") });
    }
    let (at, local) = service_time(&told);
    let event = Event::Abandoned { by: who(context), reason: reason.to_owned() };
    told.rotation.apply(at, &event).map_err(crate::driver::DriverError::from)?;
    journal.append(Some(at), local, &Record::Event(event))?;
    Ok(Done::of_run(&journals, &journals.read(&run)?).and_well())
}

fn who(context: &Context) -> String {
    let by = context.by(String::new());
    format!("{}@{}", by.user, by.host)
}

/// Service time as the journal and the machine's clock tell it: the last record's, and what has passed locally since. Offline,
/// and right as long as the local clock was not set in between.
fn service_time(run: &Run) -> (Timestamp, Timestamp) {
    let local = ServiceClock::default().local();
    let last = run.records.last();
    let passed = last.map_or(SignedDuration::ZERO, |r| local.duration_since(r.local).max(SignedDuration::ZERO));
    let at = run.last_at().and_then(|at| at.checked_add(passed).ok());
    (at.unwrap_or(local), local)
}

fn not_too_late(run: &Run) -> Result<(), Error> {
    let id = &run.start.plan.run;
    if !ended(run) && !run.rotation.past_return() {
        return Ok(());
    }
    let what = format!("too late: the removal of the old secret by run {id} was begun, or the run has ended");
    Err(Error::NotOpen { what, advice: format!("keyrelay status {id}") })
}

fn said(run: &RunId, what: &str, line: String) -> Done {
    let json = serde_json::json!({ "schema": "keyrelay.said/1", "run": run, "state": what, "exit": exit::DONE });
    Done { exit: exit::DONE, lines: vec![line], json, stdout: None }
}
