//! What to go on with when the value is in memory no more, when the vaults differ, or when there is no room.

use jiff::Timestamp;

use super::answers::{Mutation, Source, Version};
use super::failure::Reason;
use super::names::{KeyId, VaultIx, VersionId};
use super::rules::{Rule, keeps};
use super::state::{AddState, Attempt, Phase, Rotation, Serves};

/// One of ours in a vault: attempt, where, in which version.
type Held = (u32, VaultIx, VersionId);

impl Rotation {
    /// A run whose journal was lost: the attempts that the cloud shows stand in for its records.
    pub(super) fn adopt(&mut self, at: Timestamp) {
        let adopted = self.plan.adopted.clone();
        let Some(last) = adopted.iter().map(|a| a.attempt).max() else { return };
        let found = |n: u32| adopted.iter().find(|a| a.attempt == n);
        let attempt = |n: u32| Attempt {
            added: found(n).map_or(AddState::InDoubt, |a| AddState::Added(a.key_id)),
            published: found(n).is_some_and(|a| a.published),
        };
        self.attempts = (1..=last).map(attempt).collect();
        (self.doubted, self.unsettled) = (true, Some(at));
        self.enter_reconcile(false);
    }

    /// Nothing is decided here before what is in doubt has settled.
    pub(super) fn enter_reconcile(&mut self, room: bool) {
        self.enter(Phase::Reconcile { room });
        let rule = if room { Rule::SettleBeforeRoom } else { Rule::SettleInReconcile };
        self.not_before = self.settled_at().filter(|_| keeps(rule));
    }

    /// What a vault serves of ours comes first, the newest; else what an older version holds and the application still lists.
    pub(super) fn decide_reconcile(&mut self, at: Timestamp, room: bool) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        let goes_on = keeps(if room { Rule::ReadBeforeRoom } else { Rule::GoOnWithServed });
        let ours = self.newest_served().or_else(|| self.newest_held()).filter(|_| goes_on);
        if let Some((goal, vault, version)) = ours {
            return self.enter(Phase::Align { goal, vault, version });
        }
        if room {
            return self.make_room(at);
        }
        // as before a publish: whoever else is at work has the right of way, and a further secret would help nobody
        match self.another_run() {
            Some(run) => self.fail(Reason::AnotherRun { run }),
            None => self.next_attempt(),
        }
    }

    fn newest_served(&self) -> Option<Held> {
        let served = |v| match self.serves(v) {
            Some(Serves::Ours { attempt, version, .. }) => Some((attempt, v, version)),
            Some(Serves::Baseline { .. } | Serves::Foreign) | None => None,
        };
        self.vaults().filter_map(served).max()
    }

    fn newest_held(&self) -> Option<Held> {
        let list = self.own_listed(self.seen.list.as_deref().unwrap_or_default());
        let listed = |n: u32| list.iter().any(|(a, k)| *a == n && !self.removed.contains_key(k));
        self.own_versions().filter(|(n, _, v)| v.enabled && listed(*n)).map(|(n, at, v)| (n, at, v.id)).max()
    }

    /// Every version in any vault that bears the tag of one of the run's attempts.
    pub(super) fn own_versions(&self) -> impl Iterator<Item = (u32, VaultIx, &Version)> {
        let all = self.vaults().zip(&self.seen.versions);
        let all = all.flat_map(|(at, vs)| vs.iter().flatten().map(move |v| (at, v)));
        all.filter_map(|(at, v)| self.ours(v.tag.as_ref()).filter(|n| *n > 0).map(|n| (n, at, v)))
    }

    /// An attempt whose tag no version bears, enabled or not, has been read by nobody, and after settle none can appear: it makes
    /// way.
    fn make_room(&mut self, at: Timestamp) {
        let list = self.seen.list.clone().unwrap_or_default();
        let present = list.iter().filter(|c| !self.removed.contains_key(&c.key_id)).count();
        let written = self.own_versions().map(|(n, _, _)| n).filter(|_| keeps(Rule::ReadBeforeRoom));
        let written: Vec<u32> = written.collect();
        let unread = self.own_listed(&list).into_iter().filter(|(n, _)| !written.contains(n));
        let unread: Vec<KeyId> = unread.map(|(_, k)| k).collect();
        let victim = unread.iter().find(|k| !self.removed.contains_key(*k));
        let full = self.plan.room.is_some_and(|room| present >= usize::from(room));
        let patience = self.plan.settle.saturating_mul(5);
        let given_up = self.failing_since.is_some_and(|since| at.duration_since(since) > patience);
        match victim {
            Some(key_id) => self.todo.push_back(Mutation::RemoveSecret { key_id: *key_id }),
            None if full || given_up || unread.is_empty() && self.plan.room.is_none() => self.stop(Reason::NoRoom),
            None if self.added(self.attempt()) == Some(AddState::Planned) => {
                let since = self.failing_since;
                self.enter(Phase::Add);
                self.failing_since = since;
            }
            None => self.next_attempt(),
        }
    }

    /// Every vault that serves something else gets a copy, one at a time, from the version that holds it.
    pub(super) fn decide_align(&mut self, goal: u32, from: VaultIx, version: VersionId) {
        if let Some(vault) = self.foreign() {
            return self.fail(Reason::VaultChanged { vault });
        }
        let astray = |v: &VaultIx| !matches!(self.serves(*v), Some(Serves::Ours { attempt, .. }) if attempt == goal);
        match self.vaults().find(astray) {
            Some(vault) => self.todo.push_back(Mutation::WriteVault {
                vault,
                attempt: goal,
                from: Source::Version { vault: from, version },
            }),
            None => self.enter(Phase::Smoke),
        }
    }
}
