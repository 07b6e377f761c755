//! Shows a run while it goes on: which step, what is waited for and until when, and what did not go smoothly.
//!
//! On a terminal the current step is one line that is drawn again; elsewhere each is a line. Nothing is said but run ids, key
//! IDs, versions, names and times. It goes to stderr, so that stdout holds results only.

use std::collections::HashMap;
use std::io::Write;

use indicatif::ProgressDrawTarget;
use jiff::{SignedDuration, Timestamp};

use super::terminal::Terminal;
use crate::driver::Observer;
use crate::rotation::answers::{Mutation, Refusal, Reported, SignIn};
use crate::rotation::plan::{Baseline, Way};
use crate::rotation::{Applied, Death, Event, Phase, Rotation, Step, Why};
use crate::runbook::Runbook;

mod screen;
mod words;

use screen::Screen;

/// A wait is told if it is longer than this.
const WORTH_A_LINE: SignedDuration = SignedDuration::from_secs(2);

/// What happens again and again is told once in this time; that a proof is under way, once for each secret.
const SELDOM: SignedDuration = SignedDuration::from_secs(60);

/// An [`Observer`] that shows progress. Another can hold it and pass on what it hears.
pub struct Progress {
    runbook: Runbook,
    screen: Screen,
    begun: bool,
    at: Option<Timestamp>,
    step: Option<(Step, bool, Option<Timestamp>)>,
    /// The request whose outcome is not known yet.
    sent: Option<Mutation>,
    /// What became of the leaked value has been said.
    death_told: bool,
    /// What may happen often in this step, and when it was last told.
    told: HashMap<Often, Timestamp>,
}

/// What may happen many times in one step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Often {
    Waiting(Step, Why),
    Refused(SignIn),
}

impl Progress {
    /// Progress on stderr: drawn on a terminal, plain lines elsewhere.
    pub fn on_stderr(runbook: Runbook, terminal: Terminal) -> Progress {
        if terminal.redraws {
            Progress::on(runbook, Screen::live(ProgressDrawTarget::stderr()))
        } else {
            Progress::plain(runbook, Box::new(std::io::stderr()))
        }
    }

    /// Progress in plain lines.
    pub fn plain(runbook: Runbook, out: Box<dyn Write>) -> Progress {
        Progress::on(runbook, Screen::Plain(out))
    }

    /// No progress, for `--quiet`.
    pub fn quiet(runbook: Runbook) -> Progress {
        Progress::on(runbook, Screen::None)
    }

    fn on(runbook: Runbook, screen: Screen) -> Progress {
        Progress { runbook, screen, begun: false, at: None, step: None, sent: None, death_told: false, told: HashMap::new() }
    }

    /// Says which run this is and where it stands. Call it with the state that the journal gives, before the driver starts;
    /// otherwise it is said at the first event, and what a dead process left in doubt is not mentioned.
    pub fn begin(&mut self, run: &Rotation) {
        if !self.begun {
            self.sent = run.in_flight().cloned();
            self.death_told = run.death().is_some();
            self.head(run);
        }
    }

    /// Takes the drawn line away, before a result is printed. Nothing is shown afterwards.
    pub fn end(&mut self) {
        self.screen.end();
    }

    fn head(&mut self, run: &Rotation) {
        self.begun = true;
        let sandbox = if self.runbook.cloud.is_sandbox() { "SANDBOX: " } else { "" };
        let client = &self.runbook.client_id;
        self.screen.line(&format!("{sandbox}run {} of application {client}", run.plan().run));
        let places = words::places(&self.runbook);
        if let Some(emergency) = &run.plan().emergency {
            self.screen.line(&format!("EMERGENCY: key ID {} has leaked", emergency.leaked));
            if emergency.way == Way::RevokeOnly {
                self.screen.line(&format!("what is served stays as it is: {places}"));
                return self.enter(run);
            }
        }
        self.screen.line(&match run.plan().baseline {
            Baseline::Alive { key_id } => format!("replaces key ID {key_id}: {places}"),
            Baseline::Dead { key_id: Some(key_id), .. } => {
                format!("replaces key ID {key_id}, which does not sign in: {places}")
            }
            Baseline::Dead { key_id: None, .. } => format!("replaces a secret that does not sign in: {places}"),
            Baseline::None => format!("first secret: {places}"),
        });
        self.enter(run);
    }

    /// Tells a change of step.
    fn enter(&mut self, run: &Rotation) {
        let (step, back) = (run.step(), run.back());
        if self.step.is_some_and(|(s, b, _)| (s, b) == (step, back)) {
            return;
        }
        self.finish();
        self.step = Some((step, back, self.at));
        self.told.clear();
        self.screen.begin(&words::step(step, back));
    }

    /// Tells that the current step is done.
    fn finish(&mut self) {
        if let Some((step, back, since)) = self.step.take() {
            let took = since.zip(self.at).map(|(since, at)| words::length(at.duration_since(since)));
            let took = took.map_or(String::new(), |took| format!(" ({took})"));
            self.screen.done(&format!("{} done{took}", words::step(step, back)));
        }
    }

    /// A line within a step.
    fn line(&mut self, text: &str) {
        self.screen.line(&format!("  {text}"));
    }

    /// Whether what may happen often is to be told this time.
    fn is_news(&mut self, what: Often, at: Timestamp) -> bool {
        let again = |then: &Timestamp| at.duration_since(*then) >= SELDOM && !matches!(what, Often::Waiting(_, Why::Proof));
        let news = self.told.get(&what).is_none_or(again);
        if news {
            self.told.insert(what, at);
        }
        news
    }

    fn event(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Resumed { .. } => {
                self.line("resumed: what was in memory is gone, everything is read anew");
                if let Some(request) = self.sent.take() {
                    self.doubt(&request, "the process before ended without an outcome");
                }
            }
            Event::Intended { request } => self.sent = Some(request.clone()),
            Event::Applied { result, .. } => self.applied(result),
            Event::NotApplied { refusal, .. } => {
                if let Some(request) = self.sent.take() {
                    let request = words::request(&self.runbook, &request);
                    self.line(&format!("not done: {request}: {}", words::refusal(refusal)));
                }
            }
            Event::InDoubt { refusal, .. } => {
                if let Some(request) = self.sent.take() {
                    self.doubt(&request, &words::refusal(refusal));
                }
            }
            Event::SignedIn { answer, .. } => self.signed_in(at, "the new value", answer),
            Event::BaselineProven { answer, .. } => self.signed_in(at, "the old value", answer),
            Event::LeakedTried { answer, .. } if answer.accepted() => {
                if self.is_news(Often::Refused(answer.clone()), at) {
                    self.line("the leaked value still signs in somewhere: it is waited out");
                }
            }
            Event::LeakedTried { answer, .. } => self.signed_in(at, "the leaked value", answer),
            Event::LeakedMissing { why } => self.line(&format!("the leaked value cannot be tried: {why}")),
            Event::OutageAccepted { consumers, .. } => {
                for consumer in consumers {
                    let name = words::consumer(&self.runbook, *consumer);
                    self.line(&format!("{name}: its outage is accepted"));
                }
            }
            Event::VaultRead { vault, sign_in: Some(answer), .. } => {
                let value = format!("the value of {}", words::place(&self.runbook, *vault));
                self.signed_in(at, &value, answer);
            }
            Event::VaultRead { sign_in: None, .. } => {}
            Event::CredentialsListed { .. } | Event::VersionsListed { .. } => {}
            Event::UsageRead { usage } => {
                for line in crate::usage::tell::lines(usage) {
                    self.line(&line);
                }
            }
            Event::ReadRefused { refusal, .. } => self.line(&format!("could not be read: {}", words::refusal(refusal))),
            Event::ConsumerRefreshed { consumer, ok, .. } => {
                let name = words::consumer(&self.runbook, *consumer);
                self.line(&if *ok { format!("{name}: refreshed") } else { format!("{name}: could not be refreshed") });
            }
            Event::ConsumerChecked { consumer, ok, reported, .. } => {
                let how = match (ok, reported) {
                    (true, Reported::New) => "is well and reports the key ID that the vaults serve",
                    (true, Reported::Old) => "is well and reports the key ID that is to go",
                    (true, Reported::Neither) => "is well",
                    (false, Reported::Old) => "is not well and reports the key ID that is to go",
                    (false, Reported::New | Reported::Neither) => "is not well",
                };
                self.line(&format!("{}: {how}", words::consumer(&self.runbook, *consumer)));
            }
            Event::RollbackRequested { .. } => self.line("a rollback was asked for"),
            Event::HoldSet { until, .. } => {
                self.line(&format!("a person holds the old secret until {}", words::time(*until)))
            }
            Event::Released { .. } => self.line("released by a person"),
            Event::GaveUp => self.line("nobody has released the run in time"),
            Event::Abandoned { .. } => self.line("closed by a person as it stands"),
        }
    }

    fn applied(&mut self, result: &Applied) {
        let request = self.sent.take();
        self.told.clear();
        let place = match &request {
            Some(Mutation::WriteVault { vault, .. } | Mutation::DisableVersion { vault, .. }) => {
                words::place(&self.runbook, *vault)
            }
            Some(Mutation::AddSecret { .. } | Mutation::RemoveSecret { .. }) | None => String::new(),
        };
        let text = match (result, &request) {
            (Applied::Added { key_id, tag_intact: true, .. }, _) => format!("added key ID {key_id}"),
            (Applied::Added { key_id, tag_intact: false, .. }, _) => {
                format!("added key ID {key_id}, but its tag did not come back: it is left as it is")
            }
            (Applied::Written { version }, _) => format!("wrote version {version}: {place}"),
            (Applied::Disabled, Some(Mutation::DisableVersion { version, .. })) => {
                format!("disabled version {version}: {place}")
            }
            (Applied::Removed, Some(Mutation::RemoveSecret { key_id })) => format!("removed key ID {key_id}"),
            // the rotation lets no such pair pass
            (Applied::Disabled | Applied::Removed, _) => return,
        };
        self.line(&text);
    }

    fn doubt(&mut self, request: &Mutation, why: &str) {
        let request = words::request(&self.runbook, request);
        self.line(&format!("in doubt: {request} ({why}); will be settled by reading"));
    }

    /// A sign-in that is accepted is no news.
    fn signed_in(&mut self, at: Timestamp, value: &str, answer: &SignIn) {
        if !answer.accepted() && self.is_news(Often::Refused(answer.clone()), at) {
            self.line(&format!("{value} {}", words::sign_in(answer)));
        }
    }

    /// Tells a turn of the way. `failure` is what made it turn, if something did.
    fn turn(&mut self, run: &Rotation) {
        let (back, failure) = (run.back(), run.failure());
        let why = failure.map_or(String::new(), |reason| format!(" ({})", words::reason(&self.runbook, reason)));
        let emergency = run.plan().emergency.is_some();
        self.line(&if back && emergency {
            format!("rolling back{why}: what the run added goes; THE LEAKED SECRET STAYS ALIVE")
        } else if emergency {
            format!("the run goes forward{why}: the leaked secret is not put back")
        } else if back {
            format!("rolling back{why}: what the run added goes, the old secret stays")
        } else {
            "the old value is dead, so the run goes forward again".to_owned()
        });
    }
}

impl Observer for Progress {
    fn recorded(&mut self, run: &Rotation, at: Timestamp, event: &Event) {
        if !self.begun {
            self.head(run);
        }
        self.at = Some(at);
        if let Some((_, _, since @ None)) = &mut self.step {
            *since = Some(at);
        }
        self.event(at, event);
        if run.death().is_some() && !std::mem::replace(&mut self.death_told, true) {
            self.line(match run.death() {
                Some(Death::Proven) => "the leaked value is proven dead",
                Some(Death::Unproven) | None => "the leaked value is removed, and not proven dead",
            });
        }
        if let Some((_, was_back, _)) = self.step
            && was_back != run.back()
        {
            self.turn(run);
        }
        match run.phase() {
            Phase::Ended { end } => {
                self.finish();
                self.screen.line(words::end(*end));
            }
            Phase::NeedsOperator { reason, .. } => {
                self.enter(run);
                self.line(&format!("needs operator: {}", words::reason(&self.runbook, reason)));
            }
            Phase::Add | Phase::Prove | Phase::Publish { .. } | Phase::Reconcile { .. } | Phase::Align { .. } => {
                self.enter(run);
            }
            Phase::Smoke | Phase::Consumers | Phase::Confirm | Phase::Wait | Phase::Adoption | Phase::Delete => {
                self.enter(run);
            }
            Phase::Withdraw | Phase::Restore | Phase::Revoke | Phase::Dying => self.enter(run),
        }
    }

    fn waiting(&mut self, run: &Rotation, until: Timestamp, why: Why) {
        if !self.begun {
            self.head(run);
        }
        let at = self.at.unwrap_or(until);
        let left = until.duration_since(at);
        let window = run.plan().emergency.as_ref().map_or(run.plan().proof.window, |e| e.death.window);
        let worth = if why == Why::Proof { window } else { left } > WORTH_A_LINE;
        let line = worth && self.is_news(Often::Waiting(run.step(), why), at);
        let text = words::wait(run, until, left, why);
        let short = text.strip_prefix(run.step().name()).map_or(text.as_str(), str::trim_start);
        self.screen.wait(&format!("{}: {short}", words::step(run.step(), run.back())), line.then_some(text.as_str()));
    }

    fn retrying(&mut self, what: &str, refusal: &Refusal) {
        self.line(&format!("{what}: {}; asked again", words::refusal(refusal)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.screen.end();
    }
}
