//! What differs when a secret has leaked.

use serde::{Deserialize, Serialize};

use super::Proof;
use super::duration::HumanDuration;
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;

/// The `[emergency]` table: what holds for `rotate --emergency` and `revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InEmergency {
    /// `proof`: the proof window of an emergency, of the new value and of the leaked one's death; no longer than `proof.window`,
    /// longer than `proof.spacing`, at least 1m; in the sandbox also 0s. Default: `proof.window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<HumanDuration>,
    /// `dead_within`: how long a replica that still accepts the removed secret is waited out before the run ends as *removed, not
    /// proven dead*; more than 0s. Default: 15m.
    pub dead_within: HumanDuration,
}

impl Default for InEmergency {
    fn default() -> InEmergency {
        InEmergency { proof: None, dead_within: HumanDuration::minutes(15) }
    }
}

impl InEmergency {
    /// Whether the file says nothing about emergencies, as no journal from before they were there does.
    pub(super) fn is_default(&self) -> bool {
        *self == InEmergency::default()
    }
}

pub(super) fn read(top: &Table<'_>, proof: Option<&Proof>, real: bool, p: &mut Problems<'_>) -> Checked<InEmergency> {
    let t = top.table("emergency", p)?;
    t.only_fields_of("emergency", p);
    let window = t.optional::<HumanDuration>("proof", p);
    let within = t.or("dead_within", InEmergency::default().dead_within, p);
    let within = t.more_than_zero("dead_within", within, p);
    if let (Ok(Some(window)), Some(proof)) = (window.as_ref(), proof) {
        if *window > proof.window {
            let what = format!("is longer than `proof.window` ({}): an emergency shortens it", proof.window);
            t.wrong("proof", Wrong::new(what, "Write a shorter one, or leave the field out"), p);
        } else if real && *window < HumanDuration::minutes(1) {
            let what = "is too short: the replicas of the sign-in service may not agree yet (assumption A2)";
            t.wrong("proof", Wrong::new(what, "Write at least \"1m\""), p);
        } else if *window <= proof.spacing && *window != HumanDuration::ZERO {
            let what = format!("is not longer than `proof.spacing` ({}): it would hold a single sign-in", proof.spacing);
            t.wrong("proof", Wrong::new(what, "Write a longer one, or sign in more often"), p);
        }
    }
    Ok(InEmergency { proof: window?, dead_within: within? })
}
