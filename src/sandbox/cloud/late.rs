//! Requests that land after their sender has given up on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AppRef, Cloud, CloudError, PasswordSpec, SecretUpdate, SecretWrite};

/// A request that changes the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// `addPassword`; nobody gets to know the value.
    AddPassword(AppRef, PasswordSpec),
    /// `removePassword`.
    RemovePassword(AppRef, Uuid),
    /// Set, by vault and name.
    SetSecret(String, String, SecretWrite),
    /// Update, by vault, name and version (none: the latest).
    UpdateSecret(String, String, Option<String>, SecretUpdate),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct LateOp {
    at: Timestamp,
    op: Op,
}

impl Cloud {
    /// Performs a request whose answer nobody reads.
    pub fn perform(&mut self, now: Timestamp, op: Op) -> Result<(), CloudError> {
        match op {
            Op::AddPassword(app, spec) => self.add_password(now, app, spec).map(|_| ()),
            Op::RemovePassword(app, key_id) => self.remove_password(now, app, key_id),
            Op::SetSecret(vault, name, write) => self.set_secret(now, &vault, &name, write).map(|_| ()),
            Op::UpdateSecret(vault, name, version, update) => {
                self.update_secret(now, &vault, &name, version.as_deref(), update).map(|_| ())
            }
        }
    }

    /// Lets a request land at `at`, by itself.
    pub fn land_later(&mut self, at: Timestamp, op: Op) {
        self.late.push(LateOp { at, op });
        self.changed();
    }

    /// How many requests are still on their way.
    pub fn on_their_way(&self) -> usize {
        self.late.len()
    }

    /// Lets everything land whose time has come, each at its own time, in order. Returns how many took effect; one that is
    /// refused (its credential is gone, its name is blocked) goes unnoticed, as in life.
    pub fn advance(&mut self, now: Timestamp) -> usize {
        if self.late.iter().all(|l| l.at > now) {
            return 0;
        }
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late).into_iter().partition(|l| l.at <= now);
        self.late = later;
        self.changed();
        due.sort_by_key(|l| l.at);
        due.into_iter().filter_map(|l| self.perform(l.at, l.op).ok()).count()
    }
}
