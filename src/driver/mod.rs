//! The only loop: ask the rotation what is next, force the intent to disk, do it once through a port, force the outcome.
//!
//! The driver decides nothing about the protocol. It owns what must not be in a journal: the value in memory, the clock, the
//! patience with services that do not answer.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::hold::HoldError;
use crate::journal::JournalError;
use crate::locks::LockError;
use crate::ports::{Consumers, Read, Services};
use crate::refusals::Operation;
use crate::rotation::answers::{Refusal, Trace};
use crate::rotation::names::VaultIx;
use crate::rotation::{Effect, End, Event, IllegalEvent, Phase, Reason, Rotation, Why};
use crate::secret::SecretValue;
use crate::usage::Circumstances;

pub mod crash;

mod changes;
pub mod consumers;
pub mod marker;
pub mod patience;
mod reads;
pub mod takeover;

use consumers::Errand;
pub use crash::CrashPoint;
pub use patience::Patience;

/// Where events go before they are true: the journal.
pub trait Log {
    /// Forces one event to disk.
    fn append(&mut self, at: Timestamp, local: Timestamp, event: &Event) -> Result<(), DriverError>;
}

/// What a person has said about a run that this process owns.
pub trait HoldMarker {
    /// The event that the marker calls for, if it says something that was not recorded yet.
    fn read(&mut self) -> Result<Option<Event>, HoldError>;
}

/// Who watches.
pub trait Observer {
    /// An event is on disk, and this is the state now.
    fn recorded(&mut self, _run: &Rotation, _at: Timestamp, _event: &Event) {}
    /// Nothing will happen before `until`.
    fn waiting(&mut self, _run: &Rotation, _until: Timestamp, _why: Why) {}
    /// A service does not answer; it is asked again.
    fn retrying(&mut self, _what: &str, _refusal: &Refusal) {}
    /// A place where a test may kill the process; `true` is taken as a kill.
    fn crash(&mut self, _point: CrashPoint) -> bool {
        false
    }
}

/// A request to stop at the next checkpoint.
pub trait Stop {
    /// Somebody asked.
    fn requested(&self) -> bool;
    /// Until somebody asks.
    fn asked(&self) -> impl Future<Output = ()>;
}

/// Never.
pub struct NeverStop;
impl Stop for NeverStop {
    fn requested(&self) -> bool {
        false
    }
    async fn asked(&self) {
        std::future::pending().await
    }
}

/// Why the driver stopped; the journal is whole, and another process can go on from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The run is over.
    Ended(End),
    /// A person must look.
    NeedsOperator(Reason),
    /// Nothing to do before then, and nobody asked the process to stay.
    Waiting {
        /// Service time.
        until: Timestamp,
        /// What for.
        why: Why,
    },
    /// Somebody asked it to stop.
    Asked,
    /// A service did not answer for longer than the driver's patience.
    Unanswered {
        /// What was asked for.
        operation: Option<Operation>,
        /// In which vault.
        vault: Option<VaultIx>,
        /// The last answer.
        refusal: Refusal,
        /// For support.
        trace: Trace,
    },
}

/// The driver could not go on; what is on disk is true.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The journal cannot be written: nothing was sent after its last record.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A fault in keyrelay.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// No answer carried a `Date`.
    #[error("no service has told the time (no `Date` in any answer), and without it no deadline can be kept")]
    NoServiceTime,
    /// The marker beside the journal cannot be understood.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Another process may have the run: nothing more may be sent.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A test killed the process here.
    #[error("killed at {0}")]
    Killed(CrashPoint),
}

/// How long the driver bears with services that do not answer, and whether it stays for waits that need no process.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// How long one read may fail for passing reasons.
    pub patience: Patience,
    /// Stay through an overlap, a hold or the wait for a release if no more than this is left of it.
    pub stay_for: SignedDuration,
}

/// What a secret is added with.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// For people, after the tag in the display name.
    pub label: String,
    /// From now, in service time, to its end date.
    pub lifetime: SignedDuration,
}

/// One run under way in this process.
pub struct Driver<'a, S, C, K, P> {
    /// The services.
    pub services: &'a S,
    /// The clock.
    pub clock: &'a C,
    /// The consumers.
    pub consumers: &'a K,
    /// Whether to stop.
    pub stop: &'a P,
    /// The journal.
    pub log: &'a mut dyn Log,
    /// What people said.
    pub marker: &'a mut dyn HoldMarker,
    /// Who watches.
    pub observer: &'a mut dyn Observer,
    /// Patience.
    pub manners: Manners,
    /// What a secret is added with.
    pub new_secret: NewSecret,
    /// What is to be known of the application's sign-ins where their records are read.
    pub circumstances: Circumstances,
    /// The leaked value, if a person gave it: in memory only, until it is proven dead.
    pub leaked: Option<SecretValue>,
    rotation: Rotation,
    held: Option<Held>,
}

/// The value of the latest attempt: the only place where it outlives a request.
struct Held {
    attempt: u32,
    value: SecretValue,
    end: Option<Timestamp>,
}

/// A wait is cut into pieces of this length, so that a hold, a release or a stop is seen.
const SLICE: SignedDuration = SignedDuration::from_secs(2);

impl<'a, S: Services, C: Clock, K: Consumers, P: Stop> Driver<'a, S, C, K, P> {
    /// A driver for a run in the state that its journal gives.
    #[allow(clippy::too_many_arguments)] // each is one of the world's sides; a struct of them would be this one again
    pub fn new(
        rotation: Rotation,
        services: &'a S,
        clock: &'a C,
        consumers: &'a K,
        stop: &'a P,
        log: &'a mut dyn Log,
        marker: &'a mut dyn HoldMarker,
        observer: &'a mut dyn Observer,
        manners: Manners,
        new_secret: NewSecret,
    ) -> Self {
        let circumstances = Circumstances::default();
        Driver {
            services,
            clock,
            consumers,
            stop,
            log,
            marker,
            observer,
            manners,
            new_secret,
            circumstances,
            leaked: None,
            rotation,
            held: None,
        }
    }

    /// Where the run stands.
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Goes on until the run is over, a person must look, or there is nothing to do for now.
    pub async fn run(&mut self) -> Result<Stopped, DriverError> {
        self.crash(CrashPoint::Started)?;
        loop {
            if self.stop.requested() {
                return Ok(Stopped::Asked);
            }
            self.hear_people()?;
            let now = self.now()?;
            let stopped = match self.rotation.next(now) {
                Effect::Wait { until, why } if self.may_leave(now, until, why) => {
                    self.crash(CrashPoint::Waiting(why.into()))?;
                    Some(Stopped::Waiting { until, why })
                }
                Effect::Wait { until, why } => {
                    self.wait(until, why).await?;
                    None
                }
                Effect::Read(_) => self.read(self.rotation.readings()).await?,
                Effect::Refresh { consumers } => self.visit(Errand::Refresh, consumers).await?,
                Effect::Check { consumers } => self.visit(Errand::Check, consumers).await?,
                Effect::Mutate(request) => self.change(request).await?,
                Effect::GiveUp => {
                    self.record(Event::GaveUp)?;
                    None
                }
                Effect::NeedsOperator(reason) => Some(Stopped::NeedsOperator(reason)),
                Effect::Ended(end) => Some(Stopped::Ended(end)),
            };
            if let Some(stopped) = stopped {
                return Ok(stopped);
            }
        }
    }

    /// Whether this process leaves rather than waits: another goes on later.
    pub fn may_leave(&self, now: Timestamp, until: Timestamp, why: Why) -> bool {
        why.may_leave() && until.duration_since(now) > self.manners.stay_for
    }

    /// Asks for the time by the cheapest read, so that deadlines can be kept from the first step on.
    pub async fn ask_the_time(&mut self) -> Result<Option<Stopped>, DriverError> {
        let asked = self.patiently("the application", async |services| services.application().await).await;
        Ok(match asked {
            Ok(_) => None,
            Err((refusal, trace)) => {
                Some(Stopped::Unanswered { operation: Some(Operation::ReadApplication), vault: None, refusal, trace })
            }
        })
    }

    /// Forces an event to disk, then lets it be true.
    pub fn record(&mut self, event: Event) -> Result<(), DriverError> {
        let at = self.now()?;
        let next = self.rotation.apply(at, &event)?;
        self.log.append(at, self.clock.local(), &event)?;
        self.rotation = next;
        if self.held.as_ref().map(|h| h.attempt) != self.rotation.held() {
            self.held = None;
        }
        if self.rotation.death().is_some() {
            self.leaked = None;
        }
        self.observer.recorded(&self.rotation, at, &event);
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, DriverError> {
        self.clock.now().ok_or(DriverError::NoServiceTime)
    }

    fn observe(&self, trace: &Trace) {
        if let Some(date) = trace.date {
            self.clock.observe(date);
        }
    }

    fn crash(&mut self, point: CrashPoint) -> Result<(), DriverError> {
        if self.observer.crash(point) { Err(DriverError::Killed(point)) } else { Ok(()) }
    }

    /// Records what people have said since the marker was last read.
    pub fn hear_people(&mut self) -> Result<(), DriverError> {
        if matches!(self.rotation.phase(), Phase::Ended { .. }) {
            return Ok(()); // too late, and the command that left the marker has said so
        }
        while let Some(event) = self.marker.read()? {
            self.record(event)?;
        }
        Ok(())
    }

    async fn wait(&mut self, until: Timestamp, why: Why) -> Result<(), DriverError> {
        self.crash(CrashPoint::Waiting(why.into()))?;
        self.observer.waiting(&self.rotation, until, why);
        loop {
            let left = until.duration_since(self.now()?);
            if left <= SignedDuration::ZERO || self.stop.requested() {
                return Ok(());
            }
            patience::pause(self.clock, self.stop, left.min(SLICE)).await;
            let known = self.rotation.hold();
            self.hear_people()?;
            if self.rotation.hold() != known {
                return Ok(());
            }
        }
    }

    /// Asks until there is an answer or a refusal that will not pass, no longer than the driver's patience.
    async fn patiently<T>(&mut self, what: &str, ask: impl AsyncFn(&S) -> Read<T>) -> Read<T> {
        let (services, patience) = (self.services, self.manners.patience);
        let retrying = |refusal: &Refusal| self.observer.retrying(what, refusal);
        patience::patiently(self.clock, self.stop, patience, retrying, async || ask(services).await).await
    }
}
