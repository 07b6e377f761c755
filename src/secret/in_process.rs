//! The sandbox in process: the two places where its cloud gets the value.

use super::SecretValue;
use crate::sandbox::cloud::Value;

/// The value as the body of a vault write carries it.
pub(crate) fn for_vault(value: &SecretValue) -> Value {
    Value::new(value.expose().to_owned())
}

/// The value as the form of a token request carries it.
pub(crate) fn for_sign_in(value: &SecretValue) -> Value {
    Value::new(value.expose().to_owned())
}
