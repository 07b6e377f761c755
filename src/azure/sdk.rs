//! What lies between the Azure SDK and the network: our exchange, our reading of refusals, and no host but the one that is meant.
//!
//! The SDK is given no say over what is sent how often: its own retries are off, and everything other than a success leaves
//! here as a [`Failure`], which the SDK hands on untouched. (Its own parsing of errors loses the code when the text has an
//! escape in it.)

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{CLIENT_REQUEST_ID, HeaderName, Headers, WWW_AUTHENTICATE};
use azure_core::http::request::options::ClientRequestId;
use azure_core::http::{
    AsyncRawResponse, Body, ClientMethodOptions, ClientOptions, Context, HttpClient, Request, RetryOptions, StatusCode,
    Transport, Url,
};

use super::headers;
use super::http::{Reply, client_request_id, exchange};
use super::outcome::{Failure, bare};
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

/// The SDK's transport for one host.
pub(crate) struct SdkTransport {
    /// What sends.
    pub(crate) client: reqwest::Client,
    /// The only host (and port) that is ever asked: a `nextLink` to another would take the token along.
    pub(crate) base: Url,
    /// What a request without a token is answered with, on the spot. Key Vault's clients send their first request without one to
    /// learn the scope; the scope is in our table, so that a change is one request on the network even from a cold client, and
    /// the vault is not asked whom to send a token to.
    pub(crate) challenge: Option<String>,
    /// How the service's refusals are read.
    pub(crate) refusal: fn(&Reply) -> Refusal,
}

impl SdkTransport {
    /// The SDK's options with this transport: nothing is sent twice.
    pub(crate) fn into_options(self) -> ClientOptions {
        ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(self))),
            ..ClientOptions::default()
        }
    }

    fn is_home(&self, url: &Url) -> bool {
        let place = |u: &Url| (u.scheme().to_owned(), u.host_str().map(str::to_ascii_lowercase), u.port_or_known_default());
        place(url) == place(&self.base)
    }
}

impl std::fmt::Debug for SdkTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SdkTransport").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for SdkTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let header = |name: &str| request.headers().iter().find(|(n, _)| n.as_str() == name).map(|(_, v)| v.as_str());
        if !self.is_home(request.url()) {
            let elsewhere = "the service pointed to another host, which was not asked";
            return Err(pass_through(Failure::before_sending(RefusalKind::BadAnswer, "", elsewhere)));
        }
        if let Some(challenge) = self.challenge.as_ref().filter(|_| header("authorization").is_none()) {
            let mut headers = Headers::new();
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
            return Ok(AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, Bytes::new()));
        }
        let id = header(CLIENT_REQUEST_ID.as_str()).map_or_else(client_request_id, str::to_owned);
        let Body::Bytes(body) = request.body().clone() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "a body that can be sent only as a stream"));
        };
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes());
        let method = method.map_err(|_| azure_core::Error::with_message(ErrorKind::Other, "an unknown method"))?;
        let mut outgoing = self.client.request(method, request.url().clone()).body(body);
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let reply = exchange(outgoing).await.map_err(|broken| pass_through(broken.failure(&id)))?;
        if !reply.is_success() {
            return Err(pass_through(reply.failure((self.refusal)(&reply), &id)));
        }
        let mut headers = Headers::new();
        for (name, value) in &reply.headers {
            if let Ok(text) = value.to_str() {
                headers.insert(name.as_str().to_owned(), text.to_owned());
            }
        }
        Ok(AsyncRawResponse::from_bytes(reply.status.into(), headers, Bytes::from_owner(reply.body)))
    }
}

/// Wraps a failure so that the SDK carries it up.
pub(crate) fn pass_through(failure: Failure) -> azure_core::Error {
    azure_core::Error::new(ErrorKind::Other, failure)
}

/// The failure that [`pass_through`] wrapped, if it is behind this error.
pub(crate) fn passed_through(error: &azure_core::Error) -> Option<Failure> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if let Some(failure) = e.downcast_ref::<Failure>() {
            return Some(failure.clone());
        }
        cause = e.source();
    }
    None
}

/// What an error of one of the SDK's clients means. Where the SDK failed by itself, nothing of its text is kept (it may quote a
/// body), and a change counts as in doubt unless the SDK had no token to send it with.
pub(crate) fn failure(error: &azure_core::Error, client_request_id: &str) -> Failure {
    if let Some(failure) = passed_through(error) {
        return failure;
    }
    let (kind, status, may_have_landed) = match error.kind() {
        // Two first requests at once can take each other's token away.
        ErrorKind::Credential => (RefusalKind::Unanswered, None, false),
        ErrorKind::HttpResponse { status, .. } => (RefusalKind::BadAnswer, Some(u16::from(*status)), true),
        ErrorKind::Connection | ErrorKind::Io => (RefusalKind::Unanswered, None, true),
        ErrorKind::DataConversion | ErrorKind::Other => (RefusalKind::BadAnswer, None, true),
    };
    // a status that the SDK did not expect comes with its answer
    let trace = match error.kind() {
        ErrorKind::HttpResponse { raw_response: Some(answer), .. } => trace(answer.headers(), client_request_id),
        ErrorKind::HttpResponse { raw_response: None, .. }
        | ErrorKind::Credential
        | ErrorKind::Connection
        | ErrorKind::Io
        | ErrorKind::DataConversion
        | ErrorKind::Other => Trace { client_request_id: Some(client_request_id.to_owned()), ..Trace::default() },
    };
    Failure { refusal: bare(kind, status), trace, may_have_landed }
}

/// What ties an answer that the SDK handed over to the service's records.
pub(crate) fn trace(answered: &Headers, client_request_id: &str) -> Trace {
    headers::trace(|name| answered.get_optional_str(&HeaderName::from_static(name)), client_request_id)
}

/// Options that make the SDK send this `x-ms-client-request-id`.
pub(crate) fn with_id(client_request_id: &str) -> ClientMethodOptions<'static> {
    ClientMethodOptions { context: Context::new().with_value(ClientRequestId::new(client_request_id.to_owned())) }
}
