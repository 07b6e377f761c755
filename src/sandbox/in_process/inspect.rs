//! What a look before a run asks, in process: there is no token, so nobody acts and everything may be read.

use super::{InProcess, refusal, trace};
use crate::ports::{Application, Granted, Identity, Inspect, PasswordPolicy, Read, ServicePrincipal};
use crate::rotation::answers::Trace;
use crate::rotation::names::VaultIx;
use crate::sandbox::cloud::{GRAPH_APP_ID, PrincipalRef};

impl Inspect for InProcess {
    async fn identity(&self) -> Read<Option<Identity>> {
        Ok((None, Trace::default()))
    }

    async fn vault_identity(&self) -> Read<Option<Identity>> {
        Ok((None, Trace::default()))
    }

    async fn service_principal(&self) -> Read<ServicePrincipal> {
        let (cloud, now) = (self.cloud.borrow(), (self.now)());
        match cloud.principal(PrincipalRef::Client(self.setup.client_id)) {
            Ok(found) => {
                let (object_id, enabled) = (found.object_id.to_string(), found.enabled);
                Ok((ServicePrincipal { object_id, enabled, passwords: Vec::new() }, trace(now)))
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

    async fn granted_permissions(&self) -> Read<Vec<Granted>> {
        let (cloud, now) = (self.cloud.borrow(), (self.now)());
        match cloud.principal(PrincipalRef::Client(self.setup.client_id)) {
            Ok(found) => {
                let granted = found.roles.iter().map(|role| Granted {
                    resource: "Microsoft Graph".to_owned(),
                    resource_client_id: Some(GRAPH_APP_ID.to_string()),
                    role_id: role.id(),
                    name: Some(role.as_str().to_owned()),
                });
                Ok((granted.collect(), trace(now)))
            }
            Err(error) => Err((refusal(&error), trace(now))),
        }
    }

    async fn may_list(&self, _vault: VaultIx) -> Read<()> {
        Ok(((), trace((self.now)())))
    }
}
