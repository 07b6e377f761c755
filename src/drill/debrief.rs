//! What a drill came to.
#![allow(clippy::disallowed_methods)] // leaves the reports beside the journals

use std::io::Write as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::consumers::{Life, Outage};
use super::desk::Desk;
use super::scenario::length;
use super::world::World;
use crate::error::{Error, exit};
use crate::evidence::{Report, State, Summary};
use crate::run::Run;

/// The version of the object. Members may be added under it; none changes its meaning or goes away.
pub const SCHEMA: &str = "keyrelay.drill/1";

/// The end of a drill. Times are the drill's own.
#[derive(Debug, Clone, Serialize)]
pub struct Debrief {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The scenario's title.
    pub scenario: String,
    /// When it began.
    pub started: Timestamp,
    /// When everything was over, caches included.
    pub ended: Timestamp,
    /// What went wrong.
    pub went_wrong: Vec<Happened>,
    /// What keyrelay did: each run as `keyrelay status --json` shows it.
    pub runs: Vec<Summary>,
    /// What you did, and what the schedule did for you.
    pub you: Vec<Typed>,
    /// What those saw who read the secret.
    pub consumers: Vec<ConsumerStory>,
    /// The longest time that any of them was without a sign-in, in seconds, all its outages together.
    pub outage_seconds: i64,
    /// How many living secrets the application has.
    pub secrets: usize,
    /// How long after the beginning the old secret was refused everywhere, in seconds; null if it still signs in.
    pub old_refused_after_seconds: Option<i64>,
    /// Whether it ended as it does for whoever knows the runbooks.
    pub as_rehearsed: bool,
    /// What did not.
    pub differs: Vec<String>,
    /// What it was for.
    pub lessons: Vec<String>,
    /// The reports, one for each run.
    pub reports: Vec<String>,
    /// 0 as rehearsed, else 30.
    pub exit: u8,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Typed {
    /// When.
    pub at: Timestamp,
    /// As it was typed.
    pub line: String,
    /// The schedule typed it.
    pub by_schedule: bool,
    /// How it ended; null for what is no command of keyrelay, and for a process that was killed.
    pub exit: Option<u8>,
}

/// What one consumer saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerStory {
    /// Its name.
    pub name: String,
    /// How often it tried.
    pub sign_ins: u64,
    /// How often it was refused.
    pub failed: u64,
    /// When.
    pub outages: Vec<Outage>,
    /// All of them together.
    pub outage_seconds: i64,
}

impl ConsumerStory {
    fn of(life: &Life, end: Timestamp) -> ConsumerStory {
        let seconds = |o: &Outage| o.to.unwrap_or(end).duration_since(o.from).as_secs();
        ConsumerStory {
            name: life.spec.name.clone(),
            sign_ins: life.sign_ins,
            failed: life.failed,
            outages: life.outages.clone(),
            outage_seconds: life.outages.iter().map(seconds).sum(),
        }
    }
}

/// Writes a run's report.
pub(super) fn write_report(place: &Path, run: &Run) -> Result<String, Error> {
    let cannot = |error| Error::File { what: place.display().to_string(), error };
    let text = Report::of(run).to_markdown();
    let mut file = crate::disk::private_file().create(true).truncate(true).open(place).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    Ok(place.display().to_string())
}

pub(super) fn write(world: &World, desk: &Desk) -> Result<Debrief, Error> {
    // those who live in the world keep it, and it keeps them
    world.actors.borrow_mut().clear();
    let (scenario, runs) = (&world.scenario, desk.runs()?);
    let (started, ended) = (scenario.starts, world.time.now());
    let consumers: Vec<ConsumerStory> =
        world.people.lives.borrow().iter().map(|life| ConsumerStory::of(life, ended)).collect();
    let outage_seconds = consumers.iter().map(|c| c.outage_seconds).max().unwrap_or_default();
    let secrets = world.cloud.borrow().standings(ended, world.app()).iter().filter(|s| s.living).count();
    let differs = differs(world, runs.last(), outage_seconds, secrets);
    let reports = runs.iter().map(|run| desk.report(run)).collect::<Result<_, _>>()?;
    Ok(Debrief {
        schema: SCHEMA,
        scenario: scenario.title.clone(),
        started,
        ended,
        went_wrong: world.happened.borrow().clone(),
        runs: runs.iter().map(|run| desk.summary(run)).collect(),
        you: world.typed.borrow().clone(),
        consumers,
        outage_seconds,
        secrets,
        old_refused_after_seconds: world.old_refused.get().map(|at| at.duration_since(started).as_secs()),
        as_rehearsed: differs.is_empty(),
        exit: if differs.is_empty() { exit::DONE } else { exit::NEEDS_OPERATOR },
        differs,
        lessons: scenario.lessons.clone(),
        reports,
    })
}

fn differs(world: &World, last: Option<&Run>, outage: i64, secrets: usize) -> Vec<String> {
    let expect = &world.scenario.expect;
    let state = last.map(|run| State::of(run).name());
    let words = |seconds: i64| span(SignedDuration::from_secs(seconds));
    let mut differs = Vec::new();
    if let Some(wanted) = expect.state.as_deref().filter(|wanted| state != Some(*wanted)) {
        let is = state.map_or("there was no run".to_owned(), |s| format!("it is {s}"));
        differs.push(format!("the last run was to be {wanted}; {is}"));
    }
    if let Some(most) = expect.outage_at_most.map(|m| length(m).as_secs()).filter(|most| outage > *most) {
        differs.push(format!("a consumer was out for {}; {} at most were to be", words(outage), words(most)));
    }
    if let Some(wanted) = expect.secrets.filter(|wanted| *wanted != secrets) {
        differs.push(format!("the application was to have {wanted} secrets in the end; it has {secrets}"));
    }
    differs
}

/// As people read it.
fn span(length: SignedDuration) -> String {
    humantime::format_duration(length.unsigned_abs()).to_string()
}

impl Debrief {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let at = |t: Timestamp| t.strftime("%m-%d %H:%M:%S").to_string();
        let seconds = |s: i64| span(SignedDuration::from_secs(s));
        let mut lines = vec![format!("DEBRIEF: {}", self.scenario), "What went wrong:".to_owned()];
        lines.extend(self.went_wrong.iter().map(|h| format!("  {}  {}", at(h.at), h.what)));
        lines.push("What keyrelay did:".to_owned());
        for run in &self.runs {
            let reason = run.reason.as_ref().map(|r| format!(" ({})", r.name)).unwrap_or_default();
            let steps: Vec<&str> = run.steps.iter().map(|s| s.name).collect();
            lines.push(format!("  run {}: {}{reason}; {}", run.run, run.state.name(), steps.join(", ")));
        }
        lines.push("What you did:".to_owned());
        for typed in &self.you {
            let exit = typed.exit.map(|e| format!(" -> exit {e}")).unwrap_or_default();
            let who = if typed.by_schedule { " (the schedule)" } else { "" };
            lines.push(format!("  {}  {}{exit}{who}", at(typed.at), typed.line));
        }
        lines.push("What consumers saw:".to_owned());
        for consumer in &self.consumers {
            let outage = match consumer.outage_seconds {
                0 => "never failed".to_owned(),
                s => format!("{} sign-ins failed, {s} seconds without one ({})", consumer.failed, seconds(s)),
            };
            lines.push(format!("  {}: {outage}", consumer.name));
            let outages = consumer.outages.iter().map(|o| match o.to {
                Some(to) => format!("    from {} to {}", at(o.from), at(to)),
                None => format!("    from {} on", at(o.from)),
            });
            lines.extend(outages);
        }
        lines.push(match self.old_refused_after_seconds {
            Some(s) => format!("The old secret was refused everywhere {} after the beginning.", seconds(s)),
            None => "The old secret still signs in.".to_owned(),
        });
        lines.push(format!("Living secrets of the application: {}.", self.secrets));
        if self.as_rehearsed {
            lines.push("It ended as it does for whoever knows the runbooks.".to_owned());
        } else {
            lines.push("It did not end as it does for whoever knows the runbooks:".to_owned());
            lines.extend(self.differs.iter().map(|d| format!("  {d}")));
        }
        lines.extend(self.lessons.iter().map(|l| format!("Remember: {l}")));
        lines.extend(self.reports.iter().map(|r| format!("Report: {r}")));
        lines
    }
}
