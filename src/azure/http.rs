//! One HTTPS exchange: a request goes out once, and its end is known as far as it can be.
#![allow(clippy::disallowed_methods)] // draws the client-request-ids

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use zeroize::Zeroizing;

use super::SetupError;
use super::cloud::{Cloud, Network};
use super::headers;
use super::outcome::{Failure, bare, may_have_landed};
use crate::correlation::CorrelationKey;
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

/// The longest body that is read. Key Vault lists 25 versions a page, and an application object has a limited size.
const BODY_LIMIT: usize = 8 << 20;

/// How long an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the start to the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 60 s in all.
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(10), total: Duration::from_secs(60) }
    }
}

/// The clients. None follows a redirect or sends anything a second time. Real and custom clouds are reached through the proxies
/// that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case: reqwest reads them), the sandbox never.
#[derive(Clone)]
pub(crate) struct Clients {
    /// For reads that do not carry the value: connections are kept.
    pub(crate) pooled: reqwest::Client,
    /// For all that carries the value, and for every change: HTTP/1.1 on a connection of its own, which takes its buffers with
    /// it. A change can then never meet a kept connection that is closing, which is what clients repeat requests for.
    pub(crate) fresh: reqwest::Client,
}

impl Clients {
    /// Clients that reach the cloud's services.
    pub(crate) fn new(cloud: &Cloud, timeouts: Timeouts) -> Result<Clients, SetupError> {
        let pooled = builder(cloud, timeouts)?.build().map_err(|e| SetupError::Tls(root_cause(&e)))?;
        let fresh = builder(cloud, timeouts)?.http1_only().pool_max_idle_per_host(0).no_gzip().no_deflate();
        let fresh = fresh.build().map_err(|e| SetupError::Tls(root_cause(&e)))?;
        Ok(Clients { pooled, fresh })
    }
}

/// A client for the identity endpoint of the machine itself: plain http, and never through a proxy, which would be another
/// machine and would see the token.
pub(crate) fn this_machine(timeouts: Timeouts) -> Result<reqwest::Client, SetupError> {
    let builder = bare_builder(timeouts).https_only(false).no_proxy().http1_only().pool_max_idle_per_host(0);
    builder.build().map_err(|e| SetupError::Tls(root_cause(&e)))
}

fn bare_builder(timeouts: Timeouts) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("keyrelay/", env!("CARGO_PKG_VERSION")))
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
}

fn builder(cloud: &Cloud, timeouts: Timeouts) -> Result<reqwest::ClientBuilder, SetupError> {
    let builder = bare_builder(timeouts);
    match cloud.network() {
        Network::Internet { ca_pem: None } => Ok(builder),
        Network::Internet { ca_pem: Some(ca_pem) } => Ok(builder.tls_certs_only(certificates(ca_pem)?)),
        Network::Sandbox { address, ca_pem } => {
            let names = Arc::new(SandboxNames(*address));
            Ok(builder.no_proxy().tls_certs_only(certificates(ca_pem)?).dns_resolver(names))
        }
    }
}

fn certificates(pem: &str) -> Result<Vec<reqwest::Certificate>, SetupError> {
    let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| SetupError::Tls(root_cause(&e)))?;
    if found.is_empty() {
        return Err(SetupError::Tls("there is no certificate in the CA file".to_owned()));
    }
    Ok(found)
}

/// Answers `*.sandbox.localhost` with the sandbox's address and every other name with an error.
struct SandboxNames(SocketAddr);

impl Resolve for SandboxNames {
    fn resolve(&self, name: Name) -> Resolving {
        let address = name.as_str().ends_with(".sandbox.localhost").then_some(self.0);
        Box::pin(async move {
            let address = address.ok_or("a sandbox run reaches nothing but the sandbox")?;
            Ok(Box::new(std::iter::once(address)) as Addrs)
        })
    }
}

/// A whole answer. The body may hold the value, so it is wiped, and there is no `Debug`.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// What ties it to the service's records.
    pub(crate) fn trace(&self, client_request_id: &str) -> Trace {
        headers::trace(|name| self.header(name), client_request_id)
    }

    /// `Retry-After`, capped.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let date = self.header("date").and_then(headers::http_date);
        self.header("retry-after").and_then(|v| headers::retry_after(v, date))
    }

    /// The failure that an answer other than a success is.
    pub(crate) fn failure(&self, refusal: Refusal, client_request_id: &str) -> Failure {
        Failure { refusal, trace: self.trace(client_request_id), may_have_landed: may_have_landed(self.status) }
    }
}

/// An exchange without a whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection was never opened: nothing was sent. Why, in the network's words.
    NotSent(String),
    /// Sent, perhaps not wholly, and no whole answer: time-out, reset, a cut body.
    Lost { status: Option<u16>, timed_out: bool },
    /// An answer longer than anything that a service sends.
    TooLong { status: u16 },
}

impl Broken {
    /// The failure that it is.
    pub(crate) fn failure(self, client_request_id: &str) -> Failure {
        let trace = Trace { client_request_id: Some(client_request_id.to_owned()), ..Trace::default() };
        let (refusal, may_have_landed) = match self {
            Broken::NotSent(why) => (Refusal { message: why, ..bare(RefusalKind::Unreachable, None) }, false),
            Broken::Lost { status, timed_out } => {
                let why =
                    if timed_out { "no whole answer in time" } else { "the connection broke before the answer was whole" };
                (Refusal { message: why.to_owned(), ..bare(RefusalKind::Unanswered, status) }, true)
            }
            Broken::TooLong { status } => {
                let message = format!("an answer of more than {} MiB", BODY_LIMIT >> 20);
                (Refusal { message, ..bare(RefusalKind::BadAnswer, Some(status)) }, true)
            }
        };
        // A refusal is a refusal even if its text never arrived whole; only a status of success leaves it open.
        let proven = refusal.status.is_some_and(|status| !self::may_have_landed(status));
        Failure { refusal, trace, may_have_landed: may_have_landed && !proven }
    }
}

/// Sends a request once and reads the whole answer. The log has method, host, path and status: no query, no body.
pub(crate) async fn exchange(request: reqwest::RequestBuilder) -> Result<Reply, Broken> {
    let (client, request) = request.build_split();
    let request = request.map_err(|e| Broken::NotSent(root_cause(&e)))?;
    let (method, url) = (request.method().clone(), request.url().clone());
    let reply = send(&client, request).await;
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    match &reply {
        Ok(reply) => tracing::debug!(%method, host, path, status = reply.status, "answered"),
        Err(broken) => tracing::debug!(%method, host, path, ?broken, "not answered"),
    }
    reply
}

async fn send(client: &reqwest::Client, request: reqwest::Request) -> Result<Reply, Broken> {
    let mut response = client.execute(request).await.map_err(|e| match e.is_connect() || e.is_builder() {
        true => Broken::NotSent(root_cause(&e)),
        false => Broken::Lost { status: None, timed_out: e.is_timeout() },
    })?;
    let status = response.status().as_u16();
    let announced = response.content_length().and_then(|n| usize::try_from(n).ok());
    let mut body = Zeroizing::new(Vec::with_capacity(announced.unwrap_or(16 << 10).min(BODY_LIMIT)));
    let lost = |e: reqwest::Error| Broken::Lost { status: Some(status), timed_out: e.is_timeout() };
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len().saturating_add(chunk.len()) > BODY_LIMIT {
            return Err(Broken::TooLong { status });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers: response.headers().clone(), body })
}

/// A new id to send as `client-request-id`, so that support can find the request even if no answer came.
pub(crate) fn client_request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The same for a sign-in that is to be known again in the tenant's records.
pub(crate) fn sign_in_id(key: &CorrelationKey) -> String {
    let (_, drawn) = uuid::Uuid::new_v4().as_u64_pair();
    key.id(drawn as u32).to_string()
}

/// The innermost reason of a network error: "Connection refused", an unknown certificate authority. Such an error is older than
/// the first byte of the request, so it cannot quote one.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    headers::sentence(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[tokio::test]
    async fn a_sandbox_run_resolves_nothing_but_the_sandbox() {
        let names = SandboxNames("127.0.0.1:8443".parse().unwrap());
        let resolved = names.resolve(Name::from_str("kv-one.vault.sandbox.localhost").unwrap()).await.unwrap();
        assert_eq!(resolved.collect::<Vec<_>>(), ["127.0.0.1:8443".parse().unwrap()]);
        for name in ["login.microsoftonline.com", "localhost", "sandbox.localhost.example.org", "xsandbox.localhost"] {
            assert!(names.resolve(Name::from_str(name).unwrap()).await.is_err(), "{name}");
        }
    }

    #[test]
    fn what_a_broken_exchange_leaves_open() {
        let cases = [
            (Broken::NotSent("Connection refused".into()), RefusalKind::Unreachable, false),
            (Broken::Lost { status: None, timed_out: true }, RefusalKind::Unanswered, true),
            (Broken::Lost { status: Some(200), timed_out: false }, RefusalKind::Unanswered, true),
            (Broken::Lost { status: Some(503), timed_out: false }, RefusalKind::Unanswered, true),
            (Broken::Lost { status: Some(403), timed_out: false }, RefusalKind::Unanswered, false),
            (Broken::TooLong { status: 200 }, RefusalKind::BadAnswer, true),
        ];
        for (broken, kind, open) in cases {
            let failure = broken.clone().failure("id");
            assert_eq!((failure.refusal.kind, failure.may_have_landed), (kind, open), "{broken:?}");
            assert_eq!(failure.trace.client_request_id.as_deref(), Some("id"));
        }
    }
}
