//! The vaults: what they serve, whether it signs in, and whose it is.

use keyrelay::preflight::{CheckId as C, Verdict as V};
use keyrelay::rotation::names::{KeyId, Tag};
use keyrelay::sandbox::cloud::{AccessModel, PasswordSpec, Profile, SecretUpdate, SignInTrouble, Trouble, VaultRight};
use uuid::Uuid;

use crate::table::{Row, other_run};
use crate::world::{APP, CLIENT, EAST, SECRET, WEST, World, text};

fn rights(world: &mut World, host: &str, rights: &[VaultRight]) {
    let id = world.cloud.stage().operator(world.now, world.operator).unwrap().object_id;
    world.cloud.stage().vault_rights(host, id, rights);
}

/// A value that is no secret of the application's; nor of its service principal's, unless it is asked for there.
fn on_the_principal(world: &mut World) {
    let made = world.cloud.stage().principal_password(world.now, CLIENT, PasswordSpec::default()).unwrap();
    [EAST, WEST].into_iter().for_each(|host| drop(world.publish(host, &made.value, &[])));
}

/// Gives the other credential the same first three characters as the one in the vaults.
fn same_hint(world: &mut World) {
    let mut json = serde_json::to_value(&world.cloud).unwrap();
    let hint = text(&world.old.value)[..3].to_owned();
    fn rewrite(value: &mut serde_json::Value, hint: &str) {
        match value {
            serde_json::Value::Object(fields) => {
                let others = fields.get("display_name").and_then(|n| n.as_str()) == Some("somebody else's");
                if others && let Some(secret) = fields.get("value").and_then(|v| v.as_str()).map(str::to_owned) {
                    fields.insert("value".to_owned(), format!("{hint}{}", &secret[3..]).into());
                }
                fields.values_mut().for_each(|f| rewrite(f, hint));
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|i| rewrite(i, hint)),
            _ => {}
        }
    }
    rewrite(&mut json, &hint);
    world.cloud = serde_json::from_value(json).unwrap();
}

fn refuse_sign_in(world: &mut World, why: SignInTrouble) {
    world.cloud.stage().trouble(Trouble::SignIn { client: Some(CLIENT), why }, None);
}

pub const ROWS: &[Row] = &[
    Row(
        "no such secret",
        |w| {
            w.cloud.delete_secret(w.now, EAST, SECRET).unwrap();
            w.cloud.purge_secret(w.now, EAST, SECRET).unwrap();
        },
        C::VaultSecret,
        V::Warning,
        "there is no such secret: a first one would be added",
        "az keyvault secret list --vault-name east",
    ),
    Row(
        "a soft-deleted secret",
        |w| drop(w.cloud.delete_secret(w.now, EAST, SECRET).unwrap()),
        C::VaultSecret,
        V::Refused,
        "soft-deleted",
        "az keyvault secret recover --vault-name east --name api-secret",
    ),
    Row(
        "a secret that is being deleted",
        |w| {
            w.cloud.set_profile(Profile::held());
            w.cloud.delete_secret(w.now, EAST, SECRET).unwrap();
        },
        C::VaultSecret,
        V::Warning,
        "or it is being deleted",
        "az keyvault secret list --vault-name east",
    ),
    Row(
        "a disabled version",
        |w| {
            let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
            w.cloud.update_secret(w.now, EAST, SECRET, None, off).unwrap();
        },
        C::VaultSecret,
        V::Refused,
        "the latest version is disabled",
        "az keyvault secret set-attributes --vault-name east --name api-secret --enabled true",
    ),
    Row(
        "no role in the vault",
        |w| rights(w, EAST, &[]),
        C::VaultSecret,
        V::Refused,
        "ForbiddenByRbac",
        "az role assignment create --role \"Key Vault Secrets Officer\" --assignee-object-id ",
    ),
    Row(
        "no access policy in the vault",
        |w| {
            w.cloud.stage().vault_model(EAST, AccessModel::Policies);
            rights(w, EAST, &[]);
        },
        C::VaultSecret,
        V::Refused,
        "ForbiddenByPolicy",
        "az keyvault set-policy --name east --object-id ",
    ),
    Row(
        "a firewall",
        |w| w.cloud.stage().vault_firewall(WEST, true),
        C::VaultSecret,
        V::Refused,
        "does not let this machine's address through",
        "az keyvault network-rule add --name west",
    ),
    Row(
        "may not list",
        |w| rights(w, WEST, &[VaultRight::Get, VaultRight::Set]),
        C::VaultPermission,
        V::Refused,
        "versions may not be listed",
        "az role assignment create",
    ),
    Row(
        // 13 of its own, one of the runbook, two of keyrelay
        "a sixteenth tag",
        |w| {
            let names: Vec<String> = (0..13).map(|n| format!("tag-{n}")).collect();
            let tags: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "x")).collect();
            let value = w.old.value.clone();
            w.publish(EAST, &value, &tags);
        },
        C::VaultTags,
        V::Refused,
        "the next version would have 16 tags: 13 that it carries over",
        "az keyvault secret set-attributes --vault-name east",
    ),
    Row(
        // one of its own is the runbook's
        "a fifteenth tag",
        |w| {
            let names: Vec<String> = (0..12).map(|n| format!("tag-{n}")).collect();
            let mut tags: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "x")).collect();
            tags.push(("team", "x"));
            let value = w.old.value.clone();
            w.publish(EAST, &value, &tags);
        },
        C::VaultTags,
        V::Ok,
        "15 of 15",
        "",
    ),
    Row(
        "a dead value",
        |w| {
            let key = w.old.key_id;
            w.cloud.remove_password(w.now, APP, key).unwrap();
        },
        C::SignIn,
        V::Warning,
        "this run is a repair",
        "",
    ),
    Row(
        "an expired value",
        |w| assert!(w.cloud.stage().password_ends(w.old.key_id, w.now)),
        C::SignIn,
        V::Warning,
        "this run is a repair",
        "",
    ),
    Row(
        "Conditional Access",
        |w| refuse_sign_in(w, SignInTrouble::ConditionalAccess),
        C::SignIn,
        V::Refused,
        "(AADSTS53003, invalid_grant)",
        "",
    ),
    Row(
        "a disabled application",
        |w| refuse_sign_in(w, SignInTrouble::Disabled),
        C::SignIn,
        V::Refused,
        "AADSTS7000112",
        "az ad sp update",
    ),
    Row(
        "a throttled token endpoint",
        |w| refuse_sign_in(w, SignInTrouble::Throttled),
        C::SignIn,
        V::Refused,
        "throttled",
        "",
    ),
    Row("a hint and a sign-in", |_| {}, C::Baseline, V::Ok, "by its hint and a sign-in", ""),
    Row(
        "keyrelay's tag",
        |w| {
            let tag = Tag { target: w.runbook().target(), run: other_run(), attempt: 1 }.to_string();
            let (value, key) = (w.old.value.clone(), w.old.key_id.to_string());
            [EAST, WEST]
                .into_iter()
                .for_each(|host| drop(w.publish(host, &value, &[("keyrelay", &tag), ("keyrelay-key-id", &key)])));
        },
        C::Baseline,
        V::Ok,
        "by keyrelay's tag",
        "",
    ),
    Row("the same hint twice", same_hint, C::Baseline, V::Refused, "\"somebody else's\" (", "--old-key KEY_ID"),
    Row(
        "the same hint twice, and --old-key",
        |w| {
            same_hint(w);
            w.wanted.old_key = Some(w.key());
        },
        C::Baseline,
        V::Ok,
        "as --old-key says",
        "",
    ),
    Row(
        "an unknown --old-key",
        |w| w.wanted.old_key = Some(KeyId(Uuid::from_u128(1))),
        C::Baseline,
        V::Refused,
        "the application has no credential 00000000-0000-0000-0000-000000000001",
        "--old-key",
    ),
    Row(
        "--old-key names another",
        |w| w.wanted.old_key = Some(KeyId(w.add("third", None).key_id)),
        C::Baseline,
        V::Refused,
        "its hint does not fit the value",
        "--old-key",
    ),
    Row(
        "a secret of the service principal",
        on_the_principal,
        C::Baseline,
        V::Refused,
        "a secret of the service principal, not of the application",
        "az ad app credential reset --append",
    ),
    Row(
        "two vaults, two secrets",
        |w| {
            let other = w.add("other", None);
            w.publish(WEST, &other.value, &[]);
        },
        C::VaultsAgree,
        V::Refused,
        "the vaults do not agree: api-secret in east.vault.sandbox.localhost serves ",
        "make them agree",
    ),
];
