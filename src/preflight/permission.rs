//! Who acts, and may they? From what their token says, and from who owns the application.

use super::Refused;
use super::application::refusing;
use super::check::{Check, CheckId};
use super::mend::Mend;
use super::survey::{NotSeen, Survey};
use crate::ports::{Identity, IdentityKind};
use crate::refusals::Operation;
use crate::rotation::answers::RefusalKind;
use crate::runbook::{Delete, Runbook};

/// The application permission `Application.ReadWrite.OwnedBy` (learn.microsoft.com/graph/permissions-reference).
pub(super) const OWNED_BY_ID: &str = "18a4783c-866b-4cc7-a460-3d5e5662c884";
const OWNED_BY: &str = "Application.ReadWrite.OwnedBy";

/// More than a rotation needs: every application of the tenant, or the whole directory.
const BROADER: [&str; 2] = ["Application.ReadWrite.All", "Directory.ReadWrite.All"];

/// What lets somebody act for a person. The last is what the Azure CLI has: the person's own rights.
const DELEGATED: [&str; 3] = ["Application.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"];

/// What lets an application be read, and no more.
const READING: [&str; 2] = ["Application.Read.All", "Directory.Read.All"];

/// Directory roles that may change every application's secrets, by template ID
/// (learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference).
const ADMINISTRATORS: [(&str, &str); 3] = [
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
    ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
];

/// The client may not act for the person, or not in this tenant: nobody has consented.
const NO_CONSENT: &str = "AADSTS65001";

fn holds(identity: &Identity, permissions: &[&str]) -> bool {
    let held = if identity.kind == IdentityKind::User { &identity.scopes } else { &identity.roles };
    held.iter().any(|p| permissions.contains(&p.as_str()))
}

/// The directory role by which it may change every application.
fn administrator(identity: &Identity) -> Option<&'static str> {
    let has = |id: &str| identity.directory_roles.iter().any(|role| role == id);
    ADMINISTRATORS.into_iter().find(|(id, _)| has(id)).map(|(_, name)| name)
}

/// Whether the token has a permission that can do, ownership aside.
pub(super) fn permitted(identity: &Identity) -> bool {
    match identity.kind {
        IdentityKind::Application => holds(identity, &BROADER) || holds(identity, &[OWNED_BY]),
        IdentityKind::User => holds(identity, &DELEGATED),
    }
}

/// Whether it depends on ownership what the identity may do: always with `OwnedBy`, and for a person without a role.
pub(super) fn needs_ownership(identity: &Identity) -> bool {
    permitted(identity) && (identity.kind == IdentityKind::User || !holds(identity, &BROADER))
}

/// In a few words: kind, object, client, tenant.
pub(super) fn who(identity: &Identity) -> String {
    let kind = match identity.kind {
        IdentityKind::Application => "application",
        IdentityKind::User => "user, through client",
    };
    let part = |what: &str, id: &Option<String>| id.as_ref().map(|id| format!("{what} {id}"));
    let parts = [part(kind, &identity.client_id), part("object", &identity.object_id), part("tenant", &identity.tenant)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Who acts at Graph and at the vaults.
pub(super) fn identity(survey: &Survey, runbook: &Runbook, mend: &Mend<'_>) -> Vec<Check> {
    let graph = match &survey.identity {
        Ok(None) => Check::unknown(CheckId::Identity, "the token tells nothing of its bearer"),
        Ok(Some(identity)) => match (identity.tenant.as_deref(), runbook.tenant.id()) {
            (Some(tenant), Some(wanted)) if uuid::Uuid::try_parse(tenant) != Ok(wanted) => {
                let says = format!("{}; the runbook's tenant is another, {wanted}", who(identity));
                Check::warning(CheckId::Identity, says).mend("sign in to the application's home tenant, or correct `tenant`")
            }
            (Some(_) | None, Some(_) | None) => Check::ok(CheckId::Identity, who(identity)),
        },
        Err(why) => no_token(CheckId::Identity, why, mend),
    };
    let same = |a: &Identity, b: &Identity| a.object_id == b.object_id && a.tenant == b.tenant;
    let vault = match (&survey.vault_identity, survey.identity.as_ref().ok().and_then(Option::as_ref)) {
        (Ok(Some(vault)), Some(graph)) if !same(vault, graph) => {
            let says = format!("the vaults see somebody else: {}", who(vault));
            Check::warning(CheckId::VaultIdentity, says).mend("grant both what they need, or sign in as one")
        }
        (Ok(Some(_)), Some(_)) => Check::ok(CheckId::VaultIdentity, "the same identity"),
        (Ok(Some(vault)), None) => Check::ok(CheckId::VaultIdentity, who(vault)),
        (Ok(None), _) => Check::unknown(CheckId::VaultIdentity, "the token tells nothing of its bearer"),
        (Err(why), _) => no_token(CheckId::VaultIdentity, why, mend),
    };
    vec![graph, vault]
}

fn no_token(check: CheckId, why: &NotSeen, mend: &Mend<'_>) -> Check {
    match why {
        NotSeen::Refused(Refused::Service { refusal, .. }) if refusal.code.contains(NO_CONSENT) => {
            let says = format!("no token: nobody has consented to what the client asks for ({})", refusal.code);
            Check::refused(check, says).mend(mend.consent())
        }
        NotSeen::Refused(refused) => refusing(check, Operation::OperatorSignIn, refused, mend),
        NotSeen::After(first) => Check::after(check, *first),
        NotSeen::NotAsked => Check::unknown(check, "not asked for"),
    }
}

/// Whether the identity may change the application's secrets.
pub(super) fn permission(survey: &Survey, mend: &Mend<'_>) -> Check {
    let identity = match &survey.identity {
        Ok(Some(identity)) => identity,
        Ok(None) => return Check::unknown(CheckId::Permission, "the token does not say what it may do"),
        Err(_) => return Check::after(CheckId::Permission, CheckId::Identity),
    };
    match identity.kind {
        IdentityKind::Application if holds(identity, &BROADER) => {
            let held = identity.roles.iter().find(|r| BROADER.contains(&r.as_str())).map_or("", String::as_str);
            let says = format!("{held}; broader than needed, {OWNED_BY} of an application that one owns would do");
            Check::ok(CheckId::Permission, says)
        }
        IdentityKind::Application => match administrator(identity) {
            Some(role) if !permitted(identity) || owns(survey, identity) != Some(true) => {
                let says = format!("the directory role {role}; broader than needed, {OWNED_BY} would do");
                Check::ok(CheckId::Permission, says)
            }
            Some(_) | None if permitted(identity) => owned(survey, identity, mend),
            Some(_) | None => lacking(survey, identity, mend),
        },
        IdentityKind::User if permitted(identity) => match (owns(survey, identity), administrator(identity)) {
            (Some(true), _) => Check::ok(CheckId::Permission, "acts for a person who owns the application"),
            (_, Some(role)) => Check::ok(CheckId::Permission, format!("acts for a person with the role {role}")),
            (Some(false) | None, None) => {
                let says = "acts for a person who is not known to own the application, and whose token names no role that \
                            allows it; a role of the tenant's own making is not in the token";
                Check::unknown(CheckId::Permission, says).mend(mend.own())
            }
        },
        IdentityKind::User => {
            let says = format!("acts for a person, and the client has no consent to {}", DELEGATED.join(" or "));
            let advice = "sign in with a client that has it (az login), or let an application act";
            Check::refused(CheckId::Permission, says).mend(advice)
        }
    }
}

fn owns(survey: &Survey, identity: &Identity) -> Option<bool> {
    let owners = survey.directory.owners.as_ref().ok()?;
    let object_id = identity.object_id.as_deref()?;
    Some(owners.iter().any(|owner| owner.eq_ignore_ascii_case(object_id)))
}

/// `OwnedBy` is worth nothing without ownership; who does not own the application is told 403 by every request about it.
fn owned(survey: &Survey, identity: &Identity, mend: &Mend<'_>) -> Check {
    let forbidden = |why: &NotSeen| matches!(why, NotSeen::Refused(Refused::Service { refusal, .. }) if refusal.kind == RefusalKind::Forbidden);
    let denied = survey.directory.application.as_ref().is_err_and(forbidden);
    match owns(survey, identity) {
        Some(true) => Check::ok(CheckId::Permission, format!("{OWNED_BY}, and owns the application")),
        Some(false) => without_ownership(mend),
        None if denied => without_ownership(mend),
        None => {
            let says = format!("{OWNED_BY}; whether it owns the application could not be read");
            Check::unknown(CheckId::Permission, says).mend(mend.own())
        }
    }
}

fn without_ownership(mend: &Mend<'_>) -> Check {
    let says = format!("{OWNED_BY}, but it does not own the application: it may not change it");
    Check::refused(CheckId::Permission, says).mend(mend.own())
}

/// No permission in the token: asked for and not consented to, or not even asked for.
fn lacking(survey: &Survey, identity: &Identity, mend: &Mend<'_>) -> Check {
    let held = if identity.roles.is_empty() { "none".to_owned() } else { identity.roles.join(", ") };
    match &survey.directory.requested {
        Ok(requested) if requested.iter().any(|id| id == OWNED_BY_ID) => {
            let says = format!("consent missing: the registration asks for {OWNED_BY}, and the token has {held}");
            Check::refused(CheckId::Permission, says).mend(mend.consent())
        }
        // Nothing in the token explains why the application could be read: a directory role of the tenant's own may.
        Ok(_) | Err(_) if survey.directory.application.is_ok() && !holds(identity, &READING) => {
            let says =
                format!("the token has {held} of Graph's application permissions, and yet the application can be read");
            Check::unknown(CheckId::Permission, says).mend(mend.permit())
        }
        Ok(_) => {
            let says = format!("role missing: {OWNED_BY} is not asked for; the token has {held}");
            Check::refused(CheckId::Permission, says).mend(mend.permit())
        }
        Err(_) => {
            let says = format!("role or consent missing: the token has {held} of Graph's application permissions");
            Check::refused(CheckId::Permission, says).mend(mend.permit())
        }
    }
}

/// An application that rotates its own secret with that secret loses its sign-in when the old one is removed: neither `resume`
/// nor `rollback` could act any more. With a certificate or federation it keeps it, and with `delete = "never"` too.
pub(super) fn not_itself(survey: &Survey, runbook: &Runbook) -> Check {
    let Some(identity) = survey.acting() else {
        return Check::unknown(CheckId::NotItself, "who acts is not known");
    };
    let client = identity.client_id.as_deref().and_then(|id| uuid::Uuid::try_parse(id).ok());
    if client != Some(runbook.client_id.get()) {
        return Check::ok(CheckId::NotItself, "another application than the one that acts");
    }
    let itself = "the application that acts is the one whose secret is replaced";
    match (identity.by_secret, runbook.delete) {
        (Some(false), _) => {
            Check::warning(CheckId::NotItself, format!("{itself}; it signs in without a secret, so it can finish"))
        }
        (Some(true) | None, Delete::Never) => {
            let says = format!("{itself}; the old secret stays, so it can finish, and then needs the new one");
            Check::warning(CheckId::NotItself, says)
        }
        (Some(true) | None, Delete::Auto | Delete::OnRelease) => {
            let says = format!("{itself}: with the old secret gone it could neither finish nor roll back");
            Check::refused(CheckId::NotItself, says).mend(
                "let another identity act (federation or a managed identity has no secret), or write delete = \"never\"",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Verdict;
    use crate::preflight::survey::DirectorySurvey;
    use crate::rotation::answers::Refusal;

    const OPERATOR: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";
    const CLIENT: &str = "c11e0000-0000-4000-8000-000000000001";

    fn runbook(fields: &str) -> Runbook {
        let text = format!(
            "cloud = \"sandbox\"\ntenant = \"54826b22-38d6-4fb2-bad9-b7b93a3e9c5a\"\nclient_id = \"{CLIENT}\"\nowner = \"o\"\n\
             contact = \"c\"\n{fields}\n[[vault]]\nurl = \"https://east.vault.sandbox.localhost\"\nsecret = \"s\"\n"
        );
        Runbook::parse(text.as_bytes(), "r.toml").unwrap()
    }

    fn person(scopes: &[&str]) -> Identity {
        Identity {
            kind: IdentityKind::User,
            object_id: Some(OPERATOR.to_owned()),
            client_id: Some("04b07795-8ddb-461a-bbee-02f9e1bf7b46".to_owned()),
            tenant: None,
            roles: Vec::new(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            directory_roles: Vec::new(),
            by_secret: None,
        }
    }

    fn program(client_id: &str, roles: &[&str]) -> Identity {
        let roles = roles.iter().map(|r| (*r).to_owned()).collect();
        Identity { kind: IdentityKind::Application, client_id: Some(client_id.to_owned()), roles, ..person(&[]) }
    }

    fn survey(identity: Identity, owners: &[&str]) -> Survey {
        let owners = Ok(owners.iter().map(|o| (*o).to_owned()).collect());
        let directory = DirectorySurvey { owners, ..DirectorySurvey::not_asked(|| NotSeen::NotAsked) };
        let vault_identity = Ok(Some(identity.clone()));
        Survey { identity: Ok(Some(identity)), vault_identity, directory, vaults: Vec::new(), now: None, ahead: None }
    }

    fn judged(identity: Identity, owners: &[&str]) -> (Verdict, String) {
        let (runbook, survey) = (runbook(""), survey(identity, owners));
        let check = permission(&survey, &Mend { runbook: &runbook, acting: survey.acting() });
        (check.verdict, check.says)
    }

    #[test]
    fn a_person_needs_a_client_with_consent_and_ownership_or_a_role() {
        let cli = ["Directory.AccessAsUser.All", "openid"];
        assert_eq!(judged(person(&["User.Read"]), &[OPERATOR]).0, Verdict::Refused);
        assert_eq!(judged(person(&cli), &[OPERATOR]).0, Verdict::Ok);
        assert_eq!(judged(person(&cli), &[CLIENT]).0, Verdict::Unknown);
        let role = vec!["158c047a-c907-4556-b7ef-446551a6b5f7".to_owned()];
        let (verdict, says) = judged(Identity { directory_roles: role, ..person(&cli) }, &[]);
        assert_eq!(
            (verdict, says.as_str()),
            (Verdict::Ok, "acts for a person with the role Cloud Application Administrator")
        );
    }

    #[test]
    fn a_program_may_act_by_a_directory_role() {
        let role = vec!["9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3".to_owned()];
        let by_role = Identity { directory_roles: role, ..program(OPERATOR, &["Application.Read.All"]) };
        let (verdict, says) = judged(by_role, &[]);
        assert!(verdict == Verdict::Ok && says.contains("the directory role Application Administrator"), "{says}");
        assert_eq!(judged(program(OPERATOR, &["Application.Read.All"]), &[]).0, Verdict::Refused);
    }

    #[test]
    fn ownership_is_compared_without_case_and_may_be_unreadable() {
        let owned_by = program(OPERATOR, &["Application.ReadWrite.OwnedBy"]);
        assert_eq!(judged(owned_by.clone(), &[&OPERATOR.to_uppercase()]).0, Verdict::Ok);
        assert_eq!(judged(owned_by.clone(), &[CLIENT]).0, Verdict::Refused);
        let (runbook, mut survey) = (runbook(""), survey(owned_by, &[]));
        survey.directory.owners = Err(NotSeen::NotAsked);
        let check = permission(&survey, &Mend { runbook: &runbook, acting: survey.acting() });
        assert_eq!(check.verdict, Verdict::Unknown, "{}", check.says);
    }

    #[test]
    fn an_application_without_a_secret_of_its_own_may_rotate_itself() {
        let judged = |by_secret, fields: &str| {
            let itself = Identity { by_secret, ..program(CLIENT, &[]) };
            not_itself(&survey(itself, &[]), &runbook(fields)).verdict
        };
        assert_eq!(judged(Some(true), ""), Verdict::Refused);
        assert_eq!(judged(None, "delete = \"on-release\""), Verdict::Refused);
        assert_eq!(judged(Some(true), "delete = \"never\""), Verdict::Warning);
        assert_eq!(judged(Some(false), ""), Verdict::Warning);
    }

    #[test]
    fn a_sign_in_without_consent_is_told_from_one_that_failed() {
        let refusal = |code: &str| Refusal {
            kind: RefusalKind::Unauthenticated,
            status: Some(400),
            code: code.to_owned(),
            message: "the operator could not sign in".to_owned(),
            retry_after: None,
        };
        let check = |code: &str| {
            let (what, refusal) = ("a token".to_owned(), refusal(code));
            let mut survey = survey(program(OPERATOR, &[]), &[]);
            survey.vault_identity = Err(NotSeen::Refused(Refused::Service { what, refusal, request_id: None }));
            let runbook = runbook("");
            let mend = Mend { runbook: &runbook, acting: survey.acting() };
            identity(&survey, &runbook, &mend).pop().unwrap()
        };
        let consent = check("invalid_grant/AADSTS65001");
        assert!(consent.refuses() && consent.says.contains("nobody has consented"), "{}", consent.says);
        assert_eq!(consent.mend.as_deref(), Some(&*format!("az ad app permission admin-consent --id {OPERATOR}")));
        assert!(!check("invalid_client/AADSTS7000215").says.contains("consent"));
    }
}
