//! From a row to sentences: the real names filled in, with status, code and request-id.

use super::row::{Operation, Row, Service, Sign};
use super::{of_refusal, of_sign_in};
use crate::evidence::clean;
use crate::rotation::answers::{Refusal, SignIn};
use crate::rotation::names::VaultIx;
use crate::runbook::Runbook;

/// The names that fill the texts. What is not known stays a word in capitals that a person replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `{client}`: the application's client ID.
    pub client_id: Option<String>,
    /// `{tenant}`.
    pub tenant: Option<String>,
    /// `{vault}`: its host name; `{vault-name}` is the first part of it.
    pub vault: Option<String>,
    /// `{secret}`: the secret's name in the vault.
    pub secret: Option<String>,
    /// `{runbook}`: the runbook's file.
    pub runbook: Option<String>,
    /// `{identity}`: the object ID of the identity that rotates.
    pub identity: Option<String>,
    /// `{operator}`: the client ID of the identity that rotates.
    pub operator: Option<String>,
}

/// A placeholder and the word that stands for it where the name is not known.
const UNKNOWN: [(&str, &str); 9] = [
    ("client", "APP"),
    ("tenant", "TENANT"),
    ("vault", "VAULT"),
    ("vault-name", "VAULT"),
    ("secret", "SECRET"),
    ("runbook", "RUNBOOK"),
    ("identity", "OBJECT_ID"),
    ("operator", "CLIENT_ID"),
    ("key", "KEY_ID"),
];

impl Names {
    /// The names of a runbook, and of one of its vaults.
    pub fn of(runbook: &Runbook, vault: Option<VaultIx>) -> Names {
        let one = match runbook.vaults.as_slice() {
            [one] => Some(one),
            [] | [_, ..] => None,
        };
        let vault = vault.and_then(|v| runbook.vault(v)).or(one);
        Names {
            client_id: Some(runbook.client_id.to_string()),
            tenant: Some(runbook.tenant.as_str().to_owned()),
            vault: vault.map(|v| v.url.host().to_owned()),
            secret: vault.map(|v| v.secret.as_str().to_owned()),
            ..Names::default()
        }
    }

    /// The same with the runbook's file.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Names {
        self.runbook = Some(file.to_owned());
        self
    }

    fn get(&self, placeholder: &str) -> Option<&str> {
        let name = match placeholder {
            "client" => &self.client_id,
            "tenant" => &self.tenant,
            "vault" => &self.vault,
            "vault-name" => return self.vault.as_deref().and_then(|v| v.split('.').next()),
            "secret" => &self.secret,
            "runbook" => &self.runbook,
            "identity" => &self.identity,
            "operator" => &self.operator,
            _ => &None,
        };
        name.as_deref()
    }
}

/// A refusal in words. One line each; nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The row's name: its heading in `docs/errors.md`.
    pub name: &'static str,
    /// What happened, with status, code and request-id.
    pub happened: String,
    /// What is true in the cloud while it is so.
    pub now: String,
    /// What to run or to do.
    pub next: String,
}

impl Words {
    /// The words of a refusal to `operation`, if it is known what was asked for.
    pub fn of_refusal(operation: Option<Operation>, refusal: &Refusal, request_id: Option<&str>, names: &Names) -> Words {
        let row = of_refusal(operation, refusal);
        let signing_in = row.service == Service::Token;
        let fill = Filling { names, service: operation.map_or(row.service, Operation::service), operator: signing_in };
        let status = refusal.status.map(|s| format!("HTTP {s}"));
        let code = Some(refusal.code.clone()).filter(|c| !c.is_empty());
        let asked_for = operation.map(|o| format!("while {}", o.doing()));
        // of a sign-in with a known number there is no sentence of the service's that says more than ours
        let numbered = matches!(row.sign, Sign::Numbers(_));
        let said = Some(clean(&refusal.message)).filter(|m| !m.is_empty() && !numbered);
        fill.words(row, [asked_for, status, code, id(request_id)], said)
    }

    /// The words of a sign-in with the application's secret; `None` if it was accepted.
    pub fn of_sign_in(answer: &SignIn, request_id: Option<&str>, names: &Names) -> Option<Words> {
        let row = of_sign_in(answer)?;
        let fill = Filling { names, service: Service::Token, operator: false };
        let (code, said) = match answer {
            SignIn::Wrong => (Some("AADSTS7000215".to_owned()), None),
            SignIn::Expired => (Some("AADSTS7000222".to_owned()), None),
            SignIn::Refused { code: 0, class } => (Some(class.clone()), None),
            SignIn::Refused { code, class } => (Some(format!("AADSTS{code}, {class}")), None),
            SignIn::Unavailable { why } => (None, Some(clean(why))),
            SignIn::Accepted | SignIn::OtherIdentity => (None, None),
        };
        Some(fill.words(row, [None, None, code, id(request_id)], said))
    }

    /// The words of a row alone.
    pub fn of_row(row: &Row, names: &Names) -> Words {
        let fill = Filling { names, service: row.service, operator: false };
        fill.words(row, [None, None, None, None], None)
    }

    /// What is true and what to do, on one line.
    pub fn advice(&self) -> String {
        [self.now.as_str(), self.next.as_str()].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

fn id(request_id: Option<&str>) -> Option<String> {
    request_id.map(|id| format!("request-id {}", clean(id)))
}

struct Filling<'a> {
    names: &'a Names,
    service: Service,
    /// The one that signs in is the identity that rotates.
    operator: bool,
}

impl Filling<'_> {
    fn words(&self, row: &Row, facts: [Option<String>; 4], said: Option<String>) -> Words {
        let facts: Vec<String> = facts.into_iter().flatten().filter(|f| !f.is_empty()).collect();
        let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
        let said = said.map(|s| format!(" It says: {}", full_stop(&s))).unwrap_or_default();
        let happened = self.fill(row.happened);
        let next = if self.operator && !row.next_for_operator.is_empty() { row.next_for_operator } else { row.next };
        Words {
            name: row.name,
            happened: format!("{}{facts}.{said}", happened.trim_end_matches('.')),
            now: self.fill(row.now),
            next: self.fill(next),
        }
    }

    /// Replaces the placeholders. A name is filled in as it is: it has been checked where it was parsed.
    fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 40);
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            out.push_str(before);
            let (placeholder, after) = tail.split_once('}').unwrap_or((tail, ""));
            let filled = self.one(placeholder);
            out.push_str(&if out.is_empty() { capital(&filled) } else { filled });
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn one(&self, placeholder: &str) -> String {
        let who = || match self.operator {
            true => "the identity that rotates".to_owned(),
            false => format!("the application {}", self.one("client")),
        };
        match placeholder {
            "who" | "Who" => who(),
            "service" if self.service == Service::Vault => format!("the vault {}", self.one("vault")),
            "service" => self.service.name().to_owned(),
            other => {
                let unknown = || UNKNOWN.iter().find(|(name, _)| *name == other).map(|(_, word)| *word);
                self.names.get(other).or_else(unknown).unwrap_or_default().to_owned()
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn full_stop(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
