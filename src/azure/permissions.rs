//! What the application was granted: its service principal's app role assignments, with the names that the resources give them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use uuid::Uuid;

use super::AzureServices;
use super::headers::{identifier, sentence};
use super::outcome::Failure;
use crate::ports::Granted;
use crate::rotation::answers::Trace;

/// An app role assignment, without a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    role_id: Uuid,
    resource_id: Uuid,
    resource: String,
}

/// A resource: its `appId`, and its roles by id.
#[derive(Debug, Default)]
pub(super) struct Resource {
    client_id: Option<String>,
    roles: BTreeMap<Uuid, String>,
}

impl AzureServices {
    /// Reads the assignments, then each resource once. A resource that cannot be read leaves its roles without names.
    pub(super) async fn granted(&self) -> Result<(Vec<Granted>, Trace), Failure> {
        let path = format!("servicePrincipals(appId='{}')/appRoleAssignments?$top=999", self.graph.client_id());
        let (assignments, trace) = self.graph.read(&path, assignments).await?;
        let mut resources: BTreeMap<Uuid, Resource> = BTreeMap::new();
        let ids: BTreeSet<Uuid> = assignments.iter().map(|a| a.resource_id).collect();
        for id in ids {
            let path = format!("servicePrincipals/{id}?$select=id,appId,appRoles");
            let read = self.graph.read(&path, resource).await;
            resources.insert(id, read.map(|(r, _)| r).unwrap_or_default());
        }
        let mut granted: Vec<Granted> = assignments.into_iter().map(|a| named(a, &resources)).collect();
        granted.sort();
        Ok((granted, trace))
    }
}

fn named(assignment: Assignment, resources: &BTreeMap<Uuid, Resource>) -> Granted {
    let Assignment { role_id, resource_id, resource } = assignment;
    let of = resources.get(&resource_id);
    Granted {
        resource,
        resource_client_id: of.and_then(|r| r.client_id.clone()),
        role_id,
        name: of.and_then(|r| r.roles.get(&role_id).cloned()),
    }
}

/// One page: 999 at most, and a service principal with more of them has everything. `None` if one cannot be read, or there is
/// more.
pub(super) fn assignments(body: &[u8]) -> Option<Vec<Assignment>> {
    #[derive(Deserialize)]
    struct Parsed {
        value: Vec<Row>,
        #[serde(rename = "@odata.nextLink")]
        next: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        app_role_id: Uuid,
        resource_id: Uuid,
        resource_display_name: Option<String>,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok().filter(|p: &Parsed| p.next.is_none())?;
    let assignment = |row: Row| {
        let resource = sentence(&row.resource_display_name.unwrap_or_default());
        Assignment { role_id: row.app_role_id, resource_id: row.resource_id, resource }
    };
    Some(parsed.value.into_iter().map(assignment).collect())
}

pub(super) fn resource(body: &[u8]) -> Option<Resource> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        app_id: String,
        app_roles: Vec<Role>,
    }
    #[derive(Deserialize)]
    struct Role {
        id: Uuid,
        value: Option<String>,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let roles = parsed.app_roles.into_iter().filter_map(|r| Some((r.id, identifier(&r.value?)?))).collect();
    Some(Resource { client_id: identifier(&parsed.app_id), roles })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn roles_get_the_names_that_their_resource_gives() {
        let (role, graph) = ("e2a3a72e-5f79-4c64-b1b1-878b674786c9", "11111111-0000-4000-8000-000000000001");
        let rows = json!({"value": [{"appRoleId": role, "resourceId": graph, "resourceDisplayName": "Microsoft Graph"}]});
        let found = assignments(rows.to_string().as_bytes()).unwrap().pop().unwrap();
        let body =
            json!({"appId": "00000003-0000-0000-c000-000000000000", "appRoles": [{"id": role, "value": "Mail.ReadWrite"}]});
        let resources = BTreeMap::from([(graph.parse().unwrap(), resource(body.to_string().as_bytes()).unwrap())]);
        let granted = named(found, &resources);
        assert_eq!((granted.resource.as_str(), granted.name.as_deref()), ("Microsoft Graph", Some("Mail.ReadWrite")));
        let unread = named(assignments(rows.to_string().as_bytes()).unwrap().pop().unwrap(), &BTreeMap::new());
        assert_eq!((unread.name, unread.role_id.to_string().as_str()), (None, role));
        let more = json!({"value": [], "@odata.nextLink": "https://graph.microsoft.com/x"});
        assert!(assignments(more.to_string().as_bytes()).is_none(), "part of the permissions is not the permissions");
    }

    proptest! {
        #[test]
        fn no_answer_stops_us(text in "\\PC*") {
            prop_assert!(assignments(text.as_bytes()).is_none() && resource(text.as_bytes()).is_none());
        }
    }
}
