//! Who may do what in a vault, and from where.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Caller, Cloud, CloudError, OPERATOR};

/// A permission on the secrets of a vault, with access policies and with role-based access control alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VaultRight {
    /// Read values.
    Get,
    /// List secrets, versions and deleted secrets.
    List,
    /// Set new versions.
    Set,
    /// Change properties of a version. Access policies have no right of this name: there it is `Set`.
    Update,
    /// Delete.
    Delete,
    /// Recover what was deleted.
    Recover,
    /// Purge what was deleted.
    Purge,
}

impl VaultRight {
    /// What "Key Vault Secrets Officer" grants.
    pub const OFFICER: [VaultRight; 7] = [
        VaultRight::Get,
        VaultRight::List,
        VaultRight::Set,
        VaultRight::Update,
        VaultRight::Delete,
        VaultRight::Recover,
        VaultRight::Purge,
    ];
    /// What "Key Vault Secrets User" grants: what a consumer needs.
    pub const USER: [VaultRight; 2] = [VaultRight::Get, VaultRight::List];

    /// The last part of the data action that refusals of role-based access control name.
    fn action(self) -> &'static str {
        match self {
            VaultRight::Get => "getSecret",
            VaultRight::List => "readMetadata",
            VaultRight::Set => "setSecret",
            VaultRight::Update => "update",
            VaultRight::Delete => "delete",
            VaultRight::Recover => "recover",
            VaultRight::Purge => "purge",
        }
    }

    /// The word that refusals of access policies use.
    fn permission(self) -> &'static str {
        match self {
            VaultRight::Get => "get",
            VaultRight::List => "list",
            VaultRight::Set | VaultRight::Update => "set",
            VaultRight::Delete => "delete",
            VaultRight::Recover => "recover",
            VaultRight::Purge => "purge",
        }
    }
}

/// How a vault decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccessModel {
    /// Azure role-based access control: refusals are `ForbiddenByRbac`.
    #[default]
    Rbac,
    /// Access policies of the vault: refusals are `ForbiddenByPolicy`.
    Policies,
}

/// What is staged for one vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct VaultRules {
    pub(super) model: AccessModel,
    /// By object id of the service principal. Who is not here has none, but for the operator, who has all.
    pub(super) grants: BTreeMap<Uuid, BTreeSet<VaultRight>>,
    /// The caller's address is not among those that are let in.
    pub(super) firewall: bool,
    /// The tenant whose tokens it takes, if not the sandbox's.
    pub(super) tenant: Option<Uuid>,
    /// Its challenge names a scope instead of a resource.
    #[serde(default)]
    pub(super) scope_challenge: bool,
}

impl Cloud {
    /// The tenant whose tokens a vault takes, and which its challenge names.
    pub fn vault_tenant(&self, host: &str) -> Uuid {
        self.rules(host).and_then(|r| r.tenant).unwrap_or(self.tenant)
    }

    /// Whether a vault's challenge names a scope, as the newer form does, instead of a resource.
    pub fn challenges_with_scope(&self, host: &str) -> bool {
        self.rules(host).is_some_and(|r| r.scope_challenge)
    }

    /// Refuses a caller whom the vault does not let do this. `secret` is for the message: empty for lists.
    pub fn check_vault(&self, caller: &Caller, host: &str, secret: &str, right: VaultRight) -> Result<(), CloudError> {
        let rules = self.rules(host);
        if rules.is_none() && caller.client_id == OPERATOR {
            return Ok(());
        }
        let vault = host.split('.').next().unwrap_or(host);
        if let Some(found) = rules.and_then(|r| r.tenant) {
            return Err(wrong_issuer(found, &caller.issuer));
        }
        if rules.is_some_and(|r| r.firewall) {
            return Err(firewall(caller, vault));
        }
        let model = rules.map(|r| r.model).unwrap_or_default();
        let needed = match (model, right) {
            (AccessModel::Policies, VaultRight::Update) => VaultRight::Set,
            (AccessModel::Policies | AccessModel::Rbac, right) => right,
        };
        let allowed = match rules.and_then(|r| r.grants.get(&caller.object_id)) {
            Some(rights) => rights.contains(&needed),
            None => caller.client_id == OPERATOR,
        };
        if allowed {
            return Ok(());
        }
        match model {
            AccessModel::Rbac => Err(self.by_rbac(caller, vault, secret, right)),
            AccessModel::Policies => Err(by_policy(caller, vault, right)),
        }
    }

    fn rules(&self, host: &str) -> Option<&VaultRules> {
        if self.vault_rules.is_empty() { None } else { self.vault_rules.get(&host.to_ascii_lowercase()) }
    }

    /// In the form of the texts that people have reported (terraform-provider-azurerm#27817), with `\r\n` between the lines.
    fn by_rbac(&self, caller: &Caller, vault: &str, secret: &str, right: VaultRight) -> CloudError {
        let resource = format!(
            "/subscriptions/{}/resourcegroups/sandbox/providers/microsoft.keyvault/vaults/{vault}/secrets/{secret}",
            self.tenant
        );
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
             definitions were changed recently, please observe propagation time.\r\n{}\r\nAction: \
             'Microsoft.KeyVault/vaults/secrets/{}/action'\r\nResource: '{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: \
             null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {vault};location=sandbox",
            who(caller),
            right.action(),
            resource.trim_end_matches("/secrets/"),
        );
        CloudError::new(403, "Forbidden", message).inner("ForbiddenByRbac")
    }
}

fn who(caller: &Caller) -> String {
    format!("Caller: appid={};oid={};iss={}", caller.client_id, caller.object_id, caller.issuer)
}

/// The sentence is that of reports in which innererror was `AccessDenied`; `ForbiddenByPolicy` is seen in go-autorest#477.
fn by_policy(caller: &Caller, vault: &str, right: VaultRight) -> CloudError {
    let message = format!(
        "The user, group or application 'appid={};oid={};iss={}' does not have secrets {} permission on key vault \
         '{vault};location=sandbox'. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125287",
        caller.client_id,
        caller.object_id,
        caller.issuer,
        right.permission()
    );
    CloudError::new(403, "Forbidden", message).inner("ForbiddenByPolicy")
}

/// As reported in packer-plugin-azure#384; the inner code is not verified.
fn firewall(caller: &Caller, vault: &str) -> CloudError {
    let message = format!(
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: 192.0.2.1\r\n{}\r\nVault: \
         {vault};location=sandbox",
        who(caller)
    );
    CloudError::new(403, "Forbidden", message).inner("ForbiddenByFirewall")
}

fn wrong_issuer(tenant: Uuid, found: &str) -> CloudError {
    let message = format!("AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{tenant}/, found {found}.");
    CloudError::new(401, "Unauthorized", message)
}
