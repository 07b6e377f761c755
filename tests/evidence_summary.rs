//! The object of `--json` and the few lines for a person, from journals that the driver that ships has written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod evidence_support;
mod world;

use evidence_support::*;
use jiff::SignedDuration;
use keyrelay::evidence::{State, Summary, Timeline, explain};
use keyrelay::rotation::answers::{Current, Refusal, RefusalKind, SignIn, Trace, Version};
use keyrelay::rotation::names::{KeyId, VaultIx, VersionId};
use keyrelay::rotation::{Event, Reason, Step};
use keyrelay::run::Run;
use uuid::Uuid;
use world::{Scene, Start, World};

/// Killed when the overlap begins. A `Date` has whole seconds, so the overlap of an hour takes a second more.
fn waiting(scene: Scene) -> World {
    let world = World::new(scene);
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    world
}

fn lines(run: &Run) -> String {
    Summary::of(run, Some("/state/journals/x.journal".into())).lines().join("\n")
}

#[test]
fn a_completed_run_in_json() {
    let world = World::new(Scene { vaults: 2, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let run = run(&world);
    let json = serde_json::to_value(Summary::of(&run, Some("/state/x.journal".into()))).unwrap();
    let served = run.rotation.served().unwrap();
    assert_eq!(json["schema"], "keyrelay.run/1");
    assert_eq!(json["run"], "20261121t030000z-kbaa");
    assert_eq!((&json["state"], &json["step"], &json["exit"]), (&"completed".into(), &"delete old".into(), &0.into()));
    assert_eq!(json["application"]["client_id"], "00000000-0000-0000-0000-000000000a11");
    assert_eq!(json["application"]["display_name"], "billing");
    assert_eq!(json["old_key_id"], world.baseline.unwrap().to_string());
    assert_eq!(json["new_key_id"], served.0.to_string());
    assert_eq!(json["vault_versions"][0]["version"], served.1.to_string());
    assert_eq!(json["vault_versions"][0]["vault"], "kv-0.vault.sandbox.localhost");
    assert_eq!(json["vault_versions"][1]["vault"], "kv-1.vault.sandbox.localhost");
    assert_eq!(json["vault_versions"][1]["secret"], "billing-api-client-secret");
    assert_eq!(json["vault_versions"].as_array().unwrap().len(), 2);
    assert!(json["waiting_until"].is_null() && json["reason"].is_null() && json["report"].is_null());
    assert_eq!((&json["sandbox"], &json["journal"]), (&true.into(), &"/state/x.journal".into()));
    let steps: Vec<&str> = json["steps"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["add secret", "write vault", "smoke test", "overlap wait", "delete old"]);
    assert_eq!(json["steps"][0]["started"], "2026-11-21T03:00:00Z");
    assert_eq!(json["steps"][4]["ended"], run.last_at().unwrap().to_string());
    assert!(json["steps"].as_array().unwrap().iter().all(|s| s["attempts"] == 1), "{json:#}");
    let members: Vec<&String> = json.as_object().unwrap().keys().collect();
    let documented = [
        "application",
        "exit",
        "journal",
        "new_key_id",
        "old_key_id",
        "reason",
        "report",
        "run",
        "sandbox",
        "schema",
        "state",
        "step",
        "steps",
        "vault_versions",
        "waiting_until",
    ];
    let mut sorted: Vec<&str> = members.iter().map(|m| m.as_str()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, documented);
}

#[test]
fn a_waiting_run_says_until_when_and_what_to_type() {
    let world = waiting(Scene { overlap: 3600, ..Scene::default() });
    let run = run(&world);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.exit, summary.step), (State::Waiting, 20, "overlap wait"));
    let until = run.last_at().unwrap() + SignedDuration::from_secs(3601);
    assert_eq!(summary.waiting_until, Some(until));
    assert_eq!(summary.steps.last().unwrap().ended, None);
    let lines = lines(&run);
    for part in [
        "SANDBOX",
        &format!("`keyrelay resume 20261121t030000z-kbaa` at {until} or later"),
        "`keyrelay rollback 20261121t030000z-kbaa`",
        "`keyrelay hold 20261121t030000z-kbaa`",
        "was not removed",
        "/state/journals/x.journal",
    ] {
        assert!(lines.contains(part), "{part} is not in\n{lines}");
    }
    let interrupted = summary.as_state(State::Interrupted);
    assert_eq!((interrupted.exit, interrupted.waiting_until), (21, None));
}

#[test]
fn every_prefix_of_a_journal_has_a_summary_that_fits_it() {
    let world = World::new(Scene { vaults: 2, consumers: true, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let whole = run(&world);
    let mut states = Vec::new();
    for records in 1..=whole.records.len() {
        let run = first(&whole, records);
        let summary = Summary::of(&run, None);
        if states.last() != Some(&summary.state) {
            states.push(summary.state);
        }
        let open = summary.steps.iter().filter(|s| s.ended.is_none()).count();
        assert_eq!(open, usize::from(records < whole.records.len()), "{records}");
        assert_eq!(summary.waiting_until.is_some(), summary.state == State::Waiting);
        assert!(!summary.lines().is_empty());
        let line = Timeline::of(&run);
        let spent: SignedDuration = line.steps.iter().fold(SignedDuration::ZERO, |sum, s| sum + s.spent);
        assert_eq!(spent, run.last_at().unwrap().duration_since(world.begun()), "{records}");
    }
    assert_eq!(states, [State::Interrupted, State::Waiting, State::Interrupted, State::Completed]);
}

#[test]
fn a_kill_in_the_middle_is_a_second_attempt_at_that_step_only() {
    let world = World::new(Scene { vaults: 2, ..Scene::default() });
    world.process(false, false, kill_at("after-intent:write-vault", 2)).unwrap_err();
    let interrupted = Summary::of(&run(&world), None);
    assert_eq!((interrupted.state, interrupted.exit, interrupted.step), (State::Interrupted, 21, "write vault"));
    assert_eq!(interrupted.vault_versions.len(), 1, "the second write was not answered");
    world.process(true, false, never).unwrap();
    let run = run(&world);
    let attempts: Vec<(&str, u32)> = Summary::of(&run, None).steps.iter().map(|s| (s.name, s.attempts)).collect();
    let expected = [("add secret", 1), ("write vault", 2), ("smoke test", 1), ("overlap wait", 1), ("delete old", 1)];
    assert_eq!(attempts, expected);
    assert!(lines(&run).contains("in 2 attempts"));
}

#[test]
fn coming_back_for_a_wait_is_no_attempt() {
    let world = waiting(Scene::default());
    world.process(true, false, kill_at("waiting:overlap", 1)).unwrap_err();
    world.process(true, false, never).unwrap();
    let summary = Summary::of(&run(&world), None);
    assert!(summary.steps.iter().all(|s| s.attempts == 1), "{:?}", summary.steps);
}

#[test]
fn a_value_that_was_lost_is_a_second_attempt_to_add() {
    let world = World::new(Scene::default());
    world.process(false, false, kill_at("after-read:sign-in", 3)).unwrap_err();
    world.process(true, false, never).unwrap();
    let summary = Summary::of(&run(&world), None);
    assert_eq!((summary.steps[0].name, summary.steps[0].attempts), ("add secret", 2));
}

#[test]
fn a_rollback_names_who_asked_for_it() {
    let world = waiting(Scene::default());
    world.process(true, true, never).unwrap();
    let run = run(&world);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.exit, summary.step), (State::RolledBack, 10, "remove ours"));
    let reason = summary.reason.clone().unwrap();
    assert_eq!((reason.name, reason.text.as_str()), ("rollback-requested", "test asked for the rollback: test."));
    let steps: Vec<&str> = summary.steps.iter().map(|s| s.name).collect();
    assert_eq!(steps, ["add secret", "write vault", "smoke test", "overlap wait", "put back", "remove ours"]);
    let overlap = &summary.steps[3];
    assert_eq!(overlap.attempts, 2, "once forward, once back");
    // The vault serves the old value again, as a version that the run wrote.
    let put_back = Timeline::of(&run).versions.iter().find(|v| v.attempt == 0).unwrap().version;
    assert_eq!(summary.vault_versions[0].version, put_back);
    assert!(lines(&run).contains("The vaults serve what they served at the start"));
}

#[test]
fn a_rollback_before_anything_was_written_says_so() {
    let world = World::new(Scene::default());
    world.process(false, false, kill_at("after-request:add-secret", 1)).unwrap_err();
    world.process(true, true, never).unwrap();
    let run = run(&world);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.vault_versions.len()), (State::RolledBack, 0));
    assert_eq!((summary.steps[0].name, summary.steps[0].attempts), ("add secret", 1), "the second process added nothing");
    assert!(lines(&run).contains("Nothing was written to any vault"));
}

#[test]
fn a_new_integration_has_no_old_key() {
    let world = World::new(Scene { start: Start::None, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let run = run(&world);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.old_key_id), (State::Completed, None));
    assert!(summary.new_key_id.is_some());
    assert!(lines(&run).contains("gave billing"), "{}", lines(&run));
}

/// A run whose vault serves, at the end of the overlap, a version that nobody here wrote.
fn stopped() -> Run {
    let world = waiting(Scene::default());
    let mut events = world.journal.borrow().clone();
    let at = events.last().unwrap().0 + SignedDuration::from_secs(3601);
    let strange = Version { id: VersionId(7), tag: None, key_id: None, enabled: true };
    let current = Current::Version(strange);
    let sign_in = Some(SignIn::Accepted);
    let read = Event::VaultRead { vault: VaultIx(0), current, sign_in, trace: Trace::default(), sign_in_trace: None };
    events.push((at, Event::CredentialsListed { credentials: Vec::new(), trace: Trace::default() }));
    events.push((at, read));
    run_from(start(&world), world.begun(), &events)
}

#[test]
fn needs_operator_says_what_happened_what_is_true_and_what_to_do() {
    let run = stopped();
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.exit, summary.step), (State::NeedsOperator, 30, "overlap wait"));
    let reason = summary.reason.clone().unwrap();
    assert_eq!(reason.name, "vault-changed");
    assert!(reason.text.starts_with("billing-api-client-secret in kv-0.vault.sandbox.localhost serves"), "{}", reason.text);
    let lines = lines(&run);
    for part in ["audit log", "`keyrelay resume 20261121t030000z-kbaa`", "was not removed"] {
        assert!(lines.contains(part), "{part} is not in\n{lines}");
    }
}

#[test]
fn an_abandoned_run_names_what_is_left_over() {
    let world = waiting(Scene::default());
    let mut events = world.journal.borrow().clone();
    let at = events.last().unwrap().0;
    events.push((at, Event::Abandoned { by: "kim".into(), reason: "superseded".into() }));
    let run = run_from(start(&world), world.begun(), &events);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.exit, summary.step), (State::Abandoned, 0, "overlap wait"));
    assert_eq!(summary.reason.clone().unwrap().text, "kim closed the run: superseded.");
    let new = summary.new_key_id.unwrap();
    let lines = lines(&run);
    assert!(
        lines.contains(&format!("for you to remove: {new}. The vaults may serve {new}: do not remove that one.")),
        "{lines}"
    );
}

#[test]
fn a_held_run_says_until_when() {
    let world = waiting(Scene::default());
    let until = world.time.get() + SignedDuration::from_hours(30);
    let hold = Event::HoldSet { by: "kim".into(), why: "a batch job".into(), until };
    world.said.borrow_mut().push_back(hold);
    world.process(true, false, kill_at("waiting:hold", 1)).unwrap_err();
    let run = run(&world);
    let summary = Summary::of(&run, None);
    assert_eq!((summary.state, summary.waiting_until), (State::Waiting, Some(until)));
    assert_eq!(summary.step, Step::DeleteOld.name());
    assert!(lines(&run).contains(&format!("A hold keeps the old secret until {until}")));
}

#[test]
fn words_from_outside_cannot_steer_a_terminal() {
    let world = waiting(Scene::default());
    let mut begun = start(&world);
    begun.application.display_name = "bil\u{1b}[2Jling\n\u{202e}x".into();
    let run = run_from(begun, world.begun(), &world.journal.borrow());
    for line in Summary::of(&run, None).lines() {
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

#[test]
fn every_reason_is_explained_in_whole_sentences() {
    let world = World::new(Scene { consumers: true, ..Scene::default() });
    let start = start(&world);
    let refusal = || Refusal {
        kind: RefusalKind::Forbidden,
        status: Some(403),
        code: "Authorization_RequestDenied".into(),
        message: "Insufficient\r\nprivileges.".into(),
        retry_after: None,
    };
    let (vault, key_id) = (VaultIx(0), KeyId(Uuid::from_u128(5)));
    let reasons = [
        Reason::VaultChanged { vault },
        Reason::VaultsUnsteady,
        Reason::NoRoom,
        Reason::AnotherRun { run: "20261101t000000z-aaaa".parse().unwrap() },
        Reason::NotProven { last: SignIn::Wrong },
        Reason::CurrentRefused { vault, last: SignIn::Expired },
        Reason::CredentialGone { key_id },
        Reason::BaselineUnproven { last: SignIn::Unavailable { why: "time-out".into() } },
        Reason::AddRefused { refusal: refusal() },
        Reason::WriteRefused { vault, refusal: refusal() },
        Reason::RemoveRefused { key_id, refusal: refusal() },
        Reason::RemovalNotSeen { key_id },
        Reason::ReadRefused { refusal: refusal() },
        Reason::AttemptsExhausted,
        Reason::ConsumerFailed { consumers: vec![0, 1], note: "HTTP 500\n\u{7}".into() },
        Reason::ConsumerUsesOld { consumers: vec![0] },
        Reason::NotReleased,
        Reason::NotDrained { last: None, why: Some(keyrelay::rotation::usage::Unknown::LicenceMissing) },
    ];
    let mut said = std::collections::BTreeSet::new();
    for reason in reasons {
        let explained = explain(&reason, &start);
        for sentence in [&explained.happened, &explained.now, &explained.to_do] {
            assert!(sentence.ends_with('.') && !sentence.contains(".."), "{}: {sentence}", reason.name());
            assert!(!sentence.chars().any(char::is_control), "{}: {sentence:?}", reason.name());
        }
        assert!(explained.to_do.contains("`keyrelay "), "{}: {}", reason.name(), explained.to_do);
        assert!(said.insert(explained.happened), "{} says what another says", reason.name());
    }
    let failed = explain(&Reason::ConsumerFailed { consumers: vec![0, 4], note: "HTTP 500".into() }, &start);
    assert_eq!(
        failed.happened,
        "The consumers checkout | web and number 5 could not be refreshed or not found well: \"HTTP 500\"."
    );
    let refused = explain(&Reason::AddRefused { refusal: refusal() }, &start);
    assert!(refused.happened.contains("403, Authorization_RequestDenied"), "{}", refused.happened);
}
