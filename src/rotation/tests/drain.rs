//! Whether and for how long the overlap goes on because the old secret is in use.

use super::super::effect::{Effect, Reading};
use super::super::event::Event;
use super::super::plan::{Drain, Way};
use super::super::state::{Hold, Phase};
use super::super::usage::{Unknown, Usage};
use super::*;
use crate::rotation::Reason;

/// Idle for a minute; a record may take another to be seen; ten minutes beyond the overlap at most.
pub(super) fn drained() -> Plan {
    let drain = Drain { require: true, log_delay: seconds(60), idle: seconds(60), within: seconds(600) };
    Plan { drain: Some(drain), ..plan() }
}

/// The overlap of an hour, and the second that a `Date` may lag, has begun at 100.
pub(super) fn waiting(plan: Plan) -> Rotation {
    let mut run = standing(plan, Phase::Wait);
    (run.confirmed_at, run.deadline) = (Some(at(100)), Some(at(3701)));
    run
}

/// The records as they were read at `n`.
fn usage(key_id: KeyId, n: i64, last: Option<i64>, unknown: Option<Unknown>) -> Usage {
    Usage {
        key_id,
        since: at(n - 120),
        until: at(n - 60),
        unknown,
        total: u64::from(last.is_some()),
        expected: 0,
        own: 0,
        last: last.map(at),
        sources: Vec::new(),
        more: 0,
    }
}

#[test]
fn who_asks_whether_the_old_secret_is_idle() {
    assert_eq!(waiting(drained()).drained_by(), Some(at(4301)));
    let told = Drain { require: false, ..drained().drain.unwrap() };
    assert_eq!(waiting(Plan { drain: Some(told), ..plan() }).drained_by(), None, "it is written down and no more");
    for free in [
        waiting(plan()),
        Rotation { back: true, ..waiting(drained()) },
        Rotation { hold: Hold::Released, ..waiting(drained()) },
        waiting(Plan { delete: Delete::Never, ..drained() }),
        waiting(Plan { baseline: Baseline::None, ..drained() }),
        waiting(Plan { drain: drained().drain, ..super::emergency::leak(Way::Replace, false) }),
    ] {
        assert_eq!((free.drained_by(), free.drain_reading()), (None, None), "{free:?}");
    }
}

#[test]
fn the_overlap_goes_on_until_the_old_secret_is_idle_or_the_wait_is_too_long() {
    let read = |n: i64, last: Option<i64>, unknown: Option<Unknown>| {
        let usage = usage(OLD, n, last, unknown);
        let mut run = tell(&waiting(drained()), n, &Event::UsageRead { usage });
        let goes_on = run.goes_on_draining(at(n));
        (goes_on, run)
    };
    // used at 3690: idle when a minute has passed and the log has told so
    let (goes_on, run) = read(3701, Some(3690), None);
    assert_eq!((goes_on, run.deadline), (true, Some(at(3810))));
    let (goes_on, run) = read(3701, Some(3500), None);
    assert_eq!((goes_on, run.deadline, run.phase), (false, Some(at(3701)), Phase::Wait));
    // the last look is at the end of the wait
    assert_eq!(read(4300, Some(4290), None).1.deadline, Some(at(4301)));
    let stopped = |n, last, unknown| {
        let (_, run) = read(n, last, unknown);
        let Phase::NeedsOperator { reason: Reason::NotDrained { last, why }, .. } = run.phase else { return None };
        Some((last, why))
    };
    assert_eq!(stopped(4300, Some(4290), None), None);
    assert_eq!(stopped(4301, Some(4290), None), Some((Some(at(4290)), None)));
    // what cannot be known is asked again where that may help
    assert_eq!(read(3701, None, Some(Unknown::Throttled)).1.deadline, Some(at(3761)));
    assert_eq!(stopped(3701, None, Some(Unknown::LicenceMissing)), Some((None, Some(Unknown::LicenceMissing))));
}

#[test]
fn sign_in_records_of_another_credential_answer_nothing() {
    let run = waiting(drained());
    assert_eq!(run.next(at(3701)), Effect::Read(Reading::SignIns { key_id: OLD, since: at(3581) }));
    refuses(&run, 3701, &Event::UsageRead { usage: usage(NEW, 3701, None, None) });
    let told = tell(&run, 3701, &Event::UsageRead { usage: usage(OLD, 3701, None, None) });
    assert_eq!(told.next(at(3701)), Effect::Read(Reading::Credentials));
}
