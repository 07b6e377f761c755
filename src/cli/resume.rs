//! `resume`: go on from the journal.

use std::io::IsTerminal;

use jiff::SignedDuration;

use super::connect::connect;
use super::context::Context;
use super::leak::circumstances;
use super::output::{Done, note, note_sandbox};
use super::runs::{self, Journals, ended};
use super::session::{Begin, Said, Session, finish, lock, target_locks};
use super::signals::Signals;
use super::{Resume, leaked_value, rollback};
use crate::clock::ServiceClock;
use crate::driver::marker::heard;
use crate::error::{Error, exit};
use crate::journal::Journal;
use crate::locks::LockName;
use crate::rotation::names::RunId;
use crate::rotation::plan::Emergency;
use crate::run::{Record, Run};

pub(super) async fn resume(context: &Context, args: &Resume) -> Result<Done, Error> {
    let signals = Signals::listen();
    let stay_for = args.stay.how_long(context.terminal.redraws);
    let waiting_ok = args.stay.waiting_ok;
    let said = || -> Result<Said, Error> {
        let leaked = args.leaked_from_stdin.then(leaked_value::from_stdin).transpose()?;
        Ok(Said { leaked, accept_outage: args.accept_outage.clone() })
    };
    if let Some(named) = &args.run {
        let (journals, run) = runs::find(context, named)?;
        return one(context, &journals, &run, &signals, stay_for, waiting_ok, Begin::Resume(said()?)).await;
    }
    let journals = Journals::at(context.journals(None));
    let (runs, errors) = journals.all()?;
    let mut unreadable = errors.into_iter().filter(runs::may_be_unfinished).peekable();
    if let Some(error) = unreadable.next_if(|_| !args.all) {
        return Err(error);
    }
    let unfinished: Vec<RunId> = runs.into_iter().filter(|r| !ended(r)).map(|r| r.start.plan.run).collect();
    match unfinished.as_slice() {
        [] if unreadable.peek().is_some() => Ok(Done::of_many(unreadable.map(|e| Done::of_error(&e, None)).collect())),
        [] => {
            let json = serde_json::json!({ "schema": "keyrelay.runs/1", "runs": [], "exit": exit::DONE });
            Ok(Done { exit: exit::DONE, lines: vec!["nothing to resume".to_owned()], json, stdout: None })
        }
        [run] if !args.all => one(context, &journals, run, &signals, stay_for, waiting_ok, Begin::Resume(said()?)).await,
        several if !args.all => Err(Error::WhichRun {
            what: "several runs are unfinished".to_owned(),
            runs: several.iter().map(ToString::to_string).collect(),
        }),
        all => {
            let mut done = Vec::new();
            for run in all {
                let begin = Begin::Resume(Said::default());
                let one = one(context, &journals, run, &signals, stay_for, waiting_ok, begin).await;
                done.push(one.unwrap_or_else(|e| Done::of_error(&e, Some(run))));
            }
            done.extend(unreadable.map(|e| Done::of_error(&e, None)));
            Ok(Done::of_many(done))
        }
    }
}

/// Takes one run over and drives it.
pub(super) async fn one(
    context: &Context,
    journals: &Journals,
    run: &RunId,
    signals: &Signals,
    stay_for: SignedDuration,
    waiting_ok: bool,
    begin: Begin,
) -> Result<Done, Error> {
    let told = journals.read(run)?;
    note_sandbox(context, &told.start.runbook);
    if let Begin::Rollback { restore_leaked, .. } = &begin {
        rollback::may_be_open(&told, *restore_leaked)?;
    }
    let nothing_to_do = |told: &Run| {
        note(context, &format!("run {run} has ended: nothing to do"));
        Ok(Done::of_run(journals, told).and_well())
    };
    if ended(&told) {
        return nothing_to_do(&told);
    }
    let begin = match begin {
        Begin::Resume(said) if said.leaked.is_none() && may_be_asked_for(&told) => {
            Begin::Resume(Said { leaked: leaked_value::once_more(run)?, ..said })
        }
        as_it_is @ (Begin::Resume(_) | Begin::Start { .. } | Begin::Rollback { .. }) => as_it_is,
    };
    let mut names = target_locks(&told.start.runbook);
    names.push(LockName::Run(run.clone()));
    let locks = vec![lock(context, &names, Some(run))?];
    // Only now is it sure that nobody else writes it.
    let (journal, records) = Journal::<Record, _>::open(&journals.folder, run)?;
    if journal.dropped_bytes() > 0 {
        note(
            context,
            "the journal's last line was torn: it was dropped, and what it would have said is found out by reading",
        );
    }
    let told = Run::replay(records).map_err(|why| Error::NotARun { run: run.clone(), why })?;
    if ended(&told) {
        return nothing_to_do(&told); // by the process that had the locks before us
    }
    let connected = connect(context, &told.start.runbook, false).await?.known_by(told.start.correlation);
    let clock = ServiceClock::going_on_from(told.last_at());
    let circumstances = circumstances(context, &told.start.runbook, &journals.all()?.0);
    let session = Session { context, journals, clock: &clock, signals, locks, stay_for, circumstances };
    let (words, rotation) = (heard(&told), told.rotation.clone());
    let ended = session.drive(&connected, &told.start, journal, rotation, words, begin).await?;
    finish(journals, run, ended, waiting_ok)
}

/// Whether the leaked value is wanted that the run was begun with, nothing else holds it, and somebody is here to be asked.
fn may_be_asked_for(told: &Run) -> bool {
    let wanted = |e: &Emergency| e.check.is_some() && e.versions.is_empty();
    let emergency = told.start.plan.emergency.as_ref();
    emergency.is_some_and(wanted) && told.rotation.death().is_none() && std::io::stdin().is_terminal()
}
