//! Where a run stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answers::{Current, Listed, Mutation, Reported, SignIn, Version};
use super::failure::Reason;
use super::names::{KeyId, Tag, VaultIx, VersionId};
use super::plan::{Plan, VaultStart};
use super::usage::Usage;

/// The state of a run: a function of its journal.
///
/// Part of it dies with the process ([`super::Event::Resumed`] clears it): whether the value is in memory, the proof, and what
/// was read for the decision at hand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rotation {
    pub(super) plan: Arc<Plan>,
    /// On the way back.
    pub(super) back: bool,
    pub(super) phase: Phase,
    pub(super) attempts: Vec<Attempt>,
    /// The intent without an outcome.
    pub(super) in_flight: Option<Mutation>,
    /// What has been decided and is to be sent next.
    pub(super) todo: VecDeque<Mutation>,
    /// When something last changed the cloud or fell in doubt: settle counts from here.
    pub(super) unsettled: Option<Timestamp>,
    /// Something in this run was in doubt.
    pub(super) doubted: bool,
    /// The version each vault was confirmed to serve when the overlap began.
    pub(super) confirmed: Vec<Option<VersionId>>,
    /// When that was.
    pub(super) confirmed_at: Option<Timestamp>,
    /// When the overlap is over.
    pub(super) deadline: Option<Timestamp>,
    /// How often an overlap began.
    pub(super) rounds: u32,
    /// A removal of the baseline was intended: only forward from here.
    pub(super) no_return: bool,
    /// What was removed, and when.
    pub(super) removed: BTreeMap<KeyId, Timestamp>,
    pub(super) hold: Hold,
    /// What every vault was last read to serve, and to sign in with: the key ID, and the version in the first vault.
    pub(super) served: Option<(KeyId, VersionId)>,
    /// The version that the first vault served when the baseline was found to be back everywhere.
    pub(super) put_back: Option<VersionId>,
    pub(super) consumers: Vec<ConsumerState>,
    /// What turned the run back or stopped it.
    pub(super) failure: Option<Reason>,
    /// Not before then: a refusal, a settle time or the spacing of sign-ins.
    pub(super) not_before: Option<Timestamp>,
    /// How often what is tried now was refused.
    pub(super) tries: u32,
    /// Since when what is tried now has not succeeded.
    pub(super) failing_since: Option<Timestamp>,
    /// The value of the latest attempt is in this process's memory.
    pub(super) held: bool,
    pub(super) proof: Option<Streak>,
    pub(super) leak: LeakState,
    pub(super) seen: Seen,
}

/// What the run is about. The five steps and the way back are groups of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Phase {
    /// List, then add a secret.
    Add,
    /// Sign in with the value in memory until the proof window has passed.
    Prove,
    /// Read the vaults and the list, then write the value to every vault that lacks it.
    Publish {
        /// A write was in doubt: look for the tag among the versions.
        look_for_tag: bool,
    },
    /// The value is in memory no more, or the vaults differ, or there is no room: settle, read everything, and find what to go on with.
    Reconcile {
        /// There is no room: what nobody can have read makes way.
        room: bool,
    },
    /// Copy one of ours from the version that holds it to the vaults that serve something else.
    Align {
        /// Which attempt.
        goal: u32,
        /// The vault that holds it.
        vault: VaultIx,
        /// The version that holds it.
        version: VersionId,
    },
    /// Read back from every vault and sign in.
    Smoke,
    /// Refresh the consumers; forward, check them too.
    Consumers,
    /// Confirm which version each vault serves; the overlap begins.
    Confirm,
    /// The overlap, and at its end the same versions again.
    Wait,
    /// Ask the consumers once more which secret they use, before one is removed.
    Adoption,
    /// Read, sign in, list; remove what is to go, one at a time; end when nothing is left to remove.
    Delete,
    /// Emergency: remove the leaked credential that no vault serves, or that is revoked before it is replaced.
    Revoke,
    /// Emergency: the leaked credential is removed; sign in with it until that is refused without a break for the window.
    Dying,
    /// Way back, nothing published: settle, look, remove ours.
    Withdraw,
    /// Way back, maybe published: put the baseline back wherever it is not current.
    Restore,
    /// A person must look.
    NeedsOperator {
        /// Why.
        reason: Reason,
        /// Where the run goes on when it is resumed, reading everything anew.
        was: Box<Phase>,
    },
    /// Over.
    Ended {
        /// How.
        end: End,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The vaults serve the new credential; the baseline is gone, unless the runbook keeps it.
    Completed,
    /// The vaults serve the baseline (or nothing, as at the start); nothing of ours is left.
    RolledBack,
    /// Closed by a person as it stood.
    Abandoned,
}

/// What a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Step 1.
    AddSecret,
    /// Step 2.
    WriteVault,
    /// Step 3.
    SmokeTest,
    /// Step 4, and the same wait on the way back.
    OverlapWait,
    /// Step 5.
    DeleteOld,
    /// Emergency: the leaked secret is removed before, or without, a replacement.
    RevokeLeaked,
    /// Emergency: the leaked secret is tried until it is proven dead.
    ProveDead,
    /// The way back: the old value is put back.
    PutBack,
    /// The way back: what the run added is removed.
    RemoveOurs,
}

impl Step {
    /// As the README says it.
    pub fn name(self) -> &'static str {
        match self {
            Step::AddSecret => "add secret",
            Step::WriteVault => "write vault",
            Step::SmokeTest => "smoke test",
            Step::OverlapWait => "overlap wait",
            Step::DeleteOld => "delete old",
            Step::RevokeLeaked => "revoke leaked",
            Step::ProveDead => "prove dead",
            Step::PutBack => "put back",
            Step::RemoveOurs => "remove ours",
        }
    }
}

/// One secret that the run added, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// What is known of it.
    pub added: AddState,
    /// A write of it was, or may have been, applied: somebody may have read it.
    pub published: bool,
}

/// What is known of an attempt's credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddState {
    /// Not sent, or provably not applied.
    Planned,
    /// It exists under this key ID.
    Added(KeyId),
    /// It exists under this key ID, but its tag did not come back: no sweep will find it, and none may remove it.
    Untagged(KeyId),
    /// It may exist, now or later.
    InDoubt,
}

impl AddState {
    /// The key ID, where it is known.
    pub fn key_id(self) -> Option<KeyId> {
        match self {
            AddState::Added(k) | AddState::Untagged(k) => Some(k),
            AddState::Planned | AddState::InDoubt => None,
        }
    }
}

/// An unbroken row of accepted sign-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Streak {
    pub(super) since: Timestamp,
    pub(super) last: Timestamp,
}

/// What is known of the leaked credential, and what people said about it. Empty in an ordinary rotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct LeakState {
    /// What became of it.
    pub(super) death: Option<Death>,
    /// Consumers whose outage was accepted since the start.
    pub(super) accepted: BTreeSet<usize>,
    /// Versions with its value that are disabled.
    pub(super) disabled: BTreeSet<VersionId>,
    /// A person said that it may be put back.
    pub(super) may_be_restored: bool,
}

/// What became of a leaked credential after its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Death {
    /// It was refused as wrong without a break for the window.
    Proven,
    /// Its value could not be tried, or was not refused for long enough within the limit.
    Unproven,
}

/// Whether a person holds the old secret alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// Nobody said anything.
    None,
    /// Until then.
    Until(Timestamp),
    /// Let go.
    Released,
}

/// What is known of a consumer since the value was last published, or put back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ConsumerState {
    /// When it was told to read again, and did.
    pub refreshed: Option<Timestamp>,
    /// When it was last found well.
    pub well: Option<Timestamp>,
    /// When it last named a key ID, and which.
    pub reported: Option<(Timestamp, Reported)>,
    /// Its last answer was no: what it printed.
    pub failed: Option<String>,
    /// Its last answer named a key ID that is to be removed.
    pub(super) names_old: bool,
    /// It has answered since the overlap ended.
    pub(super) asked_last: bool,
    /// A person let the run go on although it failed.
    pub failure_waived: bool,
    /// A person let the run go on although it names a key ID that is to be removed.
    pub old_waived: bool,
}

/// What was read for the decision at hand; forgotten when the decision is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Seen {
    pub(super) list: Option<Vec<Listed>>,
    pub(super) currents: Vec<Option<(Current, Option<SignIn>)>>,
    pub(super) versions: Vec<Option<Vec<Version>>>,
    pub(super) baseline: Option<SignIn>,
    pub(super) usage: Option<Usage>,
}

impl Seen {
    pub(super) fn nothing(vaults: usize) -> Seen {
        Seen { list: None, currents: vec![None; vaults], versions: vec![None; vaults], baseline: None, usage: None }
    }
}

/// What a vault serves, in the run's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Serves {
    /// What it served at the start, that value put back, or nothing readable where there was nothing.
    Baseline { version: Option<VersionId> },
    /// One of ours.
    Ours { attempt: u32, key_id: KeyId, version: VersionId },
    /// Something else: somebody else is at work.
    Foreign,
}

/// A `Date` has whole seconds, so service time may lag by up to one: a wait is longer by that much, never shorter.
pub(super) const DATE_RESOLUTION: SignedDuration = SignedDuration::from_secs(1);

/// `t + d`, kept within what a timestamp can say.
pub(super) fn after(t: Timestamp, d: SignedDuration) -> Timestamp {
    t.checked_add(d).unwrap_or(Timestamp::MAX)
}

impl Rotation {
    /// The vaults, by place.
    pub(super) fn vaults(&self) -> impl Iterator<Item = VaultIx> + use<> {
        (0..u8::try_from(self.plan.vaults.len()).unwrap_or(u8::MAX)).map(VaultIx)
    }

    pub(super) fn start_of(&self, vault: VaultIx) -> VaultStart {
        self.plan.vaults.get(usize::from(vault.0)).copied().unwrap_or(VaultStart::Empty)
    }

    /// The number of the latest attempt, from 1.
    pub(super) fn attempt(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn added(&self, attempt: u32) -> Option<AddState> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        self.attempts.get(index).map(|a| a.added)
    }

    /// Whether somebody may have read a value of ours.
    pub fn maybe_published(&self) -> bool {
        let writes = matches!(self.in_flight, Some(Mutation::WriteVault { attempt, .. }) if attempt > 0);
        writes || self.attempts.iter().any(|a| a.published)
    }

    /// Whether this is the run's own tag, of an attempt rather than of a restored baseline.
    pub(super) fn ours(&self, tag: Option<&Tag>) -> Option<u32> {
        tag.filter(|t| t.run == self.plan.run && t.target == self.plan.target).map(|t| t.attempt)
    }

    /// Own credentials in a list, oldest attempt first.
    pub(super) fn own_listed(&self, list: &[Listed]) -> Vec<(u32, KeyId)> {
        let own = |c: &Listed| self.ours(c.tag.as_ref()).filter(|a| *a > 0).map(|a| (a, c.key_id));
        let mut own: Vec<_> = list.iter().filter_map(own).collect();
        own.sort_unstable();
        own
    }

    /// What was last read of a vault, in the run's own terms; `None` if it was not read for the decision at hand.
    pub(super) fn serves(&self, vault: VaultIx) -> Option<Serves> {
        let (current, _) = self.seen.currents.get(usize::from(vault.0))?.as_ref()?;
        let start = self.start_of(vault);
        Some(match (current, start) {
            (Current::Nothing | Current::Disabled, VaultStart::Empty) => Serves::Baseline { version: None },
            (Current::Nothing | Current::Disabled, VaultStart::Holds { .. }) => Serves::Foreign,
            (Current::Version(v), VaultStart::Holds { version }) if v.id == version => {
                Serves::Baseline { version: Some(v.id) }
            }
            (Current::Version(v), _) => match (self.ours(v.tag.as_ref()), v.key_id) {
                (Some(0), _) => Serves::Baseline { version: Some(v.id) },
                (Some(attempt), Some(key_id)) if self.holds_key(attempt, key_id) => {
                    Serves::Ours { attempt, key_id, version: v.id }
                }
                (Some(_) | None, _) => Serves::Foreign,
            },
        })
    }

    /// A version's tags must not contradict what the journal knows of the attempt.
    fn holds_key(&self, attempt: u32, key_id: KeyId) -> bool {
        self.added(attempt).is_some_and(|a| a.key_id().is_none_or(|k| k == key_id))
    }

    pub(super) fn sign_in_at(&self, vault: VaultIx) -> Option<&SignIn> {
        self.seen.currents.get(usize::from(vault.0))?.as_ref()?.1.as_ref()
    }

    /// When nothing of ours can land any more and no list is stale (assumption A1).
    pub(super) fn settled_at(&self) -> Option<Timestamp> {
        self.unsettled.map(|t| after(t, self.plan.settle.saturating_add(DATE_RESOLUTION)))
    }

    /// Turns to a phase; what was decided and read before is forgotten.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.held &= matches!(phase, Phase::Publish { .. });
        self.phase = phase;
        self.proof = None;
        self.not_before = None;
        (self.tries, self.failing_since) = (0, None);
        self.forget();
    }

    /// Reads everything again before the next decision.
    pub(super) fn forget(&mut self) {
        self.todo.clear();
        self.seen = Seen::nothing(self.plan.vaults.len());
        if self.phase == Phase::Add && self.plan.room.is_none() {
            // where any number of secrets has room there is nothing to read first
            self.add_next();
        } else if self.phase == Phase::Revoke {
            self.revoke_at_once();
        }
    }

    /// Tries again after `pause`, having read everything again.
    pub(super) fn again(&mut self, at: Timestamp, pause: SignedDuration) {
        self.forget();
        self.not_before = Some(after(at, pause));
    }

    /// Since how long what is tried now has not succeeded; counts from the first call.
    pub(super) fn failing_for(&mut self, at: Timestamp) -> SignedDuration {
        at.duration_since(*self.failing_since.get_or_insert(at))
    }

    /// Whether what is tried now has failed for longer than the proof's limit.
    pub(super) fn out_of_patience(&mut self, at: Timestamp) -> bool {
        self.failing_for(at) > self.plan.proof.limit
    }
}
