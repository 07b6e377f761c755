//! Single states, made by hand where no run comes by them, and single decisions.

mod back;
mod consumers;
mod death;
mod decisions;
mod delete;
mod drain;
mod emergency;
mod invariants;
mod likeness;
mod limits;
mod publish;
mod readings;
mod reconcile;
mod view;
mod words;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::answers::{Current, Listed, Refusal, RefusalKind, Version};
use super::event::Event;
use super::failure::Reason;
use super::names::{KeyId, RunId, Tag, TargetId, VaultIx, VersionId};
use super::plan::{Baseline, Delete, OnFailure, Plan, Proof, VaultStart};
use super::state::{AddState, Attempt, Phase, Rotation};

const OLD: KeyId = KeyId(Uuid::from_u128(0x01d));
const NEW: KeyId = KeyId(Uuid::from_u128(0x4e1));
const NEXT: KeyId = KeyId(Uuid::from_u128(0x4e2));
const OTHERS: KeyId = KeyId(Uuid::from_u128(0x07e));

const FIRST: VaultIx = VaultIx(0);
const SECOND: VaultIx = VaultIx(1);

/// What the first vault served when the run began.
const START: VersionId = VersionId(1);

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// So many seconds after the run has begun.
fn at(n: i64) -> Timestamp {
    "2026-11-21T03:00:00Z".parse::<Timestamp>().unwrap() + seconds(n)
}

/// One vault that holds a living baseline; an overlap of an hour, 15 minutes to settle, three attempts.
fn plan() -> Plan {
    Plan {
        target: TargetId::of([("kv-0.vault.sandbox.localhost", "secret")]),
        run: RunId::new(at(0), 42),
        baseline: Baseline::Alive { key_id: OLD },
        vaults: vec![VaultStart::Holds { version: START }],
        room: None,
        bystanders: [].into(),
        proof: Proof { window: seconds(30), spacing: seconds(10), limit: seconds(120) },
        overlap: seconds(3600),
        settle: seconds(900),
        delete: Delete::Auto,
        release_within: seconds(86400),
        on_failure: OnFailure::Operator,
        attempts: 3,
        consumers: Vec::new(),
        drain: None,
        adopted: Vec::new(),
        emergency: None,
    }
}

fn run(plan: Plan) -> Rotation {
    Rotation::new(Arc::new(plan), at(0))
}

fn tag(attempt: u32) -> Tag {
    Tag { target: plan().target, run: plan().run, attempt }
}

fn added(key_id: KeyId, published: bool) -> Attempt {
    Attempt { added: AddState::Added(key_id), published }
}

/// The version that a run wrote for an attempt.
fn version(attempt: u32, key_id: KeyId) -> Version {
    Version { id: VersionId(100 + u128::from(attempt)), tag: Some(tag(attempt)), key_id: Some(key_id), enabled: true }
}

fn serves(attempt: u32, key_id: KeyId) -> Current {
    Current::Version(version(attempt, key_id))
}

/// What the first vault served when the run began.
fn baseline() -> Current {
    Current::Version(Version { id: START, tag: None, key_id: None, enabled: true })
}

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal { kind, status: None, code: String::new(), message: String::new(), retry_after: None }
}

/// A run in a phase, with one attempt that was published.
fn standing(plan: Plan, phase: Phase) -> Rotation {
    let mut run = run(plan);
    run.attempts = vec![added(NEW, true)];
    run.enter(phase);
    run
}

fn tell(run: &Rotation, n: i64, event: &Event) -> Rotation {
    run.apply(at(n), event).unwrap_or_else(|e| panic!("{e}"))
}

fn refuses(run: &Rotation, n: i64, event: &Event) {
    let illegal = run.apply(at(n), event).expect_err("it cannot happen here");
    assert_eq!(illegal.event, event.name());
}

fn listed(key_id: KeyId, attempt: Option<u32>) -> Listed {
    Listed { key_id, tag: attempt.map(tag) }
}

/// Why it waits for a person.
fn stopped(run: &Rotation) -> Option<&Reason> {
    if let Phase::NeedsOperator { reason, .. } = &run.phase { Some(reason) } else { None }
}
