//! What a consumer printed, made fit for a report: bounded, on one line, without control characters, without what looks like
//! a secret.

use super::known::Known;
use super::strike::Striker;
use crate::rotation::names::KeyId;

/// How much of a stream is kept, in bytes: its end.
const KEPT: usize = 64 * 1024;

/// The longest note, in characters, without our own words before it.
const LONGEST: usize = 400;

/// The end of a stream.
#[derive(Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    /// Takes more of it; forgets the beginning if it gets too long.
    pub(super) fn push(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        if self.bytes.len() > 2 * KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
            self.cut = true;
        }
    }

    /// Its lines, without control characters. A line whose beginning is lost is left out: half a secret cannot be recognised.
    fn lines(&self) -> Vec<String> {
        let text = without_controls(&String::from_utf8_lossy(&self.bytes));
        let whole = if self.cut { text.split_once('\n').map_or("", |(_, whole)| whole) } else { &text };
        whole.lines().map(str::to_owned).collect()
    }

    /// Whether it has the key ID in it, as a whole GUID, in any case.
    pub(super) fn reports(&self, key_id: KeyId) -> bool {
        let key_id = key_id.to_string();
        self.lines().iter().any(|line| has_word(&line.to_ascii_lowercase(), &key_id))
    }
}

/// Whether `word` is in `text`, and no letter, digit or hyphen beside it.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// `what` in our words, then the end of what was `said`. Struck through before it is cut, so that no half of a secret is left.
pub(super) fn note(what: &str, said: &[Tail], known: &Known) -> String {
    let said: Vec<String> = said.iter().map(|tail| one_line(tail, known)).filter(|line| !line.is_empty()).collect();
    let said = end_of(&said.join(" | "));
    let what = Striker::of(known).line(&without_controls(what).replace('\n', " "));
    match (what.is_empty(), said.is_empty()) {
        (_, true) => what,
        (true, false) => said,
        (false, false) => format!("{what}: {said}"),
    }
}

fn one_line(tail: &Tail, known: &Known) -> String {
    let mut striker = Striker::of(known);
    let lines: Vec<String> = tail.lines().iter().map(|line| striker.line(line)).collect();
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The last characters, with a mark where something is left out.
fn end_of(text: &str) -> String {
    match text.chars().count().checked_sub(LONGEST) {
        None | Some(0) => text.to_owned(),
        Some(surplus) => format!("\u{2026}{}", text.chars().skip(surplus + 1).collect::<String>()),
    }
}

/// Escape sequences of terminals, control characters, and characters that turn or hide text are left out, because a secret may
/// be coloured, or come in an encoding with a zero after each letter. Ends of lines stay.
fn without_controls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\r' => clean.push('\n'),
            '\t' => clean.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}' => {}
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    clean
}

/// A control sequence (ECMA-48, 5.4: `[`, parameters, one final byte), or a string such as a title, up to its end.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next_if(|c| matches!(c, '[' | ']')) {
        Some('[') => {
            while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
            chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        Some(_) => while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {},
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(what: &str, said: &[Tail]) -> String {
        super::note(what, said, &Known::default())
    }

    fn tail(bytes: &[u8]) -> Tail {
        let mut tail = Tail::default();
        tail.push(bytes);
        tail
    }

    #[test]
    fn a_note_is_one_line_of_our_words_and_theirs() {
        let (out, err) = (tail(b"line 1\r\n  line\t2\n"), tail(b"\x1b[31mred\x1b[0m\x07 alert\n"));
        assert_eq!(note("ended with exit code 3", &[out, err]), "ended with exit code 3: line 1 line 2 | red alert");
        assert_eq!(note("", &[tail(b" fine \n")]), "fine");
        assert_eq!(note("was killed", &[Tail::default()]), "was killed");
        assert_eq!(note("", &[]), "");
    }

    #[test]
    fn the_end_is_kept() {
        let long = "word ".repeat(200) + "the end";
        let note = note("", &[tail(long.as_bytes())]);
        assert_eq!(note.chars().count(), 400);
        assert!(note.starts_with('\u{2026}') && note.ends_with("word the end"), "{note}");
    }

    #[test]
    fn memory_is_bounded_and_a_line_without_its_beginning_is_left_out() {
        let mut tail = tail(b"first\n");
        for n in 0..100_000 {
            tail.push(format!("line {n}\n").as_bytes());
        }
        assert!(tail.bytes.len() <= 2 * KEPT);
        let lines = tail.lines();
        assert!(lines.iter().all(|line| line.starts_with("line ")), "{}", lines[0]);
        assert_eq!(lines.last().unwrap(), "line 99999");
        let mut one = Tail::default();
        (0..100).for_each(|_| one.push(&[b'x'; 4096]));
        assert_eq!(note("", &[one]), "");
    }

    #[test]
    fn a_secret_that_is_coloured_or_cut_off_is_struck_whole() {
        let secret = "abc8Q~dEf0123456789.ghiJKL_mnopqrs-tuvwx";
        let coloured = format!("found abc\x1b[01;31m8Q~\x1b[m{}", &secret[6..]);
        assert_eq!(note("", &[tail(coloured.as_bytes())]), "found [struck out]");
        let wide: Vec<u8> = secret.bytes().flat_map(|b| [b, 0]).collect();
        assert_eq!(note("", &[tail(&wide)]), "[struck out]");
        // the note is cut to its last 400 characters: that cut must not fall into the secret
        for fill in 360..440 {
            let note = note("", &[tail(format!("{secret} {}", "x ".repeat(fill / 2)).as_bytes())]);
            assert!(!note.contains("pqrs") && !note.contains("uvwx"), "{note}");
        }
    }

    #[test]
    fn only_a_whole_guid_is_a_report() {
        let key_id: KeyId = "0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50".parse().unwrap();
        for text in ["0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50", "{\"keyId\":\"0E5B7C1D-93F4-4B0E-8F65-2A1C9D3E4F50\"}\r\n"] {
            assert!(tail(text.as_bytes()).reports(key_id), "{text}");
        }
        for text in [
            "",
            "0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f5",
            "0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f500",
            "a0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50",
            "0e5b7c1d93f44b0e8f652a1c9d3e4f50",
            "0e5b7c1d-93f4-4b0e-\n8f65-2a1c9d3e4f50",
        ] {
            assert!(!tail(text.as_bytes()).reports(key_id), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_output_becomes_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let note = note("", &[tail(&bytes)]);
            prop_assert!(note.chars().count() <= LONGEST);
            prop_assert!(!note.chars().any(char::is_control));
        }
    }
}
