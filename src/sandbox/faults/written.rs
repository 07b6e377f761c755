//! Rules as people write them: `[[fault]]` tables of a TOML file, or the same as JSON.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Chance, Fault, Operation, Refusal, Rule};
use crate::runbook::HumanDuration;
use crate::sandbox::cloud::{GraphTrouble, RetryAfter, SignInTrouble, VaultTrouble};

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Written {
    /// `login`, `graph` or `vault`: all its operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Names of operations; all if neither this nor a service is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operation: Vec<String>,
    /// A client ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<Uuid>,
    /// A vault's host name, or the first part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// From the so manieth request on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// So many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// From 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Of the draws; 0 if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What happens: one of [`Written::DEEDS`].
    #[serde(rename = "do")]
    pub deed: String,
    /// How it is refused: one of [`Written::REFUSALS`].
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The HTTP status of `refuse` and `error-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `error.code` of a refusal with a status of its own; of the token endpoint the number after AADSTS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `Retry-After` of a refusal: whole seconds, or `2.128`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// How long, where something takes time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<HumanDuration>,
    /// The replica that is late, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<u8>,
}

/// A rule that is none, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// The file's form.
    #[error("{0}")]
    Form(String),
    /// One rule of it, counted from 1.
    #[error("fault {nth}: {why}")]
    Rule {
        /// Which one.
        nth: usize,
        /// What is wrong, and what to write.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Written>,
}

/// The rules of a file of `[[fault]]` tables.
///
/// # Errors
/// If it is not TOML, or a rule cannot be one.
pub fn parse(text: &str) -> Result<Vec<Rule>, BadFault> {
    let file: File = toml::from_str(text).map_err(|e| BadFault::Form(e.to_string()))?;
    let rule = |(n, w): (usize, &Written)| w.rule().map_err(|why| BadFault::Rule { nth: n.saturating_add(1), why });
    file.fault.iter().enumerate().map(rule).collect()
}

/// The refusals of one service alone, by name.
const SIGN_IN: [(&str, SignInTrouble); 6] = [
    ("conditional-access", SignInTrouble::ConditionalAccess),
    ("disabled", SignInTrouble::Disabled),
    ("unknown-tenant", SignInTrouble::UnknownTenant),
    ("unknown-application", SignInTrouble::UnknownApplication),
    ("expired", SignInTrouble::Expired),
    ("wrong-cloud", SignInTrouble::WrongCloud),
];
const GRAPH: [(&str, GraphTrouble); 5] = [
    ("conflict", GraphTrouble::Conflict),
    ("busy", GraphTrouble::Busy),
    ("not-replicated", GraphTrouble::NotReplicated),
    ("too-large", GraphTrouble::TooLarge),
    ("stale-link", GraphTrouble::StaleLink),
];

impl Written {
    /// The values of `do`.
    pub const DEEDS: [&'static str; 10] = [
        "refuse",
        "lose-request",
        "lose-answer",
        "apply-late",
        "error-after",
        "cut-body",
        "slow",
        "replica-late",
        "stale-list",
        "empty-page",
    ];

    /// The values of `as`: of any service, of the token endpoint, of Graph.
    pub const REFUSALS: [&'static str; 13] = [
        "throttled",
        "unavailable",
        "conditional-access",
        "disabled",
        "unknown-tenant",
        "unknown-application",
        "expired",
        "wrong-cloud",
        "conflict",
        "busy",
        "not-replicated",
        "too-large",
        "stale-link",
    ];

    /// The rule.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to write.
    pub fn rule(&self) -> Result<Rule, String> {
        let per_million = |p: f64| {
            let lawful = (0.0..=1.0).contains(&p).then_some(p);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to a million
            let whole = lawful.map(|p| (p * 1_000_000.0).round() as u32);
            whole.ok_or_else(|| format!("probability = {p} is not from 0 to 1"))
        };
        let per_million = self.probability.map(per_million).transpose()?;
        if self.seed.is_some() && per_million.is_none() {
            return Err("`seed` is of a `probability`, and there is none".to_owned());
        }
        if self.nth == Some(0) || self.times == Some(0) {
            return Err("`nth` and `times` count from 1".to_owned());
        }
        Ok(Rule {
            operations: self.operations()?,
            application: self.application,
            vault: self.vault.clone(),
            nth: self.nth.unwrap_or(1),
            times: self.times,
            chance: per_million.map(|per_million| Chance { per_million, seed: self.seed.unwrap_or_default() }),
            fault: self.fault()?,
        })
    }

    fn operations(&self) -> Result<BTreeSet<Operation>, String> {
        let mut all = BTreeSet::new();
        if let Some(service) = &self.service {
            let before = all.len();
            all.extend(Operation::of_service(service).filter(|o| *o != Operation::Own));
            if all.len() == before {
                return Err(format!("service = \"{service}\" is not one of login, graph, vault"));
            }
        }
        for name in &self.operation {
            let found = Operation::named(name).filter(|o| *o != Operation::Own);
            all.insert(found.ok_or_else(|| {
                let names = Operation::ALL.iter().filter(|o| **o != Operation::Own).map(|o| o.name());
                format!("operation \"{name}\" is not one of {}", names.collect::<Vec<_>>().join(", "))
            })?);
        }
        Ok(all)
    }

    fn fault(&self) -> Result<Fault, String> {
        let deed = self.deed.as_str();
        let goes_with = |name: &str, given: bool, deeds: &[&str]| {
            let odd = given && !deeds.contains(&deed);
            if odd { Err(format!("`{name}` goes with do = \"{}\"", deeds.join("\" or \""))) } else { Ok(()) }
        };
        goes_with("by", self.by.is_some(), &["apply-late", "slow", "replica-late", "stale-list"])?;
        goes_with("replica", self.replica.is_some(), &["replica-late"])?;
        goes_with("as", self.refusal.is_some(), &["refuse"])?;
        goes_with("status", self.status.is_some(), &["refuse", "error-after"])?;
        goes_with("code", self.code.is_some(), &["refuse"])?;
        goes_with("retry_after", self.retry_after.is_some(), &["refuse"])?;
        let by = || {
            let by = self.by.ok_or_else(|| format!("do = \"{deed}\" needs `by`, such as by = \"30s\""))?;
            Ok::<u64, String>(u64::try_from(by.get().as_millis()).unwrap_or(u64::MAX))
        };
        match deed {
            "refuse" => self.refused().map(Fault::Refuse),
            "lose-request" => Ok(Fault::LoseRequest),
            "lose-answer" => Ok(Fault::LoseAnswer),
            "apply-late" => by().map(Fault::ApplyLate),
            "error-after" => match self.status.unwrap_or(503) {
                status @ 400..=599 => Ok(Fault::ErrorAfter(status)),
                other => Err(format!("status = {other} is no error: write 400 to 599")),
            },
            "cut-body" => Ok(Fault::CutBody),
            "slow" => by().map(Fault::Slow),
            "replica-late" => Ok(Fault::ReplicaLate { replica: self.replica.unwrap_or(0), by: by()? }),
            "stale-list" => by().map(Fault::StaleList),
            "empty-page" => Ok(Fault::EmptyPage),
            other => Err(format!("do = \"{other}\" is not one of {}", Written::DEEDS.join(", "))),
        }
    }

    fn refused(&self) -> Result<Refusal, String> {
        let retry_after = self.retry_after.as_deref().map(|text| match text {
            "2.128" => Ok(RetryAfter::Fractional),
            other => other.parse().map(RetryAfter::Seconds).map_err(|_| {
                format!("retry_after = \"{other}\" is neither whole seconds nor \"2.128\", the fraction that is documented")
            }),
        });
        let retry_after = retry_after.transpose()?;
        let name = match (self.refusal.as_deref(), self.status) {
            (Some(name), None) if self.code.is_none() => name,
            (None, Some(status @ 400..=599)) => {
                let code = self.code.clone().unwrap_or_else(|| "SandboxFault".to_owned());
                return Ok(Refusal::Plain { status, code, retry_after });
            }
            (None, Some(other)) => return Err(format!("status = {other} is no error: write 400 to 599")),
            (None, None) | (Some(_), _) => {
                let names = Written::REFUSALS.join(", ");
                return Err(format!("do = \"refuse\" needs `as` (one of {names}), or `status` and `code`"));
            }
        };
        if retry_after.is_some() && name != "throttled" {
            return Err("`retry_after` goes with as = \"throttled\" or with a `status`".to_owned());
        }
        let known = match name {
            "throttled" => Some(Refusal::Throttled(retry_after)),
            "unavailable" => Some(Refusal::Unavailable),
            other => {
                let sign_in = SIGN_IN.iter().find(|(n, _)| *n == other).map(|(_, why)| Refusal::SignIn(*why));
                sign_in.or_else(|| GRAPH.iter().find(|(n, _)| *n == other).map(|(_, why)| Refusal::Graph(*why)))
            }
        };
        known.ok_or_else(|| format!("as = \"{name}\" is not one of {}", Written::REFUSALS.join(", ")))
    }

    /// The same rule, written down.
    pub fn of(rule: &Rule) -> Written {
        let mut written = Written {
            operation: rule.operations.iter().map(|o| o.name().to_owned()).collect(),
            application: rule.application,
            vault: rule.vault.clone(),
            nth: (rule.nth > 1).then_some(rule.nth),
            times: rule.times,
            probability: rule.chance.as_ref().map(|c| f64::from(c.per_million) / 1_000_000.0),
            seed: rule.chance.as_ref().map(|c| c.seed).filter(|s| *s != 0),
            ..Written::default()
        };
        let millis = |ms: &u64| format!("{ms}ms").parse::<HumanDuration>().ok();
        let (deed, by) = match &rule.fault {
            Fault::Refuse(refusal) => {
                written.name(refusal);
                ("refuse", None)
            }
            Fault::LoseRequest => ("lose-request", None),
            Fault::LoseAnswer => ("lose-answer", None),
            Fault::ApplyLate(by) => ("apply-late", millis(by)),
            Fault::ErrorAfter(status) => {
                written.status = Some(*status);
                ("error-after", None)
            }
            Fault::CutBody => ("cut-body", None),
            Fault::Slow(by) => ("slow", millis(by)),
            Fault::ReplicaLate { replica, by } => {
                written.replica = Some(*replica);
                ("replica-late", millis(by))
            }
            Fault::StaleList(by) => ("stale-list", millis(by)),
            Fault::EmptyPage => ("empty-page", None),
        };
        Written { deed: deed.to_owned(), by, ..written }
    }

    fn name(&mut self, refusal: &Refusal) {
        let mut named = |name: &str| self.refusal = Some(name.to_owned());
        match refusal {
            Refusal::SignIn(SignInTrouble::Throttled) | Refusal::Vault(VaultTrouble::Throttled) => named("throttled"),
            Refusal::Throttled(after) | Refusal::Graph(GraphTrouble::Throttled(after)) => {
                named("throttled");
                self.retry_after = after.map(RetryAfter::text);
            }
            Refusal::Unavailable
            | Refusal::SignIn(SignInTrouble::Unavailable)
            | Refusal::Graph(GraphTrouble::Unavailable)
            | Refusal::Vault(VaultTrouble::Unavailable) => named("unavailable"),
            Refusal::SignIn(why) => SIGN_IN.iter().filter(|(_, w)| w == why).for_each(|(n, _)| named(n)),
            Refusal::Graph(why) => GRAPH.iter().filter(|(_, w)| w == why).for_each(|(n, _)| named(n)),
            Refusal::Plain { status, code, retry_after } => {
                self.status = Some(*status);
                self.code = Some(code.clone());
                self.retry_after = retry_after.map(RetryAfter::text);
            }
        }
    }

    /// The rule in one line, as it is written.
    pub fn line(&self) -> String {
        toml::to_string(self).unwrap_or_default().trim_end().replace('\n', ", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "
            [[fault]]
            operation = [\"add-password\", \"set-secret\"]
            nth = 2
            times = 3
            do = \"apply-late\"
            by = \"90s\"
            [[fault]]
            service = \"graph\"
            probability = 0.25
            seed = 7
            do = \"refuse\"
            as = \"throttled\"
            retry_after = \"2.128\"
            [[fault]]
            vault = \"billing-prod\"
            do = \"refuse\"
            status = 403
            code = \"Forbidden\"
        ";
        let rules = parse(text).unwrap();
        assert_eq!(rules[0].fault, Fault::ApplyLate(90_000));
        assert_eq!(rules[0].operations, BTreeSet::from([Operation::AddPassword, Operation::SetSecret]));
        assert_eq!(rules[1].chance, Some(Chance { per_million: 250_000, seed: 7 }));
        assert_eq!(rules[1].operations.len(), 7);
        for rule in &rules {
            assert_eq!(Written::of(rule).rule().as_ref(), Ok(rule));
        }
        for (name, deed) in Written::REFUSALS.map(|r| (Some(r), "refuse")).into_iter().chain([(None, "lose-answer")]) {
            let written = Written { deed: deed.into(), refusal: name.map(str::to_owned), ..Written::default() };
            assert_eq!(Written::of(&written.rule().unwrap()), written);
        }
    }

    #[test]
    fn what_cannot_be_a_rule_says_what_to_write() {
        let why = |line: &str| parse(&format!("[[fault]]\n{line}\n")).unwrap_err().to_string();
        for (line, says) in [
            ("do = \"explode\"", "not one of refuse, lose-request"),
            ("do = \"slow\"", "needs `by`"),
            ("do = \"slow\"\nby = \"2\"", "has no unit"),
            ("do = \"refuse\"", "needs `as`"),
            ("do = \"refuse\"\nas = \"tired\"", "as = \"tired\" is not one of"),
            ("do = \"refuse\"\nas = \"busy\"\nstatus = 400", "needs `as`"),
            ("do = \"refuse\"\nas = \"busy\"\nretry_after = \"3\"", "`retry_after` goes with"),
            ("do = \"refuse\"\nas = \"throttled\"\nretry_after = \"soon\"", "whole seconds"),
            ("do = \"refuse\"\nstatus = 200", "no error"),
            ("do = \"cut-body\"\nreplica = 1", "`replica` goes with"),
            ("do = \"cut-body\"\nprobability = 1.5", "not from 0 to 1"),
            ("do = \"cut-body\"\nseed = 3", "of a `probability`"),
            ("do = \"cut-body\"\nnth = 0", "count from 1"),
            ("do = \"cut-body\"\nservice = \"arm\"", "not one of login, graph, vault"),
            ("do = \"cut-body\"\noperation = [\"mint\"]", "\"mint\" is not one of sign-in"),
            ("do = \"cut-body\"\nhow = 3", "unknown field `how`"),
        ] {
            assert!(why(line).contains(says), "{line}: {}", why(line));
        }
    }
}
