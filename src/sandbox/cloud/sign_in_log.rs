//! The tenant's log of service principal sign-ins: who signed in with which credential, from where, to what.
//!
//! A record is seen some time after the sign-in, some are listed twice, and all are gone after thirty days
//! (learn.microsoft.com/graph/api/resources/signin, beta; the delay is nowhere promised).

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::random::Random;
use super::{AppRef, Cloud, CloudError, GRAPH_APP_ID, IssuedToken, Range, Resource, SignInError, SignInRequest};

/// How many sign-ins of clients are kept. A sandbox that signs in for days must not grow for ever, so the oldest go first.
const KEPT: usize = 1000;

/// How long records are kept where the tenant has a premium licence.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Reports and sign-in logs take so many requests of one application in so long (learn.microsoft.com/graph/throttling-limits).
const REQUESTS: usize = 5;
const IN: SignedDuration = SignedDuration::from_secs(10);

/// Where a sign-in comes from, as the services see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The caller's address. All callers of a sandbox are on loopback, unless [`Stage::callers_address`](super::Stage) says
    /// otherwise.
    pub address: IpAddr,
    /// The `client-request-id` that it sent: the record's `correlationId`.
    pub correlation_id: Option<Uuid>,
}

impl Default for Origin {
    fn default() -> Origin {
        Origin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), correlation_id: None }
    }
}

/// One sign-in of a service principal with a client secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignInRecord {
    /// `createdDateTime`.
    pub at: Timestamp,
    /// `appId`.
    pub client_id: Uuid,
    /// `servicePrincipalCredentialKeyId`; none where no credential fitted.
    pub key_id: Option<Uuid>,
    /// What the token was for; none where the sign-in was refused before that was looked at.
    pub resource: Option<Resource>,
    /// `ipAddress`.
    pub address: IpAddr,
    /// `correlationId`.
    pub correlation_id: Option<Uuid>,
    /// `status.errorCode`, 0 for a success.
    pub error: u32,
}

/// Sign-ins of one caller at even distances: what a test or a drill stages. A hundred thousand of them take no more room than one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignInSeries {
    /// The first of them.
    pub first: SignInRecord,
    /// From one to the next; no less than a millisecond.
    pub every: SignedDuration,
    /// How many.
    pub count: u64,
}

impl SignInSeries {
    pub(super) fn at(&self, index: u64) -> Timestamp {
        let millis = self.every.as_millis().max(1).saturating_mul(i128::from(index));
        let after = i64::try_from(millis).map_or(SignedDuration::MAX, SignedDuration::from_millis);
        self.first.at.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// The index of the latest that is not after `at`.
    pub(super) fn latest(&self, at: Timestamp) -> Option<u64> {
        let last = self.count.checked_sub(1)?;
        let passed = u64::try_from(at.duration_since(self.first.at).as_millis()).ok()?;
        let every = u64::try_from(self.every.as_millis().max(1)).unwrap_or(1);
        Some((passed / every).min(last)).filter(|i| self.at(*i) <= at)
    }
}

/// The log, and how it behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SignInLog {
    /// What clients did, oldest first.
    pub(super) made: VecDeque<SignInRecord>,
    /// How many were dropped before them.
    pub(super) dropped: u64,
    pub(super) staged: Vec<SignInSeries>,
    /// Until a record is seen; if nothing is staged, ten times as long as a credential takes to be known.
    pub(super) delay: Option<Range>,
    pub(super) unlicensed: bool,
    pub(super) callers_address: Option<IpAddr>,
    /// When each client last asked for a report.
    #[serde(skip)]
    asked: BTreeMap<Uuid, VecDeque<Timestamp>>,
}

impl SignInLog {
    /// The `id` of a record: of the sign-ins that clients made (0) or of the series with that number from 1 on.
    pub(super) fn id(source: usize, index: u64) -> Uuid {
        const BASE: u128 = 0x5a9d_b0c5_0106_4000_8000_0000_0000_0000;
        Uuid::from_u128(BASE | (source as u128) << 40 | u128::from(index) & 0xff_ffff_ffff)
    }
}

impl Cloud {
    /// One sign-in by a caller that the log will know by `origin`.
    pub fn sign_in_from(
        &mut self,
        now: Timestamp,
        request: &SignInRequest<'_>,
        origin: Origin,
    ) -> Result<IssuedToken, SignInError> {
        let answer = self.sign_in_somewhere(now, request);
        self.keep_record(now, request, origin, answer.as_ref().err());
        answer
    }

    /// What never got as far as the application is in nobody's log.
    fn keep_record(&mut self, at: Timestamp, request: &SignInRequest<'_>, origin: Origin, refused: Option<&SignInError>) {
        let error = refused.map_or(0, |e| e.code);
        let unanswered = refused.is_some_and(|e| matches!(e.status, 429 | 500..=599));
        let Some(client_id) = request.client_id.parse().ok().filter(|id| self.objects.principals.contains_key(id)) else {
            return;
        };
        if unanswered || self.check_tenant(request.tenant).is_err() {
            return;
        }
        // to a replica that does not know the secret it is nobody's
        let key_id = if error == 7_000_215 { None } else { request.secret.and_then(|s| self.holder_of(s)) };
        let resource = request.scope.split_whitespace().find_map(|s| self.resource(s.strip_suffix("/.default")?));
        let address = self.sign_in_log.callers_address.unwrap_or(origin.address);
        let correlation_id = origin.correlation_id;
        let record = SignInRecord { at, client_id, key_id, resource, address, correlation_id, error };
        // Written down with the next change: it is no change that anybody waits for.
        let log = &mut self.sign_in_log;
        log.made.push_back(record);
        if log.made.len() > KEPT {
            log.made.pop_front();
            log.dropped = log.dropped.saturating_add(1);
        }
    }

    /// Whether the tenant's licence, and the number of requests so far, allow a client to read reports. Counts as a request if
    /// they do.
    pub fn check_report(&mut self, now: Timestamp, client_id: Uuid) -> Result<(), CloudError> {
        let asked = self.sign_in_log.asked.entry(client_id).or_default();
        asked.retain(|at| now.duration_since(*at) < IN);
        if let Some(first) = asked.front().filter(|_| asked.len() >= REQUESTS) {
            let left = IN.saturating_sub(now.duration_since(*first)).as_secs().saturating_add(1);
            let after = super::RetryAfter::Seconds(u32::try_from(left).unwrap_or(1));
            let refusal = CloudError::new(429, "TooManyRequests", "Too many requests.");
            return Err(CloudError { retry_after: Some(after), ..refusal });
        }
        asked.push_back(now);
        if self.sign_in_log.unlicensed {
            let message = "Neither tenant is B2C or tenant doesn't have premium license";
            return Err(CloudError::new(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", message));
        }
        Ok(())
    }

    /// Whether a record is there to be read.
    pub(super) fn is_logged(&self, now: Timestamp, id: Uuid, at: Timestamp) -> bool {
        let tenfold = |ms: u64| ms.saturating_mul(10);
        let appears = self.profile.appears;
        let delay = self.sign_in_log.delay;
        let delay = delay.unwrap_or(Range { from_ms: tenfold(appears.from_ms), to_ms: tenfold(appears.to_ms) });
        let drawn = Random::new(id.as_u64_pair().1).between(delay.from_ms, delay.to_ms);
        let age = now.duration_since(at);
        age >= SignedDuration::from_millis(i64::try_from(drawn).unwrap_or(i64::MAX)) && age <= RETENTION
    }

    /// What a record's resource is called: its application ID and its name.
    pub fn resource_names(&self, resource: Resource) -> (Uuid, String) {
        // The IDs of Microsoft's own: learn.microsoft.com/troubleshoot/entra, "first-party applications".
        const KEY_VAULT: Uuid = Uuid::from_u128(0xcfa8_b339_82a2_471a_a3c9_0fc0_be7a_4093);
        const MANAGEMENT: Uuid = Uuid::from_u128(0x797f_4846_ba00_4fd7_ba43_dac1_f8f6_3013);
        match resource {
            Resource::Graph => (GRAPH_APP_ID, "Microsoft Graph".to_owned()),
            Resource::Vault => (KEY_VAULT, "Azure Key Vault".to_owned()),
            Resource::Management => (MANAGEMENT, "Windows Azure Service Management API".to_owned()),
            Resource::Application(id) => {
                let name = self.application(AppRef::Client(id)).map(|a| a.display_name.clone());
                (id, name.unwrap_or_default())
            }
        }
    }

    /// When a credential last signed in, as the report of credential activity has it: with the `id` of the sign-in.
    pub fn last_sign_in(&self, now: Timestamp, key_id: Uuid) -> Option<(Timestamp, Uuid)> {
        let log = &self.sign_in_log;
        let made = log.made.iter().zip(log.dropped..).map(|(r, index)| (r.key_id, r.error, r.at, SignInLog::id(0, index)));
        let staged = log.staged.iter().enumerate().filter_map(|(n, series)| {
            let index = series.latest(now)?;
            let id = SignInLog::id(n.saturating_add(1), index);
            Some((series.first.key_id, series.first.error, series.at(index), id))
        });
        let seen = made.chain(staged).filter(|(key, error, at, id)| {
            *key == Some(key_id) && *error == 0 && *at <= now && self.is_logged(now, *id, *at)
        });
        seen.map(|(_, _, at, id)| (at, id)).max()
    }
}
