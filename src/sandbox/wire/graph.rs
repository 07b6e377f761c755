//! Microsoft Graph: applications, service principals, password credentials, policies.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::graph_bodies::{
    application, assignment, directory_object, error_body, password, policy, selected, service_principal,
};
use super::graph_lifecycle;
use super::graph_path::{Target, no_segment, target};
use super::graph_query::{Cost, filter, listed};
use super::message::{Request, Response};
use crate::sandbox::cloud::{
    AppRef, Caller, Cloud, CloudError, DirectoryAct, NewPassword, PasswordSpec, PrincipalRef, Resource, TokenFault,
};
use crate::sandbox::faults::Call;

const SUCCESS: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// Where Graph sends callers without a good token.
const CHALLENGE: &str = "Bearer realm=\"\", \
    authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
    client_id=\"00000003-0000-0000-c000-000000000000\"";

const DIAGNOSTIC: &str =
    r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"SANDBOX"}}"#;

/// What a call comes to: a body and what it cost, or nothing (204).
pub(super) enum Done {
    Body(Json, u8),
    Added(Json),
    /// A new object, and where it is.
    Created(Json, String),
    Nothing,
}

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request, call: &Call) -> Response {
    let request_id = cloud.draw_request_id();
    let client_request_id = request.header("client-request-id").map(str::to_owned);
    let done = authorised(cloud, now, request).and_then(|caller| perform(cloud, now, request, &caller, call));
    let response = match done {
        Ok(Done::Body(body, cost)) => success(200, &body, cost),
        Ok(Done::Added(body)) => success(200, &body, 1).header("location", "https://graph.microsoft.com"),
        Ok(Done::Created(body, place)) => success(201, &body, 1).header("location", place),
        Ok(Done::Nothing) => Response::empty(204).header("x-ms-resource-unit", "1"),
        Err(e) => {
            let body = error_body(now, &e, request_id, client_request_id.as_deref());
            let response = Response::json(e.status, "application/json", &body).header("x-ms-resource-unit", "1");
            let response = response.header("vary", "Accept-Encoding");
            match e.retry_after {
                Some(after) => response.header("retry-after", after.text()),
                None if e.status == 401 => response.header("www-authenticate", CHALLENGE),
                None => response,
            }
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

fn success(status: u16, body: &Json, cost: u8) -> Response {
    let response = Response::json(status, SUCCESS, body).header("x-ms-resource-unit", cost.to_string());
    response.fixed(&[("odata-version", "4.0"), ("vary", "Accept-Encoding")])
}

fn authorised(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<Caller, CloudError> {
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
    Ok(caller)
}

fn perform(cloud: &mut Cloud, now: Timestamp, request: &Request, caller: &Caller, call: &Call) -> Result<Done, CloudError> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).skip(1).collect();
    if let Some(refusal) = cloud.graph_trouble(call, path.get(1).copied().unwrap_or_default()) {
        return Err(refusal);
    }
    // Who has no permission at all is not told what there is.
    if caller.roles.is_empty() {
        return Err(CloudError::request_denied());
    }
    if let Some(report) = super::sign_ins::answer(cloud, now, request, caller, &path) {
        return report.map(|body| Done::Body(body, 1));
    }
    let (target, rest) = target(&path)?;
    match (request.method.as_str(), target, rest) {
        ("GET", Target::Applications, []) => {
            cloud.check_directory(caller, DirectoryAct::List)?;
            let by = filter(request, false)?;
            let found = cloud.applications().filter(|a| a.is_seen(now) && by.fits(a.client_id, &a.display_name));
            let page = listed("applications", request, found, |a| a.object_id, |a| application(cloud, now, a))?;
            Ok(Done::Body(page, Cost::of(2, request)))
        }
        ("GET", Target::Principals, []) => {
            cloud.check_directory(caller, DirectoryAct::List)?;
            let by = filter(request, true)?;
            let graph = cloud.graph_principal();
            let found = std::iter::once(&graph).chain(cloud.principals()).filter(|p| by.fits(p.client_id, &p.display_name));
            let page = listed("servicePrincipals", request, found, |p| p.client_id, |p| service_principal(cloud, now, p))?;
            Ok(Done::Body(page, Cost::of(1, request)))
        }
        ("POST", Target::Applications, []) => graph_lifecycle::create(cloud, now, request, caller),
        ("POST", Target::Principals, []) => graph_lifecycle::create_principal(cloud, now, request, caller),
        (_, Target::Deleted, rest) => graph_lifecycle::on_deleted(cloud, now, request, caller, rest),
        (method, Target::Application(which), rest) => on_application(cloud, now, request, caller, method, which, rest),
        (method, Target::Principal(which), rest) => on_principal(cloud, now, request, caller, method, which, rest),
        ("GET", Target::Policies, ["defaultAppManagementPolicy"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadPolicies)?;
            let body = policy(&cloud.tenant_policy(), true);
            Ok(Done::Body(selected("policies/defaultAppManagementPolicy", body, request), 1))
        }
        ("GET", Target::Policies, ["appManagementPolicies"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadPolicies)?;
            let found = cloud.applications().filter_map(|a| a.policy.as_ref());
            Ok(Done::Body(listed("policies/appManagementPolicies", request, found, |p| p.id, |p| policy(p, false))?, 1))
        }
        (_, Target::Applications | Target::Principals | Target::Policies, _) => {
            Err(no_segment(path.last().copied().unwrap_or_default()))
        }
    }
}

fn on_application(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    caller: &Caller,
    method: &str,
    which: AppRef,
    rest: &[&str],
) -> Result<Done, CloudError> {
    let found = cloud.application(which)?;
    if !found.is_seen(now) {
        let (AppRef::Object(id) | AppRef::Client(id)) = which;
        return Err(CloudError::resource_not_found(&id.to_string()));
    }
    let which = AppRef::Object(found.object_id);
    match (method, rest) {
        ("GET", []) => {
            cloud.check_directory(caller, DirectoryAct::Read(found))?;
            let body = application(cloud, now, found);
            Ok(Done::Body(selected("applications", body, request), 1))
        }
        ("DELETE", []) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            cloud.delete_application(which).map(|()| Done::Nothing)
        }
        ("GET", ["owners"]) => {
            cloud.check_directory(caller, DirectoryAct::Read(found))?;
            let owners = found.owners.iter().copied();
            let page = listed("directoryObjects", request, owners, |id| *id, |id| directory_object(cloud, now, *id))?;
            Ok(Done::Body(page, 1))
        }
        ("POST", ["owners", "$ref"]) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            let body: Reference = serde_json::from_slice(&request.body).map_err(|_| unreadable())?;
            let id = body.id.rsplit('/').next().and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
            cloud.add_owner(which, id).map(|()| Done::Nothing)
        }
        ("DELETE", ["owners", id, "$ref"]) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            let id = id.parse().map_err(|_| CloudError::resource_not_found(id))?;
            cloud.remove_owner(which, id).map(|()| Done::Nothing)
        }
        ("GET", ["appManagementPolicies"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadPolicies)?;
            let found = found.policy.iter();
            Ok(Done::Body(listed("appManagementPolicies", request, found, |p| p.id, |p| policy(p, false))?, 1))
        }
        ("POST", ["addPassword"]) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            cloud.add_password(now, which, asked_for(request)?).map(|made| added(&made, true))
        }
        ("POST", ["removePassword"]) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            cloud.remove_password(now, which, key_id(request)?).map(|()| Done::Nothing)
        }
        (_, rest) => Err(no_segment(rest.last().copied().unwrap_or("applications"))),
    }
}

fn on_principal(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    caller: &Caller,
    method: &str,
    which: PrincipalRef,
    rest: &[&str],
) -> Result<Done, CloudError> {
    let graph = cloud.graph_principal();
    let of_graph = [PrincipalRef::Object(graph.object_id), PrincipalRef::Client(graph.client_id)].contains(&which);
    let found = if of_graph { &graph } else { cloud.principal(which)? };
    match (method, rest) {
        ("GET", []) => {
            cloud.check_directory(caller, DirectoryAct::ReadPrincipal(found))?;
            let body = service_principal(cloud, now, found);
            Ok(Done::Body(selected("servicePrincipals", body, request), 1))
        }
        // Nobody owns service principals here.
        ("GET", ["owners"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadPrincipal(found))?;
            Ok(Done::Body(listed("directoryObjects", request, std::iter::empty::<Uuid>(), |id| *id, |_| Json::Null)?, 1))
        }
        ("GET", ["ownedObjects"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadPrincipal(found))?;
            let owned = cloud.applications().filter(|a| a.owners.contains(&found.object_id));
            let body = |id| directory_object(cloud, now, id);
            Ok(Done::Body(listed("directoryObjects", request, owned, |a| a.object_id, |a| body(a.object_id))?, 1))
        }
        ("GET", ["appRoleAssignments"]) => {
            cloud.check_directory(caller, DirectoryAct::ReadGrants)?;
            let kind = format!("servicePrincipals('{}')/appRoleAssignments", found.object_id);
            let page = listed(&kind, request, found.roles.iter(), |r| r.id(), |r| assignment(found, &graph, **r))?;
            Ok(Done::Body(page, Cost::of(2, request)))
        }
        ("POST", ["addPassword"]) => {
            cloud.check_directory(caller, DirectoryAct::ChangePrincipal(found))?;
            cloud.add_principal_password(now, which, asked_for(request)?).map(|made| added(&made, false))
        }
        ("POST", ["removePassword"]) => {
            cloud.check_directory(caller, DirectoryAct::ChangePrincipal(found))?;
            cloud.remove_principal_password(now, which, key_id(request)?).map(|()| Done::Nothing)
        }
        (_, rest) => Err(no_segment(rest.last().copied().unwrap_or("servicePrincipals"))),
    }
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

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "@odata.id")]
    id: String,
}

pub(super) fn unreadable() -> CloudError {
    let message =
        "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.";
    CloudError::new(400, "BadRequest", message)
}

/// The body of `addPassword`.
fn asked_for(request: &Request) -> Result<PasswordSpec, CloudError> {
    let body: AddBody = match request.body.as_slice() {
        [] => AddBody::default(),
        bytes => serde_json::from_slice(bytes).map_err(|_| unreadable())?,
    };
    let asked = body.password_credential.unwrap_or_default();
    if asked.key_id.is_some() {
        return Err(CloudError::bad_request("Property 'keyId' is read-only and cannot be set."));
    }
    Ok(PasswordSpec { display_name: asked.display_name, start: asked.start_date_time, end: asked.end_date_time })
}

/// The body of `removePassword`.
fn key_id(request: &Request) -> Result<Uuid, CloudError> {
    let body: RemoveBody = serde_json::from_slice(&request.body).map_err(|_| unreadable())?;
    Ok(body.key_id)
}

fn added(made: &NewPassword, with_hint: bool) -> Done {
    let value = with_hint.then_some(&made.value);
    let mut body = password(made.key_id, made.display_name.as_deref(), made.start, made.end, value);
    if let Some(body) = body.as_object_mut() {
        let context = "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.passwordCredential";
        body.insert("@odata.context".to_owned(), context.into());
        body.insert("secretText".to_owned(), json!(made.value.text()));
    }
    Done::Added(body)
}
