//! What progress says of runs in virtual time, compared with lines written by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod consumers_support;
mod world;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use consumers_support::sh;
use jiff::Timestamp;
use keyrelay::cli::progress::Progress;
use keyrelay::driver::{CrashPoint, Observer, Stopped};
use keyrelay::rotation::answers::{Refusal, RefusalKind};
use keyrelay::rotation::names::{KeyId, VersionId};
use keyrelay::rotation::{Applied, Effect, End, Event, Rotation};
use keyrelay::sandbox::cloud::Profile;
use keyrelay::sandbox::in_process::{Fault, Operation};
use world::{Scene, World, range};

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);
impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.borrow().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

fn progress() -> (Progress, Paper) {
    let paper = Paper::default();
    (Progress::plain(consumers_support::runbook(&sh("true", "1s")), Box::new(paper.clone())), paper)
}

/// Tells `progress` what a run's journal tells, as the driver does: the waits that the rotation wants, and each event.
fn watch(progress: &mut Progress, run: Rotation, events: &[(Timestamp, Event)], mut now: Timestamp) -> Rotation {
    let mut run = run;
    for (at, event) in events {
        while let Effect::Wait { until, why } = run.next(now) {
            if until > *at {
                break;
            }
            progress.waiting(&run, until, why);
            now = until;
        }
        run = run.apply(*at, event).unwrap();
        progress.recorded(&run, *at, event);
        now = *at;
    }
    run
}

/// A world without delays, so that the times can be counted by hand: each request takes 100 ms, from 03:00:00 on.
fn calm(scene: Scene) -> World {
    let none = range(0, 0);
    let profile = Profile { appears: none, vanishes: none, lists: none, deletion: none, ..scene.profile.clone() };
    World::new(Scene { profile, ..scene })
}

fn never(_: CrashPoint) -> bool {
    false
}

fn start(world: &World) -> Rotation {
    Rotation::new(world.plan.clone(), world.begun())
}

fn applied(world: &World) -> Vec<Applied> {
    let of = |e: &Event| if let Event::Applied { result, .. } = e { Some(result.clone()) } else { None };
    world.journal.borrow().iter().filter_map(|(_, e)| of(e)).collect()
}

fn added(world: &World) -> Vec<KeyId> {
    let of = |a: &Applied| if let Applied::Added { key_id, .. } = a { Some(*key_id) } else { None };
    applied(world).iter().filter_map(of).collect()
}

fn written(world: &World) -> Vec<VersionId> {
    let of = |a: &Applied| if let Applied::Written { version } = a { Some(*version) } else { None };
    applied(world).iter().filter_map(of).collect()
}

const PLACE: &str = "billing-api-client-secret in kv-0.vault.sandbox.localhost";
const HEAD: &str = "of application 00000000-0000-0000-0000-000000000a11";

#[test]
fn the_five_steps_are_told_in_a_dozen_lines() {
    let world = calm(Scene { consumers: true, ..Scene::default() });
    assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
    let (mut progress, paper) = progress();
    progress.begin(&start(&world));
    watch(&mut progress, start(&world), &world.journal.borrow(), world.begun());
    let (run, old, new, version) = (&world.plan.run, world.baseline.unwrap(), added(&world)[0], written(&world)[0]);
    // list, add and the first sign-in end at 0.3 s. Each next one begins 10 s after the last has ended: 18 more of 10.1 s
    // make 182.1 s, the first time at or over the window of 180 s. List, read and write: 182.4 s. Read and sign-in of the
    // smoke test and the reading that confirms: 182.7 s = 03:03:02.7. The consumer's cache of 2 h outlasts the overlap of
    // 1 h, and a second is added: 05:03:03.7, in whole seconds 05:03:04.
    let expected = [
        format!("SANDBOX: run {run} {HEAD}"),
        format!("replaces key ID {old}: {PLACE}"),
        "step 1 of 5: add secret".to_owned(),
        format!("  added key ID {new}"),
        "  proof: sign-ins must succeed without a break for 3m".to_owned(),
        "step 2 of 5: write vault".to_owned(),
        format!("  wrote version {version}: {PLACE}"),
        "step 3 of 5: smoke test".to_owned(),
        "  billing-api: refreshed".to_owned(),
        "  billing-api: is well and reports the key ID that the vaults serve".to_owned(),
        "step 4 of 5: overlap wait".to_owned(),
        "  overlap wait until 2026-11-21T05:03:04Z (2h 1s)".to_owned(),
        "step 5 of 5: delete old".to_owned(),
        "  billing-api: is well and reports the key ID that the vaults serve".to_owned(),
        format!("  removed key ID {old}"),
        "completed".to_owned(),
    ];
    assert_eq!(paper.lines(), expected);
}

#[test]
fn a_killed_write_is_in_doubt_and_a_rollback_says_what_goes() {
    let world = calm(Scene::default());
    let mut count = 0;
    let kill = move |point| {
        count += u32::from(point == "after-intent:write-vault".parse().unwrap());
        count == 1
    };
    world.process(false, false, kill).unwrap_err();
    let before = world.journal.borrow().len();
    assert_eq!(world.process(true, true, never).unwrap(), Stopped::Ended(End::RolledBack));
    let journal = world.journal.borrow();
    let prefix = journal[..before].iter().try_fold(start(&world), |run, (at, event)| run.apply(*at, event)).unwrap();
    let (mut progress, paper) = progress();
    progress.begin(&prefix);
    watch(&mut progress, prefix, &journal[before..], journal[before - 1].0);
    let (run, old, new) = (&world.plan.run, world.baseline.unwrap(), added(&world)[0]);
    // killed at 182.3 s (list, add, 19 sign-ins with 18 pauses of 10 s, list, read), resumed at once; the old value is read and
    // signs in, the vault is read to put it back, then to confirm: 182.7 s. An hour and a second later: 04:03:03.7.
    let expected = [
        format!("SANDBOX: run {run} {HEAD}"),
        format!("replaces key ID {old}: {PLACE}"),
        "step 2 of 5: write vault".to_owned(),
        "  resumed: what was in memory is gone, everything is read anew".to_owned(),
        format!(
            "  in doubt: write vault, {PLACE} (the process before ended without an outcome); will be settled by reading"
        ),
        "  a rollback was asked for".to_owned(),
        "  rolling back: what the run added goes, the old secret stays".to_owned(),
        "way back: put back".to_owned(),
        "way back: overlap wait".to_owned(),
        "  overlap wait until 2026-11-21T04:03:04Z (1h 1s)".to_owned(),
        "way back: remove ours".to_owned(),
        format!("  removed key ID {new}"),
        "rolled back".to_owned(),
    ];
    assert_eq!(paper.lines(), expected);
}

/// The lines of a first process of `world`, without the two at the head.
fn told_of(world: &World) -> Vec<String> {
    world.process(false, false, never).unwrap();
    let (mut progress, paper) = progress();
    watch(&mut progress, start(world), &world.journal.borrow(), world.begun());
    paper.lines().split_off(2)
}

#[test]
fn a_lost_answer_is_in_doubt_and_is_settled_by_reading() {
    let world = calm(Scene::default());
    let mut done = false;
    *world.faults.borrow_mut() = Box::new(move |op: &Operation| {
        let now = !done && matches!(op, Operation::Write { .. });
        done |= now;
        if now { Fault::LostAfter } else { Fault::None }
    });
    let lines = told_of(&world);
    let doubt = format!("  in doubt: write vault, {PLACE} (gave no answer (SandboxFault)); will be settled by reading");
    assert_eq!(lines[3..6], ["step 2 of 5: write vault".to_owned(), doubt, "step 3 of 5: smoke test".to_owned()]);
}

#[test]
fn refusals_are_told_and_so_is_a_pause_of_more_than_two_seconds() {
    let world = calm(Scene::default());
    let mut count = 0;
    *world.faults.borrow_mut() = Box::new(move |op: &Operation| {
        count += u32::from(matches!(op, Operation::AddPassword { .. }));
        let refused = matches!(op, Operation::AddPassword { .. }) && count <= 3;
        if refused { Fault::Refused(RefusalKind::Throttled) } else { Fault::None }
    });
    let refused = "  not done: add secret (attempt 1): asks to slow down (SandboxFault)";
    // add: 0.1 s, 1 s pause, 1.2 s, 2 s pause, 3.3 s, 4 s pause: 7.3 s
    let expected = ["step 1 of 5: add secret", refused, refused, refused, "  next try at 2026-11-21T03:00:07Z (in 4s)"];
    assert_eq!(told_of(&world)[..5], expected);
}

#[test]
fn a_consumer_that_fails_calls_for_the_operator_by_name() {
    let world = calm(Scene { consumers: true, ..Scene::default() });
    world.consumer_ok.set(false);
    let lines = told_of(&world);
    let expected = ["  billing-api: could not be refreshed", "  needs operator: consumer-failed: billing-api"];
    assert_eq!(lines[lines.len() - 2..], expected);
}

#[test]
fn replicas_that_lag_are_told_once_a_minute() {
    let world = World::new(Scene { seed: 3, ..Scene::default() });
    let lines = told_of(&world);
    let lag = "  the new value is not known at sign-in (AADSTS7000215)";
    let count = lines.iter().filter(|l| *l == lag).count();
    // no replica lags for more than 90 s
    assert!((1..=2).contains(&count), "{lines:#?}");
}

#[test]
fn a_hold_is_told_with_its_end() {
    let world = calm(Scene::default());
    let until: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
    let held = Event::HoldSet { by: "somebody".into(), why: "a party".into(), until };
    world.said.borrow_mut().push_back(held);
    let lines = told_of(&world);
    assert_eq!(lines[0], "step 1 of 5: add secret");
    assert_eq!(lines[1], "  a person holds the old secret until 2026-11-21T09:00:00Z");
    // as above, confirmed at 182.7 s; the overlap ends at 04:03:03.7, then the vault is read
    let wait = lines.iter().position(|l| l == "step 5 of 5: delete old").unwrap() + 1;
    assert_eq!(lines[wait], "  held until 2026-11-21T09:00:00Z (4h 56m 56s)");
    assert!(!lines.iter().any(|l| l.contains("party") || l.contains("somebody")), "{lines:#?}");
}

#[test]
fn what_is_asked_again_is_told_without_the_service_s_sentence() {
    let (mut progress, paper) = progress();
    let refusal = Refusal {
        kind: RefusalKind::Unanswered,
        status: Some(503),
        code: "ServiceUnavailable".into(),
        message: "a sentence".into(),
        retry_after: None,
    };
    progress.retrying("the credentials", &refusal);
    assert_eq!(paper.lines(), ["  the credentials: gave no answer (HTTP 503, ServiceUnavailable); asked again"]);
}
