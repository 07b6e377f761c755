//! Seeded randomness, so that a sandbox with a seed does the same again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `SplitMix64` (Steele, Lea, Flood 2014): one word of state, good enough for ids and delays, not for cryptography.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::sandbox) struct Random(u64);

impl Random {
    pub(in crate::sandbox) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A generator whose draws do not disturb this one's.
    pub(super) fn fork(&mut self) -> Random {
        Random(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `from` to `to`, both included; `from` if they are the wrong way round.
    pub(in crate::sandbox) fn between(&mut self, from: u64, to: u64) -> u64 {
        let span = to.saturating_sub(from).saturating_add(1);
        from.saturating_add(self.next() % span)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.wide().to_be_bytes()).into_uuid()
    }

    /// 32 lower-case hexadecimal digits, as Key Vault names versions.
    pub(super) fn version(&mut self) -> String {
        format!("{:032x}", self.wide())
    }

    /// A client secret in Entra's form: 40 characters, `8Q~` after the first three. `sbx` after that marks the sandbox's own;
    /// the constant run is kept short because searches for leaked values look for any eight bytes in a row.
    pub(super) fn secret(&mut self) -> String {
        const ALL: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~";
        const LETTERS_AND_DIGITS: u64 = 62;
        let mut draw = |upto: u64| ALL.get((self.next() % upto) as usize).copied().map_or('A', char::from);
        let start: String = (0..3).map(|_| draw(LETTERS_AND_DIGITS)).collect();
        let rest: String = (0..31).map(|_| draw(ALL.len() as u64)).collect();
        format!("{start}8Q~sbx{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_is_the_published_one() {
        // The reference implementation (xoshiro.di.unimi.it/splitmix64.c) with state 0 and 1234567.
        assert_eq!(Random::new(0).next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(Random::new(1_234_567).next(), 6_457_827_717_110_365_317);
    }

    #[test]
    fn a_secret_has_entras_form() {
        for seed in 0..200 {
            let secret = Random::new(seed).secret();
            assert_eq!(secret.len(), 40);
            assert_eq!(&secret[3..9], "8Q~sbx");
            assert!(secret.as_bytes()[0].is_ascii_alphanumeric(), "must not begin like an option");
        }
        assert_eq!(Random::new(9).secret(), Random::new(9).secret());
        assert_ne!(Random::new(9).secret(), Random::new(10).secret());
    }

    #[test]
    fn ranges_keep_their_ends() {
        let mut random = Random::new(3);
        let drawn: std::collections::BTreeSet<u64> = (0..500).map(|_| random.between(4, 6)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [4, 5, 6]);
        assert_eq!(random.between(9, 2), 9);
        assert_eq!(random.between(7, 7), 7);
    }
}
