//! What the processes that keyrelay starts do not inherit: the secrets that keyrelay itself signs in with.
//!
//! A consumer's command that needs one of them (the token of the pipeline, say) is given it under another name. Other people's
//! variables are inherited as they are, and so are those of a proxy.
#![allow(clippy::disallowed_methods)] // looks through the names of the environment's variables

use std::ffi::{OsStr, OsString};

/// The variables that hold a secret or a token by which somebody can act as the identity that rotates. Sources: the environment
/// variables of the Azure SDKs and the Azure CLI (learn.microsoft.com/dotnet/api/azure.identity.environmentcredential), of GitHub
/// Actions (docs.github.com, "OpenID Connect reference") and of Azure Pipelines (learn.microsoft.com, "Predefined variables").
const SECRETS: [&str; 5] = [
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_ACCESSTOKEN",
];

/// Whether a variable of this name, in any case, holds such a secret.
pub(crate) fn is_secret(name: &OsStr) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// The variables of this process that hold one.
pub(crate) fn secrets() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_secret(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_what_is_not_secret() {
        for name in ["AZURE_CLIENT_SECRET", "Azure_Client_Secret", "SYSTEM_ACCESSTOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"] {
            assert!(is_secret(OsStr::new(name)), "{name}");
        }
        for name in ["AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "PATH", "HTTPS_PROXY", "MY_AZURE_CLIENT_SECRET", ""] {
            assert!(!is_secret(OsStr::new(name)), "{name}");
        }
    }
}
