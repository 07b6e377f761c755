//! What the services say, as data: no value and no hint in it.

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::driver::patience::{patiently, pause};
use crate::driver::{Patience, Stop};
use crate::ports::{Application, Credential, Inspect, Read, Services, VersionRead};
use crate::refusals::Operation;
use crate::rotation::answers::{Current, Refusal, SignIn, Version};
use crate::rotation::names::{KeyId, VaultIx};
use crate::runbook::Runbook;

/// How often each vault's value signs in: the replicas behind the token endpoint may not agree.
const SIGN_INS: usize = 3;

/// Between two sign-ins.
const SPACING: SignedDuration = SignedDuration::from_secs(1);

/// A service said no to us. A consumer, who is somebody else, may hear something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// To what.
    pub operation: Operation,
    /// What.
    pub refusal: Refusal,
    /// For support.
    pub request_id: Option<String>,
}

/// A password credential of the application, as a person may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSecret {
    /// `keyId`.
    pub key_id: KeyId,
    /// `displayName`.
    pub name: String,
    /// `startDateTime`.
    pub start: Option<Timestamp>,
    /// `endDateTime`.
    pub end: Option<Timestamp>,
}

/// What a vault gives whoever reads the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// There is no such secret.
    Nothing {
        /// It was deleted and its name is blocked; `None` if we may not look.
        deleted: Option<bool>,
    },
    /// The latest version is disabled.
    Disabled,
    /// A version with a value.
    Value {
        /// Which.
        version: Version,
        /// The listed credentials whose hint begins the value. It narrows; it decides nothing.
        hinted: Vec<KeyId>,
        /// What each sign-in with the value answered, and the request's id.
        answers: Vec<(SignIn, Option<String>)>,
    },
}

/// One vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultFacts {
    /// Which.
    pub vault: VaultIx,
    /// What it gives us.
    pub read: Result<Serving, Said>,
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Service time at the end.
    pub now: Option<Timestamp>,
    /// The application.
    pub application: Result<Application, Said>,
    /// Whether its service principal is enabled.
    pub enabled: Result<bool, Said>,
    /// Its secrets.
    pub secrets: Result<Vec<KnownSecret>, Said>,
    /// The runbook's vaults, in its order.
    pub vaults: Vec<VaultFacts>,
}

/// Reads everything.
///
/// Each read is repeated within `patience` where that may help; a refusal ends only that read.
pub async fn look<S: Services + Inspect, C: Clock, P: Stop>(
    services: &S,
    runbook: &Runbook,
    clock: &C,
    stop: &P,
    patience: Patience,
) -> Facts {
    let asking = Asking { services, clock, stop, patience };
    let application = asking.ask(Operation::ReadApplication, async || services.application().await).await;
    let principal = asking.ask(Operation::ReadServicePrincipal, async || services.service_principal().await).await;
    let enabled = principal.map(|p| p.enabled);
    let credentials = asking.ask(Operation::ListSecrets, async || services.credentials().await).await;
    let mut vaults = Vec::new();
    for ix in (0..runbook.vaults.len()).filter_map(|n| u8::try_from(n).ok()).map(VaultIx) {
        let read = asking.vault(ix, credentials.as_deref().unwrap_or_default()).await;
        vaults.push(VaultFacts { vault: ix, read });
    }
    let known = |c: &Credential| KnownSecret { key_id: c.key_id, name: c.display_name.clone(), start: c.start, end: c.end };
    let secrets = credentials.map(|all| all.iter().map(known).collect());
    Facts { now: clock.now(), application, enabled, secrets, vaults }
}

struct Asking<'a, S, C, P> {
    services: &'a S,
    clock: &'a C,
    stop: &'a P,
    patience: Patience,
}

impl<S: Services, C: Clock, P: Stop> Asking<'_, S, C, P> {
    async fn ask<T>(&self, operation: Operation, ask: impl AsyncFn() -> Read<T>) -> Result<T, Said> {
        let answer = patiently(self.clock, self.stop, self.patience, |_| (), ask).await;
        let said = |(refusal, trace): (Refusal, crate::rotation::answers::Trace)| Said {
            operation,
            refusal,
            request_id: trace.request_id,
        };
        answer.map(|(t, _)| t).map_err(said)
    }

    async fn vault(&self, ix: VaultIx, credentials: &[Credential]) -> Result<Serving, Said> {
        let (current, read) = self.ask(Operation::GetSecret, async || self.services.current(ix).await).await?;
        match (current, read) {
            (Current::Version(version), Some(read)) => {
                let fits = |c: &&Credential| c.hint.as_ref().is_some_and(|h| read.value.begins_with(h));
                let hinted = credentials.iter().filter(fits).map(|c| c.key_id).collect();
                Ok(Serving::Value { version, hinted, answers: self.sign_in(&read).await })
            }
            (Current::Disabled, _) => Ok(Serving::Disabled),
            (Current::Nothing | Current::Version(_), _) => {
                // reading deleted names has a permission of its own
                let deleted = self.ask(Operation::GetDeleted, async || self.services.deleted(ix).await).await;
                Ok(Serving::Nothing { deleted: deleted.ok() })
            }
        }
    }

    async fn sign_in(&self, read: &VersionRead) -> Vec<(SignIn, Option<String>)> {
        let mut answers = Vec::new();
        while answers.len() < SIGN_INS && !self.stop.requested() {
            if !answers.is_empty() {
                pause(self.clock, self.stop, SPACING).await;
            }
            let (answer, trace) = self.services.sign_in(&read.value).await;
            trace.date.into_iter().for_each(|date| self.clock.observe(date));
            answers.push((answer, trace.request_id));
        }
        answers
    }
}
