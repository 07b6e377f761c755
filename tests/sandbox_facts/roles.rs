//! Who acts, and what the roles in its token let it do.

use keyrelay::sandbox::cloud::{AppRef, GRAPH_APP_ID, Operator, Role, TENANT};
use serde_json::{Value as Json, json};

use crate::scene::{APP, CLIENT, Scene};

const DENIED: (u16, &str, Option<&str>) = (403, "Authorization_RequestDenied", None);

#[test]
fn a_token_says_who_it_was_given_to_and_which_roles_it_has() {
    for (operator, roles) in [
        (Operator::All, json!(["Application.ReadWrite.All", "AuditLog.Read.All", "Policy.Read.ApplicationConfiguration"])),
        (Operator::OwnedBy, json!(["Application.ReadWrite.OwnedBy"])),
        (Operator::Reader, json!(["Application.Read.All"])),
        (Operator::Nothing, Json::Null),
    ] {
        let mut scene = Scene::new(operator);
        let claims = scene.claims();
        assert_eq!(claims["roles"], roles, "{operator:?}");
        assert_eq!(claims["appid"], json!(scene.operator.client_id));
        assert_eq!(claims["oid"], json!(scene.operator.object_id));
        assert_eq!((&claims["tid"], &claims["idtyp"]), (&json!(TENANT), &json!("app")));
    }
    let ids = [Operator::All, Operator::OwnedBy, Operator::Reader, Operator::Nothing].map(Operator::client_id);
    assert_eq!(ids[0].to_string(), "5a9db0c5-09e4-4000-8000-000000000001");
    assert_eq!(ids[3].to_string(), "5a9db0c5-09e4-4000-8000-000000000004");
}

/// 1.9: without a role Graph refuses everything: 403 `Authorization_RequestDenied`.
#[test]
fn without_a_role_graph_refuses_everything() {
    let mut scene = Scene::new(Operator::Nothing);
    for path in ["applications", &format!("applications(appId='{CLIENT}')"), "servicePrincipals", "applications/none"] {
        assert_eq!(scene.get(path).refusal(), DENIED, "{path}");
    }
    let added = scene.add();
    assert_eq!(added.refusal(), DENIED);
    assert_eq!(added.message(), "Insufficient privileges to complete the operation.");
}

/// 1.2: `Application.ReadWrite.OwnedBy` works on what the caller owns and on nothing else, and may not list (1.4).
#[test]
fn owned_by_works_on_what_it_owns() {
    let mut scene = Scene::new(Operator::OwnedBy);
    assert_eq!(scene.on_app("GET", "", &Json::Null).refusal(), DENIED);
    assert_eq!(scene.add().refusal(), DENIED);
    let owner = scene.operator.object_id;
    scene.cloud.stage().add_owner(APP, owner).unwrap();
    assert_eq!(scene.on_app("GET", "", &Json::Null).status, 200);
    let added = scene.add();
    assert_eq!(added.status, 200);
    let removed = scene.on_app("POST", "/removePassword", &json!({ "keyId": added.body["keyId"] }));
    assert_eq!(removed.status, 204);
    assert_eq!(scene.get("applications").refusal(), DENIED);
    let owned = scene.get(&format!("servicePrincipals/{owner}/ownedObjects"));
    assert_eq!(owned.body["value"][0]["appId"], json!(CLIENT));
    assert_eq!(owned.body["value"][0]["@odata.type"], "#microsoft.graph.application");
    let owners = scene.on_app("GET", "/owners", &Json::Null);
    assert_eq!(owners.body["value"][0]["@odata.type"], "#microsoft.graph.servicePrincipal");
    assert_eq!(owners.body["value"][0]["id"], json!(owner));
}

/// 1.4: the least permission to read is `Application.Read.All`.
#[test]
fn a_reader_reads_and_changes_nothing() {
    let mut scene = Scene::new(Operator::Reader);
    assert_eq!(scene.on_app("GET", "", &Json::Null).status, 200);
    assert_eq!(scene.get("applications").status, 200);
    assert_eq!(scene.add().refusal(), DENIED);
    assert_eq!(scene.get("policies/defaultAppManagementPolicy").refusal(), DENIED);
    let id = scene.operator.client_id;
    scene.cloud.stage().grant(id, Role::PolicyReadAll).unwrap();
    assert_eq!(scene.get("policies/defaultAppManagementPolicy").status, 200);
    scene.cloud.stage().revoke(id, Role::PolicyReadAll).unwrap();
    assert_eq!(scene.get("policies/defaultAppManagementPolicy").refusal(), DENIED);
}

/// 1.5: app roles granted to a client; asked for and not granted is a consent that is missing.
#[test]
fn grants_and_what_is_asked_for_can_be_read() {
    let mut scene = Scene::new(Operator::Reader);
    let own = AppRef::Client(scene.operator.client_id);
    scene.cloud.stage().ask_for(own, Role::ApplicationReadWriteOwnedBy).unwrap();
    let (id, object_id) = (scene.operator.client_id, scene.operator.object_id);
    let grants = scene.get(&format!("servicePrincipals/{object_id}/appRoleAssignments"));
    let granted = &grants.body["value"][0];
    assert_eq!(granted["appRoleId"], "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "Application.Read.All");
    assert_eq!((&granted["principalId"], &granted["principalType"]), (&json!(object_id), &json!("ServicePrincipal")));
    let graph = scene.get(&format!("servicePrincipals(appId='{GRAPH_APP_ID}')"));
    assert_eq!(granted["resourceId"], graph.body["id"]);
    let roles = graph.body["appRoles"].as_array().unwrap();
    let names: Vec<&Json> = roles.iter().filter(|r| r["id"] == granted["appRoleId"]).map(|r| &r["value"]).collect();
    assert_eq!(names, [&json!("Application.Read.All")]);
    let asked = scene.get(&format!("applications(appId='{id}')?$select=requiredResourceAccess"));
    assert_eq!(
        asked.body["requiredResourceAccess"],
        json!([{
            "resourceAppId": GRAPH_APP_ID,
            "resourceAccess": [{ "id": "18a4783c-866b-4cc7-a460-3d5e5662c884", "type": "Role" }],
        }])
    );
}
