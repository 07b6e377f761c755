//! What no cloud has: `GET /_sandbox/health` and `POST /_sandbox/seed`.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::message::{Request, Response};
use crate::sandbox::cloud::{Cloud, CloudError, Seed};

/// The header that carries an operator's client secret: seeding is open to its owner only.
pub const OPERATOR_SECRET_HEADER: &str = "x-sandbox-operator-secret";

const JSON: &str = "application/json; charset=utf-8";

pub(super) fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["_sandbox", "health"]) => Ok(json!({ "sandbox": "keyrelay", "schema": 1, "tenant": cloud.tenant() })),
        ("POST", ["_sandbox", "seed"]) => seed(cloud, now, request),
        _ => Err(CloudError::new(404, "NotFound", "The sandbox serves /_sandbox/health and /_sandbox/seed.")),
    };
    match answer {
        Ok(body) => Response::json(200, JSON, &body),
        Err(e) => Response::json(e.status, JSON, &json!({ "error": { "code": e.code, "message": e.message } })),
    }
}

fn seed(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Result<Json, CloudError> {
    let given = request.header(OPERATOR_SECRET_HEADER);
    if !given.is_some_and(|secret| cloud.is_operators_secret(secret)) {
        let message = format!("Seeding needs the operator's client secret in {OPERATOR_SECRET_HEADER}.");
        return Err(CloudError::new(401, "Unauthorized", message));
    }
    let seed: Seed = serde_json::from_slice(&request.body).map_err(|_| {
        let form = "{client_id, tenant, display_name, vaults: [{host, secret}]}";
        CloudError::new(400, "BadRequest", format!("The body must be {form}."))
    })?;
    let seeded = cloud.seed(now, &seed)?;
    Ok(json!({ "made": seeded.made, "object_id": seeded.object_id }))
}
