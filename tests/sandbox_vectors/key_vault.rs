//! Key Vault.

use std::path::Path;

use keyrelay::sandbox::cloud::{Cloud, Profile, Range, SecretUpdate, SecretWrite, TENANT, Value};
use keyrelay::sandbox::wire::answer;
use serde_json::Value as Json;

use crate::compare::compare;
use crate::replay::{now, operator_token, replay, request, vector};
use crate::{Verdict, Verdicts};

const RESOURCE: &str = "https://vault.azure.net";

/// The id of the first version, in the recordings.
const FIRST: &str = "4eb5045190034625a49c7fd2d0ce342f";

/// The vault of the recording, holding `secret1` in one version (tagged) and, if asked, a second one (with a content type) and
/// `secret2`.
fn vault(recorded: &Json, versions: usize, secrets: usize) -> (Cloud, String, Vec<String>) {
    let uri = recorded["request"]["uri"].as_str().unwrap();
    let host = uri.strip_prefix("https://").unwrap().split('/').next().unwrap().to_owned();
    let mut cloud = Cloud::new(1, Profile::instant(), now());
    cloud.create_vault(&host);
    let write = |i: usize| SecretWrite {
        value: Value::new(format!("value {i}")),
        content_type: (i > 0).then(|| "test type".to_owned()),
        tags: [("file-encoding", "utf-8"), ("test", "foo")]
            .iter()
            .take(i + 1)
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect(),
        enabled: true,
        not_before: None,
        expires: None,
    };
    let ids = (0..versions).map(|i| cloud.set_secret(now(), &host, "secret1", write(i)).unwrap().id).collect();
    if secrets > 1 {
        cloud.set_secret(now(), &host, "secret2", write(0)).unwrap();
    }
    (cloud, host, ids)
}

pub(crate) fn verdicts(folder: &Path) -> Verdicts {
    let mut all = Verdicts::new();
    let mut same = |name, differs| drop(all.insert(name, Verdict::Same(differs)));
    for (name, versions, secrets) in [
        ("kv-secret-set-200", 0, 0),
        ("kv-secret-set-new-version-200", 1, 1),
        ("kv-secret-set-api70-200", 0, 0),
        ("kv-secret-list-200", 1, 2),
        ("kv-secret-list-empty-200", 0, 0),
        ("kv-secret-versions-200", 2, 1),
        ("kv-secret-get-latest-200", 2, 1),
        ("kv-secret-get-version-200", 2, 1),
        ("kv-secret-update-disable-200", 2, 1),
        ("kv-secret-delete-200", 2, 1),
        ("kv-secret-recover-400-not-deleted", 1, 1),
    ] {
        let recorded = vector(folder, name);
        let (mut cloud, _, ids) = vault(&recorded, versions, secrets);
        let token = operator_token(&mut cloud, RESOURCE);
        let edit = |text: &str| ids.first().map_or(text.to_owned(), |id| text.replace(FIRST, id));
        same(name, compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&token), edit)));
    }
    for (name, blocked) in [
        ("kv-secret-recover-200", false),
        ("kv-secret-set-409-deleted-but-recoverable", true),
        ("kv-secret-purge-204", false),
    ] {
        let recorded = vector(folder, name);
        let (mut cloud, host, _) = vault(&recorded, 1, 1);
        cloud.delete_secret(now(), &host, "secret1").unwrap();
        let token = operator_token(&mut cloud, RESOURCE);
        same(name, compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&token), str::to_owned)));
        assert_eq!(cloud.deleted_secret(now(), &host, "secret1").is_ok(), blocked);
    }
    for (name, differs) in pages(folder) {
        same(name, differs);
    }
    for name in ["kv-challenge-401", "kv-challenge-401-login-windows-net"] {
        same(name, challenge(folder, name));
    }
    let (lagging, disabled) = ("kv-deletedsecrets-empty-right-after-delete-200", "kv-secret-versions-one-disabled-200");
    same(lagging, right_after_delete(folder, lagging));
    same(disabled, one_disabled(folder, disabled));
    let (deleting, nowhere) = ("kv-object-409-being-deleted", "kv-notfound-404-shape");
    same(deleting, being_deleted(folder, deleting));
    same(nowhere, not_found(folder, nowhere));
    all
}

/// Each page leads to the next; the recorded skip token is the service's own, so ours is followed.
fn pages(folder: &Path) -> Vec<(&'static str, Vec<String>)> {
    let mut all = Vec::new();
    for (first, second, versions, secrets) in
        [("kv-secret-list-page1-200", Some("kv-secret-list-page2-200"), 1, 2), ("kv-secret-versions-page1-200", None, 2, 1)]
    {
        let recorded = vector(folder, first);
        let (mut cloud, host, mut ids) = vault(&recorded, versions, secrets);
        let token = operator_token(&mut cloud, RESOURCE);
        let ours = replay(&mut cloud, &recorded, Some(&token), str::to_owned);
        let body: Json = serde_json::from_slice(&ours.body).unwrap();
        let next = body["nextLink"].as_str().unwrap();
        assert!(next.starts_with(&format!("https://{host}:443/secrets")), "{next}");
        let page2 = answer(&mut cloud, now(), &request("GET", next, Some(&token), ""));
        let body2: Json = serde_json::from_slice(&page2.body).unwrap();
        assert_eq!((body2["value"].as_array().unwrap().len(), &body2["nextLink"]), (1, &Json::Null));
        assert_ne!(body["value"][0]["id"], body2["value"][0]["id"]);
        all.push((first, compare(first, &recorded, &ours)));
        match second {
            Some(second) => all.push((second, compare(second, &vector(folder, second), &page2))),
            None => {
                ids.sort();
                let first_listed = body["value"][0]["id"].as_str().unwrap();
                assert!(first_listed.ends_with(&ids[0]), "versions come in the order of their ids");
            }
        }
    }
    all
}

/// 401 before anything else: no token, no body.
fn challenge(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, ..) = vault(&recorded, 0, 0);
    let ours = replay(&mut cloud, &recorded, None, str::to_owned);
    let (_, challenge) = ours.headers.iter().find(|(n, _)| *n == "www-authenticate").unwrap();
    let expected =
        format!("Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"https://vault.azure.net\"");
    assert_eq!(*challenge, expected);
    compare(name, &recorded, &ours)
}

/// How long a deletion goes on in these two.
const DELETION: Range = Range { from_ms: 3000, to_ms: 3000 };

/// Two seconds after DELETE answered 200 the secret is not among the deleted ones.
fn right_after_delete(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, host, _) = vault(&recorded, 1, 1);
    cloud.set_profile(Profile { deletion: DELETION, ..Profile::instant() });
    cloud.delete_secret(now(), &host, "secret1").unwrap();
    let token = operator_token(&mut cloud, RESOURCE);
    compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&token), str::to_owned))
}

/// Recorded of a key: what is asked of it here is asked of a secret.
fn being_deleted(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, host, _) = vault(&recorded, 1, 1);
    cloud.set_profile(Profile { deletion: DELETION, ..Profile::instant() });
    cloud.delete_secret(now(), &host, "secret1").unwrap();
    let token = operator_token(&mut cloud, RESOURCE);
    let of_a_secret = |text: &str| text.replace("deletedkeys/key1", "deletedsecrets/secret1");
    let ours = replay(&mut cloud, &recorded, Some(&token), of_a_secret);
    let body: Json = serde_json::from_slice(&ours.body).unwrap();
    assert_eq!(body["error"]["innererror"], recorded["response"]["body_json"]["error"]["innererror"]);
    compare(name, &recorded, &ours)
}

/// Recorded of a storage account: what is asked of it here is asked of a secret, and only the code names the kind.
fn not_found(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, ..) = vault(&recorded, 0, 0);
    let token = operator_token(&mut cloud, RESOURCE);
    let of_a_secret = |text: &str| text.replace("deletedstorage", "deletedsecrets");
    let ours = replay(&mut cloud, &recorded, Some(&token), of_a_secret);
    let body: Json = serde_json::from_slice(&ours.body).unwrap();
    let theirs = recorded["response"]["body_json"]["error"]["message"].as_str().unwrap();
    assert_eq!(body["error"]["message"], theirs.replace("storage", "secret"));
    assert_eq!(body["error"]["code"], "SecretNotFound");
    compare(name, &recorded, &ours)
}

/// A disabled version stays in the list.
fn one_disabled(folder: &Path, name: &str) -> Vec<String> {
    let recorded = vector(folder, name);
    let (mut cloud, host, _) = vault(&recorded, 2, 1);
    let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
    cloud.update_secret(now(), &host, "secret1", None, off).unwrap();
    let token = operator_token(&mut cloud, RESOURCE);
    compare(name, &recorded, &replay(&mut cloud, &recorded, Some(&token), str::to_owned))
}
