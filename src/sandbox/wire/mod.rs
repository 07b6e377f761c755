//! HTTP-shaped requests to operations of the cloud, and back. Pure: no socket, no clock.
//!
//! All services answer behind one address, told apart by host name and, where the host says nothing (`127.0.0.1`), by path.

mod graph;
mod graph_bodies;
mod graph_path;
mod graph_query;
mod message;
mod own;
mod sign_ins;
mod token;
mod vault;
mod vault_bodies;

use jiff::Timestamp;

use super::cloud::Cloud;

pub use message::{Request, Response};
pub use own::OPERATOR_SECRET_HEADER;

/// The services behind one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The token endpoint.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Key Vault.
    Vault,
    /// What no cloud has: health and seeding.
    Sandbox,
}

/// Which service a request is for. `host` may have a port.
pub fn service(host: &str, path: &str) -> Service {
    if path.starts_with("/_sandbox/") {
        return Service::Sandbox;
    }
    let host = message::without_port(host).to_ascii_lowercase();
    match host.as_str() {
        "login.sandbox.localhost" | "login.microsoftonline.com" => return Service::Login,
        "graph.sandbox.localhost" | "graph.microsoft.com" => return Service::Graph,
        _ if host.ends_with(".vault.sandbox.localhost") || host.ends_with(".vault.azure.net") => return Service::Vault,
        _ => {}
    }
    match path.split('/').nth(1) {
        Some("v1.0" | "beta") => Service::Graph,
        Some("secrets" | "deletedsecrets") => Service::Vault,
        Some(_) | None => Service::Login,
    }
}

/// Performs a request at `now`, by the real clock, and says what goes back. The services' own clock may be staged to differ.
pub fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let now = cloud.service_time(now);
    cloud.advance(now);
    let response = match service(&request.host, &request.path) {
        Service::Login => token::answer(cloud, now, request),
        Service::Graph => graph::answer(cloud, now, request),
        Service::Vault => vault::answer(cloud, now, request),
        Service::Sandbox => own::answer(cloud, now, request),
    };
    response.header("date", message::http_date(now))
}
