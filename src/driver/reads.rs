//! Reads, sign-ins and consumers: may be repeated freely, and are, within the driver's patience.

use crate::clock::Clock;
use crate::ports::{Consumers, Read, Services};
use crate::refusals::asked;
use crate::rotation::answers::{Current, Listed, Refusal, RefusalKind, SignIn, Trace};
use crate::rotation::names::{Tag, VaultIx, VersionId};
use crate::rotation::{Event, Reading};

use super::crash::Question;
use super::{CrashPoint, Driver, DriverError, Stop, Stopped};

type Done = Result<Option<Stopped>, DriverError>;

impl<S: Services, C: Clock, K: Consumers, P: Stop> Driver<'_, S, C, K, P> {
    pub(super) async fn read(&mut self, reading: Reading) -> Done {
        match reading {
            Reading::Credentials => {
                let answer = self.patiently("the credentials", async |s| s.credentials().await).await;
                let event = |credentials: Vec<crate::ports::Credential>, trace| {
                    let listed =
                        |c: &crate::ports::Credential| Listed { key_id: c.key_id, tag: Tag::leading(&c.display_name) };
                    Event::CredentialsListed { credentials: credentials.iter().map(listed).collect(), trace }
                };
                self.take(reading, answer, event)
            }
            Reading::Versions { vault } => {
                let answer = self.patiently("a vault's versions", async |s| s.versions(vault).await).await;
                let event = |versions: Vec<crate::rotation::answers::Version>, trace| {
                    let versions = versions.into_iter().filter(|v| v.tag.is_some()).collect();
                    Event::VersionsListed { vault, versions, trace }
                };
                self.take(reading, answer, event)
            }
            Reading::Vault { vault, sign_in } => self.read_vault(reading, vault, sign_in).await,
            Reading::Baseline { vault, version } => {
                let (answer, trace) = match self.baseline_signs_in(vault, version).await? {
                    Ok(answer) => answer,
                    Err(refused) => return self.refused(reading.into(), refused),
                };
                self.crash(CrashPoint::AfterRead(reading.into()))?;
                self.record(Event::BaselineProven { answer, trace })?;
                Ok(None)
            }
            Reading::SignIn => {
                let Some(held) = &self.held else {
                    // the core says that the value is in memory and it is not: what a kill would have left
                    self.record(Event::Resumed { by: "the value was not in memory".into() })?;
                    return Ok(None);
                };
                let (answer, trace) = self.services.sign_in(&held.value).await;
                self.observe(&trace);
                self.crash(CrashPoint::AfterRead(reading.into()))?;
                self.record(Event::SignedIn { answer, trace })?;
                Ok(None)
            }
        }
    }

    /// Reads the baseline's value from its version and signs in with it; the value does not outlive this function.
    pub async fn baseline_signs_in(
        &mut self,
        vault: VaultIx,
        version: VersionId,
    ) -> Result<Result<(SignIn, Trace), (Refusal, Trace)>, DriverError> {
        let read = self.patiently("the old version", async |s| s.version(vault, version).await).await;
        Ok(match read {
            Err(refused) => Err(refused),
            Ok((read, _)) => {
                let (answer, trace) = self.services.sign_in(&read.value).await;
                self.observe(&trace);
                Ok((answer, trace))
            }
        })
    }

    async fn read_vault(&mut self, reading: Reading, vault: VaultIx, sign_in: bool) -> Done {
        let answer = self.patiently("a vault's current version", async |s| s.current(vault).await).await;
        let ((current, read), trace) = match answer {
            Ok(read) => read,
            Err(refused) => return self.refused(reading.into(), refused),
        };
        let signed_in = match (&read, sign_in, &current) {
            (Some(read), true, Current::Version(_)) => {
                let (answer, trace) = self.services.sign_in(&read.value).await;
                self.observe(&trace);
                Some((answer, trace))
            }
            (Some(_) | None, _, _) => None,
        };
        drop(read);
        let (sign_in, sign_in_trace) = signed_in.unzip();
        self.crash(CrashPoint::AfterRead(reading.into()))?;
        self.record(Event::VaultRead { vault, current, sign_in, trace, sign_in_trace })?;
        Ok(None)
    }

    fn take<T>(&mut self, reading: Reading, answer: Read<T>, event: impl FnOnce(T, Trace) -> Event) -> Done {
        match answer {
            Ok((answer, trace)) => {
                self.crash(CrashPoint::AfterRead(reading.into()))?;
                self.record(event(answer, trace))?;
                Ok(None)
            }
            Err(refused) => self.refused(reading.into(), refused),
        }
    }

    /// A refusal that will not pass is an event of the run; a service that does not answer is not: the run stays where it is,
    /// and a later process goes on.
    pub(super) fn refused(&mut self, question: Question, (refusal, trace): (Refusal, Trace)) -> Done {
        if silent(refusal.kind) {
            let (operation, vault) = asked(&self.rotation.next(self.now()?));
            return Ok(Some(Stopped::Unanswered { operation, vault, refusal, trace }));
        }
        self.crash(CrashPoint::AfterRead(question))?;
        self.record(Event::ReadRefused { refusal, trace })?;
        Ok(None)
    }

    pub(super) async fn refresh(&mut self, consumer: usize) -> Done {
        let answer = self.consumers.refresh(consumer, &self.told()).await;
        self.crash(CrashPoint::AfterRead(Question::Consumer))?;
        self.record(Event::ConsumerRefreshed { consumer, ok: answer.ok, note: answer.note })?;
        Ok(None)
    }

    pub(super) async fn check(&mut self, consumer: usize) -> Done {
        let answer = self.consumers.check(consumer, &self.told()).await;
        self.crash(CrashPoint::AfterRead(Question::Consumer))?;
        self.record(Event::ConsumerChecked { consumer, ok: answer.ok, adopted: answer.adopted, note: answer.note })?;
        Ok(None)
    }
}

/// Whether the service said nothing, rather than no.
fn silent(kind: RefusalKind) -> bool {
    match kind {
        RefusalKind::Unreachable | RefusalKind::Unanswered | RefusalKind::Throttled => true,
        RefusalKind::Conflict | RefusalKind::NotFound | RefusalKind::Unauthenticated | RefusalKind::Forbidden => false,
        RefusalKind::Firewall | RefusalKind::NoRoom | RefusalKind::Policy | RefusalKind::Disabled => false,
        RefusalKind::SoftDeleted | RefusalKind::BeingDeleted | RefusalKind::Rejected | RefusalKind::BadAnswer => false,
    }
}
