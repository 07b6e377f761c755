//! The reports of Microsoft Graph (beta): sign-ins of service principals, and when each credential last signed in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::graph_query::next_link;
use super::message::Request;
use crate::sandbox::cloud::{
    Application, Caller, Cloud, CloudError, DirectoryAct, PrincipalRef, SignInFilter, SignInPage, SignInPlace, SignInRecord,
};

/// Records of a page if `$top` says nothing, and at most (api/signin-list.md).
const PAGE: usize = 1000;

const METADATA: &str = "https://graph.microsoft.com/beta/$metadata";

/// The answer to a request for one of the reports; none if it is for something else.
pub(super) fn answer(
    cloud: &mut Cloud,
    now: Timestamp,
    request: &Request,
    caller: &Caller,
    path: &[&str],
) -> Option<Result<Json, CloudError>> {
    let beta = request.path.starts_with("/beta/");
    let report = match (request.method.as_str(), path) {
        ("GET", ["auditLogs", "signIns"]) => sign_ins,
        ("GET", ["reports", "appCredentialSignInActivities"]) if beta => activities,
        _ => return None,
    };
    let checked = cloud.check_report(now, caller.client_id);
    let allowed = checked.and_then(|()| cloud.check_directory(caller, DirectoryAct::ReadSignIns));
    Some(allowed.and_then(|()| report(cloud, now, request)))
}

fn unsupported() -> CloudError {
    CloudError::new(400, "Request_UnsupportedQuery", "Unsupported Query.")
}

fn sign_ins(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<Json, CloudError> {
    let most = match request.parameter("$top") {
        None => PAGE,
        Some(top) => top.parse().ok().filter(|n| (1..=PAGE).contains(n)).ok_or_else(unsupported)?,
    };
    let after = match request.parameter("$skiptoken") {
        None => None,
        Some(token) => {
            let place = URL_SAFE_NO_PAD.decode(token).ok().and_then(|b| SignInPlace::from_bytes(&b));
            Some(place.ok_or_else(|| CloudError::new(400, "BadRequest", "Skip token is invalid."))?)
        }
    };
    let (filter, of_principals) = filter(request)?;
    // Without the filter by event type, and in v1.0, only interactive sign-ins of people come, and nobody lives here.
    let page = match of_principals && request.path.starts_with("/beta/") {
        true => cloud.sign_in_page(now, &filter, after, most),
        false => SignInPage { records: Vec::new(), next: None },
    };
    let records: Vec<Json> = page.records.iter().map(|(id, record)| sign_in(cloud, *id, record)).collect();
    let mut body = json!({ "@odata.context": format!("{METADATA}#auditLogs/signIns"), "value": records });
    if let (Some(body), Some(next)) = (body.as_object_mut(), page.next) {
        let next = next_link(request, &URL_SAFE_NO_PAD.encode(next.to_bytes()));
        body.insert("@odata.nextLink".to_owned(), next.into());
    }
    Ok(body)
}

/// The clauses that readers of credentials send, and whether service principals are asked for. All others are refused.
fn filter(request: &Request) -> Result<(SignInFilter, bool), CloudError> {
    let (mut filter, mut of_principals) = (SignInFilter::default(), false);
    let text = request.parameter("$filter").unwrap_or_default();
    for clause in text.split(" and ").map(str::trim).filter(|c| !c.is_empty()) {
        let time = |name: &str| clause.strip_prefix(name).and_then(|t| t.trim().parse::<Timestamp>().ok());
        let app = clause.strip_prefix("appId eq '").and_then(|t| t.strip_suffix('\'')).and_then(|t| t.parse().ok());
        if clause.replace(' ', "") == "signInEventTypes/any(t:teq'servicePrincipal')" {
            of_principals = true;
        } else if let Some(client_id) = app {
            filter.client_id = Some(client_id);
        } else if let Some(since) = time("createdDateTime ge ") {
            filter.since = since;
        } else if let Some(until) = time("createdDateTime le ") {
            filter.until = until;
        } else {
            return Err(unsupported());
        }
    }
    Ok((filter, of_principals))
}

fn sign_in(cloud: &Cloud, id: Uuid, r: &SignInRecord) -> Json {
    let principal = cloud.principal(PrincipalRef::Client(r.client_id)).ok();
    let name = principal.map(|p| p.display_name.as_str());
    let resource = r.resource.map(|resource| cloud.resource_names(resource));
    // Empty text, not null, where there is none (the sample of the log's reference).
    let key_id = r.key_id.map(|k| k.to_string()).unwrap_or_default();
    json!({
        "id": id,
        "createdDateTime": r.at,
        "userDisplayName": "",
        "userPrincipalName": "",
        "userId": "",
        "appId": r.client_id,
        "appDisplayName": name,
        "ipAddress": r.address.to_string(),
        "clientAppUsed": "",
        "correlationId": r.correlation_id.unwrap_or(id),
        "conditionalAccessStatus": "notApplied",
        "isInteractive": false,
        "tokenIssuerType": "AzureAD",
        "resourceDisplayName": resource.as_ref().map(|(_, name)| name),
        "resourceId": resource.as_ref().map(|(id, _)| id),
        "servicePrincipalId": principal.map(|p| p.object_id),
        "servicePrincipalName": name,
        "servicePrincipalCredentialKeyId": key_id,
        "servicePrincipalCredentialThumbprint": "",
        "federatedCredentialId": "",
        "clientCredentialType": "clientSecret",
        "uniqueTokenIdentifier": URL_SAFE_NO_PAD.encode(id.as_bytes()),
        "signInEventTypes": ["servicePrincipal"],
        "status": {
            "errorCode": r.error,
            "failureReason": if r.error == 0 { "Other." } else { "The sandbox refused it." },
            "additionalDetails": null,
        },
    })
}

fn activities(cloud: &Cloud, now: Timestamp, request: &Request) -> Result<Json, CloudError> {
    let text = request.parameter("$filter").unwrap_or_default();
    let named = |name: &str| {
        let id = text.trim().strip_prefix(name)?.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        id.parse::<Uuid>().ok()
    };
    let (key, app) = (named("keyId eq "), named("appId eq "));
    if !text.is_empty() && key.is_none() && app.is_none() {
        return Err(unsupported());
    }
    let of_app = cloud.applications().filter(|a| app.is_none_or(|id| id == a.client_id));
    let items: Vec<Json> = of_app.flat_map(|a| used(cloud, now, a, key)).collect();
    Ok(json!({ "@odata.context": format!("{METADATA}#reports/appCredentialSignInActivities"), "value": items }))
}

/// The credentials of an application that have signed in, as far as the log has it.
fn used(cloud: &Cloud, now: Timestamp, application: &Application, key: Option<Uuid>) -> Vec<Json> {
    let principal = cloud.principal(PrincipalRef::Client(application.client_id)).ok().map(|p| p.object_id);
    let item = |p: &crate::sandbox::cloud::PasswordCredential| {
        let (at, id) = cloud.last_sign_in(now, p.key_id)?;
        Some(json!({
            "id": STANDARD.encode(format!("{}|application", p.key_id)),
            "appId": application.client_id,
            "appObjectId": application.object_id,
            "servicePrincipalObjectId": principal,
            "resourceId": null,
            "keyId": p.key_id,
            "keyType": "clientSecret",
            "keyUsage": "sign",
            "credentialOrigin": "application",
            "createdDateTime": p.start,
            "expirationDateTime": p.end,
            "signInActivity": { "lastSignInDateTime": at, "lastSignInRequestId": id },
        }))
    };
    let passwords = application.all_passwords().iter().filter(|p| key.is_none_or(|k| k == p.key_id));
    passwords.filter_map(item).collect()
}
