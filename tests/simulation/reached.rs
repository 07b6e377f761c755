//! That the suites came by everything there is: what is only hoped to be tried is not tried.

use std::collections::BTreeSet;

use keyrelay::driver::CrashPoint;

use crate::crashes::crashes;
use crate::faults::faults;
use crate::reasons::{ALL, reasons};
use crate::seeds::seeds;
use crate::world::reached::Reached;

#[test]
fn everything_was_reached() {
    let mut all = Reached::default();
    for suite in [crashes(), faults(), seeds(), reasons()] {
        all.join(suite);
    }
    println!(
        "EVENTS {:?}\nTURNS {:?}\nKILLS {:?}\nPASSED {:?}\nREASONS {:?} ENDS {:?}",
        all.events, all.turns, all.kills, all.passed, all.reasons, all.ends
    );
    let points: BTreeSet<String> = CrashPoint::all().iter().map(CrashPoint::to_string).collect();
    println!("NOT KILLED AT {:?}", points.difference(&all.kills).collect::<Vec<_>>());
    println!("{}", ALL.len());
}
