//! What a sandbox that is served on its own begins with: two vaults, applications with living secrets, operators of each kind.

use jiff::Timestamp;
use uuid::Uuid;

use super::{AppRef, Cloud, CloudError, OPERATOR, Operator, Seed, SeedVault, VaultRight};

/// Its vaults. The first is also what the address itself serves.
pub const STOCK_VAULTS: [&str; 2] = ["vault-1.vault.sandbox.localhost", "vault-2.vault.sandbox.localhost"];

/// An application as a client of a served sandbox is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stocked {
    /// `displayName`.
    pub display_name: String,
    /// `appId`.
    pub client_id: Uuid,
    /// `id`.
    pub object_id: Uuid,
    /// The name of the secret in the first vault, if there is one.
    pub vault_secret: Option<String>,
}

impl Cloud {
    /// Makes the vaults, `applications` applications whose current secret is in both vaults under the application's name, and
    /// the operators: [`Operator::OwnedBy`] owns the first application and is officer of the first vault,
    /// [`Operator::VaultReader`] may read both vaults.
    pub fn stock(&mut self, now: Timestamp, applications: u32) -> Result<(), CloudError> {
        for host in STOCK_VAULTS {
            self.create_vault(host);
        }
        let mut first = None;
        for nth in 1..=applications {
            let name = format!("sandbox-app-{nth:05}");
            let vault = |host: &str| SeedVault { host: host.to_owned(), secret: name.clone() };
            let vaults = STOCK_VAULTS.map(vault).to_vec();
            let client_id = self.things.uuid();
            let seed = Seed { client_id, tenant: self.tenant, display_name: name.clone(), vaults };
            let made = self.seed(now, &seed)?;
            first = first.or(Some(made.object_id));
        }
        for operator in Operator::ALL {
            self.make_operator(now, operator)?;
        }
        let owner = self.operator(Operator::OwnedBy)?.object_id;
        let reader = self.operator(Operator::VaultReader)?.object_id;
        let [first_vault, _] = STOCK_VAULTS;
        let mut stage = self.stage();
        if let Some(object_id) = first {
            stage.add_owner(AppRef::Object(object_id), owner)?;
        }
        stage.vault_rights(first_vault, owner, &VaultRight::OFFICER);
        for host in STOCK_VAULTS {
            stage.vault_rights(host, reader, &VaultRight::USER);
        }
        Ok(())
    }

    /// The first `most` applications by name, without the operators.
    pub fn stocked(&self, most: usize) -> Vec<Stocked> {
        let operators = OPERATOR.as_u128()..OPERATOR.as_u128().saturating_add(Operator::ALL.len() as u128);
        let mut found: Vec<_> = self.applications().filter(|a| !operators.contains(&a.client_id.as_u128())).collect();
        found.sort_by(|a, b| a.display_name.cmp(&b.display_name).then(a.object_id.cmp(&b.object_id)));
        let [vault, _] = STOCK_VAULTS;
        let named = found.into_iter().take(most).map(|a| Stocked {
            display_name: a.display_name.clone(),
            client_id: a.client_id,
            object_id: a.object_id,
            vault_secret: self.latest_version(vault, &a.display_name).map(|v| v.name.clone()),
        });
        named.collect()
    }
}
