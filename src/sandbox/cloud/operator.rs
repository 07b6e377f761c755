//! Who may be signed in as to work on the tenant.

use jiff::Timestamp;
use uuid::Uuid;

use super::password::plus_days;
use super::{AppRef, ApplicationSpec, Cloud, CloudError, PasswordSpec, Role, Value};

/// The client ID of the operator that every sandbox has: [`Operator::All`].
pub const OPERATOR: Uuid = Uuid::from_u128(0x5a9d_b0c5_09e4_4000_8000_0000_0000_0001);

/// The operators of a sandbox, each an application of its own. All but the first are made when they are first asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Reads and changes all applications, reads policies and sign-in records; everything in vaults that grant it nothing else.
    All,
    /// `Application.ReadWrite.OwnedBy`; owner of nothing at first, and without a right in any vault.
    OwnedBy,
    /// `Application.Read.All`; without a right in any vault at first.
    Reader,
    /// No permission at all, nor a right in any vault.
    Nothing,
    /// No permission in the directory; meant for the right to read vaults, which it lacks at first.
    VaultReader,
}

/// What signs an operator in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSecret {
    /// `appId`.
    pub client_id: Uuid,
    /// `id` of its service principal.
    pub object_id: Uuid,
    /// Its client secret.
    pub secret: Value,
}

impl Operator {
    /// All of them.
    pub const ALL: [Operator; 5] =
        [Operator::All, Operator::OwnedBy, Operator::Reader, Operator::Nothing, Operator::VaultReader];

    /// As files and lists name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::All => "all",
            Operator::OwnedBy => "owned-by",
            Operator::Reader => "reader",
            Operator::Nothing => "nothing",
            Operator::VaultReader => "vault-reader",
        }
    }

    /// Its client ID, the same in every sandbox.
    pub fn client_id(self) -> Uuid {
        let nth = match self {
            Operator::All => 0,
            Operator::OwnedBy => 1,
            Operator::Reader => 2,
            Operator::Nothing => 3,
            Operator::VaultReader => 4,
        };
        Uuid::from_u128(OPERATOR.as_u128().wrapping_add(nth))
    }

    /// Its application permissions.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Operator::All => {
                &[Role::ApplicationReadWriteAll, Role::AuditLogReadAll, Role::PolicyReadApplicationConfiguration]
            }
            Operator::OwnedBy => &[Role::ApplicationReadWriteOwnedBy],
            Operator::Reader => &[Role::ApplicationReadAll],
            Operator::Nothing | Operator::VaultReader => &[],
        }
    }

    fn display_name(self) -> &'static str {
        match self {
            Operator::All => "sandbox operator",
            Operator::OwnedBy => "sandbox operator of its own applications",
            Operator::Reader => "sandbox reader",
            Operator::Nothing => "sandbox operator without permissions",
            Operator::VaultReader => "sandbox reader of vaults",
        }
    }
}

impl Cloud {
    /// Makes the operator unless it is there. Its secret never ends within a sandbox's life.
    pub(super) fn make_operator(&mut self, now: Timestamp, operator: Operator) -> Result<OperatorSecret, CloudError> {
        let client_id = operator.client_id();
        if self.objects.principals.contains_key(&client_id) {
            return self.operator(operator);
        }
        let display_name = operator.display_name().to_owned();
        let spec = ApplicationSpec { client_id: Some(client_id), display_name, ..ApplicationSpec::default() };
        let id = self.create_application(now, spec);
        let end = plus_days(now, 3650);
        self.insert_password(now, AppRef::Object(id), PasswordSpec { end: Some(end), ..PasswordSpec::default() })?;
        if let Some(principal) = self.objects.principals.get_mut(&client_id) {
            principal.roles.extend(operator.roles());
        }
        self.operator(operator)
    }

    /// What signs the operator in. All but [`Operator::All`] are made by [`Stage::operator`](super::Stage::operator).
    pub fn operator(&self, operator: Operator) -> Result<OperatorSecret, CloudError> {
        let client_id = operator.client_id();
        let application = self.application(AppRef::Client(client_id))?;
        let principal = self.principal(super::PrincipalRef::Client(client_id))?;
        let password = application.passwords.iter().find(|p| !p.is_removed());
        let missing = || CloudError::resource_not_found(&client_id.to_string());
        let secret = password.map(|p| p.value.clone()).ok_or_else(missing)?;
        Ok(OperatorSecret { client_id, object_id: principal.object_id, secret })
    }

    /// Whether this is the secret of an operator: such secrets are told to the sandbox's owner alone.
    pub(in crate::sandbox) fn is_operators_secret(&self, text: &str) -> bool {
        Operator::ALL.into_iter().filter_map(|o| self.operator(o).ok()).any(|o| o.secret.text() == text)
    }

    /// The secret of the operator that every sandbox has, for the file that the server leaves to its owner.
    pub fn operator_secret(&self) -> Option<&Value> {
        let operator = self.application(AppRef::Client(OPERATOR)).ok()?;
        operator.passwords.iter().find(|p| !p.is_removed()).map(|p| &p.value)
    }
}
