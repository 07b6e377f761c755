//! A managed identity, asked at the machine itself.
//!
//! The SDK chooses the address from the environment by itself. The transport is bound to the one that is meant, so that a
//! disagreement is an error and never a question to another address.

use std::sync::Arc;

use azure_core::http::Url;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use crate::azure::http::{Reply, Timeouts, this_machine};
use crate::azure::outcome::{bare, by_status};
use crate::azure::sdk::SdkTransport;
use crate::azure::{SetupError, credential::unusable};
use crate::rotation::answers::{Refusal, RefusalKind};

/// The metadata address of virtual machines
/// (learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
const IMDS: &str = "http://169.254.169.254";

/// Where a managed identity is asked for its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityEndpoint {
    /// What `IDENTITY_ENDPOINT` names: App Service, Functions, Container Apps.
    Named(Url),
    /// The metadata address of virtual machines.
    Imds,
}

pub(super) fn credential(
    client_id: Option<String>,
    endpoint: IdentityEndpoint,
    timeouts: Timeouts,
) -> Result<Arc<ManagedIdentityCredential>, SetupError> {
    let base = match endpoint {
        IdentityEndpoint::Named(url) => url,
        IdentityEndpoint::Imds => Url::parse(IMDS).map_err(|_| unusable("the metadata address is no URL"))?,
    };
    let transport = SdkTransport { client: this_machine(timeouts)?, base, challenge: None, refusal };
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(UserAssignedId::ClientId),
        client_options: transport.into_options(),
    };
    ManagedIdentityCredential::new(Some(options)).map_err(|_| unusable("this kind of managed identity is not supported"))
}

/// Why there is no token. An endpoint that is starting or being updated answers 404, 410 and 5xx for a while.
fn refusal(reply: &Reply) -> Refusal {
    let (kind, message) = match reply.status {
        404 | 410 => (RefusalKind::Unanswered, "the managed identity's endpoint is not ready"),
        400 => (RefusalKind::Unauthenticated, "this machine has no such managed identity: assign it, or mend the client ID"),
        401 | 403 => (RefusalKind::Unauthenticated, "the managed identity's endpoint refused: compare IDENTITY_HEADER"),
        other => (by_status(other), "the managed identity's endpoint gave no token"),
    };
    Refusal { message: message.to_owned(), retry_after: reply.retry_after(), ..bare(kind, Some(reply.status)) }
}
