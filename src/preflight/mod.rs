//! Before a run: what is there, and whether a run may start. Read only.
//!
//! First everything is read (`survey`), then all of it is judged by pure functions, one [`Check`] after the other. If none
//! refuses, what was found becomes the [`Plan`] of the run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::driver::patience::patiently;
use crate::driver::{Patience, Stop};
use crate::ports::{Application, Credential, Identity, Inspect, Read, Services};
use crate::rotation::Plan;
use crate::rotation::answers::{SignIn, Version};
use crate::rotation::names::{KeyId, RunId, TargetId, VaultIx};
use crate::rotation::plan::{Adopted, Baseline, VaultStart};
use crate::run::ApplicationFacts;
use crate::runbook::Runbook;

mod adopt;
mod application;
mod baseline;
pub mod check;
pub mod emergency;
mod mend;
mod permission;
mod refused;
mod surroundings;
mod survey;
mod vault_survey;

pub use adopt::adopt;
pub use check::{Check, CheckId, Verdict};
pub use refused::{Candidate, Refused};
pub use surroundings::OtherUse;

use baseline::FoundBaseline;
use mend::Mend;
use survey::Survey;

/// What a person or a pipeline asks for besides the runbook, and what this machine's journals know.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The key ID that the run replaces, where it cannot be told from the vault.
    pub old_key: Option<KeyId>,
    /// Only if the old secret ends within this time.
    pub if_expires_within: Option<SignedDuration>,
    /// A person says that the old secret may go although another runbook's vaults may serve it.
    pub shared_key_ok: bool,
    /// Checks that refuse nothing, since the run does not need what they look at.
    pub waived: &'static [CheckId],
    /// Runs of this machine's journals, and whether they have ended.
    pub known_runs: BTreeMap<RunId, bool>,
    /// A run of the same target in this machine's journals that has not ended.
    pub unfinished: Option<RunId>,
    /// What runs of other targets have left in their vaults.
    pub other_uses: Vec<OtherUse>,
}

/// What a look came to.
#[derive(Debug)]
pub struct Looked {
    /// Everything that was looked at, in the order of [`CheckId`].
    pub checks: Vec<Check>,
    /// Who acts, where the token says so.
    pub identity: Option<Identity>,
    /// The application, if it was found.
    pub application: Option<ApplicationFacts>,
    /// Whether a run may start, and from what.
    pub found: Result<Found, Refused>,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A run may start.
    Due(Box<Ready>),
    /// The old secret lives longer than asked for: nothing to do, whatever else is in the way.
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
    pub patience: Patience,
}

impl<S: Services + Inspect, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    /// Looks at everything that a run of `runbook` depends on, and judges it. Reads only. What cannot be read because it needs
    /// a permission that a run does not need refuses nothing.
    pub async fn look(&self, runbook: &Runbook, run: impl FnOnce(Timestamp) -> RunId, wanted: &Wanted) -> Looked {
        let survey = self.survey(runbook).await;
        let mend = Mend { runbook, acting: survey.acting() };
        let (mut checks, found) = baseline::judge(&survey, wanted, &mend);
        let (runs, bystanders) = application::unfinished(&survey, runbook.target(), found.as_ref(), wanted);
        let credentials = survey.directory.credentials.as_deref().unwrap_or_default();
        checks.extend(runs);
        checks.push(Check::ok(CheckId::Runbook, format!("valid, sha256 {}", runbook.sha256)));
        checks.extend(permission::identity(&survey, runbook, &mend));
        checks.push(permission::permission(&survey, &mend));
        checks.push(permission::not_itself(&survey, runbook));
        checks.push(application::found(&survey, &mend));
        checks.push(application::principal(&survey, &mend));
        checks.push(application::room(&survey, &mend));
        checks.push(application::policy(&survey, runbook));
        checks.extend(surroundings::shared(runbook, found.as_ref(), credentials, wanted));
        checks.push(surroundings::clock(&survey));
        checks.push(surroundings::expiry(found.as_ref(), runbook, survey.now));
        checks.extend(surroundings::caches(runbook));
        checks.extend(surroundings::pinned(runbook));
        checks.sort_by_key(|c| c.check);
        let application = survey.directory.application.as_ref().ok().map(facts);
        let outcome = outcome(&checks, &survey, found, runbook, run, wanted, bystanders);
        Looked { checks, identity: survey.acting().cloned(), application, found: outcome }
    }
}

/// A plan, if nothing refuses one.
fn outcome(
    checks: &[Check],
    survey: &Survey,
    found: Option<FoundBaseline>,
    runbook: &Runbook,
    run: impl FnOnce(Timestamp) -> RunId,
    wanted: &Wanted,
    bystanders: BTreeSet<RunId>,
) -> Result<Found, Refused> {
    let now = survey.now.ok_or(Refused::NoServiceTime);
    if let (Some(within), Some(found), Ok(now)) = (wanted.if_expires_within, &found, &now)
        && let Some(ends) = found.ends.filter(|_| found.baseline.alive())
        && ends > now.checked_add(within).unwrap_or(Timestamp::MAX)
    {
        return Ok(Found::NotDue { ends });
    }
    let counts = |c: &&Check| c.refuses() && !wanted.waived.contains(&c.check);
    let refusing: Vec<Check> = checks.iter().filter(counts).cloned().collect();
    // what was not found is behind a check that refuses, so the second and third cannot be missing alone
    let (true, Some(found), Ok(application)) = (refusing.is_empty(), found, &survey.directory.application) else {
        return Err(Refused::Checks { checks: refusing });
    };
    let warnings = checks.iter().filter(|c| c.verdict == Verdict::Warning).map(Check::sentence).collect();
    let mut plan = plan(runbook, run(now?), runbook.target(), application.room, found.baseline, found.vaults);
    plan.bystanders = bystanders;
    Ok(Found::Due(Box::new(Ready { plan, application: facts(application), warnings })))
}

impl<S: Services, C: Clock, P: Stop> Preflight<'_, S, C, P> {
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
        drain: drain(&runbook.drain),
        consumers: runbook.consumers.iter().map(consumer).collect(),
        adopted: Vec::<Adopted>::new(),
        emergency: None,
    }
}

fn drain(asked: &crate::runbook::Drain) -> Option<crate::rotation::plan::Drain> {
    use crate::runbook::DrainMode;
    let duration = |d: crate::runbook::HumanDuration| SignedDuration::try_from(d.get()).unwrap_or(SignedDuration::MAX);
    let require = match asked.mode {
        DrainMode::Off => return None,
        DrainMode::Observe => false,
        DrainMode::Require => true,
    };
    let (log_delay, idle, within) = (duration(asked.log_delay), duration(asked.idle), duration(asked.within));
    Some(crate::rotation::plan::Drain { require, log_delay, idle, within })
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

/// A provisioning run that was rolled back has left its version disabled: to consumers there is nothing.
fn all_ours(versions: &[Version], target: TargetId) -> bool {
    versions.iter().all(|v| !v.enabled && v.tag.as_ref().is_some_and(|t| t.target == target))
}
