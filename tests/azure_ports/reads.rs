//! Every way in which a read can end: a refusal that says what is known, with the ids for support; and nobody else is asked.

use keyrelay::azure::AzureServices;
use keyrelay::ports::{Directory, Inspect, Vaults};
use keyrelay::rotation::answers::{Refusal, RefusalKind as K, Trace};
use keyrelay::rotation::names::VaultIx;
use serde_json::json;

use crate::ends::ends;
use crate::support::{Answer, Canned, REQUEST_ID, html, json as reply};
use crate::{APP, VERSION, services};

const GRAPH: &str = "graph.sandbox.localhost";
const VAULT: &str = "kv-one.vault.sandbox.localhost";

/// The reads, each with the host that it asks.
const READS: [(&str, &str); 9] = [
    ("application", GRAPH),
    ("credentials", GRAPH),
    ("service principal", GRAPH),
    ("owners", GRAPH),
    ("requested permissions", GRAPH),
    ("current version", VAULT),
    ("one version", VAULT),
    ("versions", VAULT),
    ("deleted", VAULT),
];

/// Only that it succeeded, or why not.
async fn ask(services: &AzureServices, what: &str) -> Result<(), (Refusal, Trace)> {
    match what {
        "application" => services.application().await.map(drop),
        "credentials" => services.credentials().await.map(drop),
        "service principal" => services.service_principal().await.map(drop),
        "owners" => services.owners().await.map(drop),
        "requested permissions" => services.requested_permissions(APP).await.map(drop),
        "current version" => services.current(VaultIx(0)).await.map(drop),
        "one version" => services.version(VaultIx(0), VERSION.parse().unwrap()).await.map(drop),
        "versions" => services.versions(VaultIx(0)).await.map(drop),
        _ => services.deleted(VaultIx(0)).await.map(drop),
    }
}

/// A read does not ask whether something may have landed, so of the table for changes only the kinds count.
fn bad_answers() -> Vec<(&'static str, Answer, K)> {
    let mut all: Vec<_> = ends().into_iter().map(|(what, answer, _, kind)| (what, answer, kind)).collect();
    all.extend([
        ("HTML with a good status", html(200), K::BadAnswer),
        ("empty", reply(200, ""), K::BadAnswer),
        ("a list", reply(200, "[]"), K::BadAnswer),
        ("a number", reply(200, "7"), K::BadAnswer),
        ("wrong types", reply(200, json!({"id": 5, "appId": [], "value": {}, "passwordCredentials": "none"})), K::BadAnswer),
        ("nesting without end", reply(200, "[".repeat(100_000)), K::BadAnswer),
        ("bytes", Answer::Whole(200, vec![], vec![0xff, 0xfe, 0x00, 0x80]), K::BadAnswer),
        ("no content", reply(204, ""), K::BadAnswer),
    ]);
    all
}

/// Each read meets each answer on a server of its own, all at once.
#[tokio::test]
async fn a_read_that_ends_badly_says_how_and_asks_nobody_else() {
    let reads = READS.into_iter().map(|(what, host)| async move {
        let server = Canned::start().await;
        let services = services(&server);
        for (end, answer, kind) in bad_answers() {
            // megabytes of TLS take their time: one read of each client is enough
            if matches!(answer, Answer::Endless(_)) && !["application", "current version"].contains(&what) {
                continue;
            }
            // a list's pages are read by the SDK, which drops the headers of one that it cannot read; our own id is left
            let known = matches!(&answer, Answer::Whole(status, ..) if what != "versions" || *status != 200);
            server.on("GET", host, [answer]).forget();
            let Err((refusal, trace)) = ask(&services, what).await else { panic!("{what}: {end}: was taken") };
            assert_eq!(refusal.kind, kind, "{what}: {end}: {refusal:?}");
            assert!(trace.client_request_id.is_some(), "{what}: {end}");
            assert_eq!(trace.request_id.as_deref(), known.then_some(REQUEST_ID), "{what}: {end}");
            assert!(!refusal.to_string().is_empty());
            let asked = server.order();
            assert!(asked.iter().all(|a| *a == format!("GET {host}")), "{what}: {end}: {asked:?}");
            assert_eq!(asked.len(), 1, "{what}: {end}");
        }
    });
    futures::future::join_all(reads).await;
}
