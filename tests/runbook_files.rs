//! The runbooks that ship are lawful and say what their pages promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyrelay::runbook::{Cloud, Runbook};

fn read(path: &Path) -> Runbook {
    let bytes = std::fs::read(path).unwrap();
    Runbook::parse(&bytes, &path.display().to_string()).unwrap_or_else(|e| panic!("{e}"))
}

fn shipped(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    // A page without a block is prose about runbooks, not one.
    files.filter(|f| f.extension().is_some_and(|e| e == "md")).filter(|f| has_block(f)).collect()
}

fn has_block(file: &Path) -> bool {
    std::fs::read_to_string(file).unwrap().contains("toml keyrelay")
}

#[test]
fn every_shipped_runbook_is_lawful_and_survives_the_journal() {
    let files: Vec<PathBuf> = ["runbooks", "examples", "docs"].into_iter().flat_map(shipped).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let runbook = read(&file);
        let json = serde_json::to_string(&runbook).unwrap();
        assert_eq!(serde_json::from_str::<Runbook>(&json).unwrap(), runbook, "{}", file.display());
    }
}

#[test]
fn the_runbooks_are_for_the_sandbox_and_do_not_share_targets() {
    let runbooks: Vec<Runbook> = shipped("runbooks").iter().map(|f| read(f)).collect();
    assert!(runbooks.iter().all(|r| r.cloud == Cloud::Sandbox));
    let targets: HashSet<_> = runbooks.iter().map(Runbook::target).collect();
    let applications: HashSet<_> = runbooks.iter().map(|r| r.client_id).collect();
    assert_eq!((targets.len(), applications.len()), (runbooks.len(), runbooks.len()));
}

#[test]
fn the_first_rotation_takes_seconds() {
    let first = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/first-rotation.md"));
    assert_eq!(first.vaults[0].url.host(), "first-vault.vault.sandbox.localhost");
    assert_eq!(first.vaults[0].secret.as_str(), "billing-api-client-secret");
    assert_eq!(first.proof.window.get(), Duration::from_secs(3));
    assert_eq!(first.overlap.get(), Duration::from_secs(5));
    assert!(first.consumers.is_empty());
}

#[test]
fn the_example_means_what_its_words_say() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/real-tenant.md");
    let described = read(&example).describe();
    let value = |name: &str| described.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(value("overlap"), Some("24h"));
    assert_eq!(value("delete"), Some("on-release"));
    assert_eq!(value("vault[1].tags.service"), Some("billing-api"));
    assert_eq!(value("consumer[1].check"), Some("GET https://billing.contoso.example/health (at most 10s)"));
    assert_eq!(value("consumer[2].cache"), Some("20h"));
}

#[test]
fn the_defaults_are_those_that_the_documentation_names() {
    let toml = r#"cloud = "china"
        tenant = "contoso.partner.onmschina.cn"
        client_id = "11111111-2222-3333-4444-555555555555"
        owner = "a"
        contact = "b"
        vault = [{ url = "https://kv.vault.azure.cn", secret = "a-name-of-more-than-forty-characters-is-cut" }]
        consumer = [{ name = "c", check = { command = ["d"] } }]"#;
    let fields = Runbook::parse(toml.as_bytes(), "x.toml").unwrap().describe();
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    assert_eq!(
        fields[3..fields.len() - 1],
        [
            "auth = what the environment says",
            "owner = a",
            "contact = b",
            "overlap = 24h",
            "settle = 15m",
            "delete = auto",
            "release_within = 30d",
            "on_failure = operator",
            "attempts = 5",
            "drain = off",
            "journal = the user's state folder",
            "secret.label = a-name-of-more-than-forty-characters-is-",
            "secret.lifetime = 180d",
            "proof.scope = Microsoft Graph of the cloud",
            "proof.window = 3m",
            "proof.spacing = 10s",
            "proof.limit = 20m",
            "emergency.proof = 3m",
            "emergency.dead_within = 15m",
            "vault[1].url = https://kv.vault.azure.cn",
            "vault[1].secret = a-name-of-more-than-forty-characters-is-cut",
            "consumer[1].name = c",
            "consumer[1].check = d (at most 30s)",
            "consumer[1].cache = 0s",
            "consumer[1].within = 5m",
            "target = 349155b6b2fe",
        ]
    );
}
