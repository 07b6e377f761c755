//! Asks the control endpoint of a sandbox that runs on this machine.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{TOKEN_HEADER, token_file};
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::{RuleId, Written};
use crate::sandbox::log::Entry;
use crate::sandbox::{Endpoint, files, process};

/// A rule of a sandbox that runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Listed {
    /// Its number.
    pub id: RuleId,
    /// The rule.
    pub rule: Written,
    /// How many requests it has fitted.
    pub seen: u32,
    /// How many of these it has struck.
    pub hits: u32,
}

#[derive(Deserialize)]
struct Faults {
    faults: Vec<Listed>,
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Added {
    id: RuleId,
}

#[derive(Deserialize)]
struct Cleared {
    cleared: usize,
}

/// The rules of a sandbox.
///
/// # Errors
/// If it does not run, was not started with `--control`, or refuses.
pub async fn list(endpoint: &Endpoint) -> Result<Vec<Listed>, SandboxError> {
    ask::<Faults>(endpoint, reqwest::Method::GET, "faults", None).await.map(|f| f.faults)
}

/// Adds a rule and returns its number.
///
/// # Errors
/// Likewise.
pub async fn add(endpoint: &Endpoint, rule: &Written) -> Result<RuleId, SandboxError> {
    ask::<Added>(endpoint, reqwest::Method::POST, "faults", Some(rule)).await.map(|a| a.id)
}

/// Takes one rule away, or all, and returns how many went.
///
/// # Errors
/// Likewise, or if there is no rule of this number.
pub async fn clear(endpoint: &Endpoint, id: Option<RuleId>) -> Result<usize, SandboxError> {
    let path = id.map_or("faults".to_owned(), |id| format!("faults/{id}"));
    ask::<Cleared>(endpoint, reqwest::Method::DELETE, &path, None).await.map(|c| c.cleared)
}

/// The log's entries after a number.
///
/// # Errors
/// Likewise.
pub async fn log(endpoint: &Endpoint, after: u64) -> Result<Vec<Entry>, SandboxError> {
    ask::<Entries>(endpoint, reqwest::Method::GET, &format!("log?after={after}"), None).await.map(|e| e.entries)
}

async fn ask<T: DeserializeOwned>(
    endpoint: &Endpoint,
    method: reqwest::Method,
    path: &str,
    body: Option<&Written>,
) -> Result<T, SandboxError> {
    let refused = |why: String| SandboxError::Refused { why };
    let off = || refused("it has no control endpoint: start it with `keyrelay sandbox serve --control`".to_owned());
    let file = endpoint.ca_file.parent().map(token_file);
    let token = file.map(|file| files::read(&file)).transpose()?.flatten().ok_or_else(off)?;
    let url = format!("https://localhost:{}/_sandbox/{path}", endpoint.address.port());
    let request = process::client(endpoint)?.request(method, url).header(TOKEN_HEADER, token);
    let request = match body {
        Some(rule) => request.json(rule),
        None => request,
    };
    let answer = request.send().await.map_err(|e| refused(e.without_url().to_string()))?;
    let (status, body) = (answer.status(), answer.bytes().await.unwrap_or_default());
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| refused("its answer could not be understood".to_owned()));
    }
    let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let text = |at: &str| said.as_ref().and_then(|b| b.pointer(at)).and_then(serde_json::Value::as_str);
    match (text("/error/code"), text("/error/message")) {
        (Some("ControlRefused"), Some(why)) => Err(refused(why.to_owned())),
        // the sandbox's own answer to a path that it does not serve
        (_, _) => Err(off()),
    }
}
