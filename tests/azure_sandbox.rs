//! The real adapters against the embedded sandbox over HTTPS: one rotation by hand, every port used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs
)]

use std::collections::BTreeMap;

use keyrelay::azure::{AzureServices, Cloud, Connection, OperatorSignIn, Timeouts, VaultSecret};
use keyrelay::ports::{Directory, Inspect, Outcome, Services, Stamp, TokenEndpoint, Vaults};
use keyrelay::rotation::answers::{Current, RefusalKind, SignIn, Trace};
use keyrelay::rotation::names::{RunId, Tag, TargetId, VaultIx};
use keyrelay::sandbox::cloud::{Seed, SeedVault};
use keyrelay::sandbox::process;
use keyrelay::sandbox::server::{Pace, ServeOptions, Server};

const CLIENT: &str = "5a9db0c5-b111-4000-8000-000000000001";
const HOSTS: [&str; 2] = ["first-vault.vault.sandbox.localhost", "second-vault.vault.sandbox.localhost"];

fn applied<T>(what: &str, outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Applied(done, trace) => {
            traced(what, &trace);
            done
        }
        Outcome::NotApplied(refusal, _) | Outcome::InDoubt(refusal, _) => panic!("{what}: {refusal}"),
    }
}

/// Each answer has both ids and the sandbox's time.
fn traced(what: &str, trace: &Trace) {
    assert!(trace.request_id.is_some() && trace.client_request_id.is_some() && trace.date.is_some(), "{what}: {trace:?}");
}

fn is_services(services: &impl Services) -> &impl Services {
    services
}

#[tokio::test]
async fn a_rotation_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let options = ServeOptions { pace: Pace::Instant, seed: Some(1), ..ServeOptions::new(folder.path().join("sandbox")) };
    let server = Server::start(options).await.unwrap();
    let endpoint = server.endpoint().clone();
    let vaults = HOSTS.map(|host| SeedVault { host: host.into(), secret: "billing".into() });
    let seed = Seed {
        client_id: CLIENT.parse().unwrap(),
        tenant: endpoint.tenant,
        display_name: "billing".into(),
        vaults: vaults.to_vec(),
    };
    process::seed(&endpoint, &seed).await.unwrap();

    let cloud = Cloud::sandbox(endpoint.address, std::fs::read_to_string(&endpoint.ca_file).unwrap()).unwrap();
    let vault = |host: &str| VaultSecret {
        url: format!("https://{host}").parse().unwrap(),
        secret: "billing".into(),
        content_type: Some("text/plain".into()),
        tags: BTreeMap::from([("team".into(), "billing".into())]),
    };
    let services = AzureServices::new(Connection {
        proof_scope: cloud.graph_scope(),
        cloud,
        tenant: endpoint.tenant.to_string(),
        client_id: seed.client_id,
        vaults: HOSTS.map(vault).to_vec(),
        operator: OperatorSignIn::ClientSecret {
            tenant: endpoint.tenant.to_string(),
            client_id: endpoint.operator_client_id.to_string(),
            secret: std::fs::read_to_string(&endpoint.operator_secret_file).unwrap().into(),
        },
        timeouts: Timeouts::default(),
    })
    .unwrap();
    assert!(services.service_principal().await.unwrap().0.enabled);
    let services = is_services(&services);

    let (application, trace) = services.application().await.unwrap();
    traced("application", &trace);
    assert_eq!((application.client_id.as_str(), application.display_name.as_str()), (CLIENT, "billing"));
    let before = services.credentials().await.map(|(c, _)| c).ok().unwrap();
    assert_eq!(before.len(), 1);
    let old = services.current(VaultIx(0)).await.ok().unwrap().0.1.unwrap();
    assert!(old.value.begins_with(before[0].hint.as_ref().unwrap()));
    assert_eq!(services.sign_in(&old.value).await.0, SignIn::Accepted);

    let run = RunId::new("2026-11-21T23:06:59Z".parse().unwrap(), 7);
    let tag = Tag { target: TargetId::of(HOSTS.map(|h| (h, "billing"))), run, attempt: 1 };
    let end = "2027-11-21T23:06:59Z".parse().unwrap();
    let added = applied("add", services.add_password(&tag.display_name("nightly"), end).await);
    assert_eq!(Tag::leading(&added.display_name), Some(tag.clone()));
    assert_eq!(added.end, Some(end));
    let (answer, trace) = services.sign_in(&added.value).await;
    assert_eq!(answer, SignIn::Accepted);
    traced("sign-in", &trace);

    let stamp = Stamp { tag: tag.clone(), key_id: added.key_id, expires: added.end };
    for vault in [VaultIx(0), VaultIx(1)] {
        let version = applied("write", services.write(vault, &added.value, &stamp).await);
        let ((current, read), trace) = services.current(vault).await.ok().unwrap();
        traced("current", &trace);
        let Current::Version(current) = current else { panic!("{current:?}") };
        assert_eq!((current.id, current.tag, current.key_id), (version, Some(tag.clone()), Some(added.key_id)));
        let read = read.unwrap();
        assert_eq!((read.expires, read.content_type.as_deref()), (Some(end), Some("text/plain")));
        assert_eq!(read.tags["team"], "billing");
        assert_eq!(services.sign_in(&read.value).await.0, SignIn::Accepted);
        let (versions, trace) = services.versions(vault).await.unwrap();
        traced("versions", &trace);
        assert_eq!(versions.iter().filter(|v| v.tag == Some(tag.clone())).count(), 1);
    }
    let again = services.version(VaultIx(0), old.version.id).await.ok().unwrap().0;
    assert_eq!(services.sign_in(&again.value).await.0, SignIn::Accepted, "both secrets work");

    applied("remove", services.remove_password(before[0].key_id).await);
    applied("remove again", services.remove_password(before[0].key_id).await);
    assert_eq!(services.sign_in(&old.value).await.0, SignIn::Wrong);
    assert_eq!(services.sign_in(&added.value).await.0, SignIn::Accepted);
    let left: Vec<_> = services.credentials().await.ok().unwrap().0.into_iter().map(|c| c.key_id).collect();
    assert_eq!(left, [added.key_id]);

    applied("disable", services.disable(VaultIx(0), old.version.id).await);
    let refused = services.version(VaultIx(0), old.version.id).await.err().unwrap().0;
    assert_eq!(refused.kind, RefusalKind::Disabled);

    // More than a page of 25: the service's own links lead through all of them.
    let before = services.versions(VaultIx(1)).await.unwrap().0.len();
    for _ in 0..51 {
        applied("write again", services.write(VaultIx(1), &added.value, &stamp).await);
    }
    assert_eq!(services.versions(VaultIx(1)).await.unwrap().0.len(), before + 51);
    server.stop().await;
}
