//! The requests of a run as the services know them, for a support case.

use jiff::Timestamp;
use serde::Serialize;

use super::claims::Story;
use super::text::{clean, place, sign_in};
use crate::rotation::answers::{Mutation, Trace};
use crate::rotation::{Event, Rotation};
use crate::run::{Record, Start};

/// One answer of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The record.
    pub record: u64,
    /// When it was recorded, in service time.
    pub at: Option<Timestamp>,
    /// What was asked and what came of it.
    pub what: String,
    /// The service's id of the request: `request-id` (Graph), `x-ms-request-id` (vault), `trace_id` (token endpoint).
    pub request_id: Option<String>,
    /// What keyrelay sent as `client-request-id`; the token endpoint's correlation id.
    pub client_request_id: Option<String>,
    /// The answer's `Date`.
    pub date: Option<Timestamp>,
}

impl Story<'_> {
    /// Every answer that is recorded, in their order. A read of a vault with a sign-in makes two.
    pub(super) fn requests(self) -> Vec<Request> {
        let mut all = Vec::new();
        let mut sent: Option<&Mutation> = None;
        for record in &self.run.records {
            let Record::Event(event) = &record.event else { continue };
            if let Event::Intended { request } = event {
                sent = Some(request);
            }
            for (what, trace) in answers(event, sent, &self.run.start, &self.run.rotation) {
                all.push(Request {
                    record: record.seq,
                    at: record.at,
                    what,
                    request_id: trace.request_id.as_deref().map(clean),
                    client_request_id: trace.client_request_id.as_deref().map(clean),
                    date: trace.date,
                });
            }
        }
        all
    }
}

/// What an event says of the answers behind it. `sent` is the latest intent.
fn answers<'e>(event: &'e Event, sent: Option<&Mutation>, start: &Start, run: &Rotation) -> Vec<(String, &'e Trace)> {
    let sent = || sent.map_or_else(|| "a change".to_owned(), |m| words(m, start, run));
    match event {
        Event::Applied { trace, .. } => vec![(format!("{}: applied", sent()), trace)],
        Event::NotApplied { refusal, trace } => vec![(format!("{}: {}", sent(), clean(&refusal.to_string())), trace)],
        Event::InDoubt { refusal, trace } => {
            vec![(format!("{}: in doubt, {}", sent(), clean(&refusal.to_string())), trace)]
        }
        Event::CredentialsListed { trace, .. } => vec![("list the credentials".to_owned(), trace)],
        Event::VaultRead { vault, sign_in: answer, trace, sign_in_trace, .. } => {
            let at = place(start, *vault);
            let mut all = vec![(format!("read {at}"), trace)];
            if let (Some(answer), Some(trace)) = (answer, sign_in_trace) {
                all.push((format!("sign in with what {at} serves: {}", sign_in(answer)), trace));
            }
            all
        }
        Event::VersionsListed { vault, trace, .. } => {
            vec![(format!("list the versions of {}", place(start, *vault)), trace)]
        }
        Event::SignedIn { answer, trace } => vec![(format!("sign in with the new secret: {}", sign_in(answer)), trace)],
        Event::BaselineProven { answer, trace } => {
            vec![(format!("sign in with the old secret: {}", sign_in(answer)), trace)]
        }
        Event::LeakedTried { answer, trace } => {
            vec![(format!("sign in with the leaked secret: {}", sign_in(answer)), trace)]
        }
        Event::LeakedMissing { .. } | Event::OutageAccepted { .. } => vec![],
        Event::ReadRefused { refusal, trace } => vec![(format!("a read: {}", clean(&refusal.to_string())), trace)],
        Event::UsageRead { .. } => Vec::new(),
        Event::Resumed { .. } | Event::Intended { .. } | Event::RollbackRequested { .. } | Event::HoldSet { .. } => vec![],
        Event::Released { .. } | Event::GaveUp | Event::Abandoned { .. } => vec![],
        Event::ConsumerRefreshed { .. } | Event::ConsumerChecked { .. } => vec![],
    }
}

/// A request that changes the cloud.
pub(super) fn words(request: &Mutation, start: &Start, run: &Rotation) -> String {
    let key = |attempt| run.key_id(attempt).map_or_else(|| format!("of attempt {attempt}"), |k| k.to_string());
    match request {
        Mutation::AddSecret { attempt } => format!("add a secret (attempt {attempt})"),
        Mutation::WriteVault { vault, attempt: 0, .. } => format!("put the old value back into {}", place(start, *vault)),
        Mutation::WriteVault { vault, attempt, .. } => format!("write key ID {} to {}", key(*attempt), place(start, *vault)),
        Mutation::DisableVersion { vault, version } => format!("disable version {version} of {}", place(start, *vault)),
        Mutation::RemoveSecret { key_id } => format!("remove key ID {key_id}"),
    }
}
