//! `rollback`: the way back, where it is open.

use super::Rollback;
use super::context::Context;
use super::output::Done;
use super::session::Begin;
use super::signals::Signals;
use super::{resume, runs};
use crate::error::Error;
use crate::run::Run;

pub(super) async fn rollback(context: &Context, args: &Rollback) -> Result<Done, Error> {
    let (journals, run) = runs::find(context, &args.run)?;
    let signals = Signals::listen();
    let stay_for = args.stay.how_long(context.terminal.redraws);
    let begin = Begin::Rollback { reason: args.reason.clone(), restore_leaked: args.restore_leaked };
    resume::one(context, &journals, &run, &signals, stay_for, args.stay.waiting_ok, begin).await
}

/// Whether the journal alone closes the way back.
pub(super) fn may_be_open(told: &Run, restore_leaked: bool) -> Result<(), Error> {
    let (run, rotation) = (&told.start.plan.run, &told.rotation);
    let go_on = format!("go on: keyrelay resume {run}");
    let closed = |what: String, advice: String| Err(Error::NotOpen { what, advice });
    if runs::ended(told) {
        let what = format!("run {run} has ended and cannot be rolled back");
        closed(what, "start a new run: keyrelay rotate RUNBOOK".to_owned())
    } else if rotation.past_return() {
        let what = format!("run {run} is past the point of no return: the removal of the old secret was begun");
        closed(what, go_on)
    } else if !rotation.may_go_back() && !rotation.back() {
        let what = format!("run {run} is a repair and its value may have been read: there is no living old value");
        closed(what, go_on)
    } else if rotation.rollback_restores_leaked() && rotation.may_go_back() && !restore_leaked {
        let what = format!("run {run} replaces a leaked secret: a rollback would put it back into the vaults, alive");
        let advice = format!("{go_on}; to put the leaked value back all the same: keyrelay rollback {run} --restore-leaked");
        closed(what, advice)
    } else {
        Ok(())
    }
}
