//! What kind of terminal stderr is, if it is one.
#![allow(clippy::disallowed_methods)] // the environment is read here: NO_COLOR, TERM

use std::ffi::OsString;
use std::io::IsTerminal;

/// Stderr, as far as the way things are shown depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// A person sees it now: lines may be drawn again. Not so if `TERM` is `dumb`.
    pub redraws: bool,
    /// Colours may be used: a terminal, and `NO_COLOR` (no-color.org) is unset or empty.
    pub colour: bool,
    /// Its width in columns, where it is known.
    pub width: Option<u16>,
}

impl Terminal {
    /// What stderr is now.
    pub fn of_stderr() -> Terminal {
        let stderr = std::io::stderr();
        let width = terminal_size::terminal_size_of(&stderr).map(|(width, _)| width.0);
        Terminal::from(stderr.is_terminal(), width, |name| std::env::var_os(name))
    }

    fn from(is_terminal: bool, width: Option<u16>, variable: impl Fn(&str) -> Option<OsString>) -> Terminal {
        let redraws = is_terminal && variable("TERM").is_none_or(|term| term != "dumb");
        let colour = redraws && variable("NO_COLOR").is_none_or(|no| no.is_empty());
        Terminal { redraws, colour, width: width.filter(|w| is_terminal && *w > 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(is_terminal: bool, variables: &[(&str, &str)]) -> (bool, bool) {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        let terminal = Terminal::from(is_terminal, None, variable);
        (terminal.redraws, terminal.colour)
    }

    #[test]
    fn colour_needs_a_terminal_and_no_word_against_it() {
        assert_eq!(with(true, &[("TERM", "xterm-256color")]), (true, true));
        assert_eq!(with(true, &[]), (true, true)); // as on Windows
        assert_eq!(with(true, &[("NO_COLOR", "")]), (true, true));
        assert_eq!(with(true, &[("NO_COLOR", "1")]), (true, false));
        assert_eq!(with(true, &[("TERM", "dumb")]), (false, false));
        assert_eq!(with(false, &[("TERM", "xterm-256color")]), (false, false));
    }

    #[test]
    fn only_a_terminal_has_a_width() {
        assert_eq!(Terminal::from(true, Some(80), |_| None).width, Some(80));
        assert_eq!(Terminal::from(true, Some(0), |_| None).width, None);
        assert_eq!(Terminal::from(false, Some(80), |_| None).width, None);
    }
}
