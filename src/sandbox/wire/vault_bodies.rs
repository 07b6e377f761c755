//! Key Vault's bodies and pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::message::Request;
use crate::sandbox::cloud::{CloudError, Deletion, RECOVERABLE_DAYS, SecretVersion};

/// Most items of a page, and the default.
const PAGE: usize = 25;

/// How bodies are made for one request.
pub(super) struct Shape {
    /// `https://` and the vault's host as the client named it.
    pub(super) base: String,
    /// `recoverableDays` came after api-version 7.0.
    pub(super) recoverable_days: bool,
}

impl Shape {
    fn members(&self, v: &SecretVersion, id: String) -> Map<String, Json> {
        let mut attributes = Map::new();
        attributes.insert("enabled".to_owned(), v.enabled.into());
        for (name, at) in [("nbf", v.not_before), ("exp", v.expires)] {
            if let Some(at) = at {
                attributes.insert(name.to_owned(), at.as_second().into());
            }
        }
        attributes.insert("created".to_owned(), v.created.as_second().into());
        attributes.insert("updated".to_owned(), v.updated.as_second().into());
        attributes.insert("recoveryLevel".to_owned(), "CustomizedRecoverable+Purgeable".into());
        if self.recoverable_days {
            attributes.insert("recoverableDays".to_owned(), RECOVERABLE_DAYS.into());
        }
        let mut members = Map::new();
        if let Some(content_type) = &v.content_type {
            members.insert("contentType".to_owned(), content_type.as_str().into());
        }
        members.insert("id".to_owned(), id.into());
        members.insert("attributes".to_owned(), attributes.into());
        if !v.tags.is_empty() {
            members.insert("tags".to_owned(), json!(v.tags));
        }
        members
    }

    fn id(&self, v: &SecretVersion) -> String {
        format!("{}/secrets/{}", self.base, v.name)
    }

    /// An item of the list of secrets: no version in its id.
    pub(super) fn item(&self, v: &SecretVersion) -> Json {
        Json::Object(self.members(v, self.id(v)))
    }
}

/// A version, with its value or without.
pub(super) fn bundle(shape: &Shape, v: &SecretVersion, with_value: bool) -> Json {
    let mut members = shape.members(v, format!("{}/{}", shape.id(v), v.id));
    if with_value {
        members.insert("value".to_owned(), v.value.text().into());
    }
    Json::Object(members)
}

/// A deleted secret: with the version in its id, or as an item of the list, without.
pub(super) fn deleted(shape: &Shape, v: &SecretVersion, d: &Deletion, with_version: bool) -> Json {
    let id = if with_version { format!("{}/{}", shape.id(v), v.id) } else { shape.id(v) };
    let mut members = shape.members(v, id);
    members.insert("recoveryId".to_owned(), format!("{}/deletedsecrets/{}", shape.base, v.name).into());
    members.insert("deletedDate".to_owned(), d.at.as_second().into());
    members.insert("scheduledPurgeDate".to_owned(), d.purged_at.as_second().into());
    Json::Object(members)
}

/// `innererror` in lower case, absent if there is none.
pub(super) fn error_body(e: &CloudError) -> Json {
    let mut error = json!({ "code": e.code, "message": e.message });
    if let (Some(error), Some(inner)) = (error.as_object_mut(), &e.innererror) {
        error.insert("innererror".to_owned(), json!({ "code": inner }));
    }
    json!({ "error": error })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SkipToken {
    next_marker: String,
    target_location: u8,
}

/// The page that a request asks for of `items`, which are in the order of their keys. `nextLink` is null on the last one, else
/// an absolute address with an explicit port, as recorded.
pub(super) fn page(request: &Request, items: Vec<(String, Json)>) -> Result<Json, CloudError> {
    let bad = |what: &str| CloudError::bad_parameter(format!("Parameter {what} has an invalid value."));
    let most = match request.parameter("maxresults") {
        None => PAGE,
        Some(text) => text.parse().ok().filter(|n| (1..=PAGE).contains(n)).ok_or_else(|| bad("maxresults"))?,
    };
    let from = match request.parameter("$skiptoken") {
        None => String::new(),
        Some(text) => {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad("$skiptoken"))?;
            serde_json::from_slice::<SkipToken>(&bytes).map_err(|_| bad("$skiptoken"))?.next_marker
        }
    };
    let mut rest = items.into_iter().skip_while(|(key, _)| *key < from);
    let value: Vec<Json> = rest.by_ref().take(most).map(|(_, body)| body).collect();
    let next = rest.next().map(|(key, _)| next_link(request, key, most));
    Ok(json!({ "value": value, "nextLink": next }))
}

/// The link to the page that a list begins with.
pub(super) fn link_to_the_first(request: &Request) -> String {
    let most = request.parameter("maxresults").and_then(|m| m.parse().ok()).unwrap_or(PAGE);
    next_link(request, String::new(), most)
}

fn next_link(request: &Request, from: String, most: usize) -> String {
    let token = json!(SkipToken { next_marker: from, target_location: 0 }).to_string();
    let port = if request.host.contains(':') { "" } else { ":443" };
    let api_version = request.parameter("api-version").unwrap_or_default();
    let token = URL_SAFE_NO_PAD.encode(token);
    let (base, path) = (request.base(), &request.path);
    format!("{base}{port}{path}?api-version={api_version}&$skiptoken={token}&maxresults={most}")
}
