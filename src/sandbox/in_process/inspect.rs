//! What a look before a run asks, in process: there is no token, so nobody acts and everything may be read.

use super::{InProcess, refusal, trace};
use crate::ports::{Application, Identity, Inspect, PasswordPolicy, Read, ServicePrincipal};
use crate::rotation::answers::Trace;
use crate::rotation::names::VaultIx;

impl Inspect for InProcess {
    async fn identity(&self) -> Read<Option<Identity>> {
        Ok((None, Trace::default()))
    }

    async fn vault_identity(&self) -> Read<Option<Identity>> {
        Ok((None, Trace::default()))
    }

    async fn service_principal(&self) -> Read<ServicePrincipal> {
        let now = (self.now)();
        match self.cloud.borrow().application(self.app()) {
            Ok(found) => {
                let object_id = found.service_principal_id.to_string();
                Ok((ServicePrincipal { object_id, enabled: found.enabled, passwords: Vec::new() }, trace(now)))
            }
            Err(error) => Err((refusal(&error), trace(now))),
        }
    }

    async fn owners(&self) -> Read<Vec<String>> {
        Ok((Vec::new(), trace((self.now)())))
    }

    async fn password_policy(&self, _application: &Application) -> Read<PasswordPolicy> {
        Ok((PasswordPolicy::default(), trace((self.now)())))
    }

    async fn requested_permissions(&self, _client_id: &str) -> Read<Vec<String>> {
        Ok((Vec::new(), trace((self.now)())))
    }

    async fn may_list(&self, _vault: VaultIx) -> Read<()> {
        Ok(((), trace((self.now)())))
    }
}
