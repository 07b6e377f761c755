//! What must be true when a run has ended (DESIGN.md, section 3, S6), told by the sandbox's own state.

use std::collections::BTreeSet;

use jiff::Timestamp;
use keyrelay::rotation::names::Tag;
use keyrelay::rotation::{End, Phase};
use keyrelay::run::Run;
use keyrelay::sandbox::cloud::{Cloud, SecretVersion};
use uuid::Uuid;

use super::Home;
use super::scene::{APP, SECRET};

/// Whether nothing was changed from the one to the other: all but what only answers needed, and the count of changes.
pub fn same(before: &Cloud, after: &Cloud) -> bool {
    let content = |cloud: &Cloud| {
        let mut content = serde_json::to_value(cloud).unwrap();
        let fields = content.as_object_mut().unwrap();
        for field in ["answers", "revision", "profile"] {
            assert!(fields.remove(field).is_some(), "the cloud has no field {field}");
        }
        // who has signed in is what a look at values leaves behind; it is not there before anybody has
        fields.remove("sign_in_log");
        content
    };
    content(before) == content(after)
}

/// The living credentials of the application, with their display names.
pub fn living(cloud: &Cloud) -> Vec<(Uuid, String)> {
    let all = cloud.standings(Timestamp::now(), APP).into_iter();
    all.filter(|s| s.living).map(|s| (s.key_id, s.display_name)).collect()
}

/// Those that the run added and that live.
pub fn own(cloud: &Cloud, run: &Run) -> BTreeSet<Uuid> {
    let id = &run.start.plan.run;
    let ours = |name: &str| Tag::leading(name).is_some_and(|t| t.run == *id && t.attempt > 0);
    living(cloud).into_iter().filter(|(_, name)| ours(name)).map(|(key_id, _)| key_id).collect()
}

/// The living ones that no run added: by hand, or by somebody else.
pub fn by_hand(cloud: &Cloud) -> BTreeSet<Uuid> {
    living(cloud).into_iter().filter(|(_, name)| Tag::leading(name).is_none()).map(|(key_id, _)| key_id).collect()
}

pub fn latest<'a>(cloud: &'a Cloud, host: &str) -> &'a SecretVersion {
    cloud.latest_version(host, SECRET).unwrap_or_else(|| panic!("{host} holds nothing"))
}

/// What the vault serves.
pub fn served(cloud: &Cloud, host: &str) -> Option<Uuid> {
    cloud.served(host, SECRET)
}

fn hosts(run: &Run) -> Vec<String> {
    run.start.runbook.vaults.iter().map(|v| v.url.host().to_owned()).collect()
}

pub fn old_key(run: &Run) -> Option<Uuid> {
    run.start.plan.baseline.key_id().map(|k| k.0)
}

pub fn end(run: &Run) -> Option<End> {
    match run.rotation.phase() {
        Phase::Ended { end } => Some(*end),
        _ => None,
    }
}

/// Whether the run has ended is for the caller to say; this says that it has ended well, and returns the new key ID.
///
/// S6: exactly one credential of ours, every vault serves it and it signs in everywhere, the old one is gone, and nobody
/// else's was touched. Besides, each version says which run it is of, which key ID it holds and when that ends, and carries on
/// what the version before it had.
#[track_caller]
pub fn assert_completed(home: &Home, before: &Cloud, run: &Run) -> Uuid {
    assert_eq!(end(run), Some(End::Completed), "{:?}", run.rotation.phase());
    let (cloud, now) = (home.cloud(), Timestamp::now());
    let ours = own(&cloud, run);
    assert_eq!(ours.len(), 1, "exactly one of ours: {:?}", living(&cloud));
    let new = *ours.first().unwrap();
    let credentials = cloud.password_credentials(now + jiff::SignedDuration::from_hours(1), APP).unwrap();
    let credential = credentials.into_iter().find(|c| c.key_id == new).unwrap();
    for host in hosts(run) {
        let version = latest(&cloud, &host);
        assert_eq!(served(&cloud, &host), Some(new), "{host} serves it");
        let tag: Tag = version.tags["keyrelay"].parse().unwrap();
        assert_eq!(Some(&tag), credential.display_name.as_deref().and_then(Tag::leading).as_ref(), "{host}");
        assert_eq!(version.tags["keyrelay-key-id"], new.to_string(), "{host}");
        let whole_seconds = |t: Timestamp| t.as_second();
        assert_eq!(version.expires.map(whole_seconds), Some(whole_seconds(credential.end)), "{host}");
        assert_eq!(version.tags["team"], "suite", "{host}: the runbook's own tag");
        if let Some(old) = before.latest_version(&host, SECRET) {
            assert_eq!(version.content_type, old.content_type, "{host}");
            let carried = old.tags.iter().filter(|(name, _)| !name.starts_with("keyrelay"));
            carried.for_each(|(name, text)| assert_eq!(version.tags.get(name), Some(text), "{host}"));
        }
    }
    let mut others: BTreeSet<Uuid> = living(before).into_iter().map(|(k, _)| k).collect();
    old_key(run).inspect(|old| assert!(others.remove(old), "what it replaced was there"));
    let left: BTreeSet<Uuid> = living(&cloud).into_iter().map(|(k, _)| k).filter(|k| *k != new).collect();
    assert_eq!(left, others, "the old one is gone, nobody else's was touched");
    new
}

/// S6: none of ours is left, each vault serves what it served at the start, and nobody else's was touched.
#[track_caller]
pub fn assert_rolled_back(home: &Home, before: &Cloud, run: &Run) {
    assert_eq!(end(run), Some(End::RolledBack), "{:?}", run.rotation.phase());
    let cloud = home.cloud();
    assert_eq!(living(&cloud), living(before), "none of ours is left, all others are");
    for host in hosts(run) {
        assert_eq!(served(&cloud, &host), served(before, &host), "{host} serves what it served");
    }
}

/// A further command finds nothing to do and changes nothing: neither cloud nor journal.
#[track_caller]
pub fn assert_over(home: &Home) {
    let (cloud, journals) = (home.cloud_bytes(), home.journal_bytes());
    home.run(&["resume"]).exits(super::exit::DONE);
    for run in home.runs() {
        home.run(&["resume", run.start.plan.run.as_str()]).exits(super::exit::DONE);
    }
    assert!(cloud == home.cloud_bytes() && journals == home.journal_bytes(), "nothing was changed");
}
