//! The value of a client secret, and the only code that can read it.
//!
//! [`SecretValue`] has no `Debug`, `Display`, `Clone` or `Serialize`, and what it holds is wiped when it is dropped. Reading it
//! is private to this folder: `requests` puts it into the bodies that have to carry it and takes it out of the answers,
//! `in_process` hands it to the sandbox's cloud in tests, `given` takes it from a person. Nothing else in the program can reach it.

use secrecy::{ExposeSecret, SecretString};

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

    /// Whether both are the same value. Where one of them is known to be a credential's, this decides.
    pub fn is(&self, other: &SecretValue) -> bool {
        self.expose() == other.expose()
    }

    /// Whether the value begins with Graph's `hint`. A match narrows a search; it never decides.
    pub fn begins_with(&self, hint: &Hint) -> bool {
        let hint = hint.0.expose_secret();
        !hint.is_empty() && self.expose().starts_with(hint)
    }
}

/// Graph's `hint`: the first three characters of a secret, and so as secret as the rest.
pub struct Hint(SecretString);

impl Hint {
    /// Takes the text over.
    pub(crate) fn new(text: String) -> Hint {
        Hint(SecretString::from(text))
    }
}
