//! `rotate`: start a run, or for a schedule go on with the one that is unfinished.

use std::path::Path;

use super::connect::connect;
use super::context::{self, Context};
use super::leak::circumstances;
use super::output::{Done, note, note_sandbox};
use super::runs::Journals;
use super::session::{Begin, LOOKING, Said, Session, finish, lock, target_locks};
use super::signals::Signals;
use super::wanted::wanted;
use super::{Rotate, emergency, resume};
use crate::clock::{Clock, ServiceClock};
use crate::error::{Error, exit};
use crate::journal::Journal;
use crate::locks::LockName;
use crate::preflight::{Check, Found, Preflight, Ready, Verdict, Wanted};
use crate::rotation::Rotation;
use crate::rotation::names::RunId;
use crate::run::{Record, Start};
use crate::runbook::Runbook;

pub(super) async fn rotate(context: &Context, args: &Rotate) -> Result<Done, Error> {
    if args.emergency {
        return emergency::rotate(context, args).await;
    }
    if args.leak.says_something() {
        let what = "a secret that has leaked is replaced in an emergency".to_owned();
        return Err(Error::Usage { what, advice: "add --emergency".to_owned() });
    }
    let runbook = context::runbook(&args.runbook)?;
    note_sandbox(context, &runbook);
    let journals = Journals::at(context.journals(Some((&args.runbook, &runbook))));
    let signals = Signals::listen();
    let stay_for = args.stay.how_long(context.terminal.redraws);
    let unfinished = journals.unfinished(Some(runbook.target()))?;
    if let Some(run) = unfinished.last().map(|r| r.start.plan.run.clone()) {
        if args.if_expires_within.is_none() {
            return Err(Error::Unfinished { run });
        }
        note(context, &format!("run {run} is unfinished: going on with it"));
        return resume::one(
            context,
            &journals,
            &run,
            &signals,
            stay_for,
            args.stay.waiting_ok,
            Begin::Resume(Said::default()),
        )
        .await;
    }
    let locks = lock(context, &target_locks(&runbook), None)?;
    let clock = ServiceClock::default();
    let connected = connect(context, &runbook, true).await?;
    let look = Preflight { services: &connected.services, clock: &clock, stop: &signals, patience: LOOKING };
    let wanted = wanted(&journals, &runbook, args.old_key, args.shared_key_ok)?;
    let wanted = Wanted { if_expires_within: args.if_expires_within, ..wanted };
    let looked = look.look(&runbook, |at| RunId::new(at, context::random()), &wanted).await;
    let tell = |v: Verdict| looked.checks.iter().filter(move |c| c.verdict == v).map(Check::sentence);
    tell(Verdict::Warning).for_each(|w| note(context, &format!("warning: {w}")));
    let ready = match looked.found? {
        Found::NotDue { ends } => {
            // not due, and there is time to mend what would be in the way
            tell(Verdict::Refused).for_each(|w| note(context, &format!("warning: a run would be refused: {w}")));
            return Ok(not_due(&runbook, ends));
        }
        Found::Due(ready) => *ready,
    };
    let run = ready.plan.run.clone();
    let run_lock = lock(context, &[LockName::Run(run.clone())], Some(&run))?;
    let why = Why { reason: args.reason.as_deref(), ticket: args.ticket.as_deref() };
    let start = start(context, &args.runbook, why, runbook, ready, connected.actor().await);
    let (journal, rotation) = begin(&journals, &start, &clock)?;
    let circumstances = circumstances(context, &start.runbook, &journals.all()?.0);
    let locks = vec![locks, run_lock];
    let session = Session { context, journals: &journals, clock: &clock, signals: &signals, locks, stay_for, circumstances };
    let ended = session.drive(&connected, &start, journal, rotation, 0, Begin::Start { leaked: None }).await?;
    finish(&journals, &run, ended, args.stay.waiting_ok)
}

/// Why a run is started, as given.
#[derive(Clone, Copy)]
pub(super) struct Why<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) ticket: Option<&'a str>,
}

pub(super) fn start(
    context: &Context,
    file: &Path,
    why: Why<'_>,
    runbook: Runbook,
    ready: Ready,
    identity: String,
) -> Start {
    Start {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        plan: ready.plan,
        runbook,
        runbook_file: file.display().to_string(),
        application: ready.application,
        by: context.by(identity),
        reason: why.reason.map(str::to_owned),
        ticket: why.ticket.map(str::to_owned),
        correlation: Some(context.correlation_key()),
        granted: None,
        rebuilt: false,
    }
}

/// The start record is on disk before anything else happens.
pub(super) fn begin(
    journals: &Journals,
    start: &Start,
    clock: &ServiceClock,
) -> Result<(Journal<Record, crate::journal::file::FileLog>, Rotation), Error> {
    let at = clock.now().ok_or(crate::preflight::Refused::NoServiceTime)?;
    let world = start.runbook.cloud.is_sandbox().then_some("sandbox");
    let first = Record::Started(Box::new(start.clone()));
    let journal = Journal::create_in(&journals.folder, world, &start.plan.run, &first, Some(at), clock.local())?;
    Ok((journal, Rotation::new(start.plan.clone().into(), at)))
}

fn not_due(runbook: &Runbook, ends: jiff::Timestamp) -> Done {
    let vaults: Vec<&str> = runbook.vaults.iter().map(|v| v.url.host()).collect();
    let line = format!("not due: the secret in {} ends at {ends}; nothing was changed", vaults.join(", "));
    let json =
        serde_json::json!({ "schema": "keyrelay.not-due/1", "state": "not_due", "exit": exit::DONE, "expires": ends });
    Done { exit: exit::DONE, lines: vec![line], json, stdout: None }
}
