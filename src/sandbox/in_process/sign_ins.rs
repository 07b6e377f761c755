//! The sign-in log in process: the pages that the wire serves, without the wire.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::{InProcess, Operation};
use crate::ports::{NextPage, Read, SignInPage, SignInRecord, SignIns};
use crate::rotation::names::KeyId;
use crate::sandbox::cloud::{Cloud, CloudError, SignInFilter, SignInPlace};

/// As many records on a page as the wire has at most.
const PAGE: usize = 1000;

impl SignIns for InProcess {
    async fn sign_ins(&self, since: Timestamp, next: Option<&NextPage>) -> Read<SignInPage> {
        self.read(&Operation::SignIns, |cloud, now| {
            let invalid = || CloudError::new(400, "BadRequest", "Skip token is invalid.");
            let place = |token: &NextPage| {
                let bytes = URL_SAFE_NO_PAD.decode(&token.0).ok()?;
                SignInPlace::from_bytes(&bytes)
            };
            let after = next.map(|token| place(token).ok_or_else(invalid)).transpose()?;
            let filter = SignInFilter { client_id: Some(self.setup.client_id), since, ..SignInFilter::default() };
            let page = cloud.sign_in_page(now, &filter, after, PAGE);
            let next = page.next.map(|place| NextPage(URL_SAFE_NO_PAD.encode(place.to_bytes())));
            let records = page.records.into_iter().map(|(id, r)| record(cloud, id, r)).collect();
            Ok(SignInPage { records, next })
        })
    }

    async fn last_sign_in(&self, key_id: KeyId) -> Read<Option<Timestamp>> {
        self.read(&Operation::SignIns, |cloud, now| Ok(cloud.last_sign_in(now, key_id.0).map(|(at, _)| at)))
    }
}

fn record(cloud: &Cloud, id: uuid::Uuid, r: crate::sandbox::cloud::SignInRecord) -> SignInRecord {
    SignInRecord {
        id: id.to_string(),
        at: r.at,
        key_id: r.key_id.map(KeyId),
        by_secret: true,
        address: Some(r.address.to_canonical()),
        resource: r.resource.map(|resource| cloud.resource_names(resource).1).unwrap_or_default(),
        correlation_id: r.correlation_id,
        error: r.error,
    }
}
