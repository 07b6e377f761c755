//! The few lines that a person reads when a command ends.

use jiff::SignedDuration;

use super::explain::Explanation;
use super::state::{self, State};
use super::summary::Summary;
use super::text::{count, duration, list, place};
use super::timeline::Timeline;
use crate::rotation::plan::{Baseline, Delete, Emergency, Way};
use crate::rotation::state::{AddState, Hold};
use crate::rotation::{End, Phase, Rotation, Why};
use crate::run::{Run, Start};

/// What the lines say and the JSON object does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// How long the run stood in each step.
    spent: Vec<SignedDuration>,
    /// The vaults, for people.
    places: Vec<String>,
    /// A rollback is open, as far as the journal can tell.
    may_go_back: bool,
    /// Only forward.
    past_return: bool,
    why_waiting: Option<Why>,
    /// Why it is where it is, where that is not the plain course of things.
    reason: Option<Explanation>,
    /// What is true of both secrets now.
    standing: String,
    /// What is left over and no command will remove.
    left_over: Vec<String>,
    hold: Hold,
    /// The runbook names a folder for its journals, so the run is not found by its id alone.
    own_folder: bool,
}

impl Words {
    pub(super) fn of(run: &Run, line: &Timeline) -> Words {
        Words {
            spent: line.steps.iter().map(|s| s.spent).collect(),
            places: line.latest_versions().iter().map(|v| place(&run.start, v.vault)).collect(),
            may_go_back: run.rotation.may_go_back(),
            past_return: run.rotation.past_return(),
            why_waiting: state::waiting(run).map(|(_, why)| why),
            reason: state::reason(run, line).map(|(_, explained)| explained),
            standing: standing(&run.rotation, &run.start, line),
            left_over: left_over(run),
            hold: run.rotation.hold(),
            own_folder: run.start.runbook.journal.is_some(),
        }
    }
}

impl Summary {
    /// The run in a few lines, for a person: what happened, what is true now, what to type next. No colours, no line breaks.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.sandbox {
            lines.push("SANDBOX: this run touched no real tenant.".to_owned());
        }
        lines.push(self.headline());
        lines.extend(self.words.reason.iter().map(|r| r.happened.clone()));
        let versions = self.vault_versions.iter().zip(&self.words.places);
        lines.extend(versions.map(|(v, place)| format!("  {place}: version {}", v.version)));
        lines.push(format!("Steps: {}.", self.steps_taken()));
        lines.extend(self.emergency.iter().flat_map(super::EmergencyFacts::lines));
        let now = self.words.reason.iter().map(|r| r.now.as_str()).filter(|now| !now.is_empty());
        let now: Vec<&str> = now.chain([self.words.standing.as_str()]).collect();
        lines.push(format!("Now: {}", now.join(" ")));
        lines.extend(self.words.left_over.iter().cloned());
        let page = self.reason.as_ref().filter(|_| self.state == State::NeedsOperator);
        lines.extend(page.map(|r| format!("Read: runbooks/needs-operator/{}.md", r.name)));
        lines.extend(self.next());
        lines.extend(self.journal.iter().map(|at| format!("Journal: {at}")));
        lines.push(match &self.report {
            Some(at) => format!("Report: {at}"),
            None => format!("Report: `keyrelay evidence {}`", self.typed()),
        });
        lines
    }

    fn headline(&self) -> String {
        let run = &self.run;
        let app = format!("{} ({})", self.application.display_name, self.application.client_id);
        let none = || "none".to_owned();
        let old = self.old_key_id.map_or_else(none, |k| k.to_string());
        let new = self.new_key_id.map_or_else(none, |k| k.to_string());
        match self.state {
            State::Completed if self.only_revoked() => {
                let leaked = self.emergency.as_ref().map_or_else(none, |e| e.leaked_key_id.to_string());
                format!("Completed: run {run} revoked the leaked key ID {leaked} of {app}.")
            }
            State::Completed => match self.old_key_id {
                Some(_) => format!("Completed: run {run} replaced key ID {old} of {app} by {new}."),
                None => format!("Completed: run {run} gave {app} the secret with key ID {new}."),
            },
            State::RolledBack => format!("Rolled back: run {run} for {app} took back what it had added; old key ID: {old}."),
            State::Waiting => {
                let until = self.waiting_until.map_or_else(none, |t| t.to_string());
                let what = match self.words.why_waiting {
                    Some(Why::Hold) => "the run is held",
                    Some(Why::Overlap) if self.emergency.is_some() => "consumers may still hold the leaked secret",
                    Some(Why::Release) => "the run waits for a release",
                    Some(Why::Overlap | Why::Again | Why::Proof | Why::Settle) | None => "the overlap",
                };
                format!("Waiting until {until} ({what}): run {run} for {app}; old key ID {old}, new key ID {new}.")
            }
            State::Interrupted => format!("Interrupted in the step \"{}\": run {run} for {app}.", self.step),
            State::NeedsOperator => format!("Needs an operator in the step \"{}\": run {run} for {app}.", self.step),
            State::Abandoned => format!("Abandoned in the step \"{}\": run {run} for {app}.", self.step),
        }
    }

    fn only_revoked(&self) -> bool {
        self.emergency.as_ref().is_some_and(|e| e.emergency == "revoke-only")
    }

    fn steps_taken(&self) -> String {
        let step = |(step, spent): (&super::summary::StepSummary, &SignedDuration)| {
            let again =
                if step.attempts > 1 { format!(" in {}", count(step.attempts as usize, "attempt")) } else { String::new() };
            let open = if step.ended.is_none() { " so far" } else { "" };
            format!("{} {}{open}{again}", step.name, duration(*spent))
        };
        self.steps.iter().zip(&self.words.spent).map(step).collect::<Vec<_>>().join(", ")
    }

    /// What to type next.
    /// What to type for RUN.
    fn typed(&self) -> String {
        let journal = self.journal.clone().filter(|_| self.words.own_folder);
        journal.unwrap_or_else(|| self.run.to_string())
    }

    fn next(&self) -> Vec<String> {
        let run = &self.typed();
        let mut lines = Vec::new();
        let mut say = |line: String| lines.push(line);
        match self.state {
            State::Completed | State::RolledBack | State::Abandoned => return lines,
            State::Waiting => {
                let at = self.waiting_until.map_or_else(String::new, |t| format!(" at {t} or later"));
                match self.words.why_waiting {
                    Some(Why::Release) => say(format!(
                        "Next: when the old secret may go, `keyrelay release {run}`, then `keyrelay resume {run}`."
                    )),
                    Some(Why::Hold) => {
                        say(format!("Next: `keyrelay resume {run}`{at}; or sooner, after `keyrelay release {run}`."))
                    }
                    Some(Why::Overlap | Why::Again | Why::Proof | Why::Settle) | None => {
                        say(format!("Next: `keyrelay resume {run}`{at}."));
                        if self.emergency.is_some() {
                            say(format!("To cut a consumer off sooner: `keyrelay resume {run} --accept-outage CONSUMER`."));
                        } else if !self.words.past_return && self.words.may_go_back {
                            say(format!("To keep the old secret longer: `keyrelay hold {run}`."));
                        }
                    }
                }
            }
            State::Interrupted => say(format!("Next: `keyrelay resume {run}`.")),
            State::NeedsOperator => lines.extend(self.words.reason.iter().map(|r| format!("Next: {}", r.to_do))),
        }
        if self.words.may_go_back && self.state != State::NeedsOperator {
            let leaked = if self.emergency.is_some() { " --restore-leaked" } else { "" };
            lines.push(format!("To undo: `keyrelay rollback {run}{leaked}`."));
        }
        if let Hold::Until(until) = self.words.hold {
            lines.push(format!("A hold keeps the old secret until {until}; `keyrelay release {run}` ends it."));
        }
        lines
    }
}

/// What is true of both secrets, as far as the journal tells.
pub(super) fn standing(rotation: &Rotation, start: &Start, line: &Timeline) -> String {
    let old = start.plan.baseline.key_id().map_or_else(|| "the old secret".to_owned(), |k| format!("the old key ID {k}"));
    let old = old.as_str();
    let removed = start.plan.baseline.key_id().and_then(|k| line.removal(k)).map(|(_, outcome)| outcome.at);
    let has_old = start.plan.baseline != Baseline::None;
    let over = matches!(rotation.phase(), Phase::Ended { .. });
    let forward = if over { "" } else { " There is only the way forward." };
    if let Some(Emergency { leaked, way: Way::RevokeOnly, .. }) = &start.plan.emergency {
        return match line.removal(*leaked).map(|(_, outcome)| outcome.at) {
            Some(at) => format!("The leaked key ID {leaked} was removed at {at}; what the vaults serve was not touched."),
            None => format!("What the vaults serve was not touched; no removal of the leaked key ID {leaked} is confirmed."),
        };
    }
    match (rotation.phase(), removed) {
        (Phase::Ended { end: End::Completed }, Some(at)) => format!(
            "The vaults serve the new secret; {old} was removed at {at}. Access tokens issued with it before live on until they expire."
        ),
        (Phase::Ended { end: End::Completed }, None) if !has_old => "The vaults serve the new secret.".to_owned(),
        (Phase::Ended { end: End::Completed }, None) => {
            let why = if start.plan.delete == Delete::Never { "as the runbook says" } else { "by this run" };
            format!("The vaults serve the new secret; {old} was not removed, {why}.")
        }
        (Phase::Ended { end: End::RolledBack }, _) if rotation.maybe_published() && has_old => {
            format!("The vaults serve what they served at the start; {old} was not removed.")
        }
        (Phase::Ended { end: End::RolledBack }, _) if rotation.maybe_published() => {
            "The vaults serve nothing, as at the start.".to_owned()
        }
        (_, Some(at)) => format!("The old secret is gone: {old} was removed at {at}.{forward}"),
        (_, None) if rotation.past_return() => {
            format!("The removal of {old} was begun, so it may be gone.{forward}")
        }
        (_, None) if !rotation.maybe_published() && has_old => {
            format!("Nothing was written to any vault; {old} was not touched.")
        }
        (_, None) if !rotation.maybe_published() => "Nothing was written to any vault.".to_owned(),
        (_, None) if rotation.back() && has_old => {
            format!("The run is on its way back; {old} was not removed.")
        }
        (_, None) if rotation.back() => "The run is on its way back.".to_owned(),
        (_, None) => {
            let serve = if rotation.served().is_some() { "were last found to serve" } else { "may serve" };
            let kept = if has_old { format!("; {old} was not removed") } else { String::new() };
            format!("The vaults {serve} the new secret{kept}.")
        }
    }
}

/// Credentials that the run added and that nothing will remove.
fn left_over(run: &Run) -> Vec<String> {
    let abandoned = *run.rotation.phase() == Phase::Ended { end: End::Abandoned };
    let served = state::new_key_id(&run.rotation);
    let left = |added: AddState| match added {
        AddState::Untagged(key_id) => Some(key_id.to_string()),
        AddState::Added(key_id) if abandoned => Some(key_id.to_string()),
        AddState::Added(_) | AddState::Planned | AddState::InDoubt => None,
    };
    let removed = |key_id: &String| run.rotation.removed().keys().any(|k| k.to_string() == *key_id);
    let ids: Vec<String> = run.rotation.attempts().iter().filter_map(|a| left(a.added)).filter(|k| !removed(k)).collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let served = served.filter(|k| run.rotation.maybe_published() && ids.contains(&k.to_string()));
    let care = served.map_or_else(String::new, |k| format!(" The vaults may serve {k}: do not remove that one."));
    vec![format!("Left over at the application, for you to remove: {}.{care}", list(&ids))]
}
