//! A run whose journal is lost, rebuilt from tags and versions. Read only: what it finds becomes a new journal's first record.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Preflight, Ready, Refused, all_vaults, facts, place, plan};
use crate::clock::Clock;
use crate::driver::Stop;
use crate::ports::{Credential, Services};
use crate::rotation::answers::{Current, Version};
use crate::rotation::names::{KeyId, RunId, Tag, VaultIx};
use crate::rotation::plan::{Adopted, Baseline, VaultStart};
use crate::runbook::Runbook;

/// Finds the unfinished run of the runbook's target, its attempts, and what it replaced.
pub async fn adopt<S: Services, C: Clock, P: Stop>(
    look: &Preflight<'_, S, C, P>,
    runbook: &Runbook,
    old_key: Option<KeyId>,
    ended: &[RunId],
) -> Result<Ready, Refused> {
    let application = look.application().await?;
    let credentials = look.credentials().await?;
    let now = look.now()?;
    let target = runbook.target();
    let mut versions: Vec<(VaultIx, Vec<Version>)> = Vec::new();
    for vault in all_vaults(runbook) {
        versions.push((vault, look.ask(&place(runbook, vault), async || look.services.versions(vault).await).await?));
    }
    let tagged: Vec<(Tag, KeyId)> =
        credentials.iter().filter_map(|c| Some((Tag::leading(&c.display_name)?, c.key_id))).collect();
    let ours = tagged.iter().filter(|(t, _)| t.target == target && !ended.contains(&t.run));
    // run ids begin with their time: the newest is the one that a lost journal belongs to
    let run = ours.map(|(t, _)| t.run.clone()).max().ok_or(Refused::NothingToAdopt)?;
    let mut starts = Vec::new();
    let mut replaced = None;
    for (vault, all) in &versions {
        let (start, key_id) = start_of(look, runbook, *vault, all, &run, &credentials, old_key).await?;
        starts.push(start);
        replaced = replaced.or(key_id);
    }
    let baseline = match (replaced, starts.iter().any(|s| matches!(s, VaultStart::Holds { .. }))) {
        (Some((key_id, true)), _) => Baseline::Alive { key_id },
        (Some((key_id, false)), _) => Baseline::Dead { key_id: Some(key_id), removable: expired(&credentials, key_id, now) },
        (None, true) => Baseline::Dead { key_id: old_key, removable: old_key.is_some() },
        (None, false) => Baseline::None,
    };
    let mut plan = plan(runbook, run.clone(), target, application.room, baseline, starts);
    let own = tagged.iter().filter(|(t, _)| t.run == run && t.target == target && t.attempt > 0);
    let published = |attempt: u32| {
        let all = versions.iter().flat_map(|(_, vs)| vs).filter_map(|v| v.tag.as_ref());
        all.into_iter().any(|t| t.run == run && t.attempt == attempt)
    };
    let attempts: BTreeMap<u32, KeyId> = own.map(|(t, k)| (t.attempt, *k)).collect();
    plan.adopted =
        attempts.into_iter().map(|(attempt, key_id)| Adopted { attempt, key_id, published: published(attempt) }).collect();
    plan.bystanders = ended.iter().cloned().collect();
    let warnings = vec![format!("run {run} is rebuilt from what the cloud shows: {} attempts", plan.adopted.len())];
    Ok(Ready { plan, application: facts(&application), warnings })
}

fn expired(credentials: &[Credential], key_id: KeyId, now: Timestamp) -> bool {
    credentials.iter().any(|c| c.key_id == key_id && c.end.is_some_and(|e| e <= now))
}

type Replaced = (KeyId, bool);

/// What a vault served before the run: what it serves now, if that is not the run's; else the version that holds the baseline.
async fn start_of<S: Services, C: Clock, P: Stop>(
    look: &Preflight<'_, S, C, P>,
    runbook: &Runbook,
    vault: VaultIx,
    versions: &[Version],
    run: &RunId,
    credentials: &[Credential],
    old_key: Option<KeyId>,
) -> Result<(VaultStart, Option<Replaced>), Refused> {
    let what = place(runbook, vault);
    let of_run = |v: &&Version| v.tag.as_ref().is_some_and(|t| t.run == *run);
    let (current, _) = look.ask(&what, async || look.services.current(vault).await).await?;
    let mut older: Vec<Version> = match current {
        Current::Version(v) if !of_run(&&v) => vec![v],
        Current::Version(_) | Current::Disabled | Current::Nothing => {
            versions.iter().filter(|v| v.enabled && !of_run(v)).cloned().collect()
        }
    };
    if older.is_empty() {
        return Ok((VaultStart::Empty, None));
    }
    older.sort_by_key(|v| (v.tag.as_ref().map(|t| t.run.clone()), v.id));
    let mut found = Vec::new();
    for version in older.iter().rev() {
        let read = look.ask(&what, async || look.services.version(vault, version.id).await).await?;
        let fits = |c: &&Credential| c.hint.as_ref().is_some_and(|h| read.value.begins_with(h));
        let listed = |k: &KeyId| credentials.iter().any(|c| c.key_id == *k);
        let named = old_key.or(version.key_id.filter(listed));
        let mut hinted = credentials.iter().filter(fits).map(|c| c.key_id);
        let Some(key_id) = named.or(hinted.next()) else { continue };
        let (answer, trace) = look.services.sign_in(&read.value).await;
        trace.date.into_iter().for_each(|date| look.clock.observe(date));
        if answer.accepted() {
            found.push((version.id, key_id));
        }
    }
    match found.as_slice() {
        [] => Err(Refused::NoOlderVersion { place: what, run: run.clone() }),
        [(version, key_id)] => Ok((VaultStart::Holds { version: *version }, Some((*key_id, true)))),
        // several living ones: only a person knows which was current
        [(version, key_id), others @ ..] if others.iter().all(|(_, k)| k == key_id) => {
            Ok((VaultStart::Holds { version: *version }, Some((*key_id, true))))
        }
        several => {
            let shown = credentials.iter().filter(|c| several.iter().any(|(_, k)| *k == c.key_id));
            Err(Refused::WhichKey { place: what, candidates: shown.map(super::Candidate::of).collect() })
        }
    }
}
