//! Our own sign-ins among the records.

use std::collections::HashMap;
use std::net::IpAddr;

use uuid::Uuid;

use crate::correlation::CorrelationKey;
use crate::ports::SignInRecord;

/// By what our own sign-ins are known: the keys that their ids were made from.
#[derive(Debug, Clone, Default)]
pub struct OwnSignIns(Vec<CorrelationKey>);

impl OwnSignIns {
    /// Of these keys: the machine's, and those of the runs that are known here.
    pub fn of(keys: impl IntoIterator<Item = CorrelationKey>) -> OwnSignIns {
        let mut all: Vec<CorrelationKey> = Vec::new();
        keys.into_iter().for_each(|key| {
            if !all.contains(&key) {
                all.push(key);
            }
        });
        OwnSignIns(all)
    }
}

/// Recognises them, one record after the other.
///
/// Each of our sign-ins sends its id once. If an id comes from two addresses somebody has read ours and sent it again, so what
/// comes from the second counts as foreign.
pub(super) struct Recognising<'a> {
    own: &'a OwnSignIns,
    seen: HashMap<Uuid, Option<IpAddr>>,
}

impl<'a> Recognising<'a> {
    pub(super) fn new(own: &'a OwnSignIns) -> Recognising<'a> {
        Recognising { own, seen: HashMap::new() }
    }

    pub(super) fn is_ours(&mut self, record: &SignInRecord) -> bool {
        let Some(id) = record.correlation_id.filter(|id| self.own.0.iter().any(|key| key.made(*id))) else { return false };
        *self.seen.entry(id).or_insert(record.address) == record.address
    }
}
