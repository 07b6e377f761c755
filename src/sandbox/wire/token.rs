//! The token endpoint and its discovery document.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::message::{Request, Response};
use crate::sandbox::cloud::{Cloud, IssuedToken, Origin, SignInError, SignInRequest, Value};

const JSON: &str = "application/json; charset=utf-8";

/// The codes whose answer has `error_uri`, of those that were recorded.
const WITH_ERROR_URI: [u32; 2] = [7_000_215, 500_011];

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let trace_id = cloud.draw_request_id();
    let correlation_id = request.header("client-request-id").and_then(|id| id.parse().ok()).unwrap_or(trace_id);
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match (request.method.as_str(), path.as_slice()) {
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            let origin = Origin { correlation_id: Some(correlation_id), ..Origin::default() };
            sign_in(cloud, now, request, tenant, origin).map(|t| token_body(&t))
        }
        ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => discovery(cloud, request, tenant),
        ("GET", [_, "discovery", "v2.0", "keys"]) => Ok(json!({ "keys": [] })),
        _ => return Response::empty(404),
    };
    let response = match answer {
        Ok(body) => Response::json(200, JSON, &body),
        // Throttled: no JSON (MSAL's documentation).
        Err(e) if e.status == 429 => Response::text(429, &e.message).header("retry-after", "60"),
        Err(e) => Response::json(e.status, JSON, &error_body(now, &e, trace_id, correlation_id)),
    };
    response.header("x-ms-request-id", trace_id.to_string()).header("client-request-id", correlation_id.to_string()).fixed(
        &[
            ("cache-control", "no-store, no-cache"),
            ("pragma", "no-cache"),
            ("expires", "-1"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-ms-ests-server", "keyrelay-sandbox"),
        ],
    )
}

fn sign_in(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    tenant: &str,
    origin: Origin,
) -> Result<IssuedToken, SignInError> {
    cloud.check_tenant(tenant)?;
    let mut form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let given = |form: &BTreeMap<String, String>, name: &str| form.get(name).cloned().filter(|v| !v.is_empty());
    let required = |form: &BTreeMap<String, String>, name: &str| {
        let message = format!("The request body must contain the following parameter: '{name}'.");
        given(form, name).ok_or_else(|| SignInError::new(400, "invalid_request", 900_144, message))
    };
    let grant = required(&form, "grant_type")?;
    if grant != "client_credentials" {
        let message = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(SignInError::new(400, "unsupported_grant_type", 70_003, message));
    }
    if let Some((id, secret)) = basic(request) {
        form.entry("client_id".to_owned()).or_insert(id);
        form.entry("client_secret".to_owned()).or_insert(secret);
    }
    let client_id = required(&form, "client_id")?;
    let scope = required(&form, "scope")?;
    let secret = given(&form, "client_secret").map(Value::new);
    let asked = SignInRequest { tenant, client_id: &client_id, secret: secret.as_ref(), scope: &scope };
    cloud.sign_in_from(now, &asked, origin)
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |text: &str| url::form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned());
    Some((decoded(id)?, decoded(secret)?))
}

fn token_body(token: &IssuedToken) -> Json {
    json!({
        "token_type": "Bearer",
        "expires_in": token.expires_in,
        "ext_expires_in": token.expires_in,
        "access_token": token.access_token.text(),
    })
}

fn error_body(now: Timestamp, e: &SignInError, trace_id: Uuid, correlation_id: Uuid) -> Json {
    let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let ids = format!("Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}");
    let mut body = json!({
        "error": e.error,
        "error_description": format!("AADSTS{}: {} {ids}", e.code, e.message),
        "error_codes": [e.code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    });
    if let Some(body) = body.as_object_mut().filter(|_| WITH_ERROR_URI.contains(&e.code)) {
        body.insert("error_uri".to_owned(), format!("https://login.microsoftonline.com/error?code={}", e.code).into());
    }
    body
}

fn discovery(cloud: &Cloud, request: &Request, tenant: &str) -> Result<Json, SignInError> {
    cloud.check_tenant(tenant).map_err(|e| SignInError { error: "invalid_tenant", ..e })?;
    let base = format!("{}/{}", request.base(), cloud.tenant());
    Ok(json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": "sandbox.localhost",
        "cloud_graph_host_name": "graph.sandbox.localhost",
        "msgraph_host": "graph.sandbox.localhost",
        "rbac_url": request.base(),
    }))
}
