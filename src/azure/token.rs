//! The token endpoint: does this value sign in, now, as the application that is meant?

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::AzureServices;
use super::cloud::Cloud;
use super::headers::identifier;
use super::http::{Broken, Clients, Reply, client_request_id, exchange, sign_in_id};
use super::identity::claims;
use crate::correlation::CorrelationKey;
use crate::ports::TokenEndpoint;
use crate::refusals::{Why, says_later};
use crate::rotation::answers::{SignIn, Trace};
use crate::secret::SecretValue;
use crate::secret::requests;

pub(crate) struct SignInEndpoint {
    url: String,
    tenant: String,
    client_id: Uuid,
    scope: String,
    client: reqwest::Client,
    known_by: Option<CorrelationKey>,
}

impl SignInEndpoint {
    pub(crate) fn new(cloud: &Cloud, tenant: String, client_id: Uuid, scope: String, clients: &Clients) -> SignInEndpoint {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", cloud.authority());
        SignInEndpoint { url, tenant, client_id, scope, client: clients.fresh.clone(), known_by: None }
    }

    pub(crate) fn known_by(&mut self, key: CorrelationKey) {
        self.known_by = Some(key);
    }
}

impl TokenEndpoint for AzureServices {
    async fn sign_in(&self, value: &SecretValue) -> (SignIn, Trace) {
        let endpoint = &self.sign_in;
        let id = endpoint.known_by.as_ref().map_or_else(client_request_id, sign_in_id);
        let form = requests::sign_in_form(&endpoint.client_id.to_string(), &endpoint.scope, value);
        let request = endpoint.client.post(&endpoint.url).header("client-request-id", &id).body(form);
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").header("accept", "application/json");
        match exchange(request).await {
            Ok(reply) => {
                let trace = reply.trace(&id);
                (verdict(&reply, &endpoint.tenant, endpoint.client_id), traced(&reply.body, trace))
            }
            Err(broken) => (unavailable(&broken), Trace { client_request_id: Some(id), ..Trace::default() }),
        }
    }
}

fn unavailable(broken: &Broken) -> SignIn {
    let why = match broken {
        Broken::NotSent(why) => Why::Unreachable.begins(why),
        Broken::Lost { timed_out: true, .. } => format!("{} in time", Why::Silent.words()),
        Broken::Lost { timed_out: false, .. } => "the connection broke before the answer was whole".to_owned(),
        Broken::TooLong { status } => format!("an answer of endless length (HTTP {status})"),
    };
    SignIn::Unavailable { why }
}

/// The ids of the body, which are the ones that support asks for.
pub(super) fn traced(body: &[u8], trace: Trace) -> Trace {
    let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let id = |name: &str| json.get(name).and_then(Value::as_str).and_then(identifier);
    Trace {
        request_id: id("trace_id").or(trace.request_id),
        client_request_id: id("correlation_id").or(trace.client_request_id),
        date: trace.date,
        token_seconds: token_seconds(&json),
    }
}

/// `expires_in` of a granted token: seconds, as a number or, as some proxies of it answer, as text.
fn token_seconds(json: &Value) -> Option<u32> {
    json.get("access_token")?;
    let expires_in = json.get("expires_in")?;
    let seconds = expires_in.as_u64().or_else(|| expires_in.as_str()?.parse().ok())?;
    u32::try_from(seconds).ok()
}

/// What an answer says about the value.
pub(super) fn verdict(reply: &Reply, tenant: &str, client_id: Uuid) -> SignIn {
    let status = reply.status;
    let unavailable = |why: &str| SignIn::Unavailable { why: format!("{why} (HTTP {status})") };
    match status {
        200..=299 => match access_token(&reply.body) {
            Some(token) if is_of(&token, tenant, client_id) => SignIn::Accepted,
            Some(_) => SignIn::OtherIdentity,
            None => unavailable(&format!("{}, a success without a token", Why::NotAnAnswer.words())),
        },
        408 => unavailable("time-out"),
        429 => unavailable(Why::Throttled.words()),
        400..=499 => {
            let said = refusal_codes(&reply.body);
            match (said.codes.as_slice(), said.class.as_str()) {
                _ if said.is_transient() => unavailable(&format!("{}, {}", Why::Passing.words(), said.label())),
                ([], "") => unavailable(Why::NotAnAnswer.words()),
                ([7000215], _) => SignIn::Wrong,
                ([7000222], _) => SignIn::Expired,
                (codes, class) => {
                    SignIn::Refused { code: codes.first().copied().unwrap_or_default(), class: class.to_owned() }
                }
            }
        }
        500..=599 => unavailable("out of order"),
        _ => unavailable(Why::NotAnAnswer.words()),
    }
}

/// The `error` class and the AADSTS numbers of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusalCodes {
    codes: Vec<u32>,
    class: String,
}

impl RefusalCodes {
    /// Whether asking again later may help. Microsoft asks to go by the class; the numbers are for where it is too wide.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.class.as_str(), "temporarily_unavailable" | "server_error")
            || self.codes.iter().any(|c| says_later(*c))
    }

    /// Both, such as `invalid_client/AADSTS7000215`.
    pub(crate) fn label(&self) -> String {
        let numbers = self.codes.iter().take(1).map(|c| format!("AADSTS{c}"));
        let class = Some(self.class.clone()).filter(|c| !c.is_empty());
        class.into_iter().chain(numbers).collect::<Vec<_>>().join("/")
    }
}

/// Reads a refusal: `error`, and `error_codes` or else the number at the head of `error_description`. Nothing else is kept.
pub(crate) fn refusal_codes(body: &[u8]) -> RefusalCodes {
    let json = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let number = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
    let mut codes: Vec<u32> = match json.get("error_codes").and_then(Value::as_array) {
        // A number that cannot be read is a number that is not known: 0 keeps it from being overlooked.
        Some(listed) => listed.iter().map(|v| number(v).unwrap_or_default()).collect(),
        None => Vec::new(),
    };
    if codes.is_empty() {
        let description = json.get("error_description").and_then(Value::as_str).unwrap_or_default();
        let digits = description.strip_prefix("AADSTS").and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        codes.extend(digits.and_then(|d| d.parse::<u32>().ok()));
    }
    let class = json.get("error").and_then(Value::as_str).and_then(identifier).unwrap_or_default();
    RefusalCodes { codes, class }
}

fn access_token(body: &[u8]) -> Option<Zeroizing<String>> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
    }
    let token = Zeroizing::new(serde_json::from_slice::<Granted>(body).ok()?.access_token);
    (!token.is_empty()).then_some(token)
}

/// Whether the token is the application's in the tenant, as far as it says so: `tid`, and `appid` (v1) or `azp` (v2). The
/// signature is not checked: the token came from its issuer over TLS and is not used. An opaque token says nothing and passes.
/// A tenant that is named by domain cannot be compared with `tid`.
fn is_of(token: &str, tenant: &str, client_id: Uuid) -> bool {
    let claims = claims(token).unwrap_or_default();
    let agrees = |claim: &str, id: Uuid| match claims.get(claim) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str().and_then(|v| Uuid::try_parse(v).ok()) == Some(id),
    };
    let tenant = Uuid::try_parse(tenant).ok();
    agrees("appid", client_id) && agrees("azp", client_id) && tenant.is_none_or(|t| agrees("tid", t))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    const TENANT: &str = "54826b22-38d6-4fb2-bad9-b7b93a3e9c5a";
    const APP: &str = "afb85a07-e312-4d49-b75b-9db4e2d683cd";
    const OTHER: &str = "765eb0e3-acb3-475d-9a98-ee6892f081c8";

    fn ask(status: u16, body: &str) -> SignIn {
        let reply = Reply { status, headers: HeaderMap::new(), body: Zeroizing::new(body.as_bytes().to_vec()) };
        verdict(&reply, TENANT, APP.parse().unwrap())
    }

    fn refusal(class: &str, code: u32) -> String {
        json!({"error": class, "error_codes": [code], "error_description": format!("AADSTS{code}: \r\n text")}).to_string()
    }

    fn granted(claims: &Value) -> String {
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
        json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}).to_string()
    }

    #[test]
    fn every_code_of_the_table() {
        let refused = [
            (400, "unauthorized_client", 700016),
            (400, "unauthorized_client", 700038),
            (400, "invalid_request", 90002),
            (400, "invalid_request", 900023),
            (400, "invalid_request", 90038),
            (400, "unauthorized_client", 7000112),
            (400, "invalid_resource", 500014),
            (400, "invalid_resource", 500011),
            (400, "invalid_scope", 70011),
            (400, "invalid_scope", 1002012),
            (400, "access_denied", 53003),
            (401, "invalid_client", 7000216),
            (400, "unsupported_grant_type", 70003),
            (400, "invalid_client", 700213),
            (400, "invalid_grant", 50196),
            (401, "invalid_client", 123_456_789),
        ];
        for (status, class, code) in refused {
            assert_eq!(ask(status, &refusal(class, code)), SignIn::Refused { code, class: class.into() });
        }
        assert_eq!(ask(401, &refusal("invalid_client", 7000215)), SignIn::Wrong);
        assert_eq!(ask(401, &refusal("invalid_client", 7000222)), SignIn::Expired);
        for code in [90006, 90012, 90024, 90033, 90055, 50000] {
            assert!(matches!(ask(400, &refusal("invalid_request", code)), SignIn::Unavailable { .. }), "{code}");
        }
        for class in ["temporarily_unavailable", "server_error"] {
            assert!(matches!(ask(400, &refusal(class, 7000215)), SignIn::Unavailable { .. }), "{class}");
        }
    }

    #[test]
    fn nothing_but_a_refusal_that_says_so_is_evidence_of_a_dead_value() {
        let wrong = refusal("invalid_client", 7000215);
        let html = "<html>AADSTS7000215: no</html>";
        for (status, body) in
            [(500, wrong.as_str()), (503, &wrong), (429, &wrong), (408, &wrong), (302, &wrong), (401, html)]
        {
            assert!(matches!(ask(status, body), SignIn::Unavailable { .. }), "{status}");
        }
        for (status, body) in [(429, "Too Many Requests"), (401, ""), (400, "[]"), (400, "{}"), (200, "{}"), (200, "")] {
            assert!(matches!(ask(status, body), SignIn::Unavailable { .. }), "{status} {body}");
        }
        let two = json!({"error": "invalid_client", "error_codes": [7000215, 53003]}).to_string();
        assert_eq!(ask(401, &two), SignIn::Refused { code: 7000215, class: "invalid_client".into() });
        let odd = json!({"error": "invalid_client", "error_codes": [7000215, "x"]}).to_string();
        assert!(!ask(401, &odd).says_dead());
        assert_eq!(ask(401, r#"{"error":"invalid_client"}"#), SignIn::Refused { code: 0, class: "invalid_client".into() });
    }

    #[test]
    fn the_number_is_found_in_the_text_where_the_list_is_missing() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."}"#;
        assert_eq!(ask(401, body), SignIn::Expired);
        let said = refusal_codes(body.as_bytes());
        assert_eq!(said.label(), "invalid_client/AADSTS7000222");
    }

    #[test]
    fn the_token_must_be_the_applications() {
        let accepted = [
            json!({"tid": TENANT, "azp": APP}),
            json!({"tid": TENANT.to_uppercase(), "appid": APP.to_uppercase()}),
            json!({"tid": TENANT, "appid": null}),
            json!({}),
        ];
        for claims in accepted {
            assert_eq!(ask(200, &granted(&claims)), SignIn::Accepted, "{claims}");
        }
        let other = [
            json!({"tid": OTHER, "azp": APP}),
            json!({"tid": TENANT, "azp": OTHER}),
            json!({"tid": TENANT, "appid": APP, "azp": OTHER}),
            json!({"tid": 5, "azp": APP}),
        ];
        for claims in other {
            assert_eq!(ask(200, &granted(&claims)), SignIn::OtherIdentity, "{claims}");
        }
        assert_eq!(ask(200, r#"{"access_token":"opaque"}"#), SignIn::Accepted);
        assert_eq!(ask(200, r#"{"access_token":"a.%%%.c"}"#), SignIn::Accepted);
    }

    #[test]
    fn a_domain_is_not_compared_with_a_tenant_id() {
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(json!({"tid": OTHER, "azp": APP}).to_string()));
        assert!(is_of(&token, "contoso.onmicrosoft.com", APP.parse().unwrap()));
        assert!(!is_of(&token, "contoso.onmicrosoft.com", OTHER.parse().unwrap()));
    }

    #[test]
    fn the_trace_has_the_bodys_ids() {
        let body = br#"{"trace_id":"0b5f","correlation_id":"c0ffee","error":"x"}"#;
        let trace = traced(body, Trace { request_id: Some("header".into()), ..Trace::default() });
        assert_eq!((trace.request_id.as_deref(), trace.client_request_id.as_deref()), (Some("0b5f"), Some("c0ffee")));
        let trace = traced(b"", Trace { request_id: Some("header".into()), ..Trace::default() });
        assert_eq!(trace.request_id.as_deref(), Some("header"));
    }

    proptest! {
        #[test]
        fn no_body_stops_us_or_passes_for_a_dead_value(status in 100u16..600, body in "\\PC*", number in any::<u64>()) {
            prop_assert!(!ask(status, &body).says_dead());
            let numbered = format!("{{\"error\":\"invalid_client\",\"error_codes\":[{number}]}}");
            prop_assert!(!ask(status, &numbered).says_dead() || matches!(number, 7000215 | 7000222));
            let _ = is_of(&body, &body, Uuid::nil());
        }
    }
}
