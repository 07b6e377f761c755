//! Why a run stopped or turned back, in the words of a person on call: what happened, what is true now, what to do.

use super::met::{Met, met};
use super::text::{clean, duration, list, place, sign_in};
use crate::refusals::{Names, Operation, Words};
use crate::rotation::Reason;
use crate::rotation::answers::{Refusal, SignIn};
use crate::run::{Run, Start};

/// A [`Reason`] in three sentences or so. One line each, nothing of it secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What happened.
    pub happened: String,
    /// What is true now, as far as the reason itself tells.
    pub now: String,
    /// What to do.
    pub to_do: String,
}

/// Explains `reason` for `run`, with what the run's records tell of the request that was refused.
pub fn explain_in(run: &Run, reason: &Reason) -> Explanation {
    explain_with(reason, &run.start, &met(run, reason))
}

/// Explains `reason` for a run that began with `start`, from nothing but the reason.
pub fn explain(reason: &Reason, start: &Start) -> Explanation {
    explain_with(reason, start, &Met::default())
}

fn explain_with(reason: &Reason, start: &Start, met: &Met) -> Explanation {
    let run = &start.plan.run;
    let resume = format!("`keyrelay resume {run}`");
    let rollback = format!("`keyrelay rollback {run}`");
    let release = format!("`keyrelay release {run}`");
    let abandon = format!("`keyrelay abandon {run} --reason WHY`");
    let (happened, now, to_do) = match reason {
        Reason::VaultChanged { vault } => (
            format!(
                "{} serves a version that this run neither found at its start nor wrote: somebody else writes it.",
                place(start, *vault)
            ),
            "Nothing was changed after that was read, and nothing is removed while it is so.".to_owned(),
            format!(
                "Find out who wrote it: the vault's audit log names the caller. If it serves the old value or this run's again, \
                 {resume}. If the other value is to stay, {abandon}; what this run added is then left for you to remove."
            ),
        ),
        Reason::VaultsUnsteady => (
            "Each time the vaults were read again, one of them served another version than before.".to_owned(),
            "The wait never came to its end, so nothing more was removed.".to_owned(),
            format!("Find out what else writes these vaults (their audit logs name the caller) and stop it, then {resume}."),
        ),
        Reason::NoRoom => (
            "The application holds as many secrets as it may, and none of them is one of this run's that could make way."
                .to_owned(),
            "No vault holds a value of this run.".to_owned(),
            format!(
                "See which secrets the application has and remove one that nobody uses: keyrelay removes none that is not its \
                 own. Then {resume}, or {rollback}."
            ),
        ),
        Reason::AnotherRun { run: other } => (
            format!("Another run, {other}, has added a secret for the same vaults and is not known to have ended."),
            "This run wrote nothing after it saw that.".to_owned(),
            format!(
                "Let {other} end where it was started, or roll it back there; if its journal is lost, `keyrelay adopt RUNBOOK` \
                 rebuilds it. Then {resume}, or {rollback}."
            ),
        ),
        Reason::NotProven { last } => (
            format!(
                "The new secret did not sign in without a break for {} within {}; the last answer was: {}.",
                duration(start.plan.proof.window),
                duration(start.plan.proof.limit),
                sign_in(last)
            ),
            with_cause(start, last, "That secret was written to no vault."),
            format!(
                "{} Then {resume} tries again with another secret; {rollback} takes back what was added.",
                cure(start, last)
            ),
        ),
        Reason::CurrentRefused { vault, last } => (
            format!("What {} serves does not sign in; the last answer was: {}.", place(start, *vault), sign_in(last)),
            with_cause(start, last, "Consumers that read it now may fail. Nothing was removed after that was seen."),
            format!("{} {resume} looks again; {rollback}, where it is open, puts the old value back.", cure(start, last)),
        ),
        Reason::CredentialGone { key_id } => (
            format!("The key ID {key_id}, which the vaults serve, is not among the application's secrets any more."),
            "Consumers fail, or will as soon as every sign-in replica knows. Nothing was removed after that was seen."
                .to_owned(),
            format!(
                "The directory's audit log says who removed it. {rollback}, where it is open, puts the old value back; else \
                 {abandon} and rotate again, which repairs the vaults."
            ),
        ),
        Reason::BaselineUnproven { last } => (
            format!("The old secret could be proven neither alive nor dead; the last answer was: {}.", sign_in(last)),
            with_cause(start, last, "It was not put back where it was not back already."),
            format!("{} When sign-ins of this application are answered again, {resume}.", cure(start, last)),
        ),
        Reason::AddRefused { refusal } => {
            let said = words(start, refusal, &met.or(Operation::AddSecret, None));
            (
                format!("A new secret could not be added. {}", said.happened),
                format!("That request added none. {}", said.now),
                format!("{} Then {resume}, or {rollback}.", said.next),
            )
        }
        Reason::WriteRefused { vault, refusal } => {
            let said = words(start, refusal, &met.or(Operation::SetSecret, Some(*vault)));
            (
                format!("{} could not be written. {}", place(start, *vault), said.happened),
                format!("What each vault serves is read again before anything else is done. {}", said.now),
                format!("{} Then {resume}, or {rollback} where it is open.", said.next),
            )
        }
        Reason::RemoveRefused { key_id, refusal } => {
            let said = words(start, refusal, &met.or(Operation::RemoveSecret, None));
            (
                format!("The key ID {key_id} could not be removed. {}", said.happened),
                format!("It may still sign in. {}", said.now),
                format!("{} Then {resume}.", said.next),
            )
        }
        Reason::RemovalNotSeen { key_id } => (
            format!("The key ID {key_id} was removed, and long after the application still lists it."),
            "It may still sign in.".to_owned(),
            format!(
                "Look at the application in the portal and remove the key ID there if it is still shown. Then {resume}."
            ),
        ),
        Reason::ReadRefused { refusal } => {
            let said = words(start, refusal, met);
            (
                format!("A read that the run depends on was refused. {}", said.happened),
                format!("Nothing was changed on that account. {}", said.now),
                format!("{} Then {resume}.", said.next),
            )
        }
        Reason::AttemptsExhausted => (
            format!("The run has added as many secrets as its runbook allows ({}).", start.plan.attempts),
            "Those that no vault serves are left as they are until the run ends.".to_owned(),
            format!(
                "`keyrelay evidence {run}` shows how each was lost. Mend that, then {rollback}, which removes them, and rotate \
                 again."
            ),
        ),
        Reason::ConsumerFailed { consumers, note } => (
            format!("{} could not be refreshed or not found well{}.", names(start, consumers), noted(note)),
            "Both secrets are as they were: none was removed on that account.".to_owned(),
            format!(
                "Look at what failed. {resume} asks again those that failed; {rollback}, where it is open, puts the old value back. \
                 If the run is to go on without them, {release} and then {resume}."
            ),
        ),
        Reason::ConsumerUsesOld { consumers } => (
            format!("{} reported a key ID that is about to be removed.", names(start, consumers)),
            "It was not removed: whoever uses it still signs in.".to_owned(),
            format!(
                "Make it read the vault again (a restart, as a rule). {resume} asks it once more, and goes on if it reports the other \
                 key ID or none; {rollback}, where it is open, puts the old value back. If its report is wrong, {release} and then \
                 {resume}."
            ),
        ),
        Reason::NotReleased => (
            format!("Nobody released the run within {}.", duration(start.plan.release_within)),
            "The old secret was not removed.".to_owned(),
            format!("If it may go, `keyrelay release {run}` and then {resume}; else {rollback}."),
        ),
        Reason::NotDrained { last, why } => (
            match (why, last) {
                (Some(why), _) => format!("Whether the old secret is still in use could not be known: {}.", why.sentence()),
                (None, Some(last)) => format!("Somebody still signs in with the old secret, last at {last}."),
                (None, None) => "The old secret was not known to be idle in time.".to_owned(),
            },
            "It was not removed: whoever uses it still signs in.".to_owned(),
            format!(
                "The report lists who signs in with it. Move them to the new one; {resume} asks the sign-in records again. If it may go all                  the same, `keyrelay release {run}` and then {resume}; else {rollback}."
            ),
        ),
    };
    Explanation { happened, now: now.trim_end().to_owned(), to_do }
}

/// The name of a consumer.
pub(super) fn name(start: &Start, consumer: usize) -> String {
    let named = start.runbook.consumers.get(consumer).map(|c| clean(c.name.as_str()));
    named.unwrap_or_else(|| format!("number {}", consumer.saturating_add(1)))
}

fn names(start: &Start, consumers: &[usize]) -> String {
    let names: Vec<String> = consumers.iter().map(|n| name(start, *n)).collect();
    format!("{} {}", if names.len() == 1 { "The consumer" } else { "The consumers" }, list(&names))
}

/// What a consumer printed, if anything.
pub(super) fn noted(note: &str) -> String {
    let note = clean(note);
    if note.is_empty() { note } else { format!(": \"{note}\"") }
}

/// A refusal in the words that preflight and `diagnose` use too.
fn words(start: &Start, refusal: &Refusal, met: &Met) -> Words {
    let names = Names::of(&start.runbook, met.vault).in_file(&clean(&start.runbook_file));
    Words::of_refusal(met.operation, refusal, met.request_id.as_deref(), &names)
}

/// What is true, and what a refused sign-in says beyond the secret.
fn with_cause(start: &Start, last: &SignIn, now: &str) -> String {
    match cause(start, last) {
        Some(words) => format!("{now} {}", words.now),
        None => now.to_owned(),
    }
}

/// What mends a refused sign-in.
fn cure(start: &Start, last: &SignIn) -> String {
    let look = || {
        let (app, file) = (start.runbook.client_id, clean(&start.runbook_file));
        format!(
            "See which secrets the application has, `az ad app credential list --id {app}`, and why: `keyrelay diagnose {file}`."
        )
    };
    cause(start, last).map_or_else(look, |words| words.next)
}

/// The words of a sign-in that was refused, or not answered, for a reason other than the secret.
fn cause(start: &Start, last: &SignIn) -> Option<Words> {
    let names = Names::of(&start.runbook, None).in_file(&clean(&start.runbook_file));
    Words::of_sign_in(last, None, &names).filter(|_| !last.says_dead())
}
