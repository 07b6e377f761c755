//! Which service, and which vault, a host name and a path stand for.
//!
//! All services share a port. Clients that resolve names tell them apart by host; those that know only addresses by path, and
//! vaults by address: `127.0.0.1` is the first vault, `127.0.0.2` the second.

use super::message::without_port;
use crate::sandbox::cloud::STOCK_VAULTS;

/// The services behind one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The token endpoint.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Key Vault.
    Vault,
    /// Azure Resource Manager, as far as a sign-in of the Azure CLI asks it.
    Arm,
    /// What no cloud has: health and seeding.
    Sandbox,
}

/// Which service a request is for. `host` may have a port.
pub fn service(host: &str, path: &str) -> Service {
    if path.starts_with("/_sandbox/") {
        return Service::Sandbox;
    }
    let host = without_port(host).to_ascii_lowercase();
    match host.as_str() {
        "login.sandbox.localhost" | "login.microsoftonline.com" => return Service::Login,
        "graph.sandbox.localhost" | "graph.microsoft.com" => return Service::Graph,
        "management.azure.com" => return Service::Arm,
        _ if host.ends_with(".vault.sandbox.localhost") || host.ends_with(".vault.azure.net") => return Service::Vault,
        _ => {}
    }
    match path.split('/').find(|segment| !segment.is_empty()) {
        Some("v1.0" | "beta") => Service::Graph,
        Some("secrets" | "deletedsecrets") => Service::Vault,
        Some("subscriptions" | "metadata") => Service::Arm,
        Some(_) | None => Service::Login,
    }
}

/// The host name under which the cloud keeps the vault that a client calls `host`.
pub(super) fn vault(host: &str) -> String {
    let [first, second] = STOCK_VAULTS;
    match without_port(host) {
        "127.0.0.1" | "localhost" => first.to_owned(),
        "127.0.0.2" => second.to_owned(),
        name => name.to_ascii_lowercase(),
    }
}
