//! Every way, every half of one, and the order.

use super::*;

const APP: &str = "afb85a07-e312-4d49-b75b-9db4e2d683cd";
const OTHER: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
const RUNBOOK: &str = "contoso.onmicrosoft.com";
const CANARY: &str = "cAn8Q~aryVALUE";

/// The environment of each way, whole.
const WHOLE: [(&str, &[(&str, &str)]); 6] = [
    (
        "workload-identity",
        &[("AZURE_FEDERATED_TOKEN_FILE", "/run/token"), ("AZURE_CLIENT_ID", APP), ("AZURE_TENANT_ID", OTHER)],
    ),
    ("client-secret", &[("AZURE_CLIENT_SECRET", CANARY), ("AZURE_CLIENT_ID", APP), ("AZURE_TENANT_ID", OTHER)]),
    ("certificate", &[("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem"), ("AZURE_CLIENT_ID", APP), ("AZURE_TENANT_ID", OTHER)]),
    (
        "github-actions",
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://run.example/t?x=1"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", CANARY),
            ("AZURE_CLIENT_ID", APP),
            ("AZURE_TENANT_ID", OTHER),
        ],
    ),
    (
        "azure-pipelines",
        &[
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c"),
            ("SYSTEM_OIDCREQUESTURI", "https://dev.example/o"),
            ("SYSTEM_ACCESSTOKEN", CANARY),
            ("AZURESUBSCRIPTION_CLIENT_ID", APP),
            ("AZURESUBSCRIPTION_TENANT_ID", OTHER),
        ],
    ),
    ("managed-identity", &[("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi"), ("IDENTITY_HEADER", CANARY)]),
];

fn kind(name: &str) -> AuthKind {
    name.parse().unwrap()
}

fn choice(
    flag: Option<&str>,
    runbook: Option<&Auth>,
    variables: &[(&str, &str)],
    azure_cli_profile: bool,
) -> Result<Chosen, NoSignIn> {
    let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let asked = Asked { flag: flag.map(kind), runbook, tenant: &RUNBOOK.parse().unwrap() };
    choose(&asked, &Environment { variable: &variable, azure_cli_profile })
}

fn error(flag: Option<&str>, variables: &[(&str, &str)]) -> NoSignIn {
    let error = choice(flag, None, variables, true).err().unwrap();
    assert!(!format!("{error} {error:?} {}", error.advice()).contains(CANARY), "{error}");
    error
}

/// `variables` without the one called `name`.
fn without<'a>(variables: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    variables.iter().copied().filter(|(n, _)| *n != name).collect()
}

#[test]
fn each_environment_decides_by_itself() {
    for (name, variables) in WHOLE {
        let chosen = choice(None, None, variables, true).ok().unwrap();
        assert_eq!((chosen.kind, chosen.why), (kind(name), format!("{} is set", variables[0].0)));
        let who = match name {
            "managed-identity" => "the system-assigned managed identity of this machine".to_owned(),
            _ => format!("application {APP} of tenant {OTHER}"),
        };
        assert_eq!(chosen.who, who);
    }
}

#[test]
fn what_is_missing_is_named() {
    for (name, variables) in WHOLE {
        for (missing, _) in &variables[1..] {
            let NoSignIn::Missing { kind: k, variable, .. } = error(None, &without(variables, missing)) else {
                panic!("{name} without {missing}")
            };
            assert_eq!((k, variable), (kind(name), *missing));
        }
        // named, it is the mark itself that may be missing; the runbook's tenant stands in
        let NoSignIn::Missing { variable, .. } = error(Some(name), &without(variables, variables[0].0)) else {
            panic!("{name}")
        };
        assert_eq!(variable, variables[0].0);
    }
    let empty = [("AZURE_CLIENT_SECRET", CANARY), ("AZURE_CLIENT_ID", ""), ("AZURE_TENANT_ID", OTHER)];
    let said = error(None, &empty).to_string();
    assert_eq!(said, "cannot sign in with client-secret (AZURE_CLIENT_SECRET is set): AZURE_CLIENT_ID is not set");
}

#[test]
fn the_order_is_the_documented_one() {
    let all: Vec<_> = WHOLE.iter().flat_map(|(_, v)| v.iter().copied()).collect();
    let mut left = without(&without(&all, "AZURE_CLIENT_SECRET"), "AZURE_CLIENT_CERTIFICATE_PATH");
    for (name, variables) in [WHOLE[0], WHOLE[3], WHOLE[4], WHOLE[5]] {
        assert_eq!(choice(None, None, &left, true).ok().unwrap().kind, kind(name));
        left = without(&left, variables[0].0);
    }
    let chosen = choice(None, None, &[], true).ok().unwrap();
    assert_eq!(
        (chosen.kind, chosen.who),
        (AuthKind::AzureCli, format!("whoever is signed in to the Azure CLI, in tenant {RUNBOOK}"))
    );
    assert_eq!(choice(None, None, &[], false).err(), Some(NoSignIn::Nothing));
}

#[test]
fn two_credentials_of_one_client_are_refused() {
    let files = ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"];
    for (first, second) in [(0, 1), (0, 2), (1, 2)] {
        let (first, second) = (files[first], files[second]);
        let both = [(second, "b"), (first, "a"), ("AZURE_CLIENT_ID", APP), ("AZURE_TENANT_ID", OTHER)];
        assert_eq!(error(None, &both), NoSignIn::Ambiguous { first, second });
        assert!(choice(Some("client-secret"), None, &[&both[..], &[("AZURE_CLIENT_SECRET", "x")]].concat(), true).is_ok());
    }
}

#[test]
fn half_an_environment_is_not_passed_over_for_the_azure_cli() {
    for (set, missing) in HALVES {
        assert_eq!(error(None, &[(set, APP)]), NoSignIn::Half { set, missing });
    }
    assert!(choice(None, None, &[("AZURE_TENANT_ID", OTHER)], true).is_ok(), "a tenant alone is a word to the Azure CLI");
}

#[test]
fn what_is_named_wins_and_the_flag_over_the_runbook() {
    let (_, secret) = WHOLE[1];
    let auth = Auth { kind: AuthKind::ClientSecret, tenant: None, client_id: Some(OTHER.parse().unwrap()) };
    let chosen = choice(None, Some(&auth), &[("AZURE_CLIENT_SECRET", CANARY)], false).ok().unwrap();
    assert_eq!(chosen.why, "the runbook's [auth] says so");
    assert_eq!(chosen.who, format!("application {OTHER} of tenant {RUNBOOK}"), "the runbook's tenant stands in");
    let chosen = choice(Some("azure-cli"), Some(&auth), secret, false).ok().unwrap();
    assert_eq!((chosen.kind, chosen.why.as_str()), (AuthKind::AzureCli, "--auth says so"));
    let other = Auth { tenant: Some("fabrikam.example".parse().unwrap()), ..auth.clone() };
    let chosen = choice(Some("client-secret"), Some(&other), secret, false).ok().unwrap();
    assert_eq!(chosen.who, format!("application {OTHER} of tenant fabrikam.example"), "the same kind: its fields hold");
    let workload = [secret, WHOLE[0].1].concat();
    let chosen = choice(Some("workload-identity"), Some(&other), &workload, false).ok().unwrap();
    assert_eq!(chosen.who, format!("application {APP} of tenant {OTHER}"), "another kind: they do not");
}

#[test]
fn the_metadata_address_is_asked_only_if_it_is_named() {
    let OperatorSignIn::ManagedIdentity { endpoint, client_id } =
        choice(Some("managed-identity-imds"), None, &[("AZURE_CLIENT_ID", APP)], true).ok().unwrap().sign_in
    else {
        panic!("not a managed identity")
    };
    assert_eq!((endpoint, client_id.as_deref()), (IdentityEndpoint::Imds, Some(APP)));
    let NoSignIn::Missing { variable: "IDENTITY_ENDPOINT", .. } = error(Some("managed-identity"), &[]) else {
        panic!("managed-identity is not the metadata address")
    };
    let app_service = WHOLE[5].1;
    assert!(matches!(error(Some("managed-identity-imds"), app_service), NoSignIn::OtherEndpoint { .. }));
    let fabric = [app_service, &[("IDENTITY_SERVER_THUMBPRINT", "x")]].concat();
    assert!(matches!(error(None, &fabric), NoSignIn::OtherEndpoint { .. }));
}

#[test]
fn odd_values_are_named_and_not_shown() {
    let cases: [(usize, &str, &str); 6] = [
        (1, "AZURE_CLIENT_ID", CANARY),
        (1, "AZURE_TENANT_ID", "common"),
        (3, "ACTIONS_ID_TOKEN_REQUEST_URL", "http://run.example/cAn8Q~aryVALUE"),
        (4, "SYSTEM_OIDCREQUESTURI", CANARY),
        (4, "AZURESUBSCRIPTION_TENANT_ID", "a/b"),
        (5, "IDENTITY_ENDPOINT", "/msi/token"),
    ];
    for (whole, name, odd) in cases {
        let odd = [&[(name, odd)], WHOLE[whole].1].concat();
        let NoSignIn::Malformed { variable, .. } = error(None, &odd) else { panic!("{name}") };
        assert_eq!(variable, name);
    }
}
