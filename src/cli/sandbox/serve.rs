//! `sandbox serve`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use serde_json::json;

use super::super::context::Context;
use super::super::duration;
use super::super::output::{Done, say};
use super::super::signals::Signals;
use crate::driver::Stop;
use crate::error::{Error, exit};
use crate::sandbox::server::{self, Keep, Pace, ServeOptions, Server};
use crate::sandbox::{Served, passing};

/// How many applications a new one has.
const APPLICATIONS: u32 = 3;

/// Room for tests of load; each has a credential and a secret in two vaults.
const MOST_APPLICATIONS: i64 = 100_000;

/// The words of `sandbox serve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Serve {
    /// The port on 127.0.0.1; any that is free, if it is not said
    #[arg(long)]
    port: Option<u16>,
    /// Keep the state in this file and go on with what it holds; certificates and secrets are in FILE.d beside it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Serve the sandbox that runbooks use, from its folder; it starts by itself
    #[arg(long, value_name = "FOLDER", conflicts_with = "state", hide = true)]
    state_folder: Option<PathBuf>,
    /// How fast changes are seen
    #[arg(long, value_enum, default_value_t = Profile::Realistic)]
    profile: Profile,
    /// Draw a new state from this number: the same ids and secrets each time
    #[arg(long)]
    seed: Option<u64>,
    /// How many applications a new state has
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=MOST_APPLICATIONS))]
    apps: Option<u32>,
    /// Added to each answer
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    latency: Option<SignedDuration>,
    /// Copy the certificate of the sandbox's authority to this file
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// End after this long without a request
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    idle: Option<SignedDuration>,
    /// Rules that say which requests are lost, refused, late or slow
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Let `keyrelay sandbox fault` change these rules and `keyrelay sandbox log` show the requests
    #[arg(long)]
    control: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// At once
    Instant,
    /// Within seconds, here sooner than there
    Realistic,
    /// Within minutes
    Hostile,
}

pub(super) async fn serve(context: &Context, args: Serve) -> Result<Done, Error> {
    let options = options(context, &args)?;
    let signals = Signals::listen();
    let (json, quiet) = (context.global.json, context.global.quiet);
    let ready = |server: &Server| {
        // the sandbox of runbooks has nobody who listens
        if args.state_folder.is_some() {
            return Ok(());
        }
        let served = server.served()?;
        if json {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", json!(served)).and_then(|()| out.flush());
        } else if !quiet {
            describe(&served).iter().for_each(|line| say(line));
        }
        Ok(())
    };
    server::serve(options, ready, signals.asked()).await?;
    Ok(Done { exit: exit::DONE, lines: Vec::new(), json: serde_json::Value::Null, stdout: Some(String::new()) })
}

fn options(context: &Context, args: &Serve) -> Result<ServeOptions, Error> {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let faults = args.faults.as_deref().map(super::faults::file).transpose()?;
    let (folder, keep) = match (&args.state_folder, &args.state) {
        (Some(folder), _) => (whole(folder), Keep::Folder),
        (None, Some(file)) => (super::find::beside(&whole(file)), Keep::File(whole(file))),
        (None, None) => (passing::fresh(&context.places.served())?, Keep::Nothing),
    };
    let plain = |d: SignedDuration| Duration::try_from(d).ok();
    let mut options = ServeOptions::new(folder);
    options.applications = if args.state_folder.is_some() { args.apps } else { Some(args.apps.unwrap_or(APPLICATIONS)) };
    options.keep = keep;
    options.ca_out = args.ca_out.as_deref().map(whole);
    options.port = args.port.unwrap_or(options.port);
    options.pace = match args.profile {
        Profile::Instant => Pace::Instant,
        Profile::Realistic => Pace::Realistic,
        Profile::Hostile => Pace::Hostile,
    };
    options.seed = args.seed;
    options.idle = args.idle.and_then(plain);
    options.latency = args.latency.and_then(plain).unwrap_or_default();
    options.faults = faults;
    options.control = args.control;
    Ok(options)
}

fn describe(served: &Served) -> Vec<String> {
    let mut lines = vec![format!(
        "SANDBOX at {} (process {}): sign-in, Graph, Key Vault; it reaches nothing but loopback, and its secrets are worth nothing",
        served.authority, served.pid
    )];
    lines.push(format!("  CA file   {}", served.ca_file.display()));
    lines.push(format!("  tenant    {}", served.tenant_id));
    for operator in &served.operators {
        let (id, file) = (operator.signs_in.client_id, operator.signs_in.client_secret_file.display());
        lines.push(format!("  operator  {id} {} (secret in {file})", operator.name));
    }
    for vault in &served.vaults {
        lines.push(format!("  vault     {} {}", vault.name, vault.url));
    }
    for app in served.applications.iter().take(3) {
        lines.push(format!("  app       {} {}", app.client_id, app.display_name.escape_debug()));
    }
    lines.push("  Azure CLI: eval \"$(keyrelay sandbox az)\"; Ctrl-C ends it".to_owned());
    lines
}
