//! The sign-in log in pages, newest first. A page costs what is on it, however long the log is.

use std::cmp::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::Cloud;
use super::sign_in_log::{SignInLog, SignInRecord};

/// Of some records every so many is listed twice: entries can be duplicated (learn.microsoft.com/graph/api/resources/signin).
const TWICE: u128 = 16;

/// Which records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInFilter {
    /// `appId eq`.
    pub client_id: Option<Uuid>,
    /// `createdDateTime ge`.
    pub since: Timestamp,
    /// `createdDateTime le`.
    pub until: Timestamp,
}

impl Default for SignInFilter {
    fn default() -> SignInFilter {
        SignInFilter { client_id: None, since: Timestamp::MIN, until: Timestamp::MAX }
    }
}

/// The last record of a page: what `$skiptoken` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInPlace {
    at: Timestamp,
    source: u16,
    index: u64,
    copied: bool,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInPage {
    /// With their `id`.
    pub records: Vec<(Uuid, SignInRecord)>,
    /// Where the next page begins; none after the last.
    pub next: Option<SignInPlace>,
}

impl SignInPlace {
    /// As a page token carries it.
    pub fn to_bytes(self) -> Vec<u8> {
        let at = self.at.as_nanosecond().to_be_bytes();
        let (source, index) = (self.source.to_be_bytes(), self.index.to_be_bytes());
        [&at[..], &source, &index, &[u8::from(self.copied)]].concat()
    }

    /// The place that a token names.
    pub fn from_bytes(bytes: &[u8]) -> Option<SignInPlace> {
        let (at, rest) = bytes.split_first_chunk::<16>()?;
        let (source, rest) = rest.split_first_chunk::<2>()?;
        let (index, rest) = rest.split_first_chunk::<8>()?;
        let at = Timestamp::from_nanosecond(i128::from_be_bytes(*at)).ok()?;
        let (source, index) = (u16::from_be_bytes(*source), u64::from_be_bytes(*index));
        Some(SignInPlace { at, source, index, copied: *rest.first()? == 1 })
    }
}

impl SignInLog {
    fn sources(&self) -> u16 {
        u16::try_from(self.staged.len()).unwrap_or(u16::MAX).saturating_add(1)
    }

    fn record(&self, source: u16, index: u64) -> Option<SignInRecord> {
        match usize::from(source).checked_sub(1) {
            None => self.made.get(usize::try_from(index.checked_sub(self.dropped)?).ok()?).cloned(),
            Some(n) => {
                let series = self.staged.get(n).filter(|s| index < s.count)?;
                Some(SignInRecord { at: series.at(index), ..series.first.clone() })
            }
        }
    }

    /// The index of a source's latest record that is not after `at`.
    fn latest(&self, source: u16, at: Timestamp) -> Option<u64> {
        match usize::from(source).checked_sub(1) {
            None => {
                let place = self.made.iter().rposition(|r| r.at <= at)?;
                Some(self.dropped.saturating_add(place as u64))
            }
            Some(n) => self.staged.get(n)?.latest(at),
        }
    }

    /// Where a source goes on after `place`; of records of one moment those of the lower source come first.
    fn after(&self, source: u16, place: SignInPlace) -> Option<u64> {
        match source.cmp(&place.source) {
            Ordering::Equal => place.index.checked_sub(1),
            Ordering::Greater => self.latest(source, place.at),
            Ordering::Less => {
                let just_before = place.at.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?;
                self.latest(source, just_before)
            }
        }
    }
}

impl Cloud {
    /// The page of at most `most` records that follows `after`, or the first.
    pub fn sign_in_page(
        &self,
        now: Timestamp,
        filter: &SignInFilter,
        after: Option<SignInPlace>,
        most: usize,
    ) -> SignInPage {
        let log = &self.sign_in_log;
        let newest = filter.until.min(now);
        let begin = |source| match after {
            None => log.latest(source, newest),
            Some(place) => log.after(source, place),
        };
        let mut heads: Vec<Option<u64>> = (0..log.sources()).map(begin).collect();
        let (mut records, mut last) = (Vec::new(), after);
        if let Some(place) = after.filter(|p| !p.copied && is_twice(p.source, p.index))
            && let Some(record) = log.record(place.source, place.index)
        {
            records.push((SignInLog::id(usize::from(place.source), place.index), record));
            last = Some(SignInPlace { copied: true, ..place });
        }
        loop {
            let head = |(source, index): (u16, &Option<u64>)| {
                let index = (*index)?;
                Some((log.record(source, index)?, source, index))
            };
            let found = (0..).zip(&heads).filter_map(head);
            // the first of those that are equally new
            let Some((record, source, index)) = found.reduce(|a, b| if b.0.at > a.0.at { b } else { a }) else {
                return SignInPage { records, next: None };
            };
            if record.at < filter.since {
                return SignInPage { records, next: None };
            }
            if let Some(head) = heads.get_mut(usize::from(source)) {
                *head = index.checked_sub(1);
            }
            let id = SignInLog::id(usize::from(source), index);
            let wanted = filter.client_id.is_none_or(|id| id == record.client_id);
            if !wanted || !self.is_logged(now, id, record.at) {
                continue;
            }
            if records.len() >= most {
                return SignInPage { records, next: last };
            }
            let at = record.at;
            let copied = is_twice(source, index) && records.len().saturating_add(1) < most;
            if copied {
                records.push((id, record.clone()));
            }
            records.push((id, record));
            last = Some(SignInPlace { at, source, index, copied });
        }
    }
}

fn is_twice(source: u16, index: u64) -> bool {
    SignInLog::id(usize::from(source), index).as_u128() % TWICE == TWICE - 1
}
