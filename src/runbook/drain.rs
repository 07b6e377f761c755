//! The fields about sign-in records: who is expected to sign in, and whether their end is waited for.

use serde::{Deserialize, Serialize};

use super::choices::DrainMode;
use super::duration::HumanDuration;
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;
use crate::usage::{Network, Networks};

/// The most networks that one runbook names.
const NETWORKS: usize = 200;

/// The fields `drain` and `drain_*`: what the sign-in records of the old secret decide at the end of the overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// `drain`: `off`, `observe` or `require`. Default: `off`.
    pub mode: DrainMode,
    /// `drain_log_delay`: how long a record may take to be seen. Nobody promises a bound. Default: 2h.
    pub log_delay: HumanDuration,
    /// `drain_idle`: for how long nobody must have signed in with the old secret. More than 0s, and longer than its consumers
    /// go without signing in. Default: 24h.
    pub idle: HumanDuration,
    /// `drain_within`: the longest wait beyond the overlap, more than 0s; then the run needs an operator. Default: 14d.
    pub within: HumanDuration,
}

impl Default for Drain {
    fn default() -> Drain {
        Drain {
            mode: DrainMode::Off,
            log_delay: HumanDuration::minutes(120),
            idle: HumanDuration::days(1),
            within: HumanDuration::days(14),
        }
    }
}

pub(super) fn read(top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Drain> {
    let default = Drain::default();
    let mode = top.or("drain", default.mode, p);
    let log_delay = top.or("drain_log_delay", default.log_delay, p);
    let idle = top.or("drain_idle", default.idle, p);
    let idle = top.more_than_zero("drain_idle", idle, p);
    let within = top.or("drain_within", default.within, p);
    let within = top.more_than_zero("drain_within", within, p);
    Ok(Drain { mode: mode?, log_delay: log_delay?, idle: idle?, within: within? })
}

pub(super) fn networks(top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Networks> {
    const FIELD: &str = "expected_networks";
    let Some(texts) = top.texts(FIELD, p)? else { return Ok(Networks::default()) };
    if texts.len() > NETWORKS {
        let wrong = Wrong::new("names more than 200 networks", "Write wider networks, or those that matter");
        return Err(top.wrong(FIELD, wrong, p));
    }
    let parsed: Result<Vec<Network>, Wrong> = texts.iter().map(|t| t.parse()).collect();
    parsed
        .map(Networks)
        .map_err(|wrong| top.wrong(FIELD, Wrong::new(format!("holds one that {}", wrong.what), wrong.instead), p))
}
