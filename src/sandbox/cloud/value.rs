//! Text that must not be printed: secrets and tokens of the sandbox.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A secret or token that the cloud keeps. Worthless outside the sandbox, and yet treated as real: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(String);

impl Value {
    /// Takes the text over.
    pub fn new(text: String) -> Value {
        Value(text)
    }

    /// The text. Reachable within the sandbox only.
    pub(in crate::sandbox) fn text(&self) -> &str {
        &self.0
    }

    /// The first three characters, as Graph's `hint` shows them.
    pub(in crate::sandbox) fn hint(&self) -> String {
        self.0.chars().take(3).collect()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}
