//! The journal of a run in memory: the store that [`keyrelay::journal`] writes to, byte by byte as it would on a disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::{DriverError, Log};
use keyrelay::journal::store::{Doing, Log as StoreLog, Store, StoreError};
use keyrelay::journal::{Journal, read_only};
use keyrelay::rotation::names::RunId;
use keyrelay::rotation::{Event, Plan};
use keyrelay::run::{ApplicationFacts, By, Record, Run, Start};
use keyrelay::runbook::Runbook;

/// Files by their run.
#[derive(Clone, Default)]
pub(crate) struct Disk(Rc<RefCell<BTreeMap<RunId, Vec<u8>>>>);

impl Disk {
    /// How many lines there are; a line that was cut is none.
    pub(crate) fn lines(&self, run: &RunId) -> usize {
        self.0.borrow().get(run).map_or(0, |file| file.iter().filter(|b| **b == b'\n').count())
    }

    pub(crate) fn bytes(&self, run: &RunId) -> Vec<u8> {
        self.0.borrow().get(run).cloned().unwrap_or_default()
    }

    pub(crate) fn remove(&self, run: &RunId) {
        self.0.borrow_mut().remove(run);
    }

    /// A process was killed while it wrote: the line is cut.
    pub(crate) fn tear(&self, run: &RunId) {
        if let Some(file) = self.0.borrow_mut().get_mut(run) {
            file.extend_from_slice(b"{\"v\":1,\"seq\":");
        }
    }

    /// What the journal tells, as the next process reads it.
    pub(crate) fn replay(&self, run: &RunId) -> Run {
        let contents = read_only::<Record>(self, run).unwrap_or_else(|e| panic!("S9: {e}"));
        Run::replay(contents.records).unwrap_or_else(|e| panic!("S9: {e}"))
    }

    /// Begins the journal of a run as `keyrelay rotate` does.
    pub(crate) fn begin(&self, plan: &Plan, at: Timestamp) {
        let first = Record::Started(Box::new(start(plan)));
        Journal::create_in(self, Some("sandbox"), &plan.run, &first, Some(at), at)
            .map(drop)
            .unwrap_or_else(|e| panic!("{e}"));
    }

    /// Opens it to go on with it.
    pub(crate) fn open(&self, run: &RunId) -> (OnDisk, Run) {
        let (journal, records) = Journal::open(self, run).unwrap_or_else(|e| panic!("S9: {e}"));
        (OnDisk(journal), Run::replay(records).unwrap_or_else(|e| panic!("S9: {e}")))
    }
}

fn start(plan: &Plan) -> Start {
    let runbook = "cloud = \"sandbox\"\ntenant = \"5a9db0c5-0000-4000-8000-000000000001\"\n\
                   client_id = \"00000000-0000-0000-0000-000000000a11\"\nowner = \"Billing team\"\ncontact = \"on call\"\n\
                   [[vault]]\nurl = \"https://kv-0.vault.sandbox.localhost\"\nsecret = \"billing-api-client-secret\"\n";
    let facts = ApplicationFacts { client_id: String::new(), object_id: String::new(), display_name: "billing".into() };
    Start {
        tool: "test".into(),
        plan: plan.clone(),
        runbook: Runbook::parse(runbook.as_bytes(), "billing.toml").unwrap_or_else(|e| panic!("{e:?}")),
        runbook_file: "billing.toml".into(),
        application: facts,
        by: By { identity: String::new(), user: String::new(), host: String::new(), ci: None },
        reason: None,
        ticket: None,
        correlation: None,
        granted: None,
        rebuilt: false,
    }
}

/// One open file.
pub(crate) struct File(Disk, RunId);

impl StoreLog for File {
    fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let mut files = self.0.0.borrow_mut();
        files.get_mut(&self.1).ok_or(StoreError::Replaced)?.extend_from_slice(line);
        Ok(())
    }
    fn keep(&mut self, whole: &[u8]) -> Result<(), StoreError> {
        let mut files = self.0.0.borrow_mut();
        files.get_mut(&self.1).ok_or(StoreError::Replaced)?.truncate(whole.len());
        Ok(())
    }
}

impl Store for Disk {
    type Log = File;
    fn create(&self, run: &RunId) -> Result<File, StoreError> {
        self.0.borrow_mut().insert(run.clone(), Vec::new());
        Ok(File(self.clone(), run.clone()))
    }
    fn open(&self, run: &RunId) -> Result<(File, Vec<u8>), StoreError> {
        Ok((File(self.clone(), run.clone()), self.read(run)?))
    }
    fn read(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        let not_found = || StoreError::Io { doing: Doing::Open, error: std::io::ErrorKind::NotFound.into() };
        self.0.borrow().get(run).cloned().ok_or_else(not_found)
    }
    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.borrow().keys().map(RunId::to_string).collect())
    }
    fn place(&self, run: Option<&RunId>) -> String {
        format!("memory:{}", run.map_or("", RunId::as_str))
    }
}

/// The journal as the driver writes it.
pub(crate) struct OnDisk(Journal<Record, File>);

impl Log for OnDisk {
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError> {
        self.0.append(Some(at), local, &Record::Event(event.clone()))?;
        Ok(())
    }
}

/// How long a journal may get: a run that does not end is a fault (L1).
pub(crate) const LONGEST: usize = 2000;

/// Keeps what was written where a test looks at it.
pub(crate) struct Mirrored {
    pub disk: OnDisk,
    pub journal: Rc<RefCell<Vec<(Timestamp, Event)>>>,
    pub store: Rc<RefCell<Option<Box<dyn Log>>>>,
}

impl Log for Mirrored {
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError> {
        if let Some(store) = self.store.borrow_mut().as_mut() {
            store.append(at, local, event)?;
        }
        self.disk.append(at, local, event)?;
        let mut journal = self.journal.borrow_mut();
        journal.push((at, event.clone()));
        if journal.len() > LONGEST {
            let last: Vec<String> = journal.iter().rev().take(12).map(|(t, e)| format!("{t} {e:?}")).collect();
            panic!("L1: the run does not end\n{}", last.join("\n"));
        }
        Ok(())
    }
}

/// A wall clock that nobody set right.
pub(crate) fn wrong_clock() -> SignedDuration {
    SignedDuration::from_hours(-24)
}
