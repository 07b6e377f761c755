//! A request on its way there and back: what rules do to it, what came of it, and its line in the log.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::call::call;
use super::empty_page::emptied;
use super::message::{Request, Response, http_date};
use super::{hosts, perform};
use crate::sandbox::cloud::Cloud;
use crate::sandbox::faults::{Call, Fault, Operation};
use crate::sandbox::log::{Answered, Effect, Entry};

/// What becomes of the answer.
pub enum Fate {
    /// It arrives.
    Arrives(Response),
    /// The connection dies in the middle of its body.
    Cut(Response),
    /// The connection dies, and there is none.
    Lost,
    /// The same, and the request is to be performed after this time, by [`land`].
    Later(Duration),
}

/// What came of a request. The caller brings the answer back as its fate says, and keeps the entry if it keeps a log.
pub struct Exchange {
    /// What becomes of the answer.
    pub fate: Fate,
    /// How much later it leaves.
    pub delay: Duration,
    /// What the log is told, if there is one. It holds no secret.
    pub entry: Option<Entry>,
}

impl Exchange {
    /// What the sandbox itself answers.
    pub(in crate::sandbox) fn own(answer: Response) -> Exchange {
        Exchange { fate: Fate::Arrives(answer), delay: Duration::ZERO, entry: None }
    }
}

/// Performs a request at `now`, by the real clock, under the rules of the cloud; `logged` if there is a log.
pub fn exchange(cloud: &mut Cloud, now: Timestamp, request: &Request, logged: bool) -> Exchange {
    let at = cloud.service_time(now);
    cloud.advance(at);
    let call = call(cloud, request);
    // An SDK's first request to a vault has no token: it is a question, and no rule counts it.
    let question = matches!(call.operation.service(), "graph" | "vault") && request.bearer().is_none();
    let fault = if question { None } else { cloud.on_the_way(&call) };
    let millis = |ms: &u64| Duration::from_millis(*ms);
    let delay = if let Some(Fault::Slow(by)) = &fault { millis(by) } else { Duration::ZERO };
    let unheard = match &fault {
        Some(Fault::LoseRequest) => Some((Fate::Lost, Answered::RequestLost)),
        Some(Fault::ApplyLate(by)) => Some((Fate::Later(millis(by)), Answered::AppliesLater)),
        Some(Fault::Refuse(_) | Fault::LoseAnswer | Fault::ErrorAfter(_) | Fault::CutBody | Fault::Slow(_)) | None => None,
        Some(Fault::ReplicaLate { .. } | Fault::StaleList(_) | Fault::EmptyPage) => None,
    };
    let mut entry = Entry::new(at, &call, &request.method);
    if let Some((fate, answered)) = unheard {
        entry.answered = answered;
        entry.faults = cloud.stage_faults().take_struck();
        return Exchange { fate, delay, entry: logged.then_some(entry) };
    }
    let response = cloud.under(fault.as_ref(), at, |cloud| perform(cloud, at, request, &call));
    if logged {
        describe(&mut entry, cloud, at, request, &call, &response);
    }
    let fate = match fault {
        Some(Fault::LoseAnswer) => {
            entry.answered = Answered::AnswerLost(response.status);
            Fate::Lost
        }
        Some(Fault::CutBody) => {
            entry.answered = Answered::Cut(response.status);
            Fate::Cut(response)
        }
        Some(Fault::ErrorAfter(status)) => {
            entry.answered = Answered::Status(status);
            Fate::Arrives(failed(status, call.operation).header("date", http_date(at)))
        }
        Some(Fault::Refuse(_) | Fault::LoseRequest | Fault::ApplyLate(_) | Fault::Slow(_)) | None => Fate::Arrives(response),
        Some(Fault::ReplicaLate { .. } | Fault::StaleList(_)) => Fate::Arrives(response),
        Some(Fault::EmptyPage) => Fate::Arrives(emptied(request, call.operation.service(), response)),
    };
    entry.faults = cloud.stage_faults().take_struck();
    Exchange { fate, delay, entry: logged.then_some(entry) }
}

/// Performs a request whose sender has given up on it. Refusals may still be ordered for it; nothing happens to it on its way.
pub fn land(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Entry {
    let at = cloud.service_time(now);
    cloud.advance(at);
    let call = call(cloud, request);
    let mut entry = Entry::new(at, &call, &request.method);
    let response = perform(cloud, at, request, &call);
    describe(&mut entry, cloud, at, request, &call, &response);
    entry.answered = Answered::Nobody(response.status);
    entry.faults = cloud.stage_faults().take_struck();
    entry
}

/// An error whose effect has happened all the same.
fn failed(status: u16, operation: Operation) -> Response {
    let body = match operation.service() {
        "login" => json!({ "error": "temporarily_unavailable", "error_codes": [90_033], "error_description": "AADSTS90033: \
            A transient error has occurred. Please try again." }),
        _ => json!({ "error": { "code": "ServiceUnavailable", "message": "The service is unavailable." } }),
    };
    Response::json(status, "application/json", &body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyId {
    key_id: Uuid,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Refused {
    error: serde_json::Value,
    #[serde(default)]
    error_codes: Vec<u32>,
}

/// Takes from request and answer what may be shown: ids, codes and names that the cloud knows.
fn describe(entry: &mut Entry, cloud: &Cloud, at: Timestamp, request: &Request, call: &Call, response: &Response) {
    entry.answered = Answered::Status(response.status);
    entry.caller = request.bearer().and_then(|token| cloud.caller(at, token).ok()).map(|c| c.client_id);
    let host = &hosts::vault(&request.host);
    entry.vault = call.vault.clone().filter(|_| cloud.has_vault(host));
    let segments = request.segments();
    // a name that the vault does not have may be anything, a value that was pasted by mistake too
    let name = segments.get(1).filter(|n| call.vault.is_some() && cloud.latest_version(host, n).is_some());
    entry.secret = name.cloned();
    if response.status >= 400 {
        if let Ok(refused) = serde_json::from_slice::<Refused>(&response.body) {
            let code = refused.error.get("code").or(Some(&refused.error)).and_then(serde_json::Value::as_str);
            let number = refused.error_codes.first().map(|n| format!("AADSTS{n}"));
            entry.code = number.or_else(|| code.map(|c| c.chars().take(64).collect()));
        }
        return;
    }
    let version =
        || serde_json::from_slice::<Id>(&response.body).ok().and_then(|b| Some(b.id.rsplit('/').next()?.to_owned()));
    let key_id = |bytes: &[u8]| serde_json::from_slice::<KeyId>(bytes).ok().map(|b| b.key_id);
    entry.effect = match call.operation {
        Operation::AddPassword => key_id(&response.body).map(Effect::Added),
        Operation::RemovePassword => key_id(&request.body).map(Effect::Removed),
        Operation::SetSecret => version().map(Effect::Set),
        Operation::UpdateSecret => version().map(Effect::Updated),
        Operation::DeleteSecret => Some(Effect::Deleted),
        Operation::RecoverDeleted => Some(Effect::Recovered),
        Operation::PurgeDeleted => Some(Effect::Purged),
        Operation::ChangeOther => Some(Effect::Changed),
        Operation::SignIn | Operation::Discover | Operation::Own | Operation::ReadApplication => None,
        Operation::ListApplications | Operation::ReadSignIns | Operation::ReadOther | Operation::GetSecret => None,
        Operation::ListSecrets | Operation::ListVersions | Operation::GetDeleted | Operation::ListDeleted => None,
    };
}
