//! Refusals that are ordered: what no state of the cloud brings about by itself.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Cloud, CloudError, SignInError, VaultRight};

/// A refusal, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trouble {
    /// Of sign-ins.
    SignIn {
        /// Of this client; of all if none is named.
        client: Option<Uuid>,
        /// How it is refused.
        why: SignInTrouble,
    },
    /// Of requests to Graph.
    Graph {
        /// Of which.
        call: GraphCall,
        /// How it is refused.
        why: GraphTrouble,
    },
    /// Of requests to a vault.
    Vault {
        /// The vault's host name, in lower case.
        host: String,
        /// Of what needs this right; of all if none is named.
        right: Option<VaultRight>,
        /// How it is refused.
        why: VaultTrouble,
    },
}

/// How the token endpoint refuses. What is 7000222 or 700016 by the cloud's own state needs no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignInTrouble {
    /// 53003: Conditional Access for workload identities. Class and status are not verified.
    ConditionalAccess,
    /// 7000112: the application or its service principal is disabled.
    Disabled,
    /// 90002: there is no such tenant.
    UnknownTenant,
    /// 700016: there is no such application in the tenant.
    UnknownApplication,
    /// 7000222: all secrets have expired.
    Expired,
    /// 90038: the tenant belongs to another cloud. Class and status are not verified.
    WrongCloud,
    /// 429: plain text, `Retry-After: 60`.
    Throttled,
    /// 90033: a service is unavailable for a while. The status, 503, is not verified.
    Unavailable,
}

/// Requests to Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GraphCall {
    /// All.
    Any,
    /// Those that change nothing.
    Read,
    /// `addPassword`.
    AddPassword,
    /// `removePassword`.
    RemovePassword,
}

/// How Graph refuses. Nothing has happened then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GraphTrouble {
    /// 429 `TooManyRequests`.
    Throttled(Option<RetryAfter>),
    /// 409 `Directory_ConcurrencyViolation`.
    Conflict,
    /// 503 `Directory_ConcurrencyViolation`: the same in another year.
    Busy,
    /// 404 `Request_ResourceNotFound`: the object is there, and this replica does not know it yet.
    NotReplicated,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// 403 `Directory_ResourceSizeExceeded`: too many credentials. The status is not verified.
    TooLarge,
}

/// The header `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetryAfter {
    /// `2.128`, as the documentation's sample has it.
    Fractional,
    /// Whole seconds.
    Seconds(u32),
}

impl RetryAfter {
    /// In milliseconds.
    pub fn millis(self) -> u64 {
        match self {
            RetryAfter::Fractional => 2128,
            RetryAfter::Seconds(seconds) => u64::from(seconds).saturating_mul(1000),
        }
    }

    /// The header's value.
    pub(in crate::sandbox) fn text(self) -> String {
        match self {
            RetryAfter::Fractional => "2.128".to_owned(),
            RetryAfter::Seconds(seconds) => seconds.to_string(),
        }
    }
}

/// How a vault refuses. Nothing has happened then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VaultTrouble {
    /// 429 `Throttled`, without `Retry-After`.
    Throttled,
    /// 503 `ServiceUnavailable`.
    Unavailable,
}

/// An order, and how often it is still to be carried out; for ever if no number is given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Ordered {
    pub(super) trouble: Trouble,
    pub(super) left: Option<u32>,
}

impl Cloud {
    /// What is ordered for a sign-in of this client. Counts as carried out.
    pub fn sign_in_trouble(&mut self, client_id: &str) -> Option<SignInError> {
        let id = client_id.parse::<Uuid>().ok();
        let why = self.next_trouble(|trouble| match trouble {
            Trouble::SignIn { client, why } => (client.is_none() || *client == id).then_some(*why),
            Trouble::Graph { .. } | Trouble::Vault { .. } => None,
        })?;
        Some(self.sign_in_refusal(why, client_id))
    }

    /// What is ordered for a request to Graph; `object` is named where it is "not found". Counts as carried out.
    pub fn graph_trouble(&mut self, call: GraphCall, object: &str) -> Option<CloudError> {
        let why = self.next_trouble(|trouble| match trouble {
            Trouble::Graph { call: of, why } => (*of == GraphCall::Any || *of == call).then_some(*why),
            Trouble::SignIn { .. } | Trouble::Vault { .. } => None,
        })?;
        Some(graph_refusal(why, object))
    }

    /// What is ordered for a request to a vault. Counts as carried out.
    pub fn vault_trouble(&mut self, host: &str, right: VaultRight) -> Option<CloudError> {
        let why = self.next_trouble(|trouble| match trouble {
            Trouble::Vault { host: of, right: needs, why } => {
                (of.eq_ignore_ascii_case(host) && needs.is_none_or(|n| n == right)).then_some(*why)
            }
            Trouble::SignIn { .. } | Trouble::Graph { .. } => None,
        })?;
        Some(vault_refusal(why))
    }

    /// The first order that fits.
    fn next_trouble<T>(&mut self, fits: impl Fn(&Trouble) -> Option<T>) -> Option<T> {
        let (at, why) = self.troubles.iter().enumerate().find_map(|(at, o)| Some((at, fits(&o.trouble)?)))?;
        let left = self.troubles.get_mut(at).and_then(|o| o.left.as_mut());
        if let Some(left) = left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.troubles.remove(at);
            }
            self.changed();
        }
        Some(why)
    }

    fn sign_in_refusal(&self, why: SignInTrouble, client_id: &str) -> SignInError {
        match why {
            SignInTrouble::ConditionalAccess => {
                let message = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                               issuance.";
                SignInError::new(400, "invalid_grant", 53_003, message)
            }
            SignInTrouble::Disabled => SignInError::disabled(client_id, "sandbox"),
            SignInTrouble::UnknownTenant => SignInError::unknown_tenant(&self.tenant.to_string()),
            SignInTrouble::UnknownApplication => SignInError::unknown_application(client_id, self.tenant),
            SignInTrouble::Expired => SignInError::expired(client_id),
            SignInTrouble::WrongCloud => {
                let message = format!(
                    "The specified tenant '{}' belongs to the National Cloud 'sandbox'. Current cloud instance does not \
                     federate with it.",
                    self.tenant
                );
                SignInError::new(400, "invalid_request", 90_038, message)
            }
            SignInTrouble::Throttled => SignInError::new(429, "", 0, "Too Many Requests"),
            SignInTrouble::Unavailable => {
                let message = "A transient error has occurred. Please try again.";
                SignInError::new(503, "temporarily_unavailable", 90_033, message)
            }
        }
    }
}

fn graph_refusal(why: GraphTrouble, object: &str) -> CloudError {
    match why {
        GraphTrouble::Throttled(after) => {
            CloudError { retry_after: after, ..CloudError::new(429, "TooManyRequests", "Too many requests.") }
        }
        GraphTrouble::Conflict => concurrency(409),
        GraphTrouble::Busy => concurrency(503),
        GraphTrouble::NotReplicated => CloudError::resource_not_found(object),
        GraphTrouble::Unavailable => CloudError::new(503, "ServiceUnavailable", "The service is unavailable."),
        GraphTrouble::TooLarge => {
            let message = "The size of the object has exceeded its limit. Please reduce the number of values and retry.";
            CloudError::new(403, "Directory_ResourceSizeExceeded", message)
        }
    }
}

fn concurrency(status: u16) -> CloudError {
    let message = "Unable to perform the operation due to concurrent changes. Please wait briefly and retry.";
    CloudError::new(status, "Directory_ConcurrencyViolation", message)
}

/// AzureSignTool#219 has the sentence.
fn vault_refusal(why: VaultTrouble) -> CloudError {
    match why {
        VaultTrouble::Throttled => {
            let message = "Request was not processed because too many requests were received. Reason: \
                           VaultRequestTypeLimitReached";
            CloudError::new(429, "Throttled", message)
        }
        VaultTrouble::Unavailable => CloudError::new(503, "ServiceUnavailable", "The service is unavailable."),
    }
}
