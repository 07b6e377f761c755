//! What the services say about a value: who lists it, who takes it, which vault holds it. No value and no hint is in it.

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::diagnose::History;
use crate::driver::patience::{patiently, pause};
use crate::driver::{Patience, Stop};
use crate::ports::{Credential, Inspect, Read, Services};
use crate::rotation::answers::{Current, Refusal, SignIn};
use crate::rotation::names::{KeyId, VaultIx, VersionId};
use crate::secret::SecretValue;

/// How often a value that is refused is tried: the replicas behind the token endpoint may not agree.
const SIGN_INS: usize = 3;
const SPACING: SignedDuration = SignedDuration::from_secs(1);

/// The most versions of a vault's secret that are read, so many at a time.
const VERSIONS: usize = 200;
const AT_ONCE: usize = 8;

/// A password credential, and whether its hint allows it to be the value's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// `keyId`.
    pub key_id: KeyId,
    /// `displayName`.
    pub name: String,
    /// `startDateTime`.
    pub start: Option<Timestamp>,
    /// `endDateTime`.
    pub end: Option<Timestamp>,
    /// The service principal's own, not the application's.
    pub of_principal: bool,
    /// Its hint begins the value, or it has none.
    pub fits: bool,
    /// Whether it has one.
    pub hinted: bool,
}

/// A version of a vault's secret that holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Where.
    pub vault: VaultIx,
    /// Which.
    pub version: VersionId,
    /// Whether consumers read it now.
    pub current: bool,
    /// The credential that it is tagged with, or that a journal found in it.
    pub key_id: Option<KeyId>,
}

/// All that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Service time at the end.
    pub now: Option<Timestamp>,
    /// The application's credentials and its service principal's own, or why they could not be read.
    pub listed: Result<Vec<Candidate>, Refusal>,
    /// What sign-ins with the value answered; none if it was not tried.
    pub answers: Vec<SignIn>,
    /// The versions that hold it, as far as they were looked through.
    pub holders: Vec<Holder>,
    /// Whether the old versions were looked through.
    pub searched_versions: bool,
    /// Vaults that could not be read.
    pub unread: Vec<(VaultIx, Refusal)>,
}

/// How an application is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is the one that the value is said to be of: always signed in to.
    First,
    /// One of several: signed in to only if a hint allows it. Each refused sign-in is a line in its log.
    AmongOthers,
}

/// Asks about values.
pub struct Asker<'a, S, C, P> {
    /// The services of the application.
    pub services: &'a S,
    /// The clock.
    pub clock: &'a C,
    /// Whether to stop.
    pub stop: &'a P,
    /// How long a read may fail.
    pub patience: Patience,
    /// How many vaults the runbook has.
    pub vaults: usize,
    /// What the journals know.
    pub history: &'a History,
}

impl<S: Services + Inspect, C: Clock, P: Stop> Asker<'_, S, C, P> {
    /// What the list, the current versions and the token endpoint say.
    pub async fn look(&self, value: &SecretValue, asked: Asked) -> Evidence {
        let listed = self.listed(value).await;
        let (mut holders, mut unread) = (Vec::new(), Vec::new());
        for vault in (0..self.vaults).filter_map(|n| u8::try_from(n).ok()).map(VaultIx) {
            match self.ask(async || self.services.current(vault).await).await {
                Ok((Current::Version(version), Some(read))) if read.value.same_as(value) => {
                    let key_id = version.key_id.or_else(|| self.history.key_of(version.id));
                    holders.push(Holder { vault, version: version.id, current: true, key_id });
                }
                Ok(_) => {}
                Err(refusal) => unread.push((vault, refusal)),
            }
        }
        let likely = match &listed {
            Ok(all) => all.iter().any(|c| c.fits) || !holders.is_empty(),
            Err(_) => true,
        };
        let answers = if asked == Asked::First || likely { self.sign_ins(value).await } else { Vec::new() };
        Evidence { now: self.clock.now(), listed, answers, holders, searched_versions: false, unread }
    }

    /// Looks through the old versions of every vault, whose tags say which credential a value was of.
    pub async fn search_versions(&self, value: &SecretValue, evidence: Evidence) -> Evidence {
        let (mut holders, mut unread) = (evidence.holders, evidence.unread);
        for vault in (0..self.vaults).filter_map(|n| u8::try_from(n).ok()).map(VaultIx) {
            let versions = match self.ask(async || self.services.versions(vault).await).await {
                Ok(versions) => versions,
                Err(refusal) => {
                    unread.push((vault, refusal));
                    continue;
                }
            };
            let known = |id: VersionId| holders.iter().any(|h| h.vault == vault && h.version == id);
            let readable = versions.into_iter().filter(|v| v.enabled && !known(v.id)).take(VERSIONS);
            let reads = readable.map(|v| async move { self.ask(async || self.services.version(vault, v.id).await).await });
            let reads: Vec<_> = futures::stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
            for read in reads.into_iter().flatten().filter(|read| read.value.same_as(value)) {
                let (version, tagged) = (read.version.id, read.version.key_id);
                let key_id = tagged.or_else(|| self.history.key_of(version));
                holders.push(Holder { vault, version, current: false, key_id });
            }
        }
        Evidence { holders, unread, searched_versions: true, now: self.clock.now(), ..evidence }
    }

    async fn listed(&self, value: &SecretValue) -> Result<Vec<Candidate>, Refusal> {
        let of_application = self.ask(async || self.services.credentials().await).await?;
        // a tenant may have none, and it may be out of our sight: then only its application's are known
        let principal = self.ask(async || self.services.service_principal().await).await;
        let of_principal = principal.map(|p| p.passwords).unwrap_or_default();
        let candidate = |c: &Credential, of_principal| Candidate {
            key_id: c.key_id,
            name: c.display_name.clone(),
            start: c.start,
            end: c.end,
            of_principal,
            fits: c.hint.as_ref().is_none_or(|hint| value.begins_with(hint)),
            hinted: c.hint.is_some(),
        };
        let own = of_application.iter().map(|c| candidate(c, false));
        Ok(own.chain(of_principal.iter().map(|c| candidate(c, true))).collect())
    }

    /// One accepted sign-in is enough.
    async fn sign_ins(&self, value: &SecretValue) -> Vec<SignIn> {
        let mut answers = Vec::new();
        while answers.len() < SIGN_INS && !self.stop.requested() {
            if !answers.is_empty() {
                pause(self.clock, self.stop, SPACING).await;
            }
            let (answer, trace) = self.services.sign_in(value).await;
            trace.date.into_iter().for_each(|date| self.clock.observe(date));
            let accepted = answer.accepted();
            answers.push(answer);
            if accepted {
                break;
            }
        }
        answers
    }

    async fn ask<T>(&self, ask: impl AsyncFn() -> Read<T>) -> Result<T, Refusal> {
        let answer = patiently(self.clock, self.stop, self.patience, |_| (), ask).await;
        answer.map(|(t, _)| t).map_err(|(refusal, _)| refusal)
    }
}
