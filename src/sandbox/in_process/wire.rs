//! The services, a tenth of a second away: others go on meanwhile.

use jiff::{SignedDuration, Timestamp};

use super::InProcess;
use super::timeline::Timeline;
use crate::ports::{
    Application, Credential, Directory, Granted, Identity, Inspect, NewCredential, NextPage, Outcome, PasswordPolicy, Read,
    ServicePrincipal, SignInPage, SignIns, Stamp, TokenEndpoint, Vaults, VersionRead,
};
use crate::rotation::answers::{Current, SignIn, Trace, Version};
use crate::rotation::names::{KeyId, VaultIx, VersionId};
use crate::secret::SecretValue;

/// How long a request is under way.
const AWAY: SignedDuration = SignedDuration::from_millis(100);

/// Each call takes a while.
pub struct Wire {
    /// What is far away.
    pub services: InProcess,
    /// In which it takes a while.
    pub time: Timeline,
}

impl Wire {
    async fn far(&self) -> &InProcess {
        self.time.sleep(AWAY).await;
        &self.services
    }
}

impl Directory for Wire {
    async fn application(&self) -> Read<Application> {
        self.far().await.application().await
    }
    async fn credentials(&self) -> Read<Vec<Credential>> {
        self.far().await.credentials().await
    }
    async fn add_password(&self, display_name: &str, end: Timestamp) -> Outcome<NewCredential> {
        self.far().await.add_password(display_name, end).await
    }
    async fn remove_password(&self, key_id: KeyId) -> Outcome<()> {
        self.far().await.remove_password(key_id).await
    }
}

impl Vaults for Wire {
    async fn current(&self, vault: VaultIx) -> Read<(Current, Option<VersionRead>)> {
        self.far().await.current(vault).await
    }
    async fn version(&self, vault: VaultIx, version: VersionId) -> Read<VersionRead> {
        self.far().await.version(vault, version).await
    }
    async fn versions(&self, vault: VaultIx) -> Read<Vec<Version>> {
        self.far().await.versions(vault).await
    }
    async fn deleted(&self, vault: VaultIx) -> Read<bool> {
        self.far().await.deleted(vault).await
    }
    async fn write(&self, vault: VaultIx, value: &SecretValue, stamp: &Stamp) -> Outcome<VersionId> {
        self.far().await.write(vault, value, stamp).await
    }
    async fn disable(&self, vault: VaultIx, version: VersionId) -> Outcome<()> {
        self.far().await.disable(vault, version).await
    }
}

impl TokenEndpoint for Wire {
    async fn sign_in(&self, value: &SecretValue) -> (SignIn, Trace) {
        self.far().await.sign_in(value).await
    }
}

impl SignIns for Wire {
    async fn sign_ins(&self, since: Timestamp, next: Option<&NextPage>) -> Read<SignInPage> {
        self.far().await.sign_ins(since, next).await
    }
    async fn last_sign_in(&self, key_id: KeyId) -> Read<Option<Timestamp>> {
        self.far().await.last_sign_in(key_id).await
    }
}

impl Inspect for Wire {
    async fn granted_permissions(&self) -> Read<Vec<Granted>> {
        self.far().await.granted_permissions().await
    }
    async fn identity(&self) -> Read<Option<Identity>> {
        self.far().await.identity().await
    }
    async fn vault_identity(&self) -> Read<Option<Identity>> {
        self.far().await.vault_identity().await
    }
    async fn service_principal(&self) -> Read<ServicePrincipal> {
        self.far().await.service_principal().await
    }
    async fn owners(&self) -> Read<Vec<String>> {
        self.far().await.owners().await
    }
    async fn password_policy(&self, application: &Application) -> Read<PasswordPolicy> {
        self.far().await.password_policy(application).await
    }
    async fn requested_permissions(&self, client_id: &str) -> Read<Vec<String>> {
        self.far().await.requested_permissions(client_id).await
    }
    async fn may_list(&self, vault: VaultIx) -> Read<()> {
        self.far().await.may_list(vault).await
    }
}
