//! The sandbox's own files: private, and replaced whole or not at all.
#![allow(clippy::disallowed_methods)] // the state folder is touched here and nowhere else

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::SandboxError;
use crate::disk::Locked;

/// Ties an I/O error to its file.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> SandboxError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| SandboxError::File { path, source }
}

/// Makes the folder for its owner alone. One that is there and open to others is refused, not changed.
pub(super) fn private_folder(folder: &Path) -> Result<(), SandboxError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(at(folder))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder).map_err(at(folder))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(SandboxError::NotPrivate { path: folder.to_owned() });
        }
    }
    Ok(())
}

/// Bytes that nobody can guess; `file` is what they are for.
pub(super) fn random(file: &Path) -> Result<[u8; 32], SandboxError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| at(file)(e.into()))?;
    Ok(bytes)
}

/// The bytes, or `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, SandboxError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(path)(e)),
    }
}

/// Replaces a file, readable by its owner alone: after this returns, a kill or a power cut leaves the new content; before, the
/// old one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let write = || -> io::Result<()> {
        exchange(path, bytes, File::sync_all)?;
        // The rename itself is on disk only once the folder is; Windows has no such call.
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(at(path))
}

/// The same for what each start makes anew: whole or not there, but a power cut may lose it.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    exchange(path, bytes, |_| Ok(())).map_err(at(path))
}

fn exchange(path: &Path, bytes: &[u8], written: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    private(&mut options);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    written(&file)?;
    fs::rename(&beside, path)
}

/// The folders in a folder; none if it is not there.
pub(super) fn folders(parent: &Path) -> Result<Vec<PathBuf>, SandboxError> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(at(parent)(e)),
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_dir()).collect();
    found.sort();
    Ok(found)
}

/// Removes a folder with all that is in it.
pub(super) fn remove_folder(folder: &Path) -> Result<(), SandboxError> {
    fs::remove_dir_all(folder).map_err(at(folder))
}

/// A file of ours to append to or to lock.
pub(super) fn open_private(path: &Path) -> Result<File, SandboxError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    private(&mut options);
    options.open(path).map_err(at(path))
}

/// Takes the lock that dies with its holder, if it is free.
pub(super) fn try_lock(path: &Path) -> Result<Option<Locked>, SandboxError> {
    match Locked::of(open_private(path)?) {
        Ok(locked) => Ok(Some(locked)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(at(path)(e)),
    }
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}
