//! Service principals, owners, policies, pages.

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{
    ApplicationSpec, Cloud, ManagementPolicy, Operator, PasswordSpec, PrincipalSpec, Restriction, RestrictionKind, Value,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use keyrelay::sandbox::faults::parse;
use keyrelay::sandbox::wire::{Fate, Request, exchange};

use crate::scene::{APP, CLIENT, HOST, Scene, now, sign_in};

/// 1.5: a service principal has passwords of its own, without `hint`, apart from the application's.
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

/// 1.11: policies refuse: `CredentialInvalidLifetimeAsPerAppPolicy`, `CredentialTypeNotAllowedAsPerAppPolicy` (1.9).
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

/// A state of the version before, where an application held its service principal's id and state.
#[test]
fn an_older_state_is_loaded() {
    let mut scene = Scene::new(Operator::All);
    scene.cloud.stage().principal_enabled(CLIENT, false).unwrap();
    let mut old = serde_json::to_value(&scene.cloud).unwrap();
    let fields = old.as_object_mut().unwrap();
    let principals = fields.remove("principals").unwrap();
    for field in ["tenant_policy", "vault_rules", "faults", "clock_offset"] {
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

/// 1.10: what a call costs: `$select` and a small `$top` make it cheaper.
#[test]
fn select_and_a_small_top_make_a_call_cheaper() {
    let mut scene = Scene::new(Operator::Reader);
    for (query, cost) in [("", "2"), ("?$select=id", "1"), ("?$top=5", "1"), ("?$top=20", "2"), ("?$select=id&$top=5", "1")]
    {
        assert_eq!(scene.get(&format!("applications{query}")).header("x-ms-resource-unit"), Some(cost), "{query}");
    }
}

/// Pages of a list, as a client that follows links gets them, and how many items each had.
fn pages(scene: &mut Scene, vault: bool, first: &str, member: &str) -> Vec<usize> {
    let (host, resource) =
        if vault { (HOST, "https://vault.azure.net") } else { ("graph.sandbox.localhost", "https://graph.microsoft.com") };
    let token = scene.token(resource);
    let (mut path, mut sizes) = (first.to_owned(), Vec::new());
    loop {
        let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
        let request = Request {
            method: "GET".into(),
            host: host.into(),
            path: bare.into(),
            query: query.into(),
            headers: vec![("authorization".into(), format!("Bearer {token}"))],
            body: Vec::new(),
        };
        let Fate::Arrives(answer) = exchange(&mut scene.cloud, now(), &request, false).fate else { panic!("lost") };
        let body: Json = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 200, "{body}");
        sizes.push(body["value"].as_array().unwrap().len());
        let Some(next) = body[member].as_str() else { return sizes };
        path = next.split_once(host).unwrap().1.trim_start_matches(":443").to_owned();
    }
}

/// 1.4: a page may be empty and still have a `nextLink`; of Key Vault, too.
#[test]
fn a_list_may_begin_with_an_empty_page() {
    let mut scene = Scene::new(Operator::All);
    let (graph, vault) = ("/v1.0/applications?$top=5", "/secrets?api-version=7.4&maxresults=1");
    assert_eq!(pages(&mut scene, false, graph, "@odata.nextLink"), [2]);
    assert_eq!(pages(&mut scene, true, vault, "nextLink"), [1]);
    for rule in parse("[[fault]]\noperation = [\"list-applications\", \"list-secrets\"]\ndo = \"empty-page\"\n").unwrap() {
        scene.cloud.stage().faults().add(rule);
    }
    assert_eq!(pages(&mut scene, false, graph, "@odata.nextLink"), [0, 2]);
    assert_eq!(pages(&mut scene, true, vault, "nextLink"), [0, 1]);
}

/// 1.4: a `nextLink` that came in a repeated answer is stale: `DirectoryPageTokenNotFoundException`.
#[test]
fn a_link_may_be_stale() {
    let mut scene = Scene::new(Operator::All);
    let rule = "[[fault]]\noperation = [\"list-applications\"]\nnth = 2\ndo = \"refuse\"\nas = \"stale-link\"\n";
    scene.cloud.stage().faults().add(parse(rule).unwrap().remove(0));
    let first = scene.get("applications?$top=1");
    let next = first.body["@odata.nextLink"].as_str().unwrap().to_owned();
    let stale = scene.get(next.strip_prefix("https://graph.sandbox.localhost/v1.0/").unwrap());
    assert_eq!(stale.refusal(), (400, "DirectoryPageTokenNotFoundException", None));
}

/// 1.2: `hint` is the first three characters of an application's secret, and null for a service principal's.
#[test]
fn a_hint_is_of_an_application_only() {
    let mut scene = Scene::new(Operator::All);
    let made = scene.add();
    let secret = made.body["secretText"].as_str().unwrap().to_owned();
    assert_eq!(made.body["hint"], json!(secret[..3]));
    let listed = scene.on_app("GET", "", &Json::Null).body["passwordCredentials"][0].clone();
    assert_eq!((&listed["hint"], &listed["secretText"]), (&json!(secret[..3]), &Json::Null));
    let path = format!("servicePrincipals(appId='{CLIENT}')/addPassword");
    assert_eq!(scene.graph("POST", &path, &Json::Null).body["hint"], Json::Null);
}
