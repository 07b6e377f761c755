//! `diagnose`: the sandbox's world is changed, and the finding that says so must come, with the mend.

use std::rc::Rc;

use jiff::SignedDuration;
use keyrelay::diagnose::{Diagnosis, History, Verdict, look};
use keyrelay::driver::{NeverStop, Patience};
use keyrelay::run::Run;
use keyrelay::sandbox::cloud::{
    AppRef, NewPassword, PasswordSpec, PrincipalRef, SecretUpdate, SecretWrite, SignInTrouble, Trouble, Value, VaultRight,
};
use keyrelay::sandbox::in_process::{InProcess, Setup, VaultSetup};

use crate::evidence_support::{never, run, runbook};
use crate::world::{CLIENT, SECRET, Scene, Start, World, host};

const APP: AppRef = AppRef::Client(CLIENT);

fn diagnose(world: &World, runs: &[Run]) -> Diagnosis {
    let vault = |v| VaultSetup { host: host(v), secret: SECRET.into(), ..VaultSetup::default() };
    let setup = Setup {
        client_id: CLIENT,
        scope: "https://graph.microsoft.com/.default".into(),
        vaults: (0..world.scene.vaults).map(vault).collect(),
    };
    let time = Rc::clone(&world.time);
    let services = InProcess::new(Rc::clone(&world.cloud), setup, move || time.get());
    let clock = world.exact_clock();
    let patience = Patience { limit: SignedDuration::from_secs(5), not_found: SignedDuration::ZERO };
    let book = runbook(world);
    let facts = world.timeline.run(look(&services, &book, &clock, &NeverStop, patience), &world.actors);
    let diagnosis = Diagnosis::of(&book, "billing.toml", &facts, &History::of(runs, &book));
    for finding in &diagnosis.findings {
        let text = format!("{} {} {}", finding.happened, finding.now, finding.next);
        assert!(!text.contains(['{', '}']) && !finding.next.is_empty(), "{text}");
        let value = serde_json::to_value(value(world)).unwrap();
        assert!(!text.contains(&value.as_str().unwrap()[..8]), "{text}");
    }
    diagnosis
}

/// The baseline's value, as the first vault got it.
fn value(world: &World) -> Value {
    let cloud = world.cloud.borrow();
    let app = cloud.application(APP);
    let versions = cloud.secret_versions(&host(0), SECRET);
    match (app, versions) {
        (_, Ok(versions)) if !versions.is_empty() => versions[0].value.clone(),
        _ => Value::new("not there at all".into()),
    }
}

fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.findings.iter().map(|f| f.name).collect()
}

fn write(world: &World, vault: u8, value: Value) {
    let write =
        SecretWrite { value, content_type: None, tags: Default::default(), enabled: true, not_before: None, expires: None };
    world.cloud.borrow_mut().set_secret(world.time.get(), &host(vault), SECRET, write).unwrap();
}

fn add(world: &World, age_minutes: i64) -> NewPassword {
    let start = world.time.get() - SignedDuration::from_mins(age_minutes);
    let spec = PasswordSpec { display_name: Some("by hand".into()), start: Some(start), end: None };
    world.cloud.borrow_mut().add_password(world.time.get(), APP, spec).unwrap()
}

/// What is found after `edit`, in order, and the first finding's mend.
#[track_caller]
fn flips(scene: Scene, edit: impl FnOnce(&World), verdict: Verdict, found: &[&str], mend: &str) -> Diagnosis {
    let world = World::new(scene);
    edit(&world);
    let diagnosis = diagnose(&world, &[]);
    assert_eq!((diagnosis.verdict, names(&diagnosis)), (verdict, found.to_vec()), "{:#?}", diagnosis.lines());
    assert!(diagnosis.findings[0].next.contains(mend), "{:#?}", diagnosis.lines());
    diagnosis
}

#[test]
fn nothing_is_wrong() {
    let told = flips(Scene::default(), |_| {}, Verdict::SignsIn, &["signs-in"], "read the vault again");
    let line = &told.lines()[0];
    assert!(line.starts_with(&format!("{SECRET} in {}: version ", host(0))) && line.ends_with(", accepted"), "{line}");
}

#[test]
fn nothing_is_changed() {
    let world = World::new(Scene::default());
    let before = world.cloud.borrow().revision();
    diagnose(&world, &[]);
    assert_eq!(world.cloud.borrow().revision(), before);
}

#[test]
fn the_application_and_its_service_principal() {
    let disabled = |w: &World| w.cloud.borrow_mut().stage().principal_enabled(CLIENT, false).unwrap();
    // found once, though Graph and the token endpoint both say it
    let told = flips(
        Scene::default(),
        disabled,
        Verdict::Fails,
        &["sign-in-disabled"],
        &format!("`az ad sp update --id {CLIENT} --set accountEnabled=true`"),
    );
    assert!(told.findings[0].happened.contains("AADSTS7000112"), "{:#?}", told.lines());
    let gone = |w: &World| w.cloud.borrow_mut().stage().remove_principal(CLIENT);
    let told = flips(
        Scene::default(),
        gone,
        Verdict::Fails,
        &["graph-no-service-principal", "sign-in-no-service-principal"],
        &format!("`az ad sp create --id {CLIENT}`"),
    );
    assert!(told.findings[0].now.contains("gets no token"));
}

#[test]
fn refusals_that_are_not_about_the_secret() {
    for (why, verdict, name) in [
        (SignInTrouble::ConditionalAccess, Verdict::Fails, "sign-in-conditional-access"),
        (SignInTrouble::UnknownTenant, Verdict::Fails, "sign-in-tenant-unknown"),
        (SignInTrouble::UnknownApplication, Verdict::Fails, "sign-in-application-unknown"),
        (SignInTrouble::WrongCloud, Verdict::Fails, "sign-in-wrong-cloud"),
        (SignInTrouble::Disabled, Verdict::Fails, "sign-in-disabled"),
        (SignInTrouble::Throttled, Verdict::CannotTell, "sign-in-throttled"),
    ] {
        let order = |w: &World| w.cloud.borrow_mut().stage().trouble(Trouble::SignIn { client: Some(CLIENT), why }, None);
        flips(Scene::default(), order, verdict, &[name], "");
    }
}

#[test]
fn what_became_of_the_value() {
    let rotate = "`keyrelay rotate billing.toml`";
    let expired = Scene { start: Start::Expired, foreign: 1, ..Scene::default() };
    let told = flips(expired, |_| {}, Verdict::Fails, &["secret-expired"], rotate);
    // an hour before the world begins
    assert!(
        told.findings[0].happened.contains("\"by hand\"") && told.findings[0].happened.contains("to 2026-11-21T02:00:00Z)")
    );
    let expired = Scene { start: Start::Expired, ..Scene::default() };
    flips(expired, |_| {}, Verdict::Fails, &["secret-expired", "all-secrets-expired"], rotate);
    let removed = Scene { foreign: 1, ..Scene::default() };
    flips(removed, World::kill_baseline, Verdict::Fails, &["value-of-no-listed-secret"], rotate);
    flips(Scene::default(), World::kill_baseline, Verdict::Fails, &["value-of-no-listed-secret", "no-secrets"], rotate);
    let garbage = |w: &World| write(w, 0, Value::new("7a5a1ce6-681b-4b2d-9417-570c5c11bf50".into()));
    flips(Scene::default(), garbage, Verdict::Fails, &["value-of-no-listed-secret"], rotate);
}

#[test]
fn a_secret_that_not_every_replica_knows() {
    let young = |w: &World| {
        w.cloud.borrow_mut().set_profile(keyrelay::sandbox::cloud::Profile {
            replicas: 3,
            appears: crate::world::range(90_000, 90_000),
            vanishes: crate::world::range(0, 0),
            lists: crate::world::range(0, 0),
            deletion: crate::world::range(0, 0),
            held: false,
        });
        let new = add(w, 1);
        write(w, 0, new.value);
    };
    flips(Scene::default(), young, Verdict::Fails, &["secret-too-young"], "Wait a few minutes");
}

#[test]
fn what_the_vault_gives() {
    let place = format!("--vault-name {} --name {SECRET}", host(0).split('.').next().unwrap());
    let disable = |w: &World| {
        let update = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
        w.cloud.borrow_mut().update_secret(w.time.get(), &host(0), SECRET, None, update).unwrap();
    };
    let mend = format!("`az keyvault secret set-attributes {place} --enabled true`");
    flips(Scene::default(), disable, Verdict::Fails, &["vault-secret-disabled"], &mend);
    let delete = |w: &World| {
        w.cloud.borrow_mut().delete_secret(w.time.get(), &host(0), SECRET).unwrap();
        w.time.set(w.time.get() + SignedDuration::from_mins(5));
    };
    let mend = format!("`az keyvault secret recover {place}`");
    flips(Scene::default(), delete, Verdict::Fails, &["vault-soft-deleted"], &mend);
    let nothing = Scene { start: Start::None, foreign: 1, ..Scene::default() };
    flips(nothing, |_| {}, Verdict::Fails, &["vault-secret-not-found"], "`az keyvault secret list --vault-name kv-0");
    let wall = |w: &World| w.cloud.borrow_mut().stage().vault_firewall(&host(0), true);
    let told =
        flips(Scene::default(), wall, Verdict::CannotTell, &["vault-firewall"], "az keyvault network-rule add --name kv-0");
    assert!(told.findings[0].now.contains("consumers sign in as themselves"), "{:#?}", told.lines());
    let listing = |w: &World| {
        let operator =
            w.cloud.borrow().principal(PrincipalRef::Client(keyrelay::sandbox::cloud::OPERATOR)).unwrap().object_id;
        w.cloud.borrow_mut().stage().vault_rights(&host(0), operator, &[VaultRight::List]);
    };
    flips(Scene::default(), listing, Verdict::CannotTell, &["vault-rbac"], "Key Vault Secrets Officer");
}

#[test]
fn vaults_that_disagree() {
    let two = Scene { vaults: 2, ..Scene::default() };
    let other = |w: &World| {
        let new = add(w, 60);
        w.cloud.borrow_mut().propagate_all(w.time.get());
        write(w, 1, new.value);
    };
    flips(two, other, Verdict::SignsIn, &["vaults-disagree", "signs-in"], "`keyrelay rotate billing.toml`");
}

#[test]
fn what_a_run_of_this_machine_knows() {
    let world = World::new(Scene { foreign: 1, ..Scene::default() });
    let old = value(&world);
    world.process(false, false, never).unwrap();
    let told = run(&world);
    let done = diagnose(&world, std::slice::from_ref(&told));
    assert_eq!(names(&done), ["signs-in"], "{:#?}", done.lines());
    assert!(done.vaults[0].key_id.is_some_and(|k| Some(k) != world.baseline), "by the tag of the version");

    // somebody puts the old value back, by hand
    world.time.set(world.time.get() + SignedDuration::from_hours(1));
    write(&world, 0, old);
    let undone = diagnose(&world, std::slice::from_ref(&told));
    assert_eq!(names(&undone), ["value-of-no-listed-secret", "version-after-run"], "{:#?}", undone.lines());

    // the version that the run found is served again (its journal tells whose value that is)
    let mut history = History::of(std::slice::from_ref(&told), &runbook(&world));
    assert_eq!(history.removals.iter().map(|r| Some(r.key_id)).collect::<Vec<_>>(), [world.baseline]);
    assert_eq!(history.removals[0].run, told.start.plan.run);
    history.removals.clear();
    assert!(history.unfinished.is_empty());
}

#[test]
fn a_tagged_value_of_a_secret_that_a_run_removed() {
    let world = World::new(Scene { foreign: 1, ..Scene::default() });
    world.process(false, false, never).unwrap();
    let told = run(&world);
    // a backup brings a version back that is tagged with the old key ID
    let write = SecretWrite {
        value: Value::new("an old value".into()),
        content_type: None,
        tags: [("keyrelay-key-id".to_owned(), world.baseline.unwrap().to_string())].into(),
        enabled: true,
        not_before: None,
        expires: None,
    };
    world.cloud.borrow_mut().set_secret(world.time.get(), &host(0), SECRET, write).unwrap();
    let found = diagnose(&world, std::slice::from_ref(&told));
    assert_eq!(names(&found), ["value-removed-by-run", "version-after-run"], "{:#?}", found.lines());
    let run = &told.start.plan.run;
    assert!(found.findings[0].happened.contains(&format!("which run {run} removed at 2026-11-21T")), "{:#?}", found.lines());
    let found = diagnose(&world, &[]);
    assert_eq!(names(&found), ["value-of-removed-secret"], "without the journal: {:#?}", found.lines());
}

#[test]
fn a_run_that_has_not_ended() {
    let world = World::new(Scene::default());
    let _ = world.process(false, false, crate::evidence_support::kill_at("after-intent:write-vault", 1));
    let told = run(&world);
    let found = diagnose(&world, std::slice::from_ref(&told));
    assert_eq!(names(&found), ["run-unfinished", "signs-in"], "{:#?}", found.lines());
    assert!(found.findings[0].happened.contains("it stands at the step \"write vault\""), "{:#?}", found.lines());
}
