//! The tenant's sign-in records (Graph, beta): one page a request, and a page leads nowhere but to Graph.

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::AzureServices;
use super::headers::sentence;
use super::outcome::Failure;
use crate::ports::{NextPage, Read, SignInPage, SignInRecord, SignIns};
use crate::rotation::answers::RefusalKind;
use crate::rotation::names::KeyId;

/// Where the records are. Only the beta version names the credential (v1.0 `signIn` has no such member).
const SIGN_INS: &str = "/beta/auditLogs/signIns";
const ACTIVITIES: &str = "/beta/reports/appCredentialSignInActivities";

impl SignIns for AzureServices {
    /// Filtered by application and time: the key ID is not documented as something to filter by, so records are compared here.
    async fn sign_ins(&self, since: Timestamp, next: Option<&NextPage>) -> Read<SignInPage> {
        let (host, app) = (self.graph.host(), self.graph.client_id());
        let url = match next {
            Some(NextPage(url)) => url.clone(),
            None => {
                let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
                let filter = format!(
                    "signInEventTypes/any(t: t eq 'servicePrincipal') and appId eq '{app}' and createdDateTime ge {since}"
                );
                format!("{host}{SIGN_INS}?$filter={filter}&$top=1000")
            }
        };
        self.graph.read_url(&url, |body| page(body, host, app)).await.or_else(Failure::into_read)
    }

    /// Only the public cloud has this report (its documentation page).
    async fn last_sign_in(&self, key_id: KeyId) -> Read<Option<Timestamp>> {
        if !["public", "sandbox", "custom"].contains(&self.cloud) {
            let why = "the report of credential activity exists in the public cloud only";
            return Failure::before_sending(RefusalKind::Rejected, "", why).into_read();
        }
        let url = format!("{}{ACTIVITIES}?$filter=keyId eq '{key_id}'", self.graph.host());
        self.graph.read_url(&url, |body| last_sign_in(body, key_id)).await.or_else(Failure::into_read)
    }
}

/// A page of the application's sign-ins. `None` if a record cannot be read, or what follows is not Graph's: a log with a gap is no
/// log.
pub(super) fn page(body: &[u8], host: &str, app: Uuid) -> Option<SignInPage> {
    #[derive(Deserialize)]
    struct Parsed {
        value: Vec<Row>,
        #[serde(rename = "@odata.nextLink")]
        next: Option<String>,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let next = match parsed.next {
        None => None,
        Some(link) => Some(NextPage(leads_to_graph(&link, host)?)),
    };
    let of_app = |row: &Row| row.app_id.as_deref().is_none_or(|id| Uuid::try_parse(id).is_ok_and(|id| id == app));
    let records = parsed.value.into_iter().filter(of_app).map(record).collect();
    Some(SignInPage { records, next })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    created_date_time: Timestamp,
    app_id: Option<String>,
    ip_address: Option<String>,
    correlation_id: Option<String>,
    resource_display_name: Option<String>,
    resource_id: Option<String>,
    service_principal_credential_key_id: Option<String>,
    client_credential_type: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    error_code: Option<u32>,
}

fn record(row: Row) -> SignInRecord {
    let text = |text: Option<String>| text.map(|t| sentence(&t)).filter(|t| !t.is_empty());
    let address = row.ip_address.and_then(|a| a.trim().parse::<std::net::IpAddr>().ok());
    let by_secret = match row.client_credential_type.as_deref() {
        None | Some("clientSecret" | "none" | "unknownFutureValue" | "") => true,
        Some(_) => false,
    };
    SignInRecord {
        id: row.id,
        at: row.created_date_time,
        key_id: row.service_principal_credential_key_id.and_then(|k| k.parse().ok()),
        by_secret,
        // an IPv4 address may be written as IPv6
        address: address.map(|a| a.to_canonical()),
        resource: text(row.resource_display_name).or(text(row.resource_id)).unwrap_or_default(),
        correlation_id: row.correlation_id.and_then(|c| Uuid::try_parse(&c).ok()),
        error: row.status.and_then(|s| s.error_code).unwrap_or_default(),
    }
}

/// The link, if it leads to the sign-ins of the very host that was asked. Graph may name the port.
fn leads_to_graph(link: &str, host: &str) -> Option<String> {
    let (link, host) = (Url::parse(link).ok()?, Url::parse(host).ok()?);
    let same = link.origin() == host.origin() && link.path() == SIGN_INS;
    let plain = link.username().is_empty() && link.password().is_none();
    (same && plain).then(|| link.to_string())
}

/// The latest of the credential's sign-ins; there may be one entry for the application and one for the service principal.
pub(super) fn last_sign_in(body: &[u8], key_id: KeyId) -> Option<Option<Timestamp>> {
    #[derive(Deserialize)]
    struct Parsed {
        value: Vec<Item>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        key_id: String,
        sign_in_activity: Option<Activity>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Activity {
        last_sign_in_date_time: Option<Timestamp>,
    }
    let parsed: Parsed = serde_json::from_slice(body).ok()?;
    let of_key = parsed.value.into_iter().filter(|i| i.key_id.parse() == Ok(key_id));
    Some(of_key.filter_map(|i| i.sign_in_activity?.last_sign_in_date_time).max())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const HOST: &str = "https://graph.microsoft.com";
    const APP: Uuid = Uuid::from_u128(0xA11);

    fn row() -> Value {
        json!({
            "id": "66ea54eb-6301-4ee5-be62-ff5a759b0100", "createdDateTime": "2026-11-22T03:00:00.5Z", "appId": APP,
            "ipAddress": "::ffff:203.0.113.7", "correlationId": "00000007-aaaa-4bbb-8ccc-000000000001",
            "resourceDisplayName": "Microsoft\u{7} Graph", "resourceId": "00000003-0000-0000-c000-000000000000",
            "servicePrincipalCredentialKeyId": "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc",
            "clientCredentialType": "clientSecret", "status": {"errorCode": 0, "failureReason": null},
        })
    }

    fn read(value: &Value) -> Option<SignInPage> {
        page(value.to_string().as_bytes(), HOST, APP)
    }

    #[test]
    fn a_record_is_read_and_odd_members_spoil_only_themselves() {
        let records = read(&json!({"value": [row()]})).unwrap().records;
        assert_eq!(records[0].address, Some("203.0.113.7".parse().unwrap()));
        assert_eq!((records[0].resource.as_str(), records[0].error, records[0].by_secret), ("Microsoft Graph", 0, true));
        assert_eq!(records[0].key_id.unwrap().to_string(), "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc");
        let mut odd = row();
        for member in ["ipAddress", "correlationId", "resourceDisplayName", "servicePrincipalCredentialKeyId"] {
            odd[member] = json!("");
        }
        odd["clientCredentialType"] = json!("certificate");
        odd["status"] = Value::Null;
        let odd = &read(&json!({"value": [odd]})).unwrap().records[0];
        assert_eq!((odd.address, odd.key_id, odd.correlation_id, odd.by_secret), (None, None, None, false));
        assert_eq!(odd.resource, "00000003-0000-0000-c000-000000000000");
    }

    #[test]
    fn a_page_with_a_gap_is_none_and_other_applications_are_passed_over() {
        let mut broken = row();
        broken["createdDateTime"] = json!("yesterday");
        assert_eq!(read(&json!({"value": [row(), broken]})), None);
        let mut other = row();
        other["appId"] = json!("73c912d2-fd2d-42a0-b3ae-2e45d006b8bc");
        assert_eq!(read(&json!({"value": [row(), other]})).unwrap().records.len(), 1);
    }

    #[test]
    fn the_next_page_is_graphs_or_none() {
        let next = |link: &str| read(&json!({"value": [], "@odata.nextLink": link})).map(|p| p.next);
        for good in [
            "https://graph.microsoft.com/beta/auditLogs/signIns?$skiptoken=x",
            "https://graph.microsoft.com:443/beta/auditLogs/signIns",
        ] {
            assert!(next(good).unwrap().is_some(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com/beta/auditLogs/signIns",
            "https://graph.microsoft.com.example.org/beta/auditLogs/signIns",
            "https://graph.microsoft.com:8443/beta/auditLogs/signIns",
            "https://x:y@graph.microsoft.com/beta/auditLogs/signIns",
            "https://graph.microsoft.com/beta/users",
            "/beta/auditLogs/signIns",
            "",
        ] {
            assert_eq!(next(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_latest_activity_of_the_key_counts() {
        let key = "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc";
        let item = |key: &str, at: Value| json!({"keyId": key, "signInActivity": {"lastSignInDateTime": at}});
        let all = json!({"value": [
            item(key, json!("2026-11-20T00:00:00Z")), item(key, json!("2026-11-21T00:00:00Z")), item(key, Value::Null),
            item("00000000-0000-0000-0000-000000000001", json!("2026-11-22T00:00:00Z")),
        ]});
        let last = last_sign_in(all.to_string().as_bytes(), key.parse().unwrap()).unwrap();
        assert_eq!(last, Some("2026-11-21T00:00:00Z".parse().unwrap()));
        assert_eq!(last_sign_in(br#"{"value":[]}"#, key.parse().unwrap()), Some(None));
    }

    proptest! {
        #[test]
        fn no_page_stops_us(text in "\\PC*", link in "\\PC{0,60}") {
            prop_assert!(page(text.as_bytes(), HOST, APP).is_none());
            let mut odd = row();
            odd["id"] = json!(text);
            odd["ipAddress"] = json!(text);
            odd["resourceDisplayName"] = json!(text);
            let read = read(&json!({"value": [odd]})).unwrap();
            prop_assert!(read.records[0].resource.chars().all(|c| !c.is_control()));
            let next = json!({"value": [], "@odata.nextLink": link}).to_string();
            prop_assert!(page(next.as_bytes(), HOST, APP).is_none());
        }
    }
}
