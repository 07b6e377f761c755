//! The operator: the identity that rotates. Its tokens come from `azure_identity`, through our own exchange.
//!
//! Its secrets are exposed where they are handed to the SDK or put into a request, here and in [`federated`], nowhere else.

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Url};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};

use super::SetupError;
use super::cloud::Cloud;
use super::http::{Clients, Reply, Timeouts, client_request_id};
use super::outcome::{Failure, bare, by_status};
use super::sdk::{self, SdkTransport};
use super::token;
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

mod azure_cli;
mod certificate;
mod choose;
mod federated;
mod managed_identity;

pub use choose::{Asked, Chosen, Environment, NoSignIn, choose};
pub use federated::IdTokenRequest;
pub use managed_identity::IdentityEndpoint;

/// How the operator signs in.
pub enum OperatorSignIn {
    /// A service principal with a client secret.
    ClientSecret {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// The SDK keeps a copy for as long as the run lasts, since it has no way to be lent one.
        secret: SecretString,
    },
    /// A certificate and its RSA key in one PEM file, unencrypted.
    Certificate {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// The file. Read once.
        file: PathBuf,
    },
    /// A token of another issuer in a file, as Kubernetes projects it.
    WorkloadIdentity {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// The file. Read again from time to time: the token in it is replaced.
        token_file: PathBuf,
    },
    /// The ID token of a GitHub Actions job.
    GithubActions {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// Where to get it.
        request: IdTokenRequest,
    },
    /// The ID token of an Azure Pipelines service connection.
    AzurePipelines {
        /// Its tenant: a GUID or a domain.
        tenant: String,
        /// Its client ID.
        client_id: String,
        /// The service connection's ID.
        service_connection: String,
        /// Where to get it.
        request: IdTokenRequest,
    },
    /// A managed identity.
    ManagedIdentity {
        /// The client ID of a user-assigned one; without it, the system-assigned one.
        client_id: Option<String>,
        /// Where to ask.
        endpoint: IdentityEndpoint,
    },
    /// Whoever is signed in to the Azure CLI.
    AzureCli {
        /// The tenant that tokens are asked for.
        tenant: String,
    },
}

/// The operator's tokens, cached until some minutes before they end.
#[derive(Clone)]
pub(crate) struct Operator(Arc<dyn TokenCredential>);

impl Operator {
    /// Sets the credential up. Reads its files; sends nothing.
    pub(crate) fn new(
        sign_in: OperatorSignIn,
        cloud: &Cloud,
        clients: &Clients,
        timeouts: Timeouts,
    ) -> Result<Operator, SetupError> {
        let entra = || client_options(cloud, clients);
        let not_its_form = |_| unusable("tenant, client ID or secret has not its form");
        let assertion = || Ok(ClientAssertionCredentialOptions { client_options: entra()? });
        let credential: Arc<dyn TokenCredential> = match sign_in {
            OperatorSignIn::ClientSecret { tenant, client_id, secret } => {
                let secret = Secret::new(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options: entra()? };
                ClientSecretCredential::new(&tenant, client_id, secret, Some(options)).map_err(not_its_form)?
            }
            OperatorSignIn::Certificate { tenant, client_id, file } => {
                let token_endpoint = format!("{}/{}/oauth2/v2.0/token", cloud.authority(), tenant);
                let signer = certificate::CertificateAssertion::read(&file, client_id.clone(), token_endpoint);
                asserting(tenant, client_id, signer.map_err(SetupError::Operator)?, assertion()?)?
            }
            OperatorSignIn::WorkloadIdentity { tenant, client_id, token_file } => {
                let unreadable = format!("the token file {} cannot be read", token_file.display());
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: assertion()?,
                    client_id: Some(client_id),
                    tenant_id: Some(tenant),
                    token_file_path: Some(token_file),
                };
                WorkloadIdentityCredential::new(Some(options)).map_err(|_| SetupError::Operator(unreadable))?
            }
            OperatorSignIn::GithubActions { tenant, client_id, request } => {
                let asks = federated::IdTokenAssertion::of_github(request, clients.fresh.clone());
                asserting(tenant, client_id, asks, assertion()?)?
            }
            OperatorSignIn::AzurePipelines { tenant, client_id, service_connection, request } => {
                let asks = federated::IdTokenAssertion::of_pipelines(request, &service_connection, clients.fresh.clone());
                asserting(tenant, client_id, asks, assertion()?)?
            }
            OperatorSignIn::ManagedIdentity { client_id, endpoint } => {
                managed_identity::credential(client_id, endpoint, timeouts)?
            }
            OperatorSignIn::AzureCli { tenant } => Arc::new(azure_cli::AzureCli::new(tenant).map_err(not_its_form)?),
        };
        Ok(Operator(credential))
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

fn asserting<A: ClientAssertion + 'static>(
    tenant: String,
    client_id: String,
    assertion: A,
    options: ClientAssertionCredentialOptions,
) -> Result<Arc<dyn TokenCredential>, SetupError> {
    let credential = ClientAssertionCredential::new(tenant, client_id, assertion, Some(options));
    Ok(credential.map_err(|_| unusable("tenant or client ID has not its form"))?)
}

fn unusable(what: &str) -> SetupError {
    SetupError::Operator(what.to_owned())
}

fn client_options(cloud: &Cloud, clients: &Clients) -> Result<ClientOptions, SetupError> {
    let base = Url::parse(cloud.authority()).map_err(|_| unusable("the cloud's authority is no URL"))?;
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
