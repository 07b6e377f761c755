//! Applications that clients make and delete: seen late, without a service principal until one is made, recoverable until purged.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AppRef, Application, ApplicationSpec, Cloud, CloudError, PrincipalKind, PrincipalRef, PrincipalSpec, ServicePrincipal,
};

/// An application that was deleted, with the service principal that went with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct DeletedApplication {
    pub(super) application: Application,
    principal: Option<ServicePrincipal>,
}

impl Application {
    /// Whether a client that asks for it finds it. A new one is seen as late as lists are.
    pub fn is_seen(&self, now: Timestamp) -> bool {
        self.seen.is_none_or(|at| at <= now)
    }
}

impl Cloud {
    /// Makes an application as a client does: without a service principal, and not seen at once. Returns its object id.
    pub fn register_application(&mut self, now: Timestamp, spec: ApplicationSpec, owner: Option<Uuid>) -> Uuid {
        let object_id = self.insert_application(now, spec);
        let lists = self.profile.lists;
        let seen = self.seen_at(now, lists);
        if let Some(application) = self.objects.applications.get_mut(&object_id) {
            application.seen = Some(seen);
            application.owners.extend(owner);
        }
        self.changed();
        object_id
    }

    /// Makes the service principal of an application of the tenant.
    pub fn register_principal(&mut self, now: Timestamp, client_id: Uuid) -> Result<&ServicePrincipal, CloudError> {
        let display_name = self.application(AppRef::Client(client_id)).map(|a| a.display_name.clone()).map_err(|_| {
            let message =
                format!("The appId '{client_id}' of the service principal does not reference a valid application object.");
            CloudError::new(400, "Request_BadRequest", message)
        })?;
        if self.objects.principals.contains_key(&client_id) {
            let message = "The service principal cannot be created, updated, or restored because the service principal name \
                           is already in use.";
            return Err(CloudError::new(409, "Request_MultipleObjectsWithSameKeyValue", message));
        }
        let kind = PrincipalKind::Application;
        self.create_principal(now, PrincipalSpec { object_id: None, client_id: Some(client_id), display_name, kind });
        self.principal(PrincipalRef::Client(client_id))
    }

    /// Deletes an application with its service principal: its secrets no longer sign in. It can be restored.
    pub fn delete_application(&mut self, app: AppRef) -> Result<(), CloudError> {
        let application = self.application(app)?.clone();
        let client_id = application.client_id;
        self.objects.remove_application(client_id);
        let principal = self.objects.principals.remove(&client_id);
        self.objects.deleted.insert(application.object_id, DeletedApplication { application, principal });
        self.changed();
        Ok(())
    }

    /// A deleted application.
    pub fn deleted_application(&self, object_id: Uuid) -> Result<&Application, CloudError> {
        let found = self.objects.deleted.get(&object_id).map(|d| &d.application);
        found.ok_or_else(|| CloudError::resource_not_found(&object_id.to_string()))
    }

    /// Brings a deleted application back, with its secrets and its service principal.
    pub fn restore_application(&mut self, object_id: Uuid) -> Result<(), CloudError> {
        self.deleted_application(object_id)?;
        if let Some(DeletedApplication { application, principal }) = self.objects.deleted.remove(&object_id) {
            self.objects.principals.extend(principal.map(|p| (p.client_id, p)));
            self.objects.insert(application);
        }
        self.changed();
        Ok(())
    }

    /// Ends a deleted application for good.
    pub fn purge_application(&mut self, object_id: Uuid) -> Result<(), CloudError> {
        self.deleted_application(object_id)?;
        self.objects.deleted.remove(&object_id);
        self.changed();
        Ok(())
    }
}
