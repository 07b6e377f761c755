//! `sandbox fault` and `sandbox log`: what happens to requests of a sandbox that runs, and what was asked of it.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::super::context::{Context, read};
use super::super::output::Done;
use super::find::{Which, one};
use crate::error::{Error, exit};
use crate::runbook::HumanDuration;
use crate::sandbox::control::client;
use crate::sandbox::faults::{self, Operation, Rule, Written};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FaultCommand {
    /// Let requests come to harm from now on; the rule comes behind those that are there
    #[command(
        after_help = "Examples: keyrelay sandbox fault add --operation add-password --do lose-answer --times 1\n          \
        keyrelay sandbox fault add --service graph --do refuse --as throttled --retry-after 30 --probability 0.2\n          \
        keyrelay sandbox fault add --operation set-secret --nth 2 --do apply-late --by 20s\n\n\
        The sandbox must run with `keyrelay sandbox serve --control`. docs/sandbox-faults.md explains every word."
    )]
    Add(Box<Add>),
    /// Say which rules there are and how often each has struck
    #[command(after_help = "Example: keyrelay sandbox fault list")]
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Take a rule away, or all of them
    #[command(after_help = "Examples: keyrelay sandbox fault clear\n          keyrelay sandbox fault clear 3")]
    Clear {
        /// The rule's number; all of them if none is named
        id: Option<u64>,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// What happens
    #[arg(long = "do", value_name = "WHAT", value_parser = Written::DEEDS)]
    deed: String,
    /// How it is refused
    #[arg(long = "as", value_name = "HOW", value_parser = Written::REFUSALS)]
    refusal: Option<String>,
    /// All operations of this service
    #[arg(long, value_parser = ["login", "graph", "vault"])]
    service: Option<String>,
    /// This operation; may be repeated
    #[arg(long, value_parser = operations())]
    operation: Vec<String>,
    /// On the application with this client ID only
    #[arg(long, value_name = "CLIENT_ID")]
    application: Option<Uuid>,
    /// In this vault only: its host name, or the first part of it
    #[arg(long)]
    vault: Option<String>,
    /// From the so manieth request on that fits
    #[arg(long)]
    nth: Option<u32>,
    /// So many requests, then no more
    #[arg(long)]
    times: Option<u32>,
    /// Each of them with this probability, from 0 to 1
    #[arg(long)]
    probability: Option<f64>,
    /// Of the draws: the same seed strikes the same requests
    #[arg(long)]
    seed: Option<u64>,
    /// The HTTP status of a refusal or an error
    #[arg(long)]
    status: Option<u16>,
    /// The code of a refusal with a status
    #[arg(long)]
    code: Option<String>,
    /// The header Retry-After of a refusal: seconds, or 2.128
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<String>,
    /// How long, where something takes time
    #[arg(long, value_name = "DURATION", value_parser = human)]
    by: Option<HumanDuration>,
    /// Which sign-in replica is late, from 0
    #[arg(long)]
    replica: Option<u8>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    /// Only what came after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    which: Which,
}

fn operations() -> clap::builder::PossibleValuesParser {
    Operation::ALL.iter().filter(|o| **o != Operation::Own).map(|o| o.name()).collect::<Vec<_>>().into()
}

fn human(text: &str) -> Result<HumanDuration, String> {
    text.parse::<HumanDuration>().map_err(|_| "expected a duration such as 500ms, 30s or 10m".to_owned())
}

/// The rules of a file.
pub(super) fn file(path: &Path) -> Result<Vec<Rule>, Error> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    faults::parse(&text).map_err(|e| usage(format!("{}: {e}", path.display())))
}

fn usage(what: String) -> Error {
    Error::Usage { what, advice: "docs/sandbox-faults.md explains every word of a rule".to_owned() }
}

pub(super) async fn fault(context: &Context, command: FaultCommand) -> Result<Done, Error> {
    match command {
        FaultCommand::Add(add) => {
            let endpoint = one(context, &add.which).await?;
            let Add { deed, refusal, service, operation, application, vault, nth, times, probability, seed, .. } = *add;
            let Add { status, code, retry_after, by, replica, .. } = *add;
            let written = Written {
                service,
                operation,
                application,
                vault,
                nth,
                times,
                probability,
                seed,
                deed,
                refusal,
                status,
                code,
                retry_after,
                by,
                replica,
            };
            let rule = Written::of(&written.rule().map_err(usage)?);
            let id = client::add(&endpoint, &rule).await?;
            Ok(done(vec![format!("fault {id}: {}", rule.line())], json!({ "added": id, "rule": rule })))
        }
        FaultCommand::List { which } => {
            let listed = client::list(&one(context, &which).await?).await?;
            let line =
                |l: &client::Listed| format!("fault {}: {} (fitted {}, struck {})", l.id, l.rule.line(), l.seen, l.hits);
            let none = || vec!["no faults: every request arrives, and so does its answer".to_owned()];
            let lines = if listed.is_empty() { none() } else { listed.iter().map(line).collect() };
            let one = |l: &client::Listed| json!({ "id": l.id, "rule": l.rule, "seen": l.seen, "hits": l.hits });
            Ok(done(lines, json!({ "faults": listed.iter().map(one).collect::<Vec<_>>() })))
        }
        FaultCommand::Clear { id, which } => {
            let cleared = client::clear(&one(context, &which).await?, id).await?;
            let line = if cleared == 1 { "1 fault is gone".to_owned() } else { format!("{cleared} faults are gone") };
            Ok(done(vec![line], json!({ "cleared": cleared })))
        }
    }
}

pub(super) async fn log(context: &Context, args: LogArgs) -> Result<Done, Error> {
    let entries = client::log(&one(context, &args.which).await?, args.after).await?;
    let none = || vec!["nothing was asked of the sandbox since it was started".to_owned()];
    let lines = if entries.is_empty() { none() } else { entries.iter().map(crate::sandbox::log::Entry::line).collect() };
    Ok(done(lines, json!({ "entries": entries })))
}

fn done(lines: Vec<String>, mut json: serde_json::Value) -> Done {
    if let Some(object) = json.as_object_mut() {
        object.insert("schema".to_owned(), json!("keyrelay.sandbox-faults/1"));
        object.insert("exit".to_owned(), json!(exit::DONE));
    }
    Done { exit: exit::DONE, lines, json, stdout: None }
}
