//! Who may do what in the directory.

use uuid::Uuid;

use super::{Application, Caller, Cloud, CloudError, Role, ServicePrincipal};

/// What a request to Graph wants to do.
#[derive(Debug, Clone, Copy)]
pub enum DirectoryAct<'a> {
    /// List applications or service principals.
    List,
    /// Make an application or a service principal.
    Create,
    /// Read an application or its owners.
    Read(&'a Application),
    /// Change an application: its passwords, its owners.
    Change(&'a Application),
    /// Read a service principal or what it owns.
    ReadPrincipal(&'a ServicePrincipal),
    /// Change a service principal's passwords.
    ChangePrincipal(&'a ServicePrincipal),
    /// Read what a service principal has been granted.
    ReadGrants,
    /// Read app management policies.
    ReadPolicies,
    /// Read sign-in records and the activity of credentials.
    ReadSignIns,
}

impl Cloud {
    /// Refuses what the roles in the caller's token do not cover. A role that was granted after the token was issued is not in
    /// it, as in life.
    pub fn check_directory(&self, caller: &Caller, act: DirectoryAct<'_>) -> Result<(), CloudError> {
        use Role as R;
        let any = |roles: &[Role]| roles.iter().any(|r| caller.roles.contains(r));
        let (read, change) = ([R::ApplicationReadAll, R::ApplicationReadWriteAll], [R::ApplicationReadWriteAll]);
        let owned = |app: &Application| any(&[R::ApplicationReadWriteOwnedBy]) && app.owners.contains(&caller.object_id);
        let itself = |p: &ServicePrincipal| any(&[R::ApplicationReadWriteOwnedBy]) && p.object_id == caller.object_id;
        let allowed = match act {
            // permissions-reference.md: 403 with OwnedBy alone. The newer generated table says otherwise; the stricter is taken.
            DirectoryAct::List | DirectoryAct::ReadGrants => any(&read),
            DirectoryAct::Create => any(&[R::ApplicationReadWriteAll, R::ApplicationReadWriteOwnedBy]),
            DirectoryAct::Read(app) => any(&read) || owned(app),
            DirectoryAct::Change(app) => any(&change) || owned(app),
            // Whether OwnedBy reads service principals of applications that it owns is not verified.
            DirectoryAct::ReadPrincipal(p) => any(&read) || itself(p) || self.home_of(p).is_some_and(owned),
            DirectoryAct::ChangePrincipal(p) => any(&change) || self.home_of(p).is_some_and(owned),
            DirectoryAct::ReadSignIns => any(&[R::AuditLogReadAll]),
            DirectoryAct::ReadPolicies => any(&[R::PolicyReadAll, R::PolicyReadApplicationConfiguration]),
        };
        if allowed { Ok(()) } else { Err(CloudError::request_denied()) }
    }

    /// The application of a service principal, if it is one of this tenant.
    pub fn home_of(&self, principal: &ServicePrincipal) -> Option<&Application> {
        self.application_of(principal.client_id)
    }

    pub(super) fn application_of(&self, client_id: Uuid) -> Option<&Application> {
        self.objects.applications.get(&self.objects.object_id(client_id)?)
    }
}
