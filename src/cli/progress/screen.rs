//! Where progress goes: a terminal with one line that is drawn again, plain lines, or nowhere.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A place for progress. What cannot be written is lost: a rotation does not fail because nobody can watch.
pub(super) enum Screen {
    /// One line for what is done now, and lines above it for what was.
    Live(ProgressBar),
    /// Lines only.
    Plain(Box<dyn Write>),
    /// Nothing.
    None,
}

impl Screen {
    pub(super) fn live(target: ProgressDrawTarget) -> Screen {
        let bar = ProgressBar::with_draw_target(None, target);
        let style =
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Screen::Live(bar)
    }

    /// A line that stays.
    pub(super) fn line(&mut self, text: &str) {
        match self {
            Screen::Live(bar) => bar.println(text),
            Screen::Plain(out) => drop(writeln!(out, "{text}").and_then(|()| out.flush())),
            Screen::None => {}
        }
    }

    /// What is done from now on: a line of its own where nothing is drawn again.
    pub(super) fn begin(&mut self, text: &str) {
        match self {
            Screen::Live(bar) => bar.set_message(text.to_owned()),
            Screen::Plain(_) => self.line(text),
            Screen::None => {}
        }
    }

    /// What was begun is done: a line where what is done now is drawn over.
    pub(super) fn done(&mut self, text: &str) {
        match self {
            Screen::Live(_) => self.line(text),
            Screen::Plain(_) | Screen::None => {}
        }
    }

    /// What is waited for in what was begun: `drawn` where it can be drawn over, a `line` where it is worth one.
    pub(super) fn wait(&mut self, drawn: &str, line: Option<&str>) {
        match (self, line) {
            (Screen::Live(bar), _) => bar.set_message(drawn.to_owned()),
            (screen @ Screen::Plain(_), Some(line)) => screen.line(&format!("  {line}")),
            (Screen::Plain(_) | Screen::None, _) => {}
        }
    }

    /// Nothing is done any more.
    pub(super) fn end(&mut self) {
        match self {
            Screen::Live(bar) => bar.finish_and_clear(),
            Screen::Plain(_) | Screen::None => {}
        }
        *self = Screen::None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    /// A terminal that remembers all that was written to it.
    #[derive(Debug, Clone, Default)]
    struct Tape(Arc<Mutex<String>>);

    impl Tape {
        fn add(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Tape {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, s: &str) -> io::Result<()> {
            self.add(s).and_then(|()| self.add("\n"))
        }
        fn write_str(&self, s: &str) -> io::Result<()> {
            self.add(s)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.add("\r")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn on_a_terminal_the_step_is_drawn_again_and_what_is_done_stays() {
        let tape = Tape::default();
        let mut screen = Screen::live(ProgressDrawTarget::term_like(Box::new(tape.clone())));
        screen.begin("step 4");
        screen.wait("step 4: until noon", None);
        screen.done("step 4 done (5s)");
        screen.end();
        screen.line("after the end");
        let drawn = tape.0.lock().unwrap().clone();
        assert!(drawn.contains("step 4: until noon"), "{drawn:?}");
        assert!(drawn.contains("step 4 done (5s)"), "{drawn:?}");
        assert!(drawn.ends_with('\r') && !drawn.contains("after the end"), "{drawn:?}");
    }
}
