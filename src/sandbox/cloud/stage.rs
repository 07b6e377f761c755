//! The stage: what a test or a drill arranges behind the services' backs.
//!
//! Everything here is state of the cloud, so that requests over HTTPS and calls in process meet the same.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::operator::OperatorSecret;
use super::sign_in_log::SignInLog;
use super::vault_access::VaultRules;
use super::{
    AccessModel, AppRef, Audience, Cloud, CloudError, ManagementPolicy, NewPassword, Operator, PasswordSpec, PrincipalRef,
    PrincipalSpec, Role, Trouble, VaultRight,
};
use crate::sandbox::faults::{Faults, Rule};

/// Edits a cloud by hand: no permission, policy or limit stands in the way, and all is seen everywhere at once.
pub struct Stage<'a>(&'a mut Cloud);

impl Cloud {
    /// Begins to edit.
    pub fn stage(&mut self) -> Stage<'_> {
        self.changed();
        Stage(self)
    }

    /// What the services take for the time: `now` with the staged offset. Whoever drives the cloud passes this to every
    /// operation.
    pub fn service_time(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.clock_offset).unwrap_or(now)
    }
}

/// Who acts.
impl Stage<'_> {
    /// Makes an operator unless it is there, and returns what signs it in.
    ///
    /// # Errors
    /// If its application has been taken off the stage in part.
    pub fn operator(&mut self, now: Timestamp, operator: Operator) -> Result<OperatorSecret, CloudError> {
        self.0.make_operator(now, operator)
    }

    /// Grants a service principal an application permission. Tokens that are out do not have it.
    ///
    /// # Errors
    /// If there is no such service principal.
    pub fn grant(&mut self, client_id: Uuid, role: Role) -> Result<(), CloudError> {
        self.0.principal_mut(PrincipalRef::Client(client_id))?.roles.insert(role);
        Ok(())
    }

    /// Takes it back. Tokens that are out keep it.
    ///
    /// # Errors
    /// If there is no such service principal.
    pub fn revoke(&mut self, client_id: Uuid, role: Role) -> Result<(), CloudError> {
        self.0.principal_mut(PrincipalRef::Client(client_id))?.roles.remove(&role);
        Ok(())
    }

    /// Lets an application ask for a permission (`requiredResourceAccess`) whether it is granted or not: a permission that is
    /// asked for and not granted lacks an administrator's consent.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn ask_for(&mut self, app: AppRef, role: Role) -> Result<(), CloudError> {
        self.0.application_mut(app)?.requested.insert(role);
        Ok(())
    }

    /// Makes an object (a service principal, or anything else that is then shown as a user) an owner of an application.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn add_owner(&mut self, app: AppRef, object_id: Uuid) -> Result<(), CloudError> {
        self.0.application_mut(app)?.owners.insert(object_id);
        Ok(())
    }
}

/// Applications and service principals.
impl Stage<'_> {
    /// Disables an application as Microsoft does (`disabledByMicrosoftStatus`), or enables it.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn application_enabled(&mut self, app: AppRef, enabled: bool) -> Result<(), CloudError> {
        self.0.application_mut(app)?.disabled = !enabled;
        Ok(())
    }

    /// Sets a service principal's `accountEnabled`.
    ///
    /// # Errors
    /// If there is no such service principal.
    pub fn principal_enabled(&mut self, client_id: Uuid, enabled: bool) -> Result<(), CloudError> {
        self.0.principal_mut(PrincipalRef::Client(client_id))?.enabled = enabled;
        Ok(())
    }

    /// Sets `signInAudience`.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn audience(&mut self, app: AppRef, audience: Audience) -> Result<(), CloudError> {
        self.0.application_mut(app)?.audience = audience;
        Ok(())
    }

    /// Removes a service principal; its application stays.
    pub fn remove_principal(&mut self, client_id: Uuid) {
        self.0.objects.principals.remove(&client_id);
    }

    /// Removes an application; its service principal stays, as that of an application of another tenant would.
    pub fn remove_application(&mut self, client_id: Uuid) {
        self.0.objects.remove_application(client_id);
    }

    /// Makes a service principal without an application here, and returns its object id.
    pub fn principal(&mut self, now: Timestamp, spec: PrincipalSpec) -> Uuid {
        self.0.create_principal(now, spec)
    }

    /// A secret on an application that has always been there.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn password(&mut self, now: Timestamp, app: AppRef, spec: PasswordSpec) -> Result<NewPassword, CloudError> {
        self.0.insert_password(now, app, spec)
    }

    /// A secret on a service principal that has always been there.
    ///
    /// # Errors
    /// If there is no such service principal.
    pub fn principal_password(
        &mut self,
        now: Timestamp,
        client_id: Uuid,
        spec: PasswordSpec,
    ) -> Result<NewPassword, CloudError> {
        self.0.insert_principal_password(now, PrincipalRef::Client(client_id), spec)
    }

    /// Sets when a credential ends. Returns whether there is such a credential.
    pub fn password_ends(&mut self, key_id: Uuid, end: Timestamp) -> bool {
        let found = self.0.objects.passwords_mut().find(|p| p.key_id == key_id);
        found.map(|p| p.end = end).is_some()
    }

    /// Sets the tenant's default app management policy; none: the disabled one that every tenant has.
    pub fn tenant_policy(&mut self, policy: Option<ManagementPolicy>) {
        self.0.tenant_policy = policy;
    }

    /// Assigns an app management policy to an application, or takes it away.
    ///
    /// # Errors
    /// If there is no such application.
    pub fn application_policy(&mut self, app: AppRef, policy: Option<ManagementPolicy>) -> Result<(), CloudError> {
        self.0.application_mut(app)?.policy = policy;
        Ok(())
    }
}

/// Vaults. `host` is the vault's host name; what is staged holds whether there is a vault of that name or not.
impl Stage<'_> {
    /// Whether a vault decides by role-based access control or by access policies.
    pub fn vault_model(&mut self, host: &str, model: AccessModel) {
        self.rules(host).model = model;
    }

    /// What a service principal (by its object id) may do in a vault: this and nothing else. The operator that every sandbox
    /// has may do everything until something else is said here.
    pub fn vault_rights(&mut self, host: &str, object_id: Uuid, rights: &[VaultRight]) {
        self.rules(host).grants.insert(object_id, BTreeSet::from_iter(rights.iter().copied()));
    }

    /// Whether a vault's firewall keeps everybody out.
    pub fn vault_firewall(&mut self, host: &str, closed: bool) {
        self.rules(host).firewall = closed;
    }

    /// Lets a vault belong to another tenant, whose tokens nobody has here; none: to the sandbox's.
    pub fn vault_tenant(&mut self, host: &str, tenant: Option<Uuid>) {
        self.rules(host).tenant = tenant;
    }

    /// Whether a vault's challenge names a scope (the newer form) instead of a resource. A vault for which only this is staged
    /// must be told its rights, too.
    pub fn vault_challenge(&mut self, host: &str, with_scope: bool) {
        self.rules(host).scope_challenge = with_scope;
    }

    pub(super) fn log(&mut self) -> &mut SignInLog {
        &mut self.0.sign_in_log
    }

    fn rules(&mut self, host: &str) -> &mut VaultRules {
        self.0.vault_rules.entry(host.to_ascii_lowercase()).or_default()
    }
}

/// Time and refusals.
impl Stage<'_> {
    /// How far the services' clock is ahead of the real one (behind, if negative). Secrets that are there begin, and are seen,
    /// as much earlier or later: what signed in goes on to. Their ends stay.
    pub fn clock_offset(&mut self, offset: SignedDuration) {
        let by = offset.saturating_sub(self.0.clock_offset);
        self.0.clock_offset = offset;
        for password in self.0.objects.passwords_mut() {
            password.begin_later(by);
        }
    }

    /// Orders a refusal: of the next `times` requests that it fits, or of all until [`Stage::no_troubles`]. Orders are carried
    /// out one after another.
    pub fn trouble(&mut self, trouble: Trouble, times: Option<u32>) {
        if times != Some(0) {
            self.0.faults.add(Rule { times, ..trouble.into() });
        }
    }

    /// Forgets all orders and rules.
    pub fn no_troubles(&mut self) {
        self.0.faults.clear();
    }

    /// The rules that say which requests come to harm, refusals among them.
    pub fn faults(&mut self) -> &mut Faults {
        &mut self.0.faults
    }
}
