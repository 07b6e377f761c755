//! Completions and manual pages, as the program makes them.

use std::process::{Command, Output};

use clap::CommandFactory;
use keyrelay::cli::Cli;

fn keyrelay(words: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrelay"));
    command.args(words).env_clear().env("KEYRELAY_STATE_DIR", home.path()).output().unwrap()
}

/// The words of every command: `["runbook", "check"]`, without `help`.
fn all(command: &clap::Command) -> Vec<Vec<String>> {
    let subcommands = command.get_subcommands().filter(|c| c.get_name() != "help");
    let with_theirs = |c: &clap::Command| {
        let name = c.get_name().to_owned();
        let theirs = all(c).into_iter().map(|mut words| {
            words.insert(0, name.clone());
            words
        });
        std::iter::once(vec![name.clone()]).chain(theirs).collect::<Vec<_>>()
    };
    subcommands.flat_map(with_theirs).collect()
}

#[test]
fn completions_of_every_shell_name_every_command_and_flag() {
    let commands = all(&Cli::command());
    assert!(commands.contains(&vec!["runbook".to_owned(), "check".to_owned()]), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = keyrelay(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        for word in commands.iter().flatten() {
            assert!(script.contains(word), "{shell}: {word}");
        }
        for flag in ["if-expires-within", "no-wait", "old-key", "journal-dir"] {
            assert!(script.contains(flag), "{shell}: {flag}");
        }
        // the generators for PowerShell and elvish list no values
        let values = ["bash", "zsh", "fish"].contains(&shell);
        assert_eq!(script.contains("managed-identity-imds"), values, "{shell}: the kinds of --auth");
    }
    assert_eq!(keyrelay(&["completions", "cmd"]).status.code(), Some(2));
}

#[test]
fn bash_takes_its_script_and_offers_the_commands() {
    let script = String::from_utf8(keyrelay(&["completions", "bash"]).stdout).unwrap();
    let ask = "COMP_WORDS=(keyrelay roll) COMP_CWORD=1; _keyrelay keyrelay roll keyrelay; echo \"${COMPREPLY[@]}\"";
    let Ok(output) = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output() else {
        println!("skipped: no bash");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "rollback", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    let output = keyrelay(&["man", "--out", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let page = |words: &[String]| {
        let name = [&["keyrelay".to_owned()], words].concat().join("-");
        std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let commands = all(&Cli::command());
    for words in &commands {
        let text = page(words);
        assert!(text.contains(".SH SYNOPSIS") && text.contains(&words.join(" ").replace('-', "\\-")), "{words:?}");
    }
    let overview = page(&[]);
    for words in commands.iter().filter(|words| words.len() == 1) {
        assert!(overview.contains(&format!("keyrelay\\-{}(1)", words[0])), "{words:?}");
    }
    assert!(overview.contains("30 needs operator"), "the exit codes stand in it");
    let rotate = page(&["rotate".to_owned()]);
    assert!(rotate.contains("\\-\\-if\\-expires\\-within") && rotate.contains("\\-\\-ticket"));
    let printed = keyrelay(&["man"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), overview);
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), commands.len() + 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = keyrelay(&["man", "--out", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the manual pages cannot be written to") && said.contains("next: name a folder"), "{said}");
}
