//! The rules of the protocol by name, so that the search can show what each is needed for.
//!
//! In what ships every rule holds: [`keeps`] is a constant, and there is nothing that could switch one off. Under the feature
//! `rules-off`, which only the search is built with, `switch_off` takes rules away from the rotations of one thread.

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident),* $(,)?) => {
        /// One rule. Where it is kept, the code asks [`keeps`] for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(not(feature = "rules-off"), allow(unreachable_pub))]
        pub enum Rule { $($(#[$doc])* $rule),* }

        #[cfg(feature = "rules-off")]
        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule),*];
        }
    };
}

rules! {
    /// A value is proven at the token endpoint before anybody can read it.
    ProofBeforePublishing,
    /// The proof is a row of sign-ins without a break for the window (A2), not one.
    ProofWindow,
    /// A vault that serves neither the baseline nor ours is not written.
    ReadBeforeWrite,
    /// A write in doubt is looked for among the versions before it is sent again.
    LookForTag,
    /// All vaults must serve the same credential of ours to pass the smoke test.
    VaultsAgreeInSmoke,
    /// All vaults must serve the same credential of ours to begin and end the overlap, and to remove.
    VaultsAgree,
    /// What a vault serves of ours is gone on with, rather than a new secret added.
    GoOnWithServed,
    /// What is in doubt settles before it is decided what to go on with (A1).
    SettleInReconcile,
    /// Both secrets work for the overlap.
    Overlap,
    /// The overlap lasts at least until what was ever in doubt has settled (A1).
    OverlapAfterSettle,
    /// If a version moved during the overlap, it begins again.
    OverlapRestarts,
    /// Every vault is read, and its value has signed in, right before a removal.
    ReadBeforeRemoving,
    /// Kept is what the vaults serve, not what the journal believes in.
    KeepServed,
    /// Removed is what bears the run's tag, not what the journal knows of.
    SweepByTag,
    /// After the first intent to remove the baseline there is only forward.
    PointOfNoReturn,
    /// Before an attempt makes way for another, everything settles (A1).
    SettleBeforeRoom,
    /// Before an attempt makes way for another, every vault's versions are read.
    ReadBeforeRoom,
    /// A rollback of what was not published settles first (A1).
    SettleInWithdraw,
    /// A rollback of what was not published looks for versions of ours before it removes.
    WithdrawLooks,
    /// A rollback is open only while the baseline's value signs in.
    ProofOfRollback,
    /// The baseline's value is proven once more before each write of it.
    ProofBeforeRestore,
    /// A leaked credential is removed when each consumer has left it or may be cut off.
    AdoptionBeforeCut,
}

/// Whether the rule holds.
#[cfg(not(feature = "rules-off"))]
pub(super) const fn keeps(_: Rule) -> bool {
    true
}

#[cfg(feature = "rules-off")]
pub(super) use off::keeps;
#[cfg(feature = "rules-off")]
pub use off::switch_off;

#[cfg(feature = "rules-off")]
mod off {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        static OFF: Cell<u32> = const { Cell::new(0) };
    }

    /// Takes these rules, and no others, away from the rotations of this thread.
    pub fn switch_off(rules: &[Rule]) {
        OFF.set(rules.iter().fold(0, |off, rule| off | 1 << (*rule as u32)));
    }

    pub(in crate::rotation) fn keeps(rule: Rule) -> bool {
        OFF.get() >> (rule as u32) & 1 == 0
    }
}
