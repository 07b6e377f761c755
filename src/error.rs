//! Errors.

/// The journal cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub String);
