//! Refusals that are ordered: what no state of the cloud brings about by itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Cloud, CloudError, SignInError, VaultRight};
use crate::sandbox::faults::{Call, Fault, Faults, Operation, Refusal, Rule};

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
    /// 400 `DirectoryPageTokenNotFoundException`: a `nextLink` that came in an answer to a repeated request (paging.md). The
    /// status is not verified.
    StaleLink,
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

impl From<Trouble> for Rule {
    /// The rule that refuses so.
    fn from(trouble: Trouble) -> Rule {
        let refuse = |refusal| Rule::new(Fault::Refuse(refusal));
        match trouble {
            Trouble::SignIn { client, why } => {
                let operations = BTreeSet::from([Operation::SignIn]);
                Rule { operations, application: client, ..refuse(Refusal::SignIn(why)) }
            }
            Trouble::Graph { call, why } => Rule { operations: call.operations().collect(), ..refuse(Refusal::Graph(why)) },
            Trouble::Vault { host, right, why } => {
                let operations = match right {
                    None => Operation::of_service("vault").collect(),
                    Some(right) => Operation::of_service("vault").filter(|o| right_for(*o) == Some(right)).collect(),
                };
                Rule { operations, vault: Some(host), ..refuse(Refusal::Vault(why)) }
            }
        }
    }
}

impl GraphCall {
    fn operations(self) -> impl Iterator<Item = Operation> {
        Operation::of_service("graph").filter(move |o| match self {
            GraphCall::Any => true,
            GraphCall::AddPassword => *o == Operation::AddPassword,
            GraphCall::RemovePassword => *o == Operation::RemovePassword,
            GraphCall::Read => ![Operation::AddPassword, Operation::RemovePassword, Operation::ChangeOther].contains(o),
        })
    }
}

/// What an operation in a vault needs. A deleted secret is read with the right to read secrets.
pub(in crate::sandbox) fn right_for(operation: Operation) -> Option<VaultRight> {
    use Operation as O;
    match operation {
        O::GetSecret | O::GetDeleted => Some(VaultRight::Get),
        O::ListSecrets | O::ListVersions | O::ListDeleted => Some(VaultRight::List),
        O::SetSecret => Some(VaultRight::Set),
        O::UpdateSecret => Some(VaultRight::Update),
        O::DeleteSecret => Some(VaultRight::Delete),
        O::RecoverDeleted => Some(VaultRight::Recover),
        O::PurgeDeleted => Some(VaultRight::Purge),
        O::SignIn | O::Discover | O::Own => None,
        O::ReadApplication | O::ListApplications | O::AddPassword | O::RemovePassword => None,
        O::ReadSignIns | O::ReadOther | O::ChangeOther => None,
    }
}

impl Cloud {
    /// The rules that say which requests come to harm.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The rules themselves: looking at them changes nothing that must outlive the process.
    pub(in crate::sandbox) fn stage_faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// What happens to a request on its way, if a rule says so. Counts as carried out.
    pub(in crate::sandbox) fn on_the_way(&mut self, call: &Call) -> Option<Fault> {
        let (fault, counted) = self.faults.on_the_way(call);
        if counted {
            self.changed();
        }
        fault
    }

    fn ordered(&mut self, call: &Call) -> Option<Refusal> {
        let (refusal, counted) = self.faults.at_the_service(call);
        if counted {
            self.changed();
        }
        refusal
    }

    /// What is ordered for a sign-in of this client. Counts as carried out.
    pub(super) fn sign_in_trouble(&mut self, call: &Call, client_id: &str) -> Option<SignInError> {
        let why = match self.ordered(call)? {
            Refusal::Throttled(_) => SignInTrouble::Throttled,
            Refusal::Unavailable => SignInTrouble::Unavailable,
            Refusal::SignIn(why) => why,
            Refusal::Graph(_) | Refusal::Vault(_) => return None,
            Refusal::Plain { status: 429, .. } => SignInTrouble::Throttled,
            Refusal::Plain { status, code, .. } => {
                let class = match status {
                    500.. => "temporarily_unavailable",
                    401 => "invalid_client",
                    _ => "invalid_request",
                };
                let message = "A refusal that was ordered.";
                return Some(SignInError::new(status, class, code.parse().unwrap_or_default(), message));
            }
        };
        Some(self.sign_in_refusal(why, client_id))
    }

    /// What is ordered for a request to Graph; `object` is named where it is "not found". Counts as carried out.
    pub(in crate::sandbox) fn graph_trouble(&mut self, call: &Call, object: &str) -> Option<CloudError> {
        match self.ordered(call)? {
            Refusal::Throttled(after) => Some(graph_refusal(GraphTrouble::Throttled(after), object)),
            Refusal::Unavailable => Some(graph_refusal(GraphTrouble::Unavailable, object)),
            Refusal::Graph(why) => Some(graph_refusal(why, object)),
            Refusal::Plain { status, code, retry_after } => Some(plain(status, &code, retry_after)),
            Refusal::SignIn(_) | Refusal::Vault(_) => None,
        }
    }

    /// What is ordered for a request to a vault. Counts as carried out.
    pub(in crate::sandbox) fn vault_trouble(&mut self, call: &Call) -> Option<CloudError> {
        match self.ordered(call)? {
            Refusal::Throttled(_) => Some(vault_refusal(VaultTrouble::Throttled)),
            Refusal::Unavailable => Some(vault_refusal(VaultTrouble::Unavailable)),
            Refusal::Vault(why) => Some(vault_refusal(why)),
            Refusal::Plain { status, code, retry_after } => Some(plain(status, &code, retry_after)),
            Refusal::SignIn(_) | Refusal::Graph(_) => None,
        }
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
        GraphTrouble::StaleLink => {
            CloudError::new(400, "DirectoryPageTokenNotFoundException", "The page token was not found.")
        }
    }
}

fn plain(status: u16, code: &str, retry_after: Option<RetryAfter>) -> CloudError {
    CloudError { retry_after, ..CloudError::new(status, code, "A refusal that was ordered.") }
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
