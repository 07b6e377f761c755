//! One refusal: how it is brought about, and what must be said of it.

use std::collections::BTreeMap;
use std::time::Duration;

use keyrelay::azure::{AzureServices, Cloud, Connection, OperatorSignIn, Timeouts, VaultSecret};
use keyrelay::ports::{Directory, Inspect, Outcome, Read, Stamp, TokenEndpoint, Vaults};
use keyrelay::refusals::{Names, Operation, Words};
use keyrelay::rotation::answers::{Refusal, SignIn, Trace};
use keyrelay::rotation::names::{RunId, Tag, TargetId, VaultIx};
use keyrelay::secret::SecretValue;
use serde_json::json;

use crate::support::{Answer, Canned, REQUEST_ID, json as reply};

pub(crate) const APP: &str = "afb85a07-e312-4d49-b75b-9db4e2d683cd";
pub(crate) const OBJECT: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
pub(crate) const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";
pub(crate) const CANARY: &str = "cAn8Q~aryVALUE_0123456789.abcdefghijklmn";
const VERSION: &str = "9e5fc20d4c4b4178aa120684624e4a68";

/// What is known of the request after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    NotApplied,
    InDoubt,
    /// It was a read or a sign-in.
    OnlyAsked,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Through the adapters.
    For(Operation),
    /// A read, for which the identity that rotates is refused its token.
    AsOperator,
    /// The same on a network without the services.
    Nobody(Operation),
}

pub(crate) struct Case {
    /// The row that must be found.
    pub(crate) row: &'static str,
    pub(crate) ask: Ask,
    /// `None` where a recorded answer is not there.
    pub(crate) answer: Option<Answer>,
    pub(crate) known: Known,
    /// Part of what happened.
    pub(crate) says: &'static str,
    /// Part of what to run.
    pub(crate) run: &'static str,
}

pub(crate) fn names() -> Names {
    Names {
        client_id: Some(APP.into()),
        tenant: Some(TENANT.into()),
        vault: Some("kv-one.vault.sandbox.localhost".into()),
        secret: Some("secret1".into()),
        runbook: Some("billing.md".into()),
        identity: Some("0b1ec700-0000-4000-8000-000000000001".into()),
        operator: Some("0be7a704-0000-4000-8000-000000000002".into()),
    }
}

/// An answer of Graph or of a vault whose sentence quotes the secret.
pub(crate) fn refusal(status: u16, code: &str, inner: &str) -> Option<Answer> {
    let message = format!("Something about {CANARY}.");
    let error = if inner.is_empty() {
        json!({"error": {"code": code, "message": message}})
    } else {
        json!({"error": {"code": code, "message": message, "innererror": {"code": inner}}})
    };
    Some(reply(status, error))
}

fn services(server: &Canned, reachable: bool) -> AzureServices {
    let vault = VaultSecret {
        url: "https://kv-one.vault.sandbox.localhost".parse().unwrap(),
        secret: "secret1".into(),
        content_type: None,
        tags: BTreeMap::new(),
    };
    // port 9 of this machine: the discard service, which nobody runs
    let address = if reachable { server.address } else { "127.0.0.1:9".parse().unwrap() };
    AzureServices::new(Connection {
        cloud: Cloud::sandbox(address, server.ca_pem.clone()).unwrap(),
        tenant: TENANT.into(),
        client_id: APP.parse().unwrap(),
        vaults: vec![vault],
        operator: OperatorSignIn::ClientSecret {
            tenant: TENANT.into(),
            client_id: "operator".into(),
            secret: "operators-own".to_owned().into(),
        },
        proof_scope: "https://graph.sandbox.localhost/.default".into(),
        timeouts: Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(2) },
    })
    .unwrap()
}

fn bundle(tags: usize) -> Answer {
    let tags: BTreeMap<String, String> = (0..tags).map(|n| (format!("tag-{n}"), "x".to_owned())).collect();
    let id = format!("https://kv-one.vault.sandbox.localhost/secrets/secret1/{VERSION}");
    reply(200, json!({"value": CANARY, "id": id, "attributes": {"enabled": true}, "tags": tags}))
}

async fn value(services: &AzureServices) -> SecretValue {
    let ((_, read), _) = services.current(VaultIx(0)).await.unwrap();
    read.unwrap().value
}

fn ended<T>(outcome: Outcome<T>) -> (Known, Refusal, Trace) {
    match outcome {
        Outcome::Applied(..) => panic!("applied"),
        Outcome::NotApplied(refusal, trace) => (Known::NotApplied, refusal, trace),
        Outcome::InDoubt(refusal, trace) => (Known::InDoubt, refusal, trace),
    }
}

fn refused<T>(read: Read<T>) -> (Known, Refusal, Trace) {
    let Err((refusal, trace)) = read else { panic!("answered") };
    (Known::OnlyAsked, refusal, trace)
}

async fn ask(operation: Operation, server: &Canned, services: &AzureServices, answer: Answer) -> (Known, Refusal, Trace) {
    use Operation as O;
    let version = VERSION.parse().unwrap();
    let app = json!({"id": OBJECT, "appId": APP, "displayName": "a", "signInAudience": "AzureADMyOrg"});
    match operation {
        O::ReadApplication => {
            server.on("GET", "graph", [answer]);
            refused(services.application().await)
        }
        O::ListSecrets => {
            server.on("GET", "graph", [answer]);
            refused(services.credentials().await)
        }
        O::ReadServicePrincipal => {
            server.on("GET", "graph", [answer]);
            refused(services.service_principal().await)
        }
        O::AddSecret => {
            server.on("GET", "graph", [reply(200, app)]).on("POST", "addPassword", [answer]);
            ended(services.add_password("name", "2027-01-01T00:00:00Z".parse().unwrap()).await)
        }
        O::RemoveSecret => {
            server.on("GET", "graph", [reply(200, app)]).on("POST", "removePassword", [answer]);
            ended(services.remove_password(OBJECT.parse().unwrap()).await)
        }
        O::GetSecret => {
            server.on("GET", "kv-one", [answer]);
            refused(services.version(VaultIx(0), version).await)
        }
        O::ListVersions => {
            server.on("GET", "kv-one", [answer]);
            refused(services.versions(VaultIx(0)).await)
        }
        O::GetDeleted => {
            server.on("GET", "kv-one", [answer]);
            refused(services.deleted(VaultIx(0)).await)
        }
        O::SetSecret => {
            // a silent answer stands for keyrelay's own no, before anything is sent
            let tags = if matches!(answer, Answer::Hang) { 14 } else { 0 };
            server.on("GET", "kv-one", [bundle(tags)]).on("PUT", "kv-one", [answer]);
            let value = value(services).await;
            let tag = Tag {
                target: TargetId::of([("kv", "s")]),
                run: RunId::new("2026-11-21T23:06:59Z".parse().unwrap(), 7),
                attempt: 1,
            };
            let stamp = Stamp { tag, key_id: OBJECT.parse().unwrap(), expires: None };
            ended(services.write(VaultIx(0), &value, &stamp).await)
        }
        O::DisableVersion => {
            server.on("PATCH", "kv-one", [answer]);
            ended(services.disable(VaultIx(0), version).await)
        }
        O::SignIn | O::OperatorSignIn => panic!("answers with another type"),
    }
}

/// The words of a case, and what is known after it.
pub(crate) async fn tell(case: &Case, answer: Answer) -> (Words, Known, String) {
    let server = Canned::start().await;
    let reachable = !matches!(case.ask, Ask::Nobody(_));
    let services = services(&server, reachable);
    let names = names();
    let said = |operation, (known, refusal, trace): (Known, Refusal, Trace)| {
        let words = Words::of_refusal(operation, &refusal, trace.request_id.as_deref(), &names);
        let all = format!("{refusal:?} {refusal} {trace:?}");
        (words, known, all)
    };
    match case.ask {
        Ask::For(Operation::SignIn) | Ask::Nobody(Operation::SignIn) => {
            // the value comes from a vault: nothing outside the library can make one
            server.on("GET", "kv-one", [bundle(0)]).on("POST", "login", [answer]);
            let vault = self::services(&server, true);
            let value = value(&vault).await;
            let (answer, trace): (SignIn, Trace) = services.sign_in(&value).await;
            let words = Words::of_sign_in(&answer, trace.request_id.as_deref(), &names).expect("accepted");
            (words, Known::OnlyAsked, format!("{answer:?} {answer} {trace:?}"))
        }
        Ask::AsOperator => {
            server.on("OPERATOR", "login", [answer]);
            said(Some(Operation::OperatorSignIn), refused(services.credentials().await))
        }
        Ask::For(operation) | Ask::Nobody(operation) => {
            said(Some(operation), ask(operation, &server, &services, answer).await)
        }
    }
}

/// Brings each case about and looks at what is said of it.
pub(crate) async fn all(cases: Vec<Case>) {
    for case in cases {
        let Some(answer) = case.answer.clone() else { continue };
        let whole =
            matches!(answer, Answer::Whole(..)) && !matches!(case.ask, Ask::Nobody(_)) && case.row != "vault-too-many-tags";
        let (words, known, all) = tell(&case, answer).await;
        let row = case.row;
        assert_eq!(words.name, row, "{words:?} {all}");
        assert_eq!(known, case.known, "{row}: {all}");
        assert!(words.happened.contains(case.says), "{row}: {}", words.happened);
        assert!(words.next.contains(case.run), "{row}: {}", words.next);
        assert!(!whole || words.happened.contains(REQUEST_ID), "{row}: {}", words.happened);
        let text = format!("{} {} {}", words.happened, words.now, words.next);
        for left in ["{", "}", " APP", " VAULT ", " RUNBOOK", "  "] {
            assert!(!text.contains(left), "{row}: {left:?} in {text}");
        }
        let carries_the_value = matches!(case.ask, Ask::For(Operation::SetSecret | Operation::SignIn) | Ask::AsOperator);
        for part in CANARY.as_bytes().windows(8).filter(|_| carries_the_value) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!format!("{text} {all}").contains(part), "{row} shows the secret: {text} {all}");
        }
    }
}
