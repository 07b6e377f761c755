//! The operator: the identity that rotates. Its tokens come from `azure_identity`, through our own exchange.

use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Url};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use secrecy::{ExposeSecret, SecretString};

use super::SetupError;
use super::cloud::Cloud;
use super::http::{Clients, Reply, client_request_id};
use super::outcome::{Failure, bare};
use super::sdk::{self, SdkTransport};
use super::token;
use crate::refusals::by_status;
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

/// How the operator signs in. Further kinds (workload identity, managed identity, certificate, Azure CLI) are further variants.
pub enum OperatorSignIn {
    /// A service principal with a client secret.
    ClientSecret {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// Its secret. The SDK keeps a copy for as long as the run lasts, since it has no way to be lent one.
        secret: SecretString,
    },
}

/// The operator's tokens, cached by the SDK until five minutes before they end.
#[derive(Clone)]
pub(crate) struct Operator(Arc<dyn TokenCredential>);

impl Operator {
    pub(crate) fn new(sign_in: OperatorSignIn, cloud: &Cloud, clients: &Clients) -> Result<Operator, SetupError> {
        let options = client_options(cloud, clients)?;
        match sign_in {
            OperatorSignIn::ClientSecret { tenant, client_id, secret } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options: options };
                let credential = ClientSecretCredential::new(&tenant, client_id, secret, Some(options));
                Ok(Operator(credential.map_err(|_| SetupError::Operator("tenant, client ID or secret has not its form"))?))
            }
        }
    }

    /// A token for `scope`, new or cached.
    pub(crate) async fn token(&self, scope: &str) -> Result<AccessToken, Failure> {
        let id = client_request_id();
        let options = TokenRequestOptions { method_options: sdk::with_id(&id) };
        let failure = |e| {
            let no_token =
                Failure::before_sending(RefusalKind::BadAnswer, "", "the operator's sign-in was answered without a token");
            let trace = Trace { client_request_id: Some(id.clone()), ..Trace::default() };
            let failure = sdk::passed_through(&e).unwrap_or(Failure { trace, ..no_token });
            Failure { may_have_landed: false, ..failure }
        };
        self.0.get_token(&[scope], Some(options)).await.map_err(failure)
    }

    /// The credential, for the SDK's clients.
    pub(crate) fn credential(&self) -> Arc<dyn TokenCredential> {
        Arc::new(BeforeSending(self.clone()))
    }
}

/// The operator as the SDK's clients see it: a sign-in that failed proves that the request behind it was not sent.
#[derive(Debug)]
struct BeforeSending(Operator);

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operator")
    }
}

#[async_trait::async_trait]
impl TokenCredential for BeforeSending {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.0.token(&scopes.join(" ")).await.map_err(sdk::pass_through)
    }
}

fn client_options(cloud: &Cloud, clients: &Clients) -> Result<ClientOptions, SetupError> {
    let base = Url::parse(cloud.authority()).map_err(|_| SetupError::Operator("the cloud's authority is no URL"))?;
    let transport = SdkTransport { client: clients.fresh.clone(), base, challenge: None, refusal: sign_in_refusal };
    let mut authority = CustomConfiguration::default();
    authority.authority_host = cloud.authority().to_owned();
    Ok(ClientOptions { cloud: Some(Arc::new(authority.into())), ..transport.into_options() })
}

/// Why the operator could not sign in. The request carried a secret, so nothing of the answer's text is kept.
fn sign_in_refusal(reply: &Reply) -> Refusal {
    let said = token::refusal_codes(&reply.body);
    let kind = match reply.status {
        408 | 429 => by_status(reply.status),
        400..=499 if said.is_transient() => RefusalKind::Unanswered,
        400..=499 => RefusalKind::Unauthenticated,
        other => by_status(other),
    };
    let message = "the operator could not sign in".to_owned();
    Refusal { code: said.label(), message, retry_after: reply.retry_after(), ..bare(kind, Some(reply.status)) }
}
