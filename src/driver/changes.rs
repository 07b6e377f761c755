//! Requests that change the cloud: intent to disk, one request, outcome to disk.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::ports::{Consumers, Outcome, Services, Stamp, VersionRead};
use crate::rotation::answers::{Mutation, Refusal, RefusalKind, Source, Trace};
use crate::rotation::names::{Tag, VaultIx};
use crate::rotation::{Applied, Effect, Event};

use super::crash::Question;
use super::{CrashPoint, Driver, DriverError, Held, Stop, Stopped};

impl<S: Services, C: Clock, K: Consumers, P: Stop> Driver<'_, S, C, K, P> {
    pub(super) async fn change(&mut self, request: Mutation) -> Result<Option<Stopped>, DriverError> {
        let kind = (&request).into();
        self.crash(CrashPoint::BeforeIntent(kind))?;
        let copied = match &request {
            Mutation::WriteVault { from: Source::Version { vault, version }, .. } => {
                match self.patiently("the version to copy", async |s| s.version(*vault, *version).await).await {
                    Ok((read, _)) => {
                        self.crash(CrashPoint::AfterRead(Question::Copy))?;
                        Some(read)
                    }
                    Err(refused) => return self.refused(Question::Copy, refused),
                }
            }
            Mutation::WriteVault { from: Source::Memory, .. } | Mutation::AddSecret { .. } => None,
            Mutation::DisableVersion { .. } | Mutation::RemoveSecret { .. } => None,
        };
        self.hear_people()?;
        if self.rotation.next(self.now()?) != Effect::Mutate(request.clone()) {
            return Ok(None); // a person has said something meanwhile
        }
        self.record(Event::Intended { request: request.clone() })?;
        self.crash(CrashPoint::AfterIntent(kind))?;
        let outcome = self.perform(&request, copied).await?;
        let event = match outcome {
            Outcome::Applied(result, trace) => Event::Applied { result, trace },
            Outcome::NotApplied(refusal, trace) => Event::NotApplied { refusal, trace },
            Outcome::InDoubt(refusal, trace) => Event::InDoubt { refusal, trace },
        };
        self.crash(CrashPoint::AfterRequest(kind))?;
        self.record(event)?;
        self.crash(CrashPoint::AfterOutcome(kind))?;
        Ok(None)
    }

    /// Sends the request once. The value, if there is one, is held on to only as far as the rotation wants it.
    async fn perform(&mut self, request: &Mutation, copied: Option<VersionRead>) -> Result<Outcome<Applied>, DriverError> {
        let outcome = match request {
            Mutation::AddSecret { attempt } => self.add(*attempt).await?,
            Mutation::WriteVault { vault, attempt, .. } => self.write(*vault, *attempt, copied).await,
            Mutation::DisableVersion { vault, version } => {
                map(self.services.disable(*vault, *version).await, |()| Applied::Disabled)
            }
            Mutation::RemoveSecret { key_id } => map(self.services.remove_password(*key_id).await, |()| Applied::Removed),
        };
        match &outcome {
            Outcome::Applied(_, trace) | Outcome::NotApplied(_, trace) | Outcome::InDoubt(_, trace) => self.observe(trace),
        }
        Ok(outcome)
    }

    async fn add(&mut self, attempt: u32) -> Result<Outcome<Applied>, DriverError> {
        let tag = self.tag(attempt);
        let name = tag.display_name(&self.new_secret.label);
        let end = self.now()?.checked_add(self.new_secret.lifetime).unwrap_or(Timestamp::MAX);
        // Graph keeps the precision that it is sent; whole seconds are what every reader of the list expects
        let end = end.round(jiff::Unit::Second).unwrap_or(end);
        let outcome = self.services.add_password(&name, end).await;
        Ok(map(outcome, |new| {
            let tag_intact = Tag::leading(&new.display_name) == Some(tag);
            self.held = tag_intact.then_some(Held { attempt, value: new.value, end: new.end.or(Some(end)) });
            Applied::Added { key_id: new.key_id, tag_intact, end: new.end }
        }))
    }

    /// Writes what was read from a version, else what is in memory.
    async fn write(&self, vault: VaultIx, attempt: u32, copied: Option<VersionRead>) -> Outcome<Applied> {
        let held = self.held.as_ref().filter(|h| h.attempt == attempt);
        let (value, expires) = match (&copied, held) {
            (Some(read), _) => (&read.value, read.expires),
            (None, Some(held)) => (&held.value, held.end),
            (None, None) => return not_sent("the value is not in memory"),
        };
        let Some(key_id) = self.rotation.key_id(attempt) else { return not_sent("the key ID of the attempt is not known") };
        let stamp = Stamp { tag: self.tag(attempt), key_id, expires };
        map(self.services.write(vault, value, &stamp).await, |version| Applied::Written { version })
    }

    fn tag(&self, attempt: u32) -> Tag {
        let plan = self.rotation.plan();
        Tag { target: plan.target, run: plan.run.clone(), attempt }
    }
}

fn map<T, U>(outcome: Outcome<T>, f: impl FnOnce(T) -> U) -> Outcome<U> {
    match outcome {
        Outcome::Applied(t, trace) => Outcome::Applied(f(t), trace),
        Outcome::NotApplied(refusal, trace) => Outcome::NotApplied(refusal, trace),
        Outcome::InDoubt(refusal, trace) => Outcome::InDoubt(refusal, trace),
    }
}

fn not_sent(why: &str) -> Outcome<Applied> {
    let (kind, message) = (RefusalKind::Rejected, why.to_owned());
    let refusal = Refusal { kind, status: None, code: String::new(), message, retry_after: None::<std::time::Duration> };
    Outcome::NotApplied(refusal, Trace::default())
}
