//! Applications made, deleted, restored and purged, and service principals made, through Graph.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use uuid::Uuid;

use super::graph::{Done, unreadable};
use super::graph_bodies::{application, selected, service_principal};
use super::graph_path::no_segment;
use super::message::Request;
use crate::sandbox::cloud::{AppRef, ApplicationSpec, Audience, Caller, Cloud, CloudError, DirectoryAct, Role};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewApplication {
    display_name: Option<String>,
    sign_in_audience: Option<Audience>,
    #[serde(default)]
    password_credentials: Vec<IgnoredAny>,
    #[serde(default)]
    key_credentials: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewPrincipal {
    app_id: Uuid,
}

/// `POST /applications`. Without an audience it is that of personal accounts, too (graph-app-create-201): two secrets at most.
pub(super) fn create(cloud: &mut Cloud, now: Timestamp, request: &Request, caller: &Caller) -> Result<Done, CloudError> {
    cloud.check_directory(caller, DirectoryAct::Create)?;
    let body: NewApplication = serde_json::from_slice(&request.body).map_err(|_| unreadable())?;
    let display_name = body.display_name.filter(|name| !name.is_empty()).ok_or_else(|| {
        let message = "A value is required for property 'displayName' of resource 'Application'.";
        CloudError::bad_request(message)
    })?;
    if !body.password_credentials.is_empty() || !body.key_credentials.is_empty() {
        return Err(CloudError::bad_request("The sandbox adds credentials by addPassword only."));
    }
    let audience = body.sign_in_audience.unwrap_or(Audience::OrgsAndPersonal);
    let spec = ApplicationSpec { display_name, audience, ..ApplicationSpec::default() };
    // Who may change only what it owns is made an owner, else it could never change this one (permissions-reference.md).
    let owner = (!caller.roles.contains(&Role::ApplicationReadWriteAll)).then_some(caller.object_id);
    let object_id = cloud.register_application(now, spec, owner);
    let made = cloud.application(AppRef::Object(object_id))?;
    let mut body = selected("applications", application(cloud, now, made), request);
    // With its fraction here, in whole seconds ever after.
    if let Some(created) = body.get_mut("createdDateTime") {
        *created = made.created.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string().into();
    }
    Ok(created(cloud, body, object_id, "Application"))
}

/// `POST /servicePrincipals`.
pub(super) fn create_principal(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    caller: &Caller,
) -> Result<Done, CloudError> {
    cloud.check_directory(caller, DirectoryAct::Create)?;
    let body: NewPrincipal = serde_json::from_slice(&request.body).map_err(|_| unreadable())?;
    let made = cloud.register_principal(now, body.app_id)?.clone();
    let body = selected("servicePrincipals", service_principal(cloud, now, &made), request);
    Ok(created(cloud, body, made.object_id, "ServicePrincipal"))
}

fn created(cloud: &Cloud, body: Json, object_id: Uuid, kind: &str) -> Done {
    let base = format!("https://graph.microsoft.com/v2/{}/directoryObjects", cloud.tenant());
    Done::Created(body, format!("{base}/{object_id}/Microsoft.DirectoryServices.{kind}"))
}

/// What is under `/directory/deletedItems`: applications only.
pub(super) fn on_deleted(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    caller: &Caller,
    rest: &[&str],
) -> Result<Done, CloudError> {
    let [id, rest @ ..] = rest else { return Err(no_segment("deletedItems")) };
    let object_id: Uuid = id.parse().map_err(|_| CloudError::resource_not_found(id))?;
    let found = cloud.deleted_application(object_id)?;
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            cloud.check_directory(caller, DirectoryAct::Read(found))?;
            let body = application(cloud, now, found);
            Ok(Done::Body(selected("directoryObjects", body, request), 1))
        }
        ("DELETE", []) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            cloud.purge_application(object_id).map(|()| Done::Nothing)
        }
        ("POST", ["restore"]) => {
            cloud.check_directory(caller, DirectoryAct::Change(found))?;
            cloud.restore_application(object_id)?;
            let back = cloud.application(AppRef::Object(object_id))?;
            Ok(Done::Body(selected("directoryObjects", application(cloud, now, back), request), 1))
        }
        (_, rest) => Err(no_segment(rest.last().copied().unwrap_or("deletedItems"))),
    }
}
