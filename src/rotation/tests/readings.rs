//! Which answers are awaited, and which vaults must sign in before something is removed.

use super::super::answers::{Mutation, SignIn, Trace};
use super::super::event::Event;
use super::super::state::Phase;
use super::*;

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
