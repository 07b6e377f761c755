//! The real services behind the ports: Microsoft Graph, Key Vault and the token endpoint of one cloud, for one run.
//!
//! A read is one attempt, and a change is one request: repeating is the driver's business, which knows what may be repeated.
#![allow(clippy::result_large_err)] // a refusal is carried by value in `ports::Read`; moving it is nothing beside a request

use std::collections::BTreeMap;
use std::net::SocketAddr;

use url::Url;
use uuid::Uuid;

mod cloud;
mod credential;
#[cfg(any(test, fuzzing))]
pub mod from_bytes;
mod graph;
mod headers;
mod http;
mod identity;
mod inspect;
mod key_vault;
mod outcome;
mod permissions;
mod sdk;
mod sign_ins;
mod token;

pub use cloud::Cloud;
pub use credential::{Asked, Chosen, Environment, IdTokenRequest, IdentityEndpoint, NoSignIn, OperatorSignIn, choose};
pub use http::Timeouts;

use credential::Operator;
use graph::Graph;
use http::Clients;
use key_vault::Vault;
use token::SignInEndpoint;

use crate::correlation::CorrelationKey;

/// What a run needs to know of the services.
pub struct Connection {
    /// Where they are.
    pub cloud: Cloud,
    /// The tenant of the application that is rotated: a GUID or a domain.
    pub tenant: String,
    /// The application's client ID.
    pub client_id: Uuid,
    /// Where its secret is kept, in the runbook's order.
    pub vaults: Vec<VaultSecret>,
    /// Who rotates.
    pub operator: OperatorSignIn,
    /// The scope that a proof asks a token for, such as `https://graph.microsoft.com/.default`.
    pub proof_scope: String,
    /// How long an exchange may take.
    pub timeouts: Timeouts,
}

/// One secret in one vault.
#[derive(Debug, Clone)]
pub struct VaultSecret {
    /// The vault, such as `https://kv-one.vault.azure.net`.
    pub url: Url,
    /// The secret's name.
    pub secret: String,
    /// The content type of new versions; where there is none, the current version's is kept.
    pub content_type: Option<String>,
    /// Tags of new versions, over those that the current version carries.
    pub tags: BTreeMap<String, String>,
}

/// Why the services cannot be set up. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The sandbox's address is not a loopback address.
    #[error("the sandbox's address {0} is not on loopback")]
    NotLoopback(SocketAddr),
    /// A sandbox has no name to be found by.
    #[error("the sandbox is found by its address, not by a name")]
    SandboxByName,
    /// TLS: the certificate authority, or the system's.
    #[error("HTTPS cannot be set up: {0}")]
    Tls(String),
    /// The operator's identity cannot be used as it was given.
    #[error("the operator's identity cannot be used: {0}")]
    Operator(String),
    /// The tenant is neither a GUID nor a domain.
    #[error("the tenant is neither a GUID nor a domain")]
    Tenant,
    /// A vault's URL is not that of a vault of this cloud.
    #[error("{url} is not a vault of cloud {cloud}: expected https://NAME.{suffix}")]
    Vault {
        /// What was given.
        url: String,
        /// The cloud's name.
        cloud: String,
        /// What its vaults' hosts end with.
        suffix: String,
    },
    /// A secret's name that Key Vault does not take.
    #[error("{0:?} is not a secret's name: 1 to 127 letters, digits and hyphens")]
    SecretName(String),
}

/// The services of one run.
pub struct AzureServices {
    graph: Graph,
    vaults: Vec<Vault>,
    sign_in: SignInEndpoint,
    operator: Operator,
    graph_scope: String,
    vault_scope: String,
    cloud: &'static str,
}

impl AzureServices {
    /// Checks the names and sets the clients up. Sends nothing.
    ///
    /// # Errors
    /// [`SetupError`], which says what to correct.
    pub fn new(connection: Connection) -> Result<AzureServices, SetupError> {
        let Connection { cloud, tenant, client_id, vaults, operator, proof_scope, timeouts } = connection;
        let lawful = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        if tenant.is_empty() || tenant.len() > 253 || !tenant.bytes().all(lawful) {
            return Err(SetupError::Tenant);
        }
        let clients = Clients::new(&cloud, timeouts)?;
        let operator = Operator::new(operator, &cloud, &clients, timeouts)?;
        let open = |vault: VaultSecret| Vault::new(vault, &cloud, &operator, &clients);
        let vaults = vaults.into_iter().map(open).collect::<Result<_, _>>()?;
        let sign_in = SignInEndpoint::new(&cloud, tenant, client_id, proof_scope, &clients);
        let (graph_scope, vault_scope, name) = (cloud.graph_scope(), cloud.vault_scope(), cloud.name());
        let graph = Graph::new(&cloud, client_id, operator.clone(), clients);
        Ok(AzureServices { graph, vaults, sign_in, operator, graph_scope, vault_scope, cloud: name })
    }

    /// Lets the application's sign-ins carry ids by which they are known again in the tenant's records. Without it they are
    /// nobody's.
    #[must_use]
    pub fn known_by(mut self, key: CorrelationKey) -> AzureServices {
        self.sign_in.known_by(key);
        self
    }
}
