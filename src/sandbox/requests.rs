//! One request after another: read, performed, forced to disk, answered as its fate will have it.
#![allow(clippy::disallowed_methods)] // the sandbox's own clock and sleep

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{self, HeaderValue, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use super::control::Control;
use super::error::SandboxError;
use super::options::{Call, Moment, ServeOptions};
use super::saved::Saved;
use super::wire::{Exchange, Fate};
use super::{fate, wire};

/// The most bytes of a request's body: a vault's value may have 25 KB.
const LONGEST_BODY: usize = 1 << 20;

/// What all requests share.
pub(super) struct Shared {
    pub(super) cloud: Mutex<Saved>,
    pub(super) options: ServeOptions,
    pub(super) last_request: Mutex<Instant>,
    pub(super) control: Option<Control>,
}

/// Ends when there was no request for the idle time.
pub(super) async fn idle(shared: &Shared) {
    let Some(limit) = shared.options.idle else { return std::future::pending().await };
    loop {
        let last = *shared.last_request.lock().unwrap_or_else(PoisonError::into_inner);
        let end = last.checked_add(limit).unwrap_or(last);
        if Instant::now() >= end {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: http::Request<Body>) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    // HTTP/2 has the host in the address, HTTP/1.1 in a header.
    let host =
        parts.uri.authority().map(|a| a.as_str().to_owned()).or_else(|| parts.headers.get(http::header::HOST).map(text));
    let request = wire::Request {
        method: parts.method.as_str().to_owned(),
        host: host.unwrap_or_default(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect(),
        body: body.to_vec(),
    };
    let call = Call {
        service: wire::service(&request.host, &request.path),
        method: request.method.clone(),
        path: request.path.clone(),
    };
    shared.touch();
    shared.hold(Moment::BeforeEffect, &call).await;
    let exchange = shared.perform(&request);
    shared.hold(Moment::BeforeAnswer, &call).await;
    // what no cloud has is not far away
    let far = if call.service == wire::Service::Sandbox { Duration::ZERO } else { shared.options.latency };
    let delay = far.saturating_add(exchange.as_ref().map(|e| e.delay).unwrap_or_default());
    // to sleep for no time at all takes up to a millisecond
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    shared.touch();
    match exchange.map(|e| e.fate) {
        Ok(Fate::Arrives(answer)) => fate::whole(answer),
        Ok(Fate::Cut(answer)) => fate::cut(answer),
        Ok(Fate::Lost) => fate::lost(),
        Ok(Fate::Later(after)) => {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                shared.land(&request);
            });
            fate::lost()
        }
        // What happened is in memory and not on disk: to the client that is "in doubt", as it is in life. The next request
        // tries to save again.
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
    }
}

impl Shared {
    fn touch(&self) {
        *self.last_request.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn hold(&self, moment: Moment, call: &Call) {
        if let Some(hook) = &self.options.hook {
            hook(moment, call).await;
        }
    }

    /// The effect, forced to disk. The lock is held meanwhile: no answer may overtake what it rests on.
    fn perform(&self, request: &wire::Request) -> Result<Exchange, SandboxError> {
        let mut saved = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let steered = self.control.as_ref().and_then(|control| control.answer(&mut saved.cloud, request));
        let exchange = match steered {
            Some(answer) => Exchange::own(answer),
            None => wire::exchange(&mut saved.cloud, now, request, self.control.is_some()),
        };
        saved.save()?;
        if let (Some(control), Some(entry)) = (&self.control, &exchange.entry) {
            control.keep(entry.clone());
        }
        Ok(exchange)
    }

    /// A request that its sender has given up on. One that is on its way when the server ends is lost.
    fn land(&self, request: &wire::Request) {
        let mut saved = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = wire::land(&mut saved.cloud, Timestamp::now(), request);
        // the next request tries again to save
        let _ = saved.save();
        if let Some(control) = &self.control {
            control.keep(entry);
        }
    }
}

fn plain(status: StatusCode) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
