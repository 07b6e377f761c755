//! Who acts, what they act on, and what the tenant allows.

use keyrelay::preflight::{CheckId as C, Verdict as V};
use keyrelay::sandbox::cloud::{AppRef, Audience, ManagementPolicy, Operator, Role};
use uuid::Uuid;

use crate::table::Row;
use crate::world::{APP, CLIENT, ITSELF};

pub const ROWS: &[Row] = &[
    Row(
        "wrong secret of who acts",
        |w| w.wrong_secret = true,
        C::Identity,
        V::Refused,
        "does not know the secret of the identity",
        "AZURE_",
    ),
    Row(
        "wrong secret of who acts",
        |w| w.wrong_secret = true,
        C::VaultIdentity,
        V::Refused,
        "does not know the secret of the identity",
        "AZURE_",
    ),
    Row("wrong secret of who acts", |w| w.wrong_secret = true, C::Application, V::Unknown, "depends on identity", ""),
    Row(
        "another tenant",
        |w| w.tenant = Uuid::from_u128(5),
        C::Identity,
        V::Warning,
        "the runbook's tenant is another",
        "tenant",
    ),
    Row(
        "no application",
        |w| w.client_id = Uuid::from_u128(5),
        C::Application,
        V::Refused,
        "has no application",
        "client_id",
    ),
    Row(
        "a disabled service principal",
        |w| w.cloud.stage().principal_enabled(CLIENT, false).unwrap(),
        C::ServicePrincipal,
        V::Refused,
        "is disabled",
        "az ad sp update --id c11e0000-0000-4000-8000-000000000001 --set accountEnabled=true",
    ),
    Row(
        "no service principal",
        |w| w.cloud.stage().remove_principal(CLIENT),
        C::ServicePrincipal,
        V::Refused,
        "no service principal",
        "az ad sp create --id c11e0000-0000-4000-8000-000000000001",
    ),
    Row("a broad role", |_| {}, C::Permission, V::Ok, "Application.ReadWrite.All; broader than needed", ""),
    Row(
        "OwnedBy without ownership",
        |w| w.operator = Operator::OwnedBy,
        C::Permission,
        V::Refused,
        "does not own the application",
        "az ad app owner add --id c11e0000-0000-4000-8000-000000000001 --owner-object-id ",
    ),
    Row(
        "OwnedBy with ownership",
        |w| {
            w.operator = Operator::OwnedBy;
            let id = w.cloud.stage().operator(w.now, w.operator).unwrap().object_id;
            w.cloud.stage().add_owner(APP, id).unwrap();
        },
        C::Permission,
        V::Ok,
        "OwnedBy, and owns the application",
        "",
    ),
    Row(
        "a reader",
        |w| w.operator = Operator::Reader,
        C::Permission,
        V::Refused,
        "role missing: Application.ReadWrite.OwnedBy is not asked for; the token has Application.Read.All",
        "az ad app permission add --id 5a9db0c5-09e4-4000-8000-000000000003",
    ),
    Row(
        "no consent",
        |w| {
            w.operator = Operator::Reader;
            let client = w.cloud.stage().operator(w.now, w.operator).unwrap().client_id;
            let app = AppRef::Client(client);
            w.cloud.stage().ask_for(app, Role::ApplicationReadWriteOwnedBy).unwrap();
        },
        C::Permission,
        V::Refused,
        "consent missing",
        "az ad app permission admin-consent --id 5a9db0c5-09e4-4000-8000-000000000003",
    ),
    Row("nothing", |w| w.operator = Operator::Nothing, C::Permission, V::Refused, "has none", "permission add"),
    Row("nothing", |w| w.operator = Operator::Nothing, C::Application, V::Refused, "may not do this", "`permission`"),
    Row(
        "itself",
        |w| w.client_id = ITSELF,
        C::NotItself,
        V::Refused,
        "could neither finish nor roll back",
        "delete = \"never\"",
    ),
    Row(
        "itself, and the old secret stays",
        |w| {
            w.client_id = ITSELF;
            w.fields = "delete = \"never\"".to_owned();
        },
        C::NotItself,
        V::Warning,
        "the old secret stays",
        "",
    ),
    Row(
        "two secrets and room for two",
        |w| w.cloud.stage().audience(APP, Audience::Personal).unwrap(),
        C::Room,
        V::Refused,
        "the application may hold 2 secrets and holds:",
        "az ad app credential delete --id c11e0000-0000-4000-8000-000000000001 --key-id",
    ),
    Row(
        "one secret and room for two",
        |w| {
            let others = w.cloud.password_credentials(w.now, APP).unwrap();
            let other = others.iter().map(|p| p.key_id).find(|id| *id != w.old.key_id).unwrap();
            w.cloud.remove_password(w.now, APP, other).unwrap();
            w.cloud.stage().audience(APP, Audience::Personal).unwrap();
        },
        C::Room,
        V::Ok,
        "1 of 2 secrets",
        "",
    ),
    Row(
        "a short lifetime by the tenant's policy",
        |w| w.cloud.stage().tenant_policy(Some(ManagementPolicy::lifetime(89))),
        C::Policy,
        V::Refused,
        "the tenant's default policy allows 89d, and the runbook asks for 90d",
        "`lifetime` in [secret]",
    ),
    Row(
        "a lifetime that is just allowed",
        |w| w.cloud.stage().tenant_policy(Some(ManagementPolicy::lifetime(90))),
        C::Policy,
        V::Ok,
        "allows 90d, the runbook asks for 90d",
        "",
    ),
    Row(
        "no secrets by the tenant's policy",
        |w| w.cloud.stage().tenant_policy(Some(ManagementPolicy::no_addition())),
        C::Policy,
        V::Refused,
        "forbids new secrets",
        "exception",
    ),
    Row(
        "no secrets by the tenant's policy, and an exception",
        |w| {
            w.cloud.stage().tenant_policy(Some(ManagementPolicy::no_addition()));
            w.cloud.stage().application_policy(APP, Some(ManagementPolicy::lifetime(90))).unwrap();
        },
        C::Policy,
        V::Ok,
        "allows 90d",
        "",
    ),
    Row("policies that may not be read", |w| w.operator = Operator::Reader, C::Policy, V::Unknown, "could not be read", ""),
];
