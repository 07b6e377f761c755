//! Counting records: what a page brings is counted and forgotten.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;

use jiff::Timestamp;

use super::own::Recognising;
use super::{Networks, Source};
use crate::ports::SignInRecord;
use crate::rotation::names::KeyId;

/// Records that are listed twice follow each other closely: so many ids are remembered.
const REMEMBERED: usize = 4096;

/// The most pairs of address and resource that are told apart. What goes beyond is counted together.
const SOURCES: usize = 10_000;

/// What has been counted.
pub(super) struct Tally<'a> {
    key_id: KeyId,
    networks: &'a Networks,
    ours: Recognising<'a>,
    ids: HashSet<String>,
    order: VecDeque<String>,
    sources: BTreeMap<(Option<IpAddr>, String), Count>,
    pub(super) own: u64,
    /// Successful sign-ins that do not say with which credential, and may have been with ours.
    pub(super) without_key: u64,
    /// The earliest record that was counted or passed over.
    pub(super) back_to: Option<Timestamp>,
}

struct Count {
    first: Timestamp,
    last: Timestamp,
    count: u64,
    failed: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(key_id: KeyId, networks: &'a Networks, ours: Recognising<'a>) -> Tally<'a> {
        let (ids, order, sources) = (HashSet::new(), VecDeque::new(), BTreeMap::new());
        Tally { key_id, networks, ours, ids, order, sources, own: 0, without_key: 0, back_to: None }
    }

    pub(super) fn add(&mut self, record: SignInRecord) {
        if !self.is_new(&record.id) {
            return;
        }
        self.back_to = Some(self.back_to.map_or(record.at, |at| at.min(record.at)));
        match record.key_id {
            Some(key_id) if key_id == self.key_id => {}
            Some(_) => return,
            None => {
                let unsaid = record.by_secret && record.error == 0 && !self.ours.is_ours(&record);
                self.without_key = self.without_key.saturating_add(u64::from(unsaid));
                return;
            }
        }
        if self.ours.is_ours(&record) {
            self.own = self.own.saturating_add(1);
            return;
        }
        let SignInRecord { at, address, resource, error, .. } = record;
        let mut source = (address, resource);
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            source = (None, "others".to_owned());
        }
        let found = self.sources.entry(source).or_insert(Count { first: at, last: at, count: 0, failed: 0 });
        (found.first, found.last) = (found.first.min(at), found.last.max(at));
        found.count = found.count.saturating_add(1);
        found.failed = found.failed.saturating_add(u64::from(error != 0));
    }

    fn is_new(&mut self, id: &str) -> bool {
        let new = self.ids.insert(id.to_owned());
        if new {
            self.order.push_back(id.to_owned());
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.ids.remove(&oldest);
            }
        }
        new
    }

    /// Where the foreign ones came from, the latest first.
    pub(super) fn sources(self) -> Vec<Source> {
        let networks = self.networks;
        let source = |((address, resource), c): ((Option<IpAddr>, String), Count)| Source {
            expected: address.is_some_and(|a| networks.hold(a)),
            address,
            resource,
            first: c.first,
            last: c.last,
            count: c.count,
            failed: c.failed,
        };
        let mut sources: Vec<Source> = self.sources.into_iter().map(source).collect();
        sources.sort_by_key(|s| std::cmp::Reverse(s.last));
        sources
    }
}
