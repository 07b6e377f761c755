//! Reading the log: page after page, no faster than the service allows, and never the whole of it at once.

use jiff::{SignedDuration, Timestamp};

use super::own::Recognising;
use super::tally::Tally;
use super::{Question, Unknown, Usage};
use crate::clock::Clock;
use crate::driver::patience::{patiently, pause};
use crate::driver::{Patience, Stop};
use crate::ports::{NextPage, SignIns};
use crate::rotation::answers::{Refusal, RefusalKind};

/// How long records are kept with Entra ID P1 or P2 (learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention).
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Five requests in ten seconds are answered (learn.microsoft.com/graph/throttling-limits): after so many, a rest.
const BURST: u32 = 5;
const REST: SignedDuration = SignedDuration::from_millis(10_500);

/// The most pages that are read: a million records, which takes more than half an hour.
const PAGES: u32 = 1000;

/// The code of Graph for a tenant without a premium licence.
const NOT_PREMIUM: &str = "NonPremiumTenant";

/// Reads all records since then and counts those of the credential. Never fails: what cannot be known is part of the answer.
pub async fn read<S: SignIns, C: Clock, P: Stop>(
    services: &S,
    clock: &C,
    stop: &P,
    patience: Patience,
    question: &Question<'_>,
) -> Usage {
    let Question { key_id, since, by } = *question;
    let mut tally = Tally::new(key_id, &by.networks, Recognising::new(&by.own));
    let ended = pages(services, clock, stop, patience, since, &mut tally).await;
    // without an answer there is no service time, and nothing was counted either
    let until = clock.now().map_or(since, |now| before(now, by.log_delay));
    let unknown = match ended {
        Err(why) => Some(why),
        Ok(()) => too_early(clock.now(), since, by.log_delay).or(match tally.without_key {
            0 => None,
            count => Some(Unknown::NoKeyId { count }),
        }),
    };
    let own = tally.own;
    let sources = tally.sources();
    let sum = |expected: bool| sources.iter().filter(|s| s.expected || !expected).map(|s| s.count).sum();
    let last = sources.iter().map(|s| s.last).max();
    Usage { key_id, since, until, unknown, total: sum(false), expected: sum(true), own, last, sources, more: 0 }
}

async fn pages<S: SignIns, C: Clock, P: Stop>(
    services: &S,
    clock: &C,
    stop: &P,
    patience: Patience,
    since: Timestamp,
    tally: &mut Tally<'_>,
) -> Result<(), Unknown> {
    let mut next: Option<NextPage> = None;
    for number in 1..=PAGES {
        let ask = async || services.sign_ins(since, next.as_ref()).await;
        let page = match patiently(clock, stop, patience, |_| (), ask).await {
            Ok((page, _)) => page,
            Err((refusal, _)) => return Err(unknown(refusal)),
        };
        page.records.into_iter().for_each(|record| tally.add(record));
        let Some(more) = page.next else { return Ok(()) };
        next = Some(more);
        if number % BURST == 0 {
            pause(clock, stop, REST).await;
        }
        if stop.requested() {
            break;
        }
    }
    Err(Unknown::CutShort { read_back_to: tally.back_to.unwrap_or(Timestamp::MAX) })
}

fn unknown(refusal: Refusal) -> Unknown {
    match refusal.kind {
        RefusalKind::Forbidden if refusal.code.contains(NOT_PREMIUM) => Unknown::LicenceMissing,
        RefusalKind::Forbidden => Unknown::PermissionMissing { refusal },
        RefusalKind::Throttled => Unknown::Throttled,
        RefusalKind::Unreachable | RefusalKind::Unanswered | RefusalKind::Conflict | RefusalKind::NotFound => {
            Unknown::NoAnswer { refusal }
        }
        RefusalKind::Unauthenticated | RefusalKind::Firewall | RefusalKind::NoRoom | RefusalKind::Policy => {
            Unknown::NoAnswer { refusal }
        }
        RefusalKind::Disabled | RefusalKind::SoftDeleted | RefusalKind::BeingDeleted | RefusalKind::Rejected => {
            Unknown::NoAnswer { refusal }
        }
        RefusalKind::BadAnswer => Unknown::NoAnswer { refusal },
    }
}

/// What the log cannot know for its age: it has forgotten the beginning, or has not got to it yet.
fn too_early(now: Option<Timestamp>, since: Timestamp, log_delay: SignedDuration) -> Option<Unknown> {
    let now = now?;
    let from = before(now, RETENTION);
    if since < from {
        return Some(Unknown::Retention { from });
    }
    let until = since.checked_add(log_delay).unwrap_or(Timestamp::MAX);
    (now < until).then_some(Unknown::LogDelay { until })
}

fn before(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}
