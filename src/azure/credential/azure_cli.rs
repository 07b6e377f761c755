//! Whoever is signed in to the Azure CLI.
#![allow(clippy::disallowed_methods)] // starts `az`, and counts how long a token is kept

use std::collections::HashMap;
use std::ffi::OsStr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, Executor};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::azure::headers::sentence;
use crate::azure::outcome::{Failure, bare};
use crate::azure::sdk::{pass_through, passed_through};
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

/// How long `az` may take. It needs about a second, and a new token a request or two.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a token is kept. The SDK keeps none here, and `az` takes a second each time; the tokens that `az` hands out live for
/// five minutes at least. Counted without the local clock, which may be wrong.
const KEEP: Duration = Duration::from_secs(240);

/// Secrets of other ways to sign in, which are not the child's business.
const OTHER_WAYS: [&str; 5] = [
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    "IDENTITY_HEADER",
];

/// The SDK's credential, with a short memory.
#[derive(Debug)]
pub(super) struct AzureCli {
    credential: Arc<AzureCliCredential>,
    kept: Mutex<HashMap<String, (Instant, AccessToken)>>,
}

impl AzureCli {
    pub(super) fn new(tenant: String) -> azure_core::Result<AzureCli> {
        let options = AzureCliCredentialOptions {
            tenant_id: Some(tenant),
            executor: Some(Arc::new(Az)),
            ..AzureCliCredentialOptions::default()
        };
        Ok(AzureCli { credential: AzureCliCredential::new(Some(options))?, kept: Mutex::default() })
    }
}

#[async_trait::async_trait]
impl TokenCredential for AzureCli {
    async fn get_token(&self, scopes: &[&str], options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let scope = scopes.join(" ");
        let mut kept = self.kept.lock().await;
        if let Some((_, token)) = kept.get(&scope).filter(|(since, _)| since.elapsed() < KEEP) {
            return Ok(token.clone());
        }
        let unreadable = |e: azure_core::Error| match passed_through(&e) {
            Some(_) => e,
            // An older az does not say when the token ends. Asking again changes nothing.
            None => {
                let what = "the Azure CLI gave no token that can be read: it has to be 2.54 or newer";
                pass_through(Failure::before_sending(RefusalKind::Unauthenticated, "", what))
            }
        };
        let token = self.credential.get_token(scopes, options).await.map_err(unreadable)?;
        kept.insert(scope, (Instant::now(), token.clone()));
        Ok(token)
    }
}

/// Runs `az` as the SDK says. A run that gives no token ends as our own failure, with what `az` said of it.
#[derive(Debug)]
struct Az;

/// Carries a failure through an I/O error, whose `source` is that of what it holds.
#[derive(Debug, thiserror::Error)]
#[error("az gave no token")]
struct Carried(#[source] Failure);

fn carried(refusal: Refusal) -> std::io::Error {
    std::io::Error::other(Carried(Failure { refusal, trace: Trace::default(), may_have_landed: false }))
}

#[async_trait::async_trait]
impl Executor for Az {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        for name in OTHER_WAYS {
            command.env_remove(name);
        }
        let says = |kind, what: &str| carried(Refusal { message: format!("the Azure CLI {what}"), ..bare(kind, None) });
        let output = match timeout(LIMIT, command.output()).await {
            Err(_) => return Err(says(RefusalKind::Unanswered, "did not answer within a minute")),
            Ok(Err(e)) => return Err(says(RefusalKind::Unauthenticated, &format!("cannot be started: {e}"))),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(output);
        }
        let said = sentence(&String::from_utf8_lossy(&output.stderr));
        let missing = output.status.code() == Some(127) || said.contains("' is not recognized");
        if missing {
            return Err(says(RefusalKind::Unauthenticated, "is not on the PATH: install it, or sign in another way"));
        }
        let code = aadsts_number(&said).map_or_else(String::new, |n| format!("AADSTS{n}"));
        let message = format!("the Azure CLI gave no token: {said}");
        Err(carried(Refusal { code, message, ..bare(RefusalKind::Unauthenticated, None) }))
    }
}

/// The number behind the first `AADSTS` of a text.
fn aadsts_number(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
