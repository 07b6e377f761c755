//! At every crash point there is, then resumed, and once more, then rolled back; judged by the sandbox's own
//! state. How each place is reached is one line of the table; a place that no line names, or that is not reached as its line
//! says, fails.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::aftermath::ends_well;
use crate::binary::leaks::{Searched, nothing_leaked, secrets};
use crate::binary::scene::{EAST, WEST};
use crate::binary::truth::served;
use crate::binary::{Book, Home, Scene, exit, this_many_at_once};
use crate::reliability::Counts;
use keyrelay::driver::CrashPoint;
use keyrelay::rotation::End;
use keyrelay::sandbox::cloud::Audience;
use serde_json::json;

/// What was there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Living,
    Expired,
    Nothing,
    /// One of the two places that there are is free.
    Cramped,
}

/// Who is killed, and what was done before.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The first process of the run.
    Rotate,
    /// The second, after the first was killed at this place.
    ResumeAfter(&'static str),
    /// The way back out of the overlap.
    Rollback,
    /// A process that waits for the end of a hold.
    Held,
    /// A process that waits for a release, as the runbook wants it.
    Unreleased,
    /// The first process of a run that reads the sign-in records at the end of the overlap.
    Drained,
    /// The first process of an answer to a leak, which tries the leaked value after its removal.
    Emergency,
}

/// A way to come to places.
#[derive(Debug)]
struct Way {
    start: Start,
    vaults: usize,
    realistic: bool,
    victim: Victim,
    /// As the environment names them.
    places: &'static [&'static str],
}

const ONE: Way = Way { start: Start::Living, vaults: 1, realistic: false, victim: Victim::Rotate, places: &[] };

/// At least one line for each crash point.
const EVERY_PLACE: &[Way] = &[
    Way {
        places: &[
            "started",
            "before-intent:add-secret",
            "after-intent:add-secret",
            "after-request:add-secret",
            "after-outcome:add-secret",
            "before-intent:write-vault",
            "after-intent:write-vault",
            "after-request:write-vault",
            "after-outcome:write-vault",
            "before-intent:remove-secret",
            "after-intent:remove-secret",
            "after-request:remove-secret",
            "after-outcome:remove-secret",
            "after-read:credentials",
            "after-read:vault",
            "after-read:sign-in",
            "after-read:consumer",
            "waiting:proof",
            "waiting:overlap",
        ],
        ..ONE
    },
    // a list that is stale for a while after the removal
    Way { realistic: true, places: &["waiting:again"], ..ONE },
    Way {
        victim: Victim::ResumeAfter("after-request:write-vault"),
        places: &["waiting:settle", "after-read:versions"],
        ..ONE
    },
    Way { victim: Victim::Rollback, places: &["after-read:baseline", "after-read:copy"], ..ONE },
    Way {
        start: Start::Nothing,
        victim: Victim::Rollback,
        places: &[
            "before-intent:disable-version",
            "after-intent:disable-version",
            "after-request:disable-version",
            "after-outcome:disable-version",
        ],
        ..ONE
    },
    Way { victim: Victim::Held, places: &["waiting:hold"], ..ONE },
    Way { victim: Victim::Unreleased, places: &["waiting:release"], ..ONE },
    Way { victim: Victim::Drained, places: &["after-read:sign-in-records"], ..ONE },
    Way { victim: Victim::Emergency, places: &["after-read:leaked", "after-read:sign-in-records"], ..ONE },
];

/// The same places where more is at stake: between two vaults, on the way back, on a second attempt, without room, in a repair.
const HARDER: &[Way] = &[
    Way { vaults: 2, places: &["after-request:write-vault", "after-request:write-vault#2"], ..ONE },
    Way { vaults: 2, places: &["after-request:remove-secret"], ..ONE },
    Way {
        vaults: 2,
        victim: Victim::ResumeAfter("after-outcome:write-vault"),
        places: &["after-intent:write-vault", "after-request:write-vault"],
        ..ONE
    },
    Way {
        victim: Victim::ResumeAfter("after-request:add-secret"),
        places: &["after-request:add-secret", "after-request:write-vault", "after-request:remove-secret"],
        ..ONE
    },
    Way {
        vaults: 2,
        victim: Victim::Rollback,
        places: &[
            "after-request:write-vault",
            "after-outcome:write-vault",
            "after-request:remove-secret",
            "waiting:overlap",
        ],
        ..ONE
    },
    Way {
        start: Start::Cramped,
        victim: Victim::ResumeAfter("after-request:add-secret"),
        places: &["after-intent:remove-secret", "after-request:remove-secret", "after-request:add-secret"],
        ..ONE
    },
    // the vault has no secret of that name yet
    Way { start: Start::Nothing, places: &["after-request:add-secret", "after-intent:write-vault"], ..ONE },
    Way { start: Start::Expired, places: &["after-request:add-secret", "after-request:write-vault"], ..ONE },
    Way { realistic: true, vaults: 2, places: &["after-request:write-vault", "after-outcome:remove-secret"], ..ONE },
    // the way back puts back what has leaked, as a person then has to say
    Way {
        vaults: 2,
        victim: Victim::Emergency,
        places: &["after-request:add-secret", "after-outcome:write-vault", "after-request:remove-secret"],
        ..ONE
    },
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Resume,
    Rollback,
}

impl Then {
    fn name(self) -> &'static str {
        match self {
            Then::Resume => "resumed",
            Then::Rollback => "rolled-back",
        }
    }
}

/// The hunt that every run here ends with is not to be believed for what it does not find.
#[test]
fn a_planted_leak_is_found() {
    let home = Home::with(&Scene::living(&[EAST]));
    home.killed_at("after-request:write-vault", &["rotate", &home.runbook(&Book::one()), "--wait"]);
    let journal: usize = home.journal_bytes().iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(nothing_leaked(&home).bytes > journal as u64, "the journal was searched");
    for secret in secrets(&home) {
        let planted = home.state().join("journals").join("core");
        std::fs::write(&planted, &secret[10..18]).unwrap();
        assert!(std::panic::catch_unwind(|| nothing_leaked(&home)).is_err());
        std::fs::remove_file(planted).unwrap();
    }
}

#[test]
fn every_crash_point_has_a_way() {
    let all: BTreeSet<String> = CrashPoint::all().iter().map(ToString::to_string).collect();
    let ways = EVERY_PLACE.iter().flat_map(|way| way.places);
    let named: BTreeSet<String> = ways.map(|place| (*place).to_owned()).collect();
    assert_eq!(named, all);
}

#[test]
fn killed_at_every_place_and_resumed() {
    kill_at_all("every", EVERY_PLACE, Then::Resume);
}

#[test]
fn killed_at_every_place_and_rolled_back() {
    kill_at_all("every", EVERY_PLACE, Then::Rollback);
}

#[test]
fn killed_where_more_is_at_stake_and_resumed() {
    kill_at_all("harder", HARDER, Then::Resume);
}

#[test]
fn killed_where_more_is_at_stake_and_rolled_back() {
    kill_at_all("harder", HARDER, Then::Rollback);
}

fn kill_at_all(which: &str, ways: &[Way], then: Then) {
    let cases: Vec<(&Way, &str)> = ways.iter().flat_map(|way| way.places.iter().map(move |p| (way, *p))).collect();
    let counts = Counts::new(format!("kills-at-{which}-place-{}", then.name()), json!({}));
    let all = Mutex::new((counts, Searched::default()));
    this_many_at_once(10, &cases, |(way, place)| {
        let case = format!("{place}, {then:?}: {way:?}");
        let result = std::panic::catch_unwind(|| kill_at(way, place, then));
        let Ok((end, searched)) = result else { panic!("failed: {case}") };
        let mut all = all.lock().unwrap();
        all.0.add("runs", 1);
        all.0.add(if end == End::RolledBack { "rolled back" } else { "completed" }, 1);
        all.1 += searched;
    });
    let (mut counts, searched) = all.into_inner().unwrap();
    counts.set("searched for secrets", searched.json());
    counts.keep();
}

fn scene(way: &Way) -> Scene {
    let vaults = &[EAST, WEST][..way.vaults];
    match way.start {
        Start::Living => Scene::living(vaults),
        Start::Expired => Scene::expired(vaults),
        Start::Nothing => Scene::bare(Audience::MyOrg),
        Start::Cramped => {
            let mut scene = Scene::bare(Audience::OrgsAndPersonal);
            let old = scene.add("made by hand", None);
            vaults.iter().for_each(|host| drop(scene.publish(host, &old.value)));
            scene
        }
    }
}

fn book(way: &Way) -> Book {
    let book = if way.vaults == 2 { Book::two() } else { Book::one() };
    let consumer = "[[consumer]]\nname = \"one that is well\"\nrefresh = { command = [\"true\"] }\n";
    let fields = match way.victim {
        Victim::Unreleased => "delete = \"on-release\"",
        Victim::Drained => "drain = \"observe\"",
        Victim::Rotate | Victim::ResumeAfter(_) | Victim::Rollback | Victim::Held | Victim::Emergency => "",
    };
    // stale lists and slow replicas take up to 2.5 seconds
    let (window, settle) = if way.realistic { ("2s", "3s") } else { ("300ms", "500ms") };
    Book { window, settle, overlap: "500ms", fields, tables: consumer, ..book }
}

/// Brings a process to the place and kills it there.
fn bring(home: &Home, book: &str, way: &Way, place: &str) {
    let overlap = || drop(home.run(&["rotate", book, "--no-wait"]).exits(exit::WAITING));
    match way.victim {
        Victim::Rotate | Victim::Drained => home.killed_at(place, &["rotate", book, "--wait"]),
        Victim::Emergency => {
            let leaked = served(&home.cloud(), EAST).unwrap().to_string();
            home.killed_at(place, &["rotate", book, "--emergency", "--key-id", &leaked]);
        }
        Victim::ResumeAfter(first) => {
            home.killed_at(first, &["rotate", book, "--wait"]);
            home.killed_at(place, &["resume", "--wait"]);
        }
        Victim::Rollback => {
            overlap();
            home.killed_at(place, &["rollback", book, "--wait"]);
        }
        Victim::Held => {
            overlap();
            home.run(&["hold", book, "--for", "1h", "--reason", "suite"]).exits(exit::DONE);
            home.killed_at(place, &["resume", "--wait"]);
        }
        Victim::Unreleased => {
            overlap();
            home.killed_at(place, &["resume", "--wait"]);
        }
    }
}

fn kill_at(way: &Way, place: &str, then: Then) -> (End, Searched) {
    let scene = scene(way);
    let home = Home::with(&scene);
    let home = if way.realistic { home.realistic() } else { home };
    let book = home.runbook(&book(way));
    bring(&home, &book, way, place);
    let (back, release) = match way.victim {
        Victim::Rollback => (true, false),
        Victim::Held | Victim::Unreleased => (false, then == Then::Resume),
        Victim::Rotate | Victim::ResumeAfter(_) | Victim::Drained | Victim::Emergency => (false, false),
    };
    let run = home.the_run().start.plan.run.to_string();
    if release {
        home.run(&["release", &run, "--reason", "suite"]).exits(exit::DONE);
    }
    let (end, searched) = ends_well(&home, &scene.cloud, then == Then::Rollback);
    assert!(!back || end == End::RolledBack, "a way back that was begun is gone to its end");
    (end, searched)
}
