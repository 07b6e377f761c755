//! What the sign-in records say of one credential: who has used it, or why that cannot be known. Plain data.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answers::Refusal;
use super::names::KeyId;

/// The sign-ins with a credential from `since` on, as far as they were read. Our own, which their ids give away, are counted
/// apart; all others are foreign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Which credential.
    pub key_id: KeyId,
    /// From when on was asked for.
    pub since: Timestamp,
    /// Sign-ins after this may not be in the log yet: the time of the answer less the assumed log delay.
    pub until: Timestamp,
    /// Why it cannot be known who signed in between `since` and `until`. What was counted is then at least so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// Foreign sign-ins.
    pub total: u64,
    /// Those of them that came from the runbook's `expected_networks`.
    pub expected: u64,
    /// Our own.
    pub own: u64,
    /// The latest foreign one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Where they came from, the latest first.
    pub sources: Vec<Source>,
    /// How many more sources there are than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Sign-ins from one address to one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address; none if the log does not tell one.
    pub address: Option<IpAddr>,
    /// What the tokens were for.
    pub resource: String,
    /// Whether the address is in the runbook's `expected_networks`.
    pub expected: bool,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// How many.
    pub count: u64,
    /// How many of them were refused.
    pub failed: u64,
}

/// Why the log does not tell who signed in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", deny_unknown_fields)]
pub enum Unknown {
    /// The tenant has no Entra ID P1 or P2.
    LicenceMissing,
    /// `AuditLog.Read.All` is missing.
    PermissionMissing {
        /// In Graph's words.
        refusal: Refusal,
    },
    /// Asked to slow down for longer than we wait.
    Throttled,
    /// No answer, or one that is none.
    NoAnswer {
        /// The last.
        refusal: Refusal,
    },
    /// Nothing of the time that was asked for can be in the log yet.
    LogDelay {
        /// Ask again then.
        until: Timestamp,
    },
    /// The log has forgotten the beginning.
    Retention {
        /// It begins here.
        from: Timestamp,
    },
    /// There are more records than are read at once, or the reading was stopped.
    CutShort {
        /// All later ones were read.
        read_back_to: Timestamp,
    },
    /// Successful sign-ins of the application that may have been with a secret do not say with which.
    NoKeyId {
        /// How many.
        count: u64,
    },
}

impl Unknown {
    /// Its name: the word in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Unknown::LicenceMissing => "licence-missing",
            Unknown::PermissionMissing { .. } => "permission-missing",
            Unknown::Throttled => "throttled",
            Unknown::NoAnswer { .. } => "no-answer",
            Unknown::LogDelay { .. } => "log-delay",
            Unknown::Retention { .. } => "retention",
            Unknown::CutShort { .. } => "cut-short",
            Unknown::NoKeyId { .. } => "no-key-id",
        }
    }

    /// Whether asking again later may tell.
    pub fn passes(&self) -> bool {
        match self {
            Unknown::Throttled | Unknown::LogDelay { .. } | Unknown::CutShort { .. } | Unknown::NoKeyId { .. } => true,
            Unknown::NoAnswer { refusal } => refusal.kind.passes(),
            Unknown::LicenceMissing | Unknown::PermissionMissing { .. } | Unknown::Retention { .. } => false,
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Unknown::LicenceMissing => {
                "the tenant has no Entra ID P1 or P2, without which sign-in records cannot be read".to_owned()
            }
            Unknown::PermissionMissing { .. } => {
                "the identity that asks may not read sign-in records: it lacks the application permission AuditLog.Read.All"
                    .to_owned()
            }
            Unknown::Throttled => "Microsoft Graph asked to slow down for longer than was waited".to_owned(),
            Unknown::NoAnswer { refusal } => {
                let told = Refusal { message: String::new(), ..refusal.clone() };
                format!("Microsoft Graph {told}")
            }
            Unknown::LogDelay { until } => format!("records of that time may still be missing; ask again at {until}"),
            Unknown::Retention { from } => format!("the log keeps nothing from before {from}"),
            Unknown::CutShort { read_back_to } => {
                format!("there are more records than are read at once; all since {read_back_to} were read")
            }
            Unknown::NoKeyId { count } => {
                format!("{count} successful sign-ins of the application do not say with which credential")
            }
        }
    }
}

/// What comes of asking whether a credential is idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idleness<'a> {
    /// Nobody else has signed in with it for so long.
    Idle,
    /// Somebody has; it counts as idle from then on at the earliest.
    InUse {
        /// If nobody signs in with it any more.
        idle_at: Timestamp,
    },
    /// It cannot be known.
    CannotKnow(&'a Unknown),
}

impl Usage {
    /// Whether the credential has been idle for `idle`. It counts from the last foreign record plus the assumed log delay: what
    /// happened after [`Usage::until`] is not known yet.
    pub fn idleness(&self, log_delay: SignedDuration, idle: SignedDuration) -> Idleness<'_> {
        let after = |t: Timestamp| super::state::after(t, log_delay.saturating_add(idle));
        match (self.last, &self.unknown) {
            // a record is a record, however little else is known
            (Some(last), _) if self.until.duration_since(last) < idle => Idleness::InUse { idle_at: after(last) },
            (_, Some(unknown)) => Idleness::CannotKnow(unknown),
            (Some(_) | None, None) => Idleness::Idle,
        }
    }

    /// Foreign sign-ins from elsewhere than the expected networks.
    pub fn unexpected(&self) -> u64 {
        self.total.saturating_sub(self.expected)
    }

    /// The same with no more than `most` sources: unexpected ones first, then the latest.
    #[must_use]
    pub fn with_sources(mut self, most: usize) -> Usage {
        self.sources.sort_by_key(|s| (s.expected, std::cmp::Reverse(s.last)));
        let left = self.sources.len().saturating_sub(most);
        self.more = self.more.saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
        self.sources.truncate(most);
        self.sources.sort_by_key(|s| std::cmp::Reverse(s.last));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::RefusalKind;
    use super::*;

    fn t(hour: i64) -> Timestamp {
        "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
    }

    fn usage(last: Option<Timestamp>, unknown: Option<Unknown>) -> Usage {
        let key_id = KeyId(uuid::Uuid::from_u128(1));
        let (since, until) = (t(0), t(10));
        let total = u64::from(last.is_some());
        Usage { key_id, since, until, unknown, total, expected: 0, own: 0, last, sources: Vec::new(), more: 0 }
    }

    #[test]
    fn idle_counts_from_the_last_foreign_record_plus_the_log_delay() {
        let (delay, idle) = (SignedDuration::from_hours(2), SignedDuration::from_hours(4));
        let is = |last| usage(last, None).idleness(delay, idle) == Idleness::Idle;
        assert!(is(None) && is(Some(t(6))), "read at hour 12, the log reaches to hour 10");
        let used = usage(Some(t(7)), None);
        assert_eq!(used.idleness(delay, idle), Idleness::InUse { idle_at: t(13) });
        // what is seen counts, even if not all is
        let unknown = Some(Unknown::Throttled);
        assert_eq!(usage(Some(t(7)), unknown.clone()).idleness(delay, idle), Idleness::InUse { idle_at: t(13) });
        let throttled = usage(Some(t(5)), unknown);
        assert_eq!(throttled.idleness(delay, idle), Idleness::CannotKnow(&Unknown::Throttled));
    }

    fn refusal(kind: RefusalKind) -> Refusal {
        let (code, message) = ("Denied".to_owned(), "in Graph's own words".to_owned());
        Refusal { kind, status: Some(403), code, message, retry_after: None }
    }

    #[test]
    fn why_it_cannot_be_known_has_a_name_a_sentence_and_an_end_or_none() {
        let all = [
            (Unknown::LicenceMissing, false, "P1 or P2"),
            (Unknown::PermissionMissing { refusal: refusal(RefusalKind::Forbidden) }, false, "AuditLog.Read.All"),
            (Unknown::Throttled, true, "slow down"),
            (Unknown::NoAnswer { refusal: refusal(RefusalKind::Unreachable) }, true, "HTTP 403, Denied"),
            (Unknown::NoAnswer { refusal: refusal(RefusalKind::Rejected) }, false, "HTTP 403, Denied"),
            (Unknown::LogDelay { until: t(3) }, true, "ask again at 2026-11-22T03:00:00Z"),
            (Unknown::Retention { from: t(4) }, false, "from before 2026-11-22T04:00:00Z"),
            (Unknown::CutShort { read_back_to: t(5) }, true, "all since 2026-11-22T05:00:00Z"),
            (Unknown::NoKeyId { count: 6 }, true, "6 successful sign-ins"),
        ];
        for (unknown, passes, words) in all {
            assert_eq!(serde_json::to_value(&unknown).unwrap()["is"], unknown.name());
            assert_eq!(unknown.passes(), passes, "{unknown:?}");
            let sentence = unknown.sentence();
            assert!(sentence.contains(words), "{sentence}");
            assert!(!sentence.contains("own words"), "what a service says is quoted in one place only: {sentence}");
        }
    }

    #[test]
    fn what_was_counted() {
        let mut told = Usage { total: 7, expected: 4, ..usage(None, None) };
        assert_eq!(told.unexpected(), 3);
        assert_eq!(serde_json::to_value(&told).unwrap().get("more"), None);
        told.more = 1;
        assert_eq!(serde_json::to_value(&told).unwrap()["more"], 1);
    }

    #[test]
    fn of_many_sources_the_unexpected_are_kept() {
        let source = |n: i64, expected| Source {
            address: None,
            resource: n.to_string(),
            expected,
            first: t(n),
            last: t(n),
            count: 1,
            failed: 0,
        };
        let all = Usage { sources: vec![source(9, true), source(8, true), source(1, false)], ..usage(None, None) };
        let kept = all.with_sources(2);
        assert_eq!(kept.sources.iter().map(|s| s.resource.as_str()).collect::<Vec<_>>(), ["9", "1"]);
        assert_eq!(kept.more, 1);
        assert_eq!(kept.clone().with_sources(2), kept);
    }
}
