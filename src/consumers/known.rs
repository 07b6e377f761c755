//! The secrets that keyrelay itself signs in with, so that they are struck out of what a consumer prints whatever they look like.
//!
//! The value that is rotated is not among them: nothing holds it while consumers are asked, and it has a form of its own
//! (see `strike`).
#![allow(clippy::disallowed_methods)] // the environment is where these secrets come from

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use secrecy::{ExposeSecret, SecretString};

use crate::inherited;

/// Shorter ones would be found in every other word.
const SHORTEST: usize = 4;

/// Secrets, each with the forms that are looked for. `Debug` shows none.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    plain: Vec<SecretString>,
    /// What is found by its letters: base64 in both alphabets, wherever in a longer text the secret begins.
    encoded: Vec<SecretString>,
    /// In lower case.
    hex: Vec<SecretString>,
}

impl Known {
    /// Those of this process's environment.
    pub(super) fn of_environment() -> Known {
        Known::of(inherited::secrets().filter_map(|name| std::env::var(name).ok()).map(SecretString::from))
    }

    /// These.
    pub(super) fn of(secrets: impl IntoIterator<Item = SecretString>) -> Known {
        let mut known = Known::default();
        for secret in secrets.into_iter().filter(|s| s.expose_secret().len() >= SHORTEST) {
            let bytes = secret.expose_secret().as_bytes();
            known.encoded.extend((0..3).flat_map(|shift| [based(&STANDARD, bytes, shift), based(&URL_SAFE, bytes, shift)]));
            known.hex.push(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>().into());
            known.plain.push(secret);
        }
        known
    }

    /// Where in `line` one of them is, plain, percent-encoded in whole or in part, in base64, or in hexadecimal digits.
    pub(super) fn find(&self, line: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let decoded = percent_decoded(line);
        for secret in &self.plain {
            let secret = secret.expose_secret().as_bytes();
            let same = |window: &&[Decoded]| window.iter().zip(secret).all(|(d, b)| d.byte == *b || d.is_plus && *b == b' ');
            let ends = |window: &[Decoded]| Some(window.first()?.at.start..window.last()?.at.end);
            found.extend(decoded.windows(secret.len()).filter(same).filter_map(ends));
        }
        let lower = line.to_ascii_lowercase();
        for (text, needles) in [(line, &self.encoded), (lower.as_str(), &self.hex)] {
            for needle in needles {
                found.extend(text.match_indices(needle.expose_secret()).map(|(at, hit)| at..at + hit.len()));
            }
        }
        found
    }
}

/// The digits of base64 that depend on `bytes` alone where they begin `shift` bytes after a whole group of three.
fn based(alphabet: &impl Engine, bytes: &[u8], shift: usize) -> SecretString {
    let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(bytes.iter().copied()).collect();
    let text = alphabet.encode(&shifted);
    let (first, last) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    SecretString::from(text.get(first..last).unwrap_or_default().to_owned())
}

/// A byte of a text whose percent-encoding is undone, and where it stood.
pub(super) struct Decoded {
    pub(super) byte: u8,
    /// It may stand for a blank, as in a form.
    is_plus: bool,
    at: Range<usize>,
}

/// The bytes of a line, those that are percent-encoded decoded.
pub(super) fn percent_decoded(line: &str) -> Vec<Decoded> {
    let (bytes, mut all, mut at) = (line.as_bytes(), Vec::with_capacity(line.len()), 0);
    while let Some(byte) = bytes.get(at).copied() {
        let digits = line.get(at + 1..at + 3).filter(|_| byte == b'%');
        let decoded =
            digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|d| u8::from_str_radix(d, 16).ok());
        let length = if decoded.is_some() { 3 } else { 1 };
        all.push(Decoded { byte: decoded.unwrap_or(byte), is_plus: byte == b'+', at: at..at + length });
        at += length;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(secret: &str, line: &str) -> Vec<String> {
        let known = Known::of([SecretString::from(secret.to_owned())]);
        let mut found = known.find(line);
        found.sort_by_key(|r| r.start);
        found.dedup(); // the alphabets of base64 differ in two digits only
        found.into_iter().map(|r| line[r].to_owned()).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_dress() {
        let secret = "pass word+1";
        for (line, expected) in [
            ("x pass word+1 y", "pass word+1"),
            ("x=pass%20word%2B1&y", "pass%20word%2B1"),
            ("x=pass+word%2b1&y", "pass+word%2b1"),
            ("x=%70%61ss%20word+1", "%70%61ss%20word+1"),
            // printf 'pass word+1' | xxd -p
            ("0x7061737320776F72642B31!", "7061737320776F72642B31"),
            // printf 'pass word+1' | base64, without the digits that what follows has a part in
            ("Basic cGFzcyB3b3JkKzE=", "cGFzcyB3b3JkKz"),
            // printf 'u:pass word+1' | base64
            ("Basic dTpwYXNzIHdvcmQrMQ==", "wYXNzIHdvcmQrM"),
            // printf 'me:pass word+1\n' | base64
            ("Basic bWU6cGFzcyB3b3JkKzEK", "cGFzcyB3b3JkKz"),
        ] {
            assert_eq!(found(secret, line), [expected], "{line}");
        }
        assert!(found(secret, "pass words and 100% of nothing %2").is_empty());
        assert!(found("abc", "abc").is_empty(), "too short to be told from a word");
    }

    #[test]
    fn debug_shows_none() {
        let known = Known::of([SecretString::from("hunter2".to_owned())]);
        let shown = format!("{known:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("68756e74657232") && !shown.contains("aHVudGVyM"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(secret in "\\PC{0,12}", line in "[%0-9a-f\\PC]{0,80}") {
            found(&secret, &line);
        }

        #[test]
        fn base64_is_found_wherever_it_begins(before in "[ -~]{0,5}", secret in "[ -~]{4,40}", after in "[ -~]{0,5}") {
            let text = format!("{before}{secret}{after}");
            prop_assert!(!found(&secret, &STANDARD.encode(&text)).is_empty());
            prop_assert!(!found(&secret, &URL_SAFE.encode(&text)).is_empty());
        }
    }
}
