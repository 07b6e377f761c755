//! What whoever signs in as the application could do: its application permissions, the dangerous ones marked with why.
//!
//! The table names permissions of Microsoft Graph that reach everybody's data or lead to control of the tenant. Sources:
//! learn.microsoft.com/graph/permissions-reference (what each allows), learn.microsoft.com/entra/architecture/security-operations-applications
//! ("highly privileged permissions"). What is not in the table is not thereby harmless: permissions of other resources mean what
//! their owners made of them.

use serde::Serialize;

use crate::ports::Granted;

/// The application ID of Microsoft Graph, in every tenant.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// How far a permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// It leads to control of the tenant.
    Tenant,
    /// It reaches the data of everybody in the tenant.
    Everybody,
    /// It is not in the table.
    NotListed,
}

/// A granted permission, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// The resource's name.
    pub resource: String,
    /// The permission's name, or its id where the resource does not name it.
    pub name: String,
    /// How far it reaches.
    pub risk: Risk,
    /// Why it is in the table; empty if it is not.
    pub why: &'static str,
    /// What would do for most applications instead; empty if nothing is known.
    pub instead: &'static str,
}

const NARROWER: &str = "Grant only what the application calls.";
const MAILBOXES: &str = "Limit it to the mailboxes that it needs: RBAC for Applications in Exchange Online.";
const SITES: &str = "Sites.Selected, granted site by site.";

/// Name, risk, why, what instead.
const TABLE: [(&str, Risk, &str, &str); 22] = [
    (
        "RoleManagement.ReadWrite.Directory",
        Risk::Tenant,
        "gives any directory role to anybody, itself included: Global Administrator too",
        "Assign roles by people, with Privileged Identity Management.",
    ),
    (
        "AppRoleAssignment.ReadWrite.All",
        Risk::Tenant,
        "grants any application permission to any application, itself included",
        "Consent by administrators.",
    ),
    (
        "Application.ReadWrite.All",
        Risk::Tenant,
        "adds secrets to every application of the tenant and signs in as it",
        "Application.ReadWrite.OwnedBy, and ownership of the applications that it looks after.",
    ),
    ("Directory.ReadWrite.All", Risk::Tenant, "changes users, groups and their members all over the directory", NARROWER),
    (
        "Policy.ReadWrite.ConditionalAccess",
        Risk::Tenant,
        "switches Conditional Access off",
        "Policy.Read.All, if it only looks.",
    ),
    (
        "Policy.ReadWrite.AuthenticationMethod",
        Risk::Tenant,
        "changes how people may sign in",
        "Policy.Read.All, if it only looks.",
    ),
    (
        "UserAuthenticationMethod.ReadWrite.All",
        Risk::Tenant,
        "sets sign-in methods of any user, administrators included, and so signs in as them",
        NARROWER,
    ),
    (
        "Domain.ReadWrite.All",
        Risk::Tenant,
        "adds and federates domains, and so can let anybody sign in as anybody",
        NARROWER,
    ),
    (
        "GroupMember.ReadWrite.All",
        Risk::Tenant,
        "puts members into groups, and into all that groups give access to",
        NARROWER,
    ),
    (
        "Group.ReadWrite.All",
        Risk::Tenant,
        "changes groups, their members and their content",
        "Group.Create, or owning its groups.",
    ),
    ("User.ReadWrite.All", Risk::Everybody, "changes everybody's profile", NARROWER),
    ("User.Read.All", Risk::Everybody, "reads everybody's profile", "User.ReadBasic.All, if names and addresses do."),
    (
        "Directory.Read.All",
        Risk::Everybody,
        "reads the whole directory: who has which role, which application may what",
        NARROWER,
    ),
    ("Mail.Read", Risk::Everybody, "reads everybody's mail", MAILBOXES),
    ("Mail.ReadWrite", Risk::Everybody, "reads, changes and deletes everybody's mail", MAILBOXES),
    ("Mail.Send", Risk::Everybody, "sends mail as anybody", MAILBOXES),
    ("MailboxSettings.ReadWrite", Risk::Everybody, "sets rules that forward anybody's mail", MAILBOXES),
    ("Files.Read.All", Risk::Everybody, "reads everybody's files", SITES),
    ("Files.ReadWrite.All", Risk::Everybody, "reads, changes and deletes everybody's files", SITES),
    ("Sites.Read.All", Risk::Everybody, "reads every site", SITES),
    ("Sites.ReadWrite.All", Risk::Everybody, "changes every site", SITES),
    ("Sites.FullControl.All", Risk::Everybody, "has every site in its hands", SITES),
];

/// What was granted, the most dangerous first.
pub fn reach(granted: &[Granted]) -> Vec<Permission> {
    let mut all: Vec<Permission> = granted.iter().map(permission).collect();
    all.sort_by(|a, b| (a.risk, &a.resource, &a.name).cmp(&(b.risk, &b.resource, &b.name)));
    all
}

fn permission(granted: &Granted) -> Permission {
    let of_graph = granted.resource_client_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(GRAPH));
    let found = TABLE.iter().find(|(name, ..)| of_graph && granted.name.as_deref() == Some(*name));
    let (risk, why, instead) = found.map_or((Risk::NotListed, "", ""), |(_, risk, why, instead)| (*risk, *why, *instead));
    let unnamed = || match granted.role_id.is_nil() {
        true => "access without a role".to_owned(),
        false => format!("role {}", granted.role_id),
    };
    Permission { resource: granted.resource.clone(), name: granted.name.clone().unwrap_or_else(unnamed), risk, why, instead }
}

/// In lines for a person.
pub fn lines(permissions: &[Permission]) -> Vec<String> {
    if permissions.is_empty() {
        return vec![
            "it was granted no application permissions; roles in vaults and subscriptions are not among these".to_owned(),
        ];
    }
    let mut lines = vec![
        "what it could do (application permissions; roles in vaults and subscriptions are not among these):".to_owned(),
    ];
    for p in permissions {
        let (resource, name) = (crate::evidence::clean(&p.resource), crate::evidence::clean(&p.name));
        lines.push(match p.risk {
            Risk::Tenant => format!("  CONTROL OF THE TENANT: {name} of {resource}: {}", p.why),
            Risk::Everybody => format!("  EVERYBODY'S DATA: {name} of {resource}: {}", p.why),
            Risk::NotListed => format!("  {name} of {resource}"),
        });
        lines.extend(Some(p.instead).filter(|i| !i.is_empty()).map(|i| format!("    instead: {i}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn granted(client_id: &str, name: Option<&str>) -> Granted {
        Granted {
            resource: "R".into(),
            resource_client_id: Some(client_id.into()),
            role_id: Uuid::nil(),
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn the_most_dangerous_come_first_and_only_graphs_names_mean_it() {
        let all = [
            granted(GRAPH, Some("Mail.Read")),
            granted(GRAPH, Some("Something.Else")),
            granted("11111111-0000-0000-0000-000000000000", Some("Mail.Read")),
            granted(GRAPH, Some("RoleManagement.ReadWrite.Directory")),
            granted(GRAPH, None),
        ];
        let judged: Vec<(String, Risk)> = reach(&all).into_iter().map(|p| (p.name, p.risk)).collect();
        let expected = [
            ("RoleManagement.ReadWrite.Directory", Risk::Tenant),
            ("Mail.Read", Risk::Everybody),
            ("Mail.Read", Risk::NotListed),
            ("Something.Else", Risk::NotListed),
            ("access without a role", Risk::NotListed),
        ];
        assert_eq!(judged, expected.map(|(n, r)| (n.to_owned(), r)));
    }

    #[test]
    fn each_name_stands_once_and_says_why() {
        let names: std::collections::BTreeSet<&str> = TABLE.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(
            TABLE
                .iter()
                .all(|(_, risk, why, instead)| *risk != Risk::NotListed && !why.is_empty() && instead.ends_with('.'))
        );
    }
}
