//! Whether a call is let in at all: the same rules as over the wire.

use super::{InProcess, Operation};
use crate::rotation::names::VaultIx;
use crate::sandbox::cloud::{Cloud, CloudError, DirectoryAct, GraphCall, Resource, VaultRight};

impl InProcess {
    /// What was ordered, then what the caller may do: as the services find it before they do anything.
    pub(super) fn admitted(&self, cloud: &mut Cloud, operation: &Operation) -> Result<(), CloudError> {
        use Operation as O;
        let in_vault = |cloud: &mut Cloud, ix: VaultIx, right| {
            let vault = self.vault(ix)?;
            match cloud.vault_trouble(&vault.host, right) {
                Some(refusal) => Err(refusal),
                None => {
                    let caller = cloud.caller_now(self.acting, Resource::Vault)?;
                    cloud.check_vault(&caller, &vault.host, &vault.secret, right)
                }
            }
        };
        let in_directory = |cloud: &mut Cloud, call| {
            if let Some(refusal) = cloud.graph_trouble(call, &self.setup.client_id.to_string()) {
                return Err(refusal);
            }
            let caller = cloud.caller_now(self.acting, Resource::Graph)?;
            let app = cloud.application(self.app())?;
            let act = if call == GraphCall::Read { DirectoryAct::Read(app) } else { DirectoryAct::Change(app) };
            cloud.check_directory(&caller, act)
        };
        match operation {
            O::Application | O::Credentials => in_directory(cloud, GraphCall::Read),
            O::AddPassword { .. } => in_directory(cloud, GraphCall::AddPassword),
            O::RemovePassword(_) => in_directory(cloud, GraphCall::RemovePassword),
            O::Current(ix) | O::Version(ix, _) | O::Deleted(ix) => in_vault(cloud, *ix, VaultRight::Get),
            O::Versions(ix) => in_vault(cloud, *ix, VaultRight::List),
            O::Write(ix, _) => in_vault(cloud, *ix, VaultRight::Set),
            O::Disable(ix, _) => in_vault(cloud, *ix, VaultRight::Update),
            O::SignIns => {
                if let Some(refusal) = cloud.graph_trouble(GraphCall::Read, "signIns") {
                    return Err(refusal);
                }
                let caller = cloud.caller_now(self.acting, Resource::Graph)?;
                let now = cloud.service_time((self.now)());
                cloud.check_report(now, caller.client_id)?;
                cloud.check_directory(&caller, DirectoryAct::ReadSignIns)
            }
            O::SignIn => Ok(()),
        }
    }
}
