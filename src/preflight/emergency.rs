//! A secret has leaked: which credential it is, whether the vaults serve it, and whom its removal would cut off. Read only; makes an
//! ordinary plan the plan of an emergency, or says what to type instead.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::check::CheckId;
use super::{Candidate, OtherUse, Preflight, Ready, Refused, all_vaults};
use crate::clock::Clock;
use crate::driver::Stop;
use crate::ports::{Credential, Services};
use crate::rotation::answers::{Current, SignIn};
use crate::rotation::names::KeyId;
use crate::rotation::plan::{Baseline, Delete, Emergency, HeldIn, OnFailure, Plan, Proof, VaultStart, Way};
use crate::runbook::Runbook;
use crate::secret::SecretValue;

/// How often a value that was given is tried before it is taken for one that does not sign in.
const TRIES: u32 = 3;

/// What a person says of a leak.
pub struct Declared<'a> {
    /// The runbook's file, for the commands that are named.
    pub file: &'a str,
    /// What is to be done.
    pub way: Way,
    /// The credential that leaked.
    pub key_id: Option<KeyId>,
    /// Its value.
    pub value: Option<&'a SecretValue>,
    /// Since when it is out.
    pub exposed_at: Option<Timestamp>,
    /// Consumers, by their place in the runbook, whose outage is accepted.
    pub accepted: BTreeSet<usize>,
    /// The outage of whoever uses it is accepted.
    pub outage_accepted: bool,
    /// Old versions that hold it are to be disabled.
    pub disable_versions: bool,
    /// How long ago the command was given.
    pub ago: SignedDuration,
    /// What runs of other runbooks have left in their vaults.
    pub other_uses: &'a [OtherUse],
}

/// What the sign-in records say of the leaked credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// Nobody but keyrelay has signed in with it for long enough.
    Idle,
    /// Somebody has: who and when, in words.
    InUse(String),
    /// It cannot be known: why.
    CannotKnow(String),
}

/// The checks that refuse nothing where `way` does not need what they look at.
pub fn waived(way: Way) -> &'static [CheckId] {
    match way {
        Way::Replace => &[],
        // what is removed first makes room
        Way::RevokeFirst => &[CheckId::Room],
        // nothing is added and nothing is written
        Way::RevokeOnly => {
            &[CheckId::Room, CheckId::Policy, CheckId::VaultTags, CheckId::VaultPermission, CheckId::SharedSecret]
        }
    }
}

fn refused(what: impl Into<String>, next: impl Into<String>) -> Refused {
    Refused::Emergency { what: what.into(), next: next.into() }
}

impl<S: Services, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    /// The plan of an emergency from that of an ordinary run. `usage` is asked whether anybody still uses the leaked credential, if
    /// that decides.
    ///
    /// # Errors
    /// If it may not start as it was asked for; the advice is the command that may.
    pub async fn declare(
        &self,
        runbook: &Runbook,
        ready: Ready,
        said: &Declared<'_>,
        usage: impl AsyncFnOnce(KeyId) -> Usage,
    ) -> Result<Ready, Refused> {
        let now = self.now()?;
        if let Some(exposed_at) = said.exposed_at.filter(|t| *t > now) {
            let what = format!("--exposed-at {exposed_at} has not come yet: the services say that it is {now}");
            return Err(refused(what, "name the time from which on others could read it, such as 2026-11-21T03:06:00Z"));
        }
        let credentials = self.credentials().await?;
        let leaked = self.which(&credentials, &ready.plan, said).await?;
        let versions = match said.way {
            Way::Replace | Way::RevokeFirst => {
                served(&ready.plan, leaked, said)?;
                in_time(runbook, said)?;
                at_the_start(&ready.plan)
            }
            Way::RevokeOnly => {
                not_served(&ready.plan, leaked, &credentials, said)?;
                if !said.outage_accepted {
                    idle(leaked, usage(leaked).await)?;
                }
                self.older_versions(runbook, leaked).await?
            }
        };
        let duration = |d: crate::runbook::HumanDuration| SignedDuration::try_from(d.get()).unwrap_or(SignedDuration::MAX);
        let Ready { plan, application, warnings } = ready;
        let window = runbook.emergency.proof.map_or(plan.proof.window, duration);
        let emergency = Emergency {
            leaked,
            way: said.way,
            declared_at: whole(now.checked_sub(said.ago).unwrap_or(now)),
            exposed_at: said.exposed_at,
            outage_accepted: said.outage_accepted,
            accepted: said.accepted.clone(),
            death: Proof { window, spacing: plan.proof.spacing, limit: duration(runbook.emergency.dead_within) },
            check: said.value.map(|v| v.check(plan.run.as_str())),
            versions,
            disable_versions: said.disable_versions,
        };
        let baseline = match plan.baseline {
            // a person has named it
            Baseline::Dead { key_id, .. } if key_id == Some(leaked) => Baseline::Dead { key_id, removable: true },
            as_found @ (Baseline::None | Baseline::Alive { .. } | Baseline::Dead { .. }) => as_found,
        };
        let plan = Plan {
            baseline,
            proof: Proof { window, ..plan.proof },
            delete: Delete::Auto,
            // a leaked value is put back by nobody but a person who says so
            on_failure: OnFailure::Operator,
            emergency: Some(emergency),
            ..plan
        };
        Ok(Ready { plan, application, warnings })
    }

    /// The credential that a person named, else the one that the value belongs to: a hint narrows, a sign-in decides.
    async fn which(&self, credentials: &[Credential], plan: &Plan, said: &Declared<'_>) -> Result<KeyId, Refused> {
        let file = said.file;
        let identify = format!("find out what it is: keyrelay leak identify {file}");
        if let Some(key_id) = said.key_id.filter(|k| credentials.iter().all(|c| c.key_id != *k)) {
            let known = shown(credentials.iter());
            let what =
                format!("the application has no credential {key_id}: it is removed already, or another's. It has:{known}");
            return Err(refused(what, identify));
        }
        let Some(value) = said.value else {
            let missing = || refused("no leaked secret is named", "name it: --key-id KEY_ID, or --leaked-from-stdin");
            return said.key_id.ok_or_else(missing);
        };
        let fits = |c: &&Credential| c.hint.as_ref().is_none_or(|hint| value.begins_with(hint));
        let named = |c: &&Credential| said.key_id.is_none_or(|k| k == c.key_id);
        let fitting: Vec<&Credential> = credentials.iter().filter(fits).filter(named).collect();
        let key_id = match fitting.as_slice() {
            [one] => one.key_id,
            [] => {
                let whose =
                    said.key_id.map_or_else(|| "any secret of this application".to_owned(), |k| format!("key ID {k}"));
                return Err(refused(format!("the value on stdin is not that of {whose}"), identify));
            }
            several => match plan.baseline.key_id() {
                Some(k) if several.iter().any(|c| c.key_id == k) && self.is_served(value, plan).await? => k,
                Some(_) | None => {
                    let what = format!("the value on stdin may be that of:{}", shown(several.iter().copied()));
                    return Err(refused(what, "name it besides: --key-id KEY_ID"));
                }
            },
        };
        self.lives_now(value, &identify).await?;
        Ok(key_id)
    }

    async fn is_served(&self, value: &SecretValue, plan: &Plan) -> Result<bool, Refused> {
        let Some(HeldIn { vault, version }) = at_the_start(plan).first().copied() else { return Ok(false) };
        let read = self.ask("the vault's current value", async || self.services.version(vault, version).await).await?;
        Ok(read.value.same_as(value))
    }

    async fn lives_now(&self, value: &SecretValue, identify: &str) -> Result<(), Refused> {
        let mut last = SignIn::Wrong;
        for _ in 0..TRIES {
            let (answer, trace) = self.services.sign_in(value).await;
            trace.date.into_iter().for_each(|date| self.clock.observe(date));
            if answer.accepted() {
                return Ok(());
            }
            last = answer;
        }
        let what = format!("the value on stdin does not sign in: {last}");
        Err(refused(what, format!("{identify}; to remove a key ID whatever the value: --key-id KEY_ID without the value")))
    }

    /// Versions that are not current, that our tags say hold the leaked value, and whose value signs in now: those can show its
    /// death, and can be disabled.
    async fn older_versions(&self, runbook: &Runbook, leaked: KeyId) -> Result<Vec<HeldIn>, Refused> {
        let mut found = Vec::new();
        for vault in all_vaults(runbook) {
            let (current, _) = self.ask("the vault's current version", async || self.services.current(vault).await).await?;
            let Current::Version(current) = current else { continue };
            let versions = self.ask("the vault's versions", async || self.services.versions(vault).await).await?;
            let held = |v: &&crate::rotation::answers::Version| v.key_id == Some(leaked) && v.enabled && v.id != current.id;
            for version in versions.iter().filter(held) {
                let read = self.ask("an old version", async || self.services.version(vault, version.id).await).await?;
                let (answer, _) = self.services.sign_in(&read.value).await;
                found.extend(answer.accepted().then_some(HeldIn { vault, version: version.id }));
            }
        }
        Ok(found)
    }
}

/// To the millisecond, as the other times of a run are.
fn whole(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Millisecond).unwrap_or(at)
}

fn shown<'a>(credentials: impl Iterator<Item = &'a Credential>) -> String {
    credentials.map(|c| format!("\n  {}", Candidate::of(c))).collect()
}

fn at_the_start(plan: &Plan) -> Vec<HeldIn> {
    let held = |(vault, start): (_, &VaultStart)| match start {
        VaultStart::Holds { version } => Some(HeldIn { vault, version: *version }),
        VaultStart::Empty => None,
    };
    (0..).map(crate::rotation::names::VaultIx).zip(&plan.vaults).filter_map(held).collect()
}

/// A replacement is for what the vaults serve.
fn served(plan: &Plan, leaked: KeyId, said: &Declared<'_>) -> Result<(), Refused> {
    let serves = match plan.baseline.key_id() {
        Some(k) if k == leaked => return Ok(()),
        Some(k) => format!("they serve key ID {k}"),
        None if plan.baseline == Baseline::None => "they serve nothing".to_owned(),
        None => "they serve a dead value of no known key ID".to_owned(),
    };
    let what = format!("the leaked key ID {leaked} is not what the vaults of this runbook serve: {serves}");
    Err(refused(what, format!("remove it without a replacement: keyrelay revoke {} --key-id {leaked}", said.file)))
}

/// A consumer that says neither by a check, nor by how it is told, nor by a cache time when it has left the leaked secret would be
/// waited for in vain.
fn in_time(runbook: &Runbook, said: &Declared<'_>) -> Result<(), Refused> {
    if said.way == Way::RevokeFirst {
        return Ok(());
    }
    let mute = |c: &crate::runbook::Consumer| c.check.is_none() && c.refresh.is_none() && c.cache.get().is_zero();
    let all = runbook.consumers.iter().enumerate().filter(|(n, c)| mute(c) && !said.accepted.contains(n));
    let names: Vec<&str> = all.map(|(_, c)| c.name.as_str()).collect();
    let Some(first) = names.first() else { return Ok(()) };
    let what = format!(
        "nothing shows when a consumer has left the leaked secret, since it has no check, no refresh and no cache time: {}",
        names.join(", ")
    );
    Err(refused(
        what,
        format!("write its `cache` into the runbook, or accept that it is cut off: --accept-outage '{first}'"),
    ))
}

/// A revocation is for what no vault serves and what is not the last.
fn not_served(plan: &Plan, leaked: KeyId, credentials: &[Credential], said: &Declared<'_>) -> Result<(), Refused> {
    let file = said.file;
    if plan.baseline.key_id() == Some(leaked) {
        let what = format!("the vaults serve key ID {leaked}: removing it would cut off whoever reads them");
        return Err(refused(what, format!("replace it: keyrelay rotate {file} --emergency --key-id {leaked}")));
    }
    if credentials.iter().all(|c| c.key_id == leaked) {
        let what = format!("key ID {leaked} is the application's last secret: without it nothing signs in");
        return Err(refused(what, format!("give it another first: keyrelay rotate {file}, then revoke")));
    }
    if said.outage_accepted {
        return Ok(());
    }
    if matches!(plan.baseline, Baseline::Dead { .. }) {
        let what = "what the vaults serve does not sign in, so somebody may live on the leaked secret";
        return Err(refused(what, format!("repair it first: keyrelay rotate {file}; or accept an outage: --accept-outage")));
    }
    if let Some(other) = said.other_uses.iter().find(|o| o.key_ids.contains(&leaked)) {
        let (places, run, book) = (other.places.join(", "), &other.run, &other.runbook_file);
        let what = format!("{places} may serve key ID {leaked}: run {run} of {book} has written it");
        return Err(refused(what, format!("replace it there: keyrelay rotate {book} --emergency --key-id {leaked}")));
    }
    Ok(())
}

/// And for what nobody uses.
fn idle(leaked: KeyId, usage: Usage) -> Result<(), Refused> {
    let what = match usage {
        Usage::Idle => return Ok(()),
        Usage::InUse(who) => format!("key ID {leaked} is in use: {who}"),
        Usage::CannotKnow(why) => format!("whether anybody uses key ID {leaked} cannot be known: {why}"),
    };
    let next = "find out who uses it; to cut off whoever does: the same command with --accept-outage";
    Err(refused(what, next))
}
