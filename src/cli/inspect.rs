//! Commands that only look: `status`, `evidence`, `journal verify`, `runbook check`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::ReportFormat;
use super::context::{self, Context};
use super::output::Done;
use super::runs::{self, Journals};
use crate::driver::marker::heard;
use crate::error::{Error, exit};
use crate::evidence::Report;
use crate::hold::{self, Mark};
use crate::journal::{self, Listed};
use crate::rotation::names::RunId;
use crate::run::{Record, Run};

/// From the journal; with `live` also what a consumer finds now, read with the run's own runbook.
pub(super) async fn status(context: &Context, named: Option<&str>, live: bool) -> Result<Done, Error> {
    let Some(named) = named else { return all(context) };
    let (journals, run) = runs::find(context, named)?;
    let told = journals.read(&run)?;
    let mut done = Done::of_run(&journals, &told).and_well();
    done.lines.extend(not_recorded_yet(&journals, &told)?);
    if live {
        let start = &told.start;
        let seen = super::diagnose::see(context, &start.runbook, &start.runbook_file, &journals).await?;
        done.lines.push("Read just now:".to_owned());
        done.lines.extend(seen.lines.iter().map(|line| format!("  {line}")));
        if let Some(members) = done.json.as_object_mut() {
            members.insert("live".to_owned(), seen.json);
        }
    }
    Ok(done)
}

fn all(context: &Context) -> Result<Done, Error> {
    let journals = Journals::at(context.journals(None));
    let (all, errors) = journals.all()?;
    let objects: Vec<Value> = all.iter().map(|r| Done::of_run(&journals, r).json).collect();
    let mut lines: Vec<String> = all.iter().map(super::output::one_line).collect();
    lines.extend(errors.iter().map(with_advice));
    if lines.is_empty() {
        lines.push(format!("no runs in {}", journals.folder.path().display()));
    }
    let worst = errors.iter().filter(|e| runs::may_be_unfinished(e)).map(Error::exit).max().unwrap_or(exit::DONE);
    let unreadable: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let json = json!({ "schema": "keyrelay.runs/1", "runs": objects, "unreadable": unreadable, "exit": worst });
    Ok(Done { exit: worst, lines, json, stdout: None })
}

/// What was said with `hold` and `release` since the run's last process heard of it.
fn not_recorded_yet(journals: &Journals, run: &Run) -> Result<Vec<String>, Error> {
    if runs::ended(run) {
        return Ok(Vec::new());
    }
    let words = hold::history(journals.folder.path(), &run.start.plan.run)?;
    let told = words.into_iter().skip(heard(run)).map(|word| match word.event {
        Mark::Hold { who, why, until, .. } => {
            let (who, why) = (who.escape_debug(), why.escape_debug());
            format!("Not in the journal yet: {who} holds the old secret until {until}: {why}")
        }
        Mark::Released { who, why, .. } => {
            format!("Not in the journal yet: {} released the run: {}", who.escape_debug(), why.escape_debug())
        }
    });
    Ok(told.collect())
}

pub(super) fn report(context: &Context, named: &str, format: ReportFormat) -> Result<Done, Error> {
    let (journals, run) = runs::find(context, named)?;
    let told = journals.read(&run)?;
    let report = Report::of(&told);
    let text = match format {
        ReportFormat::Md => report.to_markdown(),
        ReportFormat::Html => report.to_html(),
        ReportFormat::Json => report.to_json(),
    };
    Ok(Done { exit: exit::DONE, lines: Vec::new(), json: Value::Null, stdout: Some(text) })
}

pub(super) fn verify(context: &Context, named: Option<&str>) -> Result<Done, Error> {
    let (journals, wanted) = match named {
        Some(named) => {
            let (journals, run) = runs::find(context, named)?;
            (journals, Some(run))
        }
        None => (Journals::at(context.journals(None)), None),
    };
    let (mut lines, mut worst, mut objects) = (Vec::new(), exit::DONE, Vec::new());
    for listed in journal::list(&journals.folder)? {
        let run = match listed {
            Listed::Run(run) => run,
            Listed::Foreign(name) => {
                lines.extend(wanted.is_none().then(|| format!("{name}: not a journal, passed over")));
                continue;
            }
        };
        if wanted.as_ref().is_some_and(|w| *w != run) {
            continue;
        }
        let (line, object, code) = verify_one(&journals, &run);
        lines.push(line);
        objects.push(object);
        worst = worst.max(code);
    }
    let json = json!({ "schema": "keyrelay.verify/1", "journals": objects, "exit": worst });
    Ok(Done { exit: worst, lines, json, stdout: None })
}

fn verify_one(journals: &Journals, run: &RunId) -> (String, Value, u8) {
    let verified = journal::verify::<Record>(&journals.folder, run).map_err(Error::from);
    match verified.and_then(|v| journals.read(run).map(|_| v)) {
        Ok(v) => {
            let torn =
                if v.torn_bytes > 0 { format!(", and a torn last line of {} bytes", v.torn_bytes) } else { String::new() };
            let line = format!("{run}: whole, {} records, head {}{torn}", v.records, v.head);
            let head = v.head.to_string();
            (
                line,
                json!({ "run": run, "whole": true, "records": v.records, "head": head, "torn_bytes": v.torn_bytes }),
                exit::DONE,
            )
        }
        Err(e) => (with_advice(&e), json!({ "run": run, "whole": false, "error": e.to_string() }), e.exit()),
    }
}

/// One journal among others that cannot be used, and what to do about it.
fn with_advice(error: &Error) -> String {
    let advice = error.advice().map(|advice| format!("\n  next: {advice}")).unwrap_or_default();
    format!("{error}{advice}")
}

pub(super) fn check(files: &[PathBuf]) -> Result<Done, Error> {
    let (mut lines, mut objects, mut worst) = (Vec::new(), Vec::new(), exit::DONE);
    for file in files {
        match context::runbook(file) {
            Ok(runbook) => {
                lines.push(format!("{}: a lawful runbook", file.display()));
                let fields = runbook.describe();
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                lines.extend(fields.iter().map(|(name, value)| format!("  {name:width$}  {value}")));
                objects
                    .push(json!({ "file": file.display().to_string(), "ok": true, "sha256": runbook.sha256.to_string() }));
            }
            Err(e) => {
                lines.push(e.to_string());
                objects.push(json!({ "file": file.display().to_string(), "ok": false, "error": e.to_string() }));
                worst = worst.max(e.exit());
            }
        }
    }
    let json = json!({ "schema": "keyrelay.check/1", "files": objects, "exit": worst });
    Ok(Done { exit: worst, lines, json, stdout: None })
}
