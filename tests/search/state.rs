//! One state of the search: the rotation, the cloud, and what the world owes to both.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use keyrelay::rotation::answers::{Current, Mutation, SignIn, Version};
use keyrelay::rotation::invariants::{
    Broken, Living, World, s1_current_signs_in, s2_leaked_is_left, s2_recent_signs_in, s3_read_before_removal,
    s4_only_ours_is_removed, s6_ends, s10_attempts, s11_stays_ended,
};
use keyrelay::rotation::likeness::Names;
use keyrelay::rotation::names::{KeyId, Tag, VaultIx, VersionId};
use keyrelay::rotation::plan::{HeldIn, Way};
use keyrelay::rotation::{Death, End, Event, Phase, Reading, Rotation};
use keyrelay::sandbox::cloud::{Cloud, Place, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::scene::{APP, HOSTS, SECRET, Scene, Start, TICK, ticks};
use crate::services::sign_in;

/// Everything. Cheap to clone: what a step does not change is shared.
#[derive(Clone)]
pub(crate) struct State {
    pub run: Rc<Rotation>,
    pub cloud: Rc<Cloud>,
    pub now: Timestamp,
    /// What the process has in memory: an attempt's value. Lost with the process.
    pub memory: Option<(u32, Value)>,
    /// Requests of dead connections: they may land until their time is up, or never.
    pub late: Vec<Late>,
    /// Every credential that there ever was, by attempt.
    pub standings: Vec<Standing>,
    /// Per vault, every version in the order of its making.
    pub made: Vec<Vec<Made>>,
    /// Values that are current nowhere, and until when a consumer may keep them.
    pub cached: Vec<(KeyId, Timestamp)>,
    /// Answers of one look that have come and are not taken down yet: an earlier question of it is still open.
    pub early: Vec<(Reading, Event)>,
    pub crashes: u8,
    pub losses: u8,
    pub naps: u8,
    pub strangers: u8,
    /// What went wrong on the way here, where no invariant of a state can tell.
    pub wrong: Option<Broken>,
}

/// A request as it was sent.
#[derive(Clone)]
pub(crate) struct Packet {
    pub request: Mutation,
    /// The value and the key ID that a vault write carries.
    pub carried: Option<(Value, KeyId)>,
}

#[derive(Clone)]
pub(crate) struct Late {
    pub packet: Packet,
    /// A1: from then on it does not land, and no list is without what it did.
    pub until: Timestamp,
}

/// What the world knows of a credential besides the cloud.
#[derive(Clone)]
pub(crate) struct Standing {
    pub key_id: KeyId,
    /// 0 is the baseline.
    pub attempt: u32,
    pub living: bool,
    /// A1: before then a list may show its last change or not, each time anew; from then on it does.
    pub surely_listed: Timestamp,
    /// A2: one replica knows it, and from then on the other one does.
    pub agreed: Option<Timestamp>,
    /// Until then it may be that no replica knows it; later, that is a loss.
    pub slow_until: Timestamp,
}

/// A version, in short.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub id: VersionId,
    /// By its tag; 0 is a baseline that was put back, none what was written by hand.
    pub attempt: Option<u32>,
    pub key_id: Uuid,
    pub enabled: bool,
}

/// Collects what is hashed.
#[derive(Default)]
struct Page(Vec<u8>);
impl Hasher for Page {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn finish(&self) -> u64 {
        0
    }
}

impl State {
    pub(crate) fn over(&self) -> bool {
        matches!(self.run.phase(), Phase::Ended { .. })
    }

    fn left(&self, until: Timestamp) -> i64 {
        until.duration_since(self.now).as_secs().max(0)
    }

    /// The same number for states that nothing can tell apart from here on: 128 bits of a SHA-256, so that two different ones
    /// with the same number are not to be expected in any search.
    pub(crate) fn likeness(&self) -> u128 {
        let mut page = Page(Vec::with_capacity(512));
        self.run.likeness(self.now, &Known(self), &mut page);
        (self.crashes, self.losses, self.naps, self.strangers).hash(&mut page);
        self.memory.as_ref().map(|(attempt, _)| attempt).hash(&mut page);
        self.early.len().hash(&mut page);
        let mut early: Vec<_> = self.early.iter().map(|(reading, event)| self.answer(reading, event)).collect();
        early.sort_unstable();
        early.hash(&mut page);
        for s in &self.standings {
            let removed = !s.living;
            let dying = removed && self.run.leaked() == Some(s.key_id) && s.agreed.is_some_and(|t| self.left(t) > 0);
            if removed && self.left(s.surely_listed) == 0 && !dying {
                continue; // nobody can see that it ever was
            }
            (s.attempt, removed, self.left(s.surely_listed)).hash(&mut page);
            s.agreed.filter(|_| s.living || dying).map(|t| self.left(t)).hash(&mut page);
            let held = s.agreed.is_none() && self.memory.as_ref().is_some_and(|(attempt, _)| *attempt == s.attempt);
            if held {
                self.left(s.slow_until).hash(&mut page);
            }
        }
        u8::MAX.hash(&mut page);
        for versions in &self.made {
            versions.last().map(|v| (v.attempt, v.enabled, self.name_of(v.key_id))).hash(&mut page);
            let mut kinds: Vec<_> = versions.iter().map(|v| (v.attempt, v.enabled, self.name_of(v.key_id))).collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds.hash(&mut page);
        }
        let mut late: Vec<_> = self.late.iter().map(|l| self.about(l)).collect();
        late.sort_unstable();
        late.hash(&mut page);
        let mut cached: Vec<_> = self.cached.iter().map(|(k, until)| (self.name_of(k.0), self.left(*until))).collect();
        cached.sort_unstable();
        cached.hash(&mut page);
        let digest = Sha256::digest(&page.0);
        u128::from_le_bytes(digest[..16].try_into().unwrap())
    }

    /// An answer by what it says: about which vault, the names in it, and whether the value signed in or is dead.
    fn answer(&self, reading: &Reading, event: &Event) -> (Option<VaultIx>, Vec<u32>, [bool; 4]) {
        let name = |vault: &VaultIx, v: &Version| Known(self).version(*vault, v.id);
        let says = |answer: Option<&SignIn>| answer.map_or([false; 2], |a| [a.accepted(), a.says_dead()]);
        match (reading, event) {
            (_, Event::CredentialsListed { credentials, .. }) => {
                (None, credentials.iter().map(|c| self.name_of(c.key_id.0)).collect(), [false; 4])
            }
            (_, Event::VaultRead { vault, current, sign_in, .. }) => {
                let [accepted, dead] = says(sign_in.as_ref());
                match current {
                    Current::Version(v) => (Some(*vault), vec![name(vault, v)], [true, false, accepted, dead]),
                    Current::Nothing => (Some(*vault), vec![], [true, false, false, false]),
                    Current::Disabled => (Some(*vault), vec![], [true, true, false, false]),
                }
            }
            (_, Event::VersionsListed { vault, versions, .. }) => {
                let names = versions.iter().flat_map(|v| [name(vault, v), u32::from(v.enabled)]);
                (Some(*vault), names.collect(), [false, true, false, false])
            }
            (Reading::Vault { vault, .. } | Reading::Versions { vault } | Reading::Baseline { vault, .. }, _) => {
                (Some(*vault), vec![], [true; 4])
            }
            (Reading::Credentials | Reading::SignIn | Reading::SignIns { .. } | Reading::Leaked { .. }, _) => {
                (None, vec![], [true; 4])
            }
        }
    }

    /// A late request by what it does.
    fn about(&self, late: &Late) -> (u8, u32, u32, i64) {
        let left = self.left(late.until);
        match &late.packet.request {
            Mutation::AddSecret { attempt } => (0, *attempt, 0, left),
            Mutation::WriteVault { vault, attempt, .. } => (1, *attempt, u32::from(vault.0), left),
            Mutation::DisableVersion { vault, version } => {
                (2, Known(self).version(*vault, *version), u32::from(vault.0), left)
            }
            Mutation::RemoveSecret { key_id } => (3, self.name_of(key_id.0), 0, left),
        }
    }

    /// Its place among the run's credentials, whether the older ones exist or not.
    pub(crate) fn name_of(&self, key_id: Uuid) -> u32 {
        let same_attempt = |s: &&Standing, attempt| s.attempt == attempt;
        let Some(found) = self.standings.iter().find(|s| s.key_id.0 == key_id) else { return u32::MAX };
        let of_it = self.standings.iter().filter(|s| same_attempt(s, found.attempt));
        let nth = of_it.take_while(|s| s.key_id.0 != key_id).count();
        found.attempt * 2 + nth as u32
    }

    /// Why time may not pass: something must come true before.
    pub(crate) fn tick(&self, scene: &Scene) -> State {
        let mut next = self.clone();
        next.now = self.now + TICK;
        let now = next.now;
        if !scene.breaks_a1 {
            next.late.retain(|l| l.until > now);
        }
        next.cached.retain(|(_, until)| *until > now);
        for s in &self.standings {
            let came = |at: Timestamp| self.now < at && at <= now;
            if came(s.surely_listed) {
                Rc::make_mut(&mut next.cloud).propagate(s.key_id.0, Place::Lists, now);
            }
            let tells = s.living || self.run.leaked() == Some(s.key_id);
            if tells && !scene.breaks_a2 && s.agreed.is_some_and(came) {
                Rc::make_mut(&mut next.cloud).propagate(s.key_id.0, Place::Replica(1), now);
            }
        }
        next
    }

    /// A consumer may have read what `vault` serves a moment ago, and keeps it for the overlap.
    pub(crate) fn may_be_kept(&mut self, vault: VaultIx, scene: &Scene) {
        let Some(served) = self.cloud.served(HOSTS[usize::from(vault.0)], SECRET).map(KeyId) else { return };
        let until = self.now + ticks(scene.overlap);
        self.cached.retain(|(k, _)| *k != served);
        self.cached.push((served, until));
    }

    /// The cloud as it is, for the invariants.
    fn hidden(&self) -> World {
        let living = |s: &keyrelay::sandbox::cloud::Standing| Living {
            key_id: KeyId(s.key_id),
            tag: Tag::leading(&s.display_name),
            accepted: s.accepted_everywhere(),
        };
        let standings = self.cloud.standings(self.now, APP);
        let served: Vec<_> = (0..self.made.len()).map(|v| self.cloud.served(HOSTS[v], SECRET).map(KeyId)).collect();
        let recent = served.iter().flatten().copied().chain(self.cached.iter().map(|(k, _)| *k)).collect();
        let credentials = standings.iter().filter(|s| s.living).map(living).collect();
        World { now: self.now, credentials, served, recent }
    }

    /// S1 to S6, S10 and S11 in this state; S5 and S9 on the way here.
    pub(crate) fn check(&self, scene: &Scene) -> Result<(), Broken> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        let (run, lost) = (&self.run, u32::from(self.crashes) + u32::from(self.losses) + u32::from(self.strangers));
        let hidden = self.hidden();
        let excused = self.excused(scene, hidden.clone());
        s1_current_signs_in(run, &excused)?;
        s2_recent_signs_in(run, &excused)?;
        self.leak(scene, &hidden)?;
        s6_ends(run, &hidden)?;
        s10_attempts(run, lost)?;
        s11_stays_ended(run)?;
        if scene.outcomes_only {
            return Ok(());
        }
        s2_leaked_is_left(run, &hidden)?;
        s3_read_before_removal(run)?;
        s4_only_ours_is_removed(run, &hidden)
    }

    /// A consumer that cannot be asked keeps the leaked value no longer than its cache lasts, so nobody need be cut off; and what is
    /// said to be dead is dead.
    fn leak(&self, scene: &Scene, world: &World) -> Result<(), Broken> {
        let Some(emergency) = &self.run.plan().emergency else { return Ok(()) };
        let leaked = emergency.leaked;
        let accepted = world.credentials.iter().any(|c| c.key_id == leaked && c.accepted);
        if scene.silent && emergency.way == Way::Replace && world.recent.contains(&leaked) && !accepted {
            return Err(Broken { rule: "S2", what: "a consumer may hold the leaked value, which was cut off".to_owned() });
        }
        let completed = *self.run.phase() == Phase::Ended { end: End::Completed };
        let HeldIn { vault, version } = emergency.versions[0];
        if completed && self.run.death() == Some(Death::Proven) {
            let stored = self.cloud.secret_versions(HOSTS[usize::from(vault.0)], SECRET).unwrap();
            let held = stored.iter().find(|v| v.id == version.to_string()).unwrap();
            let alive = (0..2).any(|r| sign_in(&self.cloud, self.now, r, &held.value).accepted());
            if alive {
                return Err(Broken { rule: "dead", what: "proven dead, and a replica accepts it".to_owned() });
            }
            if held.enabled {
                return Err(Broken { rule: "dead", what: "its version was to be disabled".to_owned() });
            }
        }
        Ok(())
    }

    /// That a value does not sign in which somebody else removed is not the run's to answer for.
    fn excused(&self, scene: &Scene, mut world: World) -> World {
        let dead = |k: KeyId| self.standings.iter().any(|s| s.key_id == k && s.attempt == 0 && !s.living);
        if scene.start == Start::Dying && self.strangers > 0 {
            world.served.iter_mut().for_each(|served| *served = served.filter(|k| !dead(*k)));
            world.recent.retain(|k| !dead(*k));
        }
        world
    }

    pub(crate) fn breaks(mut self, rule: &'static str, what: impl Into<String>) -> State {
        self.wrong = Some(Broken { rule, what: what.into() });
        self
    }
}

/// The names of the cloud's things in a state.
struct Known<'a>(&'a State);
impl Names for Known<'_> {
    fn key(&self, key_id: KeyId) -> u32 {
        self.0.name_of(key_id.0)
    }
    fn gone(&self, key_id: KeyId) -> bool {
        let found = self.0.standings.iter().find(|s| s.key_id == key_id);
        found.is_some_and(|s| !s.living && self.0.left(s.surely_listed) == 0)
    }
    /// How many were made after it.
    fn version(&self, vault: VaultIx, version: VersionId) -> u32 {
        let made = &self.0.made[usize::from(vault.0)];
        made.iter().rev().position(|m| m.id == version).map_or(u32::MAX, |n| n as u32)
    }
}
