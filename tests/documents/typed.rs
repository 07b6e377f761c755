//! Every command in a page can be typed: its words and flags are those of the program.

use clap::Parser;
use clap::error::ErrorKind;
use keyrelay::cli::Cli;

use crate::{documents, prose_and_code, read};

/// The commands of a page: lines of its code, and code within its sentences.
fn commands(page: &str) -> Vec<String> {
    let (prose, code) = prose_and_code(page);
    let spans = prose.split('`').skip(1).step_by(2).map(|s| s.split_whitespace().collect::<Vec<_>>().join(" "));
    let plain = |line: &str| line.trim_start_matches("$ ").replace("cargo run --release -- ", "keyrelay ");
    let all = code.into_iter().map(plain).chain(spans);
    all.map(|c| c.trim_start_matches("- run: ").to_owned()).filter(|c| c.starts_with("keyrelay ")).collect()
}

/// The words, as a shell would take them, up to what explains the command or takes its output. Of what may be left out or
/// chosen (`[RUN|--all]`) the first counts.
fn words(command: &str) -> Vec<String> {
    let end = ["  ", " > ", " | ", " / ", "; ", " && ", " #"].iter().filter_map(|e| command.find(e)).min();
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in command[..end.unwrap_or(command.len())].chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            '[' | ']' => {}
            c => words.last_mut().unwrap().push(c),
        }
    }
    let first = |w: String| w.split('|').next().unwrap_or_default().to_owned();
    words.into_iter().map(first).filter(|w| !w.is_empty()).collect()
}

/// Why a command cannot be typed. Words in capitals stand for something, so that a value is none is no fault, nor that one is left out.
fn fault(command: &str) -> Option<String> {
    let words = words(command);
    if words.get(1).is_none_or(|w| w == "COMMAND" || w == "...") {
        return None;
    }
    let error = Cli::try_parse_from(&words).err()?;
    let wrong = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand, ErrorKind::ArgumentConflict];
    wrong.contains(&error.kind()).then(|| format!("{command}: {error}"))
}

#[test]
fn every_command_of_every_page_can_be_typed() {
    let pages = documents();
    let all: Vec<(String, String)> =
        pages.iter().flat_map(|page| commands(&read(page)).into_iter().map(|c| (page.display().to_string(), c))).collect();
    assert!(all.len() > 100, "{}", all.len());
    let faults: Vec<String> = all.iter().filter_map(|(page, c)| fault(c).map(|f| format!("{page}: {f}"))).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_that_cannot_be_typed_is_seen() {
    assert!(fault("keyrelay rotate RUNBOOK --urgent").is_some());
    assert!(fault("keyrelay frobnicate").is_some());
    assert!(fault("keyrelay status RUN --lively").is_some());
    for good in ["keyrelay status", "keyrelay hold RUN --for 12h --reason \"not yet\"", "keyrelay rotate R --old-key KEY_ID"]
    {
        assert_eq!(fault(good), None);
    }
    let page = "say `keyrelay\nresume` or\n\n    keyrelay plan R   looks\n\n```\n$ cargo run --release -- rotate R\n```\n";
    assert_eq!(commands(page), ["keyrelay plan R   looks", "keyrelay rotate R", "keyrelay resume"]);
    assert_eq!(words("keyrelay resume [RUN|--all]  goes on"), ["keyrelay", "resume", "RUN"]);
}
