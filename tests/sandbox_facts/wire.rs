//! The wire's refusals, and that no request makes it panic.

use jiff::SignedDuration;
use jiff::Timestamp;
use keyrelay::sandbox::cloud::{Cloud, OPERATOR, Operator, Profile, Range, Seed, SeedVault, SignInRequest, TENANT, Value};
use keyrelay::sandbox::wire::{Request, Response, Service, answer, service};
use proptest::prelude::*;
use serde_json::Value as Json;

const HOST: &str = "first-vault.vault.sandbox.localhost";
const CLIENT: &str = "5a9db0c5-b111-4000-8000-000000000001";
const GRAPH: &str = "graph.sandbox.localhost";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn cloud() -> Cloud {
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    let vaults = vec![SeedVault { host: HOST.into(), secret: "billing".into() }];
    let seed = Seed { client_id: CLIENT.parse().unwrap(), tenant: TENANT, display_name: "billing".into(), vaults };
    cloud.seed(now(), &seed).unwrap();
    cloud
}

fn token(cloud: &mut Cloud, scope: &str) -> String {
    let (tenant, operator) = (TENANT.to_string(), OPERATOR.to_string());
    let secret = cloud.operator_secret().unwrap().clone();
    let request = SignInRequest { tenant: &tenant, client_id: &operator, secret: Some(&secret), scope };
    let token = cloud.sign_in(now(), &request).unwrap().access_token;
    serde_json::to_value(token).unwrap().as_str().unwrap().to_owned()
}

fn ask(cloud: &mut Cloud, method: &str, host: &str, path: &str, body: &str) -> (Response, Json) {
    let scope = if service(host, path) == Service::Vault {
        "https://vault.azure.net/.default"
    } else {
        "https://graph.microsoft.com/.default"
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let bearer = format!("Bearer {}", token(cloud, scope));
    let request = Request {
        method: method.into(),
        host: host.into(),
        path: path.into(),
        query: query.into(),
        headers: vec![("authorization".into(), bearer)],
        body: body.as_bytes().to_vec(),
    };
    let response = answer(cloud, now(), &request);
    let body = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
    (response, body)
}

#[test]
fn services_are_told_apart_by_host_and_by_path() {
    assert_eq!(service("login.sandbox.localhost", "/x"), Service::Login);
    assert_eq!(service("GRAPH.sandbox.localhost:8443", "/secrets"), Service::Graph);
    assert_eq!(service(HOST, "/v1.0/applications"), Service::Vault);
    assert_eq!(service("127.0.0.1:8443", "/v1.0/applications"), Service::Graph);
    assert_eq!(service("127.0.0.1:8443", "/secrets/a"), Service::Vault);
    assert_eq!(service("127.0.0.1:8443", "/deletedsecrets"), Service::Vault);
    assert_eq!(service("127.0.0.1:8443", "/tenant/oauth2/v2.0/token"), Service::Login);
    assert_eq!(service(HOST, "/_sandbox/health"), Service::Sandbox);
    assert_eq!(service("127.0.0.1:8443", "/subscriptions"), Service::Arm);
    assert_eq!(service("127.0.0.1:8443", "//metadata/endpoints"), Service::Arm);
    assert_eq!(service("management.azure.com", "/anything"), Service::Arm);
}

#[test]
fn an_address_is_the_vault_that_has_its_number() {
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    cloud.stock(now(), 2).unwrap();
    let set = |cloud: &mut Cloud, host: &str, value: &str| {
        ask(cloud, "PUT", host, "/secrets/which?api-version=7.4", &format!("{{\"value\":\"{value}\"}}")).1
    };
    let first = set(&mut cloud, "127.0.0.1:8443", "first");
    set(&mut cloud, "127.0.0.2:8443", "second");
    assert!(first["id"].as_str().unwrap().starts_with("https://127.0.0.1:8443/secrets/which/"), "{first}");
    for (host, value) in [
        ("localhost:8443", "first"),
        ("VAULT-1.vault.sandbox.localhost:8443", "first"),
        ("vault-2.vault.sandbox.localhost", "second"),
    ] {
        let (_, read) = ask(&mut cloud, "GET", host, "/secrets/which?api-version=7.4", "");
        assert_eq!((&read["value"], host), (&Json::from(value), host));
    }
    let (response, said) = ask(&mut cloud, "GET", "127.0.0.3:8443", "/secrets/which?api-version=7.4", "");
    assert_eq!((response.status, &said["error"]["code"]), (404, &Json::from("VaultNotFound")));
    // The challenge leads back to the address that was asked.
    let request =
        Request { method: "GET".into(), host: "127.0.0.2:8443".into(), path: "/secrets".into(), ..Request::default() };
    let challenged = answer(&mut cloud, now(), &request);
    let (_, challenge) = challenged.headers.iter().find(|(n, _)| *n == "www-authenticate").unwrap();
    let expected = format!("Bearer authorization=\"https://127.0.0.2:8443/{TENANT}\", resource=\"https://vault.azure.net\"");
    assert_eq!(*challenge, expected);
}

#[test]
fn resource_manager_answers_what_the_azure_cli_asks() {
    let mut cloud = cloud();
    let get = |cloud: &mut Cloud, path: &str, token: Option<&str>| {
        let headers = token.map(|t| ("authorization".to_owned(), format!("Bearer {t}"))).into_iter().collect();
        let host = "127.0.0.1:8443".to_owned();
        let request = Request { method: "GET".into(), host, path: path.into(), headers, ..Request::default() };
        let response = answer(cloud, now(), &request);
        (response.status, serde_json::from_slice::<Json>(&response.body).unwrap())
    };
    let (status, body) = get(&mut cloud, "/metadata/endpoints", None);
    let expected = ["https://127.0.0.1:8443", "https://127.0.0.1:8443/", ".0.0.1:8443"].map(Json::from);
    let found = ["/authentication/loginEndpoint", "/microsoftGraphResourceId", "/suffixes/keyVaultDns"];
    assert_eq!((status, found.map(|p| body.pointer(p).unwrap().clone())), (200, expected));

    let management = token(&mut cloud, "https://management.core.windows.net//.default");
    assert_eq!(get(&mut cloud, "/subscriptions", Some(&management)).1["value"], serde_json::json!([]));
    let graph = token(&mut cloud, "https://graph.microsoft.com/.default");
    for (token, code) in [
        (None, "AuthenticationFailed"),
        (Some("x"), "InvalidAuthenticationToken"),
        (Some(graph.as_str()), "InvalidAuthenticationTokenAudience"),
    ] {
        let (status, body) = get(&mut cloud, "/subscriptions", token);
        assert_eq!((status, &body["error"]["code"]), (401, &Json::from(code)));
    }
    assert_eq!(get(&mut cloud, "/subscriptions/x/resourceGroups", Some(&management)).0, 404);
}

/// 3: `BadParameter` and `SecretNotFound`, unknown versions included.
#[test]
fn refusals_of_the_vault() {
    let mut cloud = cloud();
    for (method, path, body, status, code) in [
        ("GET", "/secrets/billing", "", 400, "BadParameter"),
        ("GET", "/secrets?api-version=7.4&maxresults=26", "", 400, "BadParameter"),
        ("GET", "/secrets?api-version=7.4&maxresults=0", "", 400, "BadParameter"),
        ("GET", "/secrets?api-version=7.4&$skiptoken=x", "", 400, "BadParameter"),
        ("PUT", "/secrets/billing?api-version=7.4", "", 400, "BadParameter"),
        ("PUT", "/secrets/billing?api-version=7.4", "{\"value\":7}", 400, "BadParameter"),
        ("PUT", "/secrets/a_b?api-version=7.4", "{\"value\":\"v\"}", 400, "BadParameter"),
        ("GET", "/secrets/none?api-version=7.4", "", 404, "SecretNotFound"),
        ("GET", "/secrets/billing/00000000000000000000000000000000?api-version=7.4", "", 404, "SecretNotFound"),
        ("GET", "/deletedsecrets/billing?api-version=7.4", "", 404, "SecretNotFound"),
        ("DELETE", "/deletedsecrets/billing?api-version=7.4", "", 404, "SecretNotFound"),
    ] {
        let (response, said) = ask(&mut cloud, method, HOST, path, body);
        assert_eq!((response.status, &said["error"]["code"]), (status, &Json::from(code)), "{method} {path}");
    }
    let (response, said) = ask(&mut cloud, "GET", "nowhere.vault.sandbox.localhost", "/secrets?api-version=7.4", "");
    assert_eq!((response.status, &said["error"]["code"]), (404, &Json::from("VaultNotFound")));
}

/// 3: `innererror` is in lower case on the wire, and PATCH answers without the value.
#[test]
fn a_disabled_latest_version_answers_403_with_innererror_in_lower_case() {
    let mut cloud = cloud();
    let off = "{\"attributes\":{\"enabled\":false,\"exp\":1800000000}}";
    let (response, said) = ask(&mut cloud, "PATCH", HOST, "/secrets/billing/?api-version=7.4", off);
    assert_eq!((response.status, said.get("value")), (200, None));
    assert_eq!(
        (&said["attributes"]["enabled"], &said["attributes"]["exp"]),
        (&Json::from(false), &Json::from(1_800_000_000))
    );
    let (response, said) = ask(&mut cloud, "GET", HOST, "/secrets/billing/?api-version=7.4", "");
    assert_eq!((response.status, &said["error"]["innererror"]["code"]), (403, &Json::from("SecretDisabled")));
}

/// 1.1: an error has `code`, `message` and `innerError` with the request id and a date without zone.
#[test]
fn refusals_and_selections_of_graph() {
    let mut cloud = cloud();
    let app = format!("/v1.0/applications(appId='{CLIENT}')");
    for (method, path, body, status, code) in [
        ("GET", "/v1.0/applications?$filter=passwordCredentials/any()", "", 400, "Request_UnsupportedQuery"),
        ("GET", "/v1.0/applications/not-a-guid", "", 404, "Request_ResourceNotFound"),
        ("GET", "/v1.0/me", "", 400, "BadRequest"),
        ("POST", &format!("{app}/addPassword"), "{", 400, "BadRequest"),
        ("POST", &format!("{app}/addPassword"), "{\"passwordCredential\":{\"endDateTime\":\"soon\"}}", 400, "BadRequest"),
        ("POST", &format!("{app}/removePassword"), "{}", 400, "BadRequest"),
        (
            "POST",
            &format!("{app}/removePassword"),
            "{\"keyId\":\"5a9db0c5-0000-4000-8000-00000000ffff\"}",
            400,
            "Request_BadRequest",
        ),
    ] {
        let (response, said) = ask(&mut cloud, method, GRAPH, path, body);
        assert_eq!((response.status, &said["error"]["code"]), (status, &Json::from(code)), "{method} {path}");
        let id = response.headers.iter().find(|(n, _)| *n == "request-id").unwrap();
        assert_eq!(said["error"]["innerError"]["request-id"], Json::from(id.1.as_str()));
        assert_eq!(said["error"]["innerError"]["date"], "2026-11-21T12:00:00", "no zone");
    }
    let (_, said) = ask(&mut cloud, "GET", GRAPH, &format!("{app}?%24select=appId,passwordCredentials"), "");
    let names: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(names, ["@odata.context", "appId", "passwordCredentials"]);
    let (_, said) = ask(&mut cloud, "GET", GRAPH, &format!("/v1.0/servicePrincipals(appId='{CLIENT}')"), "");
    assert_eq!((&said["appId"], &said["accountEnabled"]), (&Json::from(CLIENT), &Json::from(true)));
    let (_, said) = ask(&mut cloud, "GET", GRAPH, &format!("/v1.0/servicePrincipals?$filter=appId+eq+'{CLIENT}'"), "");
    assert_eq!(said["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_token_without_the_right_is_told_what_it_lacks() {
    let mut cloud = cloud();
    // The application's own secret, as its consumer has it: the vault serves it to the operator only.
    let (_, read) = ask(&mut cloud, "GET", HOST, "/secrets/billing?api-version=7.4", "");
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret={}&scope=https%3A%2F%2Fvault.azure.net%2F.default",
        read["value"].as_str().unwrap().replace('~', "%7E")
    );
    let sign_in = Request {
        method: "POST".into(),
        host: "127.0.0.1:8443".into(),
        path: format!("/{TENANT}/oauth2/v2.0/token"),
        body: form.into_bytes(),
        ..Request::default()
    };
    let token: Json = serde_json::from_slice(&answer(&mut cloud, now(), &sign_in).body).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let get = Request {
        method: "GET".into(),
        host: HOST.into(),
        path: "/secrets/billing".into(),
        query: "api-version=7.4".into(),
        headers: vec![("authorization".into(), bearer)],
        body: Vec::new(),
    };
    let denied = answer(&mut cloud, now(), &get);
    let body: Json = serde_json::from_slice(&denied.body).unwrap();
    assert_eq!((denied.status, &body["error"]["innererror"]["code"]), (403, &Json::from("ForbiddenByRbac")));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"), "{message}");
    assert!(message.contains(&format!("appid={CLIENT};")), "{message}");
}

/// 2: discovery names token endpoint and issuer on the host that was asked; an unknown tenant is `invalid_tenant`.
#[test]
fn discovery_names_the_host_that_was_asked() {
    let mut cloud = cloud();
    let request = |tenant: &str| Request {
        method: "GET".into(),
        host: "127.0.0.1:8443".into(),
        path: format!("/{tenant}/v2.0/.well-known/openid-configuration"),
        ..Request::default()
    };
    let found = answer(&mut cloud, now(), &request(&TENANT.to_string()));
    let body: Json = serde_json::from_slice(&found.body).unwrap();
    assert_eq!(body["token_endpoint"], format!("https://127.0.0.1:8443/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(body["issuer"], format!("https://127.0.0.1:8443/{TENANT}/v2.0"));
    let unknown = answer(&mut cloud, now(), &request(CLIENT));
    let body: Json = serde_json::from_slice(&unknown.body).unwrap();
    assert_eq!(
        (unknown.status, &body["error"], &body["error_codes"][0]),
        (400, &Json::from("invalid_tenant"), &Json::from(90_002))
    );
}

/// Status and body of a request to Graph by an operator, at a time.
fn on_graph(cloud: &mut Cloud, at: Timestamp, who: Operator, method: &str, path: &str, body: Json) -> (u16, Json) {
    let signs_in = cloud.stage().operator(at, who).unwrap();
    let (tenant, client_id) = (TENANT.to_string(), signs_in.client_id.to_string());
    let scope = "https://graph.microsoft.com/.default";
    let request = SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(&signs_in.secret), scope };
    let token = cloud.sign_in(at, &request).unwrap().access_token;
    let token = serde_json::to_value(token).unwrap();
    let request = Request {
        method: method.into(),
        host: GRAPH.into(),
        path: format!("/v1.0/{path}"),
        headers: vec![("authorization".into(), format!("Bearer {}", token.as_str().unwrap()))],
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        ..Request::default()
    };
    let response = answer(cloud, at, &request);
    (response.status, serde_json::from_slice(&response.body).unwrap_or(Json::Null))
}

fn code_of_sign_in(cloud: &mut Cloud, client_id: &str, secret: &Value) -> u32 {
    let (tenant, scope) = (TENANT.to_string(), "https://graph.microsoft.com/.default");
    let request = SignInRequest { tenant: &tenant, client_id, secret: Some(secret), scope };
    cloud.sign_in(now(), &request).err().map_or(0, |e| e.code)
}

#[test]
fn applications_are_made_deleted_restored_and_purged() {
    let mut cloud = cloud();
    let all =
        |cloud: &mut Cloud, method: &str, path: &str, body: Json| on_graph(cloud, now(), Operator::All, method, path, body);
    let (status, made) = all(&mut cloud, "POST", "applications", serde_json::json!({ "displayName": "new one" }));
    assert_eq!((status, &made["displayName"]), (201, &Json::from("new one")));
    assert_eq!(made["createdDateTime"], "2026-11-21T12:00:00.0000000Z");
    let (id, client_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    let app = format!("applications/{id}");
    let (_, added) = all(&mut cloud, "POST", &format!("{app}/addPassword"), Json::Null);
    let secret = Value::new(added["secretText"].as_str().unwrap().to_owned());
    assert_eq!(code_of_sign_in(&mut cloud, client_id, &secret), 7_000_229, "it has no service principal yet");

    let principal = serde_json::json!({ "appId": client_id });
    assert_eq!(all(&mut cloud, "POST", "servicePrincipals", principal.clone()).0, 201);
    let (status, again) = all(&mut cloud, "POST", "servicePrincipals", principal);
    assert_eq!((status, &again["error"]["code"]), (409, &Json::from("Request_MultipleObjectsWithSameKeyValue")));
    assert_eq!(code_of_sign_in(&mut cloud, client_id, &secret), 0);
    // Nothing was said of the audience: it is that of personal accounts, too.
    assert_eq!(all(&mut cloud, "POST", &format!("{app}/addPassword"), Json::Null).0, 200);
    let (status, third) = all(&mut cloud, "POST", &format!("{app}/addPassword"), Json::Null);
    assert_eq!((status, &third["error"]["code"]), (400, &Json::from("TooManyAppPasswords")));

    let deleted = format!("directory/deletedItems/{id}");
    assert_eq!(all(&mut cloud, "GET", &deleted, Json::Null).0, 404);
    assert_eq!(all(&mut cloud, "DELETE", &app, Json::Null).0, 204);
    assert_eq!(all(&mut cloud, "GET", &app, Json::Null).0, 404);
    assert_eq!(code_of_sign_in(&mut cloud, client_id, &secret), 700_016);
    assert_eq!(all(&mut cloud, "GET", &deleted, Json::Null).1["appId"], client_id);
    assert_eq!(all(&mut cloud, "POST", &format!("{deleted}/restore"), Json::Null).0, 200);
    assert_eq!(code_of_sign_in(&mut cloud, client_id, &secret), 0);
    assert_eq!(all(&mut cloud, "DELETE", &app, Json::Null).0, 204);

    // What is deleted is kept as well as what lives.
    let mut cloud: Cloud = serde_json::from_slice(&serde_json::to_vec(&cloud).unwrap()).unwrap();
    assert_eq!(all(&mut cloud, "DELETE", &deleted, Json::Null).0, 204);
    assert_eq!(all(&mut cloud, "POST", &format!("{deleted}/restore"), Json::Null).0, 404);
    for body in [serde_json::json!({}), serde_json::json!({ "displayName": "" }), serde_json::json!([])] {
        assert_eq!(all(&mut cloud, "POST", "applications", body).0, 400);
    }
    assert_eq!(all(&mut cloud, "POST", "servicePrincipals", serde_json::json!({ "appId": client_id })).0, 400);
}

#[test]
fn a_new_application_is_not_found_until_it_is_seen_and_belongs_to_who_made_it() {
    let mut cloud = cloud();
    cloud.set_profile(Profile { lists: Range { from_ms: 3000, to_ms: 3000 }, ..Profile::instant() });
    let named = serde_json::json!({ "displayName": "new one" });
    let (status, made) = on_graph(&mut cloud, now(), Operator::OwnedBy, "POST", "applications", named.clone());
    assert_eq!(status, 201);
    let app = format!("applications/{}", made["id"].as_str().unwrap());
    for (seconds, status) in [(0, 404), (2, 404), (3, 200)] {
        let at = now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let add = format!("{app}/addPassword");
        assert_eq!(on_graph(&mut cloud, at, Operator::OwnedBy, "POST", &add, Json::Null).0, status, "{seconds}");
        let (_, list) = on_graph(&mut cloud, at, Operator::Reader, "GET", "applications", Json::Null);
        let listed = list["value"].as_array().unwrap().iter().any(|a| a["id"] == made["id"]);
        assert_eq!(listed, status == 200, "{seconds}");
    }
    for who in [Operator::Reader, Operator::Nothing] {
        assert_eq!(on_graph(&mut cloud, now(), who, "POST", "applications", named.clone()).0, 403);
        let later = now().checked_add(SignedDuration::from_secs(3)).unwrap();
        assert_eq!(on_graph(&mut cloud, later, who, "DELETE", &app, Json::Null).0, 403);
    }
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(
        method in "GET|PUT|POST|PATCH|DELETE",
        host in prop::sample::select(vec![HOST, GRAPH, "login.sandbox.localhost", "management.azure.com", "127.0.0.1:1", ":", ""]),
        segments in prop::collection::vec(
            "secrets|subscriptions|metadata|endpoints|deletedsecrets|versions|recover|v1\\.0|applications|applications\\(appId='[a-f0-9-]{0,36}'\\)|addPassword|removePassword|servicePrincipals|servicePrincipals\\(appId='[a-f0-9-]{0,36}'\\)|owners|directory|deletedItems|restore|\\$ref|ownedObjects|appRoleAssignments|policies|defaultAppManagementPolicy|appManagementPolicies|5a9db0c5-b111-4000-8000-000000000001|billing|[a-f0-9]{32}|%[0-9a-f]{0,2}|\\PC{0,6}",
            0..5,
        ),
        query in "(api-version=7\\.4)?(&maxresults=[0-9]{0,3})?(&\\$skiptoken=[A-Za-z0-9]{0,9})?(&\\$filter=\\PC{0,20})?(&\\$select=\\PC{0,9})?(&\\$top=[0-9]{0,4})?",
        body in "\\PC{0,30}|\\{\"(value|keyId|passwordCredential|attributes|tags)\":(null|\"\\PC{0,9}\"|-?[0-9]{1,20}|\\{\\}|\\{\"exp\":-?[0-9]{1,19}\\})\\}",
    ) {
        let path = format!("/{}", segments.join("/").replace('?', ""));
        let (response, _) = ask(&mut cloud(), &method, host, &format!("{path}?{query}"), &body);
        prop_assert!((200..500).contains(&response.status), "{} {path}", response.status);
    }
}
