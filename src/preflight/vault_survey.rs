//! What is read of one vault: its current version as a consumer reads it, and whether its value signs in.

use jiff::{SignedDuration, Timestamp};

use super::check::CheckId;
use super::survey::{NotSeen, Seen};
use super::{Preflight, Refused, all_ours, place, undecided};
use crate::clock::Clock;
use crate::driver::Stop;
use crate::driver::patience::pause;
use crate::ports::{Inspect, Services, VersionRead};
use crate::rotation::answers::{Current, RefusalKind, SignIn};
use crate::rotation::names::VaultIx;
use crate::runbook::Runbook;
use crate::secret::SecretValue;

/// What was read of one vault's secret.
pub(super) struct VaultSurvey {
    pub(super) vault: VaultIx,
    /// The secret, for people.
    pub(super) place: String,
    pub(super) serves: Seen<Serves>,
    pub(super) may_list: Seen<()>,
}

/// What *get* of the secret gives a consumer.
pub(super) enum Serves {
    /// There is no such secret.
    Nothing,
    /// There was one; its name is blocked.
    SoftDeleted,
    /// The latest version is disabled.
    Disabled {
        /// All versions are, and keyrelay's: a provisioning run was rolled back.
        only_ours: bool,
    },
    /// A version without a value.
    NoValue,
    /// A version.
    Value(Box<Held>),
}

/// The current version. Its value is kept until the look is over, to be held against the credentials' hints.
pub(super) struct Held {
    pub(super) read: VersionRead,
    /// Whether the value signs in; else why that cannot be told.
    pub(super) lives: Result<bool, Refused>,
}

impl VaultSurvey {
    /// There is no token to ask it with.
    pub(super) fn not_asked(runbook: &Runbook, vault: VaultIx) -> VaultSurvey {
        let after = || NotSeen::After(CheckId::VaultIdentity);
        VaultSurvey { vault, place: place(runbook, vault), serves: Err(after()), may_list: Err(after()) }
    }
}

impl<S: Services + Inspect, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    pub(super) async fn vault(&self, runbook: &Runbook, vault: VaultIx) -> VaultSurvey {
        let place = place(runbook, vault);
        let (current, read) = match self.must(&place, async || self.services.current(vault).await).await {
            Ok(found) => found,
            Err(why) => {
                let may_list = Err(NotSeen::After(CheckId::VaultSecret));
                return VaultSurvey { vault, place, serves: Err(why), may_list };
            }
        };
        let (serves, may_list) = futures::join!(
            self.serves(runbook, vault, &place, current, read),
            self.may(&place, async || self.services.may_list(vault).await),
        );
        VaultSurvey { vault, place, serves, may_list }
    }

    async fn serves(
        &self,
        runbook: &Runbook,
        vault: VaultIx,
        place: &str,
        current: Current,
        read: Option<VersionRead>,
    ) -> Seen<Serves> {
        match (current, read) {
            (Current::Version(_), Some(read)) => {
                let lives = self.lives(runbook, place, &read.value).await;
                Ok(Serves::Value(Box::new(Held { read, lives })))
            }
            (Current::Version(_), None) => Ok(Serves::NoValue),
            (Current::Disabled, _) => {
                let versions = self.must(place, async || self.services.versions(vault).await).await?;
                Ok(Serves::Disabled { only_ours: all_ours(&versions, runbook.target()) })
            }
            (Current::Nothing, _) => match self.must(place, async || self.services.deleted(vault).await).await {
                Ok(true) => Ok(Serves::SoftDeleted),
                Ok(false) => Ok(Serves::Nothing),
                // reading deleted names has a permission of its own; a blocked name is refused by the write itself
                Err(NotSeen::Refused(refused)) if refused.kind() == Some(RefusalKind::Forbidden) => Ok(Serves::Nothing),
                Err(other) => Err(other),
            },
        }
    }

    /// Alive at the first accepted sign-in; dead only if refused as wrong or expired, unbroken for the proof window.
    async fn lives(&self, runbook: &Runbook, place: &str, value: &SecretValue) -> Result<bool, Refused> {
        let duration = |d: std::time::Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        let (window, limit) = (duration(runbook.proof.window.get()), duration(runbook.proof.limit.get()));
        let begun = self.now()?;
        let mut dead_since: Option<Timestamp> = None;
        loop {
            let (answer, trace) = self.services.sign_in(value).await;
            trace.date.into_iter().for_each(|date| self.clock.observe(date));
            let now = self.now()?;
            match &answer {
                SignIn::Accepted => return Ok(true),
                SignIn::Wrong | SignIn::Expired => {
                    let since = *dead_since.get_or_insert(now);
                    if now.duration_since(since) >= window {
                        return Ok(false);
                    }
                }
                SignIn::Refused { .. } | SignIn::OtherIdentity => {
                    return Err(Refused::CannotTell { place: place.to_owned(), answer });
                }
                SignIn::Unavailable { .. } => dead_since = None,
            }
            let out_of_time = undecided(&answer) && now.duration_since(begun) >= limit.min(self.patience.limit);
            if out_of_time || self.stop.requested() {
                return Err(Refused::CannotTell { place: place.to_owned(), answer });
            }
            pause(self.clock, self.stop, duration(runbook.proof.spacing.get())).await;
        }
    }
}
