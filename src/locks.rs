//! Locks that die with their holder: one writer for a run, an application and a vault secret.
//!
//! They are locks of the operating system on files in one folder of the user, wherever the journals are, so that two runs that
//! write the same thing meet. A process that is killed, however hard, frees them; a lock file that is left behind blocks
//! nobody. The files are never removed: removing them is how two get in.
//!
//! They hold between processes of one user on one machine. Another machine is found by what it leaves in the cloud, and refused.
#![allow(clippy::disallowed_methods)] // opens lock files

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk;
use crate::rotation::names::RunId;

/// What a lock is for. Names of services are compared without case, as the services do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockName {
    /// The writer of a run's journal.
    Run(RunId),
    /// The application with this client ID.
    Application(String),
    /// A vault's secret.
    Secret {
        /// The vault's host name.
        vault: String,
        /// The secret's name.
        secret: String,
    },
}

impl LockName {
    /// The name of its file: what it is for, and 32 hexadecimal digits of the SHA-256 of the name, so that any text is safe and
    /// two names meet only if they are the same.
    fn file(&self) -> String {
        let (kind, name) = match self {
            LockName::Run(run) => ("run", run.to_string()),
            LockName::Application(client_id) => ("application", client_id.to_ascii_lowercase()),
            LockName::Secret { vault, secret } => ("secret", format!("{vault}/{secret}").to_ascii_lowercase()),
        };
        let digest: String = Sha256::digest(name.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect();
        format!("{kind}-{digest}.lock")
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockName::Run(run) => write!(f, "the run {run}"),
            LockName::Application(client_id) => write!(f, "the application {client_id}"),
            LockName::Secret { vault, secret } => write!(f, "the secret {secret} of {vault}"),
        }
    }
}

/// Who holds a lock: written into its file for people. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The run that it works on, once it has one.
    pub run: Option<RunId>,
    /// The machine, as it calls itself.
    pub host: String,
    /// Since when, by that machine's clock.
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, since {}", self.pid, self.host, self.since)?;
        self.run.as_ref().map_or(Ok(()), |run| write!(f, ", for the run {run}"))
    }
}

/// Why the locks could not be taken, or are not held any more.
///
/// Its text says what happened and what is true now; [`LockError::advice`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is at work on it.
    #[error("{name} is being worked on by {}. Nothing was changed.", known(holder.as_ref()))]
    Held {
        /// What.
        name: LockName,
        /// By whom, where that can be read.
        holder: Option<Holder>,
    },
    /// The lock's file was removed or replaced, so another process may have taken the lock as well.
    #[error("the lock on {name} is lost: its file {} was removed or replaced. Nothing more is sent.", file.display())]
    Lost {
        /// What.
        name: LockName,
        /// The file.
        file: PathBuf,
    },
    /// The file system does not give locks.
    #[error("{} is on a file system that gives no locks ({error}). Nothing was changed.", folder.display())]
    NoLocks {
        /// The folder of locks.
        folder: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A lock file or the folder of locks cannot be made or read.
    #[error("could not use the lock file {}: {}. Nothing was changed.", place.display(), words(error))]
    Io {
        /// The file or the folder.
        place: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

fn known(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

fn words(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == ErrorKind::StorageFull {
        "the disk is full".to_owned()
    } else if kind == ErrorKind::ReadOnlyFilesystem {
        "the file system is read-only".to_owned()
    } else if kind == ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else if matches!(kind, ErrorKind::NotADirectory | ErrorKind::AlreadyExists) {
        "something in its path is not a folder".to_owned()
    } else {
        error.to_string()
    }
}

impl LockError {
    /// What to do.
    pub fn advice(&self) -> String {
        match self {
            LockError::Held { holder, .. } => match holder.as_ref().and_then(|h| h.run.as_ref()) {
                Some(run) => format!("Wait for it to end, or look at it with `keyrelay status {run}`."),
                None => "Wait for it to end, or look at it with `keyrelay status`.".to_owned(),
            },
            LockError::Lost { .. } => {
                "Find out who removes files there, make sure that no other keyrelay is at work (`keyrelay \
                                       status`), then run `keyrelay resume`."
                    .to_owned()
            }
            LockError::NoLocks { .. } => "Let the user's state folder be on a local disk.".to_owned(),
            LockError::Io { place, .. } => format!("Let this user make and write files in {}.", place.display()),
        }
    }
}

/// A set of locks. Dropping it frees them, and so does the end of the process.
#[derive(Debug)]
#[must_use = "the locks are freed when this is dropped"]
pub struct Locks(Vec<Lock>);

#[derive(Debug)]
struct Lock {
    name: LockName,
    path: PathBuf,
    file: File,
}

/// How often a lock file may vanish under us before we take it that somebody keeps removing it.
const TRIES: u32 = 100;

impl Locks {
    /// Takes all of `names` or none, in one order for everybody, and never waits. The folder is made if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] names the first that another process holds.
    pub fn take(folder: &Path, names: &[LockName], holder: &Holder) -> Result<Locks, LockError> {
        disk::make_private_folder(folder).map_err(|error| LockError::Io { place: folder.to_owned(), error })?;
        let mut named: Vec<(String, &LockName)> = names.iter().map(|name| (name.file(), name)).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named.dedup_by(|a, b| a.0 == b.0);
        let mut locks = Locks(Vec::with_capacity(named.len()));
        for (file, name) in named {
            locks.0.push(Lock::take(folder, &folder.join(file), name)?);
        }
        for lock in &mut locks.0 {
            lock.write(holder);
        }
        Ok(locks)
    }

    /// Whether the locks are still what keeps others out. To be asked before each request that changes something: somebody who
    /// removes a lock file lets the next process in, and only the holder can notice.
    ///
    /// # Errors
    /// [`LockError::Lost`] if a file was removed or replaced. The work must stop then.
    pub fn still_held(&self) -> Result<(), LockError> {
        self.0.iter().try_for_each(|lock| match disk::still_at(&lock.file, &lock.path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LockError::Lost { name: lock.name.clone(), file: lock.path.clone() }),
            Err(error) => Err(LockError::Io { place: lock.path.clone(), error }),
        })
    }
}

impl Lock {
    fn take(folder: &Path, path: &Path, name: &LockName) -> Result<Lock, LockError> {
        let io = |error| LockError::Io { place: path.to_owned(), error };
        for _ in 0..TRIES {
            let mut file = disk::private_file().create(true).truncate(false).open(path).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { name: name.clone(), holder: read(&mut file) });
                }
                Err(TryLockError::Error(error)) => return Err(LockError::NoLocks { folder: folder.to_owned(), error }),
            }
            // A file that is not at its place any more locks nobody out.
            if disk::still_at(&file, path).map_err(io)? {
                return Ok(Lock { name: name.clone(), path: path.to_owned(), file });
            }
        }
        Err(LockError::Lost { name: name.clone(), file: path.to_owned() })
    }

    /// Says who holds it. If that fails the lock is no less held.
    fn write(&mut self, holder: &Holder) {
        if let Ok(text) = serde_json::to_string(holder) {
            let _ = self.file.set_len(0).and_then(|()| self.file.write_all(format!("{text}\n").as_bytes()));
        }
    }
}

impl Drop for Lock {
    /// The name goes before the lock does, so that the next reader does not take us for the holder. The lock is given up by name:
    /// a consumer's command that is just being started has a copy of the open file for a moment, which would keep it.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who a lock file says holds it. Where locks are mandatory (Windows) it cannot be read while it is held.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(vault: &str, secret: &str) -> LockName {
        LockName::Secret { vault: vault.into(), secret: secret.into() }
    }

    #[test]
    fn file_names_are_safe_and_without_case() {
        // printf 'kv-one.vault.azure.net/billing' | sha256sum | cut -c1-32
        let expected = "secret-b92579066f04a53d4e6d2faaa6df7b37.lock";
        assert_eq!(secret("kv-one.vault.azure.net", "billing").file(), expected);
        assert_eq!(secret("KV-One.vault.azure.net", "Billing").file(), expected);
        let evil = LockName::Application("../../etc/passwd\0\n".into()).file();
        assert!(evil.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'), "{evil}");
        assert_ne!(LockName::Application("a".into()).file(), LockName::Application("b".into()).file());
    }
}
