//! The application: found, with a service principal that may sign in, room for one more secret, and policies that allow it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::baseline::FoundBaseline;
use super::check::{Check, CheckId};
use super::mend::Mend;
use super::survey::{NotSeen, Survey};
use super::{Candidate, Refused, Wanted};
use crate::ports::Credential;
use crate::refusals::Operation;
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::{KeyId, RunId, Tag, TargetId};
use crate::runbook::Runbook;

/// The application as the directory shows it.
pub(super) fn found(survey: &Survey, mend: &Mend<'_>) -> Check {
    let application = match &survey.directory.application {
        Ok(application) => application,
        Err(NotSeen::Refused(refused)) => {
            let check = refusing(CheckId::Application, Operation::ReadApplication, refused, mend);
            return match refused.kind() {
                Some(RefusalKind::Forbidden) => check.mend("see the check `permission`"),
                Some(_) | None => check,
            };
        }
        Err(NotSeen::After(first)) => return Check::after(CheckId::Application, *first),
        Err(NotSeen::NotAsked) => return Check::unknown(CheckId::Application, "not asked for"),
    };
    match &survey.directory.credentials {
        Err(NotSeen::Refused(refused)) => refusing(CheckId::Application, Operation::ListSecrets, refused, mend),
        Err(NotSeen::After(first)) => Check::after(CheckId::Application, *first),
        Err(NotSeen::NotAsked) => Check::unknown(CheckId::Application, "its credentials were not asked for"),
        Ok(credentials) => {
            let (name, secrets) = (application.display_name.escape_debug(), credentials.len());
            Check::ok(CheckId::Application, format!("{name}, object {}, secrets: {secrets}", application.object_id))
        }
    }
}

/// A refusal by a service, in the words that are the same everywhere; any other in its own.
pub(super) fn refusing(check: CheckId, operation: Operation, refused: &Refused, mend: &Mend<'_>) -> Check {
    let words = mend.words(operation, None, refused);
    words.map_or_else(|| Check::refusing(check, refused), |w| Check::refused(check, w.happened).mend(w.next))
}

/// The service principal is what signs in.
pub(super) fn principal(survey: &Survey, mend: &Mend<'_>) -> Check {
    match &survey.directory.principal {
        Ok(principal) if principal.enabled => {
            Check::ok(CheckId::ServicePrincipal, format!("enabled, object {}", principal.object_id))
        }
        Ok(principal) => {
            let says = format!("{} is disabled: no secret of the application signs in", principal.object_id);
            Check::refused(CheckId::ServicePrincipal, says).mend(mend.enable_principal())
        }
        Err(NotSeen::Refused(refused)) if refused.kind() == Some(RefusalKind::NotFound) => {
            let says = "the tenant has no service principal of the application: no secret of it signs in there";
            Check::refused(CheckId::ServicePrincipal, says).mend(mend.create_principal())
        }
        Err(why) => unread(CheckId::ServicePrincipal, why),
    }
}

/// What only a look asks stops nothing if it cannot be read.
fn unread(check: CheckId, why: &NotSeen) -> Check {
    match why {
        NotSeen::Refused(refused) => Check::unknown(check, format!("could not be read: {refused}")),
        NotSeen::After(first) => Check::after(check, *first),
        NotSeen::NotAsked => Check::unknown(check, "not asked for"),
    }
}

/// Whether one more secret fits.
pub(super) fn room(survey: &Survey, mend: &Mend<'_>) -> Check {
    let (Ok(application), Ok(credentials)) = (&survey.directory.application, &survey.directory.credentials) else {
        return Check::after(CheckId::Room, CheckId::Application);
    };
    match application.room {
        None => Check::ok(CheckId::Room, "no fixed limit: the audience has no personal accounts"),
        Some(room) if credentials.len() < usize::from(room) => {
            Check::ok(CheckId::Room, format!("{} of {room} secrets", credentials.len()))
        }
        Some(room) => {
            let full = Refused::NoRoom { room, credentials: credentials.iter().map(Candidate::of).collect() };
            Check::refusing(CheckId::Room, &full).mend(mend.remove_credential())
        }
    }
}

/// Whether the tenant's policies allow a new secret of the runbook's lifetime.
pub(super) fn policy(survey: &Survey, runbook: &Runbook) -> Check {
    let policy = match &survey.directory.policy {
        Ok(policy) => policy,
        Err(why) => return unread(CheckId::Policy, why),
    };
    if policy.no_addition {
        let says = format!("{} forbids new secrets of this application", policy.name);
        let mend = "ask who owns the policy for an exception, or move the application off secrets";
        return Check::refused(CheckId::Policy, says).mend(mend);
    }
    let Some(most) = &policy.max_lifetime else {
        return Check::ok(CheckId::Policy, format!("{} restricts nothing here", policy.name));
    };
    // Months have no length of their own: both ends are counted from now.
    let Some(now) = survey.now else { return Check::unknown(CheckId::Policy, "no service has told the time") };
    let asked = SignedDuration::try_from(runbook.secret.lifetime.get()).unwrap_or(SignedDuration::MAX);
    let end = now.checked_add(asked).unwrap_or(Timestamp::MAX);
    let latest = now.to_zoned(TimeZone::UTC).checked_add(*most).map_or(Timestamp::MAX, |z| z.timestamp());
    let lifetime = runbook.secret.lifetime;
    if end <= latest {
        return Check::ok(CheckId::Policy, format!("{} allows {most:#}, the runbook asks for {lifetime}", policy.name));
    }
    let says = format!("{} allows {most:#}, and the runbook asks for {lifetime}: Graph would refuse it", policy.name);
    Check::refused(CheckId::Policy, says).mend("shorten `lifetime` in [secret] of the runbook")
}

/// Other runs of this target that have left a credential: known to have ended, or this one must yield.
pub(super) fn unfinished(
    survey: &Survey,
    target: TargetId,
    found: Option<&FoundBaseline>,
    wanted: &Wanted,
) -> (Vec<Check>, BTreeSet<RunId>) {
    let refuse = |run: RunId, here| Check::refusing(CheckId::UnfinishedRun, &Refused::Unfinished { run, here });
    if let Some(run) = &wanted.unfinished {
        return (vec![refuse(run.clone(), true)], BTreeSet::new());
    }
    let Ok(credentials) = &survey.directory.credentials else {
        return (vec![Check::after(CheckId::UnfinishedRun, CheckId::Application)], BTreeSet::new());
    };
    let baseline = found.and_then(|f| f.baseline.key_id());
    let (ended, refused) = other_runs(credentials, target, baseline, &wanted.known_runs);
    if found.is_none() {
        // what a vault serves was made by a run, too: without a baseline it cannot be told from what a run has left
        let open = |(run, _): (RunId, bool)| {
            let says = format!("run {run} has a credential here; whether it is unfinished depends on {}", CheckId::Baseline);
            Check::unknown(CheckId::UnfinishedRun, says)
        };
        let checks: Vec<Check> = refused.into_iter().map(open).collect();
        let none = || vec![Check::after(CheckId::UnfinishedRun, CheckId::Baseline)];
        return (if checks.is_empty() { none() } else { checks }, BTreeSet::new());
    }
    let mut checks: Vec<Check> = refused.into_iter().map(|(run, here)| refuse(run, here)).collect();
    let left = |run: &RunId| {
        let says = format!("run {run} has ended and left a credential behind; it is not touched");
        Check::warning(CheckId::UnfinishedRun, says)
    };
    checks.extend(ended.iter().map(left));
    if checks.is_empty() {
        checks.push(Check::ok(CheckId::UnfinishedRun, "none, neither in the journals here nor in the directory"));
    }
    (checks, ended)
}

type Unended = BTreeSet<(RunId, bool)>;

fn other_runs(
    credentials: &[Credential],
    target: TargetId,
    baseline: Option<KeyId>,
    known: &BTreeMap<RunId, bool>,
) -> (BTreeSet<RunId>, Unended) {
    let others = credentials.iter().filter(|c| Some(c.key_id) != baseline);
    let others = others.filter_map(|c| Tag::leading(&c.display_name)).filter(|t| t.target == target);
    let (mut ended, mut not) = (BTreeSet::new(), BTreeSet::new());
    for tag in others {
        match known.get(&tag.run) {
            Some(true) => drop(ended.insert(tag.run)),
            Some(false) => drop(not.insert((tag.run, true))),
            None => drop(not.insert((tag.run, false))),
        }
    }
    (ended, not)
}
