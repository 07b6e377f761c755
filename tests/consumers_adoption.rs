//! Consumers in virtual time: side by side, tried again within their time, and asked which secret they use before one is removed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, missing_docs)]

mod evidence_support;
mod world;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use evidence_support::{kill_at, never};
use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::Stopped;
use keyrelay::evidence::Report;
use keyrelay::ports::{ConsumerAnswer, Told};
use keyrelay::rotation::answers::{Mutation, Reported};
use keyrelay::rotation::names::KeyId;
use keyrelay::rotation::plan::OnFailure;
use keyrelay::rotation::{Adoption, Effect, End, Event, Phase, Reason, Rotation};
use world::{Scene, World};

/// One visit: whether it was a refresh, to whom, and the key IDs that were told: the first old one, and the new one.
type Seen = (bool, usize, Option<KeyId>, Option<KeyId>);

fn answer(ok: bool, reported: Reported) -> ConsumerAnswer {
    ConsumerAnswer { ok, reported, note: if ok { "fine" } else { "no" }.into(), retry: true }
}

fn world(consumers: usize, scene: Scene) -> World {
    World::new(Scene { consumers: true, consumer_count: consumers, ..scene })
}

/// Consumers that answer as `script` says; gives what they were told and asked.
fn script(world: &World, mut script: impl FnMut(bool, usize) -> ConsumerAnswer + 'static) -> Rc<RefCell<Vec<Seen>>> {
    let seen: Rc<RefCell<Vec<Seen>>> = Rc::default();
    let noted = seen.clone();
    *world.visits.borrow_mut() = Some(Box::new(move |refresh, consumer, told: &Told| {
        noted.borrow_mut().push((refresh, consumer, told.old_key_ids.first().copied(), told.new_key_id));
        script(refresh, consumer)
    }));
    seen
}

fn count(seen: &Rc<RefCell<Vec<Seen>>>, refresh: bool, consumer: usize) -> usize {
    seen.borrow().iter().filter(|(r, c, ..)| (*r, *c) == (refresh, consumer)).count()
}

fn removals(world: &World) -> usize {
    let removes = |e: &Event| matches!(e, Event::Intended { request: Mutation::RemoveSecret { .. } });
    world.journal.borrow().iter().filter(|(_, e)| removes(e)).count()
}

fn say(world: &World, event: Event) {
    world.journal.borrow_mut().push((world.time.get(), event));
}

fn needs(reason: Reason) -> Stopped {
    Stopped::NeedsOperator(reason)
}

fn report(world: &World) -> Report {
    Report::of(&evidence_support::run(world))
}

fn proof(report: &Report, consumer: usize) -> String {
    serde_json::to_value(report.consumers[consumer].proof).unwrap().as_str().unwrap().to_owned()
}

fn new_key(world: &World) -> KeyId {
    world.replay().attempts()[0].added.key_id().unwrap()
}

#[test]
fn no_more_than_eight_are_told_or_asked_at_the_same_time() {
    for (consumers, at_most) in [(1, 1), (3, 3), (10, 8)] {
        let world = world(consumers, Scene::default());
        assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
        assert_eq!(world.side_by_side.get(), (0, at_most));
        let journal = world.journal.borrow();
        let answered = |of: fn(&Event) -> bool| journal.iter().filter(|(_, e)| of(e)).count();
        assert_eq!(answered(|e| matches!(e, Event::ConsumerRefreshed { .. })), consumers);
        // after the refresh, and before the removal
        assert_eq!(answered(|e| matches!(e, Event::ConsumerChecked { .. })), 2 * consumers);
    }
}

#[test]
fn what_fails_is_tried_until_its_time_is_over_and_the_others_are_on_disk_before() {
    let world = world(3, Scene::default());
    let times: Rc<RefCell<Vec<Timestamp>>> = Rc::default();
    let (noted, time) = (times.clone(), world.time.clone());
    let seen = script(&world, move |_, consumer| {
        if consumer == 1 {
            noted.borrow_mut().push(time.get());
        }
        answer(consumer != 1, Reported::Neither)
    });
    let note = "5 tries, the last: no".to_owned();
    let stopped = world.process(false, false, never).unwrap();
    assert_eq!(stopped, needs(Reason::ConsumerFailed { consumers: vec![1], note }));
    // the pauses are 1, 2 and 4 s; of 10 s that leaves 3
    let times = times.borrow();
    let offsets: Vec<i64> = times.iter().map(|t| t.duration_since(times[0]).as_secs()).collect();
    assert_eq!(offsets, [0, 1, 3, 7, 10]);
    assert!(!seen.borrow().iter().any(|(refresh, ..)| !refresh), "none is checked before all are refreshed");
    let which = |e: &Event| if let Event::ConsumerRefreshed { consumer, .. } = e { Some(*consumer) } else { None };
    let mut refreshed: Vec<usize> = world.journal.borrow().iter().filter_map(|(_, e)| which(e)).collect();
    refreshed[..2].sort_unstable();
    assert_eq!(refreshed, [0, 2, 1], "the one that fails comes last");
    // resumed, only the one that failed is told again
    let again = script(&world, |_, _| answer(true, Reported::Neither));
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    assert_eq!([0, 1, 2].map(|c| count(&again, true, c)), [0, 1, 0]);
    world.check_journal();
}

#[test]
fn what_cannot_help_is_tried_once() {
    let world = world(1, Scene::default());
    let seen = script(&world, |_, _| ConsumerAnswer { retry: false, ..answer(false, Reported::Neither) });
    let reason = Reason::ConsumerFailed { consumers: vec![0], note: "no".into() };
    assert_eq!(world.process(false, false, never).unwrap(), needs(reason));
    assert_eq!(count(&seen, true, 0), 1);
}

#[test]
fn after_a_kill_in_the_middle_those_without_an_answer_are_asked_again() {
    // killed when one of three has answered: to the refresh, to the check after it, to the check before the removal
    for (nth, answered, others) in [(2, (0, 2), (1, 2)), (5, (0, 1), (0, 2)), (8, (0, 0), (0, 1))] {
        let world = world(3, Scene::default());
        script(&world, |_, _| answer(true, Reported::New));
        world.process(false, false, kill_at("after-read:consumer", nth)).unwrap_err();
        let last = world.journal.borrow().last().map(|(_, e)| e.clone());
        let (Event::ConsumerRefreshed { consumer: first, .. } | Event::ConsumerChecked { consumer: first, .. }) =
            last.unwrap()
        else {
            panic!("the last answer is not a consumer's")
        };
        let seen = script(&world, |_, _| answer(true, Reported::New));
        assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
        for consumer in 0..3 {
            let expected = if consumer == first { answered } else { others };
            assert_eq!((count(&seen, true, consumer), count(&seen, false, consumer)), expected, "killed at answer {nth}");
        }
        world.check_journal();
    }
}

#[test]
fn the_old_secret_stays_while_a_consumer_reports_it() {
    let world = world(2, Scene::default());
    let old = Rc::new(Cell::new(true));
    let still = old.clone();
    let seen = script(&world, move |_, consumer| {
        answer(true, if consumer == 1 && still.get() { Reported::Old } else { Reported::New })
    });
    // right after the refresh it may report the old one: its cache has not elapsed
    let stopped = world.process(false, false, never).unwrap();
    assert_eq!(stopped, needs(Reason::ConsumerUsesOld { consumers: vec![1] }));
    assert_eq!(removals(&world), 0);
    let baseline = world.baseline.unwrap();
    assert!(world.hidden().credentials.iter().any(|c| c.key_id == baseline && c.accepted));
    let told: Vec<_> = seen.borrow().iter().map(|(_, _, old, new)| (*old, *new)).collect();
    assert!(told.iter().all(|t| *t == (Some(baseline), Some(new_key(&world)))), "{told:?}");
    let first = report(&world);
    assert_eq!((proof(&first, 0), proof(&first, 1)), ("adopted".into(), "old_reported".into()));
    // resumed too early, it stops again
    let stopped = world.process(true, false, never).unwrap();
    assert_eq!(stopped, needs(Reason::ConsumerUsesOld { consumers: vec![1] }));
    old.set(false);
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    assert_eq!(removals(&world), 1);
    assert_eq!(proof(&report(&world), 1), "adopted");
    assert_eq!(count(&seen, true, 1), 1, "a report of the old key ID is no reason to refresh again");
    world.check_journal();
    world.check_aftermath();
}

#[test]
fn a_person_who_releases_such_a_run_lets_it_go_on_and_the_report_says_so() {
    let released = || Event::Released { by: "kim".into(), why: "its report is wrong".into() };
    let world = world(1, Scene::default());
    script(&world, |_, _| answer(true, Reported::Old));
    // released before anybody knew: that lets nothing go
    world.said.borrow_mut().push_back(released());
    let stops = needs(Reason::ConsumerUsesOld { consumers: vec![0] });
    assert_eq!(world.process(false, false, never).unwrap(), stops);
    say(&world, released());
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::Completed));
    let report = report(&world);
    assert_eq!(proof(&report, 0), "old_reported");
    assert!(
        report.consumers[0].text.ends_with("A person let the run go on past its answer."),
        "{}",
        report.consumers[0].text
    );
}

#[test]
fn a_check_that_fails_before_the_removal_goes_to_the_failure_policy() {
    for (on_failure, expected) in [
        (OnFailure::Operator, needs(Reason::ConsumerFailed { consumers: vec![0], note: "5 tries, the last: no".into() })),
        (OnFailure::Rollback, Stopped::Ended(End::RolledBack)),
    ] {
        let world = world(1, Scene { on_failure, ..Scene::default() });
        let mut checks = 0;
        script(&world, move |refresh, _| {
            checks += u32::from(!refresh);
            // well after the refresh, ill for the five tries before the removal, well again
            answer(refresh || checks == 1 || checks > 6, Reported::Neither)
        });
        assert_eq!(world.process(false, false, never).unwrap(), expected);
        let baseline = world.baseline.unwrap();
        assert!(world.hidden().credentials.iter().any(|c| c.key_id == baseline && c.accepted));
        world.check_journal();
    }
}

#[test]
fn the_way_back_refreshes_too_and_keeps_what_a_consumer_reports() {
    let world = world(1, Scene::default());
    let seen = script(&world, |_, _| answer(true, Reported::New));
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    seen.borrow_mut().clear();
    let ours = new_key(&world);
    let back = script(&world, |_, _| answer(true, Reported::Old));
    let stopped = world.process(true, true, never).unwrap();
    assert_eq!(stopped, needs(Reason::ConsumerUsesOld { consumers: vec![0] }));
    assert_eq!(*back.borrow(), [(true, 0, Some(ours), world.baseline), (false, 0, Some(ours), world.baseline)]);
    assert_eq!(removals(&world), 0);
    assert_eq!(proof(&report(&world), 0), "old_reported");
    let again = script(&world, |_, _| answer(true, Reported::New));
    assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::RolledBack));
    assert_eq!(*again.borrow(), [(false, 0, Some(ours), world.baseline)]);
    assert_eq!(proof(&report(&world), 0), "adopted");
    world.check_journal();
    world.check_aftermath();
}

#[test]
fn on_the_way_back_a_failed_refresh_stops_and_a_failed_check_does_not() {
    for (refresh_fails, expected) in [
        (true, needs(Reason::ConsumerFailed { consumers: vec![0], note: "5 tries, the last: no".into() })),
        (false, Stopped::Ended(End::RolledBack)),
    ] {
        let world = world(1, Scene::default());
        world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
        script(&world, move |refresh, _| answer(refresh != refresh_fails, Reported::Neither));
        assert_eq!(world.process(true, true, never).unwrap(), expected);
        assert_eq!(removals(&world), usize::from(!refresh_fails));
        // a person may let it go on without the consumer
        if refresh_fails {
            say(&world, Event::Released { by: "kim".into(), why: "switched off".into() });
            assert_eq!(world.process(true, false, never).unwrap(), Stopped::Ended(End::RolledBack));
        }
        world.check_journal();
        world.check_aftermath();
    }
}

/// The state when a removal was decided and is not on disk yet.
fn before_the_removal(world: &World) -> Rotation {
    world.process(false, false, kill_at("before-intent:remove-secret", 1)).unwrap_err();
    let run = world.replay();
    assert!(matches!(run.next(world.time.get()), Effect::Mutate(Mutation::RemoveSecret { .. })));
    run
}

#[test]
fn answers_are_not_taken_for_fresh_after_a_hold_or_in_another_process() {
    let world = world(1, Scene::default());
    script(&world, |_, _| answer(true, Reported::New));
    let run = before_the_removal(&world);
    let now = world.time.get();
    let hold = Event::HoldSet { by: "kim".into(), why: "look first".into(), until: now + SignedDuration::from_hours(1) };
    let held = run.apply(now, &hold).unwrap();
    assert!(matches!(held.next(now), Effect::Wait { .. }));
    let said = Event::ConsumerChecked { consumer: 0, ok: true, reported: Reported::New, note: String::new() };
    assert!(held.apply(now, &said).is_err(), "nobody was asked while it is held");
    for later in [
        held.next(now + SignedDuration::from_hours(2)),
        run.apply(now, &Event::Resumed { by: "kim".into() }).unwrap().next(now),
    ] {
        assert_eq!(later, Effect::Check { consumers: vec![0] });
    }
}

#[test]
fn adoption_is_shown_by_a_report_or_by_time_and_never_by_health() {
    let world = world(1, Scene::default());
    script(&world, |_, _| answer(true, Reported::Neither));
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    let run = world.replay();
    let (refreshed, well) = (run.consumers()[0].refreshed.unwrap(), run.consumers()[0].well.unwrap());
    // a cache of 2 h, and the second by which service time may lag
    let elapsed = refreshed + SignedDuration::from_secs(7201);
    let just_before = elapsed - SignedDuration::from_nanos(1);
    assert_eq!(run.adoption(0, just_before), Adoption::HealthyOnly { at: well });
    assert_eq!(run.adoption(0, elapsed), Adoption::Elapsed { at: elapsed });
    assert_eq!(run.adoption(1, elapsed), Adoption::Unknown);
    assert_eq!(proof(&report(&world), 0), "healthy_only");
    // asked before the removal it names the old one: time shows nothing any more
    script(&world, |_, _| answer(true, Reported::Old));
    world.process(true, false, never).unwrap();
    let run = world.replay();
    assert_eq!(run.adoption(0, Timestamp::MAX), Adoption::ReportedOld { at: run.consumers()[0].reported.unwrap().0 });
    assert!(matches!(run.phase(), Phase::NeedsOperator { .. }));
}

#[test]
fn who_is_left_to_read_again_by_itself_has_done_so_when_its_cache_has_elapsed() {
    for (cache, shown) in [(7200, true), (0, false)] {
        let mut world = world(1, Scene::default());
        let mut plan = (*world.plan).clone();
        plan.consumers[0] =
            keyrelay::rotation::plan::ConsumerPlan { refresh: false, check: false, cache: world::seconds(cache) };
        world.plan = std::sync::Arc::new(plan);
        assert_eq!(world.process(false, false, never).unwrap(), Stopped::Ended(End::Completed));
        let adoption = world.replay().adoption(0, Timestamp::MAX);
        assert_eq!(matches!(adoption, Adoption::Elapsed { .. }), shown, "{adoption:?}");
        assert_eq!(adoption == Adoption::Unknown, !shown);
    }
}
