//! An application with a secret, and requests to Graph over the wire without a socket.

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{
    AppRef, ApplicationSpec, Cloud, NewPassword, OPERATOR, PasswordSpec, Profile, Resource, SignInRecord, SignInRequest,
    SignInSeries, TENANT, Value,
};
use keyrelay::sandbox::wire::{Request, Response, answer};
use serde_json::Value as Json;
use uuid::Uuid;

pub(crate) const CLIENT: Uuid = Uuid::from_u128(0xA11);
pub(crate) const APP: AppRef = AppRef::Client(CLIENT);
pub(crate) const SCOPE: &str = "https://graph.microsoft.com/.default";

/// Service principals' sign-ins of the application.
pub(crate) const OURS: &str =
    "signInEventTypes/any(t: t eq 'servicePrincipal') and appId eq '00000000-0000-0000-0000-000000000a11'";

pub(crate) fn t(seconds: i64) -> Timestamp {
    "2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// A cloud at `t(0)`, whose application has one secret. All is seen at once.
pub(crate) fn cloud() -> (Cloud, NewPassword) {
    let mut cloud = Cloud::new(1, Profile::instant(), t(-7200));
    let spec = ApplicationSpec { client_id: Some(CLIENT), display_name: "billing".into(), ..ApplicationSpec::default() };
    cloud.create_application(t(-7200), spec);
    let made = cloud.stage().password(t(-7200), APP, PasswordSpec::default()).unwrap();
    (cloud, made)
}

pub(crate) fn series(key_id: Uuid, address: &str, first: Timestamp, every: i64, count: u64) -> SignInSeries {
    let first = SignInRecord {
        at: first,
        client_id: CLIENT,
        key_id: Some(key_id),
        resource: Some(Resource::Graph),
        address: address.parse().unwrap(),
        correlation_id: None,
        error: 0,
    };
    SignInSeries { first, every: SignedDuration::from_secs(every), count }
}

pub(crate) fn sign_in(cloud: &mut Cloud, now: Timestamp, client: Uuid, secret: &Value, scope: &str) -> Result<Value, u32> {
    let (tenant, client) = (TENANT.to_string(), client.to_string());
    let request = SignInRequest { tenant: &tenant, client_id: &client, secret: Some(secret), scope };
    cloud.sign_in(now, &request).map(|token| token.access_token).map_err(|e| e.code)
}

/// Asks as the operator.
pub(crate) fn ask(cloud: &mut Cloud, now: Timestamp, path: &str) -> (Response, Json) {
    let secret = cloud.operator_secret().unwrap().clone();
    let token = sign_in(cloud, now, OPERATOR, &secret, SCOPE).unwrap();
    let token = serde_json::to_value(token).unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: "GET".into(),
        host: "graph.sandbox.localhost".into(),
        path: path.into(),
        query: query.into(),
        headers: vec![("authorization".into(), format!("Bearer {}", token.as_str().unwrap()))],
        body: Vec::new(),
    };
    let response = answer(cloud, now, &request);
    let body = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
    (response, body)
}

pub(crate) fn sign_ins(cloud: &mut Cloud, now: Timestamp, filter: &str) -> (u16, Json) {
    let (response, body) = ask(cloud, now, &format!("/beta/auditLogs/signIns?$filter={filter}"));
    (response.status, body)
}

pub(crate) fn rows(body: &Json) -> &Vec<Json> {
    body["value"].as_array().unwrap()
}
