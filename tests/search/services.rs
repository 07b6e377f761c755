//! What the services answer: the sandbox's cloud, asked as its ports ask it. Where A1 and A2 leave it open, every answer.

use std::rc::Rc;

use jiff::SignedDuration;
use keyrelay::rotation::Applied;
use keyrelay::rotation::answers::{Current, Listed, Mutation, Refusal, RefusalKind, SignIn, Source, Version};
use keyrelay::rotation::names::{KeyId, Tag, VAULT_TAG, VAULT_TAG_KEY_ID, VaultIx, VersionId};
use keyrelay::sandbox::cloud::{
    Cloud, CloudError, PasswordSpec, Place, SecretUpdate, SecretVersion, SecretWrite, SignInError, SignInRequest, Value,
};

use crate::scene::{APP, CLIENT, HOSTS, SECRET, Scene, TICK, ticks};
use crate::state::{Made, Packet, Standing, State};

pub(crate) fn refused(kind: RefusalKind) -> Refusal {
    Refusal { kind, status: None, code: String::new(), message: String::new(), retry_after: Some(TICK.unsigned_abs()) }
}

fn refusal(error: &CloudError) -> Refusal {
    let kind = match (error.code.as_str(), error.innererror.as_deref()) {
        ("TooManyAppPasswords", _) => RefusalKind::NoRoom,
        (_, Some("SecretDisabled")) => RefusalKind::Disabled,
        _ => panic!("the world has no answer for {error}"),
    };
    refused(kind)
}

fn version(found: &SecretVersion) -> Version {
    Version {
        id: found.id.parse().unwrap(),
        tag: found.tags.get(VAULT_TAG).and_then(|t| t.parse().ok()),
        key_id: found.tags.get(VAULT_TAG_KEY_ID).and_then(|k| k.parse().ok()),
        enabled: found.enabled,
    }
}

impl State {
    fn cloud(&mut self) -> &mut Cloud {
        Rc::make_mut(&mut self.cloud)
    }

    /// Every list that may be read now: each change that is younger than settle is seen or not.
    pub(crate) fn lists(&self) -> Vec<Vec<Listed>> {
        let young: Vec<KeyId> = self.standings.iter().filter(|s| self.now < s.surely_listed).map(|s| s.key_id).collect();
        let listed = |cloud: &Cloud| {
            let listed = cloud.password_credentials(self.now, APP).unwrap();
            let tag = |p: &keyrelay::sandbox::cloud::PasswordCredential| p.display_name.as_deref().and_then(Tag::leading);
            let mut list: Vec<_> = listed.iter().map(|p| Listed { key_id: KeyId(p.key_id), tag: tag(p) }).collect();
            list.sort_by_key(|c| self.name_of(c.key_id.0)); // nobody promises an order
            list
        };
        if young.is_empty() {
            return vec![listed(&self.cloud)];
        }
        let which = 0..1_u32 << young.len();
        let seen = |which: u32| {
            let mut cloud = Cloud::clone(&self.cloud);
            for (n, key_id) in young.iter().enumerate().filter(|(n, _)| which >> n & 1 == 1) {
                assert!(cloud.propagate(key_id.0, Place::Lists, self.now), "{n}");
            }
            listed(&cloud)
        };
        which.map(seen).collect()
    }

    pub(crate) fn current(&self, vault: VaultIx) -> (Current, Option<Value>) {
        match self.cloud.secret(HOSTS[usize::from(vault.0)], SECRET, None) {
            Ok(found) => (Current::Version(version(found)), Some(found.value.clone())),
            Err(e) if e.code == "SecretNotFound" => (Current::Nothing, None),
            Err(e) if e.innererror.as_deref() == Some("SecretDisabled") => (Current::Disabled, None),
            Err(e) => panic!("{e}"),
        }
    }

    pub(crate) fn value_of(&self, vault: VaultIx, version: VersionId) -> Result<Value, Refusal> {
        let found = self.cloud.secret(HOSTS[usize::from(vault.0)], SECRET, Some(&version.to_string()));
        found.map(|v| v.value.clone()).map_err(|e| refusal(&e))
    }

    pub(crate) fn versions(&self, vault: VaultIx) -> Vec<Version> {
        match self.cloud.secret_versions(HOSTS[usize::from(vault.0)], SECRET) {
            Ok(found) => found.into_iter().map(version).filter(|v| v.tag.is_some()).collect(),
            Err(e) if e.code == "SecretNotFound" => Vec::new(),
            Err(e) => panic!("{e}"),
        }
    }

    /// Every answer that a sign-in with `value` may get now, with the state after it. A credential that no replica knows yet may
    /// become known to the first one at this moment; the second one follows as late as A2 lets it.
    pub(crate) fn sign_ins(&self, value: &Value, scene: &Scene) -> Vec<(SignIn, State)> {
        let holder = self.cloud.holder_of(value);
        let unknown = |s: &&Standing| s.living && s.agreed.is_none() && Some(s.key_id.0) == holder;
        let unknown = self.standings.iter().find(unknown);
        let mut answers: Vec<(SignIn, State)> = Vec::new();
        let mut asked = self.clone();
        asked.losses += u8::from(unknown.is_some_and(|s| s.slow_until <= self.now));
        for replica in 0..2 {
            let answer = sign_in(&self.cloud, self.now, replica, value);
            if asked.losses <= scene.losses && answers.iter().all(|(a, _)| *a != answer) {
                answers.push((answer, asked.clone()));
            }
        }
        if let Some(key_id) = unknown.map(|s| s.key_id) {
            let mut next = self.clone();
            let now = next.now;
            next.cloud().propagate(key_id.0, Place::Replica(0), now);
            let agreed = now + ticks(scene.window);
            next.standings.iter_mut().filter(|s| s.key_id == key_id).for_each(|s| s.agreed = Some(agreed));
            if scene.window == 0 && !scene.breaks_a2 {
                next.cloud().propagate(key_id.0, Place::Replica(1), now);
            }
            answers.push((sign_in(&next.cloud, now, 0, value), next));
        }
        answers
    }

    /// What the process is about to send; none if the value that it carries is not there.
    pub(crate) fn packet(&self, request: &Mutation) -> Result<Option<Packet>, Refusal> {
        let carried = match request {
            Mutation::WriteVault { from: Source::Version { vault, version }, attempt, .. } => {
                Some((self.value_of(*vault, *version)?, *attempt))
            }
            Mutation::WriteVault { from: Source::Memory, attempt, .. } => {
                let Some((held, value)) = &self.memory else { return Ok(None) };
                if held != attempt {
                    return Ok(None);
                }
                Some((value.clone(), *attempt))
            }
            Mutation::AddSecret { .. } | Mutation::DisableVersion { .. } | Mutation::RemoveSecret { .. } => None,
        };
        let carried = match carried {
            None => None,
            Some((value, attempt)) => match self.run.key_id(attempt) {
                None => return Ok(None),
                Some(key_id) => Some((value, key_id)),
            },
        };
        Ok(Some(Packet { request: request.clone(), carried }))
    }

    /// The cloud does it. What it did is surely listed from `settled` on.
    pub(crate) fn perform(
        &mut self,
        packet: &Packet,
        settled: jiff::Timestamp,
        scene: &Scene,
    ) -> Result<(Applied, Option<Value>), Refusal> {
        let now = self.now;
        match &packet.request {
            Mutation::AddSecret { attempt } => {
                let tag = self.tag(*attempt);
                let end = now + SignedDuration::from_hours(9000);
                let spec = PasswordSpec { display_name: Some(tag.display_name("")), start: None, end: Some(end) };
                let made = self.cloud().add_password(now, APP, spec).map_err(|e| refusal(&e))?;
                let key_id = KeyId(made.key_id);
                let standing = Standing {
                    key_id,
                    attempt: *attempt,
                    living: true,
                    surely_listed: settled,
                    agreed: None,
                    slow_until: now + ticks(2),
                };
                let place = self.standings.partition_point(|s| s.attempt <= *attempt);
                self.standings.insert(place, standing);
                Ok((Applied::Added { key_id, tag_intact: true, end: Some(end) }, Some(made.value)))
            }
            Mutation::WriteVault { vault, attempt, .. } => {
                let (value, key_id) = packet.carried.clone().unwrap();
                let tags = [(VAULT_TAG, self.tag(*attempt).to_string()), (VAULT_TAG_KEY_ID, key_id.to_string())];
                let id = self.set(*vault, value, tags.map(|(n, t)| (n.to_owned(), t)).into(), scene);
                let made = Made { id, attempt: Some(*attempt), key_id: key_id.0, enabled: true };
                self.made[usize::from(vault.0)].push(made);
                Ok((Applied::Written { version: id }, None))
            }
            Mutation::DisableVersion { vault, version } => {
                self.may_be_kept(*vault, scene);
                let update = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
                let host = HOSTS[usize::from(vault.0)];
                self.cloud().update_secret(now, host, SECRET, Some(&version.to_string()), update).unwrap();
                let made = self.made[usize::from(vault.0)].iter_mut().find(|m| m.id == *version);
                made.unwrap().enabled = false;
                Ok((Applied::Disabled, None))
            }
            Mutation::RemoveSecret { key_id } => {
                // listed, so that a stale list can show it still
                self.cloud().propagate(key_id.0, Place::Lists, now);
                if self.cloud().remove_password(now, APP, key_id.0).is_ok() {
                    // A2: a replica may still accept what leaked, for less than a window
                    let slow = self.run.leaked() == Some(*key_id) && scene.window > 0;
                    for replica in 0..if slow { 1 } else { 2 } {
                        self.cloud().propagate(key_id.0, Place::Replica(replica), now);
                    }
                    let standing = self.standings.iter_mut().find(|s| s.key_id == *key_id).unwrap();
                    (standing.living, standing.surely_listed) = (false, settled);
                    if slow {
                        standing.agreed = Some(now + ticks(scene.window));
                    }
                }
                Ok((Applied::Removed, None))
            }
        }
    }

    /// A new version, by whomever.
    pub(crate) fn set(
        &mut self,
        vault: VaultIx,
        value: Value,
        tags: std::collections::BTreeMap<String, String>,
        scene: &Scene,
    ) -> VersionId {
        self.may_be_kept(vault, scene);
        let now = self.now;
        let write = SecretWrite { value, content_type: None, tags, enabled: true, not_before: None, expires: None };
        self.cloud().set_secret(now, HOSTS[usize::from(vault.0)], SECRET, write).unwrap().id.parse().unwrap()
    }

    fn tag(&self, attempt: u32) -> Tag {
        let plan = self.run.plan();
        Tag { target: plan.target, run: plan.run.clone(), attempt }
    }
}

pub(crate) fn sign_in(cloud: &Cloud, now: jiff::Timestamp, replica: usize, value: &Value) -> SignIn {
    let (tenant, client_id) = (cloud.tenant().to_string(), CLIENT.to_string());
    let scope = "https://graph.microsoft.com/.default";
    let request = SignInRequest { tenant: &tenant, client_id: &client_id, secret: Some(value), scope };
    match cloud.sign_in_at(now, replica, &request) {
        Ok(_) => SignIn::Accepted,
        Err(SignInError { code: 7_000_215, .. }) => SignIn::Wrong,
        Err(SignInError { code: 7_000_222, .. }) => SignIn::Expired,
        Err(other) => panic!("{other}"),
    }
}
