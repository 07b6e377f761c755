//! Durations as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names::Form;
use super::problem::Wrong;

/// A duration from 0s to 3650 days, written with units: `48h`, `15m`, `1h 30m`, `500ms`, `180d`.
///
/// Months and years are refused, because `1M` and `1m` are easily confused and neither month nor year has one length. It is
/// written back in the same manner, days from three on: `48h`, `3d`, `180d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(Duration);

const DAY: u64 = 24 * 3600;
const LONGEST: Duration = Duration::from_secs(3650 * DAY);
const EXAMPLE: &str = "Write a number with its unit, such as \"48h\", \"15m\", \"30s\" or \"180d\"";

impl HumanDuration {
    /// No time at all.
    pub const ZERO: HumanDuration = HumanDuration(Duration::ZERO);

    /// So many seconds.
    pub(super) const fn seconds(n: u32) -> HumanDuration {
        HumanDuration(Duration::from_secs(n as u64))
    }

    /// So many minutes.
    pub(super) const fn minutes(n: u32) -> HumanDuration {
        HumanDuration(Duration::from_secs(n as u64 * 60))
    }

    /// So many days.
    pub(super) const fn days(n: u32) -> HumanDuration {
        HumanDuration(Duration::from_secs(n as u64 * DAY))
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Form for HumanDuration {
    const EXAMPLE: &'static str = "24h";
    const NAME: &'static str = "a duration";
}

impl FromStr for HumanDuration {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let s = s.trim();
        if s.starts_with(['-', '\u{2212}']) {
            return Err(Wrong::new("is negative", "Write how long to wait, from \"0s\" up"));
        }
        if s.len() > 64 || s.is_empty() {
            return Err(Wrong::new("is not a duration", EXAMPLE));
        }
        if s.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(Wrong::new("has no unit", EXAMPLE));
        }
        let mut units = s.split(|c: char| !c.is_alphabetic());
        if units.any(|u| u == "M" || u.starts_with("mon") || u.starts_with('y')) {
            return Err(Wrong::new("counts in months or years, which have no fixed length", "Write days, such as \"180d\""));
        }
        let too_long = || Wrong::new("is longer than ten years", "Write at most \"3650d\"");
        match humantime::parse_duration(s) {
            Ok(d) if d > LONGEST => Err(too_long()),
            Ok(d) => Ok(HumanDuration(d)),
            Err(humantime::DurationError::NumberOverflow) => Err(too_long()),
            Err(_) => Err(Wrong::new("is not a duration", EXAMPLE)),
        }
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, n) = (self.0.as_secs(), u64::from(self.0.subsec_nanos()));
        let d = if s >= 3 * DAY { s / DAY } else { 0 };
        let parts = [
            (d, "d"),
            ((s - d * DAY) / 3600, "h"),
            (s % 3600 / 60, "m"),
            (s % 60, "s"),
            (n / 1_000_000, "ms"),
            (n / 1000 % 1000, "us"),
            (n % 1000, "ns"),
        ];
        let written: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        f.write_str(if written.is_empty() { "0s".to_owned() } else { written.join(" ") }.as_str())
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = Wrong;
    fn try_from(s: String) -> Result<Self, Wrong> {
        s.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(d: HumanDuration) -> String {
        d.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: &str) -> u64 {
        s.parse::<HumanDuration>().unwrap().get().as_secs()
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(seconds("48h"), 172_800);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("180d"), 15_552_000);
        assert_eq!(seconds("1h 30m"), 5_400);
        assert_eq!(seconds("2 weeks"), 1_209_600);
        assert_eq!(seconds("0s"), 0);
        assert_eq!("500ms".parse::<HumanDuration>().unwrap().get(), Duration::from_millis(500));
    }

    #[test]
    fn durations_are_written_back_in_the_same_manner() {
        for s in ["0s", "500ms", "15m", "24h", "48h", "3d", "180d", "1h 30m", "3d 12h", "1m 30s 250ms"] {
            assert_eq!(s.parse::<HumanDuration>().unwrap().to_string(), s);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_its_own_reason() {
        let what = |s: &str| s.parse::<HumanDuration>().unwrap_err().what;
        assert_eq!(what("-5m"), "is negative");
        assert_eq!(what("24"), "has no unit");
        assert_eq!(what("1.5"), "has no unit");
        assert_eq!(what("3651d"), "is longer than ten years");
        assert_eq!(what("99999999999999999999d"), "is longer than ten years");
        assert_eq!(what("1M"), "counts in months or years, which have no fixed length");
        assert_eq!(what("2 months"), "counts in months or years, which have no fixed length");
        assert_eq!(what("1y"), "counts in months or years, which have no fixed length");
        assert_eq!(what("a while"), "is not a duration");
        assert_eq!(what(""), "is not a duration");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(s in "\\PC*") {
            let _ = s.parse::<HumanDuration>();
        }

        #[test]
        fn near_misses_never_panic(s in "[0-9.]{0,24} ?[a-zµ]{0,6}") {
            let _ = s.parse::<HumanDuration>();
        }

        #[test]
        fn every_duration_round_trips(secs in 0..=3650 * DAY - 1, nanos in 0..1_000_000_000u32) {
            let d = HumanDuration(Duration::new(secs, nanos));
            prop_assert_eq!(d.to_string().parse::<HumanDuration>().unwrap(), d);
        }
    }
}
