//! The commands that mend what a check found, with the real names in them.
//!
//! `az` commands: learn.microsoft.com/cli/azure, groups `ad app`, `ad sp`, `role assignment`, `keyvault`.

use super::Refused;
use super::permission::OWNED_BY_ID;
use crate::ports::Identity;
use crate::refusals::{Names, Operation, Words};
use crate::rotation::answers::SignIn;
use crate::rotation::names::VaultIx;
use crate::runbook::Runbook;

/// Writes commands about one runbook and whoever acts.
pub(super) struct Mend<'a> {
    pub(super) runbook: &'a Runbook,
    pub(super) acting: Option<&'a Identity>,
}

impl Mend<'_> {
    fn acting_object(&self) -> &str {
        self.acting.and_then(|i| i.object_id.as_deref()).unwrap_or("OBJECT_ID_OF_WHO_ACTS")
    }

    fn acting_client(&self) -> &str {
        self.acting.and_then(|i| i.client_id.as_deref()).unwrap_or("CLIENT_ID_OF_WHO_ACTS")
    }

    /// Makes whoever acts an owner of the application.
    pub(super) fn own(&self) -> String {
        format!("az ad app owner add --id {} --owner-object-id {}", self.runbook.client_id.get(), self.acting_object())
    }

    /// Consents to what the acting application asks for.
    pub(super) fn consent(&self) -> String {
        format!("az ad app permission admin-consent --id {}", self.acting_client())
    }

    /// Asks for the least permission and consents to it.
    pub(super) fn permit(&self) -> String {
        let graph = "00000003-0000-0000-c000-000000000000";
        let ask = format!("az ad app permission add --id {} --api {graph}", self.acting_client());
        format!("{ask} --api-permissions {OWNED_BY_ID}=Role, then {}, then {}", self.consent(), self.own())
    }

    /// Makes the service principal.
    pub(super) fn create_principal(&self) -> String {
        format!("az ad sp create --id {}", self.runbook.client_id.get())
    }

    /// Enables the service principal.
    pub(super) fn enable_principal(&self) -> String {
        format!("az ad sp update --id {} --set accountEnabled=true", self.runbook.client_id.get())
    }

    /// Removes a secret that nobody uses.
    pub(super) fn remove_credential(&self) -> String {
        let id = self.runbook.client_id.get();
        format!("remove one that nobody uses: az ad app credential delete --id {id} --key-id KEY_ID")
    }

    /// A command of `az keyvault secret` about a vault's secret.
    pub(super) fn secret(&self, vault: VaultIx, verb: &str, rest: &str) -> String {
        let (name, secret) = (self.vault_name(vault), self.secret_name(vault));
        format!("az keyvault secret {verb} --vault-name {name} --name {secret}{rest}")
    }

    /// Lists the vault's secrets.
    pub(super) fn list(&self, vault: VaultIx) -> String {
        format!("az keyvault secret list --vault-name {} --query [].name", self.vault_name(vault))
    }

    /// What a refusal by a service means, in the words that runs, reports and `diagnose` use too; `None` if it is not one.
    pub(super) fn words(&self, operation: Operation, vault: Option<VaultIx>, refused: &Refused) -> Option<Words> {
        let Refused::Service { refusal, request_id, .. } = refused else { return None };
        Some(Words::of_refusal(Some(operation), refusal, request_id.as_deref(), &self.names(vault)))
    }

    /// What a sign-in with a vault's value means, if it was not accepted.
    pub(super) fn sign_in(&self, vault: VaultIx, answer: &SignIn) -> Option<Words> {
        Words::of_sign_in(answer, None, &self.names(Some(vault)))
    }

    fn names(&self, vault: Option<VaultIx>) -> Names {
        Names {
            identity: self.acting.and_then(|i| i.object_id.clone()),
            operator: self.acting.and_then(|i| i.client_id.clone()),
            ..Names::of(self.runbook, vault)
        }
    }

    fn vault_name(&self, vault: VaultIx) -> &str {
        let host = self.runbook.vault(vault).map_or("", |v| v.url.host());
        host.split('.').next().unwrap_or(host)
    }

    fn secret_name(&self, vault: VaultIx) -> &str {
        self.runbook.vault(vault).map_or("", |v| v.secret.as_str())
    }
}
