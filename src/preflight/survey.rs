//! The reads of a look: each once, in an order in which what depends on another comes after it. Nothing is judged here.

use jiff::{SignedDuration, Timestamp};

use super::check::CheckId;
use super::permission::{needs_ownership, permitted};
use super::vault_survey::VaultSurvey;
use super::{Preflight, Refused, all_vaults};
use crate::clock::Clock;
use crate::driver::Stop;
use crate::ports::{Application, Credential, Identity, Inspect, PasswordPolicy, Read, ServicePrincipal, Services};
use crate::runbook::Runbook;

/// Why something was not seen.
#[derive(Debug, Clone)]
pub(super) enum NotSeen {
    /// It was asked for, and this was the answer.
    Refused(Refused),
    /// It was not asked for, because this was not found.
    After(CheckId),
    /// Nobody needs to know.
    NotAsked,
}

/// What was asked for.
pub(super) type Seen<T> = Result<T, NotSeen>;

/// All that was read.
pub(super) struct Survey {
    pub(super) identity: Seen<Option<Identity>>,
    pub(super) vault_identity: Seen<Option<Identity>>,
    pub(super) directory: DirectorySurvey,
    pub(super) vaults: Vec<VaultSurvey>,
    /// Service time at the end.
    pub(super) now: Option<Timestamp>,
    /// How far this machine's clock is ahead of the services'.
    pub(super) ahead: Option<SignedDuration>,
}

/// What was read of the directory.
pub(super) struct DirectorySurvey {
    pub(super) application: Seen<Application>,
    pub(super) credentials: Seen<Vec<Credential>>,
    pub(super) principal: Seen<ServicePrincipal>,
    /// Asked for where the permission depends on it.
    pub(super) owners: Seen<Vec<String>>,
    /// The permissions that the acting application's registration asks for. Asked for where its token lacks one.
    pub(super) requested: Seen<Vec<String>>,
    pub(super) policy: Seen<PasswordPolicy>,
}

impl Survey {
    /// Who acts, as far as it is known.
    pub(super) fn acting(&self) -> Option<&Identity> {
        let first = self.identity.as_ref().ok().and_then(Option::as_ref);
        first.or_else(|| self.vault_identity.as_ref().ok().and_then(Option::as_ref))
    }
}

impl<S: Services + Inspect, C: Clock, P: Stop> Preflight<'_, S, C, P> {
    pub(super) async fn survey(&self, runbook: &Runbook) -> Survey {
        let identity = self.must("a token for Microsoft Graph", async || self.services.identity().await).await;
        // Side by side: neither needs the other. The first token is there before the second is asked for, since two first
        // requests at once can take each other's token away.
        let (directory, (vault_identity, vaults)) = futures::join!(
            async {
                match &identity {
                    Ok(identity) => self.directory(identity.as_ref()).await,
                    Err(_) => DirectorySurvey::not_asked(|| NotSeen::After(CheckId::Identity)),
                }
            },
            self.vaults(runbook),
        );
        Survey { identity, vault_identity, directory, vaults, now: self.clock.now(), ahead: self.ahead() }
    }

    /// What the two clocks say of the same moment.
    fn ahead(&self) -> Option<SignedDuration> {
        self.clock.now().map(|now| self.clock.local().duration_since(now))
    }

    async fn vaults(&self, runbook: &Runbook) -> (Seen<Option<Identity>>, Vec<VaultSurvey>) {
        let identity = self.must("a token for Key Vault", async || self.services.vault_identity().await).await;
        let vaults = match &identity {
            Ok(_) => futures::future::join_all(all_vaults(runbook).map(|vault| self.vault(runbook, vault))).await,
            Err(_) => all_vaults(runbook).map(|vault| VaultSurvey::not_asked(runbook, vault)).collect(),
        };
        (identity, vaults)
    }

    async fn directory(&self, identity: Option<&Identity>) -> DirectorySurvey {
        let services = self.services;
        let requested = async {
            let lacking = identity.filter(|i| !permitted(i)).and_then(|i| i.client_id.as_deref());
            match lacking {
                Some(client_id) => self.may("", async || services.requested_permissions(client_id).await).await,
                None => Err(NotSeen::NotAsked),
            }
        };
        let application = self.must("the application", async || services.application().await).await;
        let Ok(found) = &application else {
            let nothing = DirectorySurvey::not_asked(|| NotSeen::After(CheckId::Application));
            return DirectorySurvey { application, requested: requested.await, ..nothing };
        };
        // Side by side: none of them needs another, and only the list of credentials is worth waiting for.
        let owners = async {
            match identity.is_some_and(needs_ownership) {
                true => self.may("the application's owners", async || services.owners().await).await,
                false => Err(NotSeen::NotAsked),
            }
        };
        let (credentials, principal, owners, requested, policy) = futures::join!(
            self.must("the application's credentials", async || services.credentials().await),
            self.may("the service principal", async || services.service_principal().await),
            owners,
            requested,
            self.may("the app management policies", async || services.password_policy(found).await),
        );
        DirectorySurvey { application, credentials, principal, owners, requested, policy }
    }

    /// A run needs it: worth waiting for.
    pub(super) async fn must<T>(&self, what: &str, ask: impl AsyncFn() -> Read<T>) -> Seen<T> {
        self.ask(what, ask).await.map_err(NotSeen::Refused)
    }

    /// A run can do without it: asked for once.
    pub(super) async fn may<T>(&self, what: &str, ask: impl AsyncFn() -> Read<T>) -> Seen<T> {
        let answer = ask().await;
        let (Ok((_, trace)) | Err((_, trace))) = &answer;
        trace.date.into_iter().for_each(|date| self.clock.observe(date));
        let refused = |(refusal, trace): (_, crate::rotation::answers::Trace)| {
            NotSeen::Refused(Refused::Service { what: what.to_owned(), refusal, request_id: trace.request_id })
        };
        answer.map(|(found, _)| found).map_err(refused)
    }
}

impl DirectorySurvey {
    pub(super) fn not_asked(why: impl Fn() -> NotSeen) -> DirectorySurvey {
        DirectorySurvey {
            application: Err(why()),
            credentials: Err(why()),
            principal: Err(why()),
            owners: Err(why()),
            requested: Err(why()),
            policy: Err(why()),
        }
    }
}
