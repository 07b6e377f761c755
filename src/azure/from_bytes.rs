//! Answers of the services from any bytes, for fuzzing: read by the code that ships, and held to what must be true of any answer.
//! Built for fuzzers (`cfg(fuzzing)`) and tests only.
#![allow(clippy::panic)] // a fuzzer is told by a panic

use reqwest::header::{HeaderMap, HeaderValue};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::http::Reply;
use super::outcome::{ServiceError, graph_refusal, vault_refusal};
use super::{graph, headers, inspect, token};
use crate::rotation::answers::{Refusal, Trace};
use crate::secret::requests;

const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";
const CLIENT: Uuid = Uuid::from_u128(0xafb8_5a07_e312_4d49_b75b_9db4_e2d6_83cd);

/// The first two bytes are the status (100 to 599), what follows to the first newline the `Date` or `Retry-After`, the rest the body.
///
/// # Panics
/// If the answer was taken for what it cannot be.
pub fn answer(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first_chunk::<2>() else { return };
    let status = 100 + u16::from_be_bytes(*status) % 500;
    let line = rest.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
    let (header, body) = rest.split_at(line);
    let mut all = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header.trim_ascii()) {
        for name in ["date", "retry-after", "request-id", "x-ms-request-id"] {
            all.insert(name, value.clone());
        }
    }
    let reply = Reply { status, headers: all, body: Zeroizing::new(body.to_vec()) };
    assert!(reply.retry_after().is_none_or(|pause| pause <= headers::RETRY_AFTER_CAP), "left alone for too long");
    token_answer(&reply);
    refusals(&reply);
    successes(body);
    drop(token::traced(body, Trace::default()));
    drop(reply.trace("id"));
}

fn token_answer(reply: &Reply) {
    let said = token::verdict(reply, TENANT, CLIENT);
    let success = (200..=299).contains(&reply.status);
    assert!(!said.accepted() || success, "accepted by status {}", reply.status);
    let refused = (400..=499).contains(&reply.status) && !matches!(reply.status, 408 | 429);
    assert!(!said.says_dead() || refused, "dead by status {}", reply.status);
}

fn refusals(reply: &Reply) {
    let error = ServiceError::of(&reply.body);
    for refusal in [graph_refusal, vault_refusal] {
        let Refusal { kind: _, status, code, message, retry_after: _ } = refusal(reply.status, reply.retry_after(), &error);
        assert_eq!(status, Some(reply.status));
        assert!(message.chars().count() <= 303 && !message.contains('\u{1b}'), "a sentence for a person");
        assert!(code.bytes().all(|b| b.is_ascii_graphic()), "a code");
    }
}

/// What is taken from a success; whatever the body, nothing here stops us.
fn successes(body: &[u8]) {
    if let Some(application) = graph::application(body) {
        assert!(Uuid::try_parse(&application.object_id).is_ok(), "it goes into a path");
    }
    drop(requests::added(body));
    drop(requests::listed(body));
    drop(requests::version_read(body, "billing"));
    let _ = requests::written(body, "billing");
    drop(inspect::service_principal(body));
    drop(inspect::owners(body));
    drop(inspect::requested(body));
    drop(inspect::assigned(body, None));
    drop(inspect::tenants(body, None));
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // reads the corpus
mod tests {
    #[test]
    fn the_corpus_holds() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/answers");
        let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let mut inputs = 0;
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| super::answer(&bytes));
            assert!(held.is_ok(), "{}", file.display());
            inputs += 1;
        }
        assert!(inputs > 0);
    }
}
