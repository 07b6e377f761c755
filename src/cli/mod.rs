//! The command line: one file per family of commands; this one has the words.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use self::logging::LogFormat;
use crate::rotation::names::KeyId;
use crate::runbook::AuthKind;

mod adopt;
mod completions;
mod connect;
mod context;
mod diagnose;
mod drill;
mod emergency;
mod hold;
mod inspect;
mod leak;
mod leaked_value;
pub mod logging;
mod man;
mod output;
mod plan;
pub mod progress;
mod resume;
mod rollback;
mod rotate;
mod runs;
mod sandbox;
mod session;
mod signals;
pub mod terminal;
mod wanted;

pub use output::main;

const AFTER: &str = "\
Exit codes: 0 completed or nothing to do, 2 usage, 10 rolled back, 20 waiting, 21 interrupted, 30 needs operator, \
40 somebody else holds it, 50 refused with nothing changed.

RUN is a run's id, a unique prefix of one, a runbook's path, or a journal's.";

/// Replaces the client secret of a Microsoft Entra application without downtime, and survives being killed at any instant.
#[derive(Debug, Parser)]
#[command(name = "keyrelay", version, after_help = AFTER, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Global {
    /// Print one JSON object on stdout instead of lines for people
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// The folder of the journals
    #[arg(long, global = true, env = "KEYRELAY_JOURNAL_DIR", value_name = "FOLDER")]
    journal_dir: Option<PathBuf>,
    /// The folder of journals, locks and the sandbox, instead of the platform's state directory
    #[arg(long, global = true, env = "KEYRELAY_STATE_DIR", value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// How the identity that rotates signs in, instead of what the runbook or the environment says
    #[arg(long, global = true, value_name = "KIND", value_parser = auth_kind())]
    auth: Option<AuthKind>,
    /// How logs are written (RUST_LOG says which)
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at what is there, say what would happen and whether it may; changes nothing
    #[command(after_help = "Example: keyrelay plan runbooks/first-rotation.md")]
    Plan {
        /// What would be rotated
        runbook: PathBuf,
        /// The key ID to replace, where it cannot be told from the vault
        #[arg(long, value_name = "KEY_ID")]
        old_key: Option<KeyId>,
        /// The old secret may go although another runbook's vaults may serve it
        #[arg(long)]
        shared_key_ok: bool,
    },
    /// Say why the application fails to get tokens; changes nothing
    #[command(after_help = "Example: keyrelay diagnose runbooks/first-rotation.md\n\n\
        Exits with 0 if what every vault serves signs in, with 50 if it does not or that cannot be told.")]
    Diagnose {
        /// Whose application and vaults
        runbook: PathBuf,
    },
    /// Do the whole job: add, write, smoke test, overlap, delete
    #[command(after_help = "Examples: keyrelay rotate runbooks/first-rotation.md\n          \
        keyrelay rotate billing.md --emergency --leaked-from-stdin --exposed-at 2026-11-21T03:06:00Z < FILE")]
    Rotate(Rotate),
    /// Remove a leaked secret that no vault of the runbook serves, and prove it dead
    #[command(
        after_help = "Example: keyrelay revoke billing.md --key-id 58f12e26-2413-4b6c-b424-63d35d0caa6f --accept-outage"
    )]
    Revoke(Revoke),
    /// Go on with a run from its journal; does only what is due
    #[command(
        after_help = "Examples: keyrelay resume\n          keyrelay resume 20261121t0306 --no-wait\n          keyrelay resume --all"
    )]
    Resume(Resume),
    /// Put the old value back and remove what the run added
    #[command(after_help = "Example: keyrelay rollback runbooks/first-rotation.md")]
    Rollback(Rollback),
    /// Say what is true, what is next, and when; from the journal
    #[command(
        after_help = "Examples: keyrelay status\n          keyrelay status 20261121t0306 --json\n          keyrelay status runbooks/first-rotation.md --live"
    )]
    Status {
        /// Which run; all of them if none is named
        run: Option<String>,
        /// Read the cloud too, as a consumer does; changes nothing
        #[arg(long, requires = "run")]
        live: bool,
    },
    /// A leaked secret: which one it is, who has used it, what it could do
    #[command(subcommand)]
    Leak(leak::LeakCommand),
    /// Keep the old secret alive
    #[command(after_help = "Example: keyrelay hold 20261121t0306 --for 12h --reason \"batch job not done\"")]
    Hold {
        /// Which run
        run: String,
        /// How long
        #[arg(long = "for", value_name = "DURATION", default_value = "24h", value_parser = duration)]
        how_long: SignedDuration,
        /// Why, for the report
        #[arg(long, default_value = "no reason was given")]
        reason: String,
    },
    /// Let a held run go on; allow the removal where the runbook says delete = "on-release"
    #[command(after_help = "Example: keyrelay release 20261121t0306 --reason \"batch job is done\"")]
    Release {
        /// Which run
        run: String,
        /// Why, for the report
        #[arg(long, default_value = "no reason was given")]
        reason: String,
    },
    /// Close a run that will not go on, as it stands
    #[command(after_help = "Example: keyrelay abandon 20261121t0306 --reason \"the application is gone\"")]
    Abandon {
        /// Which run
        run: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Rebuild the lost journal of a run from tags and versions
    #[command(after_help = "Example: keyrelay adopt runbooks/first-rotation.md")]
    Adopt {
        /// The runbook of the run
        runbook: PathBuf,
        /// The key ID that the run replaces, where it cannot be told
        #[arg(long, value_name = "KEY_ID")]
        old_key: Option<KeyId>,
    },
    /// Write the report of a run, from its journal alone
    #[command(after_help = "Example: keyrelay evidence 20261121t0306 --format md > report.md")]
    Evidence {
        /// Which run
        run: String,
        /// As what
        #[arg(long, value_enum, default_value_t = ReportFormat::Md)]
        format: ReportFormat,
    },
    /// Look after journals
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Look after runbooks
    #[command(subcommand)]
    Runbook(RunbookCommand),
    /// Practise a bad day: a scenario in the sandbox, in time that flies
    #[command(after_help = "Examples: keyrelay drill --list\n          keyrelay drill killed-after-add\n          \
        keyrelay drill vault-forbidden --rehearsed --json\n\n\
        Exits with 0 if it ended as it does for whoever knows the runbooks, else with 30.")]
    Drill(drill::Drill),
    /// A local Entra, Graph and Key Vault over HTTPS on loopback
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    /// Print what a shell needs to complete keyrelay's words
    #[command(after_help = "Example: keyrelay completions bash > ~/.local/share/bash-completion/completions/keyrelay")]
    Completions {
        /// For which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands into a folder
    #[command(after_help = "Examples: keyrelay man | man -l -\n          keyrelay man --out ~/.local/share/man/man1")]
    Man {
        /// The folder, which is made if it is not there
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Md,
    Html,
    Json,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Check the chain of a run's journal, or of all
    #[command(after_help = "Example: keyrelay journal verify")]
    Verify {
        /// Which run; all of them if none is named
        run: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum RunbookCommand {
    /// Validate files; nothing is asked of any service
    #[command(after_help = "Example: keyrelay runbook check runbooks/*.md")]
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Whether to stay through the overlap.
#[derive(Debug, Clone, Copy, Args)]
struct Stay {
    /// Stay through the overlap; the default on a terminal
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Leave during the overlap and say when to resume; the default without a terminal, if more than a minute is left
    #[arg(long)]
    no_wait: bool,
    /// Exit with 0 instead of 20 when there is nothing to do but wait
    #[arg(long)]
    waiting_ok: bool,
}

/// Without a terminal a wait of a minute is cheaper than to be started again.
const SHORT: SignedDuration = SignedDuration::from_secs(60);

impl Stay {
    /// For how long a wait the process stays.
    fn how_long(&self, terminal: bool) -> SignedDuration {
        match (self.wait, self.no_wait) {
            (true, _) => SignedDuration::MAX,
            (false, true) => SignedDuration::ZERO,
            (false, false) if terminal => SignedDuration::MAX,
            (false, false) => SHORT,
        }
    }
}

#[derive(Debug, Args)]
struct Rotate {
    /// What to rotate
    runbook: PathBuf,
    /// The secret has leaked: replace it, remove it as soon as its consumers have left it, and prove it dead
    #[arg(long)]
    emergency: bool,
    #[command(flatten)]
    leak: Leak,
    /// In an emergency: do not wait for this consumer to leave the leaked secret (may be repeated)
    #[arg(long, value_name = "CONSUMER", requires = "emergency")]
    accept_outage: Vec<String>,
    /// In an emergency, under attack: remove the leaked secret before there is a new one, which is an outage
    #[arg(long, requires = "emergency")]
    revoke_first: bool,
    /// Do not ask to confirm --revoke-first
    #[arg(long, requires = "revoke_first")]
    yes: bool,
    #[command(flatten)]
    stay: Stay,
    /// Only if the old secret ends within this time; an unfinished run is resumed instead
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "emergency")]
    if_expires_within: Option<SignedDuration>,
    /// The key ID to replace, where it cannot be told from the vault
    #[arg(long, value_name = "KEY_ID")]
    old_key: Option<KeyId>,
    /// The old secret may go although another runbook's vaults may serve it
    #[arg(long)]
    shared_key_ok: bool,
    /// Why, for the report
    #[arg(long)]
    reason: Option<String>,
    /// The ticket, for the report
    #[arg(long)]
    ticket: Option<String>,
}

/// What is known of a leaked secret.
#[derive(Debug, Args)]
struct Leak {
    /// The key ID that leaked
    #[arg(long, value_name = "KEY_ID")]
    key_id: Option<KeyId>,
    /// Read the leaked value from stdin: it finds the key ID, and proves the secret dead; it is kept in memory only
    #[arg(long)]
    leaked_from_stdin: bool,
    /// Since when others could read it, with a zone, such as 2026-11-21T03:06:00Z
    #[arg(long, value_name = "TIME", value_parser = emergency::with_zone)]
    exposed_at: Option<jiff::Timestamp>,
    /// Disable the versions in the vaults that hold the leaked value, when it is gone
    #[arg(long)]
    disable_old_version: bool,
}

impl Leak {
    fn says_something(&self) -> bool {
        self.key_id.is_some() || self.leaked_from_stdin || self.exposed_at.is_some() || self.disable_old_version
    }
}

#[derive(Debug, Args)]
struct Revoke {
    /// Whose application has the secret
    runbook: PathBuf,
    #[command(flatten)]
    leak: Leak,
    /// Remove it although it is in use, or that cannot be known: whoever uses it is cut off
    #[arg(long)]
    accept_outage: bool,
    #[command(flatten)]
    stay: Stay,
    /// The key ID that the vaults serve, where it cannot be told
    #[arg(long, value_name = "KEY_ID")]
    old_key: Option<KeyId>,
    /// Why, for the report
    #[arg(long)]
    reason: Option<String>,
    /// The ticket, for the report
    #[arg(long)]
    ticket: Option<String>,
}

#[derive(Debug, Args)]
struct Resume {
    /// Which run; the only unfinished one if none is named
    run: Option<String>,
    /// Every unfinished run, one after the other; exits with the worst
    #[arg(long, conflicts_with_all = ["run", "leaked_from_stdin", "accept_outage"])]
    all: bool,
    /// Read the leaked value of an emergency from stdin once more, to prove it dead
    #[arg(long)]
    leaked_from_stdin: bool,
    /// In an emergency: do not wait for this consumer to leave the leaked secret (may be repeated)
    #[arg(long, value_name = "CONSUMER")]
    accept_outage: Vec<String>,
    #[command(flatten)]
    stay: Stay,
}

#[derive(Debug, Args)]
struct Rollback {
    /// Which run
    run: String,
    #[command(flatten)]
    stay: Stay,
    /// Why, for the report
    #[arg(long, default_value = "asked for on the command line")]
    reason: String,
    /// Put the old value back although it is known to have leaked
    #[arg(long)]
    restore_leaked: bool,
}

/// The kinds of `--auth`, which help and completions list.
fn auth_kind() -> impl TypedValueParser<Value = AuthKind> {
    PossibleValuesParser::new(AuthKind::ALL.map(AuthKind::as_str)).try_map(|s| s.parse::<AuthKind>())
}

/// A duration as people write it: `48h`, `15m`, `30d`.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected = || "expected a duration such as 90s, 15m, 48h or 30d".to_owned();
    let parsed: crate::runbook::HumanDuration = text.parse().map_err(|_| expected())?;
    SignedDuration::try_from(parsed.get()).map_err(|_| expected())
}
