//! Federated credentials of build services: the job asks its own service for an ID token, which Entra takes as an assertion.
//!
//! Both services are asked in nearly the same way, by one type. (The SDK has a credential for Azure Pipelines and none for GitHub;
//! it reads the address from the environment by itself, and its transport would need two hosts.)

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::azure::http::{Reply, client_request_id, exchange};
use crate::azure::outcome::{Failure, bare, by_status};
use crate::azure::sdk::pass_through;
use crate::rotation::answers::{Refusal, RefusalKind};

/// What Entra's federated credentials name as their audience
/// (learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust).
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Where a job asks for its ID token, and with what.
pub struct IdTokenRequest {
    /// The address that the build service put into the environment.
    pub url: Url,
    /// The token that lets the job ask. Sent to that address only.
    pub bearer: SecretString,
}

/// Fetches an ID token for each sign-in.
pub(super) struct IdTokenAssertion {
    service: Service,
    client: reqwest::Client,
    request: IdTokenRequest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// docs.github.com/actions/reference/security/oidc: GET, `audience` in the query, the answer's `value`.
    GithubActions,
    /// learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create: POST, the answer's `oidcToken`.
    AzurePipelines,
}

impl std::fmt::Debug for IdTokenAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IdTokenAssertion").field(&self.service).finish()
    }
}

impl IdTokenAssertion {
    pub(super) fn of_github(mut request: IdTokenRequest, client: reqwest::Client) -> IdTokenAssertion {
        request.url.query_pairs_mut().append_pair("audience", AUDIENCE);
        IdTokenAssertion { service: Service::GithubActions, client, request }
    }

    pub(super) fn of_pipelines(mut request: IdTokenRequest, connection: &str, client: reqwest::Client) -> IdTokenAssertion {
        let mut query = request.url.query_pairs_mut();
        query.append_pair("api-version", "7.1").append_pair("serviceConnectionId", connection);
        drop(query);
        IdTokenAssertion { service: Service::AzurePipelines, client, request }
    }

    async fn fetch(&self) -> Result<Zeroizing<String>, Failure> {
        let url = self.request.url.clone();
        let request = match self.service {
            Service::GithubActions => self.client.get(url),
            // Without the header an expired token is answered with a redirect to a page for people.
            Service::AzurePipelines => {
                self.client.post(url).header("content-length", "0").header("x-tfs-fedauthredirect", "Suppress")
            }
        };
        let request = request.bearer_auth(self.request.bearer.expose_secret()).header("accept", "application/json");
        let id = client_request_id();
        let reply = exchange(request).await.map_err(|broken| self.named(broken.failure(&id)))?;
        if !reply.is_success() {
            return Err(reply.failure(self.refusal(&reply), &id));
        }
        match self.id_token(&reply.body) {
            Some(token) => Ok(token),
            None => Err(self.named(Failure::unreadable(reply.status, reply.trace(&id)))),
        }
    }

    fn id_token(&self, body: &[u8]) -> Option<Zeroizing<String>> {
        let member = match self.service {
            Service::GithubActions => "value",
            Service::AzurePipelines => "oidcToken",
        };
        let mut answer = serde_json::from_slice::<Value>(body).ok()?;
        match answer.get_mut(member).map(Value::take) {
            Some(Value::String(token)) if !token.is_empty() => Some(Zeroizing::new(token)),
            Some(_) | None => None,
        }
    }

    /// Nothing of the answer's text is kept: the request carried a token.
    fn refusal(&self, reply: &Reply) -> Refusal {
        let refused = matches!(reply.status, 300..=399 | 400 | 401 | 403 | 404);
        let kind = if refused { RefusalKind::Unauthenticated } else { by_status(reply.status) };
        let mend = match self.service {
            Service::GithubActions => "the job needs `permissions: id-token: write`",
            Service::AzurePipelines => {
                "compare AZURESUBSCRIPTION_SERVICE_CONNECTION_ID and SYSTEM_ACCESSTOKEN with the pipeline"
            }
        };
        let mend = if refused { format!(": {mend}") } else { String::new() };
        let message = format!("{} gave no ID token{mend}", self.name());
        Refusal { message, retry_after: reply.retry_after(), ..bare(kind, Some(reply.status)) }
    }

    fn name(&self) -> &'static str {
        match self.service {
            Service::GithubActions => "GitHub Actions",
            Service::AzurePipelines => "Azure Pipelines",
        }
    }

    fn named(&self, mut failure: Failure) -> Failure {
        let why = std::mem::take(&mut failure.refusal.message);
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        failure.refusal.message = format!("{} gave no ID token{why}", self.name());
        failure
    }
}

#[async_trait::async_trait]
impl ClientAssertion for IdTokenAssertion {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.fetch().await.map(|token| token.to_string()).map_err(pass_through)
    }
}
