//! The worlds that the suites set out from.

use keyrelay::driver::CrashPoint;

use keyrelay::rotation::plan::Way;
use keyrelay::sandbox::cloud::Profile;

pub(crate) use crate::reliability::thorough;
use crate::world::{Scene, Start, range};

pub(crate) fn never(_: CrashPoint) -> bool {
    false
}

/// Every start, one vault and two, room and none, with consumers and without.
pub(crate) fn scenes() -> Vec<Scene> {
    let mut all = Vec::new();
    for start in [Start::Alive, Start::None, Start::Expired] {
        for vaults in [1, 2] {
            for two_at_most in [false, true] {
                for consumers in [false, true] {
                    all.push(Scene { start, vaults, two_at_most, consumers, ..Scene::default() });
                }
            }
        }
    }
    all.push(Scene { vaults: 2, second_empty: true, ..Scene::default() });
    // shorter than the settle time, so that the overlap does not hide a settle that is missing
    all.iter_mut().for_each(|s| s.overlap = 60);
    all.push(Scene { vaults: 2, ..Scene::default() });
    all.extend(leaks());
    all
}

/// A secret has leaked; replicas learn of its removal at different times.
pub(crate) fn leaks() -> Vec<Scene> {
    let profile = |p: Profile| Profile { deletion: range(0, 15_000), ..p };
    let leak = |way| Scene { leak: Some(way), profile: profile(Scene::default().profile), ..Scene::default() }.brief();
    vec![
        Scene { consumers: true, ..leak(Way::Replace) },
        Scene { two_at_most: true, ..leak(Way::RevokeFirst) },
        leak(Way::RevokeOnly),
    ]
}

/// Those that differ most.
pub(crate) fn some_scenes() -> Vec<Scene> {
    vec![
        Scene { overlap: 60, ..Scene::default() },
        Scene { vaults: 2, two_at_most: true, consumers: true, ..Scene::default() },
        Scene { start: Start::None, vaults: 2, overlap: 60, ..Scene::default() },
        Scene { start: Start::Expired, two_at_most: true, overlap: 60, ..Scene::default() },
    ]
}
