//! What a world looks like before the run.

use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::names::{KeyId, RunId, TargetId, VaultIx, VersionId};
use keyrelay::rotation::plan::{
    Baseline, ConsumerPlan, Delete, Drain, Emergency, HeldIn, OnFailure, Plan, Proof, VaultStart, Way,
};
use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, Audience, Cloud, PasswordSpec, Profile, Range, SecretWrite, Value};
use uuid::Uuid;

pub(crate) const CLIENT: Uuid = Uuid::from_u128(0xA11);
pub(crate) const SECRET: &str = "billing-api-client-secret";
pub(crate) const SETTLE: i64 = 900;

pub(crate) fn host(vault: u8) -> String {
    format!("kv-{vault}.vault.sandbox.localhost")
}

/// What the current value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Alive,
    None,
    /// The current value has expired.
    Expired,
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub start: Start,
    pub vaults: u8,
    pub second_empty: bool,
    pub two_at_most: bool,
    pub foreign: u8,
    pub profile: Profile,
    pub seed: u64,
    pub on_failure: OnFailure,
    pub delete: Delete,
    /// A secret has leaked: what is served, or where it is only revoked another one.
    pub leak: Option<Way>,
    pub consumers: bool,
    pub consumer_count: usize,
    /// In seconds.
    pub overlap: i64,
    /// The proof window in seconds: the profile's replicas agree within it (A2).
    pub window: i64,
    /// How many secrets the run may add.
    pub attempts: u32,
    /// Time is what the services' answers tell, as in the shipped binary; else the true one.
    pub service_time: bool,
    /// What the sign-in records of the old secret decide.
    pub drain: Option<Drain>,
}

/// Short times: records come within a minute, and a minute without one is idle.
pub(crate) fn drain(require: bool) -> Drain {
    Drain { require, log_delay: seconds(60), idle: seconds(60), within: seconds(7200) }
}

impl Default for Scene {
    fn default() -> Scene {
        Scene {
            start: Start::Alive,
            vaults: 1,
            second_empty: false,
            two_at_most: false,
            foreign: 0,
            // slower than a few sign-ins, faster than the proof window and the settle time
            profile: Profile {
                replicas: 3,
                appears: range(0, 90_000),
                vanishes: range(0, 90_000),
                lists: range(0, 90_000),
                deletion: range(0, 0),
                held: false,
            },
            seed: 1,
            on_failure: OnFailure::Operator,
            delete: Delete::Auto,
            leak: None,
            consumers: false,
            consumer_count: 1,
            overlap: 3600,
            window: 180,
            attempts: 8,
            service_time: false,
            drain: None,
        }
    }
}

impl Scene {
    /// The same with a proof of three sign-ins instead of nineteen: a suite that tries something at every request gets through
    /// sooner, and meets the same decisions.
    #[must_use]
    pub(crate) fn brief(self) -> Scene {
        let profile = Profile { appears: range(0, 20_000), ..self.profile };
        Scene { window: 20, profile, ..self }
    }
}

pub(crate) fn range(from_ms: u64, to_ms: u64) -> Range {
    Range { from_ms, to_ms }
}

pub(crate) fn seconds(s: i64) -> SignedDuration {
    SignedDuration::from_secs(s)
}

/// A version as somebody sets it by hand.
pub(crate) fn by_hand(value: Value) -> SecretWrite {
    SecretWrite { value, content_type: None, tags: Default::default(), enabled: true, not_before: None, expires: None }
}

pub(crate) fn begun() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// The cloud, what the run is to do, and the credential that it replaces.
pub(crate) fn stage(scene: &Scene) -> (Cloud, Plan, Option<KeyId>) {
    let t0 = begun();
    let long_ago = t0 - SignedDuration::from_hours(800);
    let mut cloud = Cloud::new(scene.seed, scene.profile.clone(), t0 - SignedDuration::from_hours(900));
    let audience = if scene.two_at_most { Audience::OrgsAndPersonal } else { Audience::MyOrg };
    let spec = ApplicationSpec { client_id: Some(CLIENT), display_name: "billing".into(), audience, ..Default::default() };
    cloud.create_application(long_ago, spec);
    let app = AppRef::Client(CLIENT);
    for v in 0..scene.vaults {
        cloud.create_vault(&host(v));
    }
    let mut vaults = vec![VaultStart::Empty; usize::from(scene.vaults)];
    let mut baseline = None;
    if scene.start != Start::None {
        let lives = if scene.start == Start::Expired { -1 } else { 900 };
        let end = t0 + SignedDuration::from_hours(lives);
        let spec = PasswordSpec { display_name: Some("by hand".into()), start: Some(long_ago), end: Some(end) };
        let made = cloud.add_password(long_ago, app, spec).unwrap();
        baseline = Some(KeyId(made.key_id));
        for v in (0..scene.vaults).filter(|v| !(scene.second_empty && *v == 1)) {
            let version = cloud.set_secret(long_ago, &host(v), SECRET, by_hand(made.value.clone())).unwrap();
            vaults[usize::from(v)] = VaultStart::Holds { version: version.id.parse::<VersionId>().unwrap() };
        }
    }
    for n in 0..scene.foreign {
        let spec = PasswordSpec { display_name: Some(format!("somebody's {n}")), start: None, end: None };
        cloud.add_password(long_ago, app, spec).unwrap();
    }
    let baseline_was = match (scene.start, baseline) {
        (Start::Alive, Some(key_id)) => Baseline::Alive { key_id },
        (Start::Expired, key_id) => Baseline::Dead { key_id, removable: true },
        (Start::Alive | Start::None, _) => Baseline::None,
    };
    let mut plan = plan(scene, RunId::new(t0, 42), baseline_was, vaults);
    if let Some(way) = scene.leak {
        let (mut leaked, mut versions) = (baseline, held(&plan.vaults));
        if way == Way::RevokeOnly {
            let spec = PasswordSpec { display_name: Some("leaked".into()), start: Some(long_ago), end: None };
            let made = cloud.add_password(long_ago, app, spec).unwrap();
            let old = cloud.secret(&host(0), SECRET, None).unwrap().value.clone();
            let version = cloud.set_secret(long_ago, &host(0), SECRET, by_hand(made.value)).unwrap();
            let held_in = HeldIn { vault: VaultIx(0), version: version.id.parse().unwrap() };
            let current = cloud.set_secret(long_ago, &host(0), SECRET, by_hand(old)).unwrap();
            plan.vaults[0] = VaultStart::Holds { version: current.id.parse().unwrap() };
            (leaked, versions) = (Some(KeyId(made.key_id)), vec![held_in]);
        }
        plan.emergency = Some(Emergency {
            leaked: leaked.unwrap(),
            way,
            declared_at: t0,
            exposed_at: Some(t0 - SignedDuration::from_hours(1)),
            outage_accepted: way == Way::RevokeFirst,
            accepted: Default::default(),
            death: Proof { limit: seconds(900), ..plan.proof },
            check: None,
            versions,
            disable_versions: true,
        });
    }
    (cloud, plan, baseline)
}

pub(crate) fn plan(scene: &Scene, run: RunId, baseline: Baseline, vaults: Vec<VaultStart>) -> Plan {
    let hosts: Vec<String> = (0..scene.vaults).map(host).collect();
    let consumer = ConsumerPlan { refresh: true, check: true, cache: seconds(7200) };
    Plan {
        target: TargetId::of(hosts.iter().map(|h| (h.as_str(), SECRET))),
        run,
        baseline,
        vaults,
        room: scene.two_at_most.then_some(2),
        bystanders: Default::default(),
        proof: Proof { window: seconds(scene.window), spacing: seconds(10), limit: seconds(1200) },
        overlap: seconds(scene.overlap),
        settle: seconds(SETTLE),
        delete: scene.delete,
        release_within: seconds(86400),
        on_failure: scene.on_failure,
        attempts: scene.attempts,
        drain: scene.drain,
        consumers: if scene.consumers { vec![consumer; scene.consumer_count] } else { Vec::new() },
        adopted: Vec::new(),
        emergency: None,
    }
}

fn held(vaults: &[VaultStart]) -> Vec<HeldIn> {
    let held = |(v, start): (u8, &VaultStart)| match start {
        VaultStart::Holds { version } => Some(HeldIn { vault: VaultIx(v), version: *version }),
        VaultStart::Empty => None,
    };
    (0..).zip(vaults).filter_map(held).collect()
}
