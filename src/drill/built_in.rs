//! The scenarios that ship: the files of `drills/`, in the binary.

/// Names and texts, in the order in which they are learnt.
pub fn built_in() -> &'static [(&'static str, &'static str)] {
    &[
        ("killed-after-add", include_str!("../../drills/killed-after-add.toml")),
        ("expired", include_str!("../../drills/expired.toml")),
        ("vault-forbidden", include_str!("../../drills/vault-forbidden.toml")),
        ("throttled", include_str!("../../drills/throttled.toml")),
        ("slow-propagation", include_str!("../../drills/slow-propagation.toml")),
        ("day-cache", include_str!("../../drills/day-cache.toml")),
        ("vault-edited", include_str!("../../drills/vault-edited.toml")),
        ("second-agent", include_str!("../../drills/second-agent.toml")),
        ("leaked-key", include_str!("../../drills/leaked-key.toml")),
    ]
}
