//! Every reason for which a run stops and asks a person, brought about; and that the run can be ended from there.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::OnceLock;

use keyrelay::driver::crash::{Change, Pause};
use keyrelay::driver::{CrashPoint, DriverError, Stopped};
use keyrelay::ports::ConsumerAnswer;
use keyrelay::rotation::answers::{RefusalKind, Reported};
use keyrelay::rotation::names::Tag;
use keyrelay::rotation::plan::Delete;
use keyrelay::rotation::{End, Event, Phase, Reason};
use keyrelay::sandbox::cloud::{AppRef, PasswordSpec};
use keyrelay::sandbox::in_process::{Fault, Operation};
use serde_json::json;

use crate::mischief::{Edit, edit};
use crate::reliability::Counts;
use crate::scenes::never;
use crate::world::reached::Reached;
use crate::world::{CLIENT, Scene, World, drain, range, seconds};

/// The run of another host.
const OTHER: &str = "20261121t030000z-zzzz";

type Answer = Result<Stopped, DriverError>;

fn on(world: &World, hook: impl FnMut(&Operation) -> Fault + 'static) {
    *world.faults.borrow_mut() = Box::new(hook);
}

fn start(world: &World) -> Answer {
    world.process(false, false, never)
}

fn kill_at(point: CrashPoint) -> impl FnMut(CrashPoint) -> bool {
    move |p| p == point
}

fn brief() -> Scene {
    Scene { overlap: 60, ..Scene::default() }.brief()
}

/// A run whose first attempt may have been published, and of which nothing is to be seen: from here no failure rolls back by itself.
fn maybe_published(scene: Scene) -> World {
    let world = World::new(scene);
    on(&world, |op| if matches!(op, Operation::Write(..)) { Fault::LostBefore } else { Fault::None });
    world.process(false, false, kill_at(CrashPoint::AfterRequest(Change::Write))).unwrap_err();
    on(&world, |_| Fault::None);
    world
}

/// Refuses for good what fits.
fn forbid(world: &World, which: fn(&Operation) -> bool) {
    on(world, move |op| if which(op) { Fault::Refused(RefusalKind::Forbidden) } else { Fault::None });
}

fn add_credential(world: &World, display_name: String) {
    let spec = PasswordSpec { display_name: Some(display_name), start: None, end: None };
    let mut cloud = world.cloud.borrow_mut();
    cloud.add_password(world.time.get(), AppRef::Client(CLIENT), spec).unwrap();
    cloud.propagate_all(world.time.get());
}

fn at_overlap(world: &World) {
    world.process(false, false, kill_at(CrashPoint::Waiting(Pause::Overlap))).unwrap_err();
}

fn consumers_say(scene: Scene, ok: bool, reported: Reported) -> World {
    let world = World::new(Scene { consumers: true, ..scene });
    *world.visits.borrow_mut() =
        Some(Box::new(move |_, _, _| ConsumerAnswer { ok, reported, note: "no".into(), retry: false }));
    world
}

/// A world in which a run stops for the reason of this name, and how it stopped. What others did there is not held against the run.
fn stop(name: &str) -> (World, Answer) {
    let world = match name {
        "vault-changed" => {
            let world = World::new(brief());
            at_overlap(&world);
            edit(&world, 0, Edit::OwnValue);
            world
        }
        "vaults-unsteady" => {
            let world = World::new(brief());
            at_overlap(&world);
            let own = world.for_others();
            world.actors.borrow_mut().push(Box::pin(async move {
                loop {
                    own.timeline.sleep(seconds(20)).await;
                    edit(&own, 0, Edit::SameAgain);
                }
            }));
            world
        }
        "no-room" => World::new(Scene { two_at_most: true, foreign: 1, ..brief() }),
        "another-run" => {
            let world = maybe_published(brief());
            let run = OTHER.parse().unwrap();
            add_credential(&world, Tag { target: world.plan.target, run, attempt: 1 }.display_name("nightly"));
            world
        }
        "not-proven" => {
            let world = maybe_published(brief());
            on(&world, |op| if *op == Operation::SignIn { Fault::Refused(RefusalKind::Throttled) } else { Fault::None });
            world
        }
        "current-refused" => {
            let world = World::new(brief());
            world.process(false, false, kill_at(CrashPoint::AfterOutcome(Change::Write))).unwrap_err();
            on(&world, |op| if *op == Operation::SignIn { Fault::Refused(RefusalKind::Throttled) } else { Fault::None });
            world
        }
        "credential-gone" => {
            let world = World::new(brief());
            // a list that does not show the new credential for longer than A1 allows
            world.cloud.borrow_mut().set_profile(keyrelay::sandbox::cloud::Profile {
                lists: range(90_000_000, 90_000_000),
                ..world.scene.profile.clone()
            });
            world
        }
        "baseline-unproven" => {
            let world = World::new(brief());
            at_overlap(&world);
            let asked = Rc::new(Cell::new(0));
            on(&world, move |op| {
                asked.set(asked.get() + u32::from(*op == Operation::SignIn));
                // the first is the one that allows the rollback
                let silent = *op == Operation::SignIn && asked.get() > 1;
                if silent { Fault::Refused(RefusalKind::Throttled) } else { Fault::None }
            });
            let stopped = world.process(true, true, never);
            return (world, stopped);
        }
        "add-refused" => {
            let world = maybe_published(brief());
            forbid(&world, |op| matches!(op, Operation::AddPassword { .. }));
            world
        }
        "write-refused" => {
            let world = World::new(Scene { vaults: 2, ..brief() });
            let mut writes = 0;
            on(&world, move |op| {
                writes += u32::from(matches!(op, Operation::Write(..)));
                if writes > 1 && matches!(op, Operation::Write(..)) {
                    return Fault::Refused(RefusalKind::Forbidden);
                }
                Fault::None
            });
            world
        }
        "remove-refused" => {
            let world = World::new(brief());
            forbid(&world, |op| matches!(op, Operation::RemovePassword(_)));
            world
        }
        "removal-not-seen" => {
            let world = World::new(brief());
            at_overlap(&world);
            world.cloud.borrow_mut().set_profile(keyrelay::sandbox::cloud::Profile {
                lists: range(90_000_000, 90_000_000),
                ..world.scene.profile.clone()
            });
            world
        }
        "read-refused" => {
            let world = World::new(brief());
            at_overlap(&world);
            forbid(&world, |op| matches!(op, Operation::Current(_)));
            world
        }
        "attempts-exhausted" => {
            let world = maybe_published(Scene { attempts: 2, ..brief() });
            on(&world, |op| if matches!(op, Operation::AddPassword { .. }) { Fault::LostAfter } else { Fault::None });
            world
        }
        "consumer-failed" => consumers_say(brief(), false, Reported::Neither),
        "consumer-uses-old" => consumers_say(brief(), true, Reported::Old),
        "not-drained" => {
            let world = World::new(Scene { drain: Some(drain(true)), ..brief() });
            world.cloud.borrow_mut().stage().premium(false);
            world
        }
        "not-released" => World::new(Scene { delete: Delete::OnRelease, ..brief() }),
        other => panic!("no world brings about {other}"),
    };
    world.meddled.set(matches!(name, "vault-changed" | "vaults-unsteady" | "another-run"));
    let fresh = world.journal.borrow().is_empty();
    let stopped = if fresh { start(&world) } else { world.process(true, false, never) };
    (world, stopped)
}

/// Where a reason stands in [`ALL`]. A new one does not compile before it has a place.
fn place(reason: &Reason) -> usize {
    match reason {
        Reason::VaultChanged { .. } => 0,
        Reason::VaultsUnsteady => 1,
        Reason::NoRoom => 2,
        Reason::AnotherRun { .. } => 3,
        Reason::NotProven { .. } => 4,
        Reason::CurrentRefused { .. } => 5,
        Reason::CredentialGone { .. } => 6,
        Reason::BaselineUnproven { .. } => 7,
        Reason::AddRefused { .. } => 8,
        Reason::WriteRefused { .. } => 9,
        Reason::RemoveRefused { .. } => 10,
        Reason::RemovalNotSeen { .. } => 11,
        Reason::ReadRefused { .. } => 12,
        Reason::AttemptsExhausted => 13,
        Reason::ConsumerFailed { .. } => 14,
        Reason::ConsumerUsesOld { .. } => 15,
        Reason::NotReleased => 16,
        Reason::NotDrained { .. } => 17,
    }
}

pub(crate) const ALL: [&str; 18] = [
    "vault-changed",
    "vaults-unsteady",
    "no-room",
    "another-run",
    "not-proven",
    "current-refused",
    "credential-gone",
    "baseline-unproven",
    "add-refused",
    "write-refused",
    "remove-refused",
    "removal-not-seen",
    "read-refused",
    "attempts-exhausted",
    "consumer-failed",
    "consumer-uses-old",
    "not-released",
    "not-drained",
];

/// Mends what stopped the run as `runbooks/needs-operator.md` says; then the run must end by what that page says. How it did.
fn mended(name: &str, world: &World) -> &'static str {
    on(world, |_| Fault::None);
    *world.visits.borrow_mut() = None;
    world.actors.borrow_mut().clear();
    world.said.borrow_mut().push_back(Event::Released { by: "kim".into(), why: "mended".into() });
    match name {
        // somebody's value is in the vault now: the run is over
        "vault-changed" => {
            world.abandon();
            return "abandon";
        }
        "attempts-exhausted" => {
            assert_eq!(world.process(true, true, never).unwrap(), Stopped::Ended(End::RolledBack), "{name}");
            return "rollback";
        }
        "no-room" | "another-run" => {
            let mut cloud = world.cloud.borrow_mut();
            let standings = cloud.standings(world.time.get(), AppRef::Client(CLIENT));
            let others =
                standings.iter().filter(|s| s.display_name.starts_with("somebody's") || s.display_name.contains(OTHER));
            for other in others {
                cloud.remove_password(world.time.get(), AppRef::Client(CLIENT), other.key_id).unwrap();
            }
            cloud.propagate_all(world.time.get());
        }
        _ => {
            let mut cloud = world.cloud.borrow_mut();
            cloud.set_profile(world.scene.profile.clone());
            cloud.propagate_all(world.time.get());
        }
    }
    let end = if name == "baseline-unproven" { End::RolledBack } else { End::Completed };
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(end), "{name}");
    "resume"
}

/// What the suite came by; it runs once, whoever asks.
pub(crate) fn reasons() -> &'static Reached {
    static DONE: OnceLock<Reached> = OnceLock::new();
    DONE.get_or_init(|| {
        let (mut reached, mut counts) = (Reached::default(), Counts::new("reasons", json!({})));
        let mut wrong = Vec::new();
        for name in ALL {
            let (world, stopped) = stop(name);
            let Ok(Stopped::NeedsOperator(reason)) = stopped else {
                wrong.push(format!("{name}: {stopped:?}"));
                continue;
            };
            assert_eq!((reason.name(), ALL[place(&reason)]), (name, name));
            assert!(matches!(world.replay().phase(), Phase::NeedsOperator { .. }));
            // a value in memory is lost with the process that stopped
            world.losses.set(world.losses.get() + 1);
            let ended = mended(name, &world);
            counts.set(name, ended);
            world.check_journal();
            reached.join(&world.reached.borrow());
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        counts.set("runs", ALL.len());
        counts.set("searched for secrets", reached.searched.json());
        counts.keep();
        reached
    })
}

#[test]
fn every_reason_to_stop_comes_about_and_the_run_can_be_ended() {
    reasons();
}
