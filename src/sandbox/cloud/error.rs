//! How Graph and Key Vault say no.

use serde::{Deserialize, Serialize};

use super::RetryAfter;

/// An error answer, as both services shape it. The wire spells the members as each service does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct CloudError {
    /// The HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: String,
    /// Key Vault's `error.innererror.code`.
    pub innererror: Option<String>,
    /// `error.message`.
    pub message: String,
    /// Graph's `error.details`.
    pub details: Vec<Detail>,
    /// The header `Retry-After`, if there is one.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
}

/// One of Graph's `error.details`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Detail {
    /// `code`.
    pub code: String,
    /// `target`.
    pub target: String,
    /// `message`.
    pub message: String,
}

impl CloudError {
    pub(in crate::sandbox) fn new(status: u16, code: &str, message: impl Into<String>) -> CloudError {
        let (code, message) = (code.to_owned(), message.into());
        CloudError { status, code, innererror: None, message, details: Vec::new(), retry_after: None }
    }

    pub(in crate::sandbox) fn inner(mut self, code: &str) -> CloudError {
        self.innererror = Some(code.to_owned());
        self
    }

    /// `Request_ResourceNotFound`, in the words of the recorded answer.
    pub(in crate::sandbox) fn resource_not_found(id: &str) -> CloudError {
        let why = "does not exist or one of its queried reference-property objects are not present.";
        CloudError::new(404, "Request_ResourceNotFound", format!("Resource '{id}' {why}"))
    }

    /// `Authorization_RequestDenied`, in the words of the recorded answer.
    pub(in crate::sandbox) fn request_denied() -> CloudError {
        CloudError::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }

    pub(in crate::sandbox) fn bad_request(message: impl Into<String>) -> CloudError {
        CloudError::new(400, "Request_BadRequest", message)
    }

    /// Key Vault's `BadParameter`.
    pub(in crate::sandbox) fn bad_parameter(message: impl Into<String>) -> CloudError {
        CloudError::new(400, "BadParameter", message)
    }

    /// `SecretNotFound`: unknown names and unknown versions alike.
    pub(in crate::sandbox) fn secret_not_found(name: &str) -> CloudError {
        let hint = "If you recently deleted this secret you may be able to recover it using the correct recovery command. \
                    For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182";
        let message = format!("A secret with (name/id) {name} was not found in this key vault. {hint}");
        CloudError::new(404, "SecretNotFound", message)
    }
}
