//! Which credential do the vaults serve, and does its value sign in? A hint narrows; a tag or a sign-in decides.

use jiff::{SignedDuration, Timestamp};

use super::{Candidate, Preflight, Refused, Wanted, all_vaults, place, unclear, undecided};
use crate::clock::Clock;
use crate::driver::Stop;
use crate::driver::patience::pause;
use crate::ports::{Credential, Services, VersionRead};
use crate::rotation::answers::{Current, RefusalKind, SignIn};
use crate::rotation::names::{KeyId, TargetId, VaultIx};
use crate::rotation::plan::{Baseline, VaultStart};
use crate::runbook::Runbook;
use crate::secret::SecretValue;

/// What the vaults serve before the run.
pub(super) struct FoundBaseline {
    pub(super) baseline: Baseline,
    pub(super) vaults: Vec<VaultStart>,
    /// When it ends, where that is known.
    pub(super) ends: Option<Timestamp>,
    pub(super) warnings: Vec<String>,
}

/// What one vault serves.
enum At {
    Empty,
    Alive(VersionRead, KeyId),
    Dead(VersionRead, Option<KeyId>),
}

impl<S: Services, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    pub(super) async fn baseline(
        &self,
        runbook: &Runbook,
        credentials: &[Credential],
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<FoundBaseline, Refused> {
        if let Some(key_id) = wanted.old_key.filter(|k| credentials.iter().all(|c| c.key_id != *k)) {
            return Err(Refused::NoSuchKey { key_id, credentials: credentials.iter().map(Candidate::of).collect() });
        }
        let (mut vaults, mut alive, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for vault in all_vaults(runbook) {
            let at = self.vault(runbook, vault, credentials, wanted).await?;
            vaults.push(match &at {
                At::Empty => VaultStart::Empty,
                At::Alive(read, _) | At::Dead(read, _) => VaultStart::Holds { version: read.version.id },
            });
            match at {
                At::Empty => {}
                At::Alive(_, key_id) => alive.push((vault, key_id)),
                At::Dead(_, key_id) => dead.push((vault, key_id)),
            }
        }
        let end = |k: KeyId| credentials.iter().find(|c| c.key_id == k).and_then(|c| c.end);
        let differ = |(v, k): &(VaultIx, KeyId)| format!("{} serves {k}", place(runbook, *v));
        match (alive.first().copied(), dead.first().copied()) {
            (None, None) => Ok(FoundBaseline { baseline: Baseline::None, vaults, ends: None, warnings: Vec::new() }),
            (Some((_, key_id)), None) if alive.iter().all(|(_, k)| *k == key_id) => {
                let (baseline, warnings) = (Baseline::Alive { key_id }, self.expiring(runbook, end(key_id), now));
                Ok(FoundBaseline { baseline, vaults, ends: end(key_id), warnings })
            }
            (Some(_), dead_at) => {
                let mut what: Vec<String> = alive.iter().map(differ).collect();
                what.extend(dead_at.map(|(v, _)| format!("{} serves a value that does not sign in", place(runbook, v))));
                Err(Refused::VaultsDisagree { what })
            }
            (None, Some((_, key_id))) => {
                let key_id = wanted.old_key.or(key_id.filter(|k| dead.iter().all(|(_, d)| *d == Some(*k))));
                let expired = key_id.and_then(end).is_some_and(|ends| ends <= now);
                let baseline = Baseline::Dead { key_id, removable: wanted.old_key.is_some() || expired };
                let repair = "the current value does not sign in: this run is a repair, and cannot be rolled back once it is published";
                Ok(FoundBaseline { baseline, vaults, ends: key_id.and_then(end), warnings: vec![repair.to_owned()] })
            }
        }
    }

    fn expiring(&self, runbook: &Runbook, ends: Option<Timestamp>, now: Timestamp) -> Vec<String> {
        let long = runbook.overlap.get() + runbook.proof.limit.get();
        let needed = SignedDuration::try_from(long).unwrap_or(SignedDuration::MAX);
        let soon = ends.filter(|e| *e < now.checked_add(needed).unwrap_or(Timestamp::MAX));
        let text =
            |e| format!("the old secret ends at {e}, before the overlap is over: whoever still uses it then will fail");
        soon.map(text).into_iter().collect()
    }

    async fn vault(
        &self,
        runbook: &Runbook,
        vault: VaultIx,
        credentials: &[Credential],
        wanted: &Wanted,
    ) -> Result<At, Refused> {
        let what = place(runbook, vault);
        let (current, read) = self.ask(&what, async || self.services.current(vault).await).await?;
        let read = match (current, read) {
            (Current::Version(_), Some(read)) => read,
            (Current::Version(_), None) => return Err(Refused::Value { place: what }),
            (Current::Disabled, _) if self.only_ours_disabled(runbook, vault).await? => return Ok(At::Empty),
            (Current::Disabled, _) => return Err(Refused::Disabled { place: what }),
            (Current::Nothing, _) => {
                let deleted = self.ask(&what, async || self.services.deleted(vault).await).await;
                return match deleted {
                    Ok(true) => Err(Refused::SoftDeleted { place: what }),
                    Ok(false) => Ok(At::Empty),
                    // reading deleted names has a permission of its own; a blocked name is refused by the write itself
                    Err(Refused::Service { refusal, .. }) if refusal.kind == RefusalKind::Forbidden => Ok(At::Empty),
                    Err(refused) => Err(refused),
                };
            }
        };
        if read.tags.len() > 13 && read.version.tag.is_none() {
            return Err(Refused::TooManyTags { place: what, tags: read.tags.len() });
        }
        let alive = self.lives(runbook, vault, &read.value).await?;
        let candidates = candidates(&read, credentials, runbook.target(), wanted);
        match (alive, candidates.as_slice()) {
            (true, [one]) => Ok(At::Alive(read, *one)),
            (true, several) => {
                let shown = credentials.iter().filter(|c| several.is_empty() || several.contains(&c.key_id));
                Err(Refused::WhichKey { place: what, candidates: shown.map(Candidate::of).collect() })
            }
            (false, [one]) => Ok(At::Dead(read, Some(*one))),
            (false, _) => Ok(At::Dead(read, None)),
        }
    }

    /// A provisioning run that was rolled back has left its version disabled: to consumers there is nothing.
    async fn only_ours_disabled(&self, runbook: &Runbook, vault: VaultIx) -> Result<bool, Refused> {
        let versions = self.ask("a vault's versions", async || self.services.versions(vault).await).await?;
        let ours = |v: &crate::rotation::answers::Version| v.tag.as_ref().is_some_and(|t| t.target == runbook.target());
        Ok(versions.iter().all(|v| !v.enabled && ours(v)))
    }

    /// Alive at the first accepted sign-in; dead only if refused as wrong or expired, unbroken for the proof window.
    async fn lives(&self, runbook: &Runbook, vault: VaultIx, value: &SecretValue) -> Result<bool, Refused> {
        let duration = |d: std::time::Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        let (window, limit) = (duration(runbook.proof.window.get()), duration(runbook.proof.limit.get()));
        let begun = self.now()?;
        let mut dead_since: Option<Timestamp> = None;
        loop {
            let (answer, trace) = self.services.sign_in(value).await;
            trace.date.into_iter().for_each(|date| self.clock.observe(date));
            let now = self.now()?;
            match &answer {
                SignIn::Accepted => return Ok(true),
                SignIn::Wrong | SignIn::Expired => {
                    let since = *dead_since.get_or_insert(now);
                    if now.duration_since(since) >= window {
                        return Ok(false);
                    }
                }
                SignIn::Refused { .. } | SignIn::OtherIdentity => return Err(unclear(runbook, vault, answer)),
                SignIn::Unavailable { .. } => dead_since = None,
            }
            let out_of_time = undecided(&answer) && now.duration_since(begun) >= limit.min(self.patience.limit);
            if out_of_time || self.stop.requested() {
                return Err(unclear(runbook, vault, answer));
            }
            pause(self.clock, self.stop, duration(runbook.proof.spacing.get())).await;
        }
    }
}

/// The credentials that the value may belong to: the one that a person named, else the one that our tag names, else those whose
/// hint fits.
fn candidates(read: &VersionRead, credentials: &[Credential], target: TargetId, wanted: &Wanted) -> Vec<KeyId> {
    let tagged = read.version.key_id.filter(|_| read.version.tag.as_ref().is_some_and(|t| t.target == target));
    let listed = |k: &KeyId| credentials.iter().any(|c| c.key_id == *k);
    if let Some(one) = wanted.old_key.or(tagged.filter(listed)) {
        return vec![one];
    }
    let fits = |c: &&Credential| c.hint.as_ref().is_some_and(|h| read.value.begins_with(h));
    credentials.iter().filter(fits).map(|c| c.key_id).collect()
}
