//! A store in memory that fails where it is told to, and a small kind of event.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use jiff::Timestamp;
use keyrelay::journal::error::Trouble;
use keyrelay::journal::record::{Unreadable, parse};
use keyrelay::journal::store::{Doing, Log, Store, StoreError};
use keyrelay::journal::{Journal, JournalError, Record};
use keyrelay::rotation::names::RunId;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Event {
    Begun { why: String },
    Waited { seconds: u64 },
}

pub fn run() -> RunId {
    "20261121t230659z-k7f2".parse().unwrap()
}

pub fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_302_419 + second).unwrap()
}

/// What the made-up disk does at its nth call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Refuses, nothing done.
    Refuse(io::ErrorKind),
    /// Writes the first half, then refuses.
    Short(io::ErrorKind),
    /// Does all, then the sync fails.
    Sync,
}

#[derive(Default)]
pub struct Disk {
    pub files: BTreeMap<String, Vec<u8>>,
    pub calls: u32,
    pub fault: Option<(u32, Fault)>,
}

impl Disk {
    /// Counts a call, and says what goes wrong with it.
    fn call(&mut self) -> Option<Fault> {
        self.calls += 1;
        self.fault.filter(|(at, _)| *at == self.calls).map(|(_, fault)| fault)
    }
}

#[derive(Clone, Default)]
pub struct Memory(pub Rc<RefCell<Disk>>);

pub struct MemoryLog(Rc<RefCell<Disk>>, String);

pub fn refused(doing: Doing, fault: Fault) -> StoreError {
    match fault {
        Fault::Refuse(kind) | Fault::Short(kind) => StoreError::Io { doing, error: kind.into() },
        Fault::Sync => StoreError::Io { doing: Doing::Sync, error: io::Error::other("Input/output error (os error 5)") },
    }
}

impl Memory {
    pub fn holding(bytes: &[u8]) -> Memory {
        let memory = Memory::default();
        memory.0.borrow_mut().files.insert(run().to_string(), bytes.to_vec());
        memory
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().files.get(run().as_str()).cloned().unwrap_or_default()
    }

    pub fn fail(&self, call: u32, fault: Fault) {
        self.0.borrow_mut().fault = Some((call, fault));
    }
}

impl Store for Memory {
    type Log = MemoryLog;

    fn create(&self, run: &RunId) -> Result<MemoryLog, StoreError> {
        let mut disk = self.0.borrow_mut();
        if let Some(fault) = disk.call() {
            return Err(refused(Doing::Create, fault));
        }
        if disk.files.insert(run.to_string(), Vec::new()).is_some() {
            return Err(refused(Doing::Create, Fault::Refuse(io::ErrorKind::AlreadyExists)));
        }
        Ok(MemoryLog(self.0.clone(), run.to_string()))
    }

    fn open(&self, run: &RunId) -> Result<(MemoryLog, Vec<u8>), StoreError> {
        if let Some(fault) = self.0.borrow_mut().call() {
            return Err(refused(Doing::Open, fault));
        }
        let disk = self.0.borrow();
        let bytes = disk.files.get(run.as_str()).ok_or(refused(Doing::Open, Fault::Refuse(io::ErrorKind::NotFound)))?;
        Ok((MemoryLog(self.0.clone(), run.to_string()), bytes.clone()))
    }

    fn read(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        self.open(run).map(|(_, bytes)| bytes)
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.borrow().files.keys().rev().cloned().collect())
    }

    fn place(&self, run: Option<&RunId>) -> String {
        format!("memory:{}", run.map_or("", RunId::as_str))
    }
}

impl Log for MemoryLog {
    fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let mut disk = self.0.borrow_mut();
        let fault = disk.call();
        let file = disk.files.get_mut(&self.1).unwrap();
        match fault {
            None => file.extend_from_slice(line),
            Some(Fault::Refuse(_)) => {}
            Some(Fault::Short(_)) => file.extend_from_slice(&line[..line.len() / 2]),
            Some(Fault::Sync) => file.extend_from_slice(line),
        }
        fault.map_or(Ok(()), |fault| Err(refused(Doing::Write, fault)))
    }

    fn keep(&mut self, whole: &[u8]) -> Result<(), StoreError> {
        let mut disk = self.0.borrow_mut();
        let fault = disk.call();
        if !matches!(fault, Some(Fault::Refuse(_))) {
            disk.files.get_mut(&self.1).unwrap().truncate(whole.len());
        }
        fault.map_or(Ok(()), |fault| Err(refused(Doing::Cut, fault)))
    }
}

pub fn events() -> Vec<Event> {
    let why = "leak \"k\" in \u{e9}t\u{e9}\n,\"hash\":\"".to_owned();
    vec![
        Event::Begun { why },
        Event::Waited { seconds: 1 },
        Event::Waited { seconds: u64::MAX },
        Event::Waited { seconds: 0 },
    ]
}

pub type InMemory = Journal<Event, MemoryLog>;

/// Writes `events`, one a second.
pub fn write(store: &Memory, events: &[Event]) -> Result<InMemory, JournalError> {
    let (first, rest) = events.split_first().unwrap();
    let mut journal = Journal::create(store, &run(), first, None, time(0))?;
    for (n, event) in (1..).zip(rest) {
        journal.append(Some(time(n)), time(n), event)?;
    }
    Ok(journal)
}

pub fn written(events: &[Event]) -> Vec<u8> {
    let store = Memory::default();
    write(&store, events).map_err(|e| e.to_string()).unwrap();
    store.bytes()
}

pub fn read(bytes: &[u8]) -> Result<Vec<Record<Event>>, Unreadable> {
    parse::<Event>(bytes).map(|contents| contents.records)
}

pub fn said(records: &[Record<Event>]) -> Vec<Event> {
    records.iter().map(|r| r.event.clone()).collect()
}

pub fn trouble<T>(answer: Result<T, JournalError>) -> Trouble {
    answer.err().expect("an error").trouble
}
