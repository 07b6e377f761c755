//! The shipped binary in a home of its own: what it is given, what it did, and what the sandbox's own state says is true.
//!
//! A scene is written as the sandbox's state before the first command, and truth is read back from the same file, which the
//! sandbox forces to disk before each answer. Nothing here believes what the binary says of itself.
#![allow(dead_code)] // each suite uses a part

pub mod by_hand;
#[allow(clippy::duplicate_mod)] // suites of worlds and of binaries may stand side by side
#[path = "../leaks/mod.rs"]
pub mod hunt;
pub mod leaks;
pub mod runbook;
pub mod scene;
pub mod truth;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use keyrelay::driver::CrashPoint;
use keyrelay::journal::{self, Folder, Listed};
use keyrelay::run::{Record, Run};
use keyrelay::sandbox::cloud::Cloud;
use tempfile::TempDir;

pub use runbook::Book;
pub use scene::Scene;

/// No command of these suites takes nearly as long; one that does hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at a process or a file.
const LOOK: Duration = Duration::from_millis(10);

/// What the exit codes mean (DESIGN.md, section 5), written down here once more: a changed constant must fail a test.
pub mod exit {
    pub const DONE: i32 = 0;
    pub const USAGE: i32 = 2;
    pub const ROLLED_BACK: i32 = 10;
    pub const WAITING: i32 = 20;
    pub const INTERRUPTED: i32 = 21;
    pub const NEEDS_OPERATOR: i32 = 30;
    pub const HELD: i32 = 40;
    pub const REFUSED: i32 = 50;
}

/// A user's home with a sandbox in it.
pub struct Home {
    folder: TempDir,
    profile: &'static str,
    commands: AtomicU32,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The exit code is this one, and nothing panicked.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked") && !self.stdout.contains("panicked"), "{self:#?}");
        self
    }
}

/// A command that is under way. Killed when it is dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Home {
    /// An empty sandbox; the first `rotate` seeds it.
    pub fn empty() -> Home {
        let folder = tempfile::Builder::new().prefix("keyrelay-test-").tempdir().unwrap();
        let home = Home { folder, profile: "instant", commands: AtomicU32::new(0) };
        private_folder(&home.state());
        fs::create_dir(home.path().join("out")).unwrap();
        home
    }

    /// A sandbox in which this has happened.
    pub fn with(scene: &Scene) -> Home {
        let home = Home::empty();
        let sandbox = home.state().join("sandbox");
        private_folder(&sandbox);
        private_file(&sandbox.join("state.json"), &serde_json::to_vec(&scene.cloud).unwrap());
        home
    }

    /// Changes are seen at different times in different places.
    pub fn realistic(mut self) -> Home {
        self.profile = "realistic";
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn journals(&self) -> Folder {
        Folder::new(self.state().join("journals"))
    }

    /// Writes the runbook, and says where.
    pub fn runbook(&self, book: &Book) -> String {
        let file = self.path().join(format!("{}.md", book.name));
        fs::write(&file, book.text()).unwrap();
        file.display().to_string()
    }

    /// The command, in an environment that holds nothing but what it needs.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrelay"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.path()).env("KEYRELAY_STATE_DIR", self.state());
        command.env("KEYRELAY_SANDBOX_IDLE", "20s").env("KEYRELAY_SANDBOX_PROFILE", self.profile);
        command
    }

    /// Starts it; what it prints goes to files under `out`.
    pub fn spawn(&self, mut command: Command) -> Running {
        let out = self.path().join("out");
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let (stdout, stderr) = (out.join(format!("{number:03}.stdout")), out.join(format!("{number:03}.stderr")));
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        Running { child: command.spawn().unwrap(), stdout, stderr }
    }

    pub fn start(&self, args: &[&str]) -> Running {
        self.spawn(self.command(args))
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.start(args).ended()
    }

    /// Runs it until it stands still at the place (`#2` after the name: the second time that it comes there), or says how it
    /// ended without coming there.
    pub fn until(&self, place: &str, args: &[&str]) -> Result<Running, Ran> {
        self.until_in(self.command(args), place)
    }

    /// The same with a command of one's own.
    pub fn until_in(&self, mut command: Command, place: &str) -> Result<Running, Ran> {
        command.env("KEYRELAY_SANDBOX_PAUSE_AT", place);
        self.spawn(command).stands_still(place)
    }

    /// Kills it there.
    #[track_caller]
    pub fn killed_at(&self, place: &str, args: &[&str]) {
        match self.until(place, args) {
            Ok(running) => running.kill(),
            Err(ran) => panic!("{args:?} did not come to {place}: {ran:#?}"),
        }
    }

    /// The sandbox's state as it is on disk.
    pub fn cloud(&self) -> Cloud {
        serde_json::from_slice(&self.cloud_bytes()).unwrap()
    }

    pub fn cloud_bytes(&self) -> Vec<u8> {
        fs::read(self.state().join("sandbox/state.json")).unwrap()
    }

    /// All runs that have a journal. Each journal must be whole.
    pub fn runs(&self) -> Vec<Run> {
        let run = |listed| match listed {
            Listed::Run(run) => run,
            Listed::Foreign(name) => panic!("{name} is no journal"),
        };
        let read = |run| Run::replay(journal::read_only::<Record>(&self.journals(), &run).unwrap().records).unwrap();
        journal::list(&self.journals()).unwrap().into_iter().map(run).map(read).collect()
    }

    /// The only run.
    #[track_caller]
    pub fn the_run(&self) -> Run {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "one run was expected");
        runs.remove(0)
    }

    /// The run that began last. Ids tell two runs of one second apart, but not which of them was first.
    pub fn newest(&self) -> Run {
        self.runs().into_iter().max_by_key(|run| run.records[0].local).unwrap()
    }

    /// The bytes of all journals and markers.
    pub fn journal_bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.journals().path())
            .map(|entries| entries.map(|e| e.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort();
        files.into_iter().map(|f| (f.clone(), fs::read(&f).unwrap())).collect()
    }

    /// Waits until the condition holds of the sandbox's state.
    #[track_caller]
    pub fn wait_for(&self, what: &str, holds: impl Fn(&Cloud) -> bool) {
        let begun = Instant::now();
        while !self.state().join("sandbox/state.json").exists() || !holds(&self.cloud()) {
            assert!(begun.elapsed() < LIMIT, "waited in vain for: {what}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the condition holds of the only run.
    #[track_caller]
    pub fn wait_for_run(&self, what: &str, holds: impl Fn(&Run) -> bool) {
        let begun = Instant::now();
        let written = || journal::list(&self.journals()).is_ok_and(|l| !l.is_empty());
        let begins = || self.journal_bytes().iter().all(|(_, b)| b.contains(&b'\n'));
        while !(written() && begins() && holds(&self.the_run())) {
            assert!(begun.elapsed() < LIMIT, "waited in vain for: {what}");
            std::thread::sleep(LOOK);
        }
    }
}

/// The sandbox of a home that is gone has nothing to serve: it is ended by its id, if that id is still its own.
impl Drop for Home {
    fn drop(&mut self) {
        let endpoint = fs::read(self.state().join("sandbox/endpoint.json")).unwrap_or_default();
        let endpoint: serde_json::Value = serde_json::from_slice(&endpoint).unwrap_or_default();
        let Some(pid) = endpoint.get("pid").and_then(serde_json::Value::as_u64) else { return };
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command_line).contains(&self.state().display().to_string()) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> (String, String) {
        let text = |file: &PathBuf| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        (text(&self.stdout), text(&self.stderr))
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(mut self) -> Ran {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let (stdout, stderr) = self.said();
                return Ran { code: status.code(), stdout, stderr };
            }
            assert!(begun.elapsed() < LIMIT, "it hangs: {:#?}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// It stands still at the place, or has ended without coming there.
    #[track_caller]
    pub fn stands_still(mut self, place: &str) -> Result<Running, Ran> {
        let begun = Instant::now();
        let word = format!("standing still at {}", place.split('#').next().unwrap());
        loop {
            if self.said().1.lines().any(|line| line == word) {
                return Ok(self);
            }
            if self.child.try_wait().unwrap().is_some() {
                return Err(self.ended());
            }
            assert!(begun.elapsed() < LIMIT, "it hangs: {:#?}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// Whether it has not ended.
    pub fn works(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL, and the process is gone when this returns.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The name by which the environment asks for it.
pub fn place(point: CrashPoint) -> String {
    point.to_string()
}

/// Calls `f` with each of `cases`, a few at a time: they wait most of the time.
pub fn all_at_once<T: Sync>(cases: &[T], f: impl Fn(&T) + Sync) {
    this_many_at_once(6, cases, f);
}

/// The same, so many at a time.
pub fn this_many_at_once<T: Sync>(at_once: usize, cases: &[T], f: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    f(case);
                }
            });
        }
    });
}

pub fn private_folder(folder: &Path) {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).unwrap();
}

pub fn private_file(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).unwrap().write_all(bytes).unwrap();
}
