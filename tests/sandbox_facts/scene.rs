//! The scene that the tests begin with.

use jiff::Timestamp;
use keyrelay::sandbox::cloud::{AppRef, Cloud, Operator, OperatorSecret, Profile, Seed, SeedVault, TENANT, Value};
use keyrelay::sandbox::wire::{Request, answer};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(crate) const HOST: &str = "first-vault.vault.sandbox.localhost";
pub(crate) const CLIENT: Uuid = Uuid::from_u128(0x5a9d_b0c5_b111_4000_8000_0000_0000_0001);
pub(crate) const APP: AppRef = AppRef::Client(CLIENT);

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// An application with a secret in a vault, and who acts.
pub(crate) struct Scene {
    pub(crate) cloud: Cloud,
    pub(crate) operator: OperatorSecret,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Json,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// Status, `error.code`, and Key Vault's `innererror`.
    pub(crate) fn refusal(&self) -> (u16, &str, Option<&str>) {
        let error = &self.body["error"];
        (self.status, error["code"].as_str().unwrap_or_default(), error["innererror"]["code"].as_str())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

pub(crate) fn send(cloud: &mut Cloud, method: &str, host: &str, path: &str, token: Option<&str>, body: String) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: method.into(),
        host: host.into(),
        path: path.into(),
        query: query.into(),
        headers: token.map(|t| ("authorization".into(), format!("Bearer {t}"))).into_iter().collect(),
        body: body.into_bytes(),
    };
    let response = answer(cloud, now(), &request);
    let body = serde_json::from_slice(&response.body)
        .unwrap_or_else(|_| Json::from(String::from_utf8_lossy(&response.body).into_owned()));
    Answer { status: response.status, headers: response.headers, body }
}

pub(crate) fn sign_in(cloud: &mut Cloud, client_id: Uuid, secret: &Value, resource: &str) -> Answer {
    let pairs = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_string()),
        ("client_secret", text(secret)),
        ("scope", format!("{resource}/.default")),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    send(cloud, "POST", "login.sandbox.localhost", &format!("/{TENANT}/oauth2/v2.0/token"), None, body)
}

impl Scene {
    pub(crate) fn new(operator: Operator) -> Scene {
        let mut cloud = Cloud::new(1, Profile::instant(), now());
        let vaults = vec![SeedVault { host: HOST.into(), secret: "billing".into() }];
        cloud.seed(now(), &Seed { client_id: CLIENT, tenant: TENANT, display_name: "billing".into(), vaults }).unwrap();
        let operator = cloud.stage().operator(now(), operator).unwrap();
        Scene { cloud, operator }
    }

    pub(crate) fn token(&mut self, resource: &str) -> String {
        let answer = sign_in(&mut self.cloud, self.operator.client_id, &self.operator.secret, resource);
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    pub(crate) fn claims(&mut self) -> Json {
        let token = self.token("https://graph.microsoft.com");
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        serde_json::from_slice(&claims).unwrap()
    }

    pub(crate) fn graph(&mut self, method: &str, path: &str, body: &Json) -> Answer {
        let token = self.token("https://graph.microsoft.com");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(&mut self.cloud, method, "graph.sandbox.localhost", &format!("/v1.0/{path}"), Some(&token), body)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.graph("GET", path, &Json::Null)
    }

    pub(crate) fn on_app(&mut self, method: &str, rest: &str, body: &Json) -> Answer {
        self.graph(method, &format!("applications(appId='{CLIENT}'){rest}"), body)
    }

    pub(crate) fn vault(&mut self, method: &str, path: &str, body: &Json) -> Answer {
        let token = self.token("https://vault.azure.net");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(&mut self.cloud, method, HOST, &format!("/{path}?api-version=7.4"), Some(&token), body)
    }

    pub(crate) fn add(&mut self) -> Answer {
        self.on_app("POST", "/addPassword", &json!({ "passwordCredential": { "displayName": "new" } }))
    }
}
