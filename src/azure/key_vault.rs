//! Key Vault: one secret in each of the run's vaults.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use azure_core::http::headers::Headers;
use azure_core::http::{ClientMethodOptions, RequestContent, pager::PagerOptions};
use azure_security_keyvault_secrets::models::{
    SecretAttributes, SecretClientGetDeletedSecretOptions, SecretClientGetSecretOptions,
    SecretClientListSecretPropertiesVersionsOptions, SecretClientSetSecretOptions,
    SecretClientUpdateSecretPropertiesOptions, SecretProperties, SetSecretParameters, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use futures::TryStreamExt;

use super::cloud::Cloud;
use super::credential::Operator;
use super::http::{Clients, Reply, client_request_id};
use super::outcome::{Failure, ServiceError, vault_refusal};
use super::sdk::{self, SdkTransport};
use super::{AzureServices, SetupError, VaultSecret};
use crate::ports::{Outcome, Read, Stamp, Vaults, VersionRead};
use crate::rotation::answers::{Current, RefusalKind, Trace, Version};
use crate::rotation::names::{VAULT_TAG, VAULT_TAG_KEY_ID, VaultIx, VersionId};
use crate::secret::{SecretValue, requests};

/// How many tags a version may have (learn.microsoft.com/azure/key-vault/secrets/about-secrets).
const TAG_LIMIT: usize = 15;

/// How many pages of versions are read. At 25 a page this is far beyond what anyone keeps, and it ends a list that never ends.
const PAGE_LIMIT: usize = 1_000;

/// The outcome of one request to a vault.
type Asked<T> = Result<(T, Trace), Failure>;

pub(crate) struct Vault {
    client: SecretClient,
    secret: String,
    content_type: Option<String>,
    tags: BTreeMap<String, String>,
    /// What the last look at the current version showed: the next write carries it over, and takes it, so that no later one does.
    looked_at: Mutex<Option<Carried>>,
}

/// What the current version carries besides its value.
#[derive(Default)]
struct Carried {
    content_type: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Vault {
    pub(crate) fn new(
        vault: VaultSecret,
        cloud: &Cloud,
        operator: &Operator,
        clients: &Clients,
    ) -> Result<Vault, SetupError> {
        let VaultSecret { url, secret, content_type, tags } = vault;
        let bare = url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none();
        let bare = bare && matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.host_str().is_some_and(|host| cloud.owns_vault_host(host)) {
            let (cloud, suffix) = (cloud.name().to_owned(), cloud.vault_suffix().to_owned());
            return Err(SetupError::Vault { url: url.to_string(), cloud, suffix });
        }
        // The SDK puts the name into the path as it is.
        let lawful = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !(1..=127).contains(&secret.len()) || !secret.bytes().all(lawful) {
            return Err(SetupError::SecretName(secret));
        }
        let challenge = format!(r#"Bearer authorization="{}", resource="{}""#, cloud.authority(), cloud.vault_resource());
        let transport = SdkTransport {
            client: clients.fresh.clone(),
            base: url.clone(),
            challenge: Some(challenge),
            refusal: |reply: &Reply| vault_refusal(reply.status, reply.retry_after(), &ServiceError::of(&reply.body)),
        };
        let options = SecretClientOptions { client_options: transport.into_options(), ..SecretClientOptions::default() };
        let client = SecretClient::new(url.as_str(), operator.credential(), Some(options));
        let client = client.map_err(|_| SetupError::Operator("the vault's client cannot be set up".to_owned()))?;
        Ok(Vault { client, secret, content_type, tags, looked_at: Mutex::new(None) })
    }

    async fn get(&self, version: Option<VersionId>) -> Asked<VersionRead> {
        let call = Call::new();
        let options = SecretClientGetSecretOptions {
            secret_version: version.map(|v| v.to_string()),
            method_options: call.options(),
            ..SecretClientGetSecretOptions::default()
        };
        let response = self.client.get_secret(&self.secret, Some(options)).await.map_err(|e| call.failure(&e))?;
        let trace = call.trace(response.headers());
        let read = requests::version_read(response.body(), &self.secret);
        match read.filter(|r| version.is_none_or(|asked| asked == r.version.id)) {
            Some(read) => Ok((read, trace)),
            None => Err(Failure::unreadable(200, trace)),
        }
    }

    async fn current(&self) -> Asked<(Current, Option<VersionRead>)> {
        let looked_at = |read: Option<&VersionRead>| {
            let carried = read.map(|r| Carried { content_type: r.content_type.clone(), tags: r.tags.clone() });
            *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = carried;
        };
        let answer = self.look().await;
        looked_at(answer.as_ref().ok().and_then(|((_, read), _)| read.as_ref()));
        answer
    }

    async fn look(&self) -> Asked<(Current, Option<VersionRead>)> {
        match self.get(None).await {
            Ok((read, trace)) => Ok(((Current::Version(read.version.clone()), Some(read)), trace)),
            Err(f) if says_nothing_there(&f) => Ok(((Current::Nothing, None), f.trace)),
            Err(f) if f.refusal.kind == RefusalKind::Disabled => Ok(((Current::Disabled, None), f.trace)),
            Err(f) => Err(f),
        }
    }

    /// All versions. The trace is that of the last page.
    async fn list(&self) -> Asked<Vec<(Version, SecretProperties)>> {
        let call = Call::new();
        let method_options = PagerOptions { context: call.options().context, ..PagerOptions::default() };
        let options = SecretClientListSecretPropertiesVersionsOptions { maxresults: Some(25), method_options };
        let pager = self.client.list_secret_properties_versions(&self.secret, Some(options));
        let mut pages = pager.map_err(|e| call.failure(&e))?.into_pages();
        let (mut versions, mut last) = (Vec::new(), Trace::default());
        for _ in 0..PAGE_LIMIT {
            let Some(page) = pages.try_next().await.map_err(|e| call.failure(&e))? else { return Ok((versions, last)) };
            last = call.trace(page.headers());
            for properties in page.into_model().map_err(|_| Failure::unreadable(200, last.clone()))?.value {
                let version = self.version_of(&properties).ok_or_else(|| Failure::unreadable(200, last.clone()))?;
                versions.push((version, properties));
            }
        }
        Err(Failure::unreadable(200, last))
    }

    /// One page of one version: enough to see whether listing is allowed. A secret that is not there may be listed, too.
    pub(super) async fn may_list(&self) -> Asked<()> {
        let call = Call::new();
        let method_options = PagerOptions { context: call.options().context, ..PagerOptions::default() };
        let options = SecretClientListSecretPropertiesVersionsOptions { maxresults: Some(1), method_options };
        let pager = self.client.list_secret_properties_versions(&self.secret, Some(options));
        match pager.map_err(|e| call.failure(&e))?.into_pages().try_next().await.map_err(|e| call.failure(&e)) {
            Ok(page) => Ok(((), page.map_or_else(Trace::default, |page| call.trace(page.headers())))),
            Err(f) if says_nothing_there(&f) => Ok(((), f.trace)),
            Err(f) => Err(f),
        }
    }

    fn version_of(&self, properties: &SecretProperties) -> Option<Version> {
        let tag = |name: &str| properties.tags.as_ref().and_then(|t| t.get(name));
        Some(Version {
            id: requests::version_in(properties.id.as_ref()?, &self.secret)?,
            tag: tag(VAULT_TAG).and_then(|t| t.parse().ok()),
            key_id: tag(VAULT_TAG_KEY_ID).and_then(|t| t.parse().ok()),
            enabled: properties.attributes.as_ref().and_then(|a| a.enabled).unwrap_or(true),
        })
    }

    /// What a new version carries over. The content of a disabled version cannot be read, but the list shows what it carries;
    /// which one is the latest is then judged by its time of creation.
    async fn carried(&self) -> Result<Carried, Failure> {
        let looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(carried) = looked_at {
            return Ok(carried);
        }
        let (current, read) = self.look().await?.0;
        match (current, read) {
            (Current::Version(_), Some(read)) => Ok(Carried { content_type: read.content_type, tags: read.tags }),
            (Current::Disabled, _) => {
                let (versions, _) = self.list().await?;
                let created = |p: &SecretProperties| p.attributes.as_ref().and_then(|a| a.created);
                let latest = versions.into_iter().map(|(_, p)| p).max_by_key(created);
                Ok(latest.map_or_else(Carried::default, |p| Carried {
                    content_type: p.content_type,
                    tags: p.tags.into_iter().flatten().collect(),
                }))
            }
            (Current::Nothing | Current::Version(_), _) => Ok(Carried::default()),
        }
    }

    /// The tags of a new version: what is carried over, over it the runbook's, over both the stamp's.
    fn tags(&self, carried: BTreeMap<String, String>, stamp: &Stamp) -> Result<BTreeMap<String, String>, Failure> {
        let mut tags = carried;
        tags.extend(self.tags.clone());
        tags.insert(VAULT_TAG.to_owned(), stamp.tag.to_string());
        tags.insert(VAULT_TAG_KEY_ID.to_owned(), stamp.key_id.to_string());
        if tags.len() > TAG_LIMIT {
            let message =
                format!("the version would have {} tags with keyrelay's two, and a vault takes {TAG_LIMIT}", tags.len());
            return Err(Failure::before_sending(RefusalKind::Rejected, "TooManyTags", &message));
        }
        Ok(tags)
    }

    async fn set(&self, value: &SecretValue, stamp: &Stamp) -> Asked<VersionId> {
        let not_sent = |f: Failure| Failure { may_have_landed: false, ..f };
        let carried = self.carried().await.map_err(not_sent)?;
        let content_type = self.content_type.clone().or(carried.content_type);
        let tags = self.tags(carried.tags, stamp)?;
        let body = requests::new_version(value, content_type.as_deref(), &tags, stamp.expires);
        let call = Call::new();
        let options = SecretClientSetSecretOptions { method_options: call.options() };
        let content: RequestContent<SetSecretParameters> = body.into();
        let response = self.client.set_secret(&self.secret, content, Some(options)).await;
        let response = response.map_err(|e| call.failure(&e).without_sentence())?;
        let trace = call.trace(response.headers());
        match requests::written(response.body(), &self.secret) {
            Some(version) => Ok((version, trace)),
            None => Err(Failure::unreadable(200, trace)),
        }
    }

    async fn disable(&self, version: VersionId) -> Asked<()> {
        let call = Call::new();
        let attributes = SecretAttributes { enabled: Some(false), ..SecretAttributes::default() };
        let parameters = UpdateSecretPropertiesParameters {
            secret_attributes: Some(attributes),
            ..UpdateSecretPropertiesParameters::default()
        };
        let options = SecretClientUpdateSecretPropertiesOptions {
            method_options: call.options(),
            secret_version: Some(version.to_string()),
        };
        let content = parameters.try_into().map_err(|e: azure_core::Error| call.failure(&e))?;
        let response = self.client.update_secret_properties(&self.secret, content, Some(options)).await;
        let response = response.map_err(|e| call.failure(&e))?;
        let trace = call.trace(response.headers());
        let disabled = response.into_model().ok().is_some_and(|secret| {
            let id = secret.id.as_ref().and_then(|id| requests::version_in(id, &self.secret));
            id == Some(version) && secret.attributes.is_some_and(|a| a.enabled == Some(false))
        });
        if disabled { Ok(((), trace)) } else { Err(Failure::unreadable(200, trace)) }
    }

    async fn deleted(&self) -> Asked<bool> {
        let call = Call::new();
        let options = SecretClientGetDeletedSecretOptions { method_options: call.options() };
        match self.client.get_deleted_secret(&self.secret, Some(options)).await {
            Ok(response) => {
                let trace = call.trace(response.headers());
                let named = response.into_model().is_ok_and(|secret| secret.id.is_some());
                if named { Ok((true, trace)) } else { Err(Failure::unreadable(200, trace)) }
            }
            Err(e) => match call.failure(&e) {
                f if says_nothing_there(&f) => Ok((false, f.trace)),
                f => Err(f),
            },
        }
    }
}

/// Whether the vault said that it has no such secret. Any other 404, a proxy's for one, says nothing about the secret.
fn says_nothing_there(failure: &Failure) -> bool {
    failure.refusal.kind == RefusalKind::NotFound && failure.refusal.code == "SecretNotFound"
}

/// One call of the SDK: the id that goes out with it and what comes back.
struct Call(String);

impl Call {
    fn new() -> Call {
        Call(client_request_id())
    }

    fn options(&self) -> ClientMethodOptions<'static> {
        sdk::with_id(&self.0)
    }

    fn trace(&self, headers: &Headers) -> Trace {
        sdk::trace(headers, &self.0)
    }

    fn failure(&self, error: &azure_core::Error) -> Failure {
        sdk::failure(error, &self.0)
    }
}

impl AzureServices {
    pub(super) fn vault(&self, vault: VaultIx) -> Result<&Vault, Failure> {
        let none = || Failure::before_sending(RefusalKind::Rejected, "", "the runbook has no such vault");
        self.vaults.get(usize::from(vault.0)).ok_or_else(none)
    }
}

impl Vaults for AzureServices {
    async fn current(&self, vault: VaultIx) -> Read<(Current, Option<VersionRead>)> {
        let asked = async { self.vault(vault)?.current().await };
        asked.await.or_else(Failure::into_read)
    }

    async fn version(&self, vault: VaultIx, version: VersionId) -> Read<VersionRead> {
        let asked = async { self.vault(vault)?.get(Some(version)).await };
        asked.await.or_else(Failure::into_read)
    }

    async fn versions(&self, vault: VaultIx) -> Read<Vec<Version>> {
        let asked = async { self.vault(vault)?.list().await };
        match asked.await {
            Ok((versions, trace)) => Ok((versions.into_iter().map(|(v, _)| v).collect(), trace)),
            // a first secret whose write has not landed: there is nothing, and that is an answer
            Err(f) if says_nothing_there(&f) => Ok((Vec::new(), f.trace)),
            Err(f) => f.into_read(),
        }
    }

    /// A deletion shows late. Of kind `Forbidden` if the operator may not read deleted secrets.
    async fn deleted(&self, vault: VaultIx) -> Read<bool> {
        let asked = async { self.vault(vault)?.deleted().await };
        asked.await.or_else(Failure::into_read)
    }

    async fn write(&self, vault: VaultIx, value: &SecretValue, stamp: &Stamp) -> Outcome<VersionId> {
        let asked = async { self.vault(vault)?.set(value, stamp).await };
        asked.await.map_or_else(Failure::into_outcome, |(version, trace)| Outcome::Applied(version, trace))
    }

    async fn disable(&self, vault: VaultIx, version: VersionId) -> Outcome<()> {
        let asked = async { self.vault(vault)?.disable(version).await };
        asked.await.map_or_else(Failure::into_outcome, |((), trace)| Outcome::Applied((), trace))
    }
}
