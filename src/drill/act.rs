//! What incidents and people do to the world behind keyrelay's back.

use serde::Deserialize;

use crate::sandbox::faults::Written;

/// Things that are done together. What is not named is left as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Act {
    /// Requests come to harm from now on: rules as `docs/sandbox-faults.md` has them.
    pub(super) fault: Vec<Written>,
    /// All rules are taken away.
    pub(super) clear_faults: bool,
    /// What the identity that rotates may do in a vault.
    pub(super) vault_rights: Option<Rights>,
    /// Somebody writes a vault's secret by hand.
    pub(super) by_hand: Option<ByHand>,
    /// Somebody removes the old secret.
    pub(super) remove_old: bool,
    /// Somebody removes the secrets of abandoned runs that no vault serves.
    pub(super) remove_orphans: bool,
    /// Another agent, on another machine that knows nothing of this one's journals, starts a rotation.
    pub(super) second_agent: bool,
    /// Consumers of these names are restarted: they read again.
    pub(super) restart: Vec<String>,
    /// Fields of the runbook are changed, for the rotations that are started from then on.
    pub(super) runbook: toml::Table,
    /// Which of the runbook's vaults is meant, from 0; all of them if none is.
    pub(super) vault: Option<u8>,
}

/// What an identity may do in a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rights {
    /// Nothing.
    None,
    /// Read.
    User,
    /// Everything.
    Officer,
}

/// What a person puts into a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ByHand {
    /// A secret that they add to the application for it, without telling anybody.
    NewSecret,
    /// The value that was there before the run.
    OldValue,
    /// Text that signs nobody in.
    Junk,
}

impl Act {
    /// Whether it can be done in a drill.
    pub(super) fn check(&self, whose: &str) -> Result<(), String> {
        for fault in &self.fault {
            fault.rule().map_err(|why| format!("{whose}: {why}"))?;
            if ["slow", "empty-page"].contains(&fault.deed.as_str()) {
                let deed = &fault.deed;
                return Err(format!(
                    "{whose}: do = \"{deed}\" is for a sandbox that is served; a drill has neither pages nor slowness"
                ));
            }
        }
        Ok(())
    }
}
