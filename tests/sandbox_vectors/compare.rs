//! When two answers are the same.

use keyrelay::sandbox::wire::Response;
use serde_json::{Value as Json, json};

/// Members that the recordings of 2023 have and those of 2022 have not; all of them empty.
const LATER: [&str; 4] =
    ["samlMetadataUrl", "servicePrincipalLockConfiguration", "requestSignatureVerification", "redirectUriSettings"];

/// Headers whose values are compared; of others only that they are there.
const EXACT: [&str; 9] = [
    "content-type",
    "cache-control",
    "expires",
    "pragma",
    "odata-version",
    "x-ms-resource-unit",
    "x-content-type-options",
    "strict-transport-security",
    "vary",
];

/// Headers of the connection, not of the service.
const TRANSPORT: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// Names and types; arrays as sets of the shapes of their items, since ids and with them the order differ.
pub(crate) fn shape(json: &Json) -> Json {
    match json {
        Json::Null => json!("null"),
        Json::Bool(_) => json!("bool"),
        Json::Number(_) => json!("number"),
        Json::String(_) => json!("string"),
        Json::Array(items) => {
            let mut shapes: Vec<Json> = items.iter().map(shape).collect();
            shapes.sort_by_key(ToString::to_string);
            shapes.into()
        }
        Json::Object(members) => {
            let kept = members.iter().filter(|(n, v)| !(LATER.contains(&n.as_str()) && (v.is_null() || **v == json!([]))));
            kept.map(|(n, v)| (n.clone(), shape(v))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

pub(crate) fn compare(name: &str, recorded: &Json, ours: &Response) -> Vec<String> {
    let response = &recorded["response"];
    let mut differs = Vec::new();
    if response["status"] != ours.status {
        differs.push(format!("{name}: status {} here, {} recorded", ours.status, response["status"]));
    }
    for (header, value) in response["headers"].as_object().into_iter().flatten() {
        let mine = ours.headers.iter().find(|(n, _)| n == header).map(|(_, v)| v.as_str());
        let matters = !TRANSPORT.contains(&header.as_str()) && header != "x-powered-by";
        if matters && (mine.is_none() || EXACT.contains(&header.as_str()) && mine != value.as_str()) {
            differs.push(format!("{name}: header {header}: {mine:?} here, {value} recorded"));
        }
    }
    let body = if ours.body.is_empty() { Json::Null } else { serde_json::from_slice(&ours.body).unwrap() };
    let (here, there) = (shape(&body), shape(&response["body_json"]));
    if here != there {
        differs.push(format!("{name}: shape\n  here     {here}\n  recorded {there}"));
    }
    differs
}
