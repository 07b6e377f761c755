//! Applications and service principals, as they are kept and loaded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lifecycle::DeletedApplication;
use super::{Application, OPERATOR, Operator, PasswordCredential, PrincipalKind, ServicePrincipal};

/// The directory's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct Objects {
    /// By object id.
    pub(super) applications: BTreeMap<Uuid, Application>,
    /// Object ids by client ID: sign-ins name an application so, and there may be ten thousand.
    #[serde(skip_serializing)]
    by_client_id: BTreeMap<Uuid, Uuid>,
    /// By client ID: there is one of each in a tenant.
    pub(super) principals: BTreeMap<Uuid, ServicePrincipal>,
    /// Applications that were deleted and can be restored, by object id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) deleted: BTreeMap<Uuid, DeletedApplication>,
}

impl Objects {
    /// Adds an application, or puts it in the place of the one that has its object id.
    pub(super) fn insert(&mut self, application: Application) {
        self.by_client_id.insert(application.client_id, application.object_id);
        self.applications.insert(application.object_id, application);
    }

    /// Removes the applications with a client ID.
    pub(super) fn remove_application(&mut self, client_id: Uuid) {
        self.by_client_id.remove(&client_id);
        self.applications.retain(|_, a| a.client_id != client_id);
    }

    /// The object id of the application with a client ID.
    pub(super) fn object_id(&self, client_id: Uuid) -> Option<Uuid> {
        self.by_client_id.get(&client_id).copied()
    }

    /// All password credentials, of applications and of service principals.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &PasswordCredential> {
        let of_principals = self.principals.values().flat_map(|p| &p.passwords);
        self.applications.values().flat_map(|a| &a.passwords).chain(of_principals)
    }

    pub(super) fn passwords_mut(&mut self) -> impl Iterator<Item = &mut PasswordCredential> {
        let of_principals = self.principals.values_mut().flat_map(|p| &mut p.passwords);
        self.applications.values_mut().flat_map(|a| &mut a.passwords).chain(of_principals)
    }
}

/// What is on disk, that of earlier versions too: an application had its service principal's id and state in itself.
#[derive(Deserialize)]
struct Saved {
    applications: BTreeMap<Uuid, SavedApplication>,
    #[serde(default)]
    principals: BTreeMap<Uuid, ServicePrincipal>,
    #[serde(default)]
    deleted: BTreeMap<Uuid, DeletedApplication>,
}

#[derive(Deserialize)]
struct SavedApplication {
    #[serde(flatten)]
    application: Application,
    service_principal_id: Option<Uuid>,
    enabled: Option<bool>,
}

impl From<Saved> for Objects {
    fn from(saved: Saved) -> Objects {
        let mut objects = Objects { principals: saved.principals, deleted: saved.deleted, ..Objects::default() };
        for old in saved.applications.into_values() {
            let application = old.application;
            if let Some(object_id) = old.service_principal_id {
                let client_id = application.client_id;
                // There was one operator, and it might do everything.
                let roles = if client_id == OPERATOR { Operator::All.roles() } else { &[] };
                let principal = ServicePrincipal {
                    object_id,
                    client_id,
                    display_name: application.display_name.clone(),
                    kind: PrincipalKind::Application,
                    enabled: old.enabled.unwrap_or(true),
                    created: application.created,
                    roles: BTreeSet::from_iter(roles.iter().copied()),
                    passwords: Vec::new(),
                };
                objects.principals.entry(client_id).or_insert(principal);
            }
            objects.insert(application);
        }
        objects
    }
}
