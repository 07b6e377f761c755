//! `completions`: what a shell needs to complete keyrelay's words, from the definitions of the commands.

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::Value;

use super::Cli;
use super::output::Done;
use crate::error::exit;

pub(super) fn completions(shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyrelay", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Done { exit: exit::DONE, lines: Vec::new(), json: Value::Null, stdout: Some(script) }
}
