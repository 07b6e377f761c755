//! Applications and service principals, as they are kept and loaded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Application, OPERATOR, Operator, PasswordCredential, PrincipalKind, ServicePrincipal};

/// The directory's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct Objects {
    /// By object id.
    pub(super) applications: BTreeMap<Uuid, Application>,
    /// By client ID: there is one of each in a tenant.
    pub(super) principals: BTreeMap<Uuid, ServicePrincipal>,
}

impl Objects {
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
        let mut objects = Objects { applications: BTreeMap::new(), principals: saved.principals };
        for (id, old) in saved.applications {
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
            objects.applications.insert(id, application);
        }
        objects
    }
}
