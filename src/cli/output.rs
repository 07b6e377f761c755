//! What a command says: lines for people on stderr, results on stdout, the exit code. The only place that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this is the place

use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use super::context::Context;
use super::progress::Progress;
use super::runs::Journals;
use super::terminal::Terminal;
use super::{Cli, Command, JournalCommand, RunbookCommand};
use crate::driver::{DriverError, Stopped};
use crate::error::{Error, exit};
use crate::evidence::{Report, State, Summary};
use crate::hardening::Unprotected;
use crate::refusals::{Names, Words};
use crate::rotation::names::RunId;
use crate::run::Run;
use crate::runbook::Runbook;

/// What a command has to say when it is done.
pub(super) struct Done {
    /// The exit code.
    pub(super) exit: u8,
    /// For people.
    pub(super) lines: Vec<String>,
    /// For `--json`.
    pub(super) json: Value,
    /// The result itself, where it is not the JSON object.
    pub(super) stdout: Option<String>,
}

/// Parses the command line, does what it says, and returns the exit code. `unprotected` goes to the log.
pub fn main(unprotected: &[Unprotected]) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let (json, quiet) = (cli.global.json, cli.global.quiet);
    let done = run(cli, unprotected).unwrap_or_else(|e| Done::of_error(&e, None));
    if !quiet || done.exit != exit::DONE {
        done.lines.iter().for_each(|line| eprintln!("{line}"));
    }
    match &done.stdout {
        Some(text) => print(text),
        None if json => print(&format!("{}\n", done.json)),
        None => {}
    }
    ExitCode::from(done.exit)
}

/// A closed pipe is the reader's choice, not our failure.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says one line at once.
pub(super) fn say(line: &str) {
    eprintln!("{line}");
}

/// Says one line at once, unless nobody wants to hear it.
pub(super) fn note(context: &Context, line: &str) {
    if !context.global.quiet {
        say(line);
    }
}

/// Says that a sandbox is a sandbox, before anything else is said of it.
pub(super) fn note_sandbox(context: &Context, runbook: &Runbook) {
    if runbook.cloud.is_sandbox() {
        note(context, "SANDBOX: an Entra, Graph and Key Vault of this machine's own; no real tenant is touched");
    }
}

fn run(cli: Cli, unprotected: &[Unprotected]) -> Result<Done, Error> {
    let bad_filter =
        |e: super::logging::BadFilter| Error::Usage { what: e.to_string(), advice: "unset RUST_LOG".to_owned() };
    super::logging::start(cli.global.log_format, Terminal::of_stderr()).map_err(bad_filter)?;
    unprotected.iter().for_each(|measure| tracing::warn!("{measure}"));
    let context = Context::new(cli.global)?;
    let threads = matches!(&cli.command, Command::Sandbox(command) if command.wants_threads());
    let mut builder =
        if threads { tokio::runtime::Builder::new_multi_thread() } else { tokio::runtime::Builder::new_current_thread() };
    let runtime =
        builder.enable_all().build().map_err(|error| Error::File { what: "the system's event queue".into(), error })?;
    let done = runtime.block_on(command(&context, cli.command));
    // what still hangs in a name lookup must not hold the exit up
    runtime.shutdown_background();
    done
}

async fn command(context: &Context, command: Command) -> Result<Done, Error> {
    match command {
        Command::Plan { runbook, old_key, shared_key_ok } => {
            super::plan::plan(context, &runbook, old_key, shared_key_ok).await
        }
        Command::Diagnose { runbook } => super::diagnose::diagnose(context, &runbook).await,
        Command::Leak(command) => super::leak::leak(context, &command).await,
        Command::Rotate(args) => super::rotate::rotate(context, &args).await,
        Command::Revoke(args) => super::emergency::revoke(context, &args).await,
        Command::Resume(args) => super::resume::resume(context, &args).await,
        Command::Rollback(args) => super::rollback::rollback(context, &args).await,
        Command::Status { run, live } => super::inspect::status(context, run.as_deref(), live).await,
        Command::Hold { run, how_long, reason } => super::hold::hold(context, &run, how_long, &reason),
        Command::Release { run, reason } => super::hold::release(context, &run, &reason),
        Command::Abandon { run, reason } => super::hold::abandon(context, &run, &reason),
        Command::Adopt { runbook, old_key } => super::adopt::adopt(context, &runbook, old_key).await,
        Command::Evidence { run, format } => super::inspect::report(context, &run, format),
        Command::Journal(JournalCommand::Verify { run }) => super::inspect::verify(context, run.as_deref()),
        Command::Runbook(RunbookCommand::Check { files }) => super::inspect::check(&files),
        Command::Drill(args) => super::drill::drill(context, &args),
        Command::Sandbox(command) => command.run(context).await,
        Command::Completions { shell } => Ok(super::completions::completions(shell)),
        Command::Man { out } => super::man::man(out.as_deref()),
    }
}

/// Who shows the progress of a run.
pub(super) fn progress(context: &Context, runbook: &Runbook) -> Progress {
    if context.global.quiet {
        Progress::quiet(runbook.clone())
    } else {
        Progress::on_stderr(runbook.clone(), context.terminal)
    }
}

impl Done {
    /// How a run stands, from its journal.
    pub(super) fn of_run(journals: &Journals, run: &Run) -> Done {
        Done::of_summary(Summary::of(run, Some(journals.folder.file(&run.start.plan.run).display().to_string())))
    }

    fn of_summary(summary: Summary) -> Done {
        Done { exit: summary.exit, lines: summary.lines(), json: json!(summary), stdout: None }
    }

    /// The same from a command that only looks, or that has done what it was asked for.
    pub(super) fn and_well(mut self) -> Done {
        self.exit = exit::DONE;
        if let Some(member) = self.json.get_mut("exit") {
            *member = json!(exit::DONE);
        }
        self
    }

    /// How a run stands after a process has driven it: writes the report beside the journal and says where.
    pub(super) fn of_driven(journals: &Journals, run: &Run, ended: &Result<Stopped, DriverError>) -> Done {
        let journal = journals.folder.file(&run.start.plan.run);
        let mut summary = Summary::of(run, Some(journal.display().to_string()));
        let mut more = Vec::new();
        match ended {
            Ok(Stopped::Ended(_) | Stopped::NeedsOperator(_) | Stopped::Waiting { .. }) => {}
            Ok(Stopped::Asked) => summary = summary.as_state(State::Interrupted),
            Ok(Stopped::Unanswered { operation, vault, refusal, trace }) => {
                summary = summary.as_state(State::Interrupted);
                let names = Names::of(&run.start.runbook, *vault).in_file(&run.start.runbook_file);
                let words = Words::of_refusal(*operation, refusal, trace.request_id.as_deref(), &names);
                more.push(format!("error: {}", words.happened));
                more.push(format!("  now: {} The run stays where it is.", words.now));
                more.push(format!("  next: {} Then: keyrelay resume {}", words.next, run.start.plan.run));
            }
            // resuming would only come to the marker again
            Err(DriverError::Hold(e)) => {
                summary = summary.as_state(State::NeedsOperator);
                more.extend([format!("error: {e}"), format!("  next: {}", e.advice())]);
            }
            Err(e) => {
                summary = summary.as_state(State::Interrupted);
                more.push(format!("error: {e}"));
            }
        }
        match super::context::write_report(&journal.with_extension("md"), &Report::of(run).to_markdown()) {
            Ok(path) => summary = summary.with_report(path),
            Err(e) => more.push(format!("the report could not be written: {e}")),
        }
        let mut done = Done::of_summary(summary);
        done.lines.extend(more);
        done
    }

    /// Several runs; exits with the worst.
    pub(super) fn of_many(all: Vec<Done>) -> Done {
        let exit = all.iter().map(|d| d.exit).max().unwrap_or(exit::DONE);
        let runs: Vec<Value> = all.iter().map(|d| d.json.clone()).collect();
        let lines = all.into_iter().flat_map(|d| d.lines).collect();
        Done { exit, lines, json: json!({ "schema": "keyrelay.runs/1", "runs": runs, "exit": exit }), stdout: None }
    }

    /// What went wrong, and what to do.
    pub(super) fn of_error(error: &Error, run: Option<&RunId>) -> Done {
        let (what, advice, exit) = (error.to_string(), error.advice(), error.exit());
        let mut lines = vec![format!("error: {what}")];
        lines.extend(advice.iter().map(|a| format!("  next: {a}")));
        let json = json!({ "schema": "keyrelay.error/1", "run": run, "error": what, "next": advice, "exit": exit });
        Done { exit, lines, json, stdout: None }
    }
}

/// A run on one line.
pub(super) fn one_line(run: &Run) -> String {
    let state = State::of(run);
    let sandbox = if run.in_sandbox() { "  SANDBOX" } else { "" };
    let (id, step, name) = (&run.start.plan.run, run.rotation.step().name(), &run.start.application.display_name);
    format!("{id}  {:<14} {step:<12} {}{sandbox}", state.name(), name.escape_debug())
}
