//! The ports over the emulator in the same process, in virtual time and with faults: tests drive the real driver through this.

mod inspect;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::correlation::CorrelationKey;
use crate::ports::{
    Application, Credential, Directory, NewCredential, Outcome, Read, Stamp, TokenEndpoint, Vaults, VersionRead,
};
use crate::refusals::Why;
use crate::rotation::answers::{Current, RefusalKind, SignIn, Trace, Version};
use crate::rotation::names::{KeyId, VAULT_TAG, VAULT_TAG_KEY_ID, VaultIx, VersionId};
use crate::sandbox::cloud::{
    AppRef, Cloud, CloudError, OPERATOR, Op, Origin, PasswordCredential, PasswordSpec, SecretUpdate, SecretWrite,
    SignInError, SignInRequest,
};
use crate::sandbox::faults::{self, Call};
use crate::secret::{Hint, SecretValue, in_process};

mod admission;
mod answers;
mod operation;
mod sign_ins;
pub mod timeline;
mod wire;

pub use operation::{Fault, Operation};
pub use wire::Wire;

use answers::{refusal, refused, trace, unanswered, unavailable, version, version_id, version_read};

/// The application, its tenant and its vaults, as a runbook names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// `appId`.
    pub client_id: Uuid,
    /// What the sign-in asks a token for.
    pub scope: String,
    /// By their place in the runbook.
    pub vaults: Vec<VaultSetup>,
}

/// One vault of a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultSetup {
    /// The vault's host name.
    pub host: String,
    /// The secret's name.
    pub secret: String,
    /// The runbook's content type, over the one that is carried along.
    pub content_type: Option<String>,
    /// The runbook's tags, over those that are carried along.
    pub tags: BTreeMap<String, String>,
}

type FaultHook = Box<dyn FnMut(&Operation) -> Fault>;

/// The services, by direct calls.
pub struct InProcess {
    cloud: Rc<RefCell<Cloud>>,
    setup: Setup,
    acting: Uuid,
    now: Box<dyn Fn() -> Timestamp>,
    faults: RefCell<FaultHook>,
    known_by: Option<CorrelationKey>,
    sign_ins: Cell<u32>,
}

impl InProcess {
    /// Calls `cloud` at the times that `now` tells, without faults.
    pub fn new(cloud: Rc<RefCell<Cloud>>, setup: Setup, now: impl Fn() -> Timestamp + 'static) -> InProcess {
        let faults: RefCell<FaultHook> = RefCell::new(Box::new(|_| Fault::None));
        let (known_by, sign_ins) = (None, Cell::new(0));
        InProcess { cloud, setup, acting: OPERATOR, now: Box::new(now), faults, known_by, sign_ins }
    }

    /// Lets sign-ins carry ids by which they are known again in the log.
    #[must_use]
    pub fn known_by(mut self, key: CorrelationKey) -> InProcess {
        self.known_by = Some(key);
        self
    }

    /// Asks `hook` before each call what is to happen to it. The hook must not make calls itself.
    #[must_use]
    pub fn with_faults(mut self, hook: impl FnMut(&Operation) -> Fault + 'static) -> InProcess {
        self.faults = RefCell::new(Box::new(hook));
        self
    }

    /// Acts as this client, with a token that is always fresh; else as the operator that every sandbox has.
    #[must_use]
    pub fn acting_as(mut self, client_id: Uuid) -> InProcess {
        self.acting = client_id;
        self
    }

    fn app(&self) -> AppRef {
        AppRef::Client(self.setup.client_id)
    }

    fn vault(&self, ix: VaultIx) -> Result<&VaultSetup, CloudError> {
        let none = || CloudError::new(404, "VaultNotFound", format!("The setup has no vault {}.", ix.0));
        self.setup.vaults.get(usize::from(ix.0)).ok_or_else(none)
    }

    /// The call, as rules look at it.
    fn call(&self, operation: &Operation) -> Call {
        let call = Call::of(operation.kind());
        match operation.vault().and_then(|ix| self.vault(ix).ok()) {
            Some(vault) => call.at(&vault.host),
            None => call.on(Some(self.setup.client_id)),
        }
    }

    /// Lets the late ones land and asks for a fault: the hook first, then the cloud's rules. The rule is the one under which
    /// the call is performed.
    fn begin(&self, operation: &Operation) -> (Timestamp, Fault, Option<faults::Fault>) {
        let now = self.cloud.borrow().service_time((self.now)());
        self.cloud.borrow_mut().advance(now);
        let fault = (self.faults.borrow_mut())(operation);
        if fault != Fault::None {
            return (now, fault, None);
        }
        let rule = self.cloud.borrow_mut().on_the_way(&self.call(operation));
        (now, rule.as_ref().map_or(Fault::None, Fault::of_rule), rule)
    }

    #[allow(clippy::result_large_err)] // the ports' own type
    fn read<T>(&self, operation: &Operation, ask: impl FnOnce(&Cloud, Timestamp) -> Result<T, CloudError>) -> Read<T> {
        let (now, fault, rule) = self.begin(operation);
        match fault {
            Fault::None => match self.ask(operation, now, rule.as_ref(), ask) {
                Ok(answer) => Ok((answer, trace(now))),
                Err(error) => Err((refusal(&error), trace(now))),
            },
            Fault::Refused(kind) => Err((refused(kind), trace(now))),
            Fault::ServerErrorAfter => Err((unavailable(), trace(now))),
            Fault::BadAnswerAfter => Err((refused(RefusalKind::BadAnswer), trace(now))),
            Fault::LostBefore | Fault::LostAfter | Fault::Late(_) => Err((unanswered(), Trace::default())),
        }
    }

    fn ask<T>(
        &self,
        operation: &Operation,
        now: Timestamp,
        rule: Option<&faults::Fault>,
        ask: impl FnOnce(&Cloud, Timestamp) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        self.cloud.borrow_mut().under(rule, now, |cloud| {
            self.admitted(cloud, operation)?;
            ask(cloud, now)
        })
    }

    /// `op` is the same request as `act`, for the case that it lands late.
    fn mutate<T>(
        &self,
        operation: &Operation,
        op: impl FnOnce(&Cloud) -> Result<Op, CloudError>,
        act: impl FnOnce(&mut Cloud, Timestamp) -> Result<T, CloudError>,
    ) -> Outcome<T> {
        let (now, fault, rule) = self.begin(operation);
        let cloud = &mut *self.cloud.borrow_mut();
        let act = |cloud: &mut Cloud, now| {
            let act = |cloud: &mut Cloud| self.admitted(cloud, operation).and_then(|()| act(cloud, now));
            cloud.under(rule.as_ref(), now, act)
        };
        match fault {
            Fault::None => match act(cloud, now) {
                Ok(answer) => Outcome::Applied(answer, trace(now)),
                // As with the real services: nobody knows what a 5xx has done.
                Err(error) if error.status >= 500 => Outcome::InDoubt(refusal(&error), trace(now)),
                Err(error) => Outcome::NotApplied(refusal(&error), trace(now)),
            },
            Fault::Refused(kind) => Outcome::NotApplied(refused(kind), trace(now)),
            Fault::LostBefore => Outcome::InDoubt(unanswered(), Trace::default()),
            Fault::LostAfter => {
                let _ = act(cloud, now);
                Outcome::InDoubt(unanswered(), Trace::default())
            }
            Fault::ServerErrorAfter => {
                let _ = act(cloud, now);
                Outcome::InDoubt(unavailable(), trace(now))
            }
            Fault::BadAnswerAfter => {
                let _ = act(cloud, now);
                Outcome::InDoubt(refused(RefusalKind::BadAnswer), trace(now))
            }
            Fault::Late(delay) => {
                let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
                let at = now.checked_add(delay).unwrap_or(Timestamp::MAX);
                if let Ok(op) = self.admitted(cloud, operation).and_then(|()| op(cloud)) {
                    cloud.land_later(at, op);
                }
                Outcome::InDoubt(unanswered(), Trace::default())
            }
        }
    }

    /// The request of a write: what the current version carries, then the runbook's, then the stamp.
    fn write_request(
        &self,
        cloud: &Cloud,
        ix: VaultIx,
        value: &SecretValue,
        stamp: &Stamp,
    ) -> Result<SecretWrite, CloudError> {
        let vault = self.vault(ix)?;
        let current = cloud.latest_version(&vault.host, &vault.secret);
        let mut tags = current.map(|v| v.tags.clone()).unwrap_or_default();
        tags.extend(vault.tags.clone());
        tags.insert(VAULT_TAG.to_owned(), stamp.tag.to_string());
        tags.insert(VAULT_TAG_KEY_ID.to_owned(), stamp.key_id.to_string());
        let carried = current.and_then(|v| v.content_type.clone());
        Ok(SecretWrite {
            value: in_process::for_vault(value),
            content_type: vault.content_type.clone().or(carried),
            tags,
            enabled: true,
            not_before: None,
            expires: stamp.expires,
        })
    }
}

impl Directory for InProcess {
    async fn application(&self) -> Read<Application> {
        self.read(&Operation::Application, |cloud, _| {
            let found = cloud.application(self.app())?;
            Ok(Application {
                object_id: found.object_id.to_string(),
                client_id: found.client_id.to_string(),
                display_name: found.display_name.clone(),
                room: found.audience.room().and_then(|r| u8::try_from(r).ok()),
                created: Some(found.created),
            })
        })
    }

    async fn credentials(&self) -> Read<Vec<Credential>> {
        self.read(&Operation::Credentials, |cloud, now| {
            let listed = cloud.password_credentials(now, self.app())?;
            let credential = |p: &PasswordCredential| Credential {
                key_id: KeyId(p.key_id),
                display_name: p.display_name.clone().unwrap_or_default(),
                start: Some(p.start),
                end: Some(p.end),
                hint: Some(Hint::new(p.value.hint())),
            };
            Ok(listed.into_iter().map(credential).collect())
        })
    }

    async fn add_password(&self, display_name: &str, end: Timestamp) -> Outcome<NewCredential> {
        let operation = Operation::AddPassword { display_name: display_name.to_owned() };
        let spec = || PasswordSpec { display_name: Some(display_name.to_owned()), start: None, end: Some(end) };
        self.mutate(
            &operation,
            |_| Ok(Op::AddPassword(self.app(), spec())),
            |cloud, now| {
                let made = cloud.add_password(now, self.app(), spec())?;
                Ok(NewCredential {
                    key_id: KeyId(made.key_id),
                    display_name: made.display_name.unwrap_or_default(),
                    end: Some(made.end),
                    value: SecretValue::new(made.value.text().to_owned()),
                })
            },
        )
    }

    async fn remove_password(&self, key_id: KeyId) -> Outcome<()> {
        self.mutate(
            &Operation::RemovePassword(key_id),
            |_| Ok(Op::RemovePassword(self.app(), key_id.0)),
            |cloud, now| match cloud.remove_password(now, self.app(), key_id.0) {
                Err(e) if e.message.contains("No password credential found with keyId") => Ok(()),
                other => other,
            },
        )
    }
}

impl Vaults for InProcess {
    async fn current(&self, ix: VaultIx) -> Read<(Current, Option<VersionRead>)> {
        self.read(&Operation::Current(ix), |cloud, _| {
            let vault = self.vault(ix)?;
            match cloud.secret(&vault.host, &vault.secret, None) {
                Ok(found) => {
                    let read = version_read(found)?;
                    Ok((Current::Version(read.version.clone()), Some(read)))
                }
                Err(e) if e.code == "SecretNotFound" => Ok((Current::Nothing, None)),
                Err(e) if e.innererror.as_deref() == Some("SecretDisabled") => Ok((Current::Disabled, None)),
                Err(e) => Err(e),
            }
        })
    }

    async fn version(&self, ix: VaultIx, version: VersionId) -> Read<VersionRead> {
        self.read(&Operation::Version(ix, version), |cloud, _| {
            let vault = self.vault(ix)?;
            version_read(cloud.secret(&vault.host, &vault.secret, Some(&version.to_string()))?)
        })
    }

    async fn versions(&self, ix: VaultIx) -> Read<Vec<Version>> {
        self.read(&Operation::Versions(ix), |cloud, _| {
            let vault = self.vault(ix)?;
            match cloud.secret_versions(&vault.host, &vault.secret) {
                Ok(found) => found.into_iter().map(version).collect(),
                Err(e) if e.code == "SecretNotFound" => Ok(Vec::new()),
                Err(e) => Err(e),
            }
        })
    }

    async fn deleted(&self, ix: VaultIx) -> Read<bool> {
        self.read(&Operation::Deleted(ix), |cloud, now| {
            let vault = self.vault(ix)?;
            Ok(cloud.deleted_secret(now, &vault.host, &vault.secret).is_ok())
        })
    }

    async fn write(&self, ix: VaultIx, value: &SecretValue, stamp: &Stamp) -> Outcome<VersionId> {
        self.mutate(
            &Operation::Write(ix, stamp.clone()),
            |cloud| {
                let vault = self.vault(ix)?;
                let write = self.write_request(cloud, ix, value, stamp)?;
                Ok(Op::SetSecret(vault.host.clone(), vault.secret.clone(), write))
            },
            |cloud, now| {
                let vault = self.vault(ix)?;
                let write = self.write_request(cloud, ix, value, stamp)?;
                version_id(&cloud.set_secret(now, &vault.host, &vault.secret, write)?)
            },
        )
    }

    async fn disable(&self, ix: VaultIx, version: VersionId) -> Outcome<()> {
        let update = || SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
        let id = version.to_string();
        self.mutate(
            &Operation::Disable(ix, version),
            |_| {
                let vault = self.vault(ix)?;
                Ok(Op::UpdateSecret(vault.host.clone(), vault.secret.clone(), Some(id.clone()), update()))
            },
            |cloud, now| {
                let vault = self.vault(ix)?;
                cloud.update_secret(now, &vault.host, &vault.secret, Some(&id), update()).map(|_| ())
            },
        )
    }
}

impl TokenEndpoint for InProcess {
    async fn sign_in(&self, value: &SecretValue) -> (SignIn, Trace) {
        let (now, fault, _) = self.begin(&Operation::SignIn);
        let why = match fault {
            Fault::None => None,
            Fault::Refused(kind) => Some((refused(kind), trace(now))),
            Fault::ServerErrorAfter => Some((unavailable(), trace(now))),
            Fault::BadAnswerAfter => Some((refused(RefusalKind::BadAnswer), trace(now))),
            Fault::LostBefore | Fault::LostAfter | Fault::Late(_) => Some((unanswered(), Trace::default())),
        };
        if let Some((refusal, trace)) = why {
            return (SignIn::Unavailable { why: refusal.to_string() }, trace);
        }
        let mut cloud = self.cloud.borrow_mut();
        let (tenant, client_id) = (cloud.tenant().to_string(), self.setup.client_id.to_string());
        let secret = in_process::for_sign_in(value);
        let request =
            SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(&secret), scope: &self.setup.scope };
        let id = self.known_by.map(|key| key.id(self.sign_ins.replace(self.sign_ins.get().wrapping_add(1))));
        let origin = Origin { correlation_id: id, ..Origin::default() };
        let answer = match cloud.sign_in_from(now, &request, origin) {
            Ok(token) if token.client_id == self.setup.client_id => SignIn::Accepted,
            Ok(_) => SignIn::OtherIdentity,
            Err(SignInError { code: 7_000_215, .. }) => SignIn::Wrong,
            Err(SignInError { code: 7_000_222, .. }) => SignIn::Expired,
            Err(SignInError { status: 429, .. }) => SignIn::Unavailable { why: Why::Throttled.words().to_owned() },
            Err(SignInError { status: 503, code, .. }) => {
                SignIn::Unavailable { why: format!("{}, AADSTS{code}", Why::Passing.words()) }
            }
            Err(other) => SignIn::Refused { code: other.code, class: other.error.to_owned() },
        };
        (answer, Trace { client_request_id: id.map(|id| id.to_string()), ..trace(now) })
    }
}
