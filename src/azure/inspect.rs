//! What only a look before a run asks: the service principal, owners, policies, requested permissions, leave to list.

use jiff::{Span, Timestamp};
use serde::Deserialize;

use super::AzureServices;
use super::outcome::Failure;
use crate::ports::{Application, Credential, Granted, Identity, Inspect, PasswordPolicy, Read, ServicePrincipal};
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::{KeyId, VaultIx};

/// The application ID of Microsoft Graph in every cloud (learn.microsoft.com/troubleshoot/entra, "first-party applications").
const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";

impl Inspect for AzureServices {
    async fn identity(&self) -> Read<Option<Identity>> {
        AzureServices::identity(self).await
    }

    async fn vault_identity(&self) -> Read<Option<Identity>> {
        AzureServices::vault_identity(self).await
    }

    async fn service_principal(&self) -> Read<ServicePrincipal> {
        let select = "id,appId,accountEnabled,passwordCredentials";
        self.graph.get("servicePrincipals", select, service_principal).await.or_else(Failure::into_read)
    }

    /// One page: an application has at most 100 owners (learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions).
    async fn owners(&self) -> Read<Vec<String>> {
        let path = format!("applications(appId='{}')/owners?$select=id", self.graph.client_id());
        self.graph.read(&path, owners).await.or_else(Failure::into_read)
    }

    /// The policy that is assigned to the application, or else the tenant's: the first excludes the second as a whole.
    async fn password_policy(&self, application: &Application) -> Read<PasswordPolicy> {
        let created = application.created;
        let own = format!("applications/{}/appManagementPolicies", application.object_id);
        let (own, tenants) = futures::join!(
            self.graph.read(&own, |body| assigned(body, created)),
            self.graph.read("policies/defaultAppManagementPolicy", |body| tenants(body, created)),
        );
        match own {
            Ok((Some(policy), trace)) => Ok((policy, trace)),
            Ok((None, _)) => tenants.or_else(Failure::into_read),
            Err(failure) => failure.into_read(),
        }
    }

    async fn requested_permissions(&self, client_id: &str) -> Read<Vec<String>> {
        // It comes from a token and goes into a path.
        let Ok(client_id) = uuid::Uuid::try_parse(client_id) else {
            return Failure::before_sending(RefusalKind::Rejected, "", "the client ID is no GUID").into_read();
        };
        let path = format!("applications(appId='{client_id}')?$select=id,requiredResourceAccess");
        self.graph.read(&path, requested).await.or_else(Failure::into_read)
    }

    async fn granted_permissions(&self) -> Read<Vec<Granted>> {
        self.granted().await.or_else(Failure::into_read)
    }

    async fn may_list(&self, vault: VaultIx) -> Read<()> {
        let asked = async { self.vault(vault)?.may_list().await };
        asked.await.or_else(Failure::into_read)
    }
}

pub(super) fn service_principal(body: &[u8]) -> Option<ServicePrincipal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        id: String,
        account_enabled: bool,
        #[serde(default)]
        password_credentials: Vec<Password>,
    }
    /// The hint is left where it is: Graph has none for these.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Password {
        key_id: KeyId,
        display_name: Option<String>,
        start_date_time: Option<String>,
        end_date_time: Option<String>,
    }
    let date = |text: Option<String>| text.and_then(|t| t.parse().ok());
    let credential = |p: Password| Credential {
        key_id: p.key_id,
        display_name: p.display_name.unwrap_or_default(),
        start: date(p.start_date_time),
        end: date(p.end_date_time),
        hint: None,
    };
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let passwords = parsed.password_credentials.into_iter().map(credential).collect();
    Some(ServicePrincipal { object_id: parsed.id, enabled: parsed.account_enabled, passwords })
}

pub(super) fn owners(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Parsed {
        value: Vec<Owner>,
    }
    #[derive(Deserialize)]
    struct Owner {
        id: String,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    Some(parsed.value.into_iter().map(|o| o.id).collect())
}

pub(super) fn requested(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        required_resource_access: Vec<Resource>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Resource {
        resource_app_id: String,
        resource_access: Vec<Permission>,
    }
    #[derive(Deserialize)]
    struct Permission {
        id: String,
        r#type: String,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let of_graph = parsed.required_resource_access.into_iter().filter(|r| r.resource_app_id == GRAPH_APP_ID);
    let permissions = of_graph.flat_map(|r| r.resource_access);
    // `Role` is an application permission, `Scope` a delegated one.
    Some(permissions.filter(|p| p.r#type == "Role").map(|p| p.id).collect())
}

/// The `passwordCredentials` part of an `appManagementConfiguration`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Restrictions {
    password_credentials: Vec<Restriction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restriction {
    restriction_type: String,
    /// Newer than the rest: where it is absent the restriction holds.
    state: Option<String>,
    max_lifetime: Option<String>,
    restrict_for_apps_created_after_date_time: Option<Timestamp>,
}

impl Restriction {
    /// An application whose age is not known is taken for a new one: the service decides in the end.
    fn holds_for(&self, created: Option<Timestamp>) -> bool {
        let enabled = self.state.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("enabled"));
        let after = self.restrict_for_apps_created_after_date_time;
        enabled && after.zip(created).is_none_or(|(after, created)| created >= after)
    }
}

/// The policy that is assigned to the application; `Some(None)` if there is none, or none that is enabled.
pub(super) fn assigned(body: &[u8], created: Option<Timestamp>) -> Option<Option<PasswordPolicy>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        value: Vec<Policy>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        display_name: Option<String>,
        is_enabled: bool,
        #[serde(default)]
        restrictions: Restrictions,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let Some(policy) = parsed.value.into_iter().find(|p| p.is_enabled) else { return Some(None) };
    let name = policy.display_name.unwrap_or_default();
    Some(Some(held_to(format!("the policy \"{}\"", name.escape_debug()), &policy.restrictions, created)?))
}

/// What holds for all applications of the tenant.
pub(super) fn tenants(body: &[u8], created: Option<Timestamp>) -> Option<PasswordPolicy> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed {
        is_enabled: bool,
        #[serde(default)]
        application_restrictions: Restrictions,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let restrictions = if parsed.is_enabled { parsed.application_restrictions } else { Restrictions::default() };
    held_to("the tenant's default policy".to_owned(), &restrictions, created)
}

/// `None` if a lifetime cannot be read: a policy with a gap is no policy.
fn held_to(name: String, restrictions: &Restrictions, created: Option<Timestamp>) -> Option<PasswordPolicy> {
    let mut policy = PasswordPolicy { name, ..PasswordPolicy::default() };
    for restriction in restrictions.password_credentials.iter().filter(|r| r.holds_for(created)) {
        // The other kinds are about keys, and about values that a client makes up itself.
        match restriction.restriction_type.as_str() {
            "passwordAddition" => policy.no_addition = true,
            "passwordLifetime" => policy.max_lifetime = Some(restriction.max_lifetime.as_deref()?.parse::<Span>().ok()?),
            _ => {}
        }
    }
    Some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn body(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    fn restriction(kind: &str, lifetime: Option<&str>, state: &str, after: Option<&str>) -> Value {
        json!({"restrictionType": kind, "maxLifetime": lifetime, "state": state,
               "restrictForAppsCreatedAfterDateTime": after})
    }

    #[test]
    fn a_restriction_holds_if_it_is_enabled_and_the_application_is_young_enough() {
        let default = |r: Value| {
            let all = json!({"isEnabled": true, "applicationRestrictions": {"passwordCredentials": [r]}});
            let policy = tenants(&body(&all), Some("2024-06-01T00:00:00Z".parse().unwrap())).unwrap();
            (policy.no_addition, policy.max_lifetime.map(|s| s.to_string()))
        };
        assert_eq!(default(restriction("passwordAddition", None, "enabled", None)), (true, None));
        assert_eq!(default(restriction("passwordAddition", None, "disabled", None)), (false, None));
        assert_eq!(default(restriction("passwordAddition", None, "enabled", Some("2024-07-01T00:00:00Z"))), (false, None));
        assert_eq!(default(restriction("passwordAddition", None, "enabled", Some("2019-01-01T00:00:00Z"))), (true, None));
        let lifetime = default(restriction("passwordLifetime", Some("P90D"), "enabled", None));
        assert_eq!(lifetime, (false, Some("P90D".to_owned())));
        assert_eq!(default(restriction("customPasswordAddition", None, "enabled", None)), (false, None));
    }

    #[test]
    fn a_policy_that_is_off_restricts_nothing_and_an_unreadable_one_is_none() {
        let forbids = json!([restriction("passwordAddition", None, "enabled", None)]);
        let off = json!({"isEnabled": false, "applicationRestrictions": {"passwordCredentials": forbids}});
        assert!(!tenants(&body(&off), None).unwrap().no_addition);
        let off = json!({"value": [{"isEnabled": false, "restrictions": {"passwordCredentials": forbids}}]});
        assert!(assigned(&body(&off), None).unwrap().is_none());
        let on = json!({"value": [{"displayName": "short", "isEnabled": true, "restrictions": {"passwordCredentials": forbids}}]});
        let policy = assigned(&body(&on), None).unwrap().unwrap();
        assert_eq!((policy.name.as_str(), policy.no_addition), ("the policy \"short\"", true));
        let odd = json!([restriction("passwordLifetime", Some("a while"), "enabled", None)]);
        let odd = json!({"isEnabled": true, "applicationRestrictions": {"passwordCredentials": odd}});
        assert!(tenants(&body(&odd), None).is_none());
    }

    #[test]
    fn only_application_permissions_of_graph_count() {
        let access =
            |resource: &str, kind: &str| json!({"resourceAppId": resource, "resourceAccess": [{"id": kind, "type": kind}]});
        let all = json!({"requiredResourceAccess": [
            access(GRAPH_APP_ID, "Role"), access(GRAPH_APP_ID, "Scope"), access("00000002-0000-0000-c000-000000000000", "Role"),
        ]});
        assert_eq!(requested(&body(&all)).unwrap(), ["Role"]);
    }

    proptest! {
        #[test]
        fn no_answer_stops_us(text in "\\PC*") {
            let text = text.as_bytes();
            prop_assert!(service_principal(text).is_none() && owners(text).is_none() && requested(text).is_none());
            prop_assert!(assigned(text, None).is_none() && tenants(text, None).is_none());
        }
    }
}
