//! The report, from journals that the driver that ships has written: each claim against the records that it cites.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

#[path = "../evidence_support/mod.rs"]
mod evidence_support;
mod leak;
mod page;
#[path = "../world/mod.rs"]
mod world;

use evidence_support::*;
use jiff::SignedDuration;
use keyrelay::driver::{CrashPoint, DriverError};
use keyrelay::evidence::Report;
use keyrelay::rotation::answers::{Current, Listed, Mutation, SignIn, Trace, Version};
use keyrelay::rotation::names::{VaultIx, VersionId};
use keyrelay::rotation::plan::{Adopted, Plan};
use keyrelay::rotation::{Applied, Event};
use keyrelay::run::Run;
use keyrelay::sandbox::in_process::Fault;
use page::html_says_the_same;
use world::{Scene, Start, World};

fn claim<'a>(report: &'a Report, name: &str) -> Vec<(bool, &'a str, &'a [u64])> {
    let named = report.claims.iter().filter(|c| c.name == name);
    named.map(|c| (c.shown, c.text.as_str(), c.records.as_slice())).collect()
}

fn one<'a>(report: &'a Report, name: &str) -> (bool, &'a str, &'a [u64]) {
    let all = claim(report, name);
    assert_eq!(all.len(), 1, "{name}: {:#?}", report.claims);
    all[0]
}

/// Whether the records of a claim are of the kind that it speaks of.
fn fits(name: &str, event: &Event) -> bool {
    let vault_read = matches!(event, Event::VaultRead { .. });
    let signed_in = matches!(event, Event::VaultRead { sign_in: Some(SignIn::Accepted), .. });
    let listed = matches!(event, Event::CredentialsListed { .. });
    let intent = |f: fn(&Mutation) -> bool| matches!(event, Event::Intended { request } if f(request));
    match name {
        "changes" => matches!(event, Event::Intended { .. }),
        "proven-before-published" => matches!(event, Event::SignedIn { answer: SignIn::Accepted, .. }),
        "written" | "put-back" => {
            intent(|m| matches!(m, Mutation::WriteVault { .. }))
                || matches!(event, Event::Applied { result: Applied::Written { .. }, .. })
                || vault_read
        }
        "read-back" => signed_in,
        "overlap" => vault_read,
        "old-proven" => matches!(event, Event::BaselineProven { answer: SignIn::Accepted, .. }),
        "old-removed" => {
            let removal = intent(|m| matches!(m, Mutation::RemoveSecret { .. }));
            removal || listed || signed_in || matches!(event, Event::Applied { result: Applied::Removed, .. })
        }
        "only-ours-removed" => intent(|m| matches!(m, Mutation::RemoveSecret { .. })),
        "others-untouched" => listed,
        "end" => listed || vault_read,
        "disabled" => {
            intent(|m| matches!(m, Mutation::DisableVersion { .. }))
                || matches!(event, Event::Applied { result: Applied::Disabled, .. })
        }
        "leaked-dead" => matches!(event, Event::LeakedTried { answer, .. } if answer.says_dead()),
        "nothing-published" | "old-not-removed" => false,
        other => panic!("a claim that no test knows: {other}"),
    }
}

/// What must hold of every report.
fn check(run: &Run) -> Report {
    let report = Report::of(run);
    let (markdown, json) = (report.to_markdown(), report.to_json());
    assert_eq!((&markdown, &json), (&Report::of(run).to_markdown(), &Report::of(run).to_json()));
    for c in report.claims.iter().filter(|c| c.shown) {
        for r in &c.records {
            assert!(fits(c.name, event(run, *r)), "{}: record {r} is {:?}", c.name, event(run, *r));
        }
    }
    let all = report.claims.iter().flat_map(|c| &c.records);
    let all = all
        .chain(report.credentials.iter().flat_map(|c| &c.records))
        .chain(report.consumers.iter().flat_map(|c| &c.records));
    let all = all.chain(report.course.iter().map(|e| &e.record)).chain(report.requests.iter().map(|r| &r.record));
    assert!(all.copied().all(|r| r > 0 && usize::try_from(r).unwrap() < run.records.len()));
    assert!(markdown.starts_with("# SANDBOX: ") && markdown.matches("**SANDBOX.").count() == 2);
    assert!(!markdown.chars().any(|c| c.is_control() && c != '\n'));
    html_says_the_same(&report);
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["schema"], "keyrelay.evidence/1");
    assert_eq!(parsed["journal"]["head"], run.records.last().unwrap().hash.to_string());
    report
}

#[test]
fn a_completed_run_is_shown_from_end_to_end() {
    let world = World::new(Scene { vaults: 2, consumers: true, foreign: 1, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let run = run(&world);
    let report = check(&run);
    assert!(report.claims.iter().all(|c| c.shown), "{:#?}", report.claims);

    // Sign-ins every 10.1 s; the first that is accepted begins the row, and the window of 180 s is passed by the 19th.
    let (_, text, records) = one(&report, "proven-before-published");
    let accepted: Vec<u64> = (1..run.records.len() as u64)
        .filter(|r| matches!(event(&run, *r), Event::SignedIn { answer: SignIn::Accepted, .. }))
        .collect();
    assert_eq!(records, accepted);
    assert_eq!(accepted.len(), 19);
    let (from, to) = (at(&run, accepted[0]), at(&run, accepted[18]));
    assert!(text.contains(&format!("signed in 19 times without a break from {from} to {to} (3m 2s; ")), "{text}");

    assert_eq!(claim(&report, "written").len(), 2);
    let (_, _, read_back) = one(&report, "read-back");
    assert_eq!(read_back.len(), 2);
    let (_, text, _) = one(&report, "overlap");
    // 2 h, a second for the resolution of dates, and the round that ends it: list and vaults side by side, each vault's sign-in after it
    assert!(text.contains("(2h 1s)"), "the consumer's cache of 2h is longer than the overlap of 1h: {text}");

    // Each removal rests on one list and one read of each vault right before it.
    let (_, text, records) = one(&report, "old-removed");
    assert!(text.contains(&world.baseline.unwrap().to_string()));
    assert_eq!(records.len(), 5);
    assert!(records.windows(2).all(|r| r[1] == r[0] + 1), "{records:?}");
    assert!(matches!(event(&run, records[0]), Event::CredentialsListed { .. }));

    let (_, text, _) = one(&report, "only-ours-removed");
    assert_eq!(text, format!("Removal was intended for nothing but {} (the old one).", world.baseline.unwrap()));
    let (_, text, _) = one(&report, "others-untouched");
    assert_eq!(text, "The other credential that the first list shows is in the last one too.");
    let (_, text, _) = one(&report, "end");
    assert!(text.contains(", and the old one no more."), "{text}");

    assert_eq!(report.consumers.len(), 1);
    assert!(report.consumers[0].text.contains("It reported the key ID that the vaults serve, at 2026-"));
    assert_eq!(report.credentials.len(), 1);
    assert_eq!(serde_json::to_value(report.credentials[0].fate).unwrap(), "served");
    let course: Vec<&str> = report.course.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(course, ["The removal of the old key ID was begun: from here on only forward.", "The run was completed."]);
    let markdown = report.to_markdown();
    for part in ["kim\\@ops-1 as app rotator", "Billing team", "yearly change", "OPS-1", "## Steps", "checkout \\| web"] {
        assert!(markdown.contains(part), "{part} is not in\n{markdown}");
    }
    assert!(!markdown.contains("What the records do not show"));
}

#[test]
fn a_rollback_is_shown_with_what_was_put_back() {
    let world = World::new(Scene { vaults: 2, consumers: true, ..Scene::default() });
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    world.process(true, true, never).unwrap();
    let run = run(&world);
    let report = check(&run);
    assert_eq!(claim(&report, "put-back").len(), 2);
    let (shown, _, proofs) = one(&report, "old-proven");
    assert!(shown && proofs.len() == 2, "once before each write: {proofs:?}");
    let overlaps: Vec<bool> = claim(&report, "overlap").iter().map(|(shown, ..)| *shown).collect();
    assert_eq!(overlaps, [false, true], "the way forward was broken off, the way back was not");
    let (_, text, _) = one(&report, "only-ours-removed");
    assert!(text.ends_with("(added by this run)."), "{text}");
    let (_, text, _) = one(&report, "end");
    assert!(text.ends_with("The application listed no credential of this run, and the old one."), "{text}");
    assert_eq!(one(&report, "old-not-removed").2, [0; 0]);
    assert_eq!(serde_json::to_value(report.credentials[0].fate).unwrap(), "removed");
    assert_eq!(
        serde_json::to_value(report.consumers[0].proof).unwrap(),
        "adopted",
        "it was refreshed and asked on the way back too"
    );
    assert!(report.to_markdown().contains("## What the records do not show"));
}

#[test]
fn a_new_integration_that_is_rolled_back_is_shown_disabled() {
    let world = World::new(Scene { start: Start::None, ..Scene::default() });
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    world.process(true, true, never).unwrap();
    let report = check(&run(&world));
    assert!(one(&report, "disabled").0);
    assert!(claim(&report, "put-back").is_empty() && claim(&report, "old-not-removed").is_empty());
    assert_eq!(report.vaults[0].at_start, None);
}

#[test]
fn no_claim_is_made_before_the_records_show_it() {
    let world = World::new(Scene { vaults: 2, consumers: true, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let whole = run(&world);
    let finished = Report::of(&whole);
    let last_of = |name: &str| one(&finished, name).2.iter().max().copied().unwrap();
    for records in 1..=whole.records.len() {
        let report = check(&first(&whole, records));
        let last = records as u64 - 1;
        for name in ["read-back", "overlap", "old-removed", "end"] {
            let shown = report.claims.iter().any(|c| c.name == name && c.shown);
            assert_eq!(shown, last >= last_of(name), "{name} after record {last}");
        }
        let written = report.claims.iter().filter(|c| c.name == "written" && c.shown).count();
        let answers =
            (1..=last).filter(|r| matches!(event(&whole, *r), Event::Applied { result: Applied::Written { .. }, .. }));
        assert_eq!(written, answers.count(), "after record {last}");
    }
}

#[test]
fn a_credential_of_somebody_elses_that_vanishes_is_named_and_not_ours() {
    let world = World::new(Scene { foreign: 2, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let mut events = world.journal.borrow().clone();
    let theirs = |c: &Listed| c.tag.is_none() && Some(c.key_id) != world.baseline;
    let mut vanished = None;
    if let Some(Event::CredentialsListed { credentials, .. }) =
        events.iter_mut().rev().map(|(_, e)| e).find(|e| matches!(e, Event::CredentialsListed { .. }))
    {
        let place = credentials.iter().position(theirs).unwrap();
        vanished = Some(credentials.remove(place).key_id);
    }
    let report = check(&run_from(start(&world), world.begun(), &events));
    let (shown, text, _) = one(&report, "others-untouched");
    assert!(!shown && text.contains(&vanished.unwrap().to_string()), "{text}");
    assert!(one(&report, "only-ours-removed").0);
}

#[test]
fn a_rebuilt_journal_claims_nothing_of_what_came_before_it() {
    let mut world = World::new(Scene::default());
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    let key_id = run(&world).rotation.served().unwrap().0;
    let adopted = vec![Adopted { attempt: 1, key_id, published: true }];
    world.plan = std::sync::Arc::new(Plan { adopted, ..(*world.plan).clone() });
    world.journal.borrow_mut().clear();
    world.process(false, false, never).unwrap();
    let start = keyrelay::run::Start { rebuilt: true, ..start(&world) };
    let run = run_from(start, world.begun(), &world.journal.borrow());
    let report = check(&run);
    assert!(claim(&report, "proven-before-published").is_empty() && claim(&report, "nothing-published").is_empty());
    assert!(one(&report, "written").1.contains("was found to serve"));
    assert!(one(&report, "old-removed").0 && one(&report, "end").0);
    assert_eq!(report.credentials.len(), 1);
    assert!(report.to_markdown().contains("was lost and rebuilt"));
}

#[test]
fn a_lost_answer_is_found_again_and_said_so() {
    // The answer to the first write is lost; the version is found by its tag.
    let world = World::new(Scene::default());
    let mut lost = false;
    *world.faults.borrow_mut() = Box::new(move |op| {
        let write = matches!(op, keyrelay::sandbox::in_process::Operation::Write(..));
        if write && !lost {
            lost = true;
            return Fault::LostAfter;
        }
        Fault::None
    });
    world.process(false, false, never).unwrap();
    let run = run(&world);
    let report = check(&run);
    let (shown, text, records) = one(&report, "written");
    assert!(shown && text.contains("was found to serve"), "{text}");
    assert!(matches!(event(&run, records[0]), Event::VaultRead { .. }));
    assert!(one(&report, "changes").1.contains("1 in doubt"));
}

#[test]
fn attempts_that_were_given_up_are_listed_with_their_fate() {
    let world = World::new(Scene::default());
    world.process(false, false, kill_at("after-read:sign-in", 3)).unwrap_err();
    world.process(true, false, kill_at("after-request:add-secret", 1)).unwrap_err();
    world.process(true, false, never).unwrap();
    let report = check(&run(&world));
    let fates: Vec<_> = report.credentials.iter().map(|c| serde_json::to_value(c.fate).unwrap()).collect();
    assert_eq!(fates, ["removed", "removed", "served"]);
    let second = &report.credentials[1];
    assert!(second.key_id.is_some(), "its answer was lost, and a list showed it: {second:?}");
    let (_, text, _) = one(&report, "only-ours-removed");
    assert_eq!(text.matches("(added by this run)").count(), 2, "{text}");
}

#[test]
fn a_credential_whose_tag_did_not_come_back_is_left_over() {
    let world = World::new(Scene::default());
    world.process(false, false, kill_at("after-outcome:add-secret", 1)).unwrap_err();
    let mut events = world.journal.borrow().clone();
    if let Some((_, Event::Applied { result: Applied::Added { tag_intact, .. }, .. })) = events.last_mut() {
        *tag_intact = false;
    }
    let run = run_from(start(&world), world.begun(), &events);
    let report = check(&run);
    assert_eq!(serde_json::to_value(report.credentials[0].fate).unwrap(), "left_over");
    assert!(report.credentials[0].text.contains("for you to remove"));
}

#[test]
fn a_stop_and_its_reason_are_in_the_course() {
    let world = World::new(Scene::default());
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    let mut events = world.journal.borrow().clone();
    let at = events.last().unwrap().0 + SignedDuration::from_secs(3601);
    let current = Current::Version(Version { id: VersionId(7), tag: None, key_id: None, enabled: true });
    let sign_in = Some(SignIn::Accepted);
    let read = Event::VaultRead { vault: VaultIx(0), current, sign_in, trace: Trace::default(), sign_in_trace: None };
    events.push((at, Event::CredentialsListed { credentials: Vec::new(), trace: Trace::default() }));
    events.push((at, read));
    events.push((at, Event::Resumed { by: "kim@ops-1".into() }));
    events.push((at, Event::HoldSet { by: "kim".into(), why: "to look".into(), until: at + SignedDuration::from_hours(1) }));
    events.push((at, Event::Released { by: "kim".into(), why: "seen".into() }));
    events.push((at, Event::Abandoned { by: "kim".into(), reason: "superseded".into() }));
    let run = run_from(start(&world), world.begun(), &events);
    let report = check(&run);
    let course: Vec<&str> = report.course.iter().map(|e| e.text.as_str()).collect();
    assert!(course[0].starts_with("The run stopped for an operator. billing-api-client-secret in kv-0"), "{course:?}");
    assert_eq!(course[1], "A new process took the run over: kim@ops-1.");
    assert!(course[2].starts_with("kim holds the old secret until ") && course[2].ends_with(": to look."), "{course:?}");
    assert_eq!(course[3], "kim released the run: seen.");
    assert_eq!(course[4], "kim closed the run as it stood: superseded.");
    assert_eq!(report.outcome.reason, Some("abandoned"));
    assert_eq!(serde_json::to_value(report.credentials[0].fate).unwrap(), "served");
}

#[test]
fn every_answer_is_in_the_table_with_its_ids() {
    let world = World::new(Scene { vaults: 2, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let run = with_ids(&world);
    let report = check(&run);
    let sign_ins = |e: &Event| matches!(e, Event::VaultRead { sign_in: Some(_), .. });
    let silent = |e: &Event| matches!(e, Event::Intended { .. });
    let events = (1..run.records.len() as u64).map(|r| event(&run, r));
    let expected: usize = events.map(|e| usize::from(!silent(e)) + usize::from(sign_ins(e))).sum();
    assert_eq!(report.requests.len(), expected);
    for request in &report.requests {
        let id = request.request_id.clone().unwrap();
        let which = if request.what.starts_with("sign in with what") { "token" } else { "req" };
        assert_eq!(id, format!("{which}-{}", request.record));
        assert_eq!(request.client_request_id, Some(format!("cli-{}", request.record)));
        assert!(request.date.is_some());
    }
    // after the start and the intent
    let row = format!("| 2 | add a secret (attempt 1): applied | req-2 | cli-2 | {} |", report.requests[0].date.unwrap());
    assert!(report.to_markdown().contains(&row), "{row}");
}

#[test]
fn words_from_outside_stay_words() {
    let world = World::new(Scene { consumers: true, ..Scene::default() });
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    let mut events = world.journal.borrow().clone();
    for (_, event) in &mut events {
        if let Event::ConsumerChecked { note, .. } = event {
            *note = "ok |\n# owned\r\n[x](https://evil.example) <img> `c`\u{1b}[31m\u{202e}".into();
        }
    }
    let mut start = start(&world);
    start.application.display_name = "# bill\ning | <b>".into();
    start.reason = Some("- yearly\n\n| a | b |".into());
    let run = run_from(start, world.begun(), &events);
    let markdown = check(&run).to_markdown();
    assert!(markdown.contains(r"# SANDBOX: Rotation of a client secret: \# bill ing \| \<b\>"), "{markdown}");
    assert!(markdown.contains(r"| Why | \- yearly  \| a \| b \| |"), "{markdown}");
    assert!(markdown.contains(r"ok \| # owned  \[x\](https:\//evil.example) \<img\> \`c\`\[31m"), "{markdown}");
    assert!(!markdown.lines().any(|l| l.starts_with("# owned")));
    let html = Report::of(&run).to_html();
    assert!(html.contains("<h1>Rotation of a client secret: # bill ing | &#60;b&#62;</h1>"), "{html}");
    assert!(html.contains("[x](https://evil.example) &#60;img&#62; `c`[31m"), "{html}");
}

/// A report of every third state that a kill can leave, of one that was resumed from it, and of one that was rolled back.
#[test]
fn a_report_can_be_made_of_every_state() {
    let scenes = [
        Scene { vaults: 2, consumers: true, ..Scene::default() },
        Scene { start: Start::None, vaults: 2, ..Scene::default() },
        Scene { start: Start::Expired, two_at_most: true, ..Scene::default() },
    ];
    let made: u64 = std::thread::scope(|scope| {
        let cases = scenes.iter().flat_map(|scene| [false, true].map(|rollback| (scene, rollback)));
        let running: Vec<_> = cases.map(|(scene, rollback)| scope.spawn(move || reports(scene, rollback))).collect();
        running.into_iter().map(|r| r.join().unwrap()).sum()
    });
    println!("{made} reports");
    assert!(made > 80, "{made}");
}

/// The reports of runs that are killed at every third place, and of what became of them. How many.
fn reports(scene: &Scene, rollback: bool) -> u64 {
    let mut made = 0;
    for n in (1..).step_by(3) {
        let world = World::new(Scene { seed: n, ..scene.clone() });
        let mut count = 0;
        let kill = move |_: CrashPoint| {
            count += 1;
            count == n
        };
        match world.process(false, false, kill) {
            Err(DriverError::Killed(_)) => {}
            Ok(_) => break,
            Err(e) => panic!("{e}"),
        }
        check(&run(&world));
        world.process(true, rollback, never).unwrap();
        let report = check(&run(&world));
        made += 2;
        let unsafe_claims =
            ["proven-before-published", "old-proven", "old-removed", "only-ours-removed", "others-untouched"];
        for c in report.claims.iter().filter(|c| unsafe_claims.contains(&c.name)) {
            assert!(c.shown, "{scene:?} rollback {rollback} n {n}: {c:?}");
        }
        assert!(one(&report, "end").0, "{scene:?} rollback {rollback} n {n}");
        let left = report.credentials.iter().filter(|c| serde_json::to_value(c.fate).unwrap() == "left_over");
        assert_eq!(left.count(), 0, "{scene:?} rollback {rollback} n {n}");
    }
    made
}
