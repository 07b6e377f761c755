//! What can be staged: who acts, what they may do, what refuses them. One fact a test; each names it as azure-facts.md does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::cell::RefCell;
use std::rc::Rc;

use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
use keyrelay::ports::{Directory as _, Outcome, Read, TokenEndpoint as _, Vaults as _};
use keyrelay::rotation::answers::{RefusalKind, SignIn};
use keyrelay::rotation::names::VaultIx;
use keyrelay::sandbox::cloud::{
    AccessModel, AppRef, ApplicationSpec, Cloud, GRAPH_APP_ID, GraphCall, GraphTrouble, ManagementPolicy, Operator,
    OperatorSecret, PasswordSpec, PrincipalSpec, Profile, Restriction, RestrictionKind, RetryAfter, Role, Seed, SeedVault,
    SignInTrouble, TENANT, Trouble, Value, VaultRight, VaultTrouble,
};
use keyrelay::sandbox::in_process::{Fault, InProcess, Setup, VaultSetup};
use keyrelay::sandbox::wire::{Request, answer};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const HOST: &str = "first-vault.vault.sandbox.localhost";
const CLIENT: Uuid = Uuid::from_u128(0x5a9d_b0c5_b111_4000_8000_0000_0000_0001);
const APP: AppRef = AppRef::Client(CLIENT);

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn text(value: &Value) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// An application with a secret in a vault, and an operator with what was asked for in the vault.
struct Scene {
    cloud: Cloud,
    operator: OperatorSecret,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Json,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// Status, `error.code`, and Key Vault's `innererror`.
    fn refusal(&self) -> (u16, &str, Option<&str>) {
        let error = &self.body["error"];
        (self.status, error["code"].as_str().unwrap_or_default(), error["innererror"]["code"].as_str())
    }

    fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

fn send(cloud: &mut Cloud, method: &str, host: &str, path: &str, token: Option<&str>, body: String) -> Answer {
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

fn sign_in(cloud: &mut Cloud, client_id: Uuid, secret: &Value, resource: &str) -> Answer {
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
    fn new(operator: Operator) -> Scene {
        let mut cloud = Cloud::new(1, Profile::instant(), now());
        let vaults = vec![SeedVault { host: HOST.into(), secret: "billing".into() }];
        cloud.seed(now(), &Seed { client_id: CLIENT, tenant: TENANT, display_name: "billing".into(), vaults }).unwrap();
        let operator = cloud.stage().operator(now(), operator).unwrap();
        Scene { cloud, operator }
    }

    fn token(&mut self, resource: &str) -> String {
        let answer = sign_in(&mut self.cloud, self.operator.client_id, &self.operator.secret, resource);
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    fn claims(&mut self) -> Json {
        let token = self.token("https://graph.microsoft.com");
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        serde_json::from_slice(&claims).unwrap()
    }

    fn graph(&mut self, method: &str, path: &str, body: &Json) -> Answer {
        let token = self.token("https://graph.microsoft.com");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(&mut self.cloud, method, "graph.sandbox.localhost", &format!("/v1.0/{path}"), Some(&token), body)
    }

    fn get(&mut self, path: &str) -> Answer {
        self.graph("GET", path, &Json::Null)
    }

    fn on_app(&mut self, method: &str, rest: &str, body: &Json) -> Answer {
        self.graph(method, &format!("applications(appId='{CLIENT}'){rest}"), body)
    }

    fn vault(&mut self, method: &str, path: &str, body: &Json) -> Answer {
        let token = self.token("https://vault.azure.net");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        send(&mut self.cloud, method, HOST, &format!("/{path}?api-version=7.4"), Some(&token), body)
    }

    fn add(&mut self) -> Answer {
        self.on_app("POST", "/addPassword", &json!({ "passwordCredential": { "displayName": "new" } }))
    }
}

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

/// 1.9: 403 `Authorization_RequestDenied`, "Insufficient privileges to complete the operation."
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

/// 1.2: `Application.ReadWrite.OwnedBy` is enough for addPassword, where the caller is an owner. 1.4: it may not list.
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

/// 1.5: a service principal has passwords of its own, without hint, apart from the application's.
#[test]
fn a_service_principal_has_passwords_of_its_own() {
    let mut scene = Scene::new(Operator::All);
    let path = format!("servicePrincipals(appId='{CLIENT}')");
    let made = scene.graph("POST", &format!("{path}/addPassword"), &Json::Null);
    assert_eq!((made.status, &made.body["hint"]), (200, &Json::Null));
    let value = Value::new(made.body["secretText"].as_str().unwrap().to_owned());
    assert_eq!(sign_in(&mut scene.cloud, CLIENT, &value, "https://graph.microsoft.com").status, 200);
    let listed = scene.get(&path).body["passwordCredentials"].clone();
    assert_eq!((&listed[0]["keyId"], &listed[0]["hint"]), (&made.body["keyId"], &Json::Null));
    let on_application = scene.on_app("GET", "", &Json::Null).body["passwordCredentials"].clone();
    assert_eq!(on_application.as_array().unwrap().len(), 1);
    let key = json!({ "keyId": made.body["keyId"] });
    assert_eq!(scene.on_app("POST", "/removePassword", &key).status, 400, "it is not the application's");
    assert_eq!(scene.graph("POST", &format!("{path}/removePassword"), &key).status, 204);
    assert_eq!(sign_in(&mut scene.cloud, CLIENT, &value, "https://graph.microsoft.com").body["error_codes"][0], 7_000_215);
}

#[test]
fn an_application_of_another_tenant_has_a_service_principal_only() {
    let mut scene = Scene::new(Operator::All);
    let client_id = Uuid::from_u128(7);
    let spec = PrincipalSpec { client_id: Some(client_id), display_name: "theirs".into(), ..Default::default() };
    scene.cloud.stage().principal(now(), spec);
    let made = scene.cloud.stage().principal_password(now(), client_id, PasswordSpec::default()).unwrap();
    assert_eq!(scene.get(&format!("applications(appId='{client_id}')")).status, 404);
    let found = scene.get(&format!("servicePrincipals(appId='{client_id}')"));
    assert_eq!((&found.body["displayName"], &found.body["appOwnerOrganizationId"]), (&json!("theirs"), &Json::Null));
    assert_eq!(sign_in(&mut scene.cloud, client_id, &made.value, "https://graph.microsoft.com").status, 200);
}

/// 2: an application or a service principal that is disabled answers 7000112.
#[test]
fn a_disabled_application_or_service_principal_does_not_sign_in() {
    let mut scene = Scene::new(Operator::All);
    let secret = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value;
    let code = |cloud: &mut Cloud| {
        let said = sign_in(cloud, CLIENT, &secret, "https://graph.microsoft.com");
        said.body["error_codes"][0].as_u64().unwrap_or_default()
    };
    assert_eq!(code(&mut scene.cloud), 0);
    scene.cloud.stage().principal_enabled(CLIENT, false).unwrap();
    assert_eq!(code(&mut scene.cloud), 7_000_112);
    assert_eq!(scene.get(&format!("servicePrincipals(appId='{CLIENT}')")).body["accountEnabled"], false);
    scene.cloud.stage().principal_enabled(CLIENT, true).unwrap();
    scene.cloud.stage().application_enabled(APP, false).unwrap();
    assert_eq!(code(&mut scene.cloud), 7_000_112);
    let shown = scene.on_app("GET", "", &Json::Null).body["disabledByMicrosoftStatus"].clone();
    assert_eq!(shown, "DisabledDueToViolationOfServicesAgreement");
    scene.cloud.stage().application_enabled(APP, true).unwrap();
    scene.cloud.stage().remove_principal(CLIENT);
    assert_eq!(code(&mut scene.cloud), 7_000_229);
    scene.cloud.stage().remove_application(CLIENT);
    assert_eq!(code(&mut scene.cloud), 700_016);
}

/// 1.9 and 1.11: `CredentialInvalidLifetimeAsPerAppPolicy`, `CredentialTypeNotAllowedAsPerAppPolicy`.
#[test]
fn policies_limit_what_may_be_added() {
    let mut scene = Scene::new(Operator::All);
    let ask = |scene: &mut Scene, days: i64| {
        let end = now() + SignedDuration::from_hours(24 * days);
        scene.on_app(
            "POST",
            "/addPassword",
            &json!({ "passwordCredential": { "startDateTime": now(), "endDateTime": end } }),
        )
    };
    let default = scene.get("policies/defaultAppManagementPolicy");
    assert_eq!(default.body["isEnabled"], false);
    scene.cloud.stage().tenant_policy(Some(ManagementPolicy::lifetime(90)));
    assert_eq!(ask(&mut scene, 90).status, 200);
    let refused = ask(&mut scene, 91);
    assert_eq!(refused.refusal(), (400, "CredentialInvalidLifetimeAsPerAppPolicy", None));
    assert_eq!(refused.body["error"]["details"][0]["code"], "InvalidKeyEndDate");
    assert_eq!(refused.body["error"]["details"][0]["target"], "EndDate");
    let shown = scene.get("policies/defaultAppManagementPolicy").body["applicationRestrictions"].clone();
    let shown = &shown["passwordCredentials"][0];
    assert_eq!((&shown["restrictionType"], &shown["maxLifetime"]), (&json!("passwordLifetime"), &json!("P90D")));

    // One of the application's own stands in for the tenant's.
    scene.cloud.stage().application_policy(APP, Some(ManagementPolicy::no_addition())).unwrap();
    assert_eq!(ask(&mut scene, 1).refusal(), (400, "CredentialTypeNotAllowedAsPerAppPolicy", None));
    let own = scene.on_app("GET", "/appManagementPolicies", &Json::Null);
    assert_eq!(own.body["value"][0]["restrictions"]["passwordCredentials"][0]["restrictionType"], "passwordAddition");
    scene.cloud.stage().application_policy(APP, None).unwrap();

    // Neither a restriction that is switched off nor one for younger applications holds.
    for (enabled, after, status) in [(false, None, 200), (true, Some(now()), 200), (true, Some(Timestamp::UNIX_EPOCH), 400)]
    {
        let restriction = Restriction { kind: RestrictionKind::Addition, enabled, apps_created_after: after };
        let policy = ManagementPolicy { restrictions: vec![restriction], ..ManagementPolicy::no_addition() };
        scene.cloud.stage().tenant_policy(Some(policy));
        assert_eq!(ask(&mut scene, 1).status, status, "{enabled} {after:?}");
    }
    let off = ManagementPolicy { enabled: false, ..ManagementPolicy::no_addition() };
    scene.cloud.stage().tenant_policy(Some(off));
    assert_eq!(ask(&mut scene, 1).status, 200);
}

/// 3: 403 Forbidden / ForbiddenByRbac, the message with Caller, Action and Resource.
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

/// 3: ForbiddenByPolicy, ForbiddenByFirewall, AKV10032.
#[test]
fn a_vault_refuses_by_policy_by_firewall_and_by_tenant() {
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

    scene.cloud.stage().vault_firewall(HOST, true);
    let denied = scene.vault("GET", "secrets/billing", &Json::Null);
    assert_eq!(denied.refusal(), (403, "Forbidden", Some("ForbiddenByFirewall")));
    assert!(denied.message().starts_with("Client address is not authorized and caller is not a trusted service."));

    let theirs = Uuid::from_u128(7);
    scene.cloud.stage().vault_tenant(HOST, Some(theirs));
    let denied = scene.vault("GET", "secrets/billing", &Json::Null);
    assert_eq!(denied.refusal(), (401, "Unauthorized", None));
    let expected = format!("Expected one of https://sts.windows.net/{theirs}/, found https://sts.windows.net/{TENANT}/.");
    assert_eq!(denied.message(), format!("AKV10032: Invalid issuer. {expected}"));
    let challenge = denied.header("www-authenticate").unwrap().to_owned();
    assert!(challenge.contains(&format!("authorization=\"https://login.sandbox.localhost/{theirs}\"")), "{challenge}");
}

/// 2: the token endpoint's refusals.
#[test]
fn refusals_of_the_token_endpoint_can_be_ordered() {
    let mut scene = Scene::new(Operator::All);
    let secret = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap().value;
    for (why, status, error, code) in [
        (SignInTrouble::ConditionalAccess, 400, "invalid_grant", 53_003),
        (SignInTrouble::Disabled, 400, "unauthorized_client", 7_000_112),
        (SignInTrouble::UnknownTenant, 400, "invalid_request", 90_002),
        (SignInTrouble::UnknownApplication, 400, "unauthorized_client", 700_016),
        (SignInTrouble::Expired, 401, "invalid_client", 7_000_222),
        (SignInTrouble::WrongCloud, 400, "invalid_request", 90_038),
        (SignInTrouble::Unavailable, 503, "temporarily_unavailable", 90_033),
    ] {
        scene.cloud.stage().trouble(Trouble::SignIn { client: Some(CLIENT), why }, Some(1));
        scene.token("https://graph.microsoft.com");
        let said = sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com");
        assert_eq!((said.status, &said.body["error"], &said.body["error_codes"]), (status, &json!(error), &json!([code])));
        assert_eq!(sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com").status, 200, "once only");
    }
    scene.cloud.stage().trouble(Trouble::SignIn { client: None, why: SignInTrouble::Throttled }, None);
    for _ in 0..3 {
        let said = sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com");
        assert_eq!((said.status, said.header("retry-after")), (429, Some("60")));
        assert_eq!((said.header("content-type"), &said.body), (Some("text/plain"), &json!("Too Many Requests")));
    }
    scene.cloud.stage().no_troubles();
    assert_eq!(sign_in(&mut scene.cloud, CLIENT, &secret, "https://graph.microsoft.com").status, 200);
}

/// 1.9 and 1.12: 429 with each kind of `Retry-After`, 409 and 503 Directory_ConcurrencyViolation, 404 after creation.
#[test]
fn refusals_of_graph_can_be_ordered() {
    let mut scene = Scene::new(Operator::All);
    for (why, status, code, after) in [
        (GraphTrouble::Throttled(None), 429, "TooManyRequests", None),
        (GraphTrouble::Throttled(Some(RetryAfter::Fractional)), 429, "TooManyRequests", Some("2.128")),
        (GraphTrouble::Throttled(Some(RetryAfter::Seconds(86_400))), 429, "TooManyRequests", Some("86400")),
        (GraphTrouble::Conflict, 409, "Directory_ConcurrencyViolation", None),
        (GraphTrouble::Busy, 503, "Directory_ConcurrencyViolation", None),
        (GraphTrouble::NotReplicated, 404, "Request_ResourceNotFound", None),
        (GraphTrouble::Unavailable, 503, "ServiceUnavailable", None),
        (GraphTrouble::TooLarge, 403, "Directory_ResourceSizeExceeded", None),
    ] {
        scene.cloud.stage().trouble(Trouble::Graph { call: GraphCall::AddPassword, why }, Some(2));
        assert_eq!(scene.on_app("GET", "", &Json::Null).status, 200, "only what was named");
        for _ in 0..2 {
            let said = scene.add();
            assert_eq!((said.refusal(), said.header("retry-after")), ((status, code, None), after), "{why:?}");
            assert_eq!(said.body["error"]["innerError"]["status"] == "429", status == 429);
        }
        assert_eq!(scene.add().status, 200, "twice only");
    }
    assert_eq!(scene.cloud.standings(now(), APP).len(), 9, "nothing happened where it was refused");
}

/// 3: 429 Throttled, no Retry-After.
#[test]
fn refusals_of_a_vault_can_be_ordered() {
    let mut scene = Scene::new(Operator::All);
    let trouble = Trouble::Vault { host: HOST.into(), right: Some(VaultRight::Set), why: VaultTrouble::Throttled };
    scene.cloud.stage().trouble(trouble, Some(1));
    assert_eq!(scene.vault("GET", "secrets/billing", &Json::Null).status, 200);
    let said = scene.vault("PUT", "secrets/billing", &json!({ "value": "v" }));
    assert_eq!((said.refusal(), said.header("retry-after")), ((429, "Throttled", None), None));
    assert!(said.message().contains("VaultRequestTypeLimitReached"));
    assert_eq!(scene.vault("PUT", "secrets/billing", &json!({ "value": "v" })).status, 200);
}

/// Clock skew: the services' `Date`, and all that they date, is ahead or behind.
#[test]
fn the_services_clock_can_be_off() {
    let mut scene = Scene::new(Operator::All);
    for (seconds, date) in [(-3600, "Sat, 21 Nov 2026 11:00:00 GMT"), (600, "Sat, 21 Nov 2026 12:10:00 GMT")] {
        scene.cloud.stage().clock_offset(SignedDuration::from_secs(seconds));
        let said = scene.add();
        assert_eq!(said.header("date"), Some(date));
        let start: Timestamp = said.body["startDateTime"].as_str().unwrap().parse().unwrap();
        assert_eq!(start, now() + SignedDuration::from_secs(seconds));
        assert_eq!(scene.vault("GET", "secrets", &Json::Null).header("date"), Some(date));
    }
}

/// A state of the version before, where an application held its service principal's id and state.
#[test]
fn an_older_state_is_loaded() {
    let mut scene = Scene::new(Operator::All);
    scene.cloud.stage().principal_enabled(CLIENT, false).unwrap();
    let mut old = serde_json::to_value(&scene.cloud).unwrap();
    let fields = old.as_object_mut().unwrap();
    let principals = fields.remove("principals").unwrap();
    for field in ["tenant_policy", "vault_rules", "troubles", "clock_offset"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    for application in fields["applications"].as_object_mut().unwrap().values_mut() {
        let application = application.as_object_mut().unwrap();
        for field in ["disabled", "requested", "owners", "policy"] {
            assert!(application.remove(field).is_some(), "{field}");
        }
        let principal = &principals[application["client_id"].as_str().unwrap()];
        application.insert("service_principal_id".into(), principal["object_id"].clone());
        application.insert("enabled".into(), principal["enabled"].clone());
    }
    let loaded: Cloud = serde_json::from_str(&old.to_string()).unwrap();
    assert_eq!(loaded, scene.cloud);
    let again: Cloud = serde_json::from_str(&serde_json::to_string(&loaded).unwrap()).unwrap();
    assert_eq!(again, scene.cloud);
}

/// 1.5: owners are added and removed by reference.
#[test]
fn owners_are_added_and_removed_by_reference() {
    let mut scene = Scene::new(Operator::All);
    let (user, principal) = (Uuid::from_u128(7), scene.operator.object_id);
    for owner in [user, principal] {
        let of = json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{owner}") });
        assert_eq!(scene.on_app("POST", "/owners/$ref", &of).status, 204);
        assert_eq!(scene.on_app("POST", "/owners/$ref", &of).status, 400, "already there");
    }
    let owners = scene.on_app("GET", "/owners", &Json::Null).body["value"].clone();
    assert_eq!((&owners[0]["id"], &owners[0]["@odata.type"]), (&json!(user), &json!("#microsoft.graph.user")));
    assert_eq!(owners[1]["@odata.type"], "#microsoft.graph.servicePrincipal");
    assert_eq!(scene.on_app("DELETE", &format!("/owners/{user}/$ref"), &Json::Null).status, 204);
    assert_eq!(scene.on_app("DELETE", &format!("/owners/{user}/$ref"), &Json::Null).status, 404);
    assert_eq!(scene.on_app("GET", "/owners", &Json::Null).body["value"].as_array().unwrap().len(), 1);
}

/// 1.4: pages of 100, `$top` to 999; `@odata.nextLink` is absolute, on the client's host, with the request's own parameters.
#[test]
fn graph_lists_come_in_pages() {
    let mut scene = Scene::new(Operator::Reader);
    for _ in 0..120 {
        scene.cloud.create_application(now(), ApplicationSpec::default());
    }
    let all = scene.cloud.applications().count();
    let mut path = "applications?%24select=appId&$top=50".to_owned();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = scene.get(&path);
        assert_eq!(page.status, 200, "{}", page.body);
        let ids = page.body["value"].as_array().unwrap().iter().map(|a| a["appId"].as_str().unwrap().to_owned());
        seen.extend(ids);
        pages += 1;
        let Some(next) = page.body["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix("https://graph.sandbox.localhost/v1.0/").unwrap().to_owned();
        assert!(path.starts_with("applications?%24select=appId&$top=50&$skiptoken="), "{path}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), pages), (all, all.div_ceil(50)));
    assert_eq!(scene.get("applications").body["value"].as_array().unwrap().len(), 100);
    for bad in ["$top=0", "$top=1000", "$top=x", "$skiptoken=x"] {
        assert_eq!(scene.get(&format!("applications?{bad}")).status, 400, "{bad}");
    }
}

/// 1.10: what a call costs.
#[test]
fn select_and_a_small_top_make_a_call_cheaper() {
    let mut scene = Scene::new(Operator::Reader);
    for (query, cost) in [("", "2"), ("?$select=id", "1"), ("?$top=5", "1"), ("?$top=20", "2"), ("?$select=id&$top=5", "1")]
    {
        assert_eq!(scene.get(&format!("applications{query}")).header("x-ms-resource-unit"), Some(cost), "{query}");
    }
}

/// Calls in process meet the same stage as requests over the wire.
#[test]
fn in_process_the_same_holds() {
    let mut scene = Scene::new(Operator::OwnedBy);
    let (acting, oid) = (scene.operator.client_id, scene.operator.object_id);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(600));
    let cloud = Rc::new(RefCell::new(scene.cloud));
    let setup = Setup {
        client_id: CLIENT,
        scope: "https://graph.microsoft.com/.default".into(),
        vaults: vec![VaultSetup { host: HOST.into(), secret: "billing".into(), ..VaultSetup::default() }],
    };
    let services = InProcess::new(Rc::clone(&cloud), setup.clone(), now).acting_as(acting);
    let kind = |read: Read<()>| read.map_or_else(|(refusal, _)| Err((refusal.kind, refusal.code)), |((), _)| Ok(()));
    let application = || kind(block_on(services.application()).map(|(_, t)| ((), t)));
    let current = || kind(block_on(services.current(VaultIx(0))).map(|(_, t)| ((), t)));

    assert_eq!(application(), Err((RefusalKind::Forbidden, "Authorization_RequestDenied".into())));
    cloud.borrow_mut().stage().add_owner(APP, oid).unwrap();
    assert_eq!(application(), Ok(()));
    assert_eq!(current(), Err((RefusalKind::Forbidden, "Forbidden/ForbiddenByRbac".into())));
    cloud.borrow_mut().stage().vault_rights(HOST, oid, &VaultRight::USER);
    assert_eq!(current(), Ok(()));
    let (_, trace) = block_on(services.application()).unwrap_or_else(|_| panic!("refused"));
    assert_eq!(trace.date, Some(now() + SignedDuration::from_secs(600)));

    let end = now() + SignedDuration::from_hours(24 * 365);
    let trouble = Trouble::Graph { call: GraphCall::AddPassword, why: GraphTrouble::Conflict };
    cloud.borrow_mut().stage().trouble(trouble, Some(1));
    let Outcome::NotApplied(refusal, _) = block_on(services.add_password("x", end)) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Conflict, "Directory_ConcurrencyViolation"));
    let Outcome::Applied(made, _) = block_on(services.add_password("x", end)) else { panic!("refused") };
    cloud.borrow_mut().stage().trouble(Trouble::SignIn { client: None, why: SignInTrouble::Throttled }, Some(1));
    let (answer, _) = block_on(services.sign_in(&made.value));
    assert!(matches!(answer, SignIn::Unavailable { .. }), "{answer:?}");
    assert!(matches!(block_on(services.sign_in(&made.value)).0, SignIn::Accepted));

    // A write that is refused does not land late either.
    let late = InProcess::new(Rc::clone(&cloud), setup, now).acting_as(acting).with_faults(|operation| {
        if operation.mutates() { Fault::Late(std::time::Duration::from_secs(1)) } else { Fault::None }
    });
    cloud.borrow_mut().stage().vault_rights(HOST, oid, &[]);
    let version = cloud.borrow().latest_version(HOST, "billing").unwrap().id.parse().unwrap();
    assert!(matches!(block_on(late.disable(VaultIx(0), version)), Outcome::InDoubt(..)));
    assert_eq!(cloud.borrow().on_their_way(), 0);
}

/// 2: 7000222 where all that match have expired; the end is the services' to compare.
#[test]
fn a_secret_can_be_let_end() {
    let mut scene = Scene::new(Operator::All);
    let made = scene.cloud.stage().password(now(), APP, PasswordSpec::default()).unwrap();
    let code = |cloud: &mut Cloud| {
        let said = sign_in(cloud, CLIENT, &made.value, "https://graph.microsoft.com");
        said.body["error_codes"][0].as_u64().unwrap_or_default()
    };
    assert!(scene.cloud.stage().password_ends(made.key_id, now() + SignedDuration::from_secs(60)));
    assert_eq!(code(&mut scene.cloud), 0);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(60));
    assert_eq!(code(&mut scene.cloud), 7_000_222);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(59));
    assert_eq!(code(&mut scene.cloud), 0);
    assert!(!scene.cloud.stage().password_ends(Uuid::from_u128(7), now()));
}
