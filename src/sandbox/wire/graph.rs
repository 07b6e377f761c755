//! Microsoft Graph: applications, service principals, password credentials.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use uuid::Uuid;

use super::graph_bodies::{application, error_body, listed, password, selected, service_principal};
use super::message::{Request, Response};
use crate::sandbox::cloud::{AppRef, Application, Cloud, CloudError, PasswordSpec, Resource, TokenFault};

const SUCCESS: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// Where Graph sends callers without a good token.
const CHALLENGE: &str = "Bearer realm=\"\", \
    authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
    client_id=\"00000003-0000-0000-c000-000000000000\"";

const DIAGNOSTIC: &str =
    r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"SANDBOX"}}"#;

/// What a call comes to: a body and what it cost, or nothing (204).
enum Done {
    Body(Json, u8),
    Added(Json),
    Nothing,
}

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let request_id = cloud.draw_request_id();
    let client_request_id = request.header("client-request-id").map(str::to_owned);
    let done = authorised(cloud, now, request).and_then(|()| perform(cloud, now, request));
    let response = match done {
        Ok(Done::Body(body, cost)) => success(&body, cost),
        Ok(Done::Added(body)) => success(&body, 1).header("location", "https://graph.microsoft.com"),
        Ok(Done::Nothing) => Response::empty(204).header("x-ms-resource-unit", "1"),
        Err(e) => {
            let body = error_body(now, &e, request_id, client_request_id.as_deref());
            let response = Response::json(e.status, "application/json", &body).header("x-ms-resource-unit", "1");
            let response = response.header("vary", "Accept-Encoding");
            if e.status == 401 { response.header("www-authenticate", CHALLENGE) } else { response }
        }
    };
    let response = response.header("request-id", request_id.to_string()).fixed(&[
        ("cache-control", "no-cache"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-ms-ags-diagnostic", DIAGNOSTIC),
    ]);
    match client_request_id {
        Some(id) => response.header("client-request-id", id),
        None => response,
    }
}

fn success(body: &Json, cost: u8) -> Response {
    let response = Response::json(200, SUCCESS, body).header("x-ms-resource-unit", cost.to_string());
    response.fixed(&[("odata-version", "4.0"), ("vary", "Accept-Encoding")])
}

fn authorised(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<(), CloudError> {
    let invalid = |message: &str| CloudError::new(401, "InvalidAuthenticationToken", message);
    let token = request.bearer().ok_or_else(|| invalid("Access token is empty."))?;
    let caller = cloud.caller(now, token).map_err(|fault| {
        invalid(match fault {
            TokenFault::Malformed => "IDX14100: JWT is not well formed, there are no dots (.).",
            TokenFault::Foreign => "Access token validation failure. Invalid signature.",
            TokenFault::Expired => "Lifetime validation failed, the token is expired.",
        })
    })?;
    if caller.resource != Resource::Graph {
        return Err(invalid("Access token validation failure. Invalid audience."));
    }
    let denied =
        || CloudError::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
    if cloud.is_operator(&caller) { Ok(()) } else { Err(denied()) }
}

fn perform(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Result<Done, CloudError> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).skip(1).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["applications"]) => {
            let found = cloud.applications().filter(filter(request, Kind::Application)?);
            let bodies = found.map(|a| application(cloud, now, a)).collect();
            Ok(Done::Body(listed("applications", bodies, request), 2))
        }
        ("GET", ["servicePrincipals"]) => {
            let bodies = cloud
                .applications()
                .filter(filter(request, Kind::ServicePrincipal)?)
                .map(|a| service_principal(cloud, a))
                .collect();
            Ok(Done::Body(listed("servicePrincipals", bodies, request), 1))
        }
        ("GET", [one]) if one.starts_with("servicePrincipals(") => one_service_principal(cloud, request, one, ""),
        ("GET", ["servicePrincipals", id]) => one_service_principal(cloud, request, "", id),
        ("GET", [one]) if one.starts_with("applications(") => one_application(cloud, now, request, app(one, "")?),
        ("GET", ["applications", id]) => one_application(cloud, now, request, app("", id)?),
        ("POST", ["applications", id, action]) => act(cloud, now, request, app("", id)?, action),
        ("POST", [one, action]) if one.starts_with("applications(") => act(cloud, now, request, app(one, "")?, action),
        _ => {
            let segment = path.first().copied().unwrap_or_default();
            Err(CloudError::new(400, "BadRequest", format!("Resource not found for the segment '{segment}'.")))
        }
    }
}

fn one_application(cloud: &Cloud, now: Timestamp, request: &Request, which: AppRef) -> Result<Done, CloudError> {
    let body = application(cloud, now, cloud.application(which)?);
    Ok(Done::Body(selected("applications", body, request), 1))
}

fn one_service_principal(cloud: &Cloud, request: &Request, keyed: &str, id: &str) -> Result<Done, CloudError> {
    let key = alternate_key(keyed);
    let wanted = |a: &&Application| match key {
        Some(client_id) => a.client_id.to_string() == client_id.to_ascii_lowercase(),
        None => a.service_principal_id.to_string() == id.to_ascii_lowercase(),
    };
    let found = cloud.applications().find(wanted);
    let found = found.ok_or_else(|| CloudError::resource_not_found(key.unwrap_or(id)))?;
    Ok(Done::Body(selected("servicePrincipals", service_principal(cloud, found), request), 1))
}

/// `x` of `things(appId='x')`.
fn alternate_key(segment: &str) -> Option<&str> {
    let (_, key) = segment.split_once('(')?;
    key.strip_suffix(')')?.strip_prefix("appId='")?.strip_suffix('\'')
}

/// The application that a path names, in either form.
fn app(keyed: &str, id: &str) -> Result<AppRef, CloudError> {
    let (text, by): (&str, fn(Uuid) -> AppRef) = match alternate_key(keyed) {
        Some(client_id) => (client_id, AppRef::Client),
        None => (id, AppRef::Object),
    };
    text.parse().map(by).map_err(|_| CloudError::resource_not_found(text))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Application,
    ServicePrincipal,
}

/// The few filters that clients of applications send; others are refused as the service refuses what it does not support.
fn filter(request: &Request, kind: Kind) -> Result<impl Fn(&&Application) -> bool + use<>, CloudError> {
    enum By {
        All,
        AppId(String),
        Name(String),
        NameStart(String),
    }
    let text = request.parameter("$filter");
    let quoted = |rest: &str| rest.strip_prefix('\'')?.strip_suffix('\'').map(|s| s.replace("''", "'"));
    let by = match text.as_deref().map(str::trim) {
        None => Some(By::All),
        Some(t) => {
            let app_id = t.strip_prefix("appId eq ").and_then(quoted);
            let names = t.strip_prefix("servicePrincipalNames/any(c:c eq ").and_then(|r| r.strip_suffix(')'));
            let names = names.and_then(quoted).filter(|_| kind == Kind::ServicePrincipal);
            let start = t.strip_prefix("startswith(displayName,").and_then(|r| r.strip_suffix(')')).and_then(quoted);
            let name = t.strip_prefix("displayName eq ").and_then(quoted);
            app_id.or(names).map(By::AppId).or(name.map(By::Name)).or(start.map(By::NameStart))
        }
    };
    let by = by.ok_or_else(|| CloudError::new(400, "Request_UnsupportedQuery", "Unsupported Query."))?;
    Ok(move |a: &&Application| match &by {
        By::All => true,
        By::AppId(id) => a.client_id.to_string().eq_ignore_ascii_case(id),
        By::Name(name) => a.display_name.eq_ignore_ascii_case(name),
        By::NameStart(start) => a.display_name.to_lowercase().starts_with(&start.to_lowercase()),
    })
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AddBody {
    password_credential: Option<AddCredential>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AddCredential {
    display_name: Option<String>,
    start_date_time: Option<Timestamp>,
    end_date_time: Option<Timestamp>,
    key_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoveBody {
    key_id: Uuid,
}

fn unreadable() -> CloudError {
    let message =
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.";
    CloudError::new(400, "BadRequest", message)
}

fn act(cloud: &mut Cloud, now: Timestamp, request: &Request, which: AppRef, action: &str) -> Result<Done, CloudError> {
    match action {
        "addPassword" => {
            let body: AddBody = match request.body.as_slice() {
                [] => AddBody::default(),
                bytes => serde_json::from_slice(bytes).map_err(|_| unreadable())?,
            };
            let asked = body.password_credential.unwrap_or_default();
            if asked.key_id.is_some() {
                return Err(CloudError::bad_request("Property 'keyId' is read-only and cannot be set."));
            }
            let spec =
                PasswordSpec { display_name: asked.display_name, start: asked.start_date_time, end: asked.end_date_time };
            let made = cloud.add_password(now, which, spec)?;
            let mut body = password(made.key_id, made.display_name.as_deref(), made.start, made.end, &made.value);
            if let Some(body) = body.as_object_mut() {
                let context = "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.passwordCredential";
                body.insert("@odata.context".to_owned(), context.into());
                body.insert("secretText".to_owned(), made.value.text().into());
            }
            Ok(Done::Added(body))
        }
        "removePassword" => {
            let body: RemoveBody = serde_json::from_slice(&request.body).map_err(|_| unreadable())?;
            cloud.remove_password(now, which, body.key_id)?;
            Ok(Done::Nothing)
        }
        other => Err(CloudError::new(400, "BadRequest", format!("Resource not found for the segment '{other}'."))),
    }
}
