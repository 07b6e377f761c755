//! A small cloud for the core alone: what it answers to a reading or a request is true, unless the byte that is drawn says else.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyrelay::rotation::answers::{Current, Listed, Mutation, Refusal, RefusalKind, Reported, SignIn, Trace, Version};
use keyrelay::rotation::names::{KeyId, RunId, Tag, TargetId, VaultIx, VersionId};
use keyrelay::rotation::plan::{
    Adopted, Baseline, ConsumerPlan, Delete, Drain, Emergency, HeldIn, OnFailure, Plan, Proof, VaultStart, Way,
};
use keyrelay::rotation::usage::{Unknown, Usage};
use keyrelay::rotation::{Applied, Event, Reading};
use uuid::Uuid;

pub const BEGUN: Timestamp = Timestamp::constant(1_795_302_419, 0);
const OLD: KeyId = KeyId(Uuid::from_u128(0x0a1d_0000_0000_4000_8000_0000_0000_0001));
pub const SECRET: &str = "billing-api-client-secret";

pub fn host(vault: usize) -> String {
    format!("kv-{vault}.vault.sandbox.localhost")
}

/// Bytes that stand for what happens; zeros, the ordinary course, when they are used up.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    pub fn draw(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of `n`; the ordinary one, 0, for small bytes too.
    pub fn of(&mut self, n: u8) -> u8 {
        self.draw().saturating_sub(200) % n
    }
}

const DRAIN: Drain = Drain {
    require: true,
    log_delay: SignedDuration::from_secs(600),
    idle: SignedDuration::from_secs(600),
    within: SignedDuration::from_secs(7200),
};

/// What the sign-in records say: nobody, unless the byte that is drawn says else.
fn usage(key_id: KeyId, since: Timestamp, at: Timestamp, oddity: u8) -> Usage {
    let until = at - DRAIN.log_delay;
    let (last, unknown) = match oddity {
        1 | 2 => (Some(until), None),
        3 => (None, Some(Unknown::LicenceMissing)),
        4 => (Some(since), Some(Unknown::Throttled)),
        _ => (None, None),
    };
    let total = u64::from(last.is_some());
    Usage { key_id, since, until, unknown, total, expected: 0, own: 1, last, sources: Vec::new(), more: 0 }
}

fn seconds(s: i64) -> SignedDuration {
    SignedDuration::from_secs(s)
}

/// A plan, as the bytes want it.
pub fn plan(bytes: &mut Bytes<'_>) -> Plan {
    let vaults = usize::from(1 + bytes.draw() % 2);
    let baseline = match bytes.draw() % 4 {
        0 | 1 => Baseline::Alive { key_id: OLD },
        2 => Baseline::None,
        _ => Baseline::Dead { key_id: Some(OLD), removable: true },
    };
    let start = |v: usize| match baseline {
        Baseline::None => VaultStart::Empty,
        _ => VaultStart::Holds { version: VersionId(1 + v as u128) },
    };
    let hosts: Vec<String> = (0..vaults).map(host).collect();
    let (target, run) =
        (TargetId::of(hosts.iter().map(|h| (h.as_str(), SECRET))), RunId::new(BEGUN, u32::from(bytes.draw())));
    let choices = bytes.draw();
    let adopted = Adopted { attempt: 1, key_id: KeyId(Uuid::from_u128(0xf00)), published: choices & 64 != 0 };
    Plan {
        target,
        run,
        baseline,
        vaults: (0..vaults).map(start).collect(),
        room: (choices & 1 != 0).then_some(2),
        bystanders: [].into(),
        proof: Proof { window: seconds(30), spacing: seconds(10), limit: seconds(120) },
        overlap: seconds(3600),
        settle: seconds(900),
        delete: [Delete::Auto, Delete::OnRelease, Delete::Never, Delete::Auto][usize::from(choices >> 1 & 3)],
        release_within: seconds(86_400),
        on_failure: if choices & 8 != 0 { OnFailure::Rollback } else { OnFailure::Operator },
        attempts: 3,
        drain: (choices >> 1 & 3 == 3 && choices & 128 == 0).then_some(DRAIN),
        consumers: vec![ConsumerPlan { refresh: true, check: true, cache: seconds(600) }; usize::from(choices >> 4 & 1)],
        adopted: if choices & 32 != 0 && choices & 128 == 0 { vec![adopted] } else { Vec::new() },
        emergency: (choices & 128 != 0).then(|| emergency(baseline, bytes.draw())),
    }
}

/// A secret that no vault serves.
const ASTRAY: KeyId = KeyId(Uuid::from_u128(0xbad));

fn emergency(baseline: Baseline, choices: u8) -> Emergency {
    let served = baseline.key_id().filter(|_| choices & 3 != 0);
    let held_in = HeldIn { vault: VaultIx(0), version: VersionId(1) };
    Emergency {
        leaked: served.unwrap_or(ASTRAY),
        way: match (served, choices & 3) {
            (None, _) => Way::RevokeOnly,
            (Some(_), 1) => Way::RevokeFirst,
            (Some(_), _) => Way::Replace,
        },
        declared_at: BEGUN,
        exposed_at: None,
        outage_accepted: choices & 3 == 1,
        accepted: (choices & 4 != 0).then_some(0).into_iter().collect(),
        death: Proof { window: seconds(30), spacing: seconds(10), limit: seconds(120) },
        check: None,
        versions: if served.is_some() && choices & 8 == 0 { vec![held_in] } else { Vec::new() },
        disable_versions: choices & 16 != 0,
    }
}

/// The hidden truth.
pub struct Stage {
    plan: Arc<Plan>,
    credentials: Vec<Listed>,
    /// All versions of each vault, the current one last.
    vaults: Vec<Vec<Version>>,
    made: u128,
    lasting: Lasting,
}

/// What has gone wrong and does not come right again.
#[derive(Default)]
struct Lasting {
    /// A removal is answered well, and the list shows the credential for ever.
    undying: bool,
    /// Somebody writes our value anew each time that we look.
    unsteady: bool,
    /// The list of credentials is empty.
    hidden: bool,
    /// Requests that change something are never answered.
    mute: bool,
    /// What every sign-in answers.
    signs_in: Option<u8>,
}

impl Stage {
    pub fn new(plan: Arc<Plan>) -> Stage {
        let old = plan.baseline.key_id();
        let held = |start: &VaultStart| match start {
            VaultStart::Holds { version } => vec![Version { id: *version, tag: None, key_id: old, enabled: true }],
            VaultStart::Empty => Vec::new(),
        };
        let mut vaults: Vec<_> = plan.vaults.iter().map(held).collect();
        let mut credentials: Vec<Listed> = old.map(|key_id| Listed { key_id, tag: None }).into_iter().collect();
        let astray = plan.emergency.as_ref().filter(|e| e.way == Way::RevokeOnly);
        credentials.extend(astray.map(|e| Listed { key_id: e.leaked, tag: None }));
        for a in &plan.adopted {
            let tag = Some(Tag { target: plan.target, run: plan.run.clone(), attempt: a.attempt });
            credentials.push(Listed { key_id: a.key_id, tag: tag.clone() });
            if a.published {
                vaults[0].push(Version { id: VersionId(900), tag, key_id: Some(a.key_id), enabled: true });
            }
        }
        Stage { plan, credentials, vaults, made: 0x1000, lasting: Lasting::default() }
    }

    fn make(&mut self) -> u128 {
        self.made += 1;
        self.made
    }

    fn tag(&self, attempt: u32) -> Tag {
        Tag { target: self.plan.target, run: self.plan.run.clone(), attempt }
    }

    fn effect(&mut self, request: &Mutation) -> Applied {
        match request {
            Mutation::AddSecret { attempt } => {
                let key_id = KeyId(Uuid::from_u128(self.make()));
                self.credentials.push(Listed { key_id, tag: Some(self.tag(*attempt)) });
                Applied::Added { key_id, tag_intact: true, end: Some(BEGUN + SignedDuration::from_hours(24 * 180)) }
            }
            Mutation::WriteVault { vault, attempt, .. } => {
                let tag = self.tag(*attempt);
                let ours = self.credentials.iter().find(|c| c.tag.as_ref() == Some(&tag)).map(|c| c.key_id);
                let key_id = if *attempt == 0 { self.plan.baseline.key_id() } else { ours };
                let id = VersionId(self.make());
                self.vaults[usize::from(vault.0)].push(Version { id, tag: Some(tag), key_id, enabled: true });
                Applied::Written { version: id }
            }
            Mutation::DisableVersion { vault, version } => {
                let versions = &mut self.vaults[usize::from(vault.0)];
                versions.iter_mut().filter(|v| v.id == *version).for_each(|v| v.enabled = false);
                Applied::Disabled
            }
            Mutation::RemoveSecret { key_id } => {
                let undying = self.lasting.undying;
                self.credentials.retain(|c| undying || c.key_id != *key_id);
                Applied::Removed
            }
        }
    }

    /// What comes of a request.
    pub fn change(&mut self, request: &Mutation, at: Timestamp, bytes: &mut Bytes<'_>) -> Event {
        let trace = self.trace(at);
        let oddity = bytes.of(6);
        self.lasting.mute |= oddity == 3 && bytes.draw() > 127;
        if self.lasting.mute {
            return Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace };
        }
        match oddity {
            0 | 1 => Event::Applied { result: self.effect(request), trace },
            2 => {
                self.effect(request);
                Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace }
            }
            3 => Event::InDoubt { refusal: refusal(RefusalKind::Unanswered), trace },
            4 => match self.effect(request) {
                Applied::Added { key_id, end, .. } => {
                    self.credentials.iter_mut().filter(|c| c.key_id == key_id).for_each(|c| c.tag = None);
                    Event::Applied { result: Applied::Added { key_id, tag_intact: false, end }, trace }
                }
                result => Event::Applied { result, trace },
            },
            _ => {
                let kinds = [RefusalKind::Forbidden, RefusalKind::Throttled, RefusalKind::NoRoom, RefusalKind::SoftDeleted];
                Event::NotApplied { refusal: refusal(kinds[usize::from(bytes.draw() % 4)]), trace }
            }
        }
    }

    /// What comes of a question.
    pub fn answer(&mut self, reading: Reading, at: Timestamp, bytes: &mut Bytes<'_>) -> Event {
        let trace = self.trace(at);
        let oddity = bytes.of(10);
        if (2..=7).contains(&oddity) && bytes.draw() > 127 {
            self.lasting.signs_in = Some(oddity);
        }
        let answer = signed_in(self.lasting.signs_in.unwrap_or(oddity));
        if oddity == 8 && !matches!(reading, Reading::SignIns { .. }) {
            return Event::ReadRefused { refusal: refusal(RefusalKind::Forbidden), trace };
        }
        match reading {
            Reading::Credentials => Event::CredentialsListed { credentials: self.listed(oddity), trace },
            Reading::Vault { vault, sign_in } => {
                self.lasting.unsteady |= oddity == 9;
                let ours = self.vaults[usize::from(vault.0)].last().filter(|v| v.tag.is_some()).cloned();
                if let Some(ours) = ours.filter(|_| self.lasting.unsteady) {
                    let id = VersionId(self.make());
                    self.vaults[usize::from(vault.0)].push(Version { id, ..ours });
                }
                if oddity == 1 {
                    let id = VersionId(self.make());
                    let foreign = Version { id, tag: None, key_id: None, enabled: true };
                    self.vaults[usize::from(vault.0)].push(foreign);
                }
                let current = match self.vaults[usize::from(vault.0)].last() {
                    None => Current::Nothing,
                    Some(v) if v.enabled => Current::Version(v.clone()),
                    Some(_) => Current::Disabled,
                };
                let sign_in = (sign_in && matches!(current, Current::Version(_))).then_some(answer);
                let sign_in_trace = sign_in.as_ref().map(|_| self.trace(at));
                Event::VaultRead { vault, current, sign_in, trace, sign_in_trace }
            }
            Reading::Versions { vault } => {
                let versions = self.vaults[usize::from(vault.0)].iter().filter(|v| v.tag.is_some()).cloned().collect();
                Event::VersionsListed { vault, versions, trace }
            }
            Reading::Baseline { .. } => Event::BaselineProven { answer, trace },
            Reading::SignIn => Event::SignedIn { answer, trace },
            Reading::SignIns { key_id, since } => Event::UsageRead { usage: usage(key_id, since, at, oddity) },
            // refused, as a rule: it has been removed
            Reading::Leaked { .. } if answer.accepted() => Event::LeakedTried { answer: SignIn::Wrong, trace },
            Reading::Leaked { held_in: None } => Event::LeakedMissing { why: "no version holds it".into() },
            Reading::Leaked { held_in: Some(_) } => Event::LeakedTried { answer, trace },
        }
    }

    fn listed(&mut self, oddity: u8) -> Vec<Listed> {
        match oddity {
            1 => {
                let another = Tag { run: RunId::new(BEGUN, 0xbad), ..self.tag(1) };
                let key_id = KeyId(Uuid::from_u128(self.make()));
                self.credentials.push(Listed { key_id, tag: Some(another) });
            }
            2 => self.lasting.hidden = true,
            4 => self.lasting.undying = true,
            3 => {
                let key_id = KeyId(Uuid::from_u128(self.make()));
                self.credentials.push(Listed { key_id, tag: None });
            }
            _ => {}
        }
        if self.lasting.hidden { Vec::new() } else { self.credentials.clone() }
    }

    /// What a consumer says.
    pub fn consumer(&mut self, consumer: usize, refresh: bool, bytes: &mut Bytes<'_>) -> Event {
        let oddity = bytes.of(3);
        let (ok, note) = (oddity != 1, if oddity == 1 { "it does not answer".to_owned() } else { String::new() });
        if refresh {
            return Event::ConsumerRefreshed { consumer, ok, note };
        }
        Event::ConsumerChecked { consumer, ok, reported: if oddity == 2 { Reported::Old } else { Reported::New }, note }
    }

    /// One that support could look up, in a shape that the services give.
    fn trace(&mut self, at: Timestamp) -> Trace {
        let id = Uuid::from_u128(0x7ace_0000_0000_4000_8000_0000_0000_0000 + self.make());
        Trace { request_id: Some(id.to_string()), client_request_id: None, date: Some(at), token_seconds: None }
    }

    /// A vault other than the plan's is never asked for; the first vault, for events of any kind.
    pub fn first_vault() -> VaultIx {
        VaultIx(0)
    }
}

pub fn signed_in(oddity: u8) -> SignIn {
    match oddity {
        2 | 3 => SignIn::Wrong,
        4 => SignIn::Expired,
        5 => SignIn::Refused { code: 7_000_112, class: "unauthorized_client".into() },
        6 => SignIn::Unavailable { why: "throttled".into() },
        7 => SignIn::OtherIdentity,
        _ => SignIn::Accepted,
    }
}

pub fn refusal(kind: RefusalKind) -> Refusal {
    let (status, code) = match kind {
        RefusalKind::Forbidden => (Some(403), "Authorization_RequestDenied"),
        RefusalKind::Throttled => (Some(429), "TooManyRequests"),
        RefusalKind::NoRoom => (Some(400), "Request_BadRequest"),
        RefusalKind::SoftDeleted => (Some(409), "Conflict/ObjectIsDeletedButRecoverable"),
        _ => (None, ""),
    };
    Refusal { kind, status, code: code.into(), message: String::new(), retry_after: None }
}
