//! `leak identify` and `leak who`: which secret leaked, who has used it, what they could do. Both only look.
#![allow(clippy::disallowed_methods)] // lists the folder of runbooks that was named

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::connect::connect;
use super::context::{self, Context};
use super::leaked_value;
use super::output::{Done, note, note_sandbox};
use super::runs::Journals;
use super::signals::Signals;
use crate::clock::{Clock, ServiceClock};
use crate::diagnose::History;
use crate::driver::Patience;
use crate::driver::patience::patiently;
use crate::error::{Error, exit};
use crate::leak::identify::of_key_id;
use crate::leak::{Asked, Asker, Identified, Standing, identify, reach, tell};
use crate::ports::{Directory, Inspect, SignIns};
use crate::rotation::names::KeyId;
use crate::run::Run;
use crate::runbook::Runbook;
use crate::secret::given::{Form, Given};
use crate::usage::{self, Circumstances, OwnSignIns, Question};

/// Somebody is waiting for the answer.
const BRIEF: Patience = Patience { limit: SignedDuration::from_secs(20), not_found: SignedDuration::ZERO };

/// Reading a long log is worth being throttled for.
const LONG: Patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::ZERO };

#[derive(Debug, Subcommand)]
pub(super) enum LeakCommand {
    /// Say which secret a leaked value is; changes nothing. The value is asked for without echo, or read from stdin
    #[command(after_help = "Examples: keyrelay leak identify runbooks/first-rotation.md\n          \
        keyrelay leak identify runbooks/first-rotation.md --search runbooks < value.txt\n\n\
        The value is never an argument or a variable: both are seen by others. Exits with 0 if one secret was found, else with 50.")]
    Identify(Identify),
    /// Say who has signed in with a secret, and what it could do; changes nothing
    #[command(
        after_help = "Example: keyrelay leak who runbooks/first-rotation.md --since 2026-11-20T08:00:00Z --key-id KEY_ID\n\n\
        Exits with 0 if it is known who, with 50 if that cannot be known."
    )]
    Who(Who),
}

#[derive(Debug, Args)]
pub(super) struct Identify {
    /// Of whose application it may be
    runbook: PathBuf,
    /// Ask for the applications of all runbooks in this folder, too
    #[arg(long, value_name = "FOLDER")]
    search: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Who {
    /// Whose application
    runbook: PathBuf,
    /// Which secret
    #[arg(long, value_name = "KEY_ID")]
    key_id: KeyId,
    /// From when on, with zone, such as 2026-11-20T08:00:00Z; all that the log has kept if it is not said
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

/// A moment with its zone. Without one nobody knows which moment is meant.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let expected = "expected a date and time with zone, such as 2026-11-20T08:00:00Z or 2026-11-20T09:00:00+01:00";
    let zoned = |text: &str| text.parse::<jiff::Zoned>().map(|z| z.timestamp());
    match text.trim() {
        t if t.contains('[') => zoned(t).map_err(|_| expected.to_owned()),
        t => t.parse().map_err(|_| match t.parse::<jiff::civil::DateTime>() {
            Ok(_) => format!("it has no zone: {expected}"),
            Err(_) => expected.to_owned(),
        }),
    }
}

pub(super) async fn leak(context: &Context, command: &LeakCommand) -> Result<Done, Error> {
    match command {
        LeakCommand::Identify(args) => identify_value(context, args).await,
        LeakCommand::Who(args) => who(context, args).await,
    }
}

/// By what our own sign-ins are known, and what else the runbook says about the application's.
pub(super) fn circumstances(context: &Context, runbook: &Runbook, runs: &[Run]) -> Circumstances {
    let of_runs = runs.iter().filter_map(|r| r.start.correlation);
    Circumstances {
        log_delay: SignedDuration::try_from(runbook.drain.log_delay.get()).unwrap_or(SignedDuration::MAX),
        networks: runbook.expected_networks.clone(),
        own: OwnSignIns::of(std::iter::once(context.correlation_key()).chain(of_runs)),
    }
}

async fn who(context: &Context, args: &Who) -> Result<Done, Error> {
    let runbook = context::runbook(&args.runbook)?;
    note_sandbox(context, &runbook);
    let journals = Journals::at(context.journals(Some((&args.runbook, &runbook))));
    let (runs, _) = journals.all()?;
    let (signals, clock) = (Signals::listen(), ServiceClock::default());
    let services = connect(context, &runbook, false).await?.services;
    let application = patiently(&clock, &signals, BRIEF, |_| (), async || services.application().await).await;
    let name = application.map_or_else(|_| "?".to_owned(), |(a, _)| a.display_name.escape_debug().to_string());
    let Some(now) = clock.now() else { return Err(crate::driver::DriverError::NoServiceTime.into()) };
    if let Some(since) = args.since.filter(|since| *since > now) {
        let what = format!("{since} is in the future: it is {now} to the services");
        return Err(Error::Usage { what, advice: "name a time that is past; mind the zone".to_owned() });
    }
    // a minute less, so that all that was kept is not called forgotten while it is read
    let kept = usage::RETENTION.saturating_sub(SignedDuration::from_mins(60));
    let since = args.since.unwrap_or_else(|| now.checked_sub(kept).unwrap_or(Timestamp::MIN));
    let by = circumstances(context, &runbook, &runs);
    let question = Question { key_id: args.key_id, since, by: &by };
    let used = usage::read(&services, &clock, &signals, LONG, &question).await;
    let last = services.last_sign_in(args.key_id).await.map(|(at, _)| at);
    let granted = patiently(&clock, &signals, BRIEF, |_| (), async || services.granted_permissions().await).await;
    let permissions = granted.map(|(g, _)| reach::reach(&g)).map_err(|(refusal, _)| refusal);
    let mut lines = vec![format!("application {name} ({})", runbook.client_id)];
    lines.extend(usage::tell::lines(&used));
    if let Ok(Some(last)) = last {
        lines.push(format!("  the report of credential activity, which lags, says that it was last used at {last}"));
    }
    match &permissions {
        Ok(permissions) => lines.extend(reach::lines(permissions)),
        Err(refusal) => lines.push(format!("what it could do could not be read: {refusal}")),
    }
    let exit = if used.unknown.is_none() { exit::DONE } else { exit::REFUSED };
    let json = json!({
        "schema": "keyrelay.leak-who/1",
        "exit": exit,
        "application": { "client_id": runbook.client_id.to_string(), "display_name": name },
        "sign_ins": usage::tell::json(&used),
        "last_activity": last.ok().flatten(),
        "permissions": permissions.as_ref().ok(),
        "permissions_unread": permissions.as_ref().err().map(ToString::to_string),
        "sandbox": runbook.cloud.is_sandbox(),
    });
    Ok(Done { exit, lines, json, stdout: None })
}

/// One runbook that is asked.
struct Book {
    file: PathBuf,
    runbook: Runbook,
}

async fn identify_value(context: &Context, args: &Identify) -> Result<Done, Error> {
    let first = Book { file: args.runbook.clone(), runbook: context::runbook(&args.runbook)? };
    note_sandbox(context, &first.runbook);
    let (others, mut passed_over) = match &args.search {
        Some(folder) => others(folder, &first.runbook)?,
        None => (Vec::new(), Vec::new()),
    };
    let given = leaked_value::ask(context, first.runbook.client_id)?;
    given.cut_off.iter().for_each(|what| note(context, &format!("{what} was cut off")));
    let signals = Signals::listen();
    let found = look(context, &signals, &first, &given, Asked::First).await?;
    if !matches!(found.standing, Standing::NotFound | Standing::CannotTell) || others.is_empty() {
        return Ok(done(&first, &found, &given, None, &passed_over));
    }
    for book in &others {
        let here = match look(context, &signals, book, &given, Asked::AmongOthers).await {
            Ok(here) => here,
            Err(e) => {
                passed_over.push(format!("{}: {e}", book.file.display()));
                continue;
            }
        };
        if !matches!(here.standing, Standing::NotFound | Standing::CannotTell) {
            return Ok(done(book, &here, &given, Some(&first), &passed_over));
        }
        if here.standing == Standing::CannotTell {
            passed_over.push(format!("{}: it could not be told", book.file.display()));
        }
    }
    Ok(done(&first, &found, &given, Some(&first), &passed_over))
}

/// The runbooks of a folder, one for each application other than `first`'s; and the files that are left out, with why.
fn others(folder: &Path, first: &Runbook) -> Result<(Vec<Book>, Vec<String>), Error> {
    let cannot = |error| Error::File { what: folder.display().to_string(), error };
    let entries = std::fs::read_dir(folder).map_err(cannot)?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "md" || e == "toml"));
    files.sort();
    let mut seen = BTreeSet::from([(first.tenant.to_string(), first.client_id.to_string())]);
    let (mut books, mut left_out) = (Vec::new(), Vec::new());
    for file in files {
        match context::runbook(&file) {
            // a leaked value is sent to nobody but the cloud that it is said to be of
            Ok(runbook) if runbook.cloud != first.cloud => {
                left_out.push(format!("{}: of another cloud, where the value is not sent", file.display()));
            }
            Ok(runbook) => {
                if seen.insert((runbook.tenant.to_string(), runbook.client_id.to_string())) {
                    books.push(Book { file, runbook });
                }
            }
            Err(_) => left_out.push(format!("{}: not a lawful runbook", file.display())),
        }
    }
    Ok((books, left_out))
}

async fn look(context: &Context, signals: &Signals, book: &Book, given: &Given, asked: Asked) -> Result<Identified, Error> {
    let journals = Journals::at(context.journals(Some((&book.file, &book.runbook))));
    let (runs, _) = journals.all()?;
    let history = History::of(&runs, &book.runbook);
    let clock = ServiceClock::default();
    let services = connect(context, &book.runbook, false).await?.services;
    let vaults = book.runbook.vaults.len();
    let (services, clock) = (&services, &clock);
    let asker = Asker { services, clock, stop: signals, patience: BRIEF, vaults, history: &history };
    if let Form::KeyId(key_id) = given.form {
        let evidence = asker.look(&given.value, Asked::AmongOthers).await;
        return Ok(of_key_id(key_id, &evidence));
    }
    let evidence = asker.look(&given.value, asked).await;
    let found = identify(&evidence, &history);
    // another application's vaults are not searched: the first look has said that it is not its secret
    if asked == Asked::AmongOthers && found.standing == Standing::NotFound || !found.wants_versions() {
        return Ok(found);
    }
    let evidence = asker.search_versions(&given.value, evidence).await;
    Ok(identify(&evidence, &history))
}

/// `instead_of` is the runbook that was named, if others were asked too.
fn done(book: &Book, found: &Identified, given: &Given, instead_of: Option<&Book>, passed_over: &[String]) -> Done {
    let file = book.file.display().to_string();
    let elsewhere = instead_of.filter(|first| first.file != book.file);
    let mut told = tell::tell(found, given.form, &file, instead_of.is_some());
    let client_id = book.runbook.client_id.to_string();
    told.next.iter_mut().for_each(|next| *next = next.replace("CLIENT_ID", &client_id));
    let mut lines = Vec::new();
    if elsewhere.is_some() {
        lines.push(format!("It is ANOTHER APPLICATION'S: {client_id}, of the runbook {file}"));
    }
    lines.push(told.what.clone());
    lines.extend(tell::candidates(found));
    lines.push(format!("  now: {}", told.now));
    lines.extend(found.unlisted.iter().map(|refusal| format!("  the application's secrets could not be listed: {refusal}")));
    lines.extend(told.next.iter().map(|next| format!("  next: {next}")));
    lines.extend(passed_over.iter().map(|file| format!("  not asked: {file}")));
    lines.push("nothing was changed, and the value was kept nowhere".to_owned());
    let one = found.key_id.is_some() && found.standing != Standing::CannotTell;
    let exit = if one { exit::DONE } else { exit::REFUSED };
    let mut json = tell::json(found, &told);
    if let Value::Object(members) = &mut json {
        let more = json!({
            "schema": "keyrelay.leak/1",
            "exit": exit,
            "runbook": file,
            "application": { "client_id": client_id },
            "another_application": elsewhere.is_some(),
            "cut_off": given.cut_off,
            "not_asked": passed_over,
            "sandbox": book.runbook.cloud.is_sandbox(),
        });
        if let Value::Object(more) = more {
            members.extend(more);
        }
    }
    Done { exit, lines, json, stdout: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_zone() {
        let utc: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
        for text in
            ["2026-11-20T08:00:00Z", " 2026-11-20 08:00:00Z", "2026-11-20T09:00:00+01:00", "2026-11-20T09:00[Europe/Berlin]"]
        {
            assert_eq!(moment(text), Ok(utc), "{text}");
        }
        assert!(moment("2026-11-20T08:00:00").unwrap_err().starts_with("it has no zone"));
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "24h"] {
            assert!(moment(text).unwrap_err().starts_with("expected a date"), "{text}");
        }
    }
}
