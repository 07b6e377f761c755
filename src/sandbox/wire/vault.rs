//! Key Vault's data plane for secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::hosts;
use super::message::{Request, Response};
use super::vault_bodies::{Shape, bundle, deleted, error_body, page};
use crate::sandbox::cloud::{
    Caller, Cloud, CloudError, Resource, SecretUpdate, SecretWrite, TokenFault, Value, VaultRight, right_for,
};
use crate::sandbox::faults::Call;

const JSON: &str = "application/json; charset=utf-8";

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request, call: &Call) -> Response {
    let request_id = cloud.draw_request_id();
    let host = hosts::vault(&request.host);
    // The token comes first: the SDKs' first request has neither token nor body.
    let done = authorised(cloud, now, request)
        .and_then(|caller| admitted(cloud, &host, request, &caller, call))
        .and_then(|()| perform(cloud, now, &host, request));
    let response = match done {
        Ok(Some(body)) => Response::json(200, JSON, &body),
        Ok(None) => Response::empty(204),
        Err(e) if e.status == 401 => {
            Response::json(401, JSON, &error_body(&e)).header("www-authenticate", challenge(cloud, &request.host, &host))
        }
        Err(e) => Response::json(e.status, JSON, &error_body(&e)),
    };
    let response = response.header("x-ms-request-id", request_id.to_string()).fixed(&[
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
        ("expires", "-1"),
        ("strict-transport-security", "max-age=31536000;includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-ms-keyvault-region", "sandbox"),
        ("x-ms-keyvault-service-version", "1.9.787.1"),
        ("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"),
    ]);
    match request.header("x-ms-client-request-id") {
        Some(id) => response.header("x-ms-client-request-id", id),
        None => response,
    }
}

/// The tenant is the path of the authorization address, and the resource a parent domain of the vault's host, so that clients
/// which compare the two go on doing so.
fn challenge(cloud: &Cloud, host: &str, vault: &str) -> String {
    let (name, port) = host.rsplit_once(':').map_or((host, String::new()), |(name, port)| (name, format!(":{port}")));
    let name = name.to_ascii_lowercase();
    let (login, resource) = if name.ends_with(".vault.sandbox.localhost") {
        (format!("login.sandbox.localhost{port}"), format!("vault.sandbox.localhost{port}"))
    } else if name.ends_with(".vault.azure.net") {
        ("login.microsoftonline.com".to_owned(), "vault.azure.net".to_owned())
    } else {
        (format!("{name}{port}"), "vault.azure.net".to_owned())
    };
    let tenant = cloud.vault_tenant(vault);
    let wanted = if cloud.challenges_with_scope(vault) {
        format!("scope=\"https://{resource}/.default\"")
    } else {
        format!("resource=\"https://{resource}\"")
    };
    format!("Bearer authorization=\"https://{login}/{tenant}\", {wanted}")
}

fn authorised(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<Caller, CloudError> {
    let unauthorized = |message: &str| CloudError::new(401, "Unauthorized", message);
    let missing = || unauthorized("AKV10000: Request is missing a Bearer or PoP token.");
    let token = request.bearer().ok_or_else(missing)?;
    let caller = cloud.caller(now, token).map_err(|fault| {
        unauthorized(match fault {
            TokenFault::Malformed | TokenFault::Foreign => "Error validating token: it was not issued by this sandbox.",
            TokenFault::Expired => "Error validating token: it has expired.",
        })
    })?;
    if caller.resource == Resource::Vault {
        Ok(caller)
    } else {
        Err(unauthorized("Error validating token: wrong audience."))
    }
}

/// What was ordered comes first, then the vault's rules. A host without a vault has no rules: it answers for itself.
fn admitted(cloud: &mut Cloud, host: &str, request: &Request, caller: &Caller, call: &Call) -> Result<(), CloudError> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(refusal) = cloud.vault_trouble(call) {
        return Err(refusal);
    }
    if !cloud.has_vault(host) {
        return Ok(());
    }
    // every operation of a vault needs a right
    let right = right_for(call.operation).unwrap_or(VaultRight::Get);
    cloud.check_vault(caller, host, path.get(1).copied().unwrap_or_default(), right)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetBody {
    value: Value,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PatchBody {
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

fn time(seconds: Option<i64>) -> Result<Option<Timestamp>, CloudError> {
    let one = |s| Timestamp::from_second(s).map_err(|_| CloudError::bad_parameter("Property has invalid value"));
    seconds.map(one).transpose()
}

/// The offending text is not repeated: it may be a value.
fn body<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, CloudError> {
    let wrong = |_| CloudError::bad_parameter("The request body is missing, not JSON, or lacks a required property.");
    serde_json::from_slice(&request.body).map_err(wrong)
}

fn perform(cloud: &mut Cloud, now: Timestamp, host: &str, request: &Request) -> Result<Option<Json>, CloudError> {
    let Some(api_version) = request.parameter("api-version").filter(|v| !v.is_empty()) else {
        return Err(CloudError::bad_parameter("api-version must be specified"));
    };
    let shape = Shape { base: request.base(), recoverable_days: api_version != "7.0" };
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("PUT", ["secrets", name]) => {
            let write = write(body(request)?)?;
            cloud.set_secret(now, host, name, write).map(|v| Some(bundle(&shape, &v, true)))
        }
        ("GET", ["secrets"]) => {
            let secrets = cloud.secrets(host)?;
            let items =
                secrets.iter().filter_map(|s| s.latest()).map(|v| (v.name.to_ascii_lowercase(), shape.item(v))).collect();
            page(request, items).map(Some)
        }
        ("GET", ["secrets", name, "versions"]) => {
            let versions = cloud.secret_versions(host, name)?;
            let items = versions.into_iter().map(|v| (v.id.clone(), bundle(&shape, v, false))).collect();
            page(request, items).map(Some)
        }
        ("GET", ["secrets", name]) => cloud.secret(host, name, None).map(|v| Some(bundle(&shape, v, true))),
        ("GET", ["secrets", name, version]) => {
            cloud.secret(host, name, Some(version)).map(|v| Some(bundle(&shape, v, true)))
        }
        ("PATCH", ["secrets", name]) => patch(cloud, now, host, request, name, None, &shape),
        ("PATCH", ["secrets", name, version]) => patch(cloud, now, host, request, name, Some(version), &shape),
        ("DELETE", ["secrets", name]) => {
            cloud.delete_secret(now, host, name).map(|(v, d)| Some(deleted(&shape, &v, &d, true)))
        }
        ("GET", ["deletedsecrets"]) => {
            let found = cloud.deleted_secrets(now, host)?;
            let items = found.into_iter().map(|(v, d)| (v.name.to_ascii_lowercase(), deleted(&shape, v, d, false)));
            page(request, items.collect()).map(Some)
        }
        ("GET", ["deletedsecrets", name]) => {
            cloud.deleted_secret(now, host, name).map(|(v, d)| Some(deleted(&shape, v, d, true)))
        }
        ("POST", ["deletedsecrets", name, "recover"]) => {
            cloud.recover_secret(now, host, name).map(|v| Some(bundle(&shape, &v, false)))
        }
        ("DELETE", ["deletedsecrets", name]) => cloud.purge_secret(now, host, name).map(|()| None),
        _ => Err(CloudError::bad_parameter("Method or path is not served by the sandbox.")),
    }
}

fn write(body: SetBody) -> Result<SecretWrite, CloudError> {
    let attributes = body.attributes.unwrap_or_default();
    Ok(SecretWrite {
        value: body.value,
        content_type: body.content_type,
        tags: body.tags.unwrap_or_default(),
        enabled: attributes.enabled.unwrap_or(true),
        not_before: time(attributes.nbf)?,
        expires: time(attributes.exp)?,
    })
}

fn patch(
    cloud: &mut Cloud,
    now: Timestamp,
    host: &str,
    request: &Request,
    name: &str,
    version: Option<&str>,
    shape: &Shape,
) -> Result<Option<Json>, CloudError> {
    let body: PatchBody = body(request)?;
    let attributes = body.attributes.unwrap_or_default();
    let update = SecretUpdate {
        content_type: body.content_type,
        tags: body.tags,
        enabled: attributes.enabled,
        not_before: time(attributes.nbf)?,
        expires: time(attributes.exp)?,
    };
    cloud.update_secret(now, host, name, version, update).map(|v| Some(bundle(shape, &v, false)))
}
