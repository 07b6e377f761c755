//! Somebody else's hands: requests to the running sandbox that keyrelay knows nothing of.

use jiff::Timestamp;
use keyrelay::sandbox::Endpoint;
use serde_json::{Value, json};

use super::Home;
use super::scene::{CLIENT, SECRET};

/// Adds a credential with this display name and returns its key ID.
pub fn add_password(home: &Home, display_name: &str) -> String {
    let path = format!("/v1.0/applications(appId='{CLIENT}')/addPassword");
    let body = json!({ "passwordCredential": { "displayName": display_name } });
    let answer = Hand::of(home).post("graph.sandbox.localhost", "https://graph.microsoft.com", &path, &body);
    answer["keyId"].as_str().expect("a key ID").to_owned()
}

/// Sets a new version and returns its id.
pub fn set_secret(home: &Home, host: &str, value: &str) -> String {
    let path = format!("/secrets/{SECRET}?api-version=7.4");
    let answer = Hand::of(home).put(host, "https://vault.azure.net", &path, &json!({ "value": value }));
    answer["id"].as_str().and_then(|id| id.rsplit('/').next()).expect("a version").to_owned()
}

struct Hand {
    endpoint: Endpoint,
    client: reqwest::Client,
    secret: String,
}

impl Hand {
    fn of(home: &Home) -> Hand {
        let file = home.state().join("sandbox/endpoint.json");
        let endpoint: Endpoint = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let authority = reqwest::Certificate::from_pem(&std::fs::read(&endpoint.ca_file).unwrap()).unwrap();
        let names = ["login.sandbox.localhost", "graph.sandbox.localhost", super::scene::EAST, super::scene::WEST];
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
        let client = names.into_iter().fold(builder, |b, name| b.resolve(name, endpoint.address)).build().unwrap();
        let secret = std::fs::read_to_string(&endpoint.operator_secret_file).unwrap();
        Hand { endpoint, client, secret }
    }

    fn post(&self, host: &str, resource: &str, path: &str, body: &Value) -> Value {
        self.send(reqwest::Method::POST, host, resource, path, body)
    }

    fn put(&self, host: &str, resource: &str, path: &str, body: &Value) -> Value {
        self.send(reqwest::Method::PUT, host, resource, path, body)
    }

    fn send(&self, method: reqwest::Method, host: &str, resource: &str, path: &str, body: &Value) -> Value {
        let port = self.endpoint.address.port();
        let token_url = format!("https://login.sandbox.localhost:{port}/{}/oauth2/v2.0/token", self.endpoint.tenant);
        let form = [
            ("client_id", self.endpoint.operator_client_id.to_string()),
            ("client_secret", self.secret.trim().to_owned()),
            ("grant_type", "client_credentials".to_owned()),
            ("scope", format!("{resource}/.default")),
        ];
        let url = format!("https://{host}:{port}{path}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let token: Value = self.client.post(token_url).form(&form).send().await.unwrap().json().await.unwrap();
            let token = token["access_token"].as_str().expect("a token");
            let request = self.client.request(method, url).bearer_auth(token).json(body);
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            assert!(status.is_success(), "{status} {body}");
            body
        })
    }
}

/// The display name of a credential that another machine's run of the same target would add.
pub fn tag_of_another_run(home: &Home) -> String {
    let target = home.the_run().start.plan.target;
    let run = keyrelay::rotation::names::RunId::new(Timestamp::now(), 0x0bad_cafe);
    keyrelay::rotation::names::Tag { target, run, attempt: 1 }.display_name("elsewhere")
}
