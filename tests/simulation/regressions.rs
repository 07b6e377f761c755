//! Days on which a promise was broken once. Each is written out, not named by its seed: what a seed draws changes with the suite.

use crate::mischief::Day;

/// By what went wrong.
pub(crate) fn regressions() -> Vec<(&'static str, Day)> {
    Vec::new()
}
