//! Text for people: words from outside made harmless, times and numbers as people read them.

use jiff::{SignedDuration, SignedDurationRound, Unit};

use crate::rotation::answers::SignIn;
use crate::rotation::names::VaultIx;
use crate::run::Start;

/// Text from outside on one line: line breaks become blanks; control characters, and those that only change how the text
/// around them is shown, are dropped.
pub(crate) fn clean(text: &str) -> String {
    let one_line = text.chars().filter_map(|c| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() || invisible(c) => None,
        c => Some(c),
    });
    one_line.collect::<String>().trim().to_owned()
}

/// Zero-width characters and those that turn the direction of writing around.
fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Plain text as Markdown shows it literally: in a paragraph, a list item or a table's cell, on CommonMark and GitHub.
pub(super) fn escape(text: &str) -> String {
    let text = clean(text);
    let mut escaped = String::with_capacity(text.len() + 8);
    // A block can only begin where the text does.
    let mut begins = true;
    let mut before = ' ';
    for c in text.chars() {
        let first = escaped.is_empty();
        let starts_block = first && matches!(c, '#' | '+' | '-' | '=') || begins && !first && matches!(c, '.' | ')');
        // Links that need no brackets: `https://`, `www.`, `a@b`.
        let www = |s: &str| s.get(s.len().saturating_sub(3)..).is_some_and(|w| w.eq_ignore_ascii_case("www"));
        let links = (c == '/' && before == ':') || c == '@' || (c == '.' && www(&escaped));
        if starts_block || links || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
        begins &= c.is_ascii_digit();
        before = c;
    }
    escaped
}

/// Record numbers in their order, each once, those that follow each other drawn together: the first and the last of each row.
pub(super) fn ranges(records: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for n in records.iter().copied().collect::<std::collections::BTreeSet<_>>() {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == n => *last = n,
            Some(_) | None => ranges.push((n, n)),
        }
    }
    ranges
}

/// Record numbers in brackets, runs of them as ranges: `[5-23, 25]`.
pub(super) fn cite(records: &[u64]) -> String {
    let range = |(a, b): &(u64, u64)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    format!("[{}]", ranges(records).iter().map(range).collect::<Vec<_>>().join(", "))
}

/// A duration as people write it: whole seconds from ten seconds on, such as `1h 2m 3s`.
pub(super) fn duration(d: SignedDuration) -> String {
    let unit = if d.abs() < SignedDuration::from_secs(10) { Unit::Millisecond } else { Unit::Second };
    let round = SignedDurationRound::new().smallest(unit);
    format!("{:#}", d.round(round).unwrap_or(d))
}

/// `n thing` or `n things`.
pub(super) fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// One of the run's vaults, such as `billing-secret in kv-one.vault.azure.net`.
pub(super) fn place(start: &Start, vault: VaultIx) -> String {
    let named = start.runbook.vault(vault).map(|v| format!("{} in {}", v.secret, v.url.host()));
    named.unwrap_or_else(|| format!("vault {}", u32::from(vault.0) + 1))
}

/// What a sign-in answered.
pub(super) fn sign_in(answer: &SignIn) -> String {
    clean(&answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_invisible_characters_do_not_get_through() {
        assert_eq!(clean(" a\u{1b}[31mb\r\nc\u{0}\u{202e}d\u{200b} "), "a[31mb  cd");
        assert_eq!(clean("\u{7}"), "");
    }

    #[test]
    fn markdown_is_shown_and_not_obeyed() {
        assert_eq!(
            escape("a|b `c` *d* _e_ [f](g) <h> ~i~ &amp; \\"),
            r"a\|b \`c\` \*d\* \_e\_ \[f\](g) \<h\> \~i\~ \&amp; \\"
        );
        assert_eq!(escape("- a - b"), r"\- a - b");
        assert_eq!(escape("12. a. b"), r"12\. a. b");
        assert_eq!(escape("12-1. a"), "12-1. a");
        assert_eq!(escape("# a # b"), r"\# a # b");
        assert_eq!(escape("a\n# b"), "a # b");
        assert_eq!(escape("https://x.example www.x.example a@b now."), r"https:\//x.example www\.x.example a\@b now.");
        assert_eq!(escape("2026-11-21T03:00:00Z"), "2026-11-21T03:00:00Z");
        assert_eq!(escape("5a9db0c5-b111-4000-8000-000000000003"), "5a9db0c5-b111-4000-8000-000000000003");
    }

    #[test]
    fn record_numbers_are_drawn_together() {
        assert_eq!(cite(&[25, 5, 6, 7, 7]), "[5-7, 25]");
        assert_eq!(cite(&[3, 5]), "[3, 5]");
        assert_eq!(cite(&[]), "[]");
    }

    #[test]
    fn durations_are_short() {
        let d = |ms| duration(SignedDuration::from_millis(ms));
        assert_eq!(d(3_723_400), "1h 2m 3s");
        assert_eq!(d(9_400), "9s 400ms");
        assert_eq!(d(0), "0s");
    }

    #[test]
    fn lists_read_as_people_say_them() {
        let l = |items: &[&str]| list(&items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!((l(&["a"]), l(&["a", "b"]), l(&["a", "b", "c"])), ("a".into(), "a and b".into(), "a, b and c".into()));
    }
}
