//! Rules, and which of them strikes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Call, Operation, Written};
use crate::sandbox::cloud::random::Random;
use crate::sandbox::cloud::{GraphTrouble, RetryAfter, SignInTrouble, VaultTrouble};

/// What happens to a request. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The service says no, and nothing has happened.
    Refuse(Refusal),
    /// The connection dies before the service has read the request: nothing happens.
    LoseRequest,
    /// It is done, and the connection dies before the answer has left.
    LoseAnswer,
    /// The connection dies, and the request is done this much later.
    ApplyLate(u64),
    /// It is done, and answered with this status.
    ErrorAfter(u16),
    /// It is done, and the connection dies in the middle of the answer's body.
    CutBody,
    /// It is done, and answered this much later.
    Slow(u64),
    /// A credential that it adds or removes: one sign-in replica sees the change this much later than it would.
    ReplicaLate {
        /// Which one, from 0.
        replica: u8,
        /// How much later.
        by: u64,
    },
    /// Lists of credentials, of versions and of deleted secrets are answered as they were this long ago.
    StaleList(u64),
    /// A list begins with an empty page that links to the next one.
    EmptyPage,
}

impl Fault {
    fn refusal(&self) -> Option<&Refusal> {
        if let Fault::Refuse(refusal) = self { Some(refusal) } else { None }
    }
}

/// How a service refuses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// 429, as each service says it. A vault sends no `Retry-After`, the token endpoint always 60.
    Throttled(Option<RetryAfter>),
    /// 503, as each service says it.
    Unavailable,
    /// Of the token endpoint only.
    SignIn(SignInTrouble),
    /// Of Graph only.
    Graph(GraphTrouble),
    /// Of vaults only.
    Vault(VaultTrouble),
    /// Anything else.
    Plain {
        /// The HTTP status.
        status: u16,
        /// `error.code`; of the token endpoint the number after AADSTS.
        code: String,
        /// The header, where there is one.
        retry_after: Option<RetryAfter>,
    },
}

impl Refusal {
    fn suits(&self, service: &str) -> bool {
        match self {
            Refusal::Throttled(_) | Refusal::Unavailable | Refusal::Plain { .. } => true,
            Refusal::SignIn(_) => service == "login",
            Refusal::Graph(_) => service == "graph",
            Refusal::Vault(_) => service == "vault",
        }
    }
}

/// With which probability a rule strikes, drawn anew for each request that it fits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chance {
    /// Of a million requests so many are struck.
    pub per_million: u32,
    /// The same seed strikes the same requests again.
    pub seed: u64,
}

/// Which requests, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// These operations; all of them if none is named.
    pub operations: BTreeSet<Operation>,
    /// On this application only.
    pub application: Option<Uuid>,
    /// In this vault only: its host name, or the first part of it.
    pub vault: Option<String>,
    /// From the so manieth request on that fits, counted from 1.
    pub nth: u32,
    /// So many requests; no end if there is no number.
    pub times: Option<u32>,
    /// Each of them with this probability; always if there is none.
    pub chance: Option<Chance>,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// Strikes every request.
    pub fn new(fault: Fault) -> Rule {
        Rule { operations: BTreeSet::new(), application: None, vault: None, nth: 1, times: None, chance: None, fault }
    }

    fn fits(&self, call: &Call) -> bool {
        let host = |name: &str| {
            let host = call.vault.as_deref().unwrap_or_default();
            host.eq_ignore_ascii_case(name) || host.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(name))
        };
        call.operation != Operation::Own
            && (self.operations.is_empty() || self.operations.contains(&call.operation))
            && self.application.is_none_or(|a| call.application == Some(a))
            && self.vault.as_deref().is_none_or(host)
    }
}

/// Names a rule as long as the sandbox's state lives.
pub type RuleId = u64;

/// The rules of a cloud, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    rules: Vec<Kept>,
    next: RuleId,
    /// Which rules struck since somebody asked.
    #[serde(skip)]
    struck: Vec<RuleId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Kept {
    id: RuleId,
    rule: Rule,
    /// Requests that fitted.
    seen: u32,
    /// Requests that were struck.
    hits: u32,
    random: Option<Random>,
}

impl Faults {
    /// Adds a rule behind the others and names it.
    pub fn add(&mut self, rule: Rule) -> RuleId {
        self.next = self.next.saturating_add(1);
        let random = rule.chance.as_ref().map(|c| Random::new(c.seed));
        self.rules.push(Kept { id: self.next, rule, seen: 0, hits: 0, random });
        self.next
    }

    /// Takes one rule away. Returns whether it was there.
    pub fn remove(&mut self, id: RuleId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|k| k.id != id);
        self.rules.len() < before
    }

    /// Takes all rules away and returns how many there were.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.rules).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules as they are written, how many requests each has fitted, and how many it has struck.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, Written, u32, u32)> {
        self.rules.iter().map(|k| (k.id, Written::of(&k.rule), k.seen, k.hits))
    }

    /// What happens to this request on its way, if something does; a refusal is none of that. Counts, and says whether what must
    /// outlive the process has changed.
    pub(in crate::sandbox) fn on_the_way(&mut self, call: &Call) -> (Option<Fault>, bool) {
        self.strike(call, |fault| if fault.refusal().is_some() { None } else { Some(fault.clone()) })
    }

    /// How the service refuses this request, if a rule says so. Counts likewise.
    pub(in crate::sandbox) fn at_the_service(&mut self, call: &Call) -> (Option<Refusal>, bool) {
        self.strike(call, |fault| fault.refusal().filter(|r| r.suits(call.operation.service())).cloned())
    }

    /// Which rules struck since this was last asked.
    pub(in crate::sandbox) fn take_struck(&mut self) -> Vec<RuleId> {
        std::mem::take(&mut self.struck)
    }

    /// Every rule that fits counts the request; the first whose turn it is strikes.
    fn strike<T>(&mut self, call: &Call, of: impl Fn(&Fault) -> Option<T>) -> (Option<T>, bool) {
        let (mut counted, mut struck) = (false, None);
        for kept in &mut self.rules {
            let Some(found) = of(&kept.rule.fault).filter(|_| kept.rule.fits(call)) else { continue };
            // a rule that strikes everything has nothing to remember
            counted |= kept.rule.nth > 1 || kept.rule.times.is_some() || kept.rule.chance.is_some();
            kept.seen = kept.seen.saturating_add(1);
            let drawn = match (&kept.rule.chance, &mut kept.random) {
                (Some(chance), Some(random)) => random.between(1, 1_000_000) <= u64::from(chance.per_million),
                (None, _) | (_, None) => true,
            };
            let spent = kept.rule.times.is_some_and(|times| kept.hits >= times);
            if struck.is_none() && kept.seen >= kept.rule.nth && drawn && !spent {
                kept.hits = kept.hits.saturating_add(1);
                self.struck.push(kept.id);
                struck = Some(found);
            }
        }
        (struck, counted)
    }
}
