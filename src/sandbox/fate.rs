//! Brings an answer back over HTTP, or loses it as a network does.
#![allow(clippy::disallowed_methods)] // a pause between the two halves of an answer that is cut

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{self, HeaderName, HeaderValue, StatusCode};
use futures::stream;

use super::wire::Response;

/// Until the first half of an answer that is cut has surely left.
const HALF: Duration = Duration::from_millis(50);

/// An answer that arrives.
pub(super) fn whole(answer: Response) -> http::Response<Body> {
    let (mut response, body) = head(answer);
    *response.body_mut() = Body::from(body);
    response
}

/// The headers and half of the body, then a dead connection.
pub(super) fn cut(answer: Response) -> http::Response<Body> {
    let (mut response, body) = head(answer);
    let length = HeaderValue::from(body.len());
    response.headers_mut().insert(http::header::CONTENT_LENGTH, length);
    let half = Bytes::copy_from_slice(body.get(..body.len() / 2).unwrap_or_default());
    let parts = stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) if !half.is_empty() => Some((Ok(half), Some(Bytes::new()))),
            Some(_) => {
                tokio::time::sleep(HALF).await;
                Some((Err(died()), None))
            }
            None => None,
        }
    });
    *response.body_mut() = Body::from_stream(parts);
    response
}

/// No answer: the connection (of HTTP/2, the stream) dies before a byte of it has left, because its body fails at once.
pub(super) fn lost() -> http::Response<Body> {
    let mut response = http::Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(died()) })));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

fn died() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn head(answer: Response) -> (http::Response<Body>, Vec<u8>) {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    (response, answer.body)
}
