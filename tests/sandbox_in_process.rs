//! The ports over the emulator: what the driver sees, with and without faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
use keyrelay::ports::{Directory, NewCredential, Outcome, Stamp, TokenEndpoint, Vaults};
use keyrelay::rotation::answers::{Current, RefusalKind, SignIn};
use keyrelay::rotation::names::{KeyId, RunId, Tag, TargetId, VAULT_TAG, VAULT_TAG_KEY_ID, VaultIx};
use keyrelay::sandbox::cloud::{AppRef, Cloud, Profile, Seed, SeedVault, TENANT};
use keyrelay::sandbox::in_process::{Fault, InProcess, Operation, Setup, VaultSetup};
use uuid::Uuid;

const HOST: &str = "kv-one.vault.sandbox.localhost";
const CLIENT: Uuid = Uuid::from_u128(42);
const VAULT: VaultIx = VaultIx(0);

struct World {
    cloud: Rc<RefCell<Cloud>>,
    now: Rc<Cell<Timestamp>>,
    fault: Rc<Cell<Fault>>,
    services: InProcess,
}

impl World {
    fn new(profile: Profile) -> World {
        let start: Timestamp = "2026-11-21T12:00:00.75Z".parse().unwrap();
        let mut cloud = Cloud::new(1, profile, start);
        let vaults = vec![SeedVault { host: HOST.into(), secret: "s".into() }];
        cloud.seed(start, &Seed { client_id: CLIENT, tenant: TENANT, display_name: "billing".into(), vaults }).unwrap();
        let (cloud, now) = (Rc::new(RefCell::new(cloud)), Rc::new(Cell::new(start)));
        let fault = Rc::new(Cell::new(Fault::None));
        let vault = VaultSetup {
            host: HOST.into(),
            secret: "s".into(),
            content_type: None,
            tags: BTreeMap::from([("owner".into(), "runbook".into())]),
        };
        let scope = "https://graph.microsoft.com/.default".into();
        let setup = Setup { client_id: CLIENT, scope, vaults: vec![vault] };
        let (clock, hook) = (Rc::clone(&now), Rc::clone(&fault));
        let services = InProcess::new(Rc::clone(&cloud), setup, move || clock.get())
            .with_faults(move |operation: &Operation| if operation.mutates() { hook.get() } else { Fault::None });
        World { cloud, now, fault, services }
    }

    fn pass(&self, seconds: i64) {
        self.now.set(self.now.get().checked_add(SignedDuration::from_secs(seconds)).unwrap());
    }

    fn end(&self) -> Timestamp {
        self.now.get().checked_add(SignedDuration::from_hours(24)).unwrap()
    }

    fn add(&self) -> Outcome<NewCredential> {
        block_on(self.services.add_password("keyrelay:x new", self.end()))
    }

    fn listed(&self) -> Vec<KeyId> {
        block_on(self.services.credentials()).unwrap().0.iter().map(|c| c.key_id).collect()
    }
}

fn stamp(attempt: u32, key_id: KeyId) -> Stamp {
    let run = RunId::new("2026-11-21T12:00:00Z".parse().unwrap(), 7);
    let tag = Tag { target: TargetId::of([(HOST, "s")]), run, attempt };
    Stamp { tag, key_id, expires: Some("2027-01-01T00:00:00Z".parse().unwrap()) }
}

fn applied<T>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Applied(answer, _) => answer,
        Outcome::NotApplied(refusal, _) | Outcome::InDoubt(refusal, _) => panic!("{refusal}"),
    }
}

fn in_doubt<T>(outcome: Outcome<T>) -> RefusalKind {
    match outcome {
        Outcome::InDoubt(refusal, _) => refusal.kind,
        Outcome::Applied(..) | Outcome::NotApplied(..) => panic!("not in doubt"),
    }
}

#[test]
fn a_rotation_by_hand() {
    let w = World::new(Profile::instant());
    let (application, trace) = block_on(w.services.application()).unwrap();
    assert_eq!((application.client_id, application.room), (CLIENT.to_string(), None));
    assert_eq!(trace.date.unwrap().to_string(), "2026-11-21T12:00:00Z", "whole seconds");
    let old = w.listed();
    let new = applied(w.add());
    assert_eq!((new.display_name.as_str(), new.end), ("keyrelay:x new", Some(w.end())));
    assert_eq!(w.listed(), [new.key_id, old[0]]);
    let (listed, _) = block_on(w.services.credentials()).unwrap();
    assert!(new.value.begins_with(listed[0].hint.as_ref().unwrap()));
    assert_eq!(block_on(w.services.sign_in(&new.value)).0, SignIn::Accepted);

    let (before, _) = block_on(w.services.current(VAULT)).unwrap().0;
    let Current::Version(before) = before else { panic!("{before:?}") };
    assert_eq!((before.tag, before.key_id), (None, None));
    let stamp = stamp(1, new.key_id);
    let id = applied(block_on(w.services.write(VAULT, &new.value, &stamp)));
    let (current, read) = block_on(w.services.current(VAULT)).unwrap().0;
    let read = read.unwrap();
    assert_eq!(current, Current::Version(read.version.clone()));
    assert_eq!((read.version.id, read.version.tag, read.version.key_id), (id, Some(stamp.tag.clone()), Some(new.key_id)));
    assert_eq!(read.expires, stamp.expires);
    assert_eq!(w.cloud.borrow().served(HOST, "s"), Some(new.key_id.0));
    assert_eq!(block_on(w.services.sign_in(&read.value)).0, SignIn::Accepted);
    assert_eq!(block_on(w.services.versions(VAULT)).unwrap().0.len(), 2);

    let old_value = block_on(w.services.version(VAULT, before.id)).unwrap().0.value;
    for _ in 0..2 {
        applied(block_on(w.services.remove_password(old[0])));
    }
    assert_eq!(w.listed(), [new.key_id]);
    assert_eq!(block_on(w.services.sign_in(&old_value)).0, SignIn::Wrong);

    applied(block_on(w.services.disable(VAULT, id)));
    assert_eq!(block_on(w.services.current(VAULT)).unwrap().0.0, Current::Disabled);
    assert_eq!(block_on(w.services.version(VAULT, id)).err().unwrap().0.kind, RefusalKind::Disabled);
}

#[test]
fn a_write_carries_tags_and_content_type_along() {
    let w = World::new(Profile::instant());
    let new = applied(w.add());
    let edit = keyrelay::sandbox::cloud::SecretUpdate {
        content_type: Some("text/plain".into()),
        tags: Some(BTreeMap::from([
            ("team".into(), "red".into()),
            ("owner".into(), "old".into()),
            (VAULT_TAG.into(), "x".into()),
        ])),
        ..Default::default()
    };
    w.cloud.borrow_mut().update_secret(w.now.get(), HOST, "s", None, edit).unwrap();
    let stamp = stamp(1, new.key_id);
    applied(block_on(w.services.write(VAULT, &new.value, &stamp)));
    let read = block_on(w.services.current(VAULT)).unwrap().0.1.unwrap();
    assert_eq!(read.content_type.as_deref(), Some("text/plain"));
    let (tag, key_id) = (stamp.tag.to_string(), new.key_id.to_string());
    let expected = [("team", "red"), ("owner", "runbook"), (VAULT_TAG, &tag), (VAULT_TAG_KEY_ID, &key_id)];
    assert_eq!(read.tags, expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
}

#[test]
fn each_fault_does_to_the_cloud_what_it_says() {
    let w = World::new(Profile::instant());
    let count = || w.cloud.borrow().standings(w.now.get(), AppRef::Client(CLIENT)).len();
    w.fault.set(Fault::Refused(RefusalKind::Conflict));
    let Outcome::NotApplied(refusal, trace) = w.add() else { panic!("applied") };
    assert_eq!((refusal.kind, trace.date.is_some(), count()), (RefusalKind::Conflict, true, 1));
    w.fault.set(Fault::LostBefore);
    assert_eq!((in_doubt(w.add()), count()), (RefusalKind::Unanswered, 1));
    w.fault.set(Fault::LostAfter);
    assert_eq!((in_doubt(w.add()), count()), (RefusalKind::Unanswered, 2));
    w.fault.set(Fault::ServerErrorAfter);
    assert_eq!((in_doubt(w.add()), count()), (RefusalKind::Unanswered, 3));
    w.fault.set(Fault::Late(Duration::from_secs(60)));
    assert_eq!((in_doubt(w.add()), count()), (RefusalKind::Unanswered, 3));
    w.fault.set(Fault::None);
    w.pass(59);
    assert_eq!(w.listed().len(), 3);
    w.pass(1);
    assert_eq!(w.listed().len(), 4);
}

#[test]
fn a_write_that_lands_late_becomes_current_then() {
    let w = World::new(Profile::instant());
    let new = applied(w.add());
    w.fault.set(Fault::Late(Duration::from_secs(30)));
    in_doubt(block_on(w.services.write(VAULT, &new.value, &stamp(1, new.key_id))));
    let tagged = || block_on(w.services.versions(VAULT)).unwrap().0.iter().filter(|v| v.tag.is_some()).count();
    assert_eq!(tagged(), 0);
    w.pass(30);
    assert_eq!(tagged(), 1);
    assert_eq!(w.cloud.borrow().served(HOST, "s"), Some(new.key_id.0));
}

#[test]
fn no_room_and_an_empty_vault_are_told() {
    let w = World::new(Profile::instant());
    w.cloud.borrow_mut().delete_secret(w.now.get(), HOST, "s").unwrap();
    assert_eq!(block_on(w.services.current(VAULT)).unwrap().0.0, Current::Nothing);
    assert!(block_on(w.services.versions(VAULT)).unwrap().0.is_empty());
    let new = applied(w.add());
    let Outcome::NotApplied(refusal, _) = block_on(w.services.write(VAULT, &new.value, &stamp(1, new.key_id))) else {
        panic!("written over a deleted name")
    };
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::SoftDeleted, "Conflict/ObjectIsDeletedButRecoverable"));
    assert_eq!(block_on(w.services.current(VaultIx(9))).err().unwrap().0.kind, RefusalKind::NotFound);
    w.cloud.borrow_mut().set_enabled(AppRef::Client(CLIENT), false).unwrap();
    let refused = SignIn::Refused { code: 7_000_112, class: "unauthorized_client".into() };
    assert_eq!(block_on(w.services.sign_in(&new.value)).0, refused);
}
