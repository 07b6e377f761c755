//! Who may do what in a vault, and from where.

use keyrelay::sandbox::cloud::{AccessModel, Operator, TENANT, VaultRight};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::scene::{HOST, Scene, send};

/// 3: role-based access refuses with 403 `ForbiddenByRbac`, and names caller, action and resource.
#[test]
fn a_vault_grants_right_by_right() {
    let mut scene = Scene::new(Operator::OwnedBy);
    let new = json!({ "value": "v" });
    let denied = scene.vault("GET", "secrets/billing", &Json::Null);
    assert_eq!(denied.refusal(), (403, "Forbidden", Some("ForbiddenByRbac")));
    let oid = scene.operator.object_id;
    let lines: Vec<&str> = denied.message().split("\r\n").collect();
    assert_eq!(
        lines[2],
        format!("Caller: appid={};oid={oid};iss=https://sts.windows.net/{TENANT}/", scene.operator.client_id)
    );
    assert_eq!(lines[3], "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'");
    assert!(lines[4].ends_with("/providers/microsoft.keyvault/vaults/first-vault/secrets/billing'"), "{}", lines[4]);

    scene.cloud.stage().vault_rights(HOST, oid, &VaultRight::USER);
    for (method, path, status, action) in [
        ("GET", "secrets/billing", 200, ""),
        ("GET", "secrets", 200, ""),
        ("GET", "secrets/billing/versions", 200, ""),
        ("PUT", "secrets/billing", 403, "setSecret"),
        ("PATCH", "secrets/billing", 403, "update"),
        ("DELETE", "secrets/billing", 403, "delete"),
        ("POST", "deletedsecrets/billing/recover", 403, "recover"),
        ("DELETE", "deletedsecrets/billing", 403, "purge"),
    ] {
        let said = scene.vault(method, path, &new);
        assert_eq!(said.status, status, "{method} {path}");
        assert!(said.message().contains(action), "{method} {path}: {}", said.message());
    }
    scene.cloud.stage().vault_rights(HOST, oid, &[VaultRight::Set]);
    assert_eq!(scene.vault("PUT", "secrets/billing", &new).status, 200);
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 403);
}

#[test]
fn the_operator_has_every_right_in_a_vault_until_it_is_told_others() {
    let mut scene = Scene::new(Operator::All);
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 200);
    scene.cloud.stage().vault_rights(HOST, Uuid::from_u128(7), &VaultRight::USER);
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 200, "others' rights are not its own");
    let oid = scene.operator.object_id;
    scene.cloud.stage().vault_rights(HOST, oid, &[VaultRight::List]);
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 403);
    assert_eq!(scene.vault("GET", "secrets", &Json::Null).status, 200);
}

/// 3: an access policy refuses with 403 `ForbiddenByPolicy`.
#[test]
fn an_access_policy_refuses() {
    let mut scene = Scene::new(Operator::All);
    let oid = scene.operator.object_id;
    scene.cloud.stage().vault_model(HOST, AccessModel::Policies);
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 200);
    scene.cloud.stage().vault_rights(HOST, oid, &[VaultRight::Get, VaultRight::Set]);
    let off = json!({ "attributes": { "enabled": true } });
    assert_eq!(scene.vault("PATCH", "secrets/billing", &off).status, 200, "`set` stands for it");
    let denied = scene.vault("GET", "secrets", &Json::Null);
    assert_eq!(denied.refusal(), (403, "Forbidden", Some("ForbiddenByPolicy")));
    assert!(denied.message().contains("does not have secrets list permission on key vault 'first-vault;"));
}

/// 3: a firewall refuses with 403 `ForbiddenByFirewall`.
#[test]
fn a_firewall_refuses() {
    let mut scene = Scene::new(Operator::All);
    scene.cloud.stage().vault_firewall(HOST, true);
    let denied = scene.vault("GET", "secrets/billing", &Json::Null);
    assert_eq!(denied.refusal(), (403, "Forbidden", Some("ForbiddenByFirewall")));
    assert!(denied.message().starts_with("Client address is not authorized and caller is not a trusted service."));
}

/// 3: a token of another tenant is 401 with `AKV10032`.
#[test]
fn a_token_of_another_tenant_is_refused() {
    let mut scene = Scene::new(Operator::All);
    let theirs = Uuid::from_u128(7);
    scene.cloud.stage().vault_tenant(HOST, Some(theirs));
    let denied = scene.vault("GET", "secrets/billing", &Json::Null);
    assert_eq!(denied.refusal(), (401, "Unauthorized", None));
    let expected = format!("Expected one of https://sts.windows.net/{theirs}/, found https://sts.windows.net/{TENANT}/.");
    assert_eq!(denied.message(), format!("AKV10032: Invalid issuer. {expected}"));
    let challenge = denied.header("www-authenticate").unwrap().to_owned();
    assert!(challenge.contains(&format!("authorization=\"https://login.sandbox.localhost/{theirs}\"")), "{challenge}");
}

/// 3: the challenge comes before the body and names a `resource`, or in the newer form a `scope`.
#[test]
fn a_challenge_names_a_resource_or_a_scope() {
    let mut scene = Scene::new(Operator::All);
    let login = format!("Bearer authorization=\"https://login.sandbox.localhost/{TENANT}\", ");
    for (with_scope, wanted) in [
        (false, "resource=\"https://vault.sandbox.localhost\""),
        (true, "scope=\"https://vault.sandbox.localhost/.default\""),
    ] {
        scene.cloud.stage().vault_challenge(HOST, with_scope);
        for (method, body) in [("GET", ""), ("PUT", "no JSON at all")] {
            let path = "/secrets/billing?api-version=7.4";
            let asked = send(&mut scene.cloud, method, HOST, path, None, body.to_owned());
            assert_eq!(asked.refusal(), (401, "Unauthorized", None), "before the body is looked at");
            assert_eq!(asked.header("www-authenticate"), Some(format!("{login}{wanted}").as_str()));
        }
    }
}
