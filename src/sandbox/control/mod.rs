//! The local endpoint through which faults are changed and the log is read while the sandbox runs. Off unless it is asked for.
//!
//! It answers on the sandbox's own address, which is loopback, and only to whoever holds the token: that lies in
//! `control-token` in the state folder, readable by its owner alone, and is drawn anew at each start.
//!
//! | request | does |
//! |---|---|
//! | `GET /_sandbox/faults` | lists the rules: `faults[]{id, rule, seen, hits}` |
//! | `POST /_sandbox/faults` | adds one (the body is a [`Written`] as JSON): `{id}` |
//! | `DELETE /_sandbox/faults` | takes all away: `{cleared}` |
//! | `DELETE /_sandbox/faults/{id}` | takes one away: `{cleared}` |
//! | `GET /_sandbox/log?after=N` | the entries after a number: `entries[]` |

pub mod client;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::cloud::Cloud;
use super::error::SandboxError;
use super::faults::Written;
use super::log::{Entry, Log};
use super::{files, wire};

/// The header that carries the token.
pub const TOKEN_HEADER: &str = "x-sandbox-control-token";

/// The file with the token, in a sandbox's folder.
pub fn token_file(folder: &Path) -> PathBuf {
    folder.join("control-token")
}

/// The endpoint, while it is on.
pub(super) struct Control {
    /// Of the token: comparing digests tells nothing by the time that it takes.
    digest: [u8; 32],
    log: Mutex<Log>,
}

impl Control {
    /// Draws a token and leaves it in its file.
    pub(super) fn start(folder: &Path) -> Result<Control, SandboxError> {
        let file = token_file(folder);
        let token: String = files::random(&file)?.iter().map(|b| format!("{b:02x}")).collect();
        files::replace(&file, token.as_bytes())?;
        Ok(Control { digest: Sha256::digest(&token).into(), log: Mutex::default() })
    }

    /// Keeps what was asked of the services. What was asked of the sandbox itself is not worth a line.
    pub(super) fn keep(&self, entry: Entry) {
        if entry.operation != super::faults::Operation::Own {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
    }

    /// The answer, if the request is for this endpoint.
    pub(super) fn answer(&self, cloud: &mut Cloud, request: &wire::Request) -> Option<wire::Response> {
        let path: Vec<&str> = request.path.split('/').filter(|s| !s.is_empty()).collect();
        let ["_sandbox", what @ ("faults" | "log"), rest @ ..] = path.as_slice() else { return None };
        let given = request.header(TOKEN_HEADER).unwrap_or_default();
        if Sha256::digest(given).as_slice() != self.digest {
            return Some(refused(401, &format!("{TOKEN_HEADER} must carry what is in the file control-token")));
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match (request.method.as_str(), *what, rest) {
            ("GET", "faults", []) => {
                let one = |(id, rule, seen, hits)| json!({ "id": id, "rule": rule, "seen": seen, "hits": hits });
                Ok(json!({ "faults": cloud.faults().rules().map(one).collect::<Vec<Json>>() }))
            }
            ("POST", "faults", []) => add(cloud, &request.body),
            ("DELETE", "faults", []) => Ok(json!({ "cleared": cloud.stage().faults().clear() })),
            ("DELETE", "faults", [id]) => {
                let id = id.parse().ok();
                let gone = id.is_some_and(|id| cloud.stage().faults().remove(id));
                if gone { Ok(json!({ "cleared": 1 })) } else { Err((404, "there is no such fault".to_owned())) }
            }
            ("GET", "log", []) => {
                let query = url::form_urlencoded::parse(request.query.as_bytes());
                let after = query.filter(|(n, _)| n == "after").find_map(|(_, v)| v.parse().ok()).unwrap_or(0);
                Ok(json!({ "entries": log.after(after).collect::<Vec<&Entry>>() }))
            }
            (_, _, _) => Err((404, "it serves /_sandbox/faults and /_sandbox/log".to_owned())),
        };
        Some(match done {
            Ok(body) => wire::Response::of_json(200, &body),
            Err((status, why)) => refused(status, &why),
        })
    }
}

fn refused(status: u16, why: &str) -> wire::Response {
    wire::Response::of_json(status, &json!({ "error": { "code": "ControlRefused", "message": why } }))
}

fn add(cloud: &mut Cloud, body: &[u8]) -> Result<Json, (u16, String)> {
    let written: Written = serde_json::from_slice(body).map_err(|e| (400, e.to_string()))?;
    let rule = written.rule().map_err(|why| (400, why))?;
    Ok(json!({ "id": cloud.stage().faults().add(rule) }))
}
