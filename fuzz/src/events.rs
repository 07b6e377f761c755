//! Sequences of events into the core: whatever happens, and whoever says what, each event is taken or refused by name, and what
//! was taken replays to the same state.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::answers::{RefusalKind, Trace};
use keyrelay::rotation::{Effect, Event, Plan, Reading, Rotation};

use super::stage::{self, BEGUN, Bytes, Stage, signed_in};

/// A run that was walked.
pub struct Walked {
    pub plan: Arc<Plan>,
    pub events: Vec<(Timestamp, Event)>,
}

/// No run takes more: one that did would be without an end.
const LONGEST: usize = 400;

/// Walks as the bytes say and checks the way.
pub fn events(bytes: &[u8]) {
    let walked = walk(bytes, |_, _| true);
    let mut again = Rotation::new(walked.plan.clone(), BEGUN);
    for (at, event) in &walked.events {
        let text = serde_json::to_string(event).unwrap();
        again = again.apply(*at, &serde_json::from_str(&text).unwrap()).unwrap();
    }
}

/// Walks until the run has ended, or `go_on` says no.
pub fn walk(bytes: &[u8], mut go_on: impl FnMut(&Rotation, &[(Timestamp, Event)]) -> bool) -> Walked {
    let mut bytes = Bytes(bytes);
    let plan = Arc::new(stage::plan(&mut bytes));
    let (mut stage, mut at) = (Stage::new(plan.clone()), BEGUN);
    let mut rotation = Rotation::new(plan.clone(), at);
    let mut events: Vec<(Timestamp, Event)> = Vec::new();
    while events.len() < LONGEST && go_on(&rotation, &events) {
        at += SignedDuration::from_secs(1);
        let said = bytes.draw();
        if said >= 240 {
            // out of turn: taken, or refused with both names
            let event = out_of_turn(said, at, &mut bytes);
            match rotation.apply(at, &event) {
                Ok(next) => rotation = next,
                Err(e) => {
                    assert!(!e.state.is_empty() && e.event == event.name());
                    continue;
                }
            }
            events.push((at, event));
            continue;
        }
        let event = match rotation.next(at) {
            Effect::Wait { until, .. } => {
                assert!(until > at, "a wait for the past");
                at = until;
                if bytes.0.is_empty() && events.len() > LONGEST / 2 {
                    break;
                }
                continue;
            }
            Effect::Read(reading) => stage.answer(reading, at, &mut bytes),
            Effect::Mutate(request) if rotation.in_flight().is_none() => Event::Intended { request },
            Effect::Mutate(request) => stage.change(&request, at, &mut bytes),
            Effect::Refresh { consumers } => stage.consumer(consumers[0], true, &mut bytes),
            Effect::Check { consumers } => stage.consumer(consumers[0], false, &mut bytes),
            Effect::GiveUp => Event::GaveUp,
            Effect::NeedsOperator(_) if !bytes.0.is_empty() => person(bytes.draw(), at, &mut bytes),
            Effect::NeedsOperator(_) | Effect::Ended(_) => break,
        };
        match rotation.apply(at, &event) {
            Ok(next) => {
                rotation = next;
                events.push((at, event));
            }
            // only a person's word may come at the wrong time
            Err(e) => assert!(matches!(event, Event::RollbackRequested { .. } | Event::Released { .. }), "{e}"),
        }
    }
    Walked { plan, events }
}

/// What people and later processes say.
fn person(which: u8, at: Timestamp, bytes: &mut Bytes<'_>) -> Event {
    let (by, why) = ("kim@ops-1 as app rotator".to_owned(), "asked to".to_owned());
    match which % 8 {
        0..=2 => Event::Resumed { by },
        3 | 4 => {
            let baseline = Some(signed_in(bytes.of(9)));
            Event::RollbackRequested { by, reason: why, baseline, restore_leaked: which & 8 != 0 }
        }
        5 => Event::HoldSet { by, why, until: at + SignedDuration::from_hours(2) },
        6 => Event::Released { by, why },
        _ => Event::Abandoned { by, reason: why },
    }
}

fn out_of_turn(said: u8, at: Timestamp, bytes: &mut Bytes<'_>) -> Event {
    let trace = Trace::default();
    match said % 16 {
        0..=9 => person(said, at, bytes),
        10 => Event::GaveUp,
        11 => Event::InDoubt { refusal: stage::refusal(RefusalKind::Unanswered), trace },
        12 => Event::SignedIn { answer: signed_in(bytes.draw()), trace },
        13 => Event::CredentialsListed { credentials: Vec::new(), trace },
        14 => Event::VersionsListed { vault: Stage::first_vault(), versions: Vec::new(), trace },
        _ => {
            let reading = Reading::Vault { vault: Stage::first_vault(), sign_in: false };
            let empty = Stage::new(Arc::new(stage::plan(&mut Bytes(&[0, 2]))));
            { empty }.answer(reading, at, &mut Bytes(&[]))
        }
    }
}
