//! What looks like a secret in what a consumer printed is struck out.
//!
//! These are guesses, stricter than those of the runbook: a note that lost a harmless word is a small harm. What they cannot see
//! is a secret that looks like a word and has no label. GUIDs and vault versions (32 hexadecimal digits) are names and stay.

use std::ops::Range;

use super::encoded::{holds_a_secret_of_entra, is_of_entra};
use super::known::{Known, percent_decoded};
use crate::runbook::leaked::{LONG, changes, is_guid, names_a_secret, parameter_holds_a_secret, without_guids};

/// What stands in place of a secret.
const STRUCK: &str = "[struck out]";

/// The width from which on a line of one word may go on in the next: tools wrap base64 at 64 or 76.
const WRAPPED: usize = 60;

/// Strikes line by line.
pub(super) struct Striker<'a> {
    known: &'a Known,
    /// The line before was one word, this long, and was struck out: a key or a token that is printed over several lines.
    wrapped: Option<usize>,
}

impl<'a> Striker<'a> {
    /// Strikes what looks like a secret, and what is known to be one.
    pub(super) fn of(known: &'a Known) -> Striker<'a> {
        Striker { known, wrapped: None }
    }

    /// The line, with what looks like a secret struck out.
    pub(super) fn line(&mut self, line: &str) -> String {
        let word = line.trim();
        let one_word = !word.is_empty() && !word.contains(char::is_whitespace);
        let goes_on = one_word && self.wrapped.is_some_and(|width| word.len() <= width);
        let struck = if goes_on { STRUCK.to_owned() } else { render(line, self.find(line)) };
        let wraps = one_word && word.len() >= WRAPPED && struck.trim() == STRUCK;
        self.wrapped = wraps.then_some(word.len());
        struck
    }

    /// All that is or looks like a secret, in no order.
    fn find(&self, line: &str) -> Vec<Range<usize>> {
        let mut found = self.known.find(line);
        found.extend(words(line).filter(|word| line.get(word.clone()).is_some_and(is_secret)));
        for (at, _) in line.match_indices([':', '=']) {
            found.extend(labelled(line, at));
        }
        for (at, _) in line.match_indices("://") {
            found.extend(user_of_url(line, at + 3));
        }
        found.extend(after_flags(line));
        found
    }
}

fn render(line: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|r| (r.start, r.end));
    let (mut out, mut done) = (String::new(), 0);
    for range in found.into_iter().filter(|r| !r.is_empty()) {
        if range.start >= done {
            out.push_str(line.get(done..range.start).unwrap_or_default());
            out.push_str(STRUCK);
        }
        done = done.max(range.end);
    }
    out.push_str(line.get(done..).unwrap_or_default());
    out
}

/// The words of base64 in both alphabets, of percent-encoding and of Entra's secrets.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || "+/=_~.-%".contains(c);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + line.get(from..)?.find(part)?;
        let rest = line.get(start..)?;
        let end = start + rest.find(|c| !part(c)).unwrap_or(rest.len());
        from = end;
        Some(start..end)
    })
}

/// A secret of Entra (whole or not, encoded or not), a JSON Web Token, or what a generator made; percent-encoded or not.
fn is_secret(word: &str) -> bool {
    if word.contains('%') {
        let decoded: Vec<u8> = percent_decoded(word).iter().map(|d| d.byte).collect();
        return looks_secret(&String::from_utf8_lossy(&decoded)) || looks_secret(word);
    }
    looks_secret(word)
}

fn looks_secret(word: &str) -> bool {
    let entra = is_of_entra(word.as_bytes()) || holds_a_secret_of_entra(word);
    let token = word.match_indices("eyJ").any(|(at, _)| word.len() - at >= 20);
    entra || token || without_guids(word).flat_map(without_versions).any(is_generated)
}

/// Whether letters, digits and case change at least once in four characters anywhere along 32 of them.
fn is_generated(word: &str) -> bool {
    word.as_bytes().windows(LONG).any(|window| changes(window) * 4 >= LONG)
}

/// The parts of a word between the vault versions in it.
fn without_versions(word: &str) -> Vec<&str> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    for run in word.split(|c: char| !c.is_ascii_alphanumeric()) {
        if run.len() == 32 && run.bytes().all(|b| b.is_ascii_hexdigit()) {
            parts.extend(word.get(start..at));
            start = at + run.len();
        }
        at += run.len() + 1;
    }
    parts.extend(word.get(start..));
    parts
}

/// What follows the `:` or `=` at `at`, if a name of a secret is before it: `secret=`, `"password": "`, `Authorization:`.
fn labelled(line: &str, at: usize) -> Option<Range<usize>> {
    let before = line.get(..at)?.trim_end().trim_end_matches(['"', '\'', '\\', '`']);
    let name_start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).map_or(0, |i| {
        let width = before.get(i..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8);
        i + width
    });
    let name = before.get(name_start..)?.trim_start_matches('-');
    let parameter = before.get(..name_start)?.ends_with(['?', '&']);
    let header = ["authorization", "proxy-authorization", "cookie", "set-cookie"].contains(&name.to_lowercase().as_str());
    if !(header || names_a_secret(name) || parameter && parameter_holds_a_secret(name)) {
        return None;
    }
    let rest = line.get(at + 1..)?;
    let value = rest.trim_start_matches(['=', '>', ' ']);
    let start = line.len() - value.len();
    if header { Some(start..line.len()) } else { value_at(line, start) }
}

/// The value that begins at `start`: in quotes up to the quote, else up to a blank or quote. A GUID is none.
fn value_at(line: &str, start: usize) -> Option<Range<usize>> {
    let escaped = line.get(start..)?.trim_start_matches('\\');
    let quote = escaped.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let value = quote.map_or(escaped, |q| escaped.strip_prefix(q).unwrap_or(escaped));
    let start = line.len() - value.len();
    let ends = |c: char| match quote {
        Some(q) => c == q,
        None => c.is_whitespace() || matches!(c, '"' | '\'' | '`'),
    };
    let end = value.find(ends).unwrap_or(value.len());
    let text = value.get(..end)?.trim_end_matches(|c: char| c.is_ascii_punctuation());
    (!is_guid(text)).then_some(start..start + end)
}

/// `user:password` of a URL.
fn user_of_url(line: &str, start: usize) -> Option<Range<usize>> {
    let authority = line.get(start..)?;
    let authority = authority.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#')).next()?;
    authority.rfind('@').map(|at| start..start + at)
}

/// The word after a flag that names a secret: `--password hunter2`.
fn after_flags(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut at, mut flagged) = (0, false);
    for token in line.split(' ') {
        if flagged && !token.is_empty() {
            found.extend(value_at(line, at));
        }
        flagged = token.starts_with('-') && names_a_secret(token) || flagged && token.is_empty();
        at += token.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strike(line: &str) -> String {
        Striker::of(&Known::default()).line(line)
    }

    /// Not a secret of anything: the form of Entra's, 40 characters.
    const SECRET: &str = "abc8Q~dEf0123456789.ghiJKL_mnopqrs-tuvwx";

    #[test]
    fn secrets_of_entra_are_struck_in_every_dress() {
        assert_eq!(strike(&format!("login with {SECRET} failed")), "login with [struck out] failed");
        assert_eq!(strike(&format!("client_id=a&client_secret={}", SECRET.replace('~', "%7E"))), "client_id=a&[struck out]");
        assert_eq!(strike("it begins with xyZ7Q~ab"), "it begins with [struck out]");
        // printf abc8Q~... | base64, and | xxd -p
        let base64 = "YWJjOFF+ZEVmMDEyMzQ1Njc4OS5naGlKS0xfbW5vcHFycy10dXZ3eA==";
        assert_eq!(strike(&format!("s: {base64}")), "s: [struck out]");
        let hex = "61626338517e644566303132333435363738392e6768694a4b4c5f6d6e6f707172732d7475767778";
        assert_eq!(strike(&format!("({hex})")), "([struck out])");
    }

    #[test]
    fn tokens_and_generated_words_are_struck() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln";
        assert_eq!(strike(&format!("got {token}!")), "got [struck out]!");
        assert_eq!(strike("key material q3vUe1TzK8mRj0fXb2Lh7c+9aPd/5sNw4GyQoZtE6kA= end"), "key material [struck out] end");
        // one long path, in which the generated part is a small part
        let path =
            "https://functions.contoso.example/api/production/west-europe/refresh/billing/mX7pQ2vR9kLw4TzB8nJc5HyF1dGs6KaE";
        assert_eq!(strike(&format!("GET {path}")), "GET https:[struck out]");
        assert_eq!(strike("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"), "[struck out]");
    }

    #[test]
    fn labelled_values_are_struck() {
        for (line, struck) in [
            ("secret=hunter2 ok", "secret=[struck out] ok"),
            ("password = hunter2", "password = [struck out]"),
            ("PASSWORD: 'two words' x", "PASSWORD: '[struck out]' x"),
            ("{\"clientSecret\":\"a b\",\"user\":\"bob\"}", "{\"clientSecret\":\"[struck out]\",\"user\":\"bob\"}"),
            ("{\\\"password\\\":\\\"pw\\\"}", "{\\\"password\\\":\\\"[struck out]\"}"),
            ("Authorization: Basic dXNlcjpwdw== x", "Authorization: [struck out]"),
            ("curl -H 'authorization: Bearer abc' https://x", "curl -H 'authorization: [struck out]"),
            ("login --password hunter2 --user bob", "login --password [struck out] --user bob"),
            ("login --client-secret=hunter2", "login --client-secret=[struck out]"),
            ("GET https://x.example/a?code=pw", "GET https://x.example/a?code=[struck out]"),
            ("https://bob:pw@x.example/", "https://[struck out]@x.example/"),
            ("geheim\u{e4}secret=\u{e4}\u{f6} x", "geheim\u{e4}secret=[struck out] x"),
        ] {
            assert_eq!(strike(line), struck, "{line}");
        }
    }

    #[test]
    fn what_is_printed_over_several_lines_is_struck_to_the_last() {
        let known = Known::default();
        let mut striker = Striker::of(&known);
        let lines = [
            "-----BEGIN PRIVATE KEY-----",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
            "q3vUe1Tz",
            "-----END PRIVATE KEY-----",
            "done",
        ];
        let struck: Vec<String> = lines.iter().map(|l| striker.line(l)).collect();
        assert_eq!(struck, [lines[0], STRUCK, STRUCK, lines[3], "done"]);
    }

    #[test]
    fn what_an_operator_wants_to_read_stays() {
        for line in [
            "deployment.apps/billing-api-production-west-europe restarted",
            "billing-api uses key ID 0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50",
            "new key: 0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50.",
            "{\"keyId\":\"0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50\",\"healthy\":true}",
            "read https://kv-one.vault.azure.net/secrets/billing/9f86d081884c7d659a2feaa0c55ad015 at 12:30:05",
            "exit code: 1, error: AADSTS7000215",
            "secret_name=billing key_id=1 token_url=https://x",
            "/opt/contoso/hooks/refresh-billing-api-production-west-europe-01.sh: line 3: kubectl: command not found",
        ] {
            assert_eq!(strike(line), line);
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,200}") {
            strike(&line);
        }

        #[test]
        fn a_secret_of_entra_never_comes_through_encoded(
            before in "[ -~]{0,5}",
            secret in "[A-Za-z0-9]{3}[78]Q~[A-Za-z0-9_~.-]{34}",
            after in "[ -~]{0,5}",
        ) {
            use base64::Engine;
            use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
            let text = format!("{before}{secret}{after}");
            let hex = |b: u8| format!("{b:02x}");
            let percent = |b: u8| format!("%{b:02X}");
            for encoded in [
                STANDARD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                secret.bytes().map(hex).collect(),
                secret.bytes().map(percent).collect(),
                secret.replace('~', "%7e"),
            ] {
                let struck = strike(&format!("got: {encoded}"));
                prop_assert!(!encoded.as_bytes().windows(11).any(|w| struck.contains(std::str::from_utf8(w).unwrap())), "{struck}");
            }
        }

        #[test]
        fn a_secret_of_entra_never_comes_through(
            before in "[ -~]{0,40}",
            secret in "[A-Za-z0-9]{3}[78]Q~[A-Za-z0-9_~.-]{34}",
            after in "[ -~]{0,40}",
        ) {
            let struck = strike(&format!("{before}{secret}{after}"));
            let mut eights = secret.as_bytes().windows(8).map(|w| std::str::from_utf8(w).unwrap());
            let context = format!("{before} {after}");
            prop_assert!(!eights.any(|e| !context.contains(e) && struck.contains(e)), "{struck}");
        }
    }
}
