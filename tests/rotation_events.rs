//! Every (state, event) pair: what a state asks for is taken, everything else is an error that names both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::answers::{Current, Mutation, Refusal, RefusalKind, Reported, SignIn, Trace};
use keyrelay::rotation::names::VaultIx;
use keyrelay::rotation::plan::{Delete, OnFailure};
use keyrelay::rotation::usage::Usage;
use keyrelay::rotation::{Applied, Effect, Event, Phase, Reading, Rotation};
use keyrelay::sandbox::in_process::Fault;
use proptest::prelude::*;
use world::{Scene, Start, World};

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal { kind, status: None, code: String::new(), message: String::new(), retry_after: None }
}

fn reading(r: Reading, run: &Rotation, accepted: bool) -> Event {
    let trace = Trace::default();
    let answer = if accepted { SignIn::Accepted } else { SignIn::Expired };
    match r {
        Reading::Credentials => Event::CredentialsListed { credentials: Vec::new(), trace },
        Reading::Vault { vault, sign_in } => {
            let start = run.plan().vaults[usize::from(vault.0)];
            let version = match start {
                keyrelay::rotation::plan::VaultStart::Holds { version } => version,
                keyrelay::rotation::plan::VaultStart::Empty => keyrelay::rotation::names::VersionId(7),
            };
            let version = keyrelay::rotation::answers::Version { id: version, tag: None, key_id: None, enabled: true };
            let sign_in = sign_in.then_some(answer);
            Event::VaultRead { vault, current: Current::Version(version), sign_in, trace, sign_in_trace: None }
        }
        Reading::Versions { vault } => Event::VersionsListed { vault, versions: Vec::new(), trace },
        Reading::Baseline { .. } => Event::BaselineProven { answer, trace },
        Reading::SignIn => Event::SignedIn { answer, trace },
        Reading::SignIns { key_id, since } => Event::UsageRead { usage: nobody(key_id, since) },
        Reading::Leaked { .. } => Event::LeakedTried { answer, trace },
    }
}

fn nobody(key_id: keyrelay::rotation::names::KeyId, since: Timestamp) -> Usage {
    let (unknown, last) = (None, None);
    Usage { key_id, since, until: since, unknown, total: 0, expected: 0, own: 0, last, sources: Vec::new(), more: 0 }
}

fn outcome(m: &Mutation, trace: Trace) -> Event {
    let result = match m {
        Mutation::AddSecret { .. } => {
            Applied::Added { key_id: "5a9db0c5-0000-4000-8000-00000000aaaa".parse().unwrap(), tag_intact: true, end: None }
        }
        Mutation::WriteVault { .. } => Applied::Written { version: keyrelay::rotation::names::VersionId(9) },
        Mutation::DisableVersion { .. } => Applied::Disabled,
        Mutation::RemoveSecret { .. } => Applied::Removed,
    };
    Event::Applied { result, trace }
}

/// One event of each kind; where the state asks for one, that very one.
fn events(run: &Rotation, asked: &Effect) -> Vec<Event> {
    let trace = Trace::default;
    let in_flight = run.in_flight().cloned().unwrap_or(Mutation::AddSecret { attempt: 99 });
    let intended = match asked {
        Effect::Mutate(m) => m.clone(),
        _ => Mutation::AddSecret { attempt: 99 },
    };
    let mut all = vec![
        Event::Resumed { by: String::new() },
        Event::Intended { request: intended },
        outcome(&in_flight, trace()),
        Event::NotApplied { refusal: refusal(RefusalKind::Forbidden), trace: trace() },
        Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace: trace() },
        Event::ReadRefused { refusal: refusal(RefusalKind::Forbidden), trace: trace() },
        Event::RollbackRequested {
            by: String::new(),
            reason: String::new(),
            baseline: Some(SignIn::Accepted),
            restore_leaked: true,
        },
        Event::LeakedMissing { why: String::new() },
        Event::OutageAccepted { by: String::new(), consumers: Vec::new() },
        Event::HoldSet { by: String::new(), why: String::new(), until: Timestamp::MAX },
        Event::Released { by: String::new(), why: String::new() },
        Event::GaveUp,
        Event::Abandoned { by: String::new(), reason: String::new() },
    ];
    let consumer = match asked {
        Effect::Refresh { consumers } | Effect::Check { consumers } => *consumers.last().unwrap(),
        _ => 0,
    };
    all.push(Event::ConsumerRefreshed { consumer, ok: true, note: String::new() });
    all.push(Event::ConsumerChecked { consumer, ok: true, reported: Reported::Neither, note: String::new() });
    let vault = VaultIx(0);
    let version = keyrelay::rotation::names::VersionId(1);
    let readings = [
        Reading::Credentials,
        Reading::Vault { vault, sign_in: false },
        Reading::Versions { vault },
        Reading::Baseline { vault, version },
        Reading::SignIn,
        Reading::SignIns { key_id: keyrelay::rotation::names::KeyId(uuid::Uuid::nil()), since: Timestamp::UNIX_EPOCH },
        Reading::Leaked { held_in: None },
    ];
    for r in readings {
        let same = |a: Reading| std::mem::discriminant(&a) == std::mem::discriminant(&r);
        let wanted = match asked {
            Effect::Read(a) if same(*a) => *a,
            _ => r,
        };
        all.push(reading(wanted, run, true));
    }
    all
}

/// By hand: the names of the events that a state takes.
fn lawful(run: &Rotation, asked: &Effect) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    if matches!(asked, Effect::Ended(_)) {
        return names;
    }
    names.extend(["resumed", "hold set", "released", "abandoned"]);
    match asked {
        Effect::Mutate(_) if run.in_flight().is_some() => names.extend(["applied", "not applied", "in doubt"]),
        Effect::Mutate(Mutation::WriteVault { from: keyrelay::rotation::answers::Source::Version { .. }, .. }) => {
            names.extend(["intended", "read refused"]);
        }
        Effect::Mutate(_) => names.extend(["intended"]),
        Effect::Read(Reading::Credentials) => names.extend(["credentials listed", "read refused"]),
        Effect::Read(Reading::Vault { .. }) => names.extend(["vault read", "read refused"]),
        Effect::Read(Reading::Versions { .. }) => names.extend(["versions listed", "read refused"]),
        Effect::Read(Reading::Baseline { .. }) => names.extend(["baseline proven", "read refused"]),
        Effect::Read(Reading::SignIn) => names.extend(["signed in", "read refused"]),
        Effect::Read(Reading::SignIns { .. }) => names.extend(["usage read"]),
        Effect::Read(Reading::Leaked { .. }) => names.extend(["leaked tried", "leaked missing", "read refused"]),
        Effect::Refresh { .. } => names.extend(["consumer refreshed"]),
        Effect::Check { .. } => names.extend(["consumer checked"]),
        Effect::GiveUp if *run.phase() == Phase::Adoption => names.extend(["gave up"]),
        Effect::GiveUp => names.extend(["gave up", "credentials listed", "read refused"]),
        Effect::NeedsOperator(_) | Effect::Ended(_) => {}
        Effect::Wait { .. } => panic!("asked for a time when no wait is left"),
    }
    if run.may_go_back() && run.in_flight().is_none() {
        names.insert("rollback requested");
    }
    names
}

/// All states that runs with faults, kills, holds and rollbacks pass through.
fn states() -> Vec<Rotation> {
    let mut all = Vec::new();
    let mut scenes = vec![
        Scene { consumers: true, consumer_count: 2, ..Scene::default() },
        Scene { consumers: true, delete: Delete::OnRelease, ..Scene::default() },
        Scene { vaults: 2, two_at_most: true, ..Scene::default() },
        Scene { start: Start::None, ..Scene::default() },
        Scene { start: Start::Expired, ..Scene::default() },
        Scene { on_failure: OnFailure::Rollback, ..Scene::default() },
        Scene { delete: Delete::OnRelease, ..Scene::default() },
        Scene { drain: Some(world::drain(true)), ..Scene::default() },
    ];
    scenes.push(Scene { vaults: 2, second_empty: true, ..Scene::default() });
    for scene in scenes {
        for kill_at in (4..64).step_by(2) {
            for rollback in [false, true] {
                let world = World::new(scene.clone());
                let mut requests = 0;
                *world.faults.borrow_mut() = Box::new(move |op| {
                    requests += 1;
                    if op.mutates() && requests % 5 == 0 { Fault::LostAfter } else { Fault::None }
                });
                let mut count = 0;
                let _ = world.process(false, false, move |_| {
                    count += 1;
                    count == kill_at
                });
                *world.faults.borrow_mut() = Box::new(|_| Fault::None);
                let _ = world.process(true, rollback, |_| false);
                let mut run = Rotation::new(world.plan.clone(), world.begun());
                all.push(run.clone());
                for (at, event) in world.journal.borrow().iter() {
                    run = run.apply(*at, event).unwrap();
                    all.push(run.clone());
                }
            }
        }
    }
    all
}

#[test]
fn every_state_takes_what_it_asks_for_and_refuses_the_rest_by_name() {
    let never: Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();
    let mut pairs: BTreeMap<(String, &str), bool> = BTreeMap::new();
    for run in states() {
        let asked = run.next(never);
        let lawful = lawful(&run, &asked);
        for event in events(&run, &asked) {
            let result = run.apply(never, &event);
            assert_eq!(result.is_ok(), lawful.contains(event.name()), "{asked:?}\n{run:?}\n{event:?}\n{:?}", result.err());
            let state = match &result {
                Err(illegal) => {
                    assert_eq!(illegal.event, event.name());
                    assert!(!illegal.state.is_empty());
                    illegal.state.clone()
                }
                Ok(_) => format!("{:?}", run.step()),
            };
            pairs.insert((state, event.name()), result.is_ok());
        }
    }
    let phases: BTreeSet<&str> =
        pairs.keys().map(|(s, _)| s.split(',').next().unwrap()).filter(|s| s.chars().all(|c| !c.is_uppercase())).collect();
    for phase in [
        "add",
        "prove",
        "publish",
        "reconcile",
        "align",
        "smoke test",
        "consumers",
        "confirm",
        "overlap wait",
        "adoption",
        "delete",
    ] {
        assert!(phases.contains(phase), "{phase} was not reached: {phases:?}");
    }
    for phase in ["withdraw", "put back", "needs operator", "ended"] {
        assert!(phases.contains(phase), "{phase} was not reached: {phases:?}");
    }
    println!("{} pairs of state and event", pairs.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Whatever a world answers, in any order and at any time: no panic, no loop, and always something to do next.
    #[test]
    fn no_sequence_of_events_makes_the_core_panic(
        scene in 0usize..4,
        choices in proptest::collection::vec((0usize..18, any::<bool>(), 0i64..4000), 0..120),
    ) {
        let scenes = [
            Scene { consumers: true, consumer_count: 3, vaults: 2, ..Scene::default() },
            Scene { two_at_most: true, ..Scene::default() },
            Scene { start: Start::None, ..Scene::default() },
            Scene { start: Start::Expired, on_failure: OnFailure::Rollback, ..Scene::default() },
        ];
        let world = World::new(scenes[scene].clone());
        let mut run = Rotation::new(world.plan.clone(), world.begun());
        let mut now = world.begun();
        for (choice, asked_for, passed) in choices {
            now += SignedDuration::from_secs(passed);
            let asked = run.next(now);
            let all = events(&run, &asked);
            let event = match &asked {
                Effect::Read(r) if asked_for => reading(*r, &run, choice % 3 > 0),
                Effect::Mutate(m) if asked_for && run.in_flight().is_none() => Event::Intended { request: m.clone() },
                Effect::Mutate(m) if asked_for => outcome(m, Trace::default()),
                _ => all[choice % all.len()].clone(),
            };
            if let Ok(next) = run.apply(now, &event) {
                run = next;
            }
        }
        let _ = run.next(now);
    }
}
