//! What a command knows of the machine: folders, terminal, user, environment. The one place that reads the environment.
#![allow(clippy::disallowed_methods)] // reads the environment and runbook files

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::Global;
use super::terminal::Terminal;
use crate::azure::{self, Asked, Chosen, Environment};
use crate::correlation::CorrelationKey;
use crate::error::Error;
use crate::places::Places;
use crate::run::By;
use crate::runbook::Runbook;

/// The machine, as one command sees it.
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) places: Places,
    pub(super) terminal: Terminal,
    correlation: OnceCell<CorrelationKey>,
}

impl Context {
    pub(super) fn new(global: Global) -> Result<Context, Error> {
        let places = match &global.state_dir {
            Some(folder) => Places::under(std::path::absolute(folder).unwrap_or_else(|_| folder.clone())),
            None => Places::find()?,
        };
        Ok(Context { global, places, terminal: Terminal::of_stderr(), correlation: OnceCell::new() })
    }

    /// The journals' folder: flag or environment, then the runbook, then the platform's.
    pub(super) fn journals(&self, runbook: Option<(&Path, &Runbook)>) -> PathBuf {
        let beside = |(file, runbook): (&Path, &Runbook)| {
            let folder = runbook.journal.as_ref()?;
            Some(file.parent().map_or_else(|| folder.clone(), |p| p.join(folder)))
        };
        let folder = self.places.journals([self.global.journal_dir.clone(), runbook.and_then(beside)]);
        std::path::absolute(&folder).unwrap_or(folder)
    }

    /// Who runs keyrelay, as the machine says.
    pub(super) fn by(&self, identity: String) -> By {
        let first = |names: &[&str]| names.iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
        let host = first(&["HOSTNAME", "COMPUTERNAME"])
            .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|h| h.trim().to_owned()));
        let ci = [
            ("GitHub Actions run", "GITHUB_RUN_ID"),
            ("Azure Pipelines build", "BUILD_BUILDID"),
            ("GitLab job", "CI_JOB_ID"),
        ];
        let ci = ci.iter().find_map(|(what, name)| first(&[name]).map(|id| format!("{what} {id}")));
        By {
            identity,
            user: first(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "unknown".to_owned()),
            host: host.unwrap_or_else(|| "unknown".to_owned()),
            ci,
        }
    }

    /// How the identity that rotates signs in: flag, then runbook, then environment.
    pub(super) fn sign_in(&self, runbook: &Runbook) -> Result<Chosen, Error> {
        let variable = |name: &str| std::env::var(name).ok();
        let profile = azure_cli_folder().is_some_and(|folder| folder.join("azureProfile.json").is_file());
        let asked = Asked { flag: self.global.auth, runbook: runbook.auth.as_ref(), tenant: &runbook.tenant };
        Ok(azure::choose(&asked, &Environment { variable: &variable, azure_cli_profile: profile })?)
    }

    /// What the ids of this machine's sign-ins are made from; drawn when it is first asked for. Where it cannot be kept, one for
    /// this process alone: its sign-ins will look like somebody else's to the next.
    pub(super) fn correlation_key(&self) -> CorrelationKey {
        *self.correlation.get_or_init(|| {
            let file = self.places.correlation_key();
            let read = || std::fs::read_to_string(&file).ok()?.trim().parse().ok();
            read().unwrap_or_else(|| {
                let mut drawn = [0; 16];
                if getrandom::fill(&mut drawn).is_err() {
                    tracing::debug!("no randomness for the ids of sign-ins");
                }
                let key = CorrelationKey::new(drawn);
                match keep(&file, &String::from(key)) {
                    Ok(()) => key,
                    // another process was first
                    Err(error) => read().unwrap_or_else(|| {
                        tracing::debug!(%error, "the key of sign-in ids could not be kept");
                        key
                    }),
                }
            })
        })
    }

    /// Where a test wants the process to stand still. Sandbox runs only.
    pub(super) fn pause_at(&self) -> Option<String> {
        std::env::var("KEYRELAY_SANDBOX_PAUSE_AT").ok()
    }

    /// How long a sandbox that this process starts may be idle, and how fast it is.
    pub(super) fn sandbox_start(&self) -> (Option<String>, Option<String>) {
        (std::env::var("KEYRELAY_SANDBOX_IDLE").ok(), std::env::var("KEYRELAY_SANDBOX_PROFILE").ok())
    }
}

/// Writes a file that is not there yet, whole or not at all, for its owner only.
fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file.parent() {
        crate::disk::make_private_folder(folder)?;
    }
    let mine = file.with_extension(std::process::id().to_string());
    let written = crate::disk::private_file().create_new(true).open(&mine).and_then(|mut f| f.write_all(text.as_bytes()));
    // a link, unlike a rename, does not replace what another process has put there
    let linked = written.and_then(|()| std::fs::hard_link(&mine, file));
    let _ = std::fs::remove_file(&mine);
    linked
}

/// Where the Azure CLI keeps its profile (learn.microsoft.com/cli/azure/azure-cli-configuration).
fn azure_cli_folder() -> Option<PathBuf> {
    let set = std::env::var_os("AZURE_CONFIG_DIR").filter(|v| !v.is_empty()).map(PathBuf::from);
    set.or_else(|| Some(etcetera::home_dir().ok()?.join(".azure")))
}

/// Reads and parses a runbook.
pub(super) fn runbook(file: &Path) -> Result<Runbook, Error> {
    let bytes = read(file)?;
    Runbook::parse(&bytes, &file.display().to_string()).map_err(Error::Runbook)
}

/// Reads a file that the person named, no more of it than a runbook may have.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    let cannot = |error| Error::File { what: file.display().to_string(), error };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(cannot)?;
    opened.take(2 << 20).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Writes a report for its owner only, and says where.
pub(super) fn write_report(path: &Path, text: &str) -> std::io::Result<String> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())?;
    Ok(path.display().to_string())
}

/// The operator's secret of a sandbox, from the file that the sandbox names.
pub(super) fn secret_file(file: &Path) -> Result<SecretString, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::File { what: file.display().to_string(), error })?;
    Ok(SecretString::from(text.trim().to_owned()))
}

/// Four random letters for a run's id.
pub(super) fn random() -> u32 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u32::from_le_bytes(bytes),
        Err(_) => std::process::id(),
    }
}
