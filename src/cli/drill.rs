//! `drill`: practise a runbook under a bad day. Says what happens and asks what to do.
#![allow(clippy::disallowed_methods)] // reads what is typed, and makes the folder of a drill

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::context::{self, Context, read};
use super::output::{Done, say};
use crate::drill::{self, Audience, BadScenario, Choice, Scenario, Voice};
use crate::error::{Error, exit};

#[derive(Debug, Args)]
pub(super) struct Drill {
    /// A scenario's name, or a file of your own
    #[arg(required_unless_present = "list")]
    scenario: Option<String>,
    /// Say which scenarios there are and how often each should be practised
    #[arg(long)]
    list: bool,
    /// Play it with this runbook instead of the scenario's own; nothing real is touched, whatever cloud it names
    #[arg(long, value_name = "FILE")]
    runbook: Option<PathBuf>,
    /// Take what is typed from this file, one command a line, instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "rehearsed")]
    script: Option<PathBuf>,
    /// Play what whoever knows the runbooks would type
    #[arg(long)]
    rehearsed: bool,
}

pub(super) fn drill(context: &Context, args: &Drill) -> Result<Done, Error> {
    let name = match &args.scenario {
        Some(name) if !args.list => name,
        Some(_) | None => return list(),
    };
    let scenario = scenario(name)?;
    let runbook = args.runbook.as_deref().map(context::runbook).transpose()?;
    let script = match (&args.script, args.rehearsed) {
        (Some(file), _) => Some(lines(file)?),
        (None, true) => Some(scenario.script.clone().into()),
        (None, false) => None,
    };
    let folder = folder(context, name)?;
    let audience = Screen { quiet: context.global.quiet, script, terminal: std::io::stdin().is_terminal(), helped: false };
    let debrief = drill::play(&scenario, runbook, &folder, Box::new(audience))?;
    Ok(Done { exit: debrief.exit, lines: debrief.lines(), json: json!(debrief), stdout: None })
}

fn list() -> Result<Done, Error> {
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for (name, text) in drill::built_in() {
        let scenario = Scenario::parse(text).map_err(|e| bad(name, &e))?;
        lines.push(format!("{name:<18} {:<12} {}", scenario.practise, scenario.title));
        all.push(json!({ "name": name, "title": scenario.title, "practise": scenario.practise }));
    }
    let json = json!({ "schema": "keyrelay.drills/1", "scenarios": all, "exit": exit::DONE });
    Ok(Done { exit: exit::DONE, lines, json, stdout: None })
}

fn bad(name: &str, why: &BadScenario) -> Error {
    let advice = "drills/README.md explains every field of a scenario".to_owned();
    Error::Usage { what: format!("{name} is no scenario: {why}"), advice }
}

fn scenario(name: &str) -> Result<Scenario, Error> {
    let shipped = drill::built_in().iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_owned());
    let text = match shipped {
        Some(text) => text,
        None if Path::new(name).extension().is_some() => String::from_utf8_lossy(&read(Path::new(name))?).into_owned(),
        None => {
            let names: Vec<&str> = drill::built_in().iter().map(|(n, _)| *n).collect();
            let what = format!("there is no scenario {name}: {}", names.join(", "));
            return Err(Error::Usage { what, advice: "name one of them, or a .toml file".to_owned() });
        }
    };
    Scenario::parse(&text).map_err(|e| bad(name, &e))
}

/// The lines of a script, without comments.
fn lines(file: &Path) -> Result<VecDeque<String>, Error> {
    let text = String::from_utf8_lossy(&read(file)?).into_owned();
    Ok(text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect())
}

/// A folder that no other drill has.
fn folder(context: &Context, name: &str) -> Result<PathBuf, Error> {
    let stem = Path::new(name).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let now = Timestamp::now().strftime("%Y%m%dt%H%M%S");
    let folder = context.places.folder().join("drills").join(format!("{stem}-{now}-{:08x}", context::random()));
    let cannot = |error| Error::File { what: folder.display().to_string(), error };
    crate::disk::make_private_folder(&folder).map_err(cannot)?;
    Ok(folder)
}

/// The person at the terminal, or a script.
struct Screen {
    quiet: bool,
    script: Option<VecDeque<String>>,
    terminal: bool,
    helped: bool,
}

impl Audience for Screen {
    fn hear(&mut self, at: Timestamp, voice: Voice, text: &str) {
        // who is asked must hear
        if self.quiet && self.script.is_some() {
            return;
        }
        let time = at.strftime("%m-%d %H:%M:%S");
        let mark = match voice {
            Voice::Story => return text.lines().for_each(say),
            Voice::World => "***",
            Voice::Tool => "   ",
            Voice::You => "  >",
        };
        text.lines().for_each(|line| say(&format!("{time} {mark} {line}")));
    }

    fn decide(&mut self, at: Timestamp, choices: &[Choice]) -> Option<String> {
        if let Some(script) = &mut self.script {
            return script.pop_front();
        }
        if !std::mem::replace(&mut self.helped, true) {
            say("What do you do? As in life, or short:");
            choices.iter().for_each(|c| say(&format!("  {:<12} {}", c.word, c.says)));
        }
        loop {
            if self.terminal {
                let mut err = std::io::stderr().lock();
                let _ = write!(err, "{}  > ", at.strftime("%m-%d %H:%M:%S")).and_then(|()| err.flush());
            }
            let mut line = String::new();
            match std::io::stdin().lock().read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) if matches!(line.trim(), "help" | "?") => {
                    choices.iter().for_each(|c| say(&format!("  {:<12} {}", c.word, c.says)));
                }
                Ok(_) if line.trim().is_empty() => {}
                Ok(_) => return Some(line.trim().to_owned()),
            }
        }
    }
}
