//! Microsoft Graph's part: applications, `addPassword`, `removePassword`, lists that lag.

use jiff::{Timestamp, Unit};
use uuid::Uuid;

use super::application::{Seen, plus_days};
use super::{
    AppRef, Application, ApplicationSpec, Cloud, CloudError, Detail, NewPassword, PasswordCredential, PasswordSpec,
};
use super::{Place, Value};

impl Cloud {
    /// Makes an application with a service principal and returns its object id.
    pub fn create_application(&mut self, now: Timestamp, spec: ApplicationSpec) -> Uuid {
        let object_id = spec.object_id.unwrap_or_else(|| self.things.uuid());
        let application = Application {
            object_id,
            client_id: spec.client_id.unwrap_or_else(|| self.things.uuid()),
            display_name: spec.display_name,
            audience: spec.audience,
            service_principal_id: spec.service_principal_id.unwrap_or_else(|| self.things.uuid()),
            enabled: true,
            created: now,
            passwords: Vec::new(),
        };
        self.applications.insert(object_id, application);
        self.changed();
        object_id
    }

    /// Sets the service principal's `accountEnabled`.
    pub fn set_enabled(&mut self, app: AppRef, enabled: bool) -> Result<(), CloudError> {
        self.application_mut(app)?.enabled = enabled;
        self.changed();
        Ok(())
    }

    /// All applications, by object id.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.applications.values()
    }

    /// One application.
    pub fn application(&self, app: AppRef) -> Result<&Application, CloudError> {
        let found = match app {
            AppRef::Object(id) => self.applications.get(&id),
            AppRef::Client(id) => self.applications.values().find(|a| a.client_id == id),
        };
        found.ok_or_else(|| not_found(app))
    }

    fn application_mut(&mut self, app: AppRef) -> Result<&mut Application, CloudError> {
        let found = match app {
            AppRef::Object(id) => self.applications.get_mut(&id),
            AppRef::Client(id) => self.applications.values_mut().find(|a| a.client_id == id),
        };
        found.ok_or_else(|| not_found(app))
    }

    /// `addPassword`.
    pub fn add_password(&mut self, now: Timestamp, app: AppRef, spec: PasswordSpec) -> Result<NewPassword, CloudError> {
        let application = self.application(app)?;
        let living = application.passwords.iter().filter(|p| p.removed.is_none()).count();
        if let Some(room) = application.audience.room().filter(|room| living >= *room) {
            return Err(too_many(living.saturating_add(1), room));
        }
        let object_id = application.object_id;
        let start = spec.start.unwrap_or_else(|| server_time(now));
        let end = spec.end.unwrap_or_else(|| plus_days(start, 730));
        if end <= start {
            return Err(CloudError::bad_request("The end date of the credential must be after its start date."));
        }
        let key_id = self.things.uuid();
        let value = Value::new(self.things.secret());
        let (appears, lists) = (self.profile.appears, self.profile.lists);
        let added = Seen { lists: self.seen_at(now, lists), replicas: self.seen_at_each(now, appears) };
        let made = NewPassword { key_id, display_name: spec.display_name.clone(), start, end, value: value.clone() };
        let credential =
            PasswordCredential { key_id, display_name: spec.display_name, start, end, value, added, removed: None };
        self.application_mut(AppRef::Object(object_id))?.passwords.push(credential);
        self.changed();
        Ok(made)
    }

    /// A credential that has always been there: no cap, seen everywhere.
    pub(super) fn insert_password(&mut self, now: Timestamp, object_id: Uuid, spec: PasswordSpec) -> Option<NewPassword> {
        let start = spec.start.unwrap_or_else(|| server_time(now));
        let end = spec.end.unwrap_or_else(|| plus_days(start, 730));
        let (key_id, value) = (self.things.uuid(), Value::new(self.things.secret()));
        let added = Seen { lists: now, replicas: vec![now; usize::from(self.profile.replicas)] };
        let made = NewPassword { key_id, display_name: spec.display_name.clone(), start, end, value: value.clone() };
        let credential =
            PasswordCredential { key_id, display_name: spec.display_name, start, end, value, added, removed: None };
        self.applications.get_mut(&object_id)?.passwords.push(credential);
        self.changed();
        Some(made)
    }

    /// `removePassword`. An unknown key ID is an error whose message says `No password credential found with keyId`.
    pub fn remove_password(&mut self, now: Timestamp, app: AppRef, key_id: Uuid) -> Result<(), CloudError> {
        let (vanishes, lists) = (self.profile.vanishes, self.profile.lists);
        let seen = Seen { lists: self.seen_at(now, lists), replicas: self.seen_at_each(now, vanishes) };
        let application = self.application_mut(app)?;
        let found = application.passwords.iter_mut().find(|p| p.key_id == key_id && p.removed.is_none());
        let Some(credential) = found else {
            return Err(CloudError::bad_request(format!("No password credential found with keyId {key_id}.")));
        };
        credential.removed = Some(seen);
        self.changed();
        Ok(())
    }

    /// The credentials that a list shows at `now`, newest first (as recorded twice; nobody promises it).
    pub fn password_credentials(&self, now: Timestamp, app: AppRef) -> Result<Vec<&PasswordCredential>, CloudError> {
        let application = self.application(app)?;
        Ok(application.passwords.iter().rev().filter(|p| p.listed(now)).collect())
    }

    /// Lets the latest change of a credential (its removal if it was removed, else its making) be seen at one place from `at`
    /// on. Returns whether there is such a credential and place.
    pub fn propagate(&mut self, key_id: Uuid, place: Place, at: Timestamp) -> bool {
        let mut passwords = self.applications.values_mut().flat_map(|a| a.passwords.iter_mut());
        let Some(credential) = passwords.find(|p| p.key_id == key_id) else { return false };
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
        for credential in self.applications.values_mut().flat_map(|a| a.passwords.iter_mut()) {
            for seen in std::iter::once(&mut credential.added).chain(credential.removed.as_mut()) {
                for slot in std::iter::once(&mut seen.lists).chain(seen.replicas.iter_mut()) {
                    *slot = (*slot).min(at);
                }
            }
        }
        self.changed();
    }
}

/// A time that the directory makes itself: seven fraction digits.
fn server_time(now: Timestamp) -> Timestamp {
    now.round(jiff::TimestampRound::new().smallest(Unit::Nanosecond).increment(100).mode(jiff::RoundMode::Trunc))
        .unwrap_or(now)
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
