//! Why there is no way to sign in, and what to do.

use crate::runbook::AuthKind;

/// There is no way to sign in. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSignIn {
    /// The way that was chosen lacks something.
    #[error("cannot sign in with {kind} ({why}): {variable} is not set")]
    Missing {
        /// The way.
        kind: AuthKind,
        /// Why it was chosen.
        why: String,
        /// What it lacks.
        variable: &'static str,
    },
    /// A variable has not its form. Its value is not shown.
    #[error("cannot sign in with {kind} ({why}): {variable} {what}")]
    Malformed {
        /// The way.
        kind: AuthKind,
        /// Why it was chosen.
        why: String,
        /// Which variable.
        variable: &'static str,
        /// What is wrong with it, and what to write.
        what: String,
    },
    /// Two credentials of one client ID.
    #[error("the environment names two ways to sign in as AZURE_CLIENT_ID: {first} and {second} are both set")]
    Ambiguous {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Half of a way.
    #[error("{set} is set, and {missing} is not: the environment names half a way to sign in")]
    Half {
        /// What is there.
        set: &'static str,
        /// What would make it whole.
        missing: &'static str,
    },
    /// The machine has another kind of managed identity than the one that was named.
    #[error("cannot sign in with {kind} ({why}): {what}")]
    OtherEndpoint {
        /// The way.
        kind: AuthKind,
        /// Why it was chosen.
        why: String,
        /// What is there instead.
        what: &'static str,
    },
    /// Nothing at all.
    #[error("the environment names no way to sign in, and nobody is signed in to the Azure CLI")]
    Nothing,
}

impl NoSignIn {
    /// What to do.
    pub fn advice(&self) -> String {
        let by_hand = "or name another way: --auth KIND, or [auth] in the runbook";
        match self {
            NoSignIn::Missing { variable, .. } => match *variable {
                "SYSTEM_ACCESSTOKEN" => {
                    format!("map it in the step: env: SYSTEM_ACCESSTOKEN: $(System.AccessToken); {by_hand}")
                }
                "ACTIONS_ID_TOKEN_REQUEST_URL" | "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => {
                    format!("give the job `permissions: id-token: write`; {by_hand}")
                }
                "IDENTITY_ENDPOINT" => format!(
                    "this is no App Service, Functions or Container App; on a virtual machine name managed-identity-imds; {by_hand}"
                ),
                variable => format!("set {variable}; {by_hand}"),
            },
            NoSignIn::Malformed { variable, .. } => format!("correct {variable}; {by_hand}"),
            NoSignIn::Ambiguous { first, second } => format!("unset {first} or {second}, {by_hand}"),
            NoSignIn::Half { missing, .. } => format!("set {missing}; {by_hand}"),
            NoSignIn::OtherEndpoint { .. } => "name another way: --auth KIND, or [auth] in the runbook".to_owned(),
            NoSignIn::Nothing => {
                "az login; or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of the identity that rotates"
                    .to_owned()
            }
        }
    }
}
