//! Which secret leaked: every standing that a value can have, on the sandbox's cloud.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::executor::block_on;
use jiff::SignedDuration;
use keyrelay::diagnose::History;
use keyrelay::driver::{NeverStop, Patience};
use keyrelay::leak::identify::of_key_id;
use keyrelay::leak::{Asked, Asker, Identified, Standing, identify};
use keyrelay::rotation::names::KeyId;
use keyrelay::sandbox::cloud::{Cloud, PasswordSpec, Place, Profile, SecretWrite, Value};
use keyrelay::sandbox::in_process::{InProcess, Setup, VaultSetup};
use keyrelay::secret::given::{Form, Given};
use zeroize::Zeroizing;

use crate::reading::Virtual;
use crate::scene::{APP, CLIENT, SCOPE, cloud, t};

const HOST: &str = "kv-0.vault.sandbox.localhost";

pub(crate) fn text(value: &Value) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn given(value: &str) -> Given {
    Given::from_bytes(&Zeroizing::new(value.as_bytes().to_vec())).unwrap_or_else(|e| panic!("{e}"))
}

/// A version as keyrelay or somebody else would leave it.
fn publish(cloud: &mut Cloud, value: &Value, key_id: Option<uuid::Uuid>) {
    let tags = key_id.map(|k| ("keyrelay-key-id".to_owned(), k.to_string()));
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    let (content_type, not_before, expires) = (None, None, None);
    let write = SecretWrite { value: value.clone(), content_type, tags, enabled: true, not_before, expires };
    cloud.set_secret(t(-60), HOST, "billing", write).unwrap();
}

fn ask(cloud: Cloud, value: &str, asked: Asked) -> (Identified, usize) {
    let (cloud, now) = (Rc::new(RefCell::new(cloud)), Rc::new(Cell::new(t(0))));
    let vaults = vec![VaultSetup { host: HOST.into(), secret: "billing".into(), ..VaultSetup::default() }];
    let (clock, signed_in) = (Rc::clone(&now), Rc::new(Cell::new(0)));
    let count = Rc::clone(&signed_in);
    let services = InProcess::new(cloud, Setup { client_id: CLIENT, scope: SCOPE.into(), vaults }, move || clock.get())
        .with_faults(move |op| {
            use keyrelay::sandbox::in_process::{Fault, Operation};
            count.set(count.get() + usize::from(*op == Operation::SignIn));
            Fault::None
        });
    let patience = Patience { limit: SignedDuration::ZERO, not_found: SignedDuration::ZERO };
    let (clock, history) = (Virtual(now), History::default());
    let asker = Asker { services: &services, clock: &clock, stop: &NeverStop, patience, vaults: 1, history: &history };
    let given = given(value);
    let mut evidence = block_on(asker.look(&given.value, asked));
    if let Form::KeyId(key_id) = given.form {
        return (of_key_id(key_id, &evidence), signed_in.get());
    }
    let first = identify(&evidence, &history);
    if first.wants_versions() {
        evidence = block_on(asker.search_versions(&given.value, evidence));
    }
    (identify(&evidence, &history), signed_in.get())
}

fn standing(cloud: Cloud, value: &str) -> (Standing, Option<KeyId>) {
    let (found, _) = ask(cloud, value, Asked::First);
    (found.standing, found.key_id)
}

#[test]
fn alive_and_served_or_not() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    let value = text(&made.value);
    let (found, signed_in) = ask(cloud.clone(), &value, Asked::First);
    assert_eq!(
        (found.standing, found.key_id, found.served, signed_in),
        (Standing::Alive, Some(KeyId(made.key_id)), false, 1)
    );
    publish(&mut cloud, &made.value, None);
    assert!(ask(cloud, &value, Asked::First).0.served);
}

#[test]
fn expired_removed_and_never_heard_of() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    let key = Some(KeyId(made.key_id));
    let value = text(&made.value);
    let mut expired = cloud.clone();
    expired.stage().password_ends(made.key_id, t(-1));
    assert_eq!(standing(expired, &value), (Standing::Expired, key));
    // removed, and nothing tells that it was ever there
    let mut gone = cloud.clone();
    gone.remove_password(t(-10), APP, made.key_id).unwrap();
    assert_eq!(standing(gone.clone(), &value), (Standing::NotFound, None));
    // an old version holds it, with its key ID and without
    for (key_id, known) in [(Some(made.key_id), key), (None, None)] {
        let mut held = gone.clone();
        publish(&mut held, &made.value, key_id);
        let newer = held.stage().password(t(-10), APP, PasswordSpec::default()).unwrap();
        publish(&mut held, &newer.value, Some(newer.key_id));
        assert_eq!(standing(held, &value), (Standing::Removed, known));
    }
    assert_eq!(standing(cloud, "Zzz8Q~sbx0123456789012345678901234567890"), (Standing::NotFound, None));
}

#[test]
fn removed_and_still_taken_by_a_replica() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    publish(&mut cloud, &made.value, Some(made.key_id));
    cloud.set_profile(Profile::held());
    cloud.remove_password(t(-10), APP, made.key_id).unwrap();
    cloud.propagate(made.key_id, Place::Lists, t(-5));
    let (found, _) = ask(cloud, &text(&made.value), Asked::First);
    assert_eq!(found.standing, Standing::AliveUnlisted);
    assert!(found.standing.dangerous());
}

#[test]
fn several_with_the_same_hint_are_listed_and_a_version_tells_which() {
    let (mut cloud, _) = cloud();
    cloud.create_vault(HOST);
    // the first three characters of one in some two hundred thousand: among a thousand or two there are two alike
    let mut seen: BTreeMap<String, (uuid::Uuid, Value)> = BTreeMap::new();
    let (first, second) = loop {
        let made = cloud.stage().password(t(-7200), APP, PasswordSpec::default()).unwrap();
        let hint = text(&made.value)[..3].to_owned();
        if let Some(before) = seen.insert(hint, (made.key_id, made.value.clone())) {
            break (before, (made.key_id, made.value));
        }
        assert!(seen.len() < 5000);
    };
    let (found, _) = ask(cloud.clone(), &text(&second.1), Asked::First);
    assert_eq!((found.standing, found.key_id), (Standing::AliveOneOf, None));
    let listed: Vec<_> = found.candidates.iter().map(|c| c.key_id.0).collect();
    assert!(listed.len() == 2 && listed.contains(&first.0) && listed.contains(&second.0));
    publish(&mut cloud, &second.1, Some(second.0));
    let (found, _) = ask(cloud, &text(&second.1), Asked::First);
    assert_eq!((found.standing, found.key_id), (Standing::Alive, Some(KeyId(second.0))));
}

#[test]
fn a_service_principals_own_secret_is_told_as_such() {
    let (mut cloud, _) = cloud();
    cloud.create_vault(HOST);
    let own = cloud.stage().principal_password(t(-7200), CLIENT, PasswordSpec::default()).unwrap();
    // in process the look at a service principal does not list its secrets
    let (found, _) = ask(cloud, &text(&own.value), Asked::First);
    assert_eq!((found.standing, found.key_id), (Standing::AliveUnlisted, None));
}

#[test]
fn cut_off_disabled_or_young() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    let value = text(&made.value);
    let (found, _) = ask(cloud.clone(), &value[..39], Asked::First);
    assert_eq!((found.standing, found.candidates.len()), (Standing::LooksLike, 1));
    let mut disabled = cloud.clone();
    disabled.stage().principal_enabled(CLIENT, false).unwrap();
    let (found, _) = ask(disabled, &value, Asked::First);
    assert_eq!((found.standing, found.candidates.len()), (Standing::CannotTell, 1));
    assert!(found.answer.unwrap().to_string().contains("7000112"));
    // listed already, and no replica knows it yet
    cloud.set_profile(Profile::held());
    let young = cloud.add_password(t(-60), APP, PasswordSpec::default()).unwrap();
    cloud.propagate(young.key_id, Place::Lists, t(-50));
    let (found, signed_in) = ask(cloud, &text(&young.value), Asked::First);
    assert_eq!((found.standing, found.candidates.len(), signed_in), (Standing::ListedButRefused, 1, 3));
}

#[test]
fn a_key_id_is_no_secret() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    let (found, signed_in) = ask(cloud.clone(), &made.key_id.to_string(), Asked::AmongOthers);
    assert_eq!((found.standing, found.key_id, signed_in), (Standing::KeyIdGiven, Some(KeyId(made.key_id)), 0));
    let other = "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc";
    assert_eq!(ask(cloud, other, Asked::AmongOthers).0.key_id, None);
}

#[test]
fn among_other_applications_only_one_whose_hint_fits_is_signed_in_to() {
    let (mut cloud, made) = cloud();
    cloud.create_vault(HOST);
    let (found, signed_in) = ask(cloud.clone(), "Zzz8Q~sbx0123456789012345678901234567890", Asked::AmongOthers);
    assert_eq!((found.standing, signed_in), (Standing::NotFound, 0), "its log stays as it is");
    let (found, signed_in) = ask(cloud, &text(&made.value), Asked::AmongOthers);
    assert_eq!((found.standing, signed_in), (Standing::Alive, 1));
}
