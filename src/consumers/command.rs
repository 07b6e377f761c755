//! A command: started without a shell, in a process group of its own, ended at its time limit.
#![allow(clippy::disallowed_methods)] // the environment is looked through for what a command must not inherit

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::{Either, join, select};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command as Process};
use tokio::time::timeout;

use super::note::Tail;
use super::{Try, Went, about, facts};
use crate::inherited;
use crate::ports::Told;
use crate::runbook::Command;

/// How long the output of a command that has ended is waited for. Something that it left running may hold the pipes for ever.
const AFTERGLOW: Duration = Duration::from_millis(500);

/// Runs it once, for `limit` at most. What is still running then is killed with all that it started in its process group;
/// on Windows, which has no such groups, the command alone.
pub(super) async fn run(command: &Command, told: &Told, limit: Duration) -> Try {
    let mut process = prepare(command, told);
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => return not_started(command, &error),
    };
    let group = Group::of(&child);
    let (mut out, mut err) = (Tail::default(), Tail::default());
    let ended = {
        let pipes = join(fill(&mut out, child.stdout.take()), fill(&mut err, child.stderr.take()));
        timeout(limit, until_ended(&mut child, pipes)).await
    };
    match ended {
        Ok(Ok(status)) => {
            group.has_ended();
            let went = if status.success() { Went::Well } else { Went::Badly };
            Try::new(went, how_it_ended(status)).saying([out, err])
        }
        Ok(Err(error)) => Try::new(Went::Badly, format!("could not be waited for ({error})")).saying([out, err]),
        Err(_) => {
            drop(group);
            // the exit status of what was killed says nothing
            let _ = child.kill().await;
            Try::new(Went::Badly, format!("had not ended after {} and was killed", about(limit))).saying([out, err])
        }
    }
}

fn prepare(command: &Command, told: &Told) -> Process {
    let mut process = Process::new(command.program());
    process.args(command.arguments());
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        process.env_remove(name);
    }
    for (name, fact) in facts(told) {
        process.env(format!("KEYRELAY_{}", name.to_uppercase().replace('-', "_")), fact);
    }
    #[cfg(unix)]
    process.process_group(0);
    process
}

/// Whether a variable of the environment is keyrelay's own, or holds the secret that keyrelay itself signs in with.
fn is_ours(name: &OsStr) -> bool {
    inherited::is_secret(name) || name.to_string_lossy().to_ascii_uppercase().starts_with("KEYRELAY_")
}

/// Until it has ended and its pipes are read.
async fn until_ended(child: &mut Child, pipes: impl Future<Output = ((), ())>) -> io::Result<ExitStatus> {
    let (pipes, exit) = (std::pin::pin!(pipes), std::pin::pin!(child.wait()));
    match select(pipes, exit).await {
        Either::Left((_, exit)) => exit.await,
        Either::Right((status, pipes)) => {
            let _ = timeout(AFTERGLOW, pipes).await;
            status
        }
    }
}

/// Reads to the end; keeps the last part.
async fn fill(tail: &mut Tail, pipe: Option<impl AsyncRead + Unpin>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length) = pipe.read(&mut chunk).await {
        let Some(read) = chunk.get(..length).filter(|read| !read.is_empty()) else { return };
        tail.push(read);
    }
}

fn not_started(command: &Command, error: &io::Error) -> Try {
    let program = command.program();
    let what = if error.kind() == io::ErrorKind::NotFound {
        format!("could not be started: there is no program `{program}`")
    } else {
        format!("could not be started: `{program}`: {error}")
    };
    Try::new(Went::Hopelessly, what)
}

fn how_it_ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    match status.code() {
        Some(0) => String::new(),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended without an exit code".to_owned(),
    }
}

/// The process group of a command; killed when dropped, be it because the time is over or because the run stops.
struct Group(#[cfg(unix)] Option<rustix::process::Pid>);

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.and_then(rustix::process::Pid::from_raw))
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Group {
        Group()
    }

    /// The command has ended by itself. What it left running, it left on purpose; and its number may be somebody else's by now.
    #[cfg_attr(not(unix), allow(unused_mut))]
    fn has_ended(mut self) {
        #[cfg(unix)]
        {
            self.0 = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.0.take() {
            // it fails if nothing is left of the group, which is what is wanted
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_variables_are_told_from_others() {
        for name in ["KEYRELAY_STATE_DIR", "keyrelay_x", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD"] {
            assert!(is_ours(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "HOME", "AZURE_CLIENT_ID", "MY_KEYRELAY_X", "KEYRELAY"] {
            assert!(!is_ours(OsStr::new(name)), "{name}");
        }
    }
}
