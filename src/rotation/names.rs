//! The names of things: key ID, version, run, target, tag. Each is parsed once and then carried as a type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A name that does not have its form; says what was expected, never what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotAName(pub &'static str);

/// The key ID of a password credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub Uuid);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<Self, NotAName> {
        Uuid::try_parse(s).map(KeyId).map_err(|_| NotAName("a key ID (a GUID)"))
    }
}

/// The version of a vault secret: 32 hexadecimal digits, as Key Vault makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionId(pub u128);

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for VersionId {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<Self, NotAName> {
        let hex = s.len() == 32 && s.bytes().all(|b| b.is_ascii_hexdigit());
        let parsed = hex.then(|| u128::from_str_radix(s, 16).ok()).flatten();
        parsed.map(VersionId).ok_or(NotAName("a vault version (32 hexadecimal digits)"))
    }
}

impl TryFrom<String> for VersionId {
    type Error = NotAName;
    fn try_from(s: String) -> Result<Self, NotAName> {
        s.parse()
    }
}

impl From<VersionId> for String {
    fn from(v: VersionId) -> String {
        v.to_string()
    }
}

/// A run: sortable by its start and readable, such as `20261121t230659z-k7f2`. Lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The run that starts at `at`, told apart from others of the same second by four letters or digits.
    pub fn new(at: jiff::Timestamp, random: u32) -> RunId {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let letter = |i: u32| LETTERS.get((random >> (5 * i)) as usize % 32).copied().map_or('a', char::from);
        let suffix: String = (0..4).map(letter).collect();
        RunId(format!("{}-{suffix}", at.strftime("%Y%m%dt%H%M%Sz")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<Self, NotAName> {
        let lawful = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ok = (1..=32).contains(&s.len()) && s.bytes().all(lawful);
        ok.then(|| RunId(s.to_owned())).ok_or(NotAName("a run id"))
    }
}

impl TryFrom<String> for RunId {
    type Error = NotAName;
    fn try_from(s: String) -> Result<Self, NotAName> {
        s.parse()
    }
}

impl From<RunId> for String {
    fn from(r: RunId) -> String {
        r.0
    }
}

/// The fingerprint of the set of (vault, secret) that a runbook writes: 12 hexadecimal digits of a SHA-256 over the sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetId(u64);

impl TargetId {
    /// The fingerprint of `destinations`, each a vault's host name and a secret's name. Key Vault compares both without case.
    pub fn of<'a>(destinations: impl IntoIterator<Item = (&'a str, &'a str)>) -> TargetId {
        use sha2::{Digest, Sha256};
        let lower = |(v, s): (&str, &str)| format!("{}/{}\n", v.to_ascii_lowercase(), s.to_ascii_lowercase());
        let sorted: std::collections::BTreeSet<String> = destinations.into_iter().map(lower).collect();
        let digest = Sha256::digest(sorted.into_iter().collect::<String>().as_bytes());
        TargetId(digest.iter().take(6).fold(0, |n, b| (n << 8) + u64::from(*b)))
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl FromStr for TargetId {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<Self, NotAName> {
        let hex = s.len() == 12 && s.bytes().all(|b| b.is_ascii_hexdigit());
        let parsed = hex.then(|| u64::from_str_radix(s, 16).ok()).flatten();
        parsed.map(TargetId).ok_or(NotAName("a target (12 hexadecimal digits)"))
    }
}

impl TryFrom<String> for TargetId {
    type Error = NotAName;
    fn try_from(s: String) -> Result<Self, NotAName> {
        s.parse()
    }
}

impl From<TargetId> for String {
    fn from(t: TargetId) -> String {
        t.to_string()
    }
}

/// What a run writes on everything that it makes: `keyrelay:<target>:<run>:<attempt>`.
///
/// It begins the `displayName` of a credential and stands among the tags of a vault version. Attempt 0 is the baseline, put
/// back by a rollback.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag {
    /// What the run writes.
    pub target: TargetId,
    /// The run.
    pub run: RunId,
    /// The attempt within the run, from 1; 0 for a restored baseline.
    pub attempt: u32,
}

/// The name of the vault tag that holds the [`Tag`].
pub const VAULT_TAG: &str = "keyrelay";

/// The name of the vault tag that holds the key ID.
pub const VAULT_TAG_KEY_ID: &str = "keyrelay-key-id";

/// The longest `displayName` that is sent, in characters.
pub const DISPLAY_NAME_LIMIT: usize = 90;

impl Tag {
    /// The `displayName` of the credential: the tag, a blank and as much of `label` as fits.
    pub fn display_name(&self, label: &str) -> String {
        let text = format!("{self} {}", label.trim());
        text.trim_end().chars().take(DISPLAY_NAME_LIMIT).collect()
    }

    /// The tag that begins a `displayName`, if one does.
    pub fn leading(display_name: &str) -> Option<Tag> {
        display_name.split(' ').next().and_then(|word| word.parse().ok())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyrelay:{}:{}:{}", self.target, self.run, self.attempt)
    }
}

impl FromStr for Tag {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<Self, NotAName> {
        const FORM: NotAName = NotAName("a tag (keyrelay:<target>:<run>:<attempt>)");
        let mut parts = s.split(':');
        let mut part = || parts.next().ok_or(FORM);
        if part()? != "keyrelay" {
            return Err(FORM);
        }
        let tag = Tag { target: part()?.parse()?, run: part()?.parse()?, attempt: part()?.parse().map_err(|_| FORM)? };
        if parts.next().is_some() || tag.to_string() != s { Err(FORM) } else { Ok(tag) }
    }
}

impl TryFrom<String> for Tag {
    type Error = NotAName;
    fn try_from(s: String) -> Result<Self, NotAName> {
        s.parse()
    }
}

impl From<Tag> for String {
    fn from(t: Tag) -> String {
        t.to_string()
    }
}

/// One of the run's vaults, by its place in the runbook, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VaultIx(pub u8);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_begins_the_display_name_and_is_found_again() {
        let run = RunId::new("2026-11-21T23:06:59Z".parse().unwrap(), 7);
        let target = TargetId::of([("kv-one.vault.azure.net", "billing-api-secret")]);
        let tag = Tag { target, run, attempt: 2 };
        let name = tag.display_name(&"nightly ".repeat(20));
        assert_eq!(name.chars().count(), DISPLAY_NAME_LIMIT);
        assert!(name.starts_with(&format!("{tag} nightly")));
        assert_eq!(Tag::leading(&name), Some(tag.clone()));
        assert_eq!(Tag::leading(&tag.display_name("")), Some(tag));
        assert_eq!(Tag::leading("keyrelay is a nice tool"), None);
    }

    #[test]
    fn the_target_does_not_depend_on_order_or_case() {
        let (a, b) = (("kv-one.vault.azure.net", "s"), ("kv-two.vault.azure.net", "S"));
        assert_eq!(TargetId::of([a, b]), TargetId::of([b, a]));
        assert_eq!(TargetId::of([a]), TargetId::of([("KV-ONE.vault.azure.net", "S")]));
        assert_ne!(TargetId::of([a]), TargetId::of([b]));
        // printf 'kv-one.vault.azure.net/s\n' | sha256sum | cut -c1-12
        assert_eq!(TargetId::of([a]).to_string(), "8106c89c4d4b");
    }

    /// A number may begin with a plus sign for the standard library, and an id may not.
    #[test]
    fn what_does_not_have_its_form_is_refused() {
        let all_but = |digits: &str| {
            let rest = &digits[1..];
            ["", "ab", rest]
                .map(str::to_owned)
                .into_iter()
                .chain(["+", "-", "g", "00"].map(|first| format!("{first}{rest}")))
        };
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!(version.parse(), Ok(VersionId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)));
        all_but(version).for_each(|not| assert!(not.parse::<VersionId>().is_err(), "{not}"));
        let target = "0123456789ab";
        assert_eq!(target.parse(), Ok(TargetId(0x0123_4567_89ab)));
        all_but(target).for_each(|not| assert!(not.parse::<TargetId>().is_err(), "{not}"));
        for run in ["a", "7-x", &"z".repeat(32)] {
            assert_eq!(run.parse::<RunId>().unwrap().as_str(), run);
        }
        for not in ["", &"z".repeat(33), "A", "a_b", "a b", "\u{e9}"] {
            assert!(not.parse::<RunId>().is_err(), "{not}");
        }
        let tag = Tag { target: TargetId(0x0123_4567_89ab), run: RunId("a".into()), attempt: 1 };
        assert_eq!("keyrelay:0123456789ab:a:1".parse(), Ok(tag));
        for end in ["0123456789AB:a:1", "0123456789ab:a:01", "0123456789ab:a:+1", "0123456789ab:a:1:", "0123456789ab:a"] {
            assert!(format!("keyrelay:{end}").parse::<Tag>().is_err(), "{end}");
        }
    }

    #[test]
    fn a_name_is_written_as_it_is_read() {
        fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug>(name: &T, text: &str) {
            assert_eq!(serde_json::to_value(name).unwrap(), serde_json::json!(text));
            assert_eq!(serde_json::from_value::<T>(serde_json::json!(text)).unwrap(), *name);
        }
        same(&VersionId(1), "00000000000000000000000000000001");
        same(&TargetId(1), "000000000001");
        same(&RunId("a-b".into()), "a-b");
        same(&Tag { target: TargetId(1), run: RunId("a-b".into()), attempt: 2 }, "keyrelay:000000000001:a-b:2");
    }

    proptest! {
        #[test]
        fn parsers_never_panic_and_round_trip(s in "\\PC*") {
            if let Ok(t) = s.parse::<Tag>() { prop_assert_eq!(t.to_string(), s.clone()); }
            if let Ok(t) = s.parse::<RunId>() { prop_assert_eq!(t.to_string(), s.clone()); }
            let _ = s.parse::<VersionId>();
            let _ = s.parse::<KeyId>();
        }
    }
}
