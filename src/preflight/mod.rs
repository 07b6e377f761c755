//! Before a run: what is there, and whether a run may start. Read only.
//!
//! What it finds becomes the [`Plan`] of the run; what it cannot be sure of becomes a refusal, with nothing changed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::driver::Stop;
use crate::driver::patience::patiently;
use crate::ports::{Application, Credential, Read, Services};
use crate::rotation::Plan;
use crate::rotation::answers::SignIn;
use crate::rotation::names::{KeyId, RunId, Tag, TargetId, VaultIx};
use crate::rotation::plan::{Adopted, Baseline, VaultStart};
use crate::run::ApplicationFacts;
use crate::runbook::Runbook;

mod adopt;
mod baseline;
mod refused;

pub use adopt::adopt;
pub use refused::{Candidate, Refused};

/// What a person or a pipeline asks for besides the runbook.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The key ID that the run replaces, where it cannot be told from the vault.
    pub old_key: Option<KeyId>,
    /// Only if the old secret ends within this time.
    pub if_expires_within: Option<SignedDuration>,
    /// Runs of this machine's journals, and whether they have ended.
    pub known_runs: BTreeMap<RunId, bool>,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A run may start.
    Due(Box<Ready>),
    /// The old secret lives longer than asked for: nothing to do.
    NotDue {
        /// Until then.
        ends: Timestamp,
    },
}

/// A run may start.
#[derive(Debug)]
pub struct Ready {
    /// What it sets out from.
    pub plan: Plan,
    /// What is rotated.
    pub application: ApplicationFacts,
    /// What a person should know before it starts.
    pub warnings: Vec<String>,
}

/// Asks the services, with patience.
pub struct Preflight<'a, S, C, P> {
    /// The services.
    pub services: &'a S,
    /// The clock; it learns the time from the first answer.
    pub clock: &'a C,
    /// Whether to stop.
    pub stop: &'a P,
    /// How long one read may fail for passing reasons.
    pub patience: SignedDuration,
}

impl<S: Services, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    /// Looks at everything that a run of `runbook` depends on.
    pub async fn look(
        &self,
        runbook: &Runbook,
        run: impl FnOnce(Timestamp) -> RunId,
        wanted: &Wanted,
    ) -> Result<Found, Refused> {
        let application = self.application().await?;
        let credentials = self.credentials().await?;
        let now = self.now()?;
        let target = runbook.target();
        let found = self.baseline(runbook, &credentials, wanted, now).await?;
        let bystanders = other_runs(&credentials, target, found.baseline.key_id(), &wanted.known_runs)?;
        if let (Some(within), Some(ends)) = (wanted.if_expires_within, found.ends)
            && found.baseline.alive()
            && ends > now.checked_add(within).unwrap_or(Timestamp::MAX)
        {
            return Ok(Found::NotDue { ends });
        }
        if let Some(room) = application.room.filter(|room| credentials.len() >= usize::from(*room)) {
            return Err(Refused::NoRoom { room, credentials: credentials.iter().map(Candidate::of).collect() });
        }
        let mut warnings = found.warnings;
        let left_over = |r: &RunId| format!("run {r} has ended and left a credential behind; it is not touched");
        warnings.extend(bystanders.iter().map(left_over));
        let mut plan = plan(runbook, run(now), target, application.room, found.baseline, found.vaults);
        plan.bystanders = bystanders;
        Ok(Found::Due(Box::new(Ready { plan, application: facts(&application), warnings })))
    }

    async fn application(&self) -> Result<Application, Refused> {
        self.ask("the application", async || self.services.application().await).await
    }

    async fn credentials(&self) -> Result<Vec<Credential>, Refused> {
        self.ask("the application's credentials", async || self.services.credentials().await).await
    }

    async fn ask<T>(&self, what: &str, ask: impl AsyncFn() -> Read<T>) -> Result<T, Refused> {
        let answer = patiently(self.clock, self.stop, self.patience, |_| (), ask).await;
        answer.map(|(t, _)| t).map_err(|(refusal, trace)| Refused::Service {
            what: what.to_owned(),
            refusal,
            request_id: trace.request_id,
        })
    }

    fn now(&self) -> Result<Timestamp, Refused> {
        self.clock.now().ok_or(Refused::NoServiceTime)
    }
}

fn facts(application: &Application) -> ApplicationFacts {
    ApplicationFacts {
        client_id: application.client_id.clone(),
        object_id: application.object_id.clone(),
        display_name: application.display_name.clone(),
    }
}

/// Other runs of this target that have left a credential: known to have ended, or the run must yield.
fn other_runs(
    credentials: &[Credential],
    target: TargetId,
    baseline: Option<KeyId>,
    known: &BTreeMap<RunId, bool>,
) -> Result<BTreeSet<RunId>, Refused> {
    let others = credentials.iter().filter(|c| Some(c.key_id) != baseline);
    let others = others.filter_map(|c| Tag::leading(&c.display_name)).filter(|t| t.target == target);
    let mut ended = BTreeSet::new();
    for tag in others {
        match known.get(&tag.run) {
            Some(true) => ended.insert(tag.run),
            Some(false) => return Err(Refused::Unfinished { run: tag.run, here: true }),
            None => return Err(Refused::Unfinished { run: tag.run, here: false }),
        };
    }
    Ok(ended)
}

fn plan(
    runbook: &Runbook,
    run: RunId,
    target: TargetId,
    room: Option<u8>,
    baseline: Baseline,
    vaults: Vec<VaultStart>,
) -> Plan {
    let duration = |d: crate::runbook::HumanDuration| SignedDuration::try_from(d.get()).unwrap_or(SignedDuration::MAX);
    let consumer = |c: &crate::runbook::Consumer| crate::rotation::plan::ConsumerPlan {
        refresh: c.refresh.is_some(),
        check: c.check.is_some(),
        cache: duration(c.cache),
    };
    Plan {
        target,
        run,
        baseline,
        vaults,
        room,
        bystanders: BTreeSet::new(),
        proof: crate::rotation::plan::Proof {
            window: duration(runbook.proof.window),
            spacing: duration(runbook.proof.spacing),
            limit: duration(runbook.proof.limit),
        },
        overlap: duration(runbook.overlap),
        settle: duration(runbook.settle),
        delete: runbook.delete,
        release_within: duration(runbook.release_within),
        on_failure: runbook.on_failure,
        attempts: runbook.attempts,
        consumers: runbook.consumers.iter().map(consumer).collect(),
        adopted: Vec::<Adopted>::new(),
    }
}

/// Whether an answer decides what a value is: alive, or dead if it stays so.
fn undecided(answer: &SignIn) -> bool {
    !answer.accepted() && !answer.says_dead()
}

fn all_vaults(runbook: &Runbook) -> impl Iterator<Item = VaultIx> + use<> {
    (0..u8::try_from(runbook.vaults.len()).unwrap_or(u8::MAX)).map(VaultIx)
}

/// The vault's secret, for people.
fn place(runbook: &Runbook, vault: VaultIx) -> String {
    runbook.vault(vault).map_or_else(String::new, |v| format!("{} in {}", v.secret, v.url.host()))
}

fn unclear(runbook: &Runbook, vault: VaultIx, answer: SignIn) -> Refused {
    Refused::CannotTell { place: place(runbook, vault), answer }
}
