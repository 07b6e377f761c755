//! Journals as files of one folder: `<folder>/<run>.journal`, for this user alone.
#![allow(clippy::disallowed_methods)] // reads and writes the journal's files

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::store::{Doing, Log, Store, StoreError};
use crate::disk;
use crate::rotation::names::RunId;

/// The ending of a journal's file name.
pub const ENDING: &str = ".journal";

/// A journal has a few hundred bytes for each record and a few hundred records. What is larger than this, in bytes, was not
/// written by us, and no more of it is read into memory.
pub const LIMIT: u64 = 64 << 20;

/// A folder of journals. It need not exist until the first is made.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The journals in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Folder {
        Folder(folder.into())
    }

    /// The folder and the run of the journal at `path`. None if the name is not that of a journal.
    pub fn of(path: &Path) -> Option<(Folder, RunId)> {
        let run = path.file_name()?.to_str()?.strip_suffix(ENDING)?.parse().ok()?;
        Some((Folder(path.parent()?.to_owned()), run))
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of `run`.
    pub fn file(&self, run: &RunId) -> PathBuf {
        self.0.join(format!("{run}{ENDING}"))
    }

    /// Opens what is by the run's name if it is a file. Opening a pipe would wait for its other end.
    fn open_file(&self, run: &RunId, options: &fs::OpenOptions) -> Result<File, StoreError> {
        let path = self.file(run);
        let there = fs::metadata(&path).map_err(StoreError::io(Doing::Open))?;
        if !there.is_file() {
            return Err(StoreError::NotAFile);
        }
        options.open(&path).map_err(StoreError::io(Doing::Open))
    }
}

fn read_all(file: &File) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(StoreError::io(Doing::Read))?;
    if bytes.len() as u64 > LIMIT { Err(StoreError::TooLarge) } else { Ok(bytes) }
}

impl Store for Folder {
    type Log = FileLog;

    fn create(&self, run: &RunId) -> Result<FileLog, StoreError> {
        disk::make_private_folder(&self.0).map_err(StoreError::io(Doing::MakeFolder))?;
        let path = self.file(run);
        let file = disk::private_file().create_new(true).open(&path).map_err(StoreError::io(Doing::Create))?;
        disk::sync_folder(&self.0).map_err(StoreError::io(Doing::SyncFolder))?;
        Ok(FileLog { file, path, length: 0 })
    }

    fn open(&self, run: &RunId) -> Result<(FileLog, Vec<u8>), StoreError> {
        let file = self.open_file(run, &disk::private_file())?;
        let bytes = read_all(&file)?;
        let length = bytes.len() as u64;
        Ok((FileLog { file, path: self.file(run), length }, bytes))
    }

    fn read(&self, run: &RunId) -> Result<Vec<u8>, StoreError> {
        read_all(&self.open_file(run, fs::OpenOptions::new().read(true))?)
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::Io { doing: Doing::List, error }),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(StoreError::io(Doing::List))?.file_name();
            names.extend(name.to_string_lossy().strip_suffix(ENDING).map(str::to_owned));
        }
        Ok(names)
    }

    fn place(&self, run: Option<&RunId>) -> String {
        run.map_or_else(|| self.0.clone(), |run| self.file(run)).display().to_string()
    }
}

/// An open journal file.
#[derive(Debug)]
pub struct FileLog {
    file: File,
    path: PathBuf,
    /// How long the file is as far as we know.
    length: u64,
}

impl FileLog {
    /// Refuses if the file is not where it was or not as we left it. Without this an intent could go into a file that nobody
    /// will find, or between another writer's lines.
    fn check(&self, doing: Doing) -> Result<(), StoreError> {
        if !disk::still_at(&self.file, &self.path).map_err(StoreError::io(doing))? {
            return Err(StoreError::Replaced);
        }
        let length = self.file.metadata().map_err(StoreError::io(doing))?.len();
        if length == self.length { Ok(()) } else { Err(StoreError::Interfered) }
    }
}

impl Log for FileLog {
    fn append(&mut self, line: &[u8]) -> Result<(), StoreError> {
        self.check(Doing::Write)?;
        let length = self.length.saturating_add(line.len() as u64);
        if length > LIMIT {
            return Err(StoreError::TooLarge); // it could never be read again
        }
        self.file.seek(SeekFrom::Start(self.length)).map_err(StoreError::io(Doing::Write))?;
        self.file.write_all(line).map_err(StoreError::io(Doing::Write))?;
        self.file.sync_data().map_err(StoreError::io(Doing::Sync))?;
        self.length = length;
        Ok(())
    }

    fn keep(&mut self, whole: &[u8]) -> Result<(), StoreError> {
        self.check(Doing::Cut)?;
        let length = whole.len() as u64;
        self.file.set_len(length).map_err(StoreError::io(Doing::Cut))?;
        self.length = length;
        let last = whole.split_inclusive(|b| *b == b'\n').next_back().unwrap_or_default();
        self.file.seek(SeekFrom::Start(length - last.len() as u64)).map_err(StoreError::io(Doing::Write))?;
        self.file.write_all(last).map_err(StoreError::io(Doing::Write))?;
        self.file.sync_all().map_err(StoreError::io(Doing::Sync))
    }
}
