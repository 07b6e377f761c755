//! `man`: manual pages in roff, from the definitions of the commands: one for keyrelay and one for each command.
#![allow(clippy::disallowed_methods)] // makes the folder of the pages

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use serde_json::json;

use super::Cli;
use super::output::Done;
use crate::error::{Error, exit};

pub(super) fn man(out: Option<&Path>) -> Result<Done, Error> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        Man::new(Cli::command().disable_help_subcommand(true)).render(&mut page).map_err(|e| unwritten("stdout", &e))?;
        let page = String::from_utf8_lossy(&page).into_owned();
        return Ok(Done { exit: exit::DONE, lines: Vec::new(), json: json!(null), stdout: Some(page) });
    };
    let name = folder.display().to_string();
    std::fs::create_dir_all(folder).map_err(|e| unwritten(&name, &e))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(|e| unwritten(&name, &e))?;
    let lines = vec![format!("the manual pages are in {name}; read the first: man {name}/keyrelay.1")];
    let json = json!({ "schema": "keyrelay.man/1", "folder": name, "exit": exit::DONE });
    Ok(Done { exit: exit::DONE, lines, json, stdout: None })
}

fn unwritten(place: &str, error: &io::Error) -> Error {
    Error::Usage {
        what: format!("the manual pages cannot be written to {place}: {error}"),
        advice: "name a folder that can be written: keyrelay man --out FOLDER".to_owned(),
    }
}
