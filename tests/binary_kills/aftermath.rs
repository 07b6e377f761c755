//! After a kill: the run is brought to its end, and the end is what it must be.

use std::time::{Duration, Instant};

use keyrelay::rotation::End;
use keyrelay::rotation::plan::Baseline;
use keyrelay::sandbox::cloud::Cloud;

use crate::binary::leaks::{Searched, nothing_leaked};
use crate::binary::truth::{assert_completed, assert_over, assert_rolled_back, end};
use crate::binary::{Home, exit};
use crate::wire::LINGER;

/// Rolls the only run back, if that is asked for and open, else resumes it: it ends, with what S6 says, nothing blocks, and a
/// further command changes nothing. Nothing of a secret is left behind, by those that were killed and in the end. How it ended, and
/// how much was searched.
#[track_caller]
pub(crate) fn ends_well(home: &Home, before: &Cloud, rollback: bool) -> (End, Searched) {
    let killed = home.the_run();
    let mut searched = nothing_leaked(home);
    let run = killed.start.plan.run.to_string();
    if rollback && end(&killed).is_none() {
        let dead = matches!(killed.start.plan.baseline, Baseline::Dead { .. }) && killed.rotation.maybe_published();
        let closed = killed.rotation.past_return() || dead;
        if closed {
            until_all_has_arrived(home);
        }
        let seen = (home.cloud_bytes(), killed.rotation.clone());
        let said = killed.start.plan.emergency.as_ref().map(|_| "--restore-leaked");
        let typed = ["rollback", &run, "--wait"];
        let ran = home.run(&typed.into_iter().chain(said).collect::<Vec<_>>());
        if ran.code == Some(exit::REFUSED) {
            assert!(closed, "the way back was open: {ran:?}");
            assert!(seen == (home.cloud_bytes(), home.the_run().rotation), "a refusal changes nothing");
        } else {
            ran.exits(exit::ROLLED_BACK);
        }
    }
    if end(&home.the_run()).is_none() {
        let ran = home.run(&["resume", &run, "--wait"]);
        let code = if end(&home.the_run()) == Some(End::RolledBack) { exit::ROLLED_BACK } else { exit::DONE };
        ran.exits(code);
    }
    let ended = home.the_run();
    let end = end(&ended).expect("it has ended");
    match end {
        End::Completed => drop(assert_completed(home, before, &ended)),
        End::RolledBack => assert_rolled_back(home, before, &ended),
        End::Abandoned => panic!("nobody gave it up"),
    }
    assert_over(home);
    searched += nothing_leaked(home);
    (end, searched)
}

/// What the dead process had sent, the removal perhaps, may still be on its way and change the cloud while somebody else is refused.
/// The cloud has been still for longer than anything stays on a wire.
fn until_all_has_arrived(home: &Home) {
    let mut seen = home.cloud_bytes();
    let mut since = Instant::now();
    while since.elapsed() < 4 * LINGER {
        std::thread::sleep(Duration::from_millis(10));
        let now = home.cloud_bytes();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
}
