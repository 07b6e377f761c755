//! The services as far away as they are: each call takes a while, and others go on meanwhile.

use jiff::{SignedDuration, Timestamp};
use keyrelay::ports::{
    Application, Credential, Directory, NewCredential, NextPage, Outcome, Read, SignInPage, SignIns, Stamp, TokenEndpoint,
    Vaults, VersionRead,
};
use keyrelay::rotation::answers::{Current, SignIn, Trace, Version};
use keyrelay::rotation::names::{KeyId, VaultIx, VersionId};
use keyrelay::sandbox::in_process::InProcess;
use keyrelay::secret::SecretValue;

use super::time::Timeline;

/// How long a request is under way before the service acts on it.
const AWAY: SignedDuration = SignedDuration::from_millis(100);

pub(crate) struct Wire {
    pub services: InProcess,
    pub timeline: Timeline,
}

impl Wire {
    async fn far(&self) -> &InProcess {
        self.timeline.sleep(AWAY).await;
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
