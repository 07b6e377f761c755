//! One process of keyrelay in a drill: the driver, journal and progress that ship, over services in virtual time.

use std::io::{self, Write};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::Voice;
use super::desk::{Desk, Told};
use super::scenario::length;
use super::world::World;
use crate::cli::progress::Progress;
use crate::driver::marker::MarkerFile;
use crate::driver::{CrashPoint, Driver, DriverError, Log, Manners, NeverStop, NewSecret, Observer, Patience, Stopped};
use crate::error::Error;
use crate::evidence::State;
use crate::journal::Journal;
use crate::journal::file::FileLog;
use crate::refusals::{Names, Words};
use crate::rotation::answers::Refusal;
use crate::rotation::{Event, Rotation, Why};
use crate::run::{Record, Run, Start};
use crate::runbook::Runbook;
use crate::sandbox::in_process::Wire;
use crate::sandbox::in_process::{InProcess, Setup, VaultSetup};

/// As the command line has it.
const RUNNING: Patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::from_mins(1) };
const STAY: SignedDuration = SignedDuration::from_mins(1);

/// What a process does first.
pub(super) enum Begin {
    /// The run has just been started.
    Start,
    /// The same, and somebody waits for it: it stays.
    Emergency,
    /// Another process had it.
    Resume,
    /// The same, and the way back.
    Rollback,
}

impl Desk {
    /// The services of a runbook, as this machine reaches them.
    pub(super) fn services(&self, runbook: &Runbook) -> Wire {
        let vault = |v: &crate::runbook::Vault| VaultSetup {
            host: v.url.host().to_owned(),
            secret: v.secret.as_str().to_owned(),
            content_type: v.content_type.clone(),
            tags: v.tags.clone(),
        };
        let setup = Setup {
            client_id: runbook.client_id.get(),
            scope: "https://graph.microsoft.com/.default".to_owned(),
            vaults: runbook.vaults.iter().map(vault).collect(),
        };
        let time = self.world.time.clone();
        let services = InProcess::new(Rc::clone(&self.world.cloud), setup, move || time.now());
        Wire { services, time: self.world.time.clone() }
    }

    /// Drives a run until it stops, and says how it stands.
    pub(super) async fn drive(
        &self,
        start: &Start,
        journal: Journal<Record, FileLog>,
        rotation: Rotation,
        words: usize,
        begin: Begin,
    ) -> Result<Told, Error> {
        let run = start.plan.run.clone();
        let (services, by) = (self.services(&start.runbook), format!("{}@drill", self.who));
        let mut log = DrillLog(journal);
        let mut marker = MarkerFile::new(self.journals.path().to_owned(), run.clone(), words);
        let mut watch = Watch { desk: self, shown: self.progress(&start.runbook) };
        watch.shown.begin(&rotation);
        let new_secret = NewSecret {
            label: start.runbook.secret.label.as_str().to_owned(),
            lifetime: length(start.runbook.secret.lifetime),
        };
        let stay_for = match begin {
            Begin::Emergency => SignedDuration::MAX,
            Begin::Start | Begin::Resume | Begin::Rollback => STAY,
        };
        let manners = Manners { patience: RUNNING, stay_for };
        let mut driver = Driver::new(
            rotation,
            &services,
            &self.world.time,
            &self.world.people,
            &NeverStop,
            &mut log,
            &mut marker,
            &mut watch,
            manners,
            new_secret,
        );
        let stopped = match begin {
            Begin::Start | Begin::Emergency => driver.run().await,
            Begin::Resume => driver.resume(by, Vec::new()).await,
            Begin::Rollback => match driver.turn_back(by, "drill".to_owned(), false).await? {
                Ok(()) => driver.run().await,
                Err(why) => {
                    let what = format!("the run cannot be rolled back: {why}");
                    return Err(Error::NotOpen { what, advice: "go on: resume".to_owned() });
                }
            },
        };
        drop(watch);
        self.told(&self.read(&run)?, stopped)
    }

    fn progress(&self, runbook: &Runbook) -> Progress {
        if self.is_yours() {
            Progress::plain(runbook.clone(), Box::new(Spoken { world: self.world.clone(), line: Vec::new() }))
        } else {
            Progress::quiet(runbook.clone())
        }
    }

    fn told(&self, run: &Run, stopped: Result<Stopped, DriverError>) -> Result<Told, Error> {
        let mut summary = self.summary(run);
        let mut more = Vec::new();
        match stopped {
            Ok(Stopped::Ended(_) | Stopped::NeedsOperator(_) | Stopped::Waiting { .. }) => {}
            Ok(Stopped::Asked) => summary = summary.as_state(State::Interrupted),
            Ok(Stopped::Unanswered { operation, vault, refusal, trace }) => {
                summary = summary.as_state(State::Interrupted);
                let names = Names::of(&run.start.runbook, vault);
                let words = Words::of_refusal(operation, &refusal, trace.request_id.as_deref(), &names);
                more = vec![format!("error: {}", words.happened), format!("  now: {}", words.now)];
            }
            Err(DriverError::Killed(_)) => {
                return Ok(Told { exit: None, lines: vec!["(the process is gone; its last words are above)".to_owned()] });
            }
            Err(e) => return Err(e.into()),
        }
        let mut lines = summary.lines();
        lines.extend(more);
        Ok(Told { exit: Some(summary.exit), lines })
    }
}

struct DrillLog(Journal<Record, FileLog>);

impl Log for DrillLog {
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError> {
        self.0.append(Some(at), local, &Record::Event(event.clone()))?;
        Ok(())
    }
}

/// Shows the progress, and lets the world know where keyrelay is.
struct Watch<'a> {
    desk: &'a Desk,
    shown: Progress,
}

impl Observer for Watch<'_> {
    fn recorded(&mut self, run: &Rotation, at: Timestamp, event: &Event) {
        self.shown.recorded(run, at, event);
    }

    fn waiting(&mut self, run: &Rotation, until: Timestamp, why: Why) {
        self.shown.waiting(run, until, why);
    }

    fn retrying(&mut self, what: &str, refusal: &Refusal) {
        self.shown.retrying(what, refusal);
    }

    fn crash(&mut self, point: CrashPoint) -> bool {
        self.desk.is_yours() && self.desk.world.passes(point)
    }
}

/// Hands on what is printed, line by line.
struct Spoken {
    world: World,
    line: Vec<u8>,
}

impl Write for Spoken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                self.world.hear(Voice::Tool, &String::from_utf8_lossy(&std::mem::take(&mut self.line)));
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
