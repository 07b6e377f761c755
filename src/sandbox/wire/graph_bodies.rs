//! Graph's bodies, with the members that the recordings of 2023 have.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::message::Request;
use crate::sandbox::cloud::{
    AppRef, Application, Cloud, CloudError, GRAPH_APP_ID, ManagementPolicy, PasswordCredential, PrincipalRef, Restriction,
    RestrictionKind, Role, ServicePrincipal, Value,
};

pub(super) const METADATA: &str = "https://graph.microsoft.com/v1.0/$metadata";

/// A credential as lists show it: the value is null and its first three characters are the hint, which service principals'
/// credentials have not (graph-sp-addpassword-200).
pub(super) fn password(key_id: Uuid, name: Option<&str>, start: Timestamp, end: Timestamp, hinted: Option<&Value>) -> Json {
    json!({
        "customKeyIdentifier": null,
        "displayName": name,
        "endDateTime": end,
        "hint": hinted.map(Value::hint),
        "keyId": key_id,
        "secretText": null,
        "startDateTime": start,
    })
}

fn whole_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn passwords_of(all: &[&PasswordCredential], hinted: bool) -> Vec<Json> {
    let one =
        |p: &&PasswordCredential| password(p.key_id, p.display_name.as_deref(), p.start, p.end, hinted.then_some(&p.value));
    all.iter().map(one).collect()
}

/// The whole application, with the credentials that a list shows at `now`.
pub(super) fn application(cloud: &Cloud, now: Timestamp, a: &Application) -> Json {
    let passwords = cloud.password_credentials(now, AppRef::Object(a.object_id)).unwrap_or_default();
    let passwords = passwords_of(&passwords, true);
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
        "disabledByMicrosoftStatus": a.disabled.then_some("DisabledDueToViolationOfServicesAgreement"),
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
        "requiredResourceAccess": required(a),
        "verifiedPublisher": { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "web": web,
        "spa": { "redirectUris": [] },
    })
}

/// What an application asks for: one resource, if anything.
fn required(a: &Application) -> Vec<Json> {
    let access: Vec<Json> = a.requested.iter().map(|r| json!({ "id": r.id(), "type": "Role" })).collect();
    if access.is_empty() { Vec::new() } else { vec![json!({ "resourceAppId": GRAPH_APP_ID, "resourceAccess": access })] }
}

/// The whole service principal, with the credentials of its own that a list shows at `now`.
pub(super) fn service_principal(cloud: &Cloud, now: Timestamp, p: &ServicePrincipal) -> Json {
    let home = cloud.home_of(p);
    let passwords = cloud.principal_credentials(now, PrincipalRef::Client(p.client_id)).unwrap_or_default();
    // Of a service principal whose application is elsewhere nothing more is known than that.
    let owner = home.map(|_| cloud.tenant());
    let roles = if p.client_id == GRAPH_APP_ID { Role::ALL.map(app_role).to_vec() } else { Vec::new() };
    json!({
        "id": p.object_id,
        "deletedDateTime": null,
        "accountEnabled": p.enabled,
        "alternativeNames": [],
        "appDisplayName": p.display_name,
        "appDescription": null,
        "appId": p.client_id,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": false,
        "createdDateTime": whole_seconds(p.created),
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": p.display_name,
        "homepage": null,
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": [],
        "servicePrincipalNames": [p.client_id],
        "servicePrincipalType": p.kind.as_str(),
        "signInAudience": home.map(|a| a.audience.as_str()),
        "tags": [],
        "tokenEncryptionKeyId": null,
        "samlSingleSignOnSettings": null,
        "verifiedPublisher": { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "addIns": [],
        "appRoles": roles,
        "info": {
            "logoUrl": null,
            "marketingUrl": null,
            "privacyStatementUrl": null,
            "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": passwords_of(&passwords, false),
        "resourceSpecificApplicationPermissions": [],
    })
}

/// An entry of Microsoft Graph's `appRoles`.
fn app_role(role: Role) -> Json {
    json!({
        "allowedMemberTypes": ["Application"],
        "description": role.as_str(),
        "displayName": role.as_str(),
        "id": role.id(),
        "isEnabled": true,
        "origin": "Application",
        "value": role.as_str(),
    })
}

/// An item of `appRoleAssignments`.
pub(super) fn assignment(principal: &ServicePrincipal, resource: &ServicePrincipal, role: Role) -> Json {
    let id = URL_SAFE_NO_PAD.encode([*principal.object_id.as_bytes(), *role.id().as_bytes()].concat());
    json!({
        "id": id,
        "deletedDateTime": null,
        "appRoleId": role.id(),
        "createdDateTime": whole_seconds(principal.created),
        "principalDisplayName": principal.display_name,
        "principalId": principal.object_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource.display_name,
        "resourceId": resource.object_id,
    })
}

/// An item of a list of objects of any type. What is neither an application nor a service principal is taken for a user.
pub(super) fn directory_object(cloud: &Cloud, now: Timestamp, id: Uuid) -> Json {
    let (of, mut body) = match (cloud.application(AppRef::Object(id)), cloud.principal(PrincipalRef::Object(id))) {
        (Ok(found), _) => ("application", application(cloud, now, found)),
        (Err(_), Ok(found)) => ("servicePrincipal", service_principal(cloud, now, found)),
        (Err(_), Err(_)) => ("user", user(id)),
    };
    if let Some(body) = body.as_object_mut() {
        body.insert("@odata.type".to_owned(), format!("#microsoft.graph.{of}").into());
    }
    body
}

fn user(id: Uuid) -> Json {
    json!({
        "id": id,
        "businessPhones": [],
        "displayName": "sandbox user",
        "givenName": null,
        "jobTitle": null,
        "mail": null,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": null,
        "userPrincipalName": "user@sandbox.localhost",
    })
}

/// An app management policy: the tenant's has restrictions for applications and for service principals apart.
pub(super) fn policy(policy: &ManagementPolicy, of_tenant: bool) -> Json {
    let restriction = |r: &Restriction| {
        let most = match r.kind {
            RestrictionKind::Addition => None,
            RestrictionKind::Lifetime { days } => Some(format!("P{days}D")),
        };
        json!({
            "restrictionType": r.kind.as_str(),
            "state": if r.enabled { "enabled" } else { "disabled" },
            "maxLifetime": most,
            "restrictForAppsCreatedAfterDateTime": r.apps_created_after,
        })
    };
    let passwords: Vec<Json> = policy.restrictions.iter().map(restriction).collect();
    let restrictions = json!({ "passwordCredentials": passwords, "keyCredentials": [] });
    let mut body = json!({
        "id": policy.id,
        "deletedDateTime": null,
        "displayName": if of_tenant { "Default app management tenant policy" } else { "sandbox policy" },
        "description": null,
        "isEnabled": policy.enabled,
    });
    if let Some(body) = body.as_object_mut() {
        if of_tenant {
            body.insert("applicationRestrictions".to_owned(), restrictions);
            let none = json!({ "passwordCredentials": [], "keyCredentials": [] });
            body.insert("servicePrincipalRestrictions".to_owned(), none);
        } else {
            body.insert("restrictions".to_owned(), restrictions);
        }
    }
    body
}

/// The members that `$select` names, or all.
pub(super) fn picked(body: Json, names: Option<&str>) -> Json {
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
    // The sample of throttling.md.
    if let Some(inner) = error.pointer_mut("/innerError").and_then(Json::as_object_mut).filter(|_| e.status == 429) {
        inner.extend(
            [("code", "429"), ("status", "429"), ("message", "Please retry after")].map(|(n, v)| (n.to_owned(), v.into())),
        );
    }
    if let Some(error) = error.as_object_mut().filter(|_| !e.details.is_empty()) {
        error.insert("details".to_owned(), json!(e.details));
    }
    json!({ "error": error })
}
