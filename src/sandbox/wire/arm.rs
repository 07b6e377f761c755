//! What the Azure CLI asks of Azure Resource Manager: where the cloud's services are (`az cloud register`), and the
//! subscriptions of who signs in (`az login`), of which there are none.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::message::{Request, Response};
use crate::sandbox::cloud::{Cloud, CloudError, Resource};

const JSON: &str = "application/json; charset=utf-8";

/// What tokens for it are asked for, by the Azure CLI.
const AUDIENCE: &str = "https://management.core.windows.net/";

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let request_id = cloud.draw_request_id().to_string();
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let done = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["metadata", "endpoints"]) => Ok(endpoints(request)),
        ("GET", ["subscriptions"]) => {
            authorised(cloud, now, request).map(|()| json!({ "value": [], "count": { "type": "Total", "value": 0 } }))
        }
        (_, _) => {
            let message =
                "The sandbox serves /metadata/endpoints and /subscriptions of Azure Resource Manager, nothing else.";
            Err(CloudError::new(404, "ResourceNotFound", message))
        }
    };
    let response = match done {
        Ok(body) => Response::json(200, JSON, &body),
        Err(e) => {
            let body = json!({ "error": { "code": e.code, "message": e.message } });
            let response = Response::json(e.status, JSON, &body);
            if e.status == 401 { response.header("www-authenticate", challenge(cloud, request)) } else { response }
        }
    };
    response.header("x-ms-request-id", request_id.as_str()).header("x-ms-correlation-request-id", request_id).fixed(&[
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
        ("expires", "-1"),
    ])
}

fn challenge(cloud: &Cloud, request: &Request) -> String {
    let uri = format!("{}/{}", request.base(), cloud.tenant());
    format!(
        "Bearer authorization_uri=\"{uri}\", error=\"invalid_token\", error_description=\"The access token is missing or invalid.\""
    )
}

fn authorised(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<(), CloudError> {
    let failed = |code, message: &str| CloudError::new(401, code, message);
    let missing = || failed("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.");
    let token = request.bearer().ok_or_else(missing)?;
    match cloud.caller(now, token) {
        Ok(caller) if caller.resource == Resource::Management => Ok(()),
        Ok(_) => Err(failed("InvalidAuthenticationTokenAudience", "The access token is for another audience.")),
        Err(_) => Err(failed("InvalidAuthenticationToken", "The access token is invalid.")),
    }
}

/// The members that azure-cli reads of `/metadata/endpoints?api-version=2022-09-01`. Services that the sandbox has not are
/// named at its own address, where they answer 404.
fn endpoints(request: &Request) -> Json {
    let base = request.base();
    // A vault's address is its name and this: `127` and `.0.0.1:8443` make `127.0.0.1:8443`.
    let (label, rest) = request.host.split_once('.').unwrap_or(("", "vault.sandbox.localhost"));
    let vaults = if label == "127" { format!(".{rest}") } else { ".vault.sandbox.localhost".to_owned() };
    json!({
        "name": "keyrelay-sandbox",
        "portal": base,
        "graph": base,
        "graphAudience": format!("{base}/"),
        "microsoftGraphResourceId": format!("{base}/"),
        "resourceManager": format!("{base}/"),
        "authentication": {
            "loginEndpoint": base,
            "audiences": [AUDIENCE, "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": { "keyVaultDns": vaults },
        "gallery": base,
        "batch": base,
        "media": base,
        "sqlManagement": base,
        "vmImageAliasDoc": base,
        "activeDirectoryDataLake": base,
    })
}
