//! Recordings of what the sandbox does not serve, with the reason. It refuses each, rather than to pretend.

use std::path::Path;

use keyrelay::sandbox::cloud::{Cloud, Profile};

use crate::replay::{now, operator_token, replay, vector};
use crate::{Verdict, Verdicts};

const FEDERATED: &str = "federated credentials are no client secrets";
const CERTIFICATES: &str = "certificates are no client secrets";
const BACKUP: &str = "no backup: a backup that only this sandbox could restore would show nothing";

const ALL: [(&str, &str); 14] = [
    ("graph-app-patch-keycredentials-204", CERTIFICATES),
    ("graph-app-get-one-keycredential-200", CERTIFICATES),
    ("graph-fic-create-201", FEDERATED),
    ("graph-fic-list-200", FEDERATED),
    ("graph-fic-get-by-id-200", FEDERATED),
    ("graph-fic-get-by-name-200", FEDERATED),
    ("graph-fic-update-204", FEDERATED),
    ("graph-fic-delete-204", FEDERATED),
    ("graph-fic-list-empty-200", FEDERATED),
    ("graph-owner-add-204", "a group's owner; owners of applications are served"),
    ("kv-secret-backup-200", BACKUP),
    ("kv-secret-restore-200", BACKUP),
    ("kv-secret-list-managed-200", "no certificates, so no secret that belongs to one"),
    ("arm-vault-get-200", "of ARM only what `az login` and `az cloud register` ask"),
];

/// What is asked for is there as far as it can be: an application with the recorded id, a vault with a secret.
pub(crate) fn verdicts(folder: &Path) -> Verdicts {
    let verdict = |(name, why): (&'static str, &'static str)| {
        let recorded = vector(folder, name);
        let uri = recorded["request"]["uri"].as_str().unwrap();
        let mut cloud = Cloud::new(1, Profile::instant(), now());
        let resource = match name.split('-').next() {
            Some("kv") => "https://vault.azure.net",
            Some("arm") => "https://management.azure.com",
            Some(_) | None => "https://graph.microsoft.com",
        };
        cloud.create_vault(uri.split('/').nth(2).unwrap());
        let token = operator_token(&mut cloud, resource);
        let ours = replay(&mut cloud, &recorded, Some(&token), str::to_owned);
        // A list without certificates and an application without them answer, and lack what was recorded.
        let absent = ["kv-secret-list-managed-200", "graph-app-get-one-keycredential-200"].contains(&name);
        assert!(absent || (400..500).contains(&ours.status), "{name}: {}", ours.status);
        (name, Verdict::NotServed(why))
    };
    ALL.into_iter().map(verdict).collect()
}
