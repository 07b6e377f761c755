//! HTTP-shaped requests to operations of the cloud, and back. Pure: no socket, no clock.
//!
//! All services answer behind one port, told apart by host name and, where the host says nothing (`127.0.0.1`), by path.

mod arm;
mod call;
mod empty_page;
mod exchange;
mod graph;
mod graph_bodies;
mod graph_lifecycle;
mod graph_path;
mod graph_query;
mod hosts;
mod message;
mod own;
mod sign_ins;
mod token;
mod vault;
mod vault_bodies;

use jiff::Timestamp;

use super::cloud::Cloud;
use super::faults::Call;

pub use exchange::{Exchange, Fate, exchange, land};
pub use hosts::{Service, service};
pub use message::{Request, Response};
pub use own::OPERATOR_SECRET_HEADER;

/// Performs a request at `now`, by the real clock, and says what goes back. The services' own clock may be staged to differ.
/// Nothing happens to it on its way: that is [`exchange`]'s.
pub fn answer(cloud: &mut Cloud, now: Timestamp, request: &Request) -> Response {
    let now = cloud.service_time(now);
    cloud.advance(now);
    let call = call::call(cloud, request);
    perform(cloud, now, request, &call)
}

/// Performs a request at `now`, in service time.
fn perform(cloud: &mut Cloud, now: Timestamp, request: &Request, call: &Call) -> Response {
    let response = match service(&request.host, &request.path) {
        Service::Login => token::answer(cloud, now, request),
        Service::Graph => graph::answer(cloud, now, request, call),
        Service::Vault => vault::answer(cloud, now, request, call),
        Service::Arm => arm::answer(cloud, now, request),
        Service::Sandbox => own::answer(cloud, now, request),
    };
    response.header("date", message::http_date(now))
}
