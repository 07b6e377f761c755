//! Graph's query options: `$filter`, `$select`, `$top`, and pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::graph_bodies::{METADATA, picked};
use super::message::Request;
use crate::sandbox::cloud::CloudError;

/// Items of a page if `$top` says nothing, and at most (application-list.md).
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 999;

/// Which objects a list shows.
pub(super) enum By {
    All,
    ClientId(String),
    Name(String),
    NameStart(String),
}

impl By {
    pub(super) fn fits(&self, client_id: Uuid, display_name: &str) -> bool {
        match self {
            By::All => true,
            By::ClientId(id) => client_id.to_string().eq_ignore_ascii_case(id),
            By::Name(name) => display_name.eq_ignore_ascii_case(name),
            By::NameStart(start) => display_name.to_lowercase().starts_with(&start.to_lowercase()),
        }
    }
}

/// The few filters that clients send; others are refused as the service refuses what it does not support.
pub(super) fn filter(request: &Request, of_principals: bool) -> Result<By, CloudError> {
    let quoted = |rest: &str| rest.strip_prefix('\'')?.strip_suffix('\'').map(|s| s.replace("''", "'"));
    let text = request.parameter("$filter");
    let by = match text.as_deref().map(str::trim) {
        None => Some(By::All),
        Some(t) => {
            let app_id = t.strip_prefix("appId eq ").and_then(quoted);
            let names = t.strip_prefix("servicePrincipalNames/any(c:c eq ").and_then(|r| r.strip_suffix(')'));
            let names = names.and_then(quoted).filter(|_| of_principals);
            let start = t.strip_prefix("startswith(displayName,").and_then(|r| r.strip_suffix(')')).and_then(quoted);
            let name = t.strip_prefix("displayName eq ").and_then(quoted);
            app_id.or(names).map(By::ClientId).or(name.map(By::Name)).or(start.map(By::NameStart))
        }
    };
    by.ok_or_else(|| CloudError::new(400, "Request_UnsupportedQuery", "Unsupported Query."))
}

fn top(request: &Request) -> Result<Option<usize>, CloudError> {
    let bad = |_| CloudError::bad_request("Invalid page size specified. Must be between 1 and 999 inclusive.");
    let one = |text: String| match text.parse() {
        Ok(n) if (1..=LONGEST_PAGE).contains(&n) => Ok(n),
        Ok(_) | Err(_) => Err(bad(())),
    };
    request.parameter("$top").map(one).transpose()
}

/// What a call costs, in resource units (throttling-limits.md): `$select` and a small `$top` make it cheaper.
pub(super) struct Cost;

impl Cost {
    pub(super) fn of(base: u8, request: &Request) -> u8 {
        let select = u8::from(request.parameter("$select").is_some());
        let small = u8::from(request.parameter("$top").and_then(|t| t.parse().ok()).is_some_and(|n: u32| n < 20));
        base.saturating_sub(select).saturating_sub(small).max(1)
    }
}

/// The page that a request asks for of `items`, which are in the order of their keys. `@odata.nextLink` is absolute, on the
/// host that the client named, and carries all of the request's own parameters; there is none on the last page.
pub(super) fn listed<T>(
    kind: &str,
    request: &Request,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> Uuid,
    body: impl Fn(&T) -> Json,
) -> Result<Json, CloudError> {
    let most = top(request)?.unwrap_or(PAGE);
    let from = match request.parameter("$skiptoken") {
        None => Uuid::nil(),
        Some(token) => {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|b| Uuid::from_slice(&b).ok());
            bytes.ok_or_else(|| {
                CloudError::new(400, "Directory_ExpiredPageToken", "The specified page token is not valid.")
            })?
        }
    };
    let select = request.parameter("$select");
    let mut rest = items.skip_while(|item| key(item) < from);
    let bodies: Vec<Json> = rest.by_ref().take(most).map(|item| picked(body(&item), select.as_deref())).collect();
    let of = select.as_deref().map(|names| format!("({names})")).unwrap_or_default();
    let mut page = Map::new();
    page.insert("@odata.context".to_owned(), format!("{METADATA}#{kind}{of}").into());
    if let Some(next) = rest.next() {
        let token = URL_SAFE_NO_PAD.encode(key(&next).as_bytes());
        page.insert("@odata.nextLink".to_owned(), next_link(request, &token).into());
    }
    page.insert("value".to_owned(), json!(bodies));
    Ok(Json::Object(page))
}

/// The link to the page that a list begins with.
pub(super) fn link_to_the_first(request: &Request) -> String {
    next_link(request, &Uuid::nil().to_string())
}

/// The address of the page that `token` stands for.
pub(super) fn next_link(request: &Request, token: &str) -> String {
    let kept = request.query.split('&').filter(|pair| !pair.is_empty());
    let kept = kept.filter(|pair| !["$skiptoken=", "%24skiptoken="].iter().any(|name| pair.starts_with(name)));
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("$skiptoken={token}"));
    format!("{}{}?{}", request.base(), request.path, query.join("&"))
}
