//! Days on which a promise was broken once. Each is written out, not named by its seed: what a seed draws changes with the suite.

use crate::mischief::{Day, Edit, Mischief};
use crate::world::{Scene, Start, range};
use keyrelay::sandbox::cloud::Profile;

/// Changes are seen everywhere within so many milliseconds.
fn within(most: u64, scene: Scene) -> Scene {
    let profile = Profile { appears: range(0, most), vanishes: range(0, most), lists: range(0, most), ..scene.profile };
    Scene { profile, ..scene }
}

/// By what must not happen again.
pub(crate) fn regressions() -> Vec<(&'static str, Day)> {
    let scene = || Scene { overlap: 60, service_time: true, ..Scene::default() };
    vec![
        (
            "an attempt made way although a vault held it, in a version that somebody had disabled",
            Day {
                scene: within(
                    10_000,
                    Scene { start: Start::None, two_at_most: true, consumers: true, seed: 20254, ..scene() },
                ),
                mischief: vec![
                    Mischief::Edit { at: 333, vault: 0, what: Edit::Disable },
                    Mischief::Kill { process: 0, point: 78, torn: true },
                ],
            },
        ),
        (
            "the same with somebody else's credential in the second place",
            Day {
                scene: Scene { start: Start::None, two_at_most: true, ..scene() }.brief(),
                mischief: vec![
                    Mischief::Foreign { at: 1333, for_seconds: 1348 },
                    Mischief::Edit { at: 1438, vault: 0, what: Edit::Disable },
                    Mischief::Suspended { at: 49, for_seconds: 5054 },
                ],
            },
        ),
        (
            "no room, and a list that did not show why: the same was asked and refused ten times a second",
            Day {
                scene: Scene { vaults: 2, two_at_most: true, seed: 26242, ..scene() },
                mischief: vec![Mischief::SecondWriter { at: 0 }],
            },
        ),
        (
            "each resume of a run that had stopped before a write added one more secret, and stopped again",
            Day {
                scene: Scene { vaults: 2, seed: 52981, ..scene() },
                mischief: vec![
                    Mischief::Kill { process: 0, point: 37, torn: false },
                    Mischief::Kill { process: 1, point: 58, torn: false },
                    Mischief::Edit { at: 1459, vault: 1, what: Edit::Disable },
                ],
            },
        ),
    ]
}
