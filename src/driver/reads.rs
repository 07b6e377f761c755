//! Reads and sign-ins: may be repeated freely, and are, within the driver's patience.

use std::cell::RefCell;

use futures::future::join_all;

use crate::clock::Clock;
use crate::ports::{Consumers, Read, Services};
use crate::refusals::asked;
use crate::rotation::answers::{Current, Listed, Refusal, RefusalKind, SignIn, Trace};
use crate::rotation::names::{Tag, VaultIx, VersionId};
use crate::rotation::plan::HeldIn;
use crate::rotation::{Effect, Event, Reading};
use crate::secret::SecretValue;
use crate::usage::{self, Circumstances, Question};

use super::crash;
use super::patience::{Patience, patiently};
use super::{CrashPoint, Driver, DriverError, Held, Stop, Stopped};

/// As many addresses as a journal keeps of one reading of the sign-in records.
const SOURCES: usize = 20;

type Done = Result<Option<Stopped>, DriverError>;

/// What a reading was answered with. Values that were read for a sign-in are gone by now.
enum Answer {
    Event(Event),
    Refused((Refusal, Trace)),
    /// The core says that the value is in memory and it is not: what a kill would have left.
    NoValue,
}

impl<S: Services, C: Clock, K: Consumers, P: Stop> Driver<'_, S, C, K, P> {
    /// Asks for all that the decision at hand has to know, side by side, and takes the answers down one after the other for as
    /// long as they are what the rotation asks for.
    pub(super) async fn read(&mut self, readings: Vec<Reading>) -> Done {
        let mut circumstances = self.circumstances.clone();
        // what the run was started with holds, whatever was asked of the log besides
        circumstances.log_delay = self.rotation.plan().drain.map_or(circumstances.log_delay, |drain| drain.log_delay);
        let answers = {
            let observer = RefCell::new(&mut *self.observer);
            let asker = Asker {
                services: self.services,
                clock: self.clock,
                stop: self.stop,
                patience: self.manners.patience,
                circumstances: &circumstances,
                retrying: &|what, refusal| observer.borrow_mut().retrying(what, refusal),
            };
            let values = Values { held: self.held.as_ref(), leaked: self.leaked.as_ref() };
            join_all(readings.iter().map(|reading| asker.ask(*reading, values))).await
        };
        for (reading, answer) in readings.into_iter().zip(answers) {
            if self.rotation.next(self.now()?) != Effect::Read(reading) {
                break; // what was recorded in between asks for something else first
            }
            let stopped = self.take(reading, answer)?;
            if stopped.is_some() {
                return Ok(stopped);
            }
        }
        Ok(None)
    }

    fn take(&mut self, reading: Reading, answer: Answer) -> Done {
        match answer {
            Answer::Event(event) => {
                self.crash(CrashPoint::AfterRead(reading.into()))?;
                self.record(event)?;
                Ok(None)
            }
            Answer::Refused(refused) => self.refused(reading.into(), refused),
            Answer::NoValue => {
                self.record(Event::Resumed { by: "the value was not in memory".into() })?;
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
        let observer = RefCell::new(&mut *self.observer);
        let asker = Asker {
            services: self.services,
            clock: self.clock,
            stop: self.stop,
            patience: self.manners.patience,
            circumstances: &self.circumstances,
            retrying: &|what, refusal| observer.borrow_mut().retrying(what, refusal),
        };
        Ok(asker.baseline(vault, version).await)
    }

    /// A refusal that will not pass is an event of the run; a service that does not answer is not: the run stays where it is,
    /// and a later process goes on.
    pub(super) fn refused(&mut self, question: crash::Question, (refusal, trace): (Refusal, Trace)) -> Done {
        if silent(refusal.kind) {
            let (operation, vault) = asked(&self.rotation.next(self.now()?));
            return Ok(Some(Stopped::Unanswered { operation, vault, refusal, trace }));
        }
        self.crash(CrashPoint::AfterRead(question))?;
        self.record(Event::ReadRefused { refusal, trace })?;
        Ok(None)
    }
}

/// What this process has in memory.
#[derive(Clone, Copy)]
struct Values<'a> {
    held: Option<&'a Held>,
    leaked: Option<&'a SecretValue>,
}

fn missing(why: &str) -> Answer {
    Answer::Event(Event::LeakedMissing { why: why.to_owned() })
}

/// Asks the services; knows nothing of the journal.
struct Asker<'a, S, C, P> {
    services: &'a S,
    clock: &'a C,
    stop: &'a P,
    patience: Patience,
    circumstances: &'a Circumstances,
    retrying: &'a dyn Fn(&str, &Refusal),
}

impl<S: Services, C: Clock, P: Stop> Asker<'_, S, C, P> {
    async fn ask(&self, reading: Reading, values: Values<'_>) -> Answer {
        match reading {
            Reading::Credentials => {
                let listed = |c: &crate::ports::Credential| Listed { key_id: c.key_id, tag: Tag::leading(&c.display_name) };
                match self.patiently("the credentials", async |s| s.credentials().await).await {
                    Ok((credentials, trace)) => {
                        let credentials = credentials.iter().map(listed).collect();
                        Answer::Event(Event::CredentialsListed { credentials, trace })
                    }
                    Err(refused) => Answer::Refused(refused),
                }
            }
            Reading::Versions { vault } => {
                match self.patiently("a vault's versions", async |s| s.versions(vault).await).await {
                    Ok((versions, trace)) => {
                        let versions = versions.into_iter().filter(|v| v.tag.is_some()).collect();
                        Answer::Event(Event::VersionsListed { vault, versions, trace })
                    }
                    Err(refused) => Answer::Refused(refused),
                }
            }
            Reading::Vault { vault, sign_in } => self.vault(vault, sign_in).await,
            Reading::Baseline { vault, version } => match self.baseline(vault, version).await {
                Ok((answer, trace)) => Answer::Event(Event::BaselineProven { answer, trace }),
                Err(refused) => Answer::Refused(refused),
            },
            Reading::Leaked { held_in } => self.leaked(values.leaked, held_in).await,
            Reading::SignIn => match values.held {
                Some(held) => {
                    let (answer, trace) = self.sign_in(&held.value).await;
                    Answer::Event(Event::SignedIn { answer, trace })
                }
                None => Answer::NoValue,
            },
            Reading::SignIns { key_id, since } => {
                let question = Question { key_id, since, by: self.circumstances };
                let usage = usage::read(self.services, self.clock, self.stop, self.patience, &question).await;
                Answer::Event(Event::UsageRead { usage: usage.with_sources(SOURCES) })
            }
        }
    }

    async fn vault(&self, vault: VaultIx, sign_in: bool) -> Answer {
        let ((current, read), trace) =
            match self.patiently("a vault's current version", async |s| s.current(vault).await).await {
                Ok(answer) => answer,
                Err(refused) => return Answer::Refused(refused),
            };
        let signed_in = match (&read, sign_in, &current) {
            (Some(read), true, Current::Version(_)) => Some(self.sign_in(&read.value).await),
            (Some(_) | None, _, _) => None,
        };
        let (sign_in, sign_in_trace) = signed_in.unzip();
        Answer::Event(Event::VaultRead { vault, current, sign_in, trace, sign_in_trace })
    }

    /// The value that a person gave, else the one that its old version holds.
    async fn leaked(&self, given: Option<&SecretValue>, held_in: Option<HeldIn>) -> Answer {
        let tried = match (given, held_in) {
            (Some(value), _) => Ok(self.sign_in(value).await),
            (None, Some(HeldIn { vault, version })) => self.baseline(vault, version).await,
            (None, None) => return missing("no process has it in memory, and no version in the vaults is known to hold it"),
        };
        match tried {
            Ok((answer, trace)) => Answer::Event(Event::LeakedTried { answer, trace }),
            Err(refused) if silent(refused.0.kind) => Answer::Refused(refused),
            Err((refusal, _)) => missing(&format!("the version that holds it cannot be read: {refusal}")),
        }
    }

    async fn baseline(&self, vault: VaultIx, version: VersionId) -> Read<SignIn> {
        let (read, _) = self.patiently("the old version", async |s| s.version(vault, version).await).await?;
        Ok(self.sign_in(&read.value).await)
    }

    async fn sign_in(&self, value: &SecretValue) -> (SignIn, Trace) {
        let (answer, trace) = self.services.sign_in(value).await;
        trace.date.into_iter().for_each(|date| self.clock.observe(date));
        (answer, trace)
    }

    async fn patiently<T>(&self, what: &str, ask: impl AsyncFn(&S) -> Read<T>) -> Read<T> {
        let retrying = |refusal: &Refusal| (self.retrying)(what, refusal);
        patiently(self.clock, self.stop, self.patience, retrying, async || ask(self.services).await).await
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
