//! The documents say what is true of the program: every link resolves, every command can be typed, every reason and every exit
//! code has its page, and completions and manual pages name every command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};

mod links;
mod pages;
mod shells;
mod typed;
mod words;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All files with this extension under a folder of the repository, however deep.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every page that people read.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|f| root().join(f)).to_vec();
    ["docs", "runbooks", "examples"].into_iter().for_each(|folder| found.extend(files(folder, "md")));
    assert!(found.len() > 30, "{found:?}");
    found
}

/// A page's text without its fenced blocks, and the lines of those.
fn prose_and_code(text: &str) -> (String, Vec<&str>) {
    let (mut prose, mut code, mut fenced) = (String::new(), Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") && !line.trim_start().starts_with(['-', '*']) {
            code.push(line.trim());
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    assert!(!fenced, "a block is not closed");
    (prose, code)
}
