//! The sandbox as a process of its own, which outlives a rotator that is killed.
#![allow(clippy::disallowed_methods)] // starts a process and waits for it

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use super::cloud::{Seed, Seeded};
use super::endpoint::Endpoint;
use super::error::SandboxError;
use super::files;
use super::server::Pace;
use super::wire::OPERATOR_SECRET_HEADER;
use crate::inherited;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server that is started here may be idle, if nothing else is said.
const IDLE: Duration = Duration::from_secs(600);

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// How to start a server, if none is running.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// What to run; this program if it is not said. It must know `sandbox serve`.
    pub program: Option<PathBuf>,
    /// How fast changes are seen.
    pub pace: Pace,
    /// Of a state that is made anew.
    pub seed: Option<u64>,
    /// How long it may be idle before it ends; ten minutes if it is not said.
    pub idle: Option<Duration>,
}

/// The server of this folder, started if it does not answer.
pub async fn ensure_running(folder: &Path, options: &StartOptions) -> Result<Endpoint, SandboxError> {
    files::private_folder(folder)?;
    if let Some(endpoint) = running(folder).await? {
        return Ok(endpoint);
    }
    let until = Instant::now() + PATIENCE;
    let _only_starter = loop {
        match files::try_lock(&folder.join("start.lock"))? {
            Some(lock) => break lock,
            None if Instant::now() >= until => return Err(no_answer(folder)),
            None => tokio::time::sleep(PAUSE).await,
        }
    };
    if let Some(endpoint) = running(folder).await? {
        return Ok(endpoint);
    }
    let mut child = start(folder, options)?;
    loop {
        if let Some(endpoint) = running(folder).await? {
            return Ok(endpoint);
        }
        if let Ok(Some(status)) = child.try_wait() {
            // It may have ended because another one, started by hand, was quicker.
            let another = running(folder).await?;
            return another.ok_or_else(|| SandboxError::Ended { status: status.to_string(), log: log(folder) });
        }
        if Instant::now() >= until {
            return Err(no_answer(folder));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks the sandbox to make an application with a living secret in its vaults, unless the application is there.
pub async fn seed(endpoint: &Endpoint, seed: &Seed) -> Result<Seeded, SandboxError> {
    let refused = |why: String| SandboxError::Refused { why };
    let secret = files::read(&endpoint.operator_secret_file)?.unwrap_or_default();
    let url = format!("https://localhost:{}/_sandbox/seed", endpoint.address.port());
    let request = client(endpoint)?.post(url).header(OPERATOR_SECRET_HEADER, secret).json(seed);
    let answer = request.send().await.map_err(|e| refused(e.without_url().to_string()))?;
    let (status, body) = (answer.status(), answer.bytes().await.unwrap_or_default());
    match serde_json::from_slice::<Seeded>(&body) {
        Ok(seeded) if status.is_success() => Ok(seeded),
        Ok(_) | Err(_) => {
            let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let said = said.as_ref().and_then(|b| b.pointer("/error/message")).and_then(serde_json::Value::as_str);
            Err(refused(said.map_or_else(|| format!("HTTP {status}"), str::to_owned)))
        }
    }
}

/// The folder's server, if it answers. That it is the folder's own is known by its certificate.
pub async fn running(folder: &Path) -> Result<Option<Endpoint>, SandboxError> {
    let Some(endpoint) = Endpoint::load(folder)? else { return Ok(None) };
    let url = format!("https://localhost:{}/_sandbox/health", endpoint.address.port());
    let Ok(client) = client(&endpoint) else { return Ok(None) };
    let Ok(answer) = client.get(url).send().await else { return Ok(None) };
    let body: Option<serde_json::Value> = answer.json().await.ok();
    let ours = body.is_some_and(|b| b.get("sandbox").is_some_and(|s| s == "keyrelay"));
    // A server that starts takes the last one's port, and says who it is on disk before it answers: what was read before the
    // question may be of the one that has ended.
    if ours { Endpoint::load(folder) } else { Ok(None) }
}

/// Talks to the sandbox and to nothing else: its authority only, no proxy, no redirect.
pub(super) fn client(endpoint: &Endpoint) -> Result<reqwest::Client, SandboxError> {
    let refused = |e: reqwest::Error| SandboxError::Refused { why: e.to_string() };
    let pem = files::read(&endpoint.ca_file)?.unwrap_or_default();
    let authority = reqwest::Certificate::from_pem(&pem).map_err(refused)?;
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([authority])
        .resolve("localhost", endpoint.address)
        .timeout(QUESTION)
        .build()
        .map_err(refused)
}

fn log(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

fn no_answer(folder: &Path) -> SandboxError {
    SandboxError::NoAnswer { waited: PATIENCE, log: log(folder) }
}

/// In a process group of its own: what a terminal or a kill does to this program's group does not reach it.
fn start(folder: &Path, options: &StartOptions) -> Result<Child, SandboxError> {
    let own = || std::env::current_exe().map_err(|source| SandboxError::Start { program: PathBuf::new(), source });
    let program = options.program.clone().map_or_else(own, Ok)?;
    let log = files::open_private(&log(folder))?;
    let mut arguments: Vec<OsString> = vec!["sandbox".into(), "serve".into()];
    let mut flag = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    flag("--state-folder", folder.into());
    flag("--profile", options.pace.as_str().into());
    if let Some(seed) = options.seed {
        flag("--seed", seed.to_string().into());
    }
    let idle = options.idle.unwrap_or(IDLE);
    flag("--idle", humantime::format_duration(idle).to_string().replace(' ', "").into());
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    for name in inherited::secrets() {
        command.env_remove(name);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        let flags = CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS;
        std::os::windows::process::CommandExt::creation_flags(&mut command, flags);
    }
    command.spawn().map_err(|source| SandboxError::Start { program, source })
}
