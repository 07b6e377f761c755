//! Drills: a runbook under a bad day, for the people on call.
//!
//! A [`Scenario`] is a file that says what there is, what goes wrong and when, who reads the secret, and what people can do besides
//! keyrelay. [`play`] runs it: the preflight, driver, journal and report that ship, against the sandbox's cloud in process, in
//! virtual time, so that a day passes in a second and nothing is reached. Commands are typed as in life; an [`Audience`] hears what
//! happens and decides, a person at a terminal or a script. The end is a [`Debrief`].
//!
//! Another way would have been the served sandbox with a fast clock and the shipped binary as a process. It is nearer to life in
//! what a terminal shows and farther in everything else: waits would have to be cut short in the driver, a day would still take
//! minutes, and the same drill would not go the same way twice.

mod act;
mod built_in;
mod command;
mod consumers;
mod debrief;
mod desk;
mod process;
mod scenario;
mod scene;
mod world;

pub use built_in::built_in;
pub use command::HELP;
pub use consumers::Outage;
pub use debrief::{ConsumerStory, Debrief, Happened, SCHEMA, Typed};
pub use scenario::{BadScenario, Scenario};

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use jiff::Timestamp;

use crate::error::Error;
use crate::runbook::Runbook;
use command::Command;
use desk::Desk;
use world::World;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// What the scenario tells.
    Story,
    /// What happens in the world, as people notice it.
    World,
    /// keyrelay.
    Tool,
    /// What was typed.
    You,
}

/// Something that can be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The word.
    pub word: String,
    /// What it does.
    pub says: String,
}

/// Who hears what happens, and decides.
pub trait Audience {
    /// Somebody says something, at a moment of the drill's time.
    fn hear(&mut self, at: Timestamp, voice: Voice, text: &str);
    /// What to type next; nothing ends the drill.
    fn decide(&mut self, at: Timestamp, choices: &[Choice]) -> Option<String>;
}

/// The most commands of one drill: a script may go in a circle.
const MOST_COMMANDS: usize = 200;

/// Plays a scenario with its own runbook, or with `runbook`. Journal and report are left in `folder`.
///
/// # Errors
/// If the scenario's runbook is none, or the journal cannot be kept. What a command in the drill is told is no error of it.
pub fn play(
    scenario: &Scenario,
    runbook: Option<Runbook>,
    folder: &Path,
    audience: Box<dyn Audience>,
) -> Result<Debrief, Error> {
    let runbook = match runbook {
        Some(runbook) => runbook,
        None => scenario.runbook().map_err(Error::Runbook)?,
    };
    let audience: Rc<RefCell<Box<dyn Audience>>> = Rc::new(RefCell::new(audience));
    let world = World::new(scenario, runbook, folder, audience)?;
    let desk = Desk::new(world.clone(), "you", folder)?;
    world.time.run(go(&world, &desk), &world.actors)?;
    debrief::write(&world, &desk)
}

async fn go(world: &World, desk: &Desk) -> Result<(), Error> {
    let scenario = &world.scenario;
    world.hear(Voice::Story, &scenario.story);
    world.begin();
    let mut first = scenario.begins.clone();
    for _ in 0..MOST_COMMANDS {
        let pipeline = first.is_some();
        let Some(line) = first.take().or_else(|| world.decide()) else { break };
        let command = match Command::parse(&line, &scenario.mend) {
            Ok(Command::Done) => break,
            Ok(command) => command,
            Err(why) => {
                world.hear(Voice::Tool, &why);
                continue;
            }
        };
        if pipeline {
            world.hear(Voice::World, &format!("the schedule starts: {line}"));
        } else {
            world.time.sleep(scenario.thinking()).await;
            world.hear(Voice::You, &line);
        }
        let at = world.time.now();
        let told = match desk.perform(&command).await {
            Ok(told) => told,
            // what the terminal would show
            Err(e) => {
                let advice = e.advice().map(|a| format!("\n  next: {a}")).unwrap_or_default();
                desk::Told { exit: Some(e.exit()), lines: vec![format!("error: {e}{advice}")] }
            }
        };
        told.lines.iter().for_each(|line| world.hear(Voice::Tool, line));
        world.typed.borrow_mut().push(Typed { at, line, by_schedule: pipeline, exit: told.exit });
    }
    world.hear(Voice::Story, "The drill is over; time goes on until every cache has run out.");
    world.time.sleep(world.tail()).await;
    Ok(())
}
