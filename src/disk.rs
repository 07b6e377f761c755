//! Private files and folders that are on the disk when a call says so.
#![allow(clippy::disallowed_methods)] // opens files and folders

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Makes `folder` and what is missing above it, for this user alone (0700), and forces the new entries to disk. A folder that
/// exists is left as it is.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let missing = folder.ancestors().take_while(|a| !a.as_os_str().is_empty() && !a.exists()).count();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    folder.ancestors().skip(1).take(missing).try_for_each(sync_folder)
}

/// Options for a file that only this user may read or write (0600 where it is created).
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Forces the entries of `folder` to disk, so that a file that was made or renamed in it is found after a power cut.
///
/// Some file systems do not sync folders and say so (`EINVAL`, `ENOTSUP`); nothing more can be had from them. Windows has no
/// such call and journals its folders itself.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder)?.sync_all() {
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        answer => answer,
    }
}

/// Whether `path` still leads to the open `file`. False if it was removed or replaced. Always true where the platform cannot
/// tell (elsewhere than on Unix).
pub(crate) fn still_at(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let there = match std::fs::metadata(path) {
            Ok(there) => there,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        let here = file.metadata()?;
        Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true)
    }
}

/// A file that is locked until this goes. The lock is given up by name: a process that is just being started has a copy of the open
/// file for a moment, which would keep it.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// Locks it, if nobody else has.
    pub(crate) fn of(file: File) -> Result<Locked, TryLockError> {
        file.try_lock().map(|()| Locked(file))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
