//! What is told: whether the application signs in, and the causes, most likely first.

use serde::Serialize;

use crate::refusals::Words;
use crate::rotation::names::{KeyId, VersionId};

/// Whether what the vaults serve signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// From every vault, each time.
    SignsIn,
    /// From at least one vault it does not.
    Fails,
    /// It was seen neither to sign in everywhere nor to fail.
    CannotTell,
}

/// One vault on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultLine {
    /// The vault's host name.
    pub vault: String,
    /// The secret's name.
    pub secret: String,
    /// The version that it serves.
    pub version: Option<VersionId>,
    /// The secret of the application that the value is taken for: by its tag, a journal, or the only one whose hint fits.
    pub key_id: Option<KeyId>,
    /// What the sign-ins answered, or why there was none.
    pub says: String,
}

/// One cause, with its mend. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name: a heading of `docs/errors.md`.
    pub name: &'static str,
    /// What happened.
    pub happened: String,
    /// What is true now.
    pub now: String,
    /// What to run or to do.
    pub next: String,
    /// Lower comes first: the more it explains by itself.
    #[serde(skip)]
    pub(super) rank: u8,
}

impl Finding {
    pub(super) fn new(rank: u8, name: &'static str, happened: String, now: String, next: String) -> Finding {
        Finding { name, happened, now, next, rank }
    }

    pub(super) fn said(rank: u8, words: Words) -> Finding {
        Finding::new(rank, words.name, words.happened, words.now, words.next)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Whether it signs in.
    pub verdict: Verdict,
    /// The runbook's vaults, in its order.
    pub vaults: Vec<VaultLine>,
    /// The causes, most likely first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// In lines for a person.
    pub fn lines(&self) -> Vec<String> {
        let vault = |v: &VaultLine| {
            let version = v.version.map(|id| format!("version {id}, ")).unwrap_or_default();
            let key_id = v.key_id.map(|k| format!("key ID {k}, ")).unwrap_or_default();
            format!("{} in {}: {version}{key_id}{}", v.secret, v.vault, v.says)
        };
        let mut lines: Vec<String> = self.vaults.iter().map(vault).collect();
        for (n, finding) in self.findings.iter().enumerate() {
            lines.push(format!("{}. {}: {}", n.saturating_add(1), finding.name, finding.happened));
            lines.extend(Some(&finding.now).filter(|t| !t.is_empty()).map(|t| format!("   now: {t}")));
            lines.extend(Some(&finding.next).filter(|t| !t.is_empty()).map(|t| format!("   next: {t}")));
        }
        lines.push(match self.verdict {
            Verdict::SignsIn => "what every vault serves signs in; nothing was changed".to_owned(),
            Verdict::Fails => {
                "the application does not get tokens with what the vaults serve; nothing was changed".to_owned()
            }
            Verdict::CannotTell => "whether the application gets tokens could not be told; nothing was changed".to_owned(),
        });
        lines
    }
}
