//! What a search begins with, and how much may go wrong in it.

use std::rc::Rc;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::Rotation;
use keyrelay::rotation::names::{KeyId, RunId, TargetId, VaultIx, VersionId};
use keyrelay::rotation::plan::{
    Baseline, ConsumerPlan, Delete, Drain, Emergency, HeldIn, OnFailure, Plan, Proof, VaultStart, Way,
};
use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, Audience, Cloud, PasswordSpec, Profile, SecretWrite, Value};
use uuid::Uuid;

use crate::state::{Made, Standing, State};

pub(crate) const CLIENT: Uuid = Uuid::from_u128(0xA11);
pub(crate) const APP: AppRef = AppRef::Client(CLIENT);
pub(crate) const SECRET: &str = "billing-api-client-secret";
pub(crate) const HOSTS: [&str; 2] = ["kv-0.vault.sandbox.localhost", "kv-1.vault.sandbox.localhost"];
/// The unit of time: every wait of the rotation is a multiple of it, and so is every moment at which the world does something.
/// A minute, because the rotation's own pause after a refusal is never longer, and the services here ask for just that.
pub(crate) const TICK: SignedDuration = SignedDuration::from_secs(60);

/// What the vaults serve at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Alive,
    None,
    /// It has expired.
    Dead,
    /// Alive, and somebody may remove it while no process works.
    Dying,
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub start: Start,
    pub vaults: u8,
    /// The second vault has nothing at first.
    pub second_empty: bool,
    /// No more than two secrets.
    pub two_at_most: bool,
    /// How many processes may be killed.
    pub crashes: u8,
    /// How many requests may be refused, go unanswered or land late.
    pub losses: u8,
    /// How often a process may be suspended for a tick in the middle of its work.
    pub naps: u8,
    /// How often somebody else may do something by hand while no process works: set the old value again, or remove the old
    /// secret where it is dying.
    pub strangers: u8,
    pub on_failure: OnFailure,
    pub delete: Delete,
    /// One consumer that is told and asked.
    pub consumer: bool,
    /// The overlap goes on until the sign-in records say that the old secret is idle.
    pub drain: bool,
    /// It is told, and cannot be asked.
    pub silent: bool,
    /// A secret has leaked: the baseline, or where it is only revoked another one.
    pub leak: Option<Way>,
    /// A person may accept the outage of the consumer on the way.
    pub accepts: bool,
    /// In ticks, all three.
    pub window: i32,
    pub overlap: i32,
    pub settle: i32,
    /// A control: a late request may land at any time, however late.
    pub breaks_a1: bool,
    /// A control: the second replica may never learn what the first one knows.
    pub breaks_a2: bool,
    /// Look at what users and ends see (S1, S2, S6, S10), not at how the run came there: where a rule is switched off, that it is
    /// broken says nothing.
    pub outcomes_only: bool,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene {
            start: Start::Alive,
            vaults: 1,
            second_empty: false,
            two_at_most: false,
            crashes: 1,
            losses: 1,
            naps: 0,
            strangers: 0,
            on_failure: OnFailure::Operator,
            delete: Delete::Auto,
            consumer: false,
            drain: false,
            silent: false,
            leak: None,
            accepts: false,
            window: 1,
            // shorter than settle, so that it does not hide a settle that is missing
            overlap: 1,
            settle: 2,
            breaks_a1: false,
            breaks_a2: false,
            outcomes_only: false,
        }
    }
}

/// `n` ticks.
pub(crate) fn ticks(n: i32) -> SignedDuration {
    TICK.saturating_mul(n)
}

/// `n` ticks, less the second that the rotation adds to a wait because a `Date` has whole seconds.
fn wait(n: i32) -> SignedDuration {
    ticks(n) - SignedDuration::from_secs(1)
}

pub(crate) fn begin() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

impl Scene {
    /// In a few words, with what may go wrong.
    pub(crate) fn name(&self) -> String {
        let mut name =
            format!("{} vault{}, baseline {:?}", self.vaults, if self.vaults == 1 { "" } else { "s" }, self.start);
        name = name.to_lowercase();
        let mut add = |yes: bool, what: &str| name += if yes { what } else { "" };
        add(self.two_at_most, ", two secrets at most");
        add(self.second_empty, ", the second empty");
        add(self.consumer && !self.silent, ", a consumer");
        add(self.consumer && self.silent, ", a silent consumer");
        add(self.leak == Some(Way::Replace), ", emergency");
        add(self.leak == Some(Way::RevokeFirst), ", emergency, revoked first");
        add(self.leak == Some(Way::RevokeOnly), ", emergency, revoked only");
        add(self.accepts, ", outage accepted");
        add(self.drain, ", drained");
        add(self.on_failure == OnFailure::Rollback, ", rolls back by policy");
        add(self.delete == Delete::OnRelease, ", removed on release");
        add(self.delete == Delete::Never, ", never removed");
        add(self.overlap != 1, ", a long overlap");
        add(self.window != 1, ", a long proof");
        add(self.breaks_a1, ", A1 BROKEN");
        add(self.breaks_a2, ", A2 BROKEN");
        name += &format!(" ({} crashes, {} losses", self.crashes, self.losses);
        if self.naps > 0 {
            name += &format!(", {} naps", self.naps);
        }
        if self.strangers > 0 {
            name += &format!(", {} by hand", self.strangers);
        }
        name + ")"
    }

    /// Nothing has happened yet.
    pub(crate) fn first(&self) -> State {
        let long_ago = begin() - SignedDuration::from_hours(800);
        let mut cloud = Cloud::new(1, Profile::held(), long_ago);
        let audience = if self.two_at_most { Audience::OrgsAndPersonal } else { Audience::MyOrg };
        let spec = ApplicationSpec { client_id: Some(CLIENT), audience, ..ApplicationSpec::default() };
        cloud.create_application(long_ago, spec);
        let hosts = &HOSTS[..usize::from(self.vaults)];
        hosts.iter().for_each(|host| cloud.create_vault(host));
        let mut starts = vec![VaultStart::Empty; hosts.len()];
        let mut made = vec![Vec::new(); hosts.len()];
        let (mut baseline, mut leaked, mut held) = (None, None, Vec::new());
        if self.leak == Some(Way::RevokeOnly) {
            let (key_id, value) = added(&mut cloud, long_ago, 9000);
            leaked = Some(key_id);
            for (v, host) in hosts.iter().enumerate() {
                let version = set(&mut cloud, long_ago, host, value.clone());
                held.push(HeldIn { vault: VaultIx(v as u8), version });
                made[v].push(Made { id: version, attempt: None, key_id: key_id.0, enabled: true });
            }
        }
        if self.start != Start::None {
            let years = if self.start == Start::Dead { -1 } else { 9000 };
            let (key_id, value) = added(&mut cloud, long_ago, years);
            baseline = Some(key_id);
            for (v, host) in hosts.iter().enumerate().filter(|(v, _)| !(self.second_empty && *v == 1)) {
                let version = set(&mut cloud, long_ago, host, value.clone());
                starts[v] = VaultStart::Holds { version };
                made[v].push(Made { id: version, attempt: None, key_id: key_id.0, enabled: true });
                if leaked.is_none() {
                    held.push(HeldIn { vault: VaultIx(v as u8), version });
                }
            }
        }
        cloud.propagate_all(long_ago);
        let mut plan = self.plan(baseline, starts);
        plan.emergency = leaked.or(baseline).and_then(|leaked| self.emergency(leaked, held, plan.proof));
        let plan = Arc::new(plan);
        let standing = |key_id| Standing {
            key_id,
            attempt: 0,
            living: true,
            surely_listed: long_ago,
            agreed: Some(long_ago),
            slow_until: long_ago,
        };
        State {
            run: Rc::new(Rotation::new(plan, begin())),
            cloud: Rc::new(cloud),
            now: begin(),
            memory: None,
            late: Vec::new(),
            standings: baseline.into_iter().chain(leaked).map(standing).collect(),
            made,
            cached: Vec::new(),
            early: Vec::new(),
            crashes: 0,
            losses: 0,
            naps: 0,
            strangers: 0,
            wrong: None,
        }
    }

    fn emergency(&self, leaked: KeyId, versions: Vec<HeldIn>, death: Proof) -> Option<Emergency> {
        Some(Emergency {
            leaked,
            way: self.leak?,
            declared_at: begin(),
            exposed_at: None,
            outage_accepted: self.leak != Some(Way::Replace),
            accepted: Default::default(),
            death,
            check: None,
            versions,
            disable_versions: true,
        })
    }

    fn plan(&self, baseline: Option<KeyId>, vaults: Vec<VaultStart>) -> Plan {
        Plan {
            target: TargetId::of(HOSTS[..vaults.len()].iter().map(|h| (*h, SECRET))),
            run: RunId::new(begin(), 42),
            baseline: match (self.start, baseline) {
                (Start::Alive | Start::Dying, Some(key_id)) => Baseline::Alive { key_id },
                (Start::Dead, key_id) => Baseline::Dead { key_id, removable: true },
                (Start::None, _) | (Start::Alive | Start::Dying, None) => Baseline::None,
            },
            vaults,
            room: self.two_at_most.then_some(2),
            bystanders: Default::default(),
            // as long as no replica knows a new secret for two ticks at most, and one alone for less than a window
            proof: Proof { window: ticks(self.window), spacing: TICK, limit: ticks(2 * self.window - 1) },
            overlap: wait(self.overlap),
            settle: wait(self.settle),
            delete: self.delete,
            release_within: ticks(3),
            on_failure: self.on_failure,
            attempts: 6,
            drain: self.drain.then(|| Drain { require: true, log_delay: ticks(1), idle: ticks(1), within: ticks(2) }),
            consumers: if self.consumer {
                vec![ConsumerPlan { refresh: true, check: !self.silent, cache: wait(self.overlap) }]
            } else {
                Vec::new()
            },
            adopted: Vec::new(),
            emergency: None,
        }
    }
}

/// A credential that somebody added by hand.
fn added(cloud: &mut Cloud, at: Timestamp, years: i64) -> (KeyId, Value) {
    let end = Some(begin() + SignedDuration::from_hours(years));
    let spec = PasswordSpec { display_name: Some("by hand".to_owned()), start: Some(at), end };
    let credential = cloud.add_password(at, APP, spec).unwrap();
    (KeyId(credential.key_id), credential.value)
}

/// A version that somebody set by hand.
fn set(cloud: &mut Cloud, at: Timestamp, host: &str, value: Value) -> VersionId {
    let write =
        SecretWrite { value, content_type: None, tags: Default::default(), enabled: true, not_before: None, expires: None };
    cloud.set_secret(at, host, SECRET, write).unwrap().id.parse().unwrap()
}
