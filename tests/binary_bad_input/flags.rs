//! Each flag of each command, given wrong: a usage error that names the flag, before anything is begun.

use clap::{CommandFactory, Parser};
use keyrelay::cli::Cli;

use crate::binary::{Book, Home, exit};

/// A value that is wrong for a flag, and the command around it. `{}` is where the flag and the value go.
const WRONG: [(&str, &str, &[&str]); 15] = [
    ("rotate RUNBOOK {}", "--if-expires-within", &["", "soon", "-1h", "5", "1e9999d", "99999999999999999999d", "\u{0661}h"]),
    ("rotate RUNBOOK {}", "--old-key", &["", "not-a-guid", "7a5a1ce6-681b-4b2d-9417-570c5c11bf5", "{}"]),
    ("plan RUNBOOK {}", "--old-key", &["", "x", "https://contoso.example"]),
    ("adopt RUNBOOK {}", "--old-key", &["", "x"]),
    ("hold RUN {}", "--for", &["", "forever", "-1h", "1", "99999999999999999999d"]),
    ("evidence RUN {}", "--format", &["", "pdf", "MD "]),
    ("status {}", "--log-format", &["", "xml"]),
    ("sandbox serve {}", "--port", &["", "-1", "65536", "http", "1.5"]),
    ("sandbox serve {}", "--profile", &["", "slow"]),
    ("sandbox serve {}", "--seed", &["", "-1", "1.5", "18446744073709551616"]),
    ("sandbox serve {}", "--idle", &["", "soon", "-1s", "1"]),
    ("sandbox serve {}", "--latency", &["", "soon", "-1s"]),
    ("status {}", "--journal-dir", &[""]),
    ("status {}", "--state-dir", &[""]),
    ("sandbox serve {}", "--state-folder", &[""]),
];

#[test]
fn a_flag_with_a_wrong_value_is_a_usage_error_that_names_it() {
    let home = Home::empty();
    let book = home.runbook(&Book::one());
    for (around, flag, values) in WRONG {
        for value in values {
            let given = format!("{flag}={value}");
            let args: Vec<&str> = around
                .split(' ')
                .map(|word| match word {
                    "RUNBOOK" => book.as_str(),
                    "RUN" => "20010101t000000z-aaaa",
                    "{}" => given.as_str(),
                    word => word,
                })
                .collect();
            let ran = home.run(&args).exits(exit::USAGE);
            assert!(ran.stderr.contains(flag), "{args:?}: {ran:#?}");
        }
    }
    assert!(!home.state().join("sandbox").exists() && !home.journals().path().exists(), "nothing was begun");
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_text_are_a_usage_error_or_name_no_file() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::empty();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for args in [&["rotate"][..], &["status"], &["resume"], &["runbook", "check"], &["hold"], &["rotate", "x", "--reason"]] {
        let mut command = home.command(args);
        command.arg(odd);
        home.spawn(command).ended().exits(exit::USAGE);
    }
}

#[test]
fn an_environment_that_says_nonsense_is_a_usage_error() {
    let home = Home::empty();
    for (name, value) in [("RUST_LOG", "keyrelay=loud"), ("RUST_LOG", "[{"), ("KEYRELAY_STATE_DIR", "")] {
        let mut command = home.command(&["status"]);
        command.env(name, value);
        let ran = home.spawn(command).ended().exits(exit::USAGE);
        assert!(ran.stderr.contains(name) || ran.stderr.contains("--state-dir"), "{name}={value}: {ran:#?}");
    }
}

#[test]
fn the_definitions_agree_with_each_other() {
    Cli::command().debug_assert();
}

/// The commands that do something, each with its name behind those of its parents.
fn leaves(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
    let below = |sub: &clap::Command| leaves(sub, &[path, &[sub.get_name().to_owned()]].concat());
    let found: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").flat_map(below).collect();
    if found.is_empty() { vec![(path.to_vec(), command.clone())] } else { found }
}

/// From the definitions themselves, so that a new flag is covered the day it is added.
#[test]
fn each_flag_is_refused_without_its_value_or_with_one_that_it_does_not_take() {
    let mut checked = 0;
    for (path, command) in leaves(&Cli::command(), &["keyrelay".to_owned()]) {
        for flag in command.get_arguments() {
            let Some(long) = flag.get_long() else { continue };
            let wrong = if flag.get_action().takes_values() { format!("--{long}") } else { format!("--{long}=yes") };
            let refused = Cli::try_parse_from(path.iter().chain([&wrong]));
            let named = |e: clap::Error| e.exit_code() == exit::USAGE && e.to_string().contains(long);
            assert!(refused.is_err_and(named), "{path:?} {wrong}");
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} flags were found");
}
