//! What was found out about a value, for a person: what it is, what is true now, what to type.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::evidence::Candidate;
use super::identify::{Identified, Standing};
use crate::evidence::clean;
use crate::secret::given::Form;

/// The words for what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What it is.
    pub what: String,
    /// What is true now.
    pub now: String,
    /// The commands to type next, the first first; or what to do.
    pub next: Vec<String>,
}

/// Tells what was found of a value that looks like `form`, for the runbook in `file`. `searched` says whether other runbooks were
/// asked, too.
pub fn tell(found: &Identified, form: Form, file: &str, searched: bool) -> Told {
    let file = clean(file);
    let key = || found.key_id.map(|k| format!("key ID {k}")).unwrap_or_else(|| "a secret of this application".to_owned());
    let who = |id: String| format!("keyrelay leak who {file} --key-id {id}");
    let (what, now) = match found.standing {
        Standing::Alive => (
            format!("It is {}, and it is ALIVE: it signs in.", key()),
            match found.served {
                true => "A vault serves it: consumers use it too.",
                false => "No vault of the runbook serves it.",
            },
        ),
        Standing::AliveOneOf => (
            format!(
                "It is ALIVE: it signs in. It is one of {} secrets, and nothing here tells which.",
                found.candidates.len()
            ),
            "Each sign-in is recorded with its key ID: within minutes to hours the log tells which one this was.",
        ),
        Standing::AliveUnlisted => (
            format!("It is ALIVE: it signs in, as {}, although the application's list does not have it.", key()),
            match found.removed_by {
                Some(_) => "keyrelay has removed it, and not all of the sign-in replicas know yet.",
                None => "It was removed or added a moment ago, and not all of the directory knows yet.",
            },
        ),
        Standing::ListedButRefused => (
            format!("It is {}, which the application has, and it was refused at sign-in.", key()),
            "A secret that is minutes old is not known everywhere yet, and one that was just removed is still listed. Treat it as alive.",
        ),
        Standing::LooksLike => (
            format!("It begins like {} of the application, but does not sign in.", count(&found.candidates)),
            "It may have been cut off or mistyped. Whoever has the whole of it can sign in.",
        ),
        Standing::Expired => (format!("It is {}, and it has EXPIRED.", key()), "Nobody gets a token with it any more."),
        Standing::ExpiredOneOf => (
            format!("It has EXPIRED. It is one of {} secrets.", found.candidates.len()),
            "Nobody gets a token with it any more.",
        ),
        Standing::Removed => (
            match (&found.removed_by, found.key_id) {
                (Some((run, at)), _) => format!("It is {}, which run {run} REMOVED at {at}.", key()),
                (None, Some(_)) => format!("It is {}, which the application does not have any more: it was REMOVED.", key()),
                (None, None) => {
                    "It was a secret of this application (a version in a vault holds it), and it was REMOVED.".to_owned()
                }
            },
            "Nobody gets a token with it any more. Tokens that were issued before live until they expire.",
        ),
        Standing::CannotTell => (
            match &found.answer {
                Some(answer) => format!("The token endpoint did not say whether it is alive: {answer}."),
                None => "It was not tried.".to_owned(),
            },
            "It may be alive, or alive again once the application is let in.",
        ),
        Standing::KeyIdGiven => (
            match found.key_id {
                Some(key_id) => {
                    format!("What was given is not a value: it is the key ID {key_id} of a secret of this application.")
                }
                None => "What was given is not a value: it has the form of a key ID, and this application has none such."
                    .to_owned(),
            },
            "A key ID is no secret: nobody can sign in with it. If only that leaked, nothing has to be done.",
        ),
        Standing::NotFound => not_found(form, searched),
    };
    let next = next(found, &file, searched, &who);
    Told { what, now: now.to_owned(), next }
}

fn not_found(form: Form, searched: bool) -> (String, &'static str) {
    let asked = if searched { "any application that was asked" } else { "this application" };
    let what = format!("It is not a secret of {asked} now.");
    let now = match form {
        Form::Entra => {
            "It has the form of an Entra secret: it is another application's, or another tenant's, or was removed before keyrelay knew it."
        }
        Form::Other | Form::KeyId(_) => {
            "It does not have the form of an Entra secret: it is something else's, or was cut off, or was made by hand."
        }
    };
    (what, now)
}

fn next(found: &Identified, file: &str, searched: bool, who: &dyn Fn(String) -> String) -> Vec<String> {
    let kill = |c: &Candidate| match (c.of_principal, found.served) {
        // only the application's own are rotated
        (true, _) => format!("az ad sp credential delete --id CLIENT_ID --key-id {}", c.key_id),
        (false, true) => format!("keyrelay rotate --emergency {file} --key-id {}", c.key_id),
        (false, false) => format!("keyrelay revoke {file} --key-id {}", c.key_id),
    };
    let mut next: Vec<String> = match found.standing {
        Standing::Alive | Standing::ListedButRefused | Standing::AliveOneOf | Standing::LooksLike | Standing::CannotTell => {
            found.candidates.iter().map(kill).collect()
        }
        Standing::AliveUnlisted => vec![format!("wait a minute, then again: keyrelay leak identify {file}")],
        Standing::NotFound if !searched => vec![format!("keyrelay leak identify {file} --search FOLDER")],
        Standing::NotFound | Standing::KeyIdGiven | Standing::Expired | Standing::ExpiredOneOf | Standing::Removed => {
            Vec::new()
        }
    };
    let all = found.candidates.iter().map(|c| c.key_id).chain(found.key_id).collect::<std::collections::BTreeSet<_>>();
    if found.standing != Standing::KeyIdGiven {
        next.extend(all.into_iter().map(|k| who(k.to_string())));
    }
    next
}

fn count(candidates: &[Candidate]) -> String {
    match candidates {
        [one] => format!("the value of key ID {}", one.key_id),
        several => format!("the values of {} secrets", several.len()),
    }
}

/// The candidates, one on a line.
pub fn candidates(found: &Identified) -> Vec<String> {
    let date = |t: Option<Timestamp>| t.map_or_else(|| "?".to_owned(), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let of = |c: &Candidate| if c.of_principal { ", the service principal's own" } else { "" };
    let line = |c: &Candidate| {
        format!("  key ID {} \"{}\" ({} to {}{})", c.key_id, clean(&c.name), date(c.start), date(c.end), of(c))
    };
    found.candidates.iter().map(line).collect()
}

/// The members `state`, `key_id`, `candidates` and so on of `keyrelay.leak/1`.
pub fn json(found: &Identified, told: &Told) -> Value {
    let candidate = |c: &Candidate| {
        json!({
            "key_id": c.key_id, "name": c.name, "start": c.start, "end": c.end,
            "of": if c.of_principal { "service-principal" } else { "application" },
        })
    };
    json!({
        "state": found.standing,
        "dangerous": found.standing.dangerous(),
        "key_id": found.key_id,
        "candidates": found.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "served": found.served,
        "removed_by": found.removed_by.as_ref().map(|(run, at)| json!({ "run": run, "at": at })),
        "sign_in": found.answer.as_ref().map(ToString::to_string),
        "what": told.what,
        "now": told.now,
        "next": told.next,
    })
}
