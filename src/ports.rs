//! What the driver asks of the world: the services, in the words of the rotation. [`Inspect`] is asked before a run only.
//!
//! Each trait has two implementations: the real services in [`crate::azure`], and the sandbox's cloud called in process, so that
//! the code that ships is what tests search and simulate.

use std::future::Future;
use std::net::IpAddr;

use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rotation::answers::{Current, Refusal, Reported, SignIn, Trace, Version};
use crate::rotation::names::{KeyId, Tag, VaultIx, VersionId};
use crate::secret::{Hint, SecretValue};

/// What is known of a request that changes the cloud. Never a plain `Result`: the third case is what rotations die of.
#[must_use]
pub enum Outcome<T> {
    /// The service said that it did it.
    Applied(T, Trace),
    /// The connection was never opened, or an answer proves rejection (4xx except 408).
    NotApplied(Refusal, Trace),
    /// Time-out, reset, 408, 5xx, a cut or unreadable body: it may have happened, or happen yet.
    InDoubt(Refusal, Trace),
}

/// The answer to a read.
pub type Read<T> = Result<(T, Trace), (Refusal, Trace)>;

/// The application, as far as a rotation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// `id`.
    pub object_id: String,
    /// `appId`.
    pub client_id: String,
    /// `displayName`.
    pub display_name: String,
    /// How many secrets it may hold, where that is known: two if its audience includes personal accounts.
    pub room: Option<u8>,
    /// `createdDateTime`, which app management policies go by.
    pub created: Option<Timestamp>,
}

/// A password credential of the application.
pub struct Credential {
    /// `keyId`.
    pub key_id: KeyId,
    /// `displayName`, empty if there is none.
    pub display_name: String,
    /// `startDateTime`.
    pub start: Option<Timestamp>,
    /// `endDateTime`.
    pub end: Option<Timestamp>,
    /// `hint`, absent for credentials of a service principal.
    pub hint: Option<Hint>,
}

/// What `addPassword` answered.
pub struct NewCredential {
    /// `keyId`.
    pub key_id: KeyId,
    /// `displayName` as it came back.
    pub display_name: String,
    /// `endDateTime` as it came back.
    pub end: Option<Timestamp>,
    /// `secretText`: shown here and never again.
    pub value: SecretValue,
}

/// Microsoft Graph: the application and its password credentials.
pub trait Directory {
    /// The application with the runbook's client ID.
    fn application(&self) -> impl Future<Output = Read<Application>>;
    /// Its password credentials. The list may be stale for a while after a change.
    fn credentials(&self) -> impl Future<Output = Read<Vec<Credential>>>;
    /// `addPassword`. No start time is sent: a fast local clock would make the secret invalid at first.
    fn add_password(&self, display_name: &str, end: Timestamp) -> impl Future<Output = Outcome<NewCredential>>;
    /// `removePassword`. A key ID that is not there counts as applied.
    fn remove_password(&self, key_id: KeyId) -> impl Future<Output = Outcome<()>>;
}

/// What a new version is marked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The run's tag.
    pub tag: Tag,
    /// The credential whose value it holds.
    pub key_id: KeyId,
    /// The version's `exp`: the credential's end date, so that the vault's own near-expiry events fire.
    pub expires: Option<Timestamp>,
}

/// What *get* of a version answers besides its value.
pub struct VersionRead {
    /// Id, tag, key ID.
    pub version: Version,
    /// The value.
    pub value: SecretValue,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `contentType`.
    pub content_type: Option<String>,
    /// All tags, ours included.
    pub tags: std::collections::BTreeMap<String, String>,
}

/// Key Vault: one secret in each of the run's vaults.
pub trait Vaults {
    /// The current version as a consumer reads it. The second part is there if the first is [`Current::Version`].
    fn current(&self, vault: VaultIx) -> impl Future<Output = Read<(Current, Option<VersionRead>)>>;
    /// One version.
    fn version(&self, vault: VaultIx, version: VersionId) -> impl Future<Output = Read<VersionRead>>;
    /// All versions, disabled ones too, in no order.
    fn versions(&self, vault: VaultIx) -> impl Future<Output = Read<Vec<Version>>>;
    /// Whether the secret's name is blocked by a soft-deleted one.
    fn deleted(&self, vault: VaultIx) -> impl Future<Output = Read<bool>>;
    /// Sets a new version, enabled, with the runbook's content type and tags (over what the current version carries) and the
    /// stamp. Sent once.
    fn write(&self, vault: VaultIx, value: &SecretValue, stamp: &Stamp) -> impl Future<Output = Outcome<VersionId>>;
    /// Disables a version.
    fn disable(&self, vault: VaultIx, version: VersionId) -> impl Future<Output = Outcome<()>>;
}

/// The token endpoint.
pub trait TokenEndpoint {
    /// One fresh sign-in with `value`, on a connection of its own.
    fn sign_in(&self, value: &SecretValue) -> impl Future<Output = (SignIn, Trace)>;
}

/// What sort of identity acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
    /// A service principal: an application or a managed identity.
    Application,
    /// A person.
    User,
}

/// The identity that acts, as the token says that a service gave it. Everything here may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it is.
    pub kind: IdentityKind,
    /// `oid`: of the service principal or the person.
    pub object_id: Option<String>,
    /// `appid` or `azp`: the client that the token was given to.
    pub client_id: Option<String>,
    /// `tid`.
    pub tenant: Option<String>,
    /// `roles`: application permissions that this token carries.
    pub roles: Vec<String>,
    /// `scp`: delegated permissions that this token carries.
    pub scopes: Vec<String>,
    /// `wids`: template IDs of the tenant-wide directory roles that it has.
    pub directory_roles: Vec<String>,
    /// `appidacr` or `azpacr`: whether the client proved itself with a secret (1), where the token says how.
    pub by_secret: Option<bool>,
}

/// The application's service principal in the tenant: what signs in.
pub struct ServicePrincipal {
    /// `id`.
    pub object_id: String,
    /// `accountEnabled`. A disabled one cannot sign in, whatever its secret.
    pub enabled: bool,
    /// Its own password credentials, which are not the application's: a secret can be added to either, and both sign in.
    pub passwords: Vec<Credential>,
}

/// What the tenant forbids of new password credentials of the application. Of two restrictions of a kind the stricter holds.
/// Source: learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy.
#[derive(Debug, Clone, Default)]
pub struct PasswordPolicy {
    /// Whose words these are: the `displayName` of the policy.
    pub name: String,
    /// None may be added.
    pub no_addition: bool,
    /// How long one may live.
    pub max_lifetime: Option<Span>,
}

/// An application permission that was granted (an app role assignment).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// The resource's name, such as `Microsoft Graph`.
    pub resource: String,
    /// The resource's `appId`, where it could be read.
    pub resource_client_id: Option<String>,
    /// `appRoleId`. All zeros: access without any role.
    pub role_id: Uuid,
    /// The role's `value`, such as `Mail.ReadWrite`, where the resource names it.
    pub name: Option<String>,
}

/// What only a look before a run asks, or a look after a leak. Each needs a permission that a run can do without: a refusal here stops nothing.
pub trait Inspect {
    /// Who acts, as a Graph token says it; `None` if the token tells nothing. Its trace is empty: Graph is not asked.
    fn identity(&self) -> impl Future<Output = Read<Option<Identity>>>;
    /// Who acts, as a vault token says it.
    fn vault_identity(&self) -> impl Future<Output = Read<Option<Identity>>>;
    /// The application's service principal; `NotFound` if the tenant has none.
    fn service_principal(&self) -> impl Future<Output = Read<ServicePrincipal>>;
    /// The object IDs of the application's owners, service principals among them.
    fn owners(&self) -> impl Future<Output = Read<Vec<String>>>;
    /// What holds for new secrets of `application`.
    fn password_policy(&self, application: &Application) -> impl Future<Output = Read<PasswordPolicy>>;
    /// The application permissions for Graph, by id, that the registration of `client_id` asks for. What was consented to is
    /// in the token.
    fn requested_permissions(&self, client_id: &str) -> impl Future<Output = Read<Vec<String>>>;
    /// The application permissions that its service principal was granted, of any resource, with their names.
    fn granted_permissions(&self) -> impl Future<Output = Read<Vec<Granted>>>;
    /// Whether the secret's versions may be listed. One request, whatever their number.
    fn may_list(&self, vault: VaultIx) -> impl Future<Output = Read<()>>;
}

/// One sign-in of the application's service principal, as the tenant's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRecord {
    /// `id`. Some records are listed twice.
    pub id: String,
    /// `createdDateTime`.
    pub at: Timestamp,
    /// `servicePrincipalCredentialKeyId`, where it names one.
    pub key_id: Option<KeyId>,
    /// Whether it may have been made with a client secret: `clientCredentialType` says so, or nothing.
    pub by_secret: bool,
    /// `ipAddress`, where it is one.
    pub address: Option<IpAddr>,
    /// `resourceDisplayName`, or else `resourceId`: what the token was for.
    pub resource: String,
    /// `correlationId`: what the client sent as `client-request-id`.
    pub correlation_id: Option<Uuid>,
    /// `status.errorCode`: the AADSTS number, 0 for a success.
    pub error: u32,
}

/// One page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInPage {
    /// Newest first.
    pub records: Vec<SignInRecord>,
    /// What follows, if anything.
    pub next: Option<NextPage>,
}

/// The page that follows another, in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPage(pub(crate) String);

/// The tenant's log of sign-ins. Reading it takes a premium licence and `AuditLog.Read.All`; five requests in ten seconds are
/// answered (learn.microsoft.com/graph/throttling-limits).
pub trait SignIns {
    /// One page of the application's sign-ins since then: the first, or the one that follows. One request.
    fn sign_ins(&self, since: Timestamp, next: Option<&NextPage>) -> impl Future<Output = Read<SignInPage>>;
    /// When a credential last signed in, as `appCredentialSignInActivities` has it; it lags, and it knows what the log has
    /// forgotten. One request.
    fn last_sign_in(&self, key_id: KeyId) -> impl Future<Output = Read<Option<Timestamp>>>;
}

/// All four, for one run.
pub trait Services: Directory + Vaults + TokenEndpoint + SignIns {}
impl<T: Directory + Vaults + TokenEndpoint + SignIns> Services for T {}

/// What came of telling or asking a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerAnswer {
    /// It went well.
    pub ok: bool,
    /// Which key ID it named: while both secrets work, only that tells which one it uses.
    pub reported: Reported,
    /// What it printed, cut.
    pub note: String,
    /// Where it did not go well: whether another try may help.
    pub retry: bool,
}

/// What a consumer is told, as environment variables or query: never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The run.
    pub run: String,
    /// The key IDs that it may have read and is to use no more; the first is told.
    pub old_key_ids: Vec<KeyId>,
    /// The key ID that the vaults serve now: the new one, or on the way back the one that was there before.
    pub new_key_id: Option<KeyId>,
    /// The version that the first vault serves.
    pub vault_version: Option<VersionId>,
}

/// Those who read the secret.
pub trait Consumers {
    /// Tells one to read again, once.
    fn refresh(&self, consumer: usize, told: &Told) -> impl Future<Output = ConsumerAnswer>;
    /// Asks one how it is, once.
    fn check(&self, consumer: usize, told: &Told) -> impl Future<Output = ConsumerAnswer>;
    /// How long after the first try of either another may begin.
    fn within(&self, consumer: usize) -> SignedDuration;
}
