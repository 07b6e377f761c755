//! What a process costs, as the system counts it.

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// In KiB, where the system tells it (Linux).
    pub(crate) peak: u64,
}

/// Runs a program to its end; it must succeed.
pub(crate) fn run(program: &OsStr, arguments: &[OsString], environment: &[(&str, PathBuf)]) -> Cost {
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(n, v)| (n, v.as_os_str())));
    // a file, since nobody empties a pipe meanwhile
    let mut said = tempfile::tempfile().unwrap();
    let log = said.try_clone().unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(high_water(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let wall = began.elapsed();
    if !status.success() {
        let mut text = String::new();
        said.rewind().unwrap();
        said.read_to_string(&mut text).unwrap();
        println!("{}: {status}\n{text}", program.display());
        std::process::exit(1);
    }
    Cost { wall, peak }
}

/// `VmHWM` of a process that runs: it only grows, so the last one that is seen is the peak.
fn high_water(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// User and system time of all children that have ended, where the system tells it (Linux): fields 16 and 17 of proc_pid_stat(5),
/// in hundredths of a second. Over several runs that is fine enough.
pub(crate) fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |field: usize| after_name.split_whitespace().nth(field - 3).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(16) + ticks(17)) * 10)
}

/// Several runs of the same.
pub(crate) struct Costs {
    wall: Vec<Duration>,
    cpu: Duration,
    peak: u64,
}

impl Costs {
    /// `before` is what [`children`] said before the first of them.
    pub(crate) fn of(costs: Vec<Cost>, before: Duration) -> Costs {
        let cpu = (children() - before) / u32::try_from(costs.len()).unwrap();
        let mut wall: Vec<Duration> = costs.iter().map(|c| c.wall).collect();
        wall.sort();
        Costs { wall, cpu, peak: costs.iter().map(|c| c.peak).max().unwrap_or(0) }
    }

    pub(crate) fn median(&self) -> Duration {
        self.wall[self.wall.len() / 2]
    }

    pub(crate) fn over(&self, other: Duration) -> f64 {
        self.median().as_secs_f64() / other.as_secs_f64()
    }
}

impl Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        let (low, high) = (ms(self.wall[0]), ms(self.wall[self.wall.len() - 1]));
        write!(f, "wall {:.1} ms (median of {}; {low:.1} to {high:.1})", ms(self.median()), self.wall.len())?;
        let mib = f64::from(u32::try_from(self.peak).unwrap()) / 1024.0;
        write!(f, ", CPU {:.0} ms, peak memory {mib:.1} MiB", ms(self.cpu))
    }
}
