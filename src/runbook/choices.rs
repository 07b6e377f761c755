//! The decisions that a runbook takes beforehand, each one word.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, not_one_of};
use super::problem::Wrong;

/// When the old secret is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delete {
    /// `auto`: after the overlap.
    Auto,
    /// `on-release`: after the overlap, once somebody has said `keyrelay release`.
    OnRelease,
    /// `never`: it is left to its own end date.
    Never,
}

impl Delete {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Delete; 3] = [Delete::Auto, Delete::OnRelease, Delete::Never];

    /// As it is written in a runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Delete::Auto => "auto",
            Delete::OnRelease => "on-release",
            Delete::Never => "never",
        }
    }
}

impl Form for Delete {
    const NAME: &'static str = "when the old secret is removed";
    const EXAMPLE: &'static str = "auto";
}

impl FromStr for Delete {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let found = Delete::ALL.into_iter().find(|d| d.as_str() == s);
        found.ok_or_else(|| not_one_of("a way to treat the old secret", Delete::ALL.map(Delete::as_str).as_slice()))
    }
}

impl fmt::Display for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run does that fails after something may have been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// `operator`: pause and wait for a person.
    Operator,
    /// `rollback`: put the old value back.
    Rollback,
}

impl OnFailure {
    /// All of them, in the order in which messages list them.
    pub const ALL: [OnFailure; 2] = [OnFailure::Operator, OnFailure::Rollback];

    /// As it is written in a runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            OnFailure::Operator => "operator",
            OnFailure::Rollback => "rollback",
        }
    }
}

impl Form for OnFailure {
    const NAME: &'static str = "what a failed run does";
    const EXAMPLE: &'static str = "operator";
}

impl FromStr for OnFailure {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let found = OnFailure::ALL.into_iter().find(|d| d.as_str() == s);
        found.ok_or_else(|| not_one_of("what a failed run can do", OnFailure::ALL.map(OnFailure::as_str).as_slice()))
    }
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the sign-in records decide when the overlap is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrainMode {
    /// `off`: they are not read.
    #[default]
    Off,
    /// `observe`: they are read at the end of the overlap, and what they say is written down.
    Observe,
    /// `require`: the overlap goes on until they say that nobody uses the old secret any more.
    Require,
}

impl DrainMode {
    /// All of them, in the order in which messages list them.
    pub const ALL: [DrainMode; 3] = [DrainMode::Off, DrainMode::Observe, DrainMode::Require];

    /// As it is written in a runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            DrainMode::Off => "off",
            DrainMode::Observe => "observe",
            DrainMode::Require => "require",
        }
    }
}

impl Form for DrainMode {
    const NAME: &'static str = "what the sign-in records decide";
    const EXAMPLE: &'static str = "observe";
}

impl FromStr for DrainMode {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let found = DrainMode::ALL.into_iter().find(|d| d.as_str() == s);
        found.ok_or_else(|| {
            not_one_of("what the sign-in records can decide", DrainMode::ALL.map(DrainMode::as_str).as_slice())
        })
    }
}

impl fmt::Display for DrainMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cloud;
    use super::*;

    fn in_json(value: impl Serialize) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn a_runbook_and_a_journal_spell_them_alike() {
        for d in Delete::ALL {
            assert_eq!(in_json(d), in_json(d.as_str()));
        }
        for o in OnFailure::ALL {
            assert_eq!(in_json(o), in_json(o.as_str()));
        }
        for d in DrainMode::ALL {
            assert_eq!(in_json(d), in_json(d.as_str()));
        }
        for c in Cloud::NAMED {
            assert_eq!(in_json(&c), in_json(c.as_str()));
        }
    }
}
