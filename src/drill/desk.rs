//! Where commands are typed: each does what it does in life, in the drill's time. How a run is driven is in `process`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::command::Command;
use super::process::Begin;
use super::scenario::length;
use super::world::World;
use super::{Voice, debrief};
use crate::driver::marker::heard;
use crate::driver::{DriverError, NeverStop, Patience};
use crate::error::{Error, exit};
use crate::evidence::Summary;
use crate::hold::{self, Mark};
use crate::journal::{self, Folder, Journal, Listed};
use crate::preflight::emergency::{Declared, Usage, waived};
use crate::preflight::{Check, Found, Preflight, Ready, Verdict, Wanted};
use crate::rotation::names::{KeyId, RunId};
use crate::rotation::plan::Way;
use crate::rotation::{Event, Phase, Rotation};
use crate::run::{By, Record, Run, Start};
use crate::sandbox::in_process::Wire;
use crate::sandbox::in_process::timeline::Timeline;

/// As the command line has it.
const LOOKING: Patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::ZERO };

/// What a command says when it is done.
pub(super) struct Told {
    /// Its exit code; none if its process was killed.
    pub(super) exit: Option<u8>,
    /// For people.
    pub(super) lines: Vec<String>,
}

impl Told {
    fn done(line: impl Into<String>) -> Told {
        Told { exit: Some(exit::DONE), lines: vec![line.into()] }
    }
}

/// One machine with its journals.
pub(super) struct Desk {
    pub(super) world: World,
    pub(super) who: &'static str,
    pub(super) journals: Folder,
    started: Cell<u32>,
}

impl Desk {
    pub(super) fn new(world: World, who: &'static str, folder: &Path) -> Result<Desk, Error> {
        let journals = folder.join("journals");
        let cannot = |error| Error::File { what: journals.display().to_string(), error };
        crate::disk::make_private_folder(&journals).map_err(cannot)?;
        Ok(Desk { world, who, journals: Folder::new(journals), started: Cell::new(0) })
    }

    pub(super) fn is_yours(&self) -> bool {
        self.who == "you"
    }

    /// All runs of this machine, oldest first.
    pub(super) fn runs(&self) -> Result<Vec<Run>, Error> {
        let listed = journal::list(&self.journals)?.into_iter();
        let ids = listed.filter_map(|l| if let Listed::Run(id) = l { Some(id) } else { None });
        ids.map(|id| self.read(&id)).collect()
    }

    pub(super) fn read(&self, run: &RunId) -> Result<Run, Error> {
        let contents = journal::read_only::<Record>(&self.journals, run)?;
        Run::replay(contents.records).map_err(|why| Error::NotARun { run: run.clone(), why })
    }

    /// The run that a command without a name means: the unfinished one, else the newest.
    fn meant(&self) -> Result<Run, Error> {
        let runs = self.runs()?;
        let found = runs.iter().rfind(|r| !ended(r)).or(runs.last()).cloned();
        let folder = self.journals.path().display().to_string();
        found.ok_or_else(|| Error::NoSuchRun { named: "of this drill".to_owned(), folder })
    }

    fn unfinished(&self) -> Result<Run, Error> {
        let run = self.meant()?;
        if !ended(&run) {
            return Ok(run);
        }
        let what = format!("run {} has ended", run.start.plan.run);
        Err(Error::NotOpen { what, advice: "start another: rotate".to_owned() })
    }

    pub(super) fn summary(&self, run: &Run) -> Summary {
        Summary::of(run, Some(self.journals.file(&run.start.plan.run).display().to_string()))
    }

    /// Writes a run's report beside its journal, and says where.
    pub(super) fn report(&self, run: &Run) -> Result<String, Error> {
        let place = self.journals.file(&run.start.plan.run).with_extension("md");
        debrief::write_report(&place, run)
    }

    /// Does what was typed.
    pub(super) async fn perform(&self, command: &Command) -> Result<Told, Error> {
        match command {
            Command::Plan => self.plan().await,
            Command::Rotate { if_expires_within } => self.rotate(*if_expires_within).await,
            Command::Emergency { leaked } => {
                let leaked = leaked.unwrap_or(KeyId(self.world.old.key_id));
                self.start(Wanted { waived: waived(Way::Replace), ..self.known()? }, Some(leaked)).await
            }
            Command::Resume => self.go_on(Begin::Resume).await,
            Command::Rollback => self.go_on(Begin::Rollback).await,
            Command::Status => Ok(Told { exit: Some(exit::DONE), lines: self.summary(&self.meant()?).lines() }),
            Command::Evidence => Ok(Told::done(format!("the report is in {}", self.report(&self.meant()?)?))),
            Command::Hold(how_long) => {
                let now = self.world.time.now();
                let until = now.saturating_add(*how_long).unwrap_or(Timestamp::MAX);
                let (who, why) = (self.who.to_owned(), "drill".to_owned());
                self.mark(&Mark::Hold { who, why, since: now, until })?;
                Ok(Told::done(format!("the old secret is kept alive until {until}")))
            }
            Command::Release => {
                let (who, why, at) = (self.who.to_owned(), "drill".to_owned(), self.world.time.now());
                self.mark(&Mark::Released { who, why, at })?;
                Ok(Told::done("the old secret may go when the overlap is over: resume"))
            }
            Command::Abandon => self.abandon(),
            Command::Wait(pause) => {
                self.wait(*pause).await;
                Ok(Told { exit: None, lines: Vec::new() })
            }
            Command::Mend(n) => {
                if let Some(mend) = self.world.scenario.mend.get(*n) {
                    self.world.time.sleep(mend.takes.map(length).unwrap_or_default()).await;
                    self.world.does(&mend.does);
                }
                Ok(Told { exit: None, lines: vec!["done".to_owned()] })
            }
            Command::Done => Ok(Told { exit: None, lines: Vec::new() }),
        }
    }

    /// As a schedule does on another machine: rotates, and comes back when there is something to do. Says how it ended.
    pub(super) async fn as_a_pipeline(&self) -> Result<String, Error> {
        let mut told = self.rotate(None).await?;
        while told.exit == Some(exit::WAITING) {
            self.wait(None).await;
            told = self.go_on(Begin::Resume).await?;
        }
        Ok(told.lines.into_iter().find(|line| !line.starts_with("SANDBOX")).unwrap_or_default())
    }

    async fn wait(&self, pause: Option<SignedDuration>) {
        let due = self.unfinished().ok().and_then(|run| self.summary(&run).waiting_until);
        match (pause, due) {
            (Some(pause), _) => self.world.time.sleep(pause).await,
            (None, Some(due)) => self.world.time.sleep_until(due).await,
            (None, None) => self.world.time.sleep(SignedDuration::from_hours(1)).await,
        }
    }

    fn mark(&self, mark: &Mark) -> Result<(), Error> {
        let run = self.unfinished()?;
        Ok(hold::add(self.journals.path(), &run.start.plan.run, mark, self.world.time.now())?)
    }

    fn abandon(&self) -> Result<Told, Error> {
        let id = self.unfinished()?.start.plan.run;
        let (mut journal, records) = Journal::<Record, _>::open(&self.journals, &id)?;
        let run = Run::replay(records).map_err(|why| Error::NotARun { run: id.clone(), why })?;
        let event = Event::Abandoned { by: self.who.to_owned(), reason: "drill".to_owned() };
        let at = self.world.time.now();
        run.rotation.apply(at, &event).map_err(DriverError::from)?;
        journal.append(Some(at), at, &Record::Event(event))?;
        Ok(Told { exit: Some(exit::DONE), lines: self.summary(&self.read(&id)?).lines() })
    }

    fn preflight<'a>(&'a self, services: &'a Wire) -> Preflight<'a, Wire, Timeline, NeverStop> {
        Preflight { services, clock: &self.world.time, stop: &NeverStop, patience: LOOKING }
    }

    async fn look(&self, wanted: &Wanted) -> crate::preflight::Looked {
        let runbook = self.world.runbook();
        let services = self.services(&runbook);
        let (nth, mine) = (self.started.get(), u32::from(!self.is_yours()));
        let id = |at| RunId::new(at, nth.saturating_mul(2).saturating_add(mine));
        self.preflight(&services).look(&runbook, id, wanted).await
    }

    fn known(&self) -> Result<Wanted, Error> {
        let known_runs = self.runs()?.iter().map(|r| (r.start.plan.run.clone(), ended(r))).collect();
        Ok(Wanted { known_runs, ..Wanted::default() })
    }

    async fn plan(&self) -> Result<Told, Error> {
        let looked = self.look(&self.known()?).await;
        let refuses = looked.checks.iter().any(Check::refuses);
        let worth = looked.checks.iter().filter(|c| c.verdict != Verdict::Ok);
        let mend = |c: &Check| c.mend.as_ref().map(|m| format!("\n    next: {m}")).unwrap_or_default();
        let mut lines: Vec<String> = worth.map(|c| format!("{}: {}{}", c.check, c.sentence(), mend(c))).collect();
        lines.push(if refuses { "a run would be refused".to_owned() } else { "a run may start".to_owned() });
        Ok(Told { exit: Some(if refuses { exit::REFUSED } else { exit::DONE }), lines })
    }

    async fn rotate(&self, if_expires_within: Option<SignedDuration>) -> Result<Told, Error> {
        if if_expires_within.is_some() && self.runs()?.iter().any(|r| !ended(r)) {
            return self.go_on(Begin::Resume).await;
        }
        self.start(Wanted { if_expires_within, ..self.known()? }, None).await
    }

    /// Starts a run; an emergency, if a key ID has leaked.
    async fn start(&self, wanted: Wanted, leaked: Option<KeyId>) -> Result<Told, Error> {
        if let Some(run) = self.runs()?.into_iter().rfind(|r| !ended(r)) {
            return Err(Error::Unfinished { run: run.start.plan.run });
        }
        self.started.set(self.started.get().saturating_add(1));
        let looked = self.look(&wanted).await;
        if self.is_yours() {
            let warnings = looked.checks.iter().filter(|c| c.verdict == Verdict::Warning);
            warnings.for_each(|w| self.world.hear(Voice::Tool, &format!("warning: {}", w.sentence())));
        }
        let ready = match looked.found? {
            Found::NotDue { ends } => {
                return Ok(Told::done(format!("not due: the secret ends at {ends}; nothing was changed")));
            }
            Found::Due(ready) => *ready,
        };
        let (ready, begin) = match leaked {
            None => (ready, Begin::Start),
            Some(leaked) => (self.declare(ready, leaked).await?, Begin::Emergency),
        };
        let by = By { identity: "the sandbox's operator".into(), user: self.who.into(), host: "drill".into(), ci: None };
        let start = Start {
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            plan: ready.plan,
            runbook: (*self.world.runbook()).clone(),
            runbook_file: "drill.toml".to_owned(),
            application: ready.application,
            by,
            reason: Some(format!("drill: {}", self.world.scenario.title)),
            ticket: None,
            correlation: None,
            granted: None,
            rebuilt: false,
        };
        let (at, first) = (self.world.time.now(), Record::Started(Box::new(start.clone())));
        let journal = Journal::create_in(&self.journals, Some("sandbox"), &start.plan.run, &first, Some(at), at)?;
        let rotation = Rotation::new(start.plan.clone().into(), at);
        self.drive(&start, journal, rotation, 0, begin).await
    }

    /// Of an ordinary run's plan the plan of an emergency: nobody's outage is accepted.
    async fn declare(&self, ready: Ready, leaked: KeyId) -> Result<Ready, Error> {
        let runbook = self.world.runbook();
        let services = self.services(&runbook);
        let declared = Declared {
            file: "drill.toml",
            way: Way::Replace,
            key_id: Some(leaked),
            value: None,
            exposed_at: None,
            accepted: BTreeSet::new(),
            outage_accepted: false,
            disable_versions: false,
            ago: SignedDuration::ZERO,
            other_uses: &[],
        };
        // only a revocation asks, and a drill replaces
        let unasked = async |_| Usage::CannotKnow("a drill does not ask".to_owned());
        Ok(self.preflight(&services).declare(&runbook, ready, &declared, unasked).await?)
    }

    async fn go_on(&self, begin: Begin) -> Result<Told, Error> {
        let id = self.unfinished()?.start.plan.run;
        let (journal, records) = Journal::<Record, _>::open(&self.journals, &id)?;
        let run = Run::replay(records).map_err(|why| Error::NotARun { run: id, why })?;
        let (start, rotation, words) = (run.start.clone(), run.rotation.clone(), heard(&run));
        self.drive(&start, journal, rotation, words, begin).await
    }
}

fn ended(run: &Run) -> bool {
    matches!(run.rotation.phase(), Phase::Ended { .. })
}
