//! The sign-in log on stage: foreign sign-ins, the log's delay, the licence, where callers seem to be.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{Range, SignInSeries, Stage};

impl Stage<'_> {
    /// Sign-ins that somebody made elsewhere. Nothing else of them is real: no token was given out.
    pub fn sign_ins(&mut self, series: SignInSeries) {
        let every = series.every.max(SignedDuration::from_millis(1));
        self.log().staged.push(SignInSeries { every, ..series });
    }

    /// How long it takes until a record can be read; none: ten times as long as a credential takes to be known.
    pub fn sign_in_delay(&mut self, delay: Option<Range>) {
        self.log().delay = delay;
    }

    /// Whether the tenant has the premium licence (P1 or P2) that reading sign-in records takes. It has at first.
    pub fn premium(&mut self, licensed: bool) {
        self.log().unlicensed = !licensed;
    }

    /// From where all sign-ins seem to come from now on; none: from where they do.
    pub fn callers_address(&mut self, address: Option<IpAddr>) {
        self.log().callers_address = address;
    }
}
