//! The ids by which our own sign-ins are known again in the tenant's records.
//!
//! Each sign-in sends a `client-request-id`, which the record shows as `correlationId` (learn.microsoft.com/graph/api/resources/signin).
//! An id is made from a key and a number and can be recognised by the key alone: nothing has to be written down for each
//! sign-in, and one whose process was killed before it could is known as well. Whoever does not have the key cannot make one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::rotation::names::NotAName;

/// What the ids are made from. It is no credential: it opens nothing. Whoever has it can pass sign-ins off as ours, so it stays in
/// the state folder and in journals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationKey([u8; 16]);

impl CorrelationKey {
    /// A key of random bytes.
    pub const fn new(random: [u8; 16]) -> CorrelationKey {
        CorrelationKey(random)
    }

    /// The id of a sign-in with this number, in the form of a random UUID (RFC 9562, version 4): the number, then a digest.
    pub fn id(&self, number: u32) -> Uuid {
        let number = number.to_be_bytes();
        let digest = Sha256::new().chain_update(b"keyrelay sign-in").chain_update(self.0).chain_update(number).finalize();
        let mut bytes = [0; 16];
        let made = number.iter().chain(digest.iter());
        bytes.iter_mut().zip(made).for_each(|(byte, made)| *byte = *made);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Whether the id is one of its own.
    pub fn made(&self, id: Uuid) -> bool {
        id.as_bytes().first_chunk::<4>().is_some_and(|number| self.id(u32::from_be_bytes(*number)) == id)
    }
}

impl fmt::Debug for CorrelationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CorrelationKey")
    }
}

impl From<CorrelationKey> for String {
    fn from(key: CorrelationKey) -> String {
        format!("{:032x}", u128::from_be_bytes(key.0))
    }
}

impl FromStr for CorrelationKey {
    type Err = NotAName;
    fn from_str(s: &str) -> Result<CorrelationKey, NotAName> {
        let hex = s.len() == 32 && s.bytes().all(|b| b.is_ascii_hexdigit());
        let parsed = hex.then(|| u128::from_str_radix(s, 16).ok()).flatten();
        parsed.map(|n| CorrelationKey(n.to_be_bytes())).ok_or(NotAName("a correlation key (32 hexadecimal digits)"))
    }
}

impl TryFrom<String> for CorrelationKey {
    type Error = NotAName;
    fn try_from(s: String) -> Result<CorrelationKey, NotAName> {
        s.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_a_number_and_a_digest_in_the_form_of_a_random_uuid() {
        let key: CorrelationKey = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        // By another program: uuid.UUID(bytes=...) of b"\0\0\0\x07" and sha256(b"keyrelay sign-in" + bytes(range(16)) + b"\0\0\0\x07"),
        // with the version and the variant set.
        assert_eq!(key.id(7).to_string(), "00000007-91ce-43ac-98cb-a9b8bf5fbd47");
        assert_eq!(String::from(key), "000102030405060708090a0b0c0d0e0f");
        assert!("0001".parse::<CorrelationKey>().is_err());
    }

    proptest! {
        #[test]
        fn only_the_key_that_made_an_id_knows_it(a in any::<[u8; 16]>(), b in any::<[u8; 16]>(), n in any::<u32>(), flip in 0..122_usize) {
            let (key, other) = (CorrelationKey::new(a), CorrelationKey::new(b));
            let id = key.id(n);
            prop_assert!(key.made(id));
            prop_assert!(a == b || !other.made(id));
            let bit = 1_u128 << flip;
            prop_assert!(!key.made(Uuid::from_u128(id.as_u128() ^ bit)));
            prop_assert!(!key.made(Uuid::from_u128(u128::from(n))));
        }
    }
}
