//! The token endpoint.

use std::path::Path;

use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, Cloud, PasswordSpec, Profile, TENANT};
use serde_json::{Value as Json, json};

use crate::replay::{form, now, text, token, vector};
use crate::{Verdict, Verdicts};

/// The captures have no headers: status and body are compared, the body's sentence word for word.
pub(crate) fn verdicts(folder: &Path) -> Verdicts {
    let mut all = Verdicts::new();
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    let app = AppRef::Object(cloud.create_application(now(), ApplicationSpec::default()));
    let made = cloud.add_password(now(), app, PasswordSpec::default()).unwrap();
    let (id, secret) = (cloud.application(app).unwrap().client_id.to_string(), text(&made.value));
    let (good, own) = ("https://graph.microsoft.com/.default", format!("{id}/.default"));
    let (nobody, grant) = ("00000000-0000-0000-0000-000000000000", "client_credentials");
    let nowhere = "api://not-a-registered-resource/.default";
    for (name, id, secret, scope, grant) in [
        ("entra-token-client-credentials", id.as_str(), secret.as_str(), own.as_str(), grant),
        ("entra-token-error-invalid-client", &id, "wrong", good, grant),
        ("entra-token-error-invalid-scope", &id, &secret, nowhere, grant),
        ("entra-token-error-unknown-client", nobody, &secret, good, grant),
        ("entra-token-error-unsupported-grant-type", &id, &secret, good, "no_such_grant"),
    ] {
        let captured = &vector(folder, name)["upstream"]["response"];
        let ours =
            form(&mut cloud, &[("client_id", id), ("client_secret", secret), ("scope", scope), ("grant_type", grant)]);
        let body: Json = serde_json::from_slice(&ours.body).unwrap();
        assert_eq!(captured["status"], ours.status, "{name}");
        let names = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(&body), names(&captured["body"]), "{name}");
        for member in ["error", "error_codes", "error_uri", "token_type"] {
            assert_eq!(body[member], captured["body"][member], "{name}: {member}");
        }
        if let Some(theirs) = captured["body"]["error_description"].as_str() {
            let (sentence, _) = body["error_description"].as_str().unwrap().split_once(" Trace ID: ").unwrap();
            let filled = theirs.replace("{daemon-app-id}", id).replace("{tenant-id}", &TENANT.to_string());
            let (filled, _) = filled.split_once(" Trace ID: ").unwrap();
            assert_eq!(sentence, filled.replace("{guid}", id), "{name}");
        }
        all.insert(name, Verdict::Same(Vec::new()));
    }
    let captured = &vector(folder, "entra-token-claims-client-credentials")["upstream"];
    let token = token(&mut cloud, &id, &secret, &id);
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Json = serde_json::from_slice(&claims).unwrap();
    let names: Vec<Json> = claims.as_object().unwrap().keys().map(|n| json!(n)).collect();
    assert_eq!(json!(names), captured["claimNames"]);
    for (claim, value) in captured["structural"].as_object().unwrap() {
        let filled = value.as_str().map(|v| v.replace("{tenant-id}", &TENANT.to_string()).replace("{daemon-app-id}", &id));
        assert_eq!(claims[claim].as_str().map(str::to_owned), filled, "{claim}");
    }
    all.insert("entra-token-claims-client-credentials", Verdict::Same(Vec::new()));
    all
}
