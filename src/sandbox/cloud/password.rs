//! Password credentials, of applications and of service principals.

use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Cloud, Value};

/// What `addPassword` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PasswordSpec {
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`, default now.
    pub start: Option<Timestamp>,
    /// `endDateTime`, default two years after the start.
    pub end: Option<Timestamp>,
}

/// A password credential, with when each place sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PasswordCredential {
    /// `keyId`.
    pub key_id: Uuid,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`.
    pub start: Timestamp,
    /// `endDateTime`.
    pub end: Timestamp,
    /// `secretText`.
    pub value: Value,
    pub(super) added: Seen,
    /// `None` while it lives.
    pub(super) removed: Option<Seen>,
}

/// When lists and replicas see a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) lists: Timestamp,
    pub(super) replicas: Vec<Timestamp>,
}

/// Somewhere a change arrives at its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The lists of credentials.
    Lists,
    /// A sign-in replica, from 0.
    Replica(usize),
}

/// The answer of `addPassword`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// `keyId`.
    pub key_id: Uuid,
    /// `displayName`.
    pub display_name: Option<String>,
    /// `startDateTime`.
    pub start: Timestamp,
    /// `endDateTime`.
    pub end: Timestamp,
    /// `secretText`.
    pub value: Value,
}

impl PasswordCredential {
    /// Whether a list shows it at `now`.
    pub fn listed(&self, now: Timestamp) -> bool {
        self.added.lists <= now && self.removed.as_ref().is_none_or(|r| r.lists > now)
    }

    /// Whether the replica knows it at `now`, expired or not.
    pub fn known_to(&self, replica: usize, now: Timestamp) -> bool {
        let seen = |s: &Seen| s.replicas.get(replica).is_some_and(|at| *at <= now);
        seen(&self.added) && !self.removed.as_ref().is_some_and(seen)
    }

    /// Whether it is within its own dates.
    pub fn in_date(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// Whether it has been removed, seen everywhere or not.
    pub fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    /// Moves all but the end.
    pub(super) fn begin_later(&mut self, by: SignedDuration) {
        let seen = std::iter::once(&mut self.added).chain(self.removed.as_mut());
        let seen = seen.flat_map(|seen| std::iter::once(&mut seen.lists).chain(seen.replicas.iter_mut()));
        for at in seen.chain(std::iter::once(&mut self.start)) {
            *at = at.saturating_add(by).unwrap_or(*at);
        }
    }

    pub(super) fn replicas(&self) -> usize {
        self.added.replicas.len()
    }
}

/// `days` later, or the end of time.
pub(super) fn plus_days(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(days.saturating_mul(24))).unwrap_or(Timestamp::MAX)
}

/// A time that the directory makes itself: seven fraction digits.
fn server_time(now: Timestamp) -> Timestamp {
    now.round(jiff::TimestampRound::new().smallest(Unit::Nanosecond).increment(100).mode(jiff::RoundMode::Trunc))
        .unwrap_or(now)
}

impl PasswordSpec {
    /// Start and end: from now on, for two years, unless it says otherwise.
    pub(super) fn dates(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let start = self.start.unwrap_or_else(|| server_time(now));
        (start, self.end.unwrap_or_else(|| plus_days(start, 730)))
    }
}

impl Cloud {
    /// A credential that appears bit by bit.
    pub(super) fn new_password(&mut self, now: Timestamp, spec: PasswordSpec) -> PasswordCredential {
        let (start, end) = spec.dates(now);
        let (key_id, value) = (self.things.uuid(), Value::new(self.things.secret()));
        let (appears, lists) = (self.profile.appears, self.profile.lists);
        let added = Seen { lists: self.seen_at(now, lists), replicas: self.seen_at_each(now, appears) };
        PasswordCredential { key_id, display_name: spec.display_name, start, end, value, added, removed: None }
    }

    /// A credential that has always been there: seen everywhere.
    pub(super) fn old_password(&mut self, now: Timestamp, spec: PasswordSpec) -> PasswordCredential {
        let (start, end) = spec.dates(now);
        let (key_id, value) = (self.things.uuid(), Value::new(self.things.secret()));
        let added = Seen { lists: now, replicas: vec![now; usize::from(self.profile.replicas)] };
        PasswordCredential { key_id, display_name: spec.display_name, start, end, value, added, removed: None }
    }

    /// When a removal made at `now` is seen.
    pub(super) fn removal(&mut self, now: Timestamp) -> Seen {
        let (vanishes, lists) = (self.profile.vanishes, self.profile.lists);
        Seen { lists: self.seen_at(now, lists), replicas: self.seen_at_each(now, vanishes) }
    }
}

impl From<&PasswordCredential> for NewPassword {
    fn from(made: &PasswordCredential) -> NewPassword {
        let PasswordCredential { key_id, display_name, start, end, value, .. } = made.clone();
        NewPassword { key_id, display_name, start, end, value }
    }
}
