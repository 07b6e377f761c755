//! What looks like a secret in a file that must hold none.
//!
//! A runbook is committed, mailed and printed. These are guesses that would rather refuse a lawful word than pass a secret;
//! whoever reports a find shows the place and never the word.

use std::ops::Range;

/// The shortest word that is judged by its looks.
pub(crate) const LONG: usize = 32;

/// The length of a hyphenated GUID.
const GUID: usize = 36;

/// Where in `text` a client secret of Entra begins, if one is there: `8Q~`, `7Q~` or the like, and at least thirty more
/// characters of its alphabet. Entra's secrets have 40 characters with that mark after the first three.
pub(crate) fn entra_secret(text: &str) -> Option<usize> {
    let alphabet = |b: &u8| b.is_ascii_alphanumeric() || b"_~.-".contains(b);
    let marks = text.match_indices("Q~").filter(|(at, _)| {
        let before = text.as_bytes().get(..*at).and_then(|b| b.last());
        let after = text.as_bytes().get(at + 2..).unwrap_or_default();
        before.is_some_and(u8::is_ascii_digit) && after.iter().take_while(|b| alphabet(b)).count() >= 30
    });
    marks.map(|(at, _)| at.saturating_sub(4)).next()
}

/// Whether `text` has a word that a generator made: at least 32 characters of the base64 alphabets in which letters, digits and
/// case change at least once in four characters. Words and paths of people do so far more rarely, and the names that machines
/// give to hosts are shorter: a dot ends a word. GUIDs are names, not secrets, and are cut out; so are the digest of an image
/// (`sha256:` and 64 digits) and the version in a reference to a vault's secret (`plan` has its own words for that one).
pub(super) fn random_word(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "+/=_~-".contains(c);
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(part)) {
        let (before, rest) = text.split_at(from + found);
        let word = rest.find(|c| !part(c)).map_or(rest, |end| rest.split_at(end).0);
        let digest = before.ends_with("sha256:") && word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if !digest && without_guids(without_version(word)).any(is_random) {
            return true;
        }
        from += found + word.len();
    }
    false
}

/// `word` without a vault's version at its end: 32 hexadecimal digits behind `secrets/NAME/`.
fn without_version(word: &str) -> &str {
    let Some((path, version)) = word.rsplit_once('/') else { return word };
    let is_version = version.len() == 32 && version.bytes().all(|b| b.is_ascii_hexdigit());
    if is_version && path.rsplit('/').nth(1) == Some("secrets") { path } else { word }
}

fn is_random(word: &str) -> bool {
    word.len() >= LONG && changes(word.as_bytes()) * 4 >= word.len()
}

/// How often letters, digits and case change in a word.
pub(crate) fn changes(word: &[u8]) -> usize {
    let pairs = word.iter().zip(word.iter().skip(1));
    let changes = pairs.filter(|(a, b)| {
        let letter_and_digit =
            a.is_ascii_alphabetic() && b.is_ascii_digit() || a.is_ascii_digit() && b.is_ascii_alphabetic();
        letter_and_digit || a.is_ascii_lowercase() && b.is_ascii_uppercase()
    });
    changes.count()
}

/// The parts of an ASCII word between the GUIDs in it.
pub(crate) fn without_guids(word: &str) -> impl Iterator<Item = &str> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at + GUID <= word.len() {
        if word.get(at..at + GUID).is_some_and(is_guid) {
            ranges.push(start..at);
            at += GUID;
            start = at;
        } else {
            at += 1;
        }
    }
    ranges.push(start..word.len());
    ranges.into_iter().filter_map(|r| word.get(r))
}

pub(crate) fn is_guid(s: &str) -> bool {
    let hex = |(i, b): (usize, u8)| if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() };
    s.len() == GUID && s.bytes().enumerate().all(hex)
}

/// Whether a parameter of a URL would hold a secret. Azure Functions take their key as `code`, shared access signatures are `sig`.
pub(crate) fn parameter_holds_a_secret(name: &str) -> bool {
    names_a_secret(name) || ["code", "sig", "signature"].contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a field or tag of this name would hold a secret: `client_secret`, `secretText`, `password`, `api-key`,
/// `token`. A name, ID or place of one (`secret_name`, `key_id`, `token_url`) is none.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    let ends_in = |list: &[&str]| words.last().is_some_and(|w| list.contains(&w.as_str()));
    let has = |word: &str| words.iter().any(|w| w == word);
    let holds = [
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "pwd",
        "passphrase",
        "pass",
        "token",
        "credential",
        "credentials",
        "key",
        "keys",
        "apikey",
        "sas",
        "pat",
    ];
    let about = ["value", "text", "string", "plain", "plaintext", "base64", "data"];
    ends_in(&holds)
        || ends_in(&about) && (has("secret") || has("key") || has("connection") || has("password") || has("token"))
}

/// The words of a name in lower case: split at what is no letter or digit and where case rises.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (lower_before && c.is_uppercase()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entra_secret_is_seen_wherever_it_stands() {
        let secret = "abc8Q~dEf0123456789.ghiJKL_mnopqrs-tuvwx";
        assert_eq!(secret.len(), 40);
        assert_eq!(entra_secret(secret), Some(0));
        assert_eq!(entra_secret(&format!("--client-secret={secret}")), Some(16));
        assert_eq!(entra_secret(&format!("ä {}", secret.replace("8Q~", "7Q~"))), Some(3));
        assert_eq!(entra_secret("the mark 8Q~ alone, or 8Q~short, is none"), None);
        assert_eq!(entra_secret("Q~"), None);
    }

    #[test]
    fn the_version_in_a_reference_to_a_vault_is_a_name() {
        let version = "4d9a06b9fd85adbb455e4036a0b75c52";
        assert!(!random_word(&format!("https://kv.vault.azure.net/secrets/billing/{version}")));
        assert!(random_word(version), "without the reference it may be anything");
        assert!(random_word(&format!("https://kv.vault.azure.net/secrets/{version}")));
        assert!(random_word(&format!("https://kv.vault.azure.net/secrets/billing/{version}4d")));
    }

    #[test]
    fn words_of_generators_are_seen() {
        // From /dev/urandom: base64 and base64url of 32 bytes, 16 bytes in hexadecimal, 32 letters and digits.
        for word in [
            "q3vUe1TzK8mRj0fXb2Lh7c+9aPd/5sNw4GyQoZtE6kA=",
            "Zk4-8fQ2_vTn1LxR7mWc0JpB9sYhD3gKuE6aXoVtI5M",
            "9f86d081884c7d659a2feaa0c55ad015",
            "mX7pQ2vR9kLw4TzB8nJc5HyF1dGs6KaE",
        ] {
            assert!(random_word(word), "{word}");
            assert!(random_word(&format!("curl -H Authorization:{word} x")), "{word}");
        }
    }

    #[test]
    fn words_of_people_are_not() {
        for text in [
            "Payments on-call, +49 89 1234567, payments-oncall@contoso.example",
            "/opt/contoso/hooks/refresh-billing-api-production-west-europe-01.sh",
            "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-Billing-Prod-01/providers/Microsoft.Web/sites/b1",
            "https://kv-billing-prod-weu-001.vault.azure.net",
            "https://kvx7k2m9p4q8r3t6.vault.azure.net",
            "https://app-x7k2m9p4q8r3t6w1.azurewebsites.net/health",
            "deployment/BillingApiProductionRotateSecretHook2024",
            "registry.example/tool@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "11111111-2222-3333-4444-55555555555511111111-aaaa-bbbb-cccc-1d2e3f4a5b6c",
            "",
        ] {
            assert!(!random_word(text), "{text}");
        }
    }

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "secret_value",
            "client_secret",
            "clientSecret",
            "password",
            "token",
            "key",
            "api-key",
            "API_KEY",
            "secretText",
            "connection_string",
            "access.token",
            "secrets",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["secret_name", "key_id", "keyId", "token_url", "owner", "keyvault", "cost-center", "", "___"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
