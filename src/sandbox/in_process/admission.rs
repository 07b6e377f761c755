//! Whether a call is let in at all: the same rules as over the wire.

use super::{InProcess, Operation};
use crate::rotation::names::VaultIx;
use crate::sandbox::cloud::{Cloud, CloudError, DirectoryAct, Resource, VaultRight, right_for};

impl InProcess {
    /// What was ordered, then what the caller may do: as the services find it before they do anything.
    pub(super) fn admitted(&self, cloud: &mut Cloud, operation: &Operation) -> Result<(), CloudError> {
        use Operation as O;
        let call = self.call(operation);
        let in_vault = |cloud: &mut Cloud, ix: VaultIx| {
            let vault = self.vault(ix)?;
            match cloud.vault_trouble(&call) {
                Some(refusal) => Err(refusal),
                None => {
                    let caller = cloud.caller_now(self.acting, Resource::Vault)?;
                    let right = right_for(call.operation).unwrap_or(VaultRight::Get);
                    cloud.check_vault(&caller, &vault.host, &vault.secret, right)
                }
            }
        };
        let in_directory = |cloud: &mut Cloud| {
            if let Some(refusal) = cloud.graph_trouble(&call, &self.setup.client_id.to_string()) {
                return Err(refusal);
            }
            let caller = cloud.caller_now(self.acting, Resource::Graph)?;
            let app = cloud.application(self.app())?;
            let act = if operation.mutates() { DirectoryAct::Change(app) } else { DirectoryAct::Read(app) };
            cloud.check_directory(&caller, act)
        };
        match operation {
            O::Application | O::Credentials | O::AddPassword { .. } | O::RemovePassword(_) => in_directory(cloud),
            O::Current(ix) | O::Version(ix, _) | O::Deleted(ix) | O::Versions(ix) => in_vault(cloud, *ix),
            O::Write(ix, _) | O::Disable(ix, _) => in_vault(cloud, *ix),
            O::SignIns => {
                if let Some(refusal) = cloud.graph_trouble(&call, "signIns") {
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
