//! `sandbox`: serve it, say where it is.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::context::Context;
use super::output::Done;
use super::{Profile, Serve};
use crate::error::{Error, exit};
use crate::sandbox::server::{self, Pace, ServeOptions};
use crate::sandbox::{Endpoint, process};

pub(super) async fn serve(context: &Context, args: Serve) -> Result<Done, Error> {
    let folder = args.state_folder.clone().unwrap_or_else(|| context.places.sandbox());
    let mut options = ServeOptions::new(std::path::absolute(&folder).unwrap_or(folder));
    let plain = |d: jiff::SignedDuration| Duration::try_from(d).ok();
    options.pace = match args.profile {
        Profile::Instant => Pace::Instant,
        Profile::Realistic => Pace::Realistic,
    };
    options.port = args.port.unwrap_or(options.port);
    options.seed = args.seed.or(options.seed);
    options.idle = args.idle.and_then(plain).or(options.idle);
    options.latency = args.latency.and_then(plain).unwrap_or(options.latency);
    options.faults = args.faults.as_deref().map(super::sandbox_faults::file).transpose()?;
    options.control = args.control;
    let json = context.global.json;
    let ready = |endpoint: &Endpoint| {
        if json {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", json!(endpoint)).and_then(|()| out.flush());
        } else {
            describe(endpoint).iter().for_each(|line| super::output::say(line));
        }
    };
    server::serve(options, ready).await?;
    Ok(Done { exit: exit::DONE, lines: Vec::new(), json: serde_json::Value::Null, stdout: Some(String::new()) })
}

fn describe(endpoint: &Endpoint) -> Vec<String> {
    vec![
        format!(
            "SANDBOX at https://{} (process {}); it reaches nothing but loopback, and its secrets are worth nothing",
            endpoint.address, endpoint.pid
        ),
        format!("  tenant    {}", endpoint.tenant),
        format!("  operator  {} (secret in {})", endpoint.operator_client_id, endpoint.operator_secret_file.display()),
        format!("  CA file   {}", endpoint.ca_file.display()),
    ]
}

pub(super) async fn status(context: &Context) -> Result<Done, Error> {
    let found = process::running(&context.places.sandbox()).await?;
    let lines = found.as_ref().map_or_else(|| vec!["no sandbox is running".to_owned()], describe);
    let json = json!({ "schema": "keyrelay.sandbox/1", "running": found.is_some(), "endpoint": found, "exit": exit::DONE });
    Ok(Done { exit: exit::DONE, lines, json, stdout: None })
}
