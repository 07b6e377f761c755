//! Microsoft Graph.

use std::path::Path;

use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, Audience, Cloud, PasswordSpec, PrincipalRef, Profile};
use serde_json::Value as Json;

use crate::compare::compare;
use crate::replay::{an_id_in, now, operator_token, replay, text, token, vector};
use crate::{Verdict, Verdicts};

const RESOURCE: &str = "https://graph.microsoft.com";

/// The application that the recording is about, under the recorded ids, with as many credentials as its answer shows.
fn directory(recorded: &Json) -> (Cloud, AppRef) {
    let body = &recorded["response"]["body_json"];
    let one = if body["value"].is_array() { &body["value"][0] } else { body };
    let id = |member: &str| one[member].as_str().and_then(|t| t.parse().ok());
    let of_principal = recorded["request"]["uri"].as_str().unwrap().contains("servicePrincipals");
    let in_uri = an_id_in(recorded["request"]["uri"].as_str().unwrap());
    let spec = ApplicationSpec {
        object_id: if of_principal { None } else { id("id").or(in_uri) },
        client_id: id("appId"),
        service_principal_id: id("id").or(in_uri).filter(|_| of_principal),
        display_name: "azure-cli-test".to_owned(),
        audience: if one["signInAudience"] == "AzureADMyOrg" { Audience::MyOrg } else { Audience::OrgsAndPersonal },
    };
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    let app = AppRef::Object(cloud.create_application(now(), spec));
    for _ in one["passwordCredentials"].as_array().into_iter().flatten() {
        let spec = PasswordSpec { display_name: Some("key".into()), start: None, end: None };
        if of_principal {
            let client_id = cloud.application(app).unwrap().client_id;
            cloud.add_principal_password(now(), PrincipalRef::Client(client_id), spec).unwrap();
        } else {
            cloud.add_password(now(), app, spec).unwrap();
        }
    }
    (cloud, app)
}

pub(crate) fn verdicts(folder: &Path) -> Verdicts {
    let mut all = Verdicts::new();
    let mut same = |name, differs| drop(all.insert(name, Verdict::Same(differs)));
    for name in [
        "graph-app-get-no-credentials-200",
        "graph-app-get-one-password-200",
        "graph-app-get-two-passwords-200",
        "graph-app-get-after-removepassword-200",
        "graph-app-list-filter-appid-200",
        "graph-app-list-two-passwords-order-200",
        "graph-app-addpassword-200",
        "graph-app-addpassword-second-200",
        "graph-app-addpassword-null-displayname-2100-200",
        "graph-sp-lookup-by-appid-200",
        "graph-sp-get-one-password-200",
        "graph-sp-addpassword-200",
        "graph-sp-owners-empty-200",
        "graph-approleassignments-empty-200",
        "graph-app-owners-empty-200",
    ] {
        same(name, as_recorded(folder, name));
    }
    // Nothing there, or nothing that matches.
    for name in ["graph-app-get-404", "graph-sp-get-404", "graph-app-list-filter-displayname-empty-200"] {
        let recorded = vector(folder, name);
        let mut cloud = Cloud::new(1, Profile::instant(), now());
        let token = operator_token(&mut cloud, RESOURCE);
        same(name, compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&token), str::to_owned)));
    }
    for (name, of_principal) in [("graph-app-removepassword-204", false), ("graph-sp-removepassword-204", true)] {
        same(name, removal(folder, name, of_principal));
    }
    let (listed, removed) = owners(folder);
    same("graph-app-owners-user-200", listed);
    same("graph-app-owner-remove-204", removed);
    same("graph-403-authorization-requestdenied", denied(folder));
    for name in ["graph-app-create-201", "graph-app-delete-204", "graph-deleteditems-purge-204"] {
        same(name, life(folder, name));
    }
    all.extend(on_purpose(folder));
    all
}

fn as_recorded(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, _) = directory(&recorded);
    let token = operator_token(&mut cloud, RESOURCE);
    let ours = replay(&mut cloud, &recorded, Some(&token), str::to_owned);
    if name.contains("addpassword") {
        let body: Json = serde_json::from_slice(&ours.body).unwrap();
        let sent = &recorded["request"]["body_json"]["passwordCredential"];
        for member in ["displayName", "startDateTime", "endDateTime"] {
            assert_eq!(body[member], sent[member], "{name}: {member} comes back as it was sent");
        }
        // The recorder replaced the value, and with it what the hint was of; a service principal's has none.
        let (hint, value) = (body["hint"].as_str().unwrap_or_default(), body["secretText"].as_str().unwrap());
        let length = if name.contains("-sp-") { 0 } else { 3 };
        assert_eq!((hint.len(), value.starts_with(hint)), (length, true));
    }
    compare(name, &recorded, &ours)
}

fn removal(folder: &Path, name: &str, of_principal: bool) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, app) = directory(&recorded);
    let principal = PrincipalRef::Client(cloud.application(app).unwrap().client_id);
    let made = if of_principal {
        cloud.add_principal_password(now(), principal, PasswordSpec::default()).unwrap()
    } else {
        cloud.add_password(now(), app, PasswordSpec::default()).unwrap()
    };
    let operator = operator_token(&mut cloud, RESOURCE);
    let there = recorded["request"]["body_json"]["keyId"].as_str().unwrap().to_owned();
    let edit = |text: &str| text.replace(&there, &made.key_id.to_string());
    let differs = compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&operator), edit));
    let again = replay(&mut cloud, &recorded, Some(&operator), edit);
    assert_eq!(again.status, 400, "a key ID that is not there any more");
    differs
}

fn owners(folder: &Path) -> (Vec<String>, Vec<String>) {
    let recorded = vector(folder, "graph-app-owners-user-200");
    let removal = vector(folder, "graph-app-owner-remove-204");
    let owner: uuid::Uuid = recorded["response"]["body_json"]["value"][0]["id"].as_str().unwrap().parse().unwrap();
    let object_id = an_id_in(recorded["request"]["uri"].as_str().unwrap());
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    let spec = ApplicationSpec { object_id, ..ApplicationSpec::default() };
    let app = AppRef::Object(cloud.create_application(now(), spec));
    cloud.add_owner(app, owner).unwrap();
    let operator = operator_token(&mut cloud, RESOURCE);
    let listed = compare("owners", &recorded, &replay(&mut cloud, &recorded, Some(&operator), str::to_owned));
    let removed = compare("owner removed", &removal, &replay(&mut cloud, &removal, Some(&operator), str::to_owned));
    assert!(cloud.application(app).unwrap().owners.is_empty());
    (listed, removed)
}

/// Of an application that has, where it is deleted or purged, the recorded id.
fn life(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    let object_id = an_id_in(recorded["request"]["uri"].as_str().unwrap());
    if let Some(id) = object_id {
        cloud.create_application(now(), ApplicationSpec { object_id: Some(id), ..ApplicationSpec::default() });
        if name.contains("deleteditems") {
            cloud.delete_application(AppRef::Object(id)).unwrap();
        }
    }
    let token = operator_token(&mut cloud, RESOURCE);
    let ours = replay(&mut cloud, &recorded, Some(&token), str::to_owned);
    match object_id {
        Some(id) => assert!(cloud.application(AppRef::Object(id)).is_err()),
        None => {
            let body: Json = serde_json::from_slice(&ours.body).unwrap();
            assert_eq!(
                body["signInAudience"], recorded["response"]["body_json"]["signInAudience"],
                "as if nothing was said"
            );
        }
    }
    compare(name, &recorded, &ours)
}

fn denied(folder: &Path) -> Vec<String> {
    let recorded = vector(folder, "graph-403-authorization-requestdenied");
    let (mut cloud, app) = directory(&recorded);
    let made = cloud.add_password(now(), app, PasswordSpec::default()).unwrap();
    let client_id = cloud.application(app).unwrap().client_id.to_string();
    let other = token(&mut cloud, &client_id, &text(&made.value), RESOURCE);
    compare("denied", &recorded, &replay(&mut cloud, &recorded, Some(&other), str::to_owned))
}

fn on_purpose(folder: &Path) -> Verdicts {
    let name = "graph-app-addpassword-client-keyid-200";
    let recorded = vector(folder, name);
    let (mut cloud, _) = directory(&recorded);
    let token = operator_token(&mut cloud, RESOURCE);
    assert_eq!(replay(&mut cloud, &recorded, Some(&token), str::to_owned).status, 400);
    let why = "400: a key ID of the caller's was taken in 2023, and is refused now (ansible-collections/azure#2250)";
    Verdicts::from([(name, Verdict::OnPurpose(why))])
}
