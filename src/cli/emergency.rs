//! `rotate --emergency` and `revoke`: a secret has leaked.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::pin::pin;

use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use super::connect::connect;
use super::context::{self, Context};
use super::leak::circumstances;
use super::output::{Done, note, note_sandbox, say};
use super::rotate::{Why, begin, start};
use super::runs::Journals;
use super::session::{Begin, LOOKING, Said, Session, finish, lock, target_locks};
use super::signals::Signals;
use super::wanted::wanted;
use super::{Leak, Revoke, Rotate, Stay, leaked_value};
use crate::clock::{Clock, ServiceClock};
use crate::driver::Stop;
use crate::error::Error;
use crate::locks::LockName;
use crate::ports::{Inspect, Read, Services};
use crate::preflight::emergency::{Declared, Usage, waived};
use crate::preflight::{Check, Found, Preflight, Ready, Verdict, Wanted};
use crate::rotation::Rotation;
use crate::rotation::names::{KeyId, RunId};
use crate::rotation::plan::Way;
use crate::run::{GrantedThen, Run, Start};
use crate::runbook::Runbook;
use crate::usage::{self, Circumstances, Idleness, Question};

/// How long an answer that only the report wants may take.
const FOR_THE_REPORT: SignedDuration = SignedDuration::from_secs(5);

/// What was typed, for either command.
struct Order<'a> {
    file: &'a Path,
    way: Way,
    leak: &'a Leak,
    stay: Stay,
    accept_outage: &'a [String],
    outage_accepted: bool,
    old_key: Option<KeyId>,
    shared_key_ok: bool,
    yes: bool,
    why: Why<'a>,
}

pub(super) async fn rotate(context: &Context, args: &Rotate) -> Result<Done, Error> {
    let order = Order {
        file: &args.runbook,
        way: if args.revoke_first { Way::RevokeFirst } else { Way::Replace },
        leak: &args.leak,
        stay: args.stay,
        accept_outage: &args.accept_outage,
        outage_accepted: args.revoke_first,
        old_key: args.old_key,
        shared_key_ok: args.shared_key_ok,
        yes: args.yes,
        why: Why { reason: args.reason.as_deref(), ticket: args.ticket.as_deref() },
    };
    answer(context, order).await
}

pub(super) async fn revoke(context: &Context, args: &Revoke) -> Result<Done, Error> {
    let order = Order {
        file: &args.runbook,
        way: Way::RevokeOnly,
        leak: &args.leak,
        stay: args.stay,
        accept_outage: &[],
        outage_accepted: args.accept_outage,
        old_key: args.old_key,
        shared_key_ok: true,
        yes: true,
        why: Why { reason: args.reason.as_deref(), ticket: args.ticket.as_deref() },
    };
    answer(context, order).await
}

async fn answer(context: &Context, order: Order<'_>) -> Result<Done, Error> {
    let clock = ServiceClock::default();
    let typed_at = clock.local();
    if order.leak.key_id.is_none() && !order.leak.leaked_from_stdin {
        return Err(misuse("which secret has leaked was not said", "name it: --key-id KEY_ID, or --leaked-from-stdin"));
    }
    may_confirm(&order)?;
    let leaked = order.leak.leaked_from_stdin.then(leaked_value::from_stdin).transpose()?;
    let runbook = context::runbook(order.file)?;
    note_sandbox(context, &runbook);
    let accepted = places(&runbook, order.accept_outage)?;
    let journals = Journals::at(context.journals(Some((order.file, &runbook))));
    let signals = Signals::listen();
    if let Some(unfinished) = journals.unfinished(Some(runbook.target()))?.last() {
        return Err(under_way(unfinished));
    }
    let locks = lock(context, &target_locks(&runbook), None)?;
    let connected = connect(context, &runbook, true).await?;
    let look = Preflight { services: &connected.services, clock: &clock, stop: &signals, patience: LOOKING };
    let wanted = wanted(&journals, &runbook, order.old_key, order.shared_key_ok)?;
    let wanted = Wanted { waived: waived(order.way), ..wanted };
    let run_id = |at| RunId::new(at, context::random());
    // side by side: the report wants to know what the application could do, and the leaked secret lives on meanwhile
    let (looked, granted) =
        tokio::join!(look.look(&runbook, run_id, &wanted), for_the_report(&clock, connected.services.granted_permissions()));
    let warnings = looked.checks.iter().filter(|c| c.verdict == Verdict::Warning).map(Check::sentence);
    warnings.for_each(|w| note(context, &format!("warning: {w}")));
    if order.way == Way::Replace && runbook.consumers.is_empty() {
        let whom = "warning: the runbook names no consumer, so nobody is told and nobody is waited for: who has read the leaked \
                    value and does not read again is cut off";
        note(context, whom);
    }
    let ready = match looked.found? {
        Found::Due(ready) => *ready,
        // cannot be: nothing was said of an end date
        Found::NotDue { .. } => return Err(misuse("the run is not due", "leave --if-expires-within out")),
    };
    let circumstances = circumstances(context, &runbook, &journals.all()?.0);
    let declared = Declared {
        file: &order.file.display().to_string(),
        way: order.way,
        key_id: order.leak.key_id,
        value: leaked.as_ref(),
        exposed_at: order.leak.exposed_at,
        accepted,
        outage_accepted: order.outage_accepted,
        disable_versions: order.leak.disable_old_version,
        ago: clock.local().duration_since(typed_at).max(SignedDuration::ZERO),
        other_uses: &wanted.other_uses,
    };
    let usage = async |key_id| used(&connected.services, &look, &runbook, key_id, &circumstances).await;
    let ready = look.declare(&runbook, ready, &declared, usage).await?;
    confirmed(&order, &ready)?;
    let run = ready.plan.run.clone();
    let run_lock = lock(context, &[LockName::Run(run.clone())], Some(&run))?;
    let start = start(context, order.file, order.why, runbook, ready, connected.actor().await);
    let granted = Some(granted.map_or_else(GrantedThen::Unread, GrantedThen::Read));
    let start = Start { granted, ..start };
    let (journal, rotation) = begin(&journals, &start, &clock)?;
    // somebody waits for this one, unless they say that they do not
    let stay_for = order.stay.how_long(true);
    let locks = vec![locks, run_lock];
    let session = Session { context, journals: &journals, clock: &clock, signals: &signals, locks, stay_for, circumstances };
    let ended = session.drive(&connected, &start, journal, rotation, 0, Begin::Start { leaked }).await?;
    finish(&journals, &run, ended, order.stay.waiting_ok)
}

/// Asked once and not for long: the leaked secret lives while nothing but this is waited for.
async fn for_the_report<T>(clock: &impl Clock, asked: impl Future<Output = Read<T>>) -> Result<T, String> {
    match select(pin!(asked), pin!(clock.sleep(FOR_THE_REPORT))).await {
        Either::Left((Ok((answer, _)), _)) => Ok(answer),
        Either::Left((Err((refusal, _)), _)) => Err(refusal.to_string()),
        Either::Right(_) => Err(format!("no answer within {} s", FOR_THE_REPORT.as_secs())),
    }
}

/// Whether anybody has signed in with the leaked credential of late, as the sign-in records tell.
async fn used<S: Services, C: Clock, P: Stop>(
    services: &S,
    look: &Preflight<'_, S, C, P>,
    runbook: &Runbook,
    key_id: KeyId,
    by: &Circumstances,
) -> Usage {
    let Some(now) = look.clock.now() else { return Usage::CannotKnow("no service has told the time".to_owned()) };
    let idle = SignedDuration::try_from(runbook.drain.idle.get()).unwrap_or(SignedDuration::MAX);
    let since = now.checked_sub(by.log_delay.saturating_add(idle)).unwrap_or(Timestamp::MIN);
    let question = Question { key_id, since, by };
    let read = usage::read(services, look.clock, look.stop, look.patience, &question).await;
    match read.idleness(by.log_delay, idle) {
        Idleness::Idle => Usage::Idle,
        Idleness::InUse { .. } => Usage::InUse(usage::tell::lines(&read).join("; ")),
        Idleness::CannotKnow(why) => Usage::CannotKnow(why.sentence()),
    }
}

fn misuse(what: &str, advice: &str) -> Error {
    Error::Usage { what: what.to_owned(), advice: advice.to_owned() }
}

/// The places of consumers in the runbook, by their names, which are told apart without case.
fn places(runbook: &Runbook, names: &[String]) -> Result<BTreeSet<usize>, Error> {
    let place = |name: &String| {
        let named = |c: &crate::runbook::Consumer| c.name.as_str().eq_ignore_ascii_case(name.trim());
        runbook.consumers.iter().position(named).ok_or_else(|| {
            let known: Vec<&str> = runbook.consumers.iter().map(|c| c.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            misuse("--accept-outage names no consumer of the runbook", &format!("the runbook's consumers: {known}"))
        })
    };
    names.iter().map(place).collect()
}

/// A run of the same target that is under way is not pushed aside: which of the two is to go on is for a person to say.
fn under_way(unfinished: &Run) -> Error {
    let run = &unfinished.start.plan.run;
    if unfinished.rotation.leaked().is_some() {
        let what = format!("run {run} answers a leak of the same target already, and is unfinished");
        return Error::NotOpen { what, advice: format!("go on with it: keyrelay resume {run}") };
    }
    let replaced = unfinished.rotation.key_id(0).map_or_else(String::new, |k| format!(" and replaces key ID {k}"));
    let what = format!("run {run} of the same target is unfinished{replaced}");
    let advice = format!(
        "if it may go on as planned: keyrelay resume {run}; if not, close it as it stands and type this command again: keyrelay \
         abandon {run} --reason leak"
    );
    Error::NotOpen { what, advice }
}

/// Whether somebody can confirm what is about to be asked.
fn may_confirm(order: &Order<'_>) -> Result<(), Error> {
    let asks = order.way == Way::RevokeFirst && !order.yes;
    if asks && (!std::io::stdin().is_terminal() || order.leak.leaked_from_stdin) {
        let what = "--revoke-first cuts every consumer off until there is a new secret, and nobody is here to confirm it";
        return Err(misuse(what, "on a terminal type the application's name when you are asked; in a pipeline: --yes"));
    }
    Ok(())
}

fn confirmed(order: &Order<'_>, ready: &Ready) -> Result<(), Error> {
    if order.way != Way::RevokeFirst {
        return Ok(());
    }
    say(
        "--revoke-first: the leaked secret is removed NOW. Everything that signs in with it fails until the new one is in the vaults \
         and has been read.",
    );
    if order.yes {
        return Ok(());
    }
    let name = &ready.application.display_name;
    say(&format!("To go on, type the name of the application, {}:", name.escape_debug()));
    let mut typed = String::new();
    let read = std::io::stdin().read_line(&mut typed).map_err(|error| Error::File { what: "stdin".to_owned(), error });
    read?;
    if typed.trim() == name.trim() {
        return Ok(());
    }
    let what = "the name was not typed: nothing was changed".to_owned();
    Err(Error::NotOpen { what, advice: "without an outage: leave --revoke-first out".to_owned() })
}

/// What a person says when an emergency is resumed, held against what it was started with: the consumers whose outage is accepted.
pub(super) fn resumable(start: &Start, rotation: &Rotation, said: &Said) -> Result<Vec<usize>, Error> {
    let emergency = rotation.plan().emergency.as_ref();
    let run = &start.plan.run;
    if let Some(value) = &said.leaked {
        match emergency.map(|e| e.check) {
            None => return Err(misuse(&format!("run {run} answers no leak"), "leave --leaked-from-stdin out")),
            Some(None) => {
                let what = format!("run {run} was begun without the value, so whether this is it cannot be told");
                return Err(misuse(
                    &what,
                    "leave --leaked-from-stdin out: it is read from its old version, where there is one",
                ));
            }
            Some(Some(check)) if value.check(run.as_str()) != check => {
                let what = format!("the value on stdin is not the one that run {run} was begun with");
                return Err(misuse(&what, "give the leaked value, or leave --leaked-from-stdin out"));
            }
            Some(Some(_)) => {}
        }
    }
    if said.accept_outage.is_empty() {
        return Ok(Vec::new());
    }
    if rotation.back() || emergency.is_none_or(|e| e.way != Way::Replace) {
        return Err(misuse(
            &format!("run {run} waits for no consumer to leave a leaked secret"),
            "leave --accept-outage out",
        ));
    }
    Ok(places(&start.runbook, &said.accept_outage)?.into_iter().collect())
}

/// `--exposed-at`: a time with its zone.
pub(super) fn with_zone(text: &str) -> Result<Timestamp, String> {
    let expected = "expected a time with its zone, such as 2026-11-21T03:06:00Z or 2026-11-21T04:06:00+01:00";
    text.parse().map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::sandbox::in_process::timeline::Timeline;

    #[test]
    fn what_only_the_report_wants_holds_nothing_up() {
        let begun = "2026-11-21T03:00:00Z".parse().unwrap();
        let time = Timeline::new(begun);
        let silence = std::future::pending::<Read<()>>();
        let answer = time.run(for_the_report(&time, silence), &RefCell::default());
        assert_eq!(answer, Err("no answer within 5 s".to_owned()));
        assert_eq!(time.now().duration_since(begun), SignedDuration::from_secs(5));
    }
}
