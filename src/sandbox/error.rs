//! What can go wrong with a sandbox that is a process of its own.

use std::path::PathBuf;
use std::time::Duration;

/// Why the sandbox could not be started, reached or kept. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or folder of its own.
    #[error("the sandbox cannot use {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read what is in the folder.
    #[error("{path} can be read by others, and the sandbox keeps its keys there: chmod 700 {path}, or name another folder")]
    NotPrivate {
        /// The folder.
        path: PathBuf,
    },
    /// The state on disk is not one.
    #[error(
        "{path} does not hold a sandbox's state (line {line}, column {column}): move it away to begin with an empty sandbox"
    )]
    State {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Two servers on one state would undo each other's changes.
    #[error("a sandbox is being served from {folder} already: use that one, or name another folder")]
    AlreadyServing {
        /// The state folder.
        folder: PathBuf,
    },
    /// The certificates could not be made or used.
    #[error(
        "the sandbox's certificates in {folder} cannot be used ({why}): remove ca.pem and ca-key.pem to have new ones made"
    )]
    Certificates {
        /// The state folder.
        folder: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// The port is taken, or there is no loopback.
    #[error("the sandbox cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for, 0 for any.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The server's process could not be started.
    #[error("the sandbox's process could not be started from {program}: {source}")]
    Start {
        /// What was to be run.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It started and ended again.
    #[error("the sandbox's process ended at once ({status}): see {log}")]
    Ended {
        /// How it ended.
        status: String,
        /// What it wrote.
        log: PathBuf,
    },
    /// It did not answer in time.
    #[error("the sandbox did not answer within {waited:?}: see {log}")]
    NoAnswer {
        /// How long it was waited for.
        waited: Duration,
        /// What it wrote.
        log: PathBuf,
    },
    /// It answered that it would not.
    #[error("the sandbox refused: {why}")]
    Refused {
        /// In its own words.
        why: String,
    },
}
