//! What a path of Graph names.

use uuid::Uuid;

use crate::sandbox::cloud::{AppRef, CloudError, PrincipalRef};

/// The object or collection that a path begins with.
pub(super) enum Target {
    Applications,
    Application(AppRef),
    Principals,
    Principal(PrincipalRef),
    Policies,
    Deleted,
}

/// The target of a path (without the version) and what follows it. Objects are named by id or, in brackets, by `appId`.
pub(super) fn target<'p>(path: &'p [&'p str]) -> Result<(Target, &'p [&'p str]), CloudError> {
    match path {
        ["applications"] => Ok((Target::Applications, &[])),
        ["applications", id, rest @ ..] => Ok((Target::Application(AppRef::Object(guid(id)?)), rest)),
        ["servicePrincipals"] => Ok((Target::Principals, &[])),
        ["servicePrincipals", id, rest @ ..] => Ok((Target::Principal(PrincipalRef::Object(guid(id)?)), rest)),
        ["directory", "deletedItems", rest @ ..] => Ok((Target::Deleted, rest)),
        ["policies", rest @ ..] => Ok((Target::Policies, rest)),
        [one, rest @ ..] => match keyed(one) {
            Some(("applications", id)) => Ok((Target::Application(AppRef::Client(guid(id)?)), rest)),
            Some(("servicePrincipals", id)) => Ok((Target::Principal(PrincipalRef::Client(guid(id)?)), rest)),
            Some(_) | None => Err(no_segment(one)),
        },
        [] => Err(no_segment("")),
    }
}

/// How Graph answers a path that it does not know.
pub(super) fn no_segment(segment: &str) -> CloudError {
    CloudError::new(400, "BadRequest", format!("Resource not found for the segment '{segment}'."))
}

fn guid(text: &str) -> Result<Uuid, CloudError> {
    text.parse().map_err(|_| CloudError::resource_not_found(text))
}

/// `things` and `x` of `things(appId='x')`.
fn keyed(segment: &str) -> Option<(&str, &str)> {
    let (things, key) = segment.split_once('(')?;
    Some((things, key.strip_suffix(')')?.strip_prefix("appId='")?.strip_suffix('\'')?))
}
