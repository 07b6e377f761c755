//! One run in this process: its journal, its locks, what people said of it, and the driver between them and the services.
#![allow(clippy::disallowed_methods)] // stands still where a test asks for it, in sandbox runs only

use jiff::{SignedDuration, Timestamp};

use super::connect::Connected;
use super::context::Context;
use super::emergency;
use super::output::{Done, progress};
use super::progress::Progress;
use super::runs::Journals;
use super::signals::Signals;
use crate::clock::ServiceClock;
use crate::consumers::RunbookConsumers;
use crate::driver::marker::MarkerFile;
use crate::driver::takeover::WayBackClosed;
use crate::driver::{CrashPoint, Driver, DriverError, Log, Manners, NewSecret, Observer, Patience, Stopped};
use crate::error::Error;
use crate::journal::Journal;
use crate::journal::file::FileLog;
use crate::locks::{Holder, LockName, Locks};
use crate::rotation::answers::Refusal;
use crate::rotation::names::RunId;
use crate::rotation::{Event, Rotation, Why};
use crate::run::{Record, Start};
use crate::runbook::Runbook;
use crate::secret::SecretValue;
use crate::usage::Circumstances;

/// Before a run: what is not found is not there.
pub(super) const LOOKING: Patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::ZERO };

/// Within a run: what was found before may be out of sight for a while.
const RUNNING: Patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::from_mins(1) };

/// What to do first.
pub(super) enum Begin {
    /// The run has just been started.
    Start { leaked: Option<SecretValue> },
    /// Another process had it.
    Resume(Said),
    /// The same, and the way back.
    Rollback { reason: String, restore_leaked: bool },
}

/// What a person says when a run of an emergency is resumed.
#[derive(Default)]
pub(super) struct Said {
    /// The leaked value once more.
    pub(super) leaked: Option<SecretValue>,
    /// Consumers, by name, whose outage is accepted.
    pub(super) accept_outage: Vec<String>,
}

/// What a run needs besides its services.
pub(super) struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) journals: &'a Journals,
    pub(super) clock: &'a ServiceClock,
    pub(super) signals: &'a Signals,
    pub(super) locks: Vec<Locks>,
    pub(super) stay_for: SignedDuration,
    /// What is to be known of the application's sign-ins where their records are read.
    pub(super) circumstances: Circumstances,
}

/// The locks that every run of a runbook takes: the application, and each secret that is written.
pub(super) fn target_locks(runbook: &Runbook) -> Vec<LockName> {
    let secret = |v: &crate::runbook::Vault| LockName::Secret {
        vault: v.url.host().to_owned(),
        secret: v.secret.as_str().to_owned(),
    };
    let application = LockName::Application(runbook.client_id.to_string());
    std::iter::once(application).chain(runbook.vaults.iter().map(secret)).collect()
}

/// Takes locks, or says who holds them.
pub(super) fn lock(context: &Context, names: &[LockName], run: Option<&RunId>) -> Result<Locks, Error> {
    let by = context.by(String::new());
    let holder = Holder { pid: std::process::id(), run: run.cloned(), host: by.host, since: Timestamp::now() };
    Ok(Locks::take(&context.places.locks(), names, &holder)?)
}

impl Session<'_> {
    /// Drives the run until it stops, and says how it stands.
    pub(super) async fn drive(
        self,
        connected: &Connected,
        start: &Start,
        journal: Journal<Record, FileLog>,
        rotation: Rotation,
        heard: usize,
        begin: Begin,
    ) -> Result<Result<Stopped, DriverError>, Error> {
        let run = start.plan.run.clone();
        let folder = self.journals.folder.path().to_owned();
        let mut log = RunLog { journal, locks: self.locks };
        let mut marker = MarkerFile::new(folder, run, heard);
        let mut observer = Watch::new(self.context, &start.runbook);
        observer.shown.begin(&rotation);
        let lifetime = SignedDuration::try_from(start.runbook.secret.lifetime.get()).unwrap_or(SignedDuration::MAX);
        let new_secret = NewSecret { label: start.runbook.secret.label.as_str().to_owned(), lifetime };
        let manners = Manners { patience: RUNNING, stay_for: self.stay_for };
        let consumers = RunbookConsumers::of(&start.runbook);
        let by = self.context.by(connected.actor().await).to_string();
        let mut driver = Driver::new(
            rotation,
            &connected.services,
            self.clock,
            &consumers,
            self.signals,
            &mut log,
            &mut marker,
            &mut observer,
            manners,
            new_secret,
        );
        driver.circumstances = self.circumstances;
        let (accepted, back) = match begin {
            Begin::Start { leaked } => {
                driver.leaked = leaked;
                return Ok(driver.run().await);
            }
            Begin::Resume(said) => {
                let accepted = emergency::resumable(start, driver.rotation(), &said)?;
                driver.leaked = said.leaked;
                (accepted, None)
            }
            Begin::Rollback { reason, restore_leaked } => (Vec::new(), Some((reason, restore_leaked))),
        };
        match driver.ask_the_time().await {
            Ok(None) => {}
            Ok(Some(stopped)) => return Ok(Ok(stopped)),
            Err(e) => return Ok(Err(e)),
        }
        let Some((reason, restore_leaked)) = back else {
            return Ok(driver.resume(by, accepted).await);
        };
        match driver.turn_back(by, reason, restore_leaked).await? {
            Ok(()) => Ok(driver.run().await),
            Err(why) => Err(not_open(&why)),
        }
    }
}

fn not_open(why: &WayBackClosed) -> Error {
    Error::NotOpen { what: format!("the run cannot be rolled back: {why}"), advice: "go on: keyrelay resume".to_owned() }
}

/// The journal, as long as the locks are ours.
struct RunLog {
    journal: Journal<Record, FileLog>,
    locks: Vec<Locks>,
}

impl Log for RunLog {
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError> {
        for locks in &self.locks {
            locks.still_held()?;
        }
        let written = self.journal.append(Some(at), local, &Record::Event(event.clone()))?;
        tracing::info!(run = %self.journal.run(), record = written.seq, %at, event = event.name(), "recorded");
        Ok(())
    }
}

/// Shows progress, and in a sandbox stands still where a test wants to kill the process.
struct Watch {
    shown: Progress,
    pause_at: Option<CrashPoint>,
    passes: u32,
}

impl Watch {
    fn new(context: &Context, runbook: &Runbook) -> Watch {
        let named = context.pause_at().filter(|_| runbook.cloud.is_sandbox());
        let (name, passes) = match named.as_deref().map(|n| n.split_once('#').unwrap_or((n, "1"))) {
            Some((name, nth)) => (Some(name.to_owned()), nth.parse().unwrap_or(1)),
            None => (None, 1),
        };
        Watch { shown: progress(context, runbook), pause_at: name.and_then(|n| n.parse().ok()), passes }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shown.end();
    }
}

impl Observer for Watch {
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
        if self.pause_at == Some(point) {
            self.passes = self.passes.saturating_sub(1);
            if self.passes == 0 {
                super::output::say(&format!("standing still at {point}"));
                loop {
                    std::thread::park();
                }
            }
        }
        false
    }
}

/// What is said of a run when its process ends.
pub(super) fn finish(
    journals: &Journals,
    run: &RunId,
    ended: Result<Stopped, DriverError>,
    waiting_ok: bool,
) -> Result<Done, Error> {
    let told = journals.read(run)?;
    let done = Done::of_driven(journals, &told, &ended);
    let waits = matches!(ended, Ok(Stopped::Waiting { .. }));
    Ok(if waits && waiting_ok { done.and_well() } else { done })
}
