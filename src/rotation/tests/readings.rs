//! Which answers are awaited, and which vaults must sign in before something is removed.

use super::super::answers::{Mutation, SignIn, Source, Trace};
use super::super::effect::{Effect, Reading};
use super::super::event::Event;
use super::super::state::Phase;
use super::drain::{drained, waiting};
use super::*;
use crate::rotation::Reason;

/// Nobody signs in with a value while a request is under way, or still to be sent.
#[test]
fn an_answer_is_taken_only_where_it_was_asked_for() {
    let signed_in = Event::SignedIn { answer: SignIn::Accepted, trace: Trace::default() };
    let proving = Rotation { held: true, ..standing(plan(), Phase::Prove) };
    assert_eq!(tell(&proving, 1, &signed_in).proven_since(), Some(at(1)));
    let mutation = Mutation::RemoveSecret { key_id: NEW };
    refuses(&Rotation { in_flight: Some(mutation.clone()), ..proving.clone() }, 1, &signed_in);
    refuses(&Rotation { todo: [mutation].into(), ..proving.clone() }, 1, &signed_in);
    refuses(&Rotation { phase: Phase::Smoke, ..proving }, 1, &signed_in);
}

/// What is copied is read before the intent to write it. That the sign-in records cannot be read is an answer, not a failure.
#[test]
fn a_read_is_refused_only_where_something_is_read() {
    let why = refusal(RefusalKind::Forbidden);
    let refused = Event::ReadRefused { refusal: why.clone(), trace: Trace::default() };
    let reading = standing(plan(), Phase::Smoke);
    let stops = Some(Reason::ReadRefused { refusal: why });
    assert_eq!(stopped(&tell(&reading, 1, &refused)).cloned(), stops);
    let from = Source::Version { vault: FIRST, version: START };
    let copy = Mutation::WriteVault { vault: SECOND, attempt: 1, from };
    let with = |todo: Mutation| Rotation { todo: [todo].into(), ..reading.clone() };
    assert_eq!(stopped(&tell(&with(copy.clone()), 1, &refused)).cloned(), stops);
    refuses(&Rotation { in_flight: Some(copy.clone()), ..with(copy.clone()) }, 1, &refused);
    refuses(&Rotation { in_flight: Some(copy), ..reading.clone() }, 1, &refused);
    refuses(&with(Mutation::RemoveSecret { key_id: OLD }), 1, &refused);
    refuses(&with(Mutation::WriteVault { vault: SECOND, attempt: 1, from: Source::Memory }), 1, &refused);
    refuses(&standing(plan(), Phase::Consumers), 1, &refused);
    let asking = waiting(drained());
    assert!(matches!(asking.next(at(3701)), Effect::Read(Reading::SignIns { .. })));
    refuses(&asking, 3701, &refused);
}

#[test]
fn what_cannot_happen_is_named_with_the_state() {
    let illegal = standing(plan(), Phase::Smoke).apply(at(1), &Event::GaveUp).expect_err("nobody is waited for");
    assert_eq!(illegal.to_string(), "the event \"gave up\" cannot happen in the state \"smoke test\"");
}

#[test]
fn what_must_sign_in_before_a_removal() {
    let signs_in = |phase: Phase, back, baseline, start| {
        let run = Rotation { phase, back, ..run(Plan { baseline, vaults: vec![start], ..plan() }) };
        run.signs_in_at(FIRST)
    };
    let (holds, alive) = (VaultStart::Holds { version: START }, Baseline::Alive { key_id: OLD });
    let dead = Baseline::Dead { key_id: Some(OLD), removable: true };
    for phase in [Phase::Wait, Phase::Delete] {
        assert!(signs_in(phase.clone(), false, dead, VaultStart::Empty), "ours is there");
        assert!(signs_in(phase.clone(), true, alive, holds));
        assert!(!signs_in(phase.clone(), true, alive, VaultStart::Empty), "nothing was there");
        assert!(!signs_in(phase, true, dead, holds), "what was there was dead");
    }
    assert!(signs_in(Phase::Revoke, false, alive, holds) && !signs_in(Phase::Revoke, false, alive, VaultStart::Empty));
    assert!(signs_in(Phase::Smoke, false, dead, VaultStart::Empty));
}
