//! Where things lie on this machine: one folder of the user for journals, locks and the sandbox.
//!
//! On Linux that is `$XDG_STATE_HOME/keyrelay`, else `~/.local/state/keyrelay` (XDG Base Directory Specification 0.8: state
//! "that should persist between (application) restarts, but that is not important or portable enough"); on macOS
//! `~/Library/Application Support/keyrelay`, on Windows `%APPDATA%\keyrelay`. Nothing is made or read here.
#![allow(clippy::disallowed_methods)] // `etcetera` reads HOME and XDG_STATE_HOME

use std::path::{Path, PathBuf};

use etcetera::app_strategy::{AppStrategy, AppStrategyArgs, choose_native_strategy};

/// The flag that names the folder by hand. The command line defines it under this name.
pub const STATE_FLAG: &str = "--state-dir";

/// The user's folder of keyrelay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(PathBuf);

/// There is no folder of the user to keep anything in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no folder to keep journals and locks in: this user has no home directory. Nothing was changed.")]
pub struct NoPlace;

impl NoPlace {
    /// What to do.
    pub fn advice(&self) -> String {
        format!("Set HOME, or name a folder with `{STATE_FLAG} FOLDER`; every run of this user must name the same.")
    }
}

impl Places {
    /// The platform's folder for this user.
    ///
    /// # Errors
    /// If the user has no home directory, or it is not an absolute path.
    pub fn find() -> Result<Places, NoPlace> {
        let args = AppStrategyArgs { app_name: "keyrelay".to_owned(), ..AppStrategyArgs::default() };
        let strategy = choose_native_strategy(args).map_err(|_| NoPlace)?;
        let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        // HOME may be empty: what is kept would depend on where the command is typed.
        if folder.is_absolute() { Ok(Places(folder)) } else { Err(NoPlace) }
    }

    /// A folder that was named by hand.
    pub fn under(folder: impl Into<PathBuf>) -> Places {
        Places(folder.into())
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The journals: the first of `named` that there is (flag, environment, runbook, in the order that the caller gives), else
    /// the user's own.
    pub fn journals(&self, named: impl IntoIterator<Item = Option<PathBuf>>) -> PathBuf {
        named.into_iter().flatten().next().unwrap_or_else(|| self.0.join("journals"))
    }

    /// The locks: one place for the user, whichever folder of journals a run has.
    pub fn locks(&self) -> PathBuf {
        self.0.join("locks")
    }

    /// What the ids of our sign-ins are made from.
    pub fn correlation_key(&self) -> PathBuf {
        self.0.join("correlation-key")
    }

    /// The folders of sandboxes that are served by hand and keep nothing.
    pub fn served(&self) -> PathBuf {
        self.0.join("served")
    }

    /// What the embedded sandbox keeps.
    pub fn sandbox(&self) -> PathBuf {
        self.0.join("sandbox")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_named_folder_of_journals_wins_and_locks_stay_where_they_are() {
        let places = Places::under("/state");
        let named = |a: Option<&str>, b: Option<&str>| places.journals([a.map(PathBuf::from), b.map(PathBuf::from)]);
        assert_eq!(named(None, None), Path::new("/state/journals"));
        assert_eq!(named(None, Some("/b")), Path::new("/b"));
        assert_eq!(named(Some("/a"), Some("/b")), Path::new("/a"));
        assert_eq!(places.locks(), Path::new("/state/locks"));
        assert_eq!(places.sandbox(), Path::new("/state/sandbox"));
    }

    #[test]
    fn without_a_home_the_flag_is_named() {
        assert!(NoPlace.advice().contains("--state-dir"));
    }
}
