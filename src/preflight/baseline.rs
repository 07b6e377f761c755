//! Which credential do the vaults serve, does its value sign in, and can a next version be written? A hint narrows; a tag or a
//! sign-in decides.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::check::{Check, CheckId};
use super::mend::Mend;
use super::survey::{NotSeen, Survey};
use super::vault_survey::{Held, Serves, VaultSurvey};
use super::{Candidate, Refused, Wanted};
use crate::ports::Credential;
use crate::refusals::{Operation, Words};
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::{KeyId, VAULT_TAG, VAULT_TAG_KEY_ID};
use crate::rotation::plan::{Baseline, VaultStart};

/// How many tags a version may have (learn.microsoft.com/azure/key-vault/secrets/about-secrets).
const TAG_LIMIT: usize = 15;

/// What the vaults serve before the run.
#[derive(Debug)]
pub(super) struct FoundBaseline {
    pub(super) baseline: Baseline,
    pub(super) vaults: Vec<VaultStart>,
    /// When it ends, where that is known.
    pub(super) ends: Option<Timestamp>,
}

/// What one vault serves.
#[derive(Clone, Copy)]
enum At {
    Empty,
    Alive(KeyId),
    Dead(Option<KeyId>),
}

/// How it is known which credential a value belongs to.
enum Belongs {
    Named(KeyId),
    Tagged(KeyId),
    Hinted(KeyId),
    /// To one of the service principal, which is another object.
    ToPrincipal(Vec<Candidate>),
    /// To none, or to one of several.
    Unclear(Vec<Candidate>),
}

/// The checks of all vaults, and what they serve, where each says so.
pub(super) fn judge(survey: &Survey, wanted: &Wanted, mend: &Mend<'_>) -> (Vec<Check>, Option<FoundBaseline>) {
    let mut checks = Vec::new();
    let credentials = survey.directory.credentials.as_deref().ok();
    let mut found = Vec::new();
    if let (Some(key_id), Some(credentials)) = (wanted.old_key, credentials)
        && let Some(refused) = no_such_key(key_id, credentials, survey)
    {
        checks.push(refused);
        found.push(None);
    }
    for vault in &survey.vaults {
        let of_vault = |c: Check| c.of(&vault.place);
        checks.push(of_vault(secret(vault, mend)));
        checks.push(of_vault(may_list(vault, mend)));
        checks.push(of_vault(tags(vault, mend)));
        let held = match &vault.serves {
            Ok(Serves::Nothing | Serves::Disabled { only_ours: true }) => {
                found.push(Some((vault, None, At::Empty)));
                continue;
            }
            Ok(Serves::Value(held)) => held,
            Ok(Serves::SoftDeleted | Serves::NoValue | Serves::Disabled { only_ours: false }) | Err(_) => {
                checks.push(of_vault(Check::after(CheckId::Baseline, CheckId::VaultSecret)));
                found.push(None);
                continue;
            }
        };
        checks.push(of_vault(sign_in(vault, held, mend)));
        let (check, at) = match (&held.lives, credentials) {
            (Ok(alive), Some(credentials)) => which(*alive, held, credentials, survey, wanted, mend),
            (Ok(_), None) => (Check::after(CheckId::Baseline, CheckId::Application), None),
            (Err(_), _) => (Check::after(CheckId::Baseline, CheckId::SignIn), None),
        };
        checks.push(of_vault(check));
        found.push(at.map(|at| (vault, Some(held.read.version.id), at)));
    }
    let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() else {
        checks.push(Check::after(CheckId::VaultsAgree, CheckId::Baseline));
        return (checks, None);
    };
    let starts = found.iter().map(|(_, version, _)| match version {
        None => VaultStart::Empty,
        Some(version) => VaultStart::Holds { version: *version },
    });
    let starts = starts.collect();
    let served: Vec<(&VaultSurvey, At)> = found.iter().map(|(vault, _, at)| (*vault, *at)).collect();
    match agree(&served, credentials.unwrap_or_default(), wanted, survey.now) {
        Ok((baseline, ends)) => {
            checks.push(Check::ok(CheckId::VaultsAgree, agreement(baseline, served.len())));
            (checks, Some(FoundBaseline { baseline, vaults: starts, ends }))
        }
        Err(refused) => {
            checks.push(Check::refusing(CheckId::VaultsAgree, &refused));
            (checks, None)
        }
    }
}

fn no_such_key(key_id: KeyId, credentials: &[Credential], survey: &Survey) -> Option<Check> {
    if credentials.iter().any(|c| c.key_id == key_id) {
        return None;
    }
    let principals = survey.directory.principal.as_ref().map_or(&[][..], |p| &p.passwords);
    if principals.iter().any(|c| c.key_id == key_id) {
        return Some(on_principal(&[key_id.to_string()]));
    }
    let shown = credentials.iter().map(Candidate::of).collect();
    Some(Check::refusing(CheckId::Baseline, &Refused::NoSuchKey { key_id, credentials: shown }))
}

fn on_principal(which: &[String]) -> Check {
    let says = format!(
        "the value belongs to a secret of the service principal, not of the application: {}. It is not listed with the \
         application, cannot be seen in the portal, and keyrelay does not rotate it",
        which.join(", ")
    );
    let mend = "put a secret of the application into the vault (az ad app credential reset --append), then start again";
    Check::refused(CheckId::Baseline, says).mend(mend)
}

/// Whether a consumer can read the secret, and a next version can be set.
fn secret(vault: &VaultSurvey, mend: &Mend<'_>) -> Check {
    const ID: CheckId = CheckId::VaultSecret;
    let place = vault.place.clone();
    match &vault.serves {
        Ok(Serves::Value(held)) => Check::ok(ID, format!("version {} is current and enabled", held.read.version.id)),
        Ok(Serves::Nothing) => {
            let says = "there is no such secret: a first one would be added. If one was expected, the name or the vault is \
                        wrong, or it is being deleted";
            Check::warning(ID, says).mend(format!("compare the names: {}", mend.list(vault.vault)))
        }
        Ok(Serves::Disabled { only_ours: true }) => {
            Check::ok(ID, "all versions are disabled and keyrelay's: a first secret would be added again")
        }
        Ok(Serves::Disabled { only_ours: false }) => {
            let mend = mend.secret(vault.vault, "set-attributes", " --enabled true");
            at(ID, &Refused::Disabled { place: place.clone() }, &place).mend(format!("{mend}, or set a value that signs in"))
        }
        Ok(Serves::SoftDeleted) => {
            at(ID, &Refused::SoftDeleted { place: place.clone() }, &place).mend(mend.secret(vault.vault, "recover", ""))
        }
        Ok(Serves::NoValue) => at(ID, &Refused::Value { place: place.clone() }, &place),
        Err(NotSeen::Refused(refused)) => {
            let words = mend.words(Operation::GetSecret, Some(vault.vault), refused);
            words.map_or_else(|| at(ID, refused, &place), |w| Check::refused(ID, w.happened).mend(w.next))
        }
        Err(NotSeen::After(first)) => Check::after(ID, *first),
        Err(NotSeen::NotAsked) => Check::unknown(ID, "not asked for"),
    }
}

/// A refusal of one vault, whose words begin with its place: the place is told once.
fn at(check: CheckId, refused: &Refused, place: &str) -> Check {
    let words = refused.to_string();
    let says = words.strip_prefix(place).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&words).to_owned();
    Check::refused(check, says).mend(refused.advice())
}

/// A run lists versions to settle what is in doubt. Whether one may be set cannot be seen without setting one.
fn may_list(vault: &VaultSurvey, mend: &Mend<'_>) -> Check {
    const ID: CheckId = CheckId::VaultPermission;
    match (&vault.may_list, &vault.serves) {
        (Ok(()), Ok(Serves::Nothing)) => {
            Check::ok(ID, "versions may be listed; whether one may be set shows when it is set")
        }
        (Ok(()), _) => Check::ok(ID, "get and list; whether a version may be set shows when it is set"),
        (Err(NotSeen::Refused(refused)), _) => match mend.words(Operation::ListVersions, Some(vault.vault), refused) {
            Some(words) if refused.kind() == Some(RefusalKind::Forbidden) => {
                let why = "versions may not be listed, which a run needs to settle what is in doubt";
                Check::refused(ID, format!("{why}: {}", words.happened)).mend(words.next)
            }
            Some(_) | None => Check::unknown(ID, format!("could not be read: {refused}")),
        },
        (Err(NotSeen::After(first)), _) => Check::after(ID, *first),
        (Err(NotSeen::NotAsked), _) => Check::unknown(ID, "not asked for"),
    }
}

/// The next version carries the current one's tags, over them the runbook's, over both keyrelay's two.
fn tags(vault: &VaultSurvey, mend: &Mend<'_>) -> Check {
    let none = std::collections::BTreeMap::new();
    let carried = match &vault.serves {
        Ok(Serves::Value(held)) => &held.read.tags,
        Ok(Serves::Nothing | Serves::Disabled { .. } | Serves::SoftDeleted | Serves::NoValue) => &none,
        Err(_) => return Check::after(CheckId::VaultTags, CheckId::VaultSecret),
    };
    let of_runbook = mend.runbook.vault(vault.vault).into_iter().flat_map(|v| v.tags.keys());
    let all = carried.keys().chain(of_runbook).map(String::as_str).chain([VAULT_TAG, VAULT_TAG_KEY_ID]);
    let count = all.collect::<BTreeSet<&str>>().len();
    if count <= TAG_LIMIT {
        return Check::ok(CheckId::VaultTags, format!("{count} of {TAG_LIMIT} on the next version"));
    }
    let says = format!(
        "the next version would have {count} tags: {} that it carries over, those of the runbook, and keyrelay's two; a version \
         can have {TAG_LIMIT}",
        carried.len()
    );
    let keep = mend.secret(vault.vault, "set-attributes", " --tags THOSE=TO KEEP=");
    Check::refused(CheckId::VaultTags, says).mend(format!("remove what nobody needs: {keep}"))
}

fn sign_in(vault: &VaultSurvey, held: &Held, mend: &Mend<'_>) -> Check {
    const ID: CheckId = CheckId::SignIn;
    match &held.lives {
        Ok(true) => Check::ok(ID, "the current value signs in"),
        Ok(false) => Check::warning(
            ID,
            "the current value does not sign in: this run is a repair, and cannot be rolled back once it is published",
        ),
        Err(refused) => {
            let words =
                if let Refused::CannotTell { answer, .. } = refused { mend.sign_in(vault.vault, answer) } else { None };
            let told = |w: Words| {
                Check::refused(ID, format!("whether the current value signs in cannot be told. {}", w.happened)).mend(w.next)
            };
            words.map_or_else(|| at(ID, refused, &vault.place), told)
        }
    }
}

/// Which credential a version's value belongs to.
fn which(
    alive: bool,
    held: &Held,
    credentials: &[Credential],
    survey: &Survey,
    wanted: &Wanted,
    mend: &Mend<'_>,
) -> (Check, Option<At>) {
    const ID: CheckId = CheckId::Baseline;
    let serve = |key_id, how: &str| match alive {
        true => (Check::ok(ID, format!("key ID {key_id}, {how}")), Some(At::Alive(key_id))),
        false => (Check::ok(ID, format!("key ID {key_id}, {how}; it is dead")), Some(At::Dead(Some(key_id)))),
    };
    match belongs(held, credentials, survey, wanted, mend) {
        Belongs::Named(key_id) if alive && !fits(held, key_id, credentials) => {
            let says = format!("--old-key {key_id} is not the credential in the vault: its hint does not fit the value");
            (Check::refused(ID, says).mend("leave --old-key out, or name the right one"), None)
        }
        Belongs::Named(key_id) => serve(key_id, "as --old-key says"),
        Belongs::Tagged(key_id) => serve(key_id, "by keyrelay's tag"),
        Belongs::Hinted(key_id) => serve(key_id, if alive { "by its hint and a sign-in" } else { "by its hint" }),
        Belongs::ToPrincipal(_) | Belongs::Unclear(_) if !alive => {
            let says = "the dead value belongs to no known credential; what it replaces stays unless --old-key names it";
            (Check::ok(ID, says), Some(At::Dead(None)))
        }
        Belongs::ToPrincipal(own) => (on_principal(&own.iter().map(ToString::to_string).collect::<Vec<_>>()), None),
        Belongs::Unclear(candidates) => {
            let place = String::new();
            (at(ID, &Refused::WhichKey { place, candidates }, ""), None)
        }
    }
}

/// A credential without a hint fits everything.
fn fits(held: &Held, key_id: KeyId, credentials: &[Credential]) -> bool {
    let named = credentials.iter().find(|c| c.key_id == key_id);
    named.is_some_and(|c| c.hint.as_ref().is_none_or(|hint| held.read.value.begins_with(hint)))
}

/// The one that a person named, else the one that our tag names, else the only one whose hint fits.
fn belongs(held: &Held, credentials: &[Credential], survey: &Survey, wanted: &Wanted, mend: &Mend<'_>) -> Belongs {
    let listed = |k: &KeyId| credentials.iter().any(|c| c.key_id == *k);
    if let Some(named) = wanted.old_key.filter(listed) {
        return Belongs::Named(named);
    }
    let ours = held.read.version.tag.as_ref().is_some_and(|t| t.target == mend.runbook.target());
    if let Some(tagged) = held.read.version.key_id.filter(|_| ours).filter(listed) {
        return Belongs::Tagged(tagged);
    }
    let begins = |c: &&Credential| c.hint.as_ref().is_some_and(|hint| held.read.value.begins_with(hint));
    let hinted: Vec<KeyId> = credentials.iter().filter(begins).map(|c| c.key_id).collect();
    let shown = |c: &&Credential| hinted.is_empty() || hinted.contains(&c.key_id);
    match hinted.as_slice() {
        [one] => Belongs::Hinted(*one),
        [] if credentials.iter().all(|c| c.hint.is_some()) && !principals(survey).is_empty() => {
            Belongs::ToPrincipal(principals(survey).iter().map(Candidate::of).collect())
        }
        _ => Belongs::Unclear(credentials.iter().filter(shown).map(Candidate::of).collect()),
    }
}

fn principals(survey: &Survey) -> &[Credential] {
    survey.directory.principal.as_ref().map_or(&[][..], |p| &p.passwords)
}

type Agreed = (Baseline, Option<Timestamp>);

/// What all vaults together serve. Those that are empty are filled by the run.
fn agree(
    served: &[(&VaultSurvey, At)],
    credentials: &[Credential],
    wanted: &Wanted,
    now: Option<Timestamp>,
) -> Result<Agreed, Refused> {
    let (mut alive, mut dead) = (Vec::new(), Vec::new());
    for (vault, at) in served {
        match at {
            At::Empty => {}
            At::Alive(key_id) => alive.push((*vault, *key_id)),
            At::Dead(key_id) => dead.push((*vault, *key_id)),
        }
    }
    let end = |k: KeyId| credentials.iter().find(|c| c.key_id == k).and_then(|c| c.end);
    match (alive.first(), dead.first()) {
        (None, None) => Ok((Baseline::None, None)),
        (Some((_, key_id)), None) if alive.iter().all(|(_, k)| k == key_id) => {
            Ok((Baseline::Alive { key_id: *key_id }, end(*key_id)))
        }
        (Some(_), _) => {
            let mut what: Vec<String> = alive.iter().map(|(v, k)| format!("{} serves {k}", v.place)).collect();
            what.extend(dead.iter().map(|(v, _)| format!("{} serves a value that does not sign in", v.place)));
            Err(Refused::VaultsDisagree { what })
        }
        (None, Some((_, key_id))) => {
            let key_id = wanted.old_key.or(key_id.filter(|k| dead.iter().all(|(_, d)| *d == Some(*k))));
            let expired = key_id.and_then(end).zip(now).is_some_and(|(ends, now)| ends <= now);
            let baseline = Baseline::Dead { key_id, removable: wanted.old_key.is_some() || expired };
            Ok((baseline, key_id.and_then(end)))
        }
    }
}

fn agreement(baseline: Baseline, vaults: usize) -> String {
    match (baseline, vaults) {
        (Baseline::None, _) => "none serves a secret yet".to_owned(),
        (Baseline::Alive { .. } | Baseline::Dead { .. }, 1) => "there is one".to_owned(),
        (Baseline::Alive { .. }, n) => format!("none of the {n} serves another credential"),
        (Baseline::Dead { .. }, n) => format!("none of the {n} serves a value that signs in"),
    }
}
