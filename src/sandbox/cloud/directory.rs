//! Microsoft Graph's part: applications, service principals, `addPassword`, `removePassword`, lists that lag.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    AppRef, Application, ApplicationSpec, Cloud, CloudError, Detail, NewPassword, PasswordCredential, PasswordSpec, Place,
    PrincipalKind, PrincipalRef, PrincipalSpec, ServicePrincipal,
};

impl Cloud {
    /// Makes an application with a service principal and returns its object id.
    pub fn create_application(&mut self, now: Timestamp, spec: ApplicationSpec) -> Uuid {
        let (service_principal_id, display_name) = (spec.service_principal_id, spec.display_name.clone());
        let object_id = self.insert_application(now, spec);
        let client_id = self.objects.applications.get(&object_id).map(|a| a.client_id);
        let kind = PrincipalKind::Application;
        self.create_principal(now, PrincipalSpec { object_id: service_principal_id, client_id, display_name, kind });
        object_id
    }

    /// Makes an application without a service principal and returns its object id.
    pub(super) fn insert_application(&mut self, now: Timestamp, spec: ApplicationSpec) -> Uuid {
        let object_id = spec.object_id.unwrap_or_else(|| self.things.uuid());
        let client_id = spec.client_id.unwrap_or_else(|| self.things.uuid());
        let application = Application {
            object_id,
            client_id,
            display_name: spec.display_name,
            audience: spec.audience,
            created: now,
            disabled: false,
            requested: BTreeSet::new(),
            owners: BTreeSet::new(),
            policy: None,
            seen: None,
            passwords: Vec::new(),
        };
        self.objects.insert(application);
        object_id
    }

    /// Makes a service principal and returns its object id.
    pub(super) fn create_principal(&mut self, now: Timestamp, spec: PrincipalSpec) -> Uuid {
        let object_id = spec.object_id.unwrap_or_else(|| self.things.uuid());
        let client_id = spec.client_id.unwrap_or_else(|| self.things.uuid());
        let principal = ServicePrincipal {
            object_id,
            client_id,
            display_name: spec.display_name,
            kind: spec.kind,
            enabled: true,
            created: now,
            roles: BTreeSet::new(),
            passwords: Vec::new(),
        };
        self.objects.principals.insert(client_id, principal);
        self.changed();
        object_id
    }

    /// Sets the service principal's `accountEnabled`.
    pub fn set_enabled(&mut self, app: AppRef, enabled: bool) -> Result<(), CloudError> {
        let client_id = self.application(app)?.client_id;
        self.principal_mut(PrincipalRef::Client(client_id))?.enabled = enabled;
        self.changed();
        Ok(())
    }

    /// All applications, by object id.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.objects.applications.values()
    }

    /// All service principals, by client ID.
    pub fn principals(&self) -> impl Iterator<Item = &ServicePrincipal> {
        self.objects.principals.values()
    }

    /// One application.
    pub fn application(&self, app: AppRef) -> Result<&Application, CloudError> {
        let found = match app {
            AppRef::Object(id) => self.objects.applications.get(&id),
            AppRef::Client(id) => self.application_of(id),
        };
        found.ok_or_else(|| not_found(app))
    }

    pub(super) fn application_mut(&mut self, app: AppRef) -> Result<&mut Application, CloudError> {
        let id = match app {
            AppRef::Object(id) => Some(id),
            AppRef::Client(id) => self.objects.object_id(id),
        };
        id.and_then(|id| self.objects.applications.get_mut(&id)).ok_or_else(|| not_found(app))
    }

    /// One service principal.
    pub fn principal(&self, which: PrincipalRef) -> Result<&ServicePrincipal, CloudError> {
        let (found, id) = match which {
            PrincipalRef::Object(id) => (self.principals().find(|p| p.object_id == id), id),
            PrincipalRef::Client(id) => (self.objects.principals.get(&id), id),
        };
        found.ok_or_else(|| CloudError::resource_not_found(&id.to_string()))
    }

    pub(super) fn principal_mut(&mut self, which: PrincipalRef) -> Result<&mut ServicePrincipal, CloudError> {
        let (found, id) = match which {
            PrincipalRef::Object(id) => (self.objects.principals.values_mut().find(|p| p.object_id == id), id),
            PrincipalRef::Client(id) => (self.objects.principals.get_mut(&id), id),
        };
        found.ok_or_else(|| CloudError::resource_not_found(&id.to_string()))
    }

    /// `addPassword` of an application.
    pub fn add_password(&mut self, now: Timestamp, app: AppRef, spec: PasswordSpec) -> Result<NewPassword, CloudError> {
        let application = self.application(app)?;
        let living = application.passwords.iter().filter(|p| p.removed.is_none()).count();
        if let Some(room) = application.audience.room().filter(|room| living >= *room) {
            return Err(too_many(living.saturating_add(1), room));
        }
        let (start, end) = dates(now, &spec)?;
        self.check_policy(application, start, end)?;
        let object_id = application.object_id;
        let credential = self.new_password(now, spec);
        let made = NewPassword::from(&credential);
        self.application_mut(AppRef::Object(object_id))?.passwords.push(credential);
        self.changed();
        Ok(made)
    }

    /// `addPassword` of a service principal. Policies for these are not imitated.
    pub fn add_principal_password(
        &mut self,
        now: Timestamp,
        which: PrincipalRef,
        spec: PasswordSpec,
    ) -> Result<NewPassword, CloudError> {
        let client_id = self.principal(which)?.client_id;
        dates(now, &spec)?;
        let credential = self.new_password(now, spec);
        let made = NewPassword::from(&credential);
        self.principal_mut(PrincipalRef::Client(client_id))?.passwords.push(credential);
        self.changed();
        Ok(made)
    }

    /// A credential that has always been there: no cap, seen everywhere.
    pub(super) fn insert_password(
        &mut self,
        now: Timestamp,
        app: AppRef,
        spec: PasswordSpec,
    ) -> Result<NewPassword, CloudError> {
        let credential = self.old_password(now, spec);
        let made = NewPassword::from(&credential);
        self.application_mut(app)?.passwords.push(credential);
        self.changed();
        Ok(made)
    }

    pub(super) fn insert_principal_password(
        &mut self,
        now: Timestamp,
        which: PrincipalRef,
        spec: PasswordSpec,
    ) -> Result<NewPassword, CloudError> {
        let credential = self.old_password(now, spec);
        let made = NewPassword::from(&credential);
        self.principal_mut(which)?.passwords.push(credential);
        self.changed();
        Ok(made)
    }

    /// `removePassword` of an application. An unknown key ID is an error whose message says `No password credential found with
    /// keyId`.
    pub fn remove_password(&mut self, now: Timestamp, app: AppRef, key_id: Uuid) -> Result<(), CloudError> {
        let seen = self.removal(now);
        living(&mut self.application_mut(app)?.passwords, key_id)?.removed = Some(seen);
        self.changed();
        Ok(())
    }

    /// `removePassword` of a service principal, with the same error.
    pub fn remove_principal_password(
        &mut self,
        now: Timestamp,
        which: PrincipalRef,
        key_id: Uuid,
    ) -> Result<(), CloudError> {
        let seen = self.removal(now);
        living(&mut self.principal_mut(which)?.passwords, key_id)?.removed = Some(seen);
        self.changed();
        Ok(())
    }

    /// The credentials that a list shows at `now`, newest first (as recorded twice; nobody promises it).
    pub fn password_credentials(&self, now: Timestamp, app: AppRef) -> Result<Vec<&PasswordCredential>, CloudError> {
        Ok(listed(&self.application(app)?.passwords, self.lists_at(now)))
    }

    /// The same of a service principal.
    pub fn principal_credentials(
        &self,
        now: Timestamp,
        which: PrincipalRef,
    ) -> Result<Vec<&PasswordCredential>, CloudError> {
        Ok(listed(&self.principal(which)?.passwords, self.lists_at(now)))
    }

    /// Makes an object an owner of an application.
    pub fn add_owner(&mut self, app: AppRef, owner: Uuid) -> Result<(), CloudError> {
        if !self.application_mut(app)?.owners.insert(owner) {
            let message =
                "One or more added object references already exist for the following modified properties: 'owners'.";
            return Err(CloudError::bad_request(message));
        }
        self.changed();
        Ok(())
    }

    /// Ends an ownership.
    pub fn remove_owner(&mut self, app: AppRef, owner: Uuid) -> Result<(), CloudError> {
        if !self.application_mut(app)?.owners.remove(&owner) {
            return Err(CloudError::resource_not_found(&owner.to_string()));
        }
        self.changed();
        Ok(())
    }

    /// Lets the latest change of a credential (its removal if it was removed, else its making) be seen at one place from `at`
    /// on. Returns whether there is such a credential and place.
    pub fn propagate(&mut self, key_id: Uuid, place: Place, at: Timestamp) -> bool {
        let Some(credential) = self.objects.passwords_mut().find(|p| p.key_id == key_id) else { return false };
        let seen = credential.removed.as_mut().unwrap_or(&mut credential.added);
        let slot = match place {
            Place::Lists => Some(&mut seen.lists),
            Place::Replica(n) => seen.replicas.get_mut(n),
        };
        let Some(slot) = slot else { return false };
        *slot = at;
        self.changed();
        true
    }

    /// Lets every change so far be seen everywhere at `at`, unless it was seen before.
    pub fn propagate_all(&mut self, at: Timestamp) {
        for credential in self.objects.passwords_mut() {
            for seen in std::iter::once(&mut credential.added).chain(credential.removed.as_mut()) {
                for slot in std::iter::once(&mut seen.lists).chain(seen.replicas.iter_mut()) {
                    *slot = (*slot).min(at);
                }
            }
        }
        self.changed();
    }
}

fn dates(now: Timestamp, spec: &PasswordSpec) -> Result<(Timestamp, Timestamp), CloudError> {
    let (start, end) = spec.dates(now);
    if end <= start {
        return Err(CloudError::bad_request("The end date of the credential must be after its start date."));
    }
    Ok((start, end))
}

fn living(passwords: &mut [PasswordCredential], key_id: Uuid) -> Result<&mut PasswordCredential, CloudError> {
    let found = passwords.iter_mut().find(|p| p.key_id == key_id && p.removed.is_none());
    found.ok_or_else(|| CloudError::bad_request(format!("No password credential found with keyId {key_id}.")))
}

fn listed(passwords: &[PasswordCredential], now: Timestamp) -> Vec<&PasswordCredential> {
    passwords.iter().rev().filter(|p| p.listed(now)).collect()
}

fn not_found(app: AppRef) -> CloudError {
    let (AppRef::Object(id) | AppRef::Client(id)) = app;
    CloudError::resource_not_found(&id.to_string())
}

/// As quoted in azure-cli#12946.
fn too_many(would_be: usize, room: usize) -> CloudError {
    let message = format!("Not allowed to add {would_be} passwords. You can only add a maximum of {room} passwords.");
    let detail = Detail {
        code: "TooManyAppPasswords".to_owned(),
        target: "passwordCredentials".to_owned(),
        message: message.clone(),
    };
    CloudError { details: vec![detail], ..CloudError::new(400, "TooManyAppPasswords", message) }
}
