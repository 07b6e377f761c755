//! The value of a client secret, and the only code that can read it.
//!
//! [`SecretValue`] has no `Debug`, `Display`, `Clone` or `Serialize`, and what it holds is wiped when it is dropped. Reading it
//! is private to this folder: `requests` puts it into the bodies that have to carry it and takes it out of the answers,
//! `in_process` hands it to the sandbox's cloud in tests, `given` takes it from a person. Nothing else in the program can reach it.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub mod given;
pub mod in_process;
pub mod requests;

/// The value of a client secret. It can be moved and lent, never copied or printed.
pub struct SecretValue(SecretString);

impl SecretValue {
    /// Takes the text over. The caller's allocation becomes ours and is wiped on drop.
    pub(crate) fn new(text: String) -> SecretValue {
        SecretValue(SecretString::from(text))
    }

    /// The value. Private to this folder on purpose.
    fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same, compared without a branch on what they hold.
    pub fn same_as(&self, other: &SecretValue) -> bool {
        let (a, b) = (self.expose().as_bytes(), other.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    /// What tells it from another value that somebody pastes by mistake, and tells nobody the value.
    pub fn check(&self, salt: &str) -> ValueCheck {
        let digest = Sha256::new().chain_update(salt).chain_update([0]).chain_update(self.expose()).finalize();
        let first = |n: usize| u32::from(digest.get(n).copied().unwrap_or_default());
        ValueCheck(first(0) << 12 | first(1) << 4 | first(2) >> 4)
    }

    /// Whether the value begins with Graph's `hint`. A match narrows a search; it never decides.
    pub fn begins_with(&self, hint: &Hint) -> bool {
        let hint = hint.0.expose_secret();
        !hint.is_empty() && self.expose().starts_with(hint)
    }
}

/// Twenty bits of a salted digest of a value. One wrong value in a million has the same; what a client secret is cannot be told
/// from them, since a million million million others have the same too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueCheck(u32);

/// Graph's `hint`: the first three characters of a secret, and so as secret as the rest.
pub struct Hint(SecretString);

impl Hint {
    /// Takes the text over.
    pub(crate) fn new(text: String) -> Hint {
        Hint(SecretString::from(text))
    }
}
