//! Which operation a request asks for: what rules and the log tell requests apart by.

use uuid::Uuid;

use super::graph_path::{Target, target};
use super::message::Request;
use super::{Service, hosts, service};
use crate::sandbox::cloud::{AppRef, Cloud, PrincipalRef};
use crate::sandbox::faults::{Call, Operation};

/// What a request asks for, as far as the cloud knows what it names.
pub(super) fn call(cloud: &Cloud, request: &Request) -> Call {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match service(&request.host, &request.path) {
        Service::Login => login(request, &path),
        Service::Graph => graph(cloud, request, path.get(1..).unwrap_or_default()),
        Service::Vault => Call::of(vault(&request.method, &path)).at(&hosts::vault(&request.host)),
        Service::Arm | Service::Sandbox => Call::of(Operation::Own),
    }
}

fn login(request: &Request, path: &[&str]) -> Call {
    match (request.method.as_str(), path) {
        ("POST", [.., "token"]) => {
            let client = url::form_urlencoded::parse(&request.body).find(|(name, _)| name == "client_id");
            Call::of(Operation::SignIn).on(client.and_then(|(_, id)| id.parse().ok()))
        }
        (_, _) => Call::of(Operation::Discover),
    }
}

fn graph(cloud: &Cloud, request: &Request, path: &[&str]) -> Call {
    let (application, whole) = match target(path) {
        Ok((Target::Application(AppRef::Client(id)), rest)) => (Some(id), rest.is_empty()),
        Ok((Target::Application(by @ AppRef::Object(_)), rest)) => {
            (cloud.application(by).ok().map(|a| a.client_id), rest.is_empty())
        }
        Ok((Target::Principal(by), _)) => (client_of(cloud, by), false),
        Ok((Target::Applications | Target::Principals | Target::Policies | Target::Deleted, _)) | Err(_) => (None, false),
    };
    let operation = match (request.method.as_str(), path) {
        (_, [.., "addPassword"]) => Operation::AddPassword,
        (_, [.., "removePassword"]) => Operation::RemovePassword,
        ("GET", ["auditLogs" | "reports", ..]) => Operation::ReadSignIns,
        ("GET", ["applications" | "servicePrincipals"]) => Operation::ListApplications,
        ("GET", _) if whole => Operation::ReadApplication,
        ("GET", _) => Operation::ReadOther,
        (_, _) => Operation::ChangeOther,
    };
    Call::of(operation).on(application)
}

fn client_of(cloud: &Cloud, by: PrincipalRef) -> Option<Uuid> {
    cloud.principal(by).ok().map(|p| p.client_id)
}

fn vault(method: &str, path: &[&str]) -> Operation {
    match (method, path) {
        ("PUT", _) => Operation::SetSecret,
        ("PATCH", _) => Operation::UpdateSecret,
        ("POST", _) => Operation::RecoverDeleted,
        ("DELETE", ["deletedsecrets", ..]) => Operation::PurgeDeleted,
        ("DELETE", _) => Operation::DeleteSecret,
        (_, ["deletedsecrets"]) => Operation::ListDeleted,
        (_, ["deletedsecrets", ..]) => Operation::GetDeleted,
        (_, [_, _, "versions"]) => Operation::ListVersions,
        (_, [_]) => Operation::ListSecrets,
        (_, _) => Operation::GetSecret,
    }
}
