//! What the cloud answers, in the words of the ports.

use std::time::Duration;

use jiff::Timestamp;

use crate::ports::VersionRead;
use crate::refusals::{self, Service};
use crate::rotation::answers::{Refusal, RefusalKind, Trace, Version};
use crate::rotation::names::{VAULT_TAG, VAULT_TAG_KEY_ID, VersionId};
use crate::sandbox::cloud::{CloudError, SecretVersion};
use crate::secret::SecretValue;

/// The services' `Date` has whole seconds.
pub(super) fn trace(now: Timestamp) -> Trace {
    Trace { date: Timestamp::from_second(now.as_second()).ok(), ..Trace::default() }
}

pub(super) fn refused(kind: RefusalKind) -> Refusal {
    Refusal { kind, status: None, code: "SandboxFault".to_owned(), message: String::new(), retry_after: None }
}

pub(super) fn unanswered() -> Refusal {
    refused(RefusalKind::Unanswered)
}

pub(super) fn unavailable() -> Refusal {
    Refusal { status: Some(503), code: "ServiceUnavailable".to_owned(), ..unanswered() }
}

/// The kind of no, by code; the sentence stays behind where a request could have put its value into it.
pub(super) fn refusal(error: &CloudError) -> Refusal {
    let inner = error.innererror.as_deref();
    let codes =
        [(Service::Graph, error.code.as_str()), (Service::Vault, inner.unwrap_or_default()), (Service::Vault, &error.code)];
    let known = codes.into_iter().find_map(|(service, code)| refusals::known(service, error.status, code));
    let kind = known.map_or_else(|| refusals::by_status(error.status), |row| row.kind);
    let code = inner.map_or_else(|| error.code.clone(), |inner| format!("{}/{inner}", error.code));
    let retry_after = error.retry_after.map(|after| Duration::from_millis(after.millis()));
    Refusal { kind, status: Some(error.status), code, message: error.message.clone(), retry_after }
}

pub(super) fn version_id(found: &SecretVersion) -> Result<VersionId, CloudError> {
    found.id.parse().map_err(|_| CloudError::new(500, "InternalError", "The sandbox made a version id of another form."))
}

pub(super) fn version(found: &SecretVersion) -> Result<Version, CloudError> {
    Ok(Version {
        id: version_id(found)?,
        tag: found.tags.get(VAULT_TAG).and_then(|t| t.parse().ok()),
        key_id: found.tags.get(VAULT_TAG_KEY_ID).and_then(|k| k.parse().ok()),
        enabled: found.enabled,
    })
}

pub(super) fn version_read(found: &SecretVersion) -> Result<VersionRead, CloudError> {
    Ok(VersionRead {
        version: version(found)?,
        value: SecretValue::new(found.value.text().to_owned()),
        expires: found.expires,
        content_type: found.content_type.clone(),
        tags: found.tags.clone(),
    })
}
