//! The real services behind the ports, against a server that answers as it is told.
//!
//! For each operation: what is known after each way in which a request can end, that a change reached the server exactly once, and
//! that nothing that comes back to the caller holds the value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::print_stderr, clippy::disallowed_methods, missing_docs, clippy::result_large_err)]

mod ends;
mod graph;
mod key_vault;
mod operator;
mod reads;
mod sign_in;
#[path = "../support/mod.rs"]
mod support;
mod token;

use std::collections::BTreeMap;
use std::time::Duration;

use keyrelay::azure::{AzureServices, Cloud, Connection, OperatorSignIn, Timeouts, VaultSecret};
use keyrelay::ports::Vaults;
use keyrelay::rotation::names::VaultIx;
use keyrelay::secret::SecretValue;
use serde_json::json;
use support::Canned;

/// Ids of the recorded application and tenant.
pub(crate) const APP: &str = "afb85a07-e312-4d49-b75b-9db4e2d683cd";
pub(crate) const OBJECT: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
pub(crate) const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";

/// The value that must not come out anywhere. Nothing else contains its parts.
pub(crate) const CANARY: &str = "cAn8Q~aryVALUE_0123456789.abcdefghijklmn";

pub(crate) const VERSION: &str = "9e5fc20d4c4b4178aa120684624e4a68";

pub(crate) fn connection(server: &Canned) -> Connection {
    let vault = |name: &str| VaultSecret {
        url: format!("https://{name}.vault.sandbox.localhost").parse().unwrap(),
        secret: "secret1".into(),
        content_type: None,
        tags: BTreeMap::from([("team".into(), "billing".into())]),
    };
    Connection {
        cloud: Cloud::sandbox(server.address, server.ca_pem.clone()).unwrap(),
        tenant: TENANT.into(),
        client_id: APP.parse().unwrap(),
        vaults: vec![vault("kv-one"), vault("kv-two")],
        operator: OperatorSignIn::ClientSecret {
            tenant: TENANT.into(),
            client_id: "operator".into(),
            secret: "operators-own".to_owned().into(),
        },
        proof_scope: "https://graph.sandbox.localhost/.default".into(),
        timeouts: Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(2) },
    }
}

pub(crate) fn services(server: &Canned) -> AzureServices {
    AzureServices::new(connection(server)).unwrap()
}

/// A vault's bundle with the canary as its value.
pub(crate) fn bundle(host: &str, version: &str, tags: serde_json::Value) -> serde_json::Value {
    json!({
        "value": CANARY,
        "contentType": "test type",
        "id": format!("https://{host}.vault.sandbox.localhost/secrets/secret1/{version}"),
        "attributes": {"enabled": true, "created": 1_684_202_029, "updated": 1_684_202_029},
        "tags": tags,
    })
}

/// The canary as a value, taken from a vault, since nothing outside the library can make one.
pub(crate) async fn canary(server: &Canned, services: &AzureServices) -> SecretValue {
    server.on(
        "GET",
        "kv-one.vault.sandbox.localhost/secrets/secret1/?",
        [support::json(200, bundle("kv-one", VERSION, json!({})))],
    );
    let ((_, read), _) = services.current(VaultIx(0)).await.unwrap();
    server.forget();
    read.unwrap().value
}

/// Fails if `text` holds eight characters of the canary in a row.
pub(crate) fn assert_no_canary(text: &str) {
    for part in CANARY.as_bytes().windows(8) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!text.contains(part), "{text} holds the value");
    }
}
