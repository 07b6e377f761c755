//! `sandbox status`.

use serde_json::json;

use super::super::context::Context;
use super::super::output::Done;
use super::find;
use crate::error::{Error, exit};
use crate::sandbox::{Endpoint, process};

pub(super) async fn status(context: &Context) -> Result<Done, Error> {
    let of_runbooks = process::running(&context.places.sandbox()).await?;
    let found = find::all(context).await?;
    let lines =
        if found.is_empty() { vec!["no sandbox is running".to_owned()] } else { found.iter().flat_map(describe).collect() };
    let json = json!({
        "schema": "keyrelay.sandbox/1",
        "running": of_runbooks.is_some(),
        "endpoint": of_runbooks,
        "all": found,
        "exit": exit::DONE,
    });
    Ok(Done { exit: exit::DONE, lines, json, stdout: None })
}

fn describe(endpoint: &Endpoint) -> Vec<String> {
    let secret = endpoint.operator_secret_file.display();
    vec![
        format!(
            "SANDBOX at https://{} (process {}); it reaches nothing but loopback, and its secrets are worth nothing",
            endpoint.address, endpoint.pid
        ),
        format!("  tenant    {}", endpoint.tenant),
        format!("  operator  {} (secret in {secret})", endpoint.operator_client_id),
        format!("  CA file   {}", endpoint.ca_file.display()),
    ]
}
