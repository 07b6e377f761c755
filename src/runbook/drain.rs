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

impl Drain {
    /// Whether it is what holds where the runbook says nothing: then nothing of it is written down.
    pub(super) fn is_default(&self) -> bool {
        *self == Drain::default()
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
    if let (Ok(log_delay), Ok(idle)) = (log_delay, idle)
        && log_delay.get() + idle.get() > HumanDuration::days(29).get()
    {
        let what = "is longer, with `drain_log_delay`, than sign-in records are kept: thirty days";
        top.wrong("drain_idle", Wrong::new(what, "Write at most \"28d\"; \"24h\" is the default"), p);
    }
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

#[cfg(test)]
mod tests {
    use super::super::Runbook;
    use super::*;

    fn runbook(fields: &str) -> Result<Runbook, super::super::RunbookError> {
        let text = format!(
            "cloud = \"sandbox\"\ntenant = \"5a9db0c5-7e4a-4000-8000-000000000001\"\n\
             client_id = \"5a9db0c5-b111-4000-8000-000000000001\"\nowner = \"x\"\ncontact = \"y\"\n{fields}\n\
             [[vault]]\nurl = \"https://v.vault.sandbox.localhost\"\nsecret = \"s\"\n"
        );
        Runbook::parse(text.as_bytes(), "x.toml")
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let runbook = runbook("").unwrap();
        assert_eq!((runbook.drain, runbook.expected_networks.is_empty()), (Drain::default(), true));
        assert_eq!(runbook.drain.log_delay.to_string(), "2h");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let says = |fields: &str| runbook(fields).unwrap_err().problems[0].to_string();
        assert!(says("expected_networks = [\"10.0.0.0/8\", \"nowhere\"]").contains("holds one that is no network"));
        assert!(says("expected_networks = \"10.0.0.0/8\"").contains("`expected_networks`"));
        assert!(says("drain = \"perhaps\"").contains("\"observe\""));
        assert!(says("drain_idle = \"0s\"").contains("is zero"));
        assert!(says("drain_idle = \"29d\"").contains("thirty days"));
        assert!(runbook("drain_idle = \"28d\"").is_ok());
        assert!(says("drained = \"observe\"").contains("drain"));
    }
}
