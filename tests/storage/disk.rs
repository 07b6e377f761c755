//! A disk with a cache: what was written is seen by every process at once, and outlives a power cut once it was synced. It fails
//! where it is told to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use keyrelay::journal::store::{Doing, Log, Store, StoreError};
use keyrelay::rotation::names::RunId;

pub(crate) fn the_run() -> RunId {
    "20261121t230659z-k7f2".parse().unwrap()
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused and nothing is done.
    Refused(ErrorKind),
    /// Half of it is done, then there is no room.
    Short,
    /// It is done, and the sync fails. As Linux does it: the cache keeps what was written and calls it clean, so no later sync
    /// writes it.
    SyncFails,
    /// The process dies between the write and the sync.
    Killed,
}

/// The unit in which a disk writes, in bytes.
const SECTOR: usize = 64;

#[derive(Default)]
struct Inner {
    /// As processes see it; none if there is no file.
    seen: Option<Vec<u8>>,
    /// As it is on the disk, if the file's entry is.
    stored: Option<Vec<u8>>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    calls: u32,
    fault: Option<(u32, Fault)>,
    hit: bool,
}

/// A disk with one journal. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Rc<RefCell<Inner>>);

impl Disk {
    /// With a journal of these bytes on it.
    pub(crate) fn holding(bytes: &[u8]) -> Disk {
        let disk = Disk::default();
        disk.0.borrow_mut().seen = Some(bytes.to_vec());
        disk.0.borrow_mut().stored = Some(bytes.to_vec());
        disk
    }

    /// What processes see.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.0.borrow().seen.clone().unwrap_or_default()
    }

    /// The `call`-th call from now on, from 1, goes wrong.
    pub(crate) fn fail(&self, call: u32, fault: Fault) {
        let mut inner = self.0.borrow_mut();
        inner.fault = Some((inner.calls + call, fault));
        inner.hit = false;
    }

    /// Whether it came to that.
    pub(crate) fn failed(&self) -> bool {
        self.0.borrow().hit
    }

    pub(crate) fn mend(&self) {
        self.0.borrow_mut().fault = None;
    }

    /// The power is cut: of what was not synced each sector is on the disk or not, as `draw` says, in any order.
    pub(crate) fn power_cut(&self, mut draw: impl FnMut() -> bool) {
        let inner = &mut *self.0.borrow_mut();
        let (Some(seen), Some(stored)) = (&inner.seen, &mut inner.stored) else {
            (inner.seen, inner.stored) = (None, None);
            return;
        };
        for sector in std::mem::take(&mut inner.dirty) {
            if draw() {
                let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(seen.len()));
                // the length is on the disk before the bytes, which then read as zeros
                stored.resize(stored.len().max(to), 0);
                stored[from..to].copy_from_slice(&seen[from..to]);
            }
        }
        inner.seen = inner.stored.clone();
    }
}

impl Inner {
    fn call(&mut self) -> Option<Fault> {
        self.calls += 1;
        let fault = self.fault.filter(|(at, _)| *at == self.calls).map(|(_, fault)| fault);
        self.hit |= fault.is_some();
        fault
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let file = self.seen.as_mut().unwrap();
        file.resize(file.len().max(at + bytes.len()), 0);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        self.dirty.extend(at / SECTOR..=(at + bytes.len()).saturating_sub(1) / SECTOR);
    }

    fn sync(&mut self) {
        let (Some(seen), Some(stored)) = (&self.seen, &mut self.stored) else { return };
        stored.resize(seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(seen.len()));
            if from < to {
                stored[from..to].copy_from_slice(&seen[from..to]);
            }
        }
    }

    /// Writes at `at` and syncs, or not as the fault says.
    fn write_and_sync(&mut self, at: usize, bytes: &[u8], doing: Doing) -> Result<(), StoreError> {
        match self.call() {
            None => {
                self.write(at, bytes);
                self.sync();
                return Ok(());
            }
            Some(Fault::Refused(kind)) => return Err(StoreError::Io { doing, error: kind.into() }),
            Some(Fault::Short) => {
                self.write(at, &bytes[..bytes.len() / 2]);
                return Err(StoreError::Io { doing, error: ErrorKind::StorageFull.into() });
            }
            Some(Fault::SyncFails) => {
                self.write(at, bytes);
                self.dirty.clear();
            }
            Some(Fault::Killed) => self.write(at, bytes),
        }
        Err(StoreError::Io { doing: Doing::Sync, error: io::Error::other("input/output error") })
    }
}

pub(crate) struct OnDisk(Rc<RefCell<Inner>>);

impl Store for Disk {
    type Log = OnDisk;

    fn create(&self, _: &RunId) -> Result<OnDisk, StoreError> {
        let mut inner = self.0.borrow_mut();
        let fault = inner.call();
        if let Some(Fault::Refused(kind)) = fault {
            return Err(StoreError::Io { doing: Doing::Create, error: kind.into() });
        }
        assert!(inner.seen.is_none(), "a run has one journal");
        inner.seen = Some(Vec::new());
        if fault.is_some() {
            return Err(StoreError::Io { doing: Doing::SyncFolder, error: ErrorKind::StorageFull.into() });
        }
        inner.stored = Some(Vec::new());
        Ok(OnDisk(self.0.clone()))
    }

    fn open(&self, run: &RunId) -> Result<(OnDisk, Vec<u8>), StoreError> {
        if self.0.borrow_mut().call().is_some() {
            return Err(StoreError::Io { doing: Doing::Open, error: io::Error::other("input/output error") });
        }
        Ok((OnDisk(self.0.clone()), self.read(run)?))
    }

    fn read(&self, _: &RunId) -> Result<Vec<u8>, StoreError> {
        let not_found = || StoreError::Io { doing: Doing::Open, error: ErrorKind::NotFound.into() };
        self.0.borrow().seen.clone().ok_or_else(not_found)
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.borrow().seen.iter().map(|_| the_run().to_string()).collect())
    }

    fn place(&self, _: Option<&RunId>) -> String {
        "disk".to_owned()
    }
}

impl Log for OnDisk {
    fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let mut inner = self.0.borrow_mut();
        let end = inner.seen.as_ref().unwrap().len();
        inner.write_and_sync(end, line, Doing::Write)
    }

    fn keep(&mut self, whole: &[u8]) -> Result<(), StoreError> {
        let mut inner = self.0.borrow_mut();
        inner.seen.as_mut().unwrap().truncate(whole.len());
        let last = whole.split_inclusive(|b| *b == b'\n').next_back().unwrap();
        inner.write_and_sync(whole.len() - last.len(), last, Doing::Cut)
    }
}
