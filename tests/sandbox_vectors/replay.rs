//! A recorded request, sent to the emulator.

use std::path::PathBuf;

use jiff::Timestamp;
use keyrelay::sandbox::cloud::{Cloud, TENANT, Value};
use keyrelay::sandbox::wire::{Request, Response, answer};
use serde_json::Value as Json;

pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("KEYRELAY_VECTORS").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no recorded vectors (set KEYRELAY_VECTORS to their folder)");
    None
}

pub(crate) fn vector(folder: &std::path::Path, name: &str) -> Json {
    let text = std::fs::read(folder.join(format!("{name}.json"))).expect(name);
    serde_json::from_slice(&text).expect(name)
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

pub(crate) fn request(method: &str, uri: &str, token: Option<&str>, body: &str) -> Request {
    let rest = uri.strip_prefix("https://").expect("an https address");
    let (host, rest) = rest.split_once('/').expect("a path");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut sent = headers(&[("content-type", "application/json")]);
    sent.extend(token.map(|t| ("authorization".to_owned(), format!("Bearer {t}"))));
    Request {
        method: method.to_owned(),
        host: host.to_owned(),
        path: format!("/{path}"),
        query: query.to_owned(),
        headers: sent,
        body: body.as_bytes().to_vec(),
    }
}

pub(crate) fn form(cloud: &mut Cloud, pairs: &[(&str, &str)]) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let uri = format!("https://login.sandbox.localhost/{TENANT}/oauth2/v2.0/token");
    answer(cloud, now(), &request("POST", &uri, None, &body))
}

pub(crate) fn text(value: &Value) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

pub(crate) fn token(cloud: &mut Cloud, client_id: &str, secret: &str, resource: &str) -> String {
    let scope = format!("{resource}/.default");
    let grant = ("grant_type", "client_credentials");
    let answer = form(cloud, &[("client_id", client_id), ("client_secret", secret), ("scope", &scope), grant]);
    let body: Json = serde_json::from_slice(&answer.body).unwrap();
    body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

pub(crate) fn operator_token(cloud: &mut Cloud, resource: &str) -> String {
    let secret = text(cloud.operator_secret().unwrap());
    token(cloud, &keyrelay::sandbox::cloud::OPERATOR.to_string(), &secret, resource)
}

pub(crate) fn replay(cloud: &mut Cloud, recorded: &Json, token: Option<&str>, edit: impl Fn(&str) -> String) -> Response {
    let sent = &recorded["request"];
    let uri = edit(sent["uri"].as_str().unwrap());
    let body = edit(sent["body_text"].as_str().unwrap_or_default());
    answer(cloud, now(), &request(sent["method"].as_str().unwrap(), &uri, token, &body))
}

pub(crate) fn an_id_in(text: &str) -> Option<uuid::Uuid> {
    (0..text.len()).filter_map(|i| text.get(i..i + 36)).find_map(|part| part.parse().ok())
}
