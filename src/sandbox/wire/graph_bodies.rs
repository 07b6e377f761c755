//! Graph's bodies, with the members that the recordings of 2023 have.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::message::Request;
use crate::sandbox::cloud::{AppRef, Application, Cloud, CloudError, Value};

const METADATA: &str = "https://graph.microsoft.com/v1.0/$metadata";

/// A credential as lists show it: the value is null and its first three characters are the hint.
pub(super) fn password(key_id: Uuid, name: Option<&str>, start: Timestamp, end: Timestamp, value: &Value) -> Json {
    json!({
        "customKeyIdentifier": null,
        "displayName": name,
        "endDateTime": end,
        "hint": value.hint(),
        "keyId": key_id,
        "secretText": null,
        "startDateTime": start,
    })
}

fn whole_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The whole application, with the credentials that a list shows at `now`.
pub(super) fn application(cloud: &Cloud, now: Timestamp, a: &Application) -> Json {
    let passwords = cloud.password_credentials(now, AppRef::Object(a.object_id)).unwrap_or_default();
    let passwords: Vec<Json> =
        passwords.iter().map(|p| password(p.key_id, p.display_name.as_deref(), p.start, p.end, &p.value)).collect();
    // As recorded: 2 where personal accounts may sign in, else unset.
    let token_version = a.audience.room().map(|_| 2);
    let web = json!({
        "homePageUrl": null,
        "logoutUrl": null,
        "redirectUris": [],
        "redirectUriSettings": [],
        "implicitGrantSettings": { "enableAccessTokenIssuance": false, "enableIdTokenIssuance": false },
    });
    json!({
        "id": a.object_id,
        "deletedDateTime": null,
        "appId": a.client_id,
        "applicationTemplateId": null,
        "disabledByMicrosoftStatus": null,
        "createdDateTime": whole_seconds(a.created),
        "displayName": a.display_name,
        "description": null,
        "groupMembershipClaims": null,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": null,
        "notes": null,
        "publisherDomain": "sandbox.localhost",
        "serviceManagementReference": null,
        "signInAudience": a.audience.as_str(),
        "tags": [],
        "tokenEncryptionKeyId": null,
        "samlMetadataUrl": null,
        "defaultRedirectUri": null,
        "certification": null,
        "optionalClaims": null,
        "servicePrincipalLockConfiguration": null,
        "requestSignatureVerification": null,
        "addIns": [],
        "api": {
            "acceptMappedClaims": null,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": token_version,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "appRoles": [],
        "info": {
            "logoUrl": null,
            "marketingUrl": null,
            "privacyStatementUrl": null,
            "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": [],
        "parentalControlSettings": { "countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow" },
        "passwordCredentials": passwords,
        "publicClient": { "redirectUris": [] },
        "requiredResourceAccess": [],
        "verifiedPublisher": { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "web": web,
        "spa": { "redirectUris": [] },
    })
}

/// The whole service principal. It has no credentials of its own here.
pub(super) fn service_principal(cloud: &Cloud, a: &Application) -> Json {
    json!({
        "id": a.service_principal_id,
        "deletedDateTime": null,
        "accountEnabled": a.enabled,
        "alternativeNames": [],
        "appDisplayName": a.display_name,
        "appDescription": null,
        "appId": a.client_id,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": cloud.tenant(),
        "appRoleAssignmentRequired": false,
        "createdDateTime": whole_seconds(a.created),
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": a.display_name,
        "homepage": null,
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": [],
        "servicePrincipalNames": [a.client_id],
        "servicePrincipalType": "Application",
        "signInAudience": a.audience.as_str(),
        "tags": [],
        "tokenEncryptionKeyId": null,
        "samlSingleSignOnSettings": null,
        "verifiedPublisher": { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "addIns": [],
        "appRoles": [],
        "info": {
            "logoUrl": null,
            "marketingUrl": null,
            "privacyStatementUrl": null,
            "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "resourceSpecificApplicationPermissions": [],
    })
}

/// The members that `$select` names, or all.
fn picked(body: Json, names: Option<&str>) -> Json {
    match (names, body) {
        (Some(names), Json::Object(all)) => {
            let wanted: Vec<&str> = names.split(',').map(str::trim).collect();
            Json::Object(all.into_iter().filter(|(name, _)| wanted.contains(&name.as_str())).collect())
        }
        (_, body) => body,
    }
}

/// One entity with its context.
pub(super) fn selected(kind: &str, body: Json, request: &Request) -> Json {
    let select = request.parameter("$select");
    let of = select.as_deref().map(|names| format!("({names})")).unwrap_or_default();
    let mut out = Map::new();
    out.insert("@odata.context".to_owned(), format!("{METADATA}#{kind}{of}/$entity").into());
    if let Json::Object(members) = picked(body, select.as_deref()) {
        out.extend(members);
    }
    Json::Object(out)
}

/// A collection with its context.
pub(super) fn listed(kind: &str, bodies: Vec<Json>, request: &Request) -> Json {
    let select = request.parameter("$select");
    let of = select.as_deref().map(|names| format!("({names})")).unwrap_or_default();
    let bodies: Vec<Json> = bodies.into_iter().map(|b| picked(b, select.as_deref())).collect();
    json!({ "@odata.context": format!("{METADATA}#{kind}{of}"), "value": bodies })
}

/// The directory's error body: `innerError` with a capital, a date without zone.
pub(super) fn error_body(now: Timestamp, e: &CloudError, request_id: Uuid, client_request_id: Option<&str>) -> Json {
    let request_id = request_id.to_string();
    let mut error = json!({
        "code": e.code,
        "message": e.message,
        "innerError": {
            "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": request_id,
            "client-request-id": client_request_id.unwrap_or(&request_id),
        },
    });
    if let Some(error) = error.as_object_mut().filter(|_| !e.details.is_empty()) {
        error.insert("details".to_owned(), json!(e.details));
    }
    json!({ "error": error })
}
