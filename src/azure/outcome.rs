//! What the end of a request means: pure functions from status and body to a [`Refusal`], and whether a change may have landed.

use std::time::Duration;

use serde_json::Value;

use super::headers::{identifier, sentence};
use crate::ports::{Outcome, Read};
pub(crate) use crate::refusals::by_status;
use crate::refusals::{self, Service};
use crate::rotation::answers::{Refusal, RefusalKind, Trace};

/// A request that did not succeed. As an error it passes through the SDK's layers, which would lose what it says.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{refusal}")]
pub(crate) struct Failure {
    pub(crate) refusal: Refusal,
    pub(crate) trace: Trace,
    /// Whether the service may have done it, now or later.
    pub(crate) may_have_landed: bool,
}

impl Failure {
    /// A failure that keyrelay found itself, before anything was sent.
    pub(crate) fn before_sending(kind: RefusalKind, code: &str, message: &str) -> Failure {
        let refusal = Refusal { code: code.to_owned(), message: message.to_owned(), ..bare(kind, None) };
        Failure { refusal, trace: Trace::default(), may_have_landed: false }
    }

    /// An answer of success whose body is not what the service promises. What was asked for may well have happened.
    pub(crate) fn unreadable(status: u16, trace: Trace) -> Failure {
        Failure { refusal: bare(RefusalKind::BadAnswer, Some(status)), trace, may_have_landed: true }
    }

    /// The same without the service's sentence, for a request that carried the value: nothing can then quote it.
    pub(crate) fn without_sentence(mut self) -> Failure {
        self.refusal.message.clear();
        self
    }

    /// The end of a request that changes the cloud.
    pub(crate) fn into_outcome<T>(self) -> Outcome<T> {
        match self.may_have_landed {
            true => Outcome::InDoubt(self.refusal, self.trace),
            false => Outcome::NotApplied(self.refusal, self.trace),
        }
    }

    /// The end of a read.
    pub(crate) fn into_read<T>(self) -> Read<T> {
        Err((self.refusal, self.trace))
    }
}

/// Whether a change may have happened although the answer is not a success. Only 4xx prove that it was rejected, and 408 does
/// not: the service gave up waiting, perhaps after it had read everything. A redirect proves nothing either.
pub(crate) fn may_have_landed(status: u16) -> bool {
    !(400..=499).contains(&status) || status == 408
}

/// What a service says in the body of an error: `{"error":{"code","message","details","innererror"}}`.
///
/// Graph's directory service spells the member `innerError`, its documentation and Key Vault `innererror`
/// (learn.microsoft.com/graph/errors). The body is taken apart member by member, so that one of an odd type spoils only itself.
#[derive(Debug, Default)]
pub(crate) struct ServiceError {
    /// `code`.
    pub(crate) code: String,
    /// `innererror.code`, which is where Key Vault says what it means.
    pub(crate) inner: String,
    /// The codes of `details`.
    pub(crate) details: Vec<String>,
    /// `message`.
    pub(crate) message: String,
}

impl ServiceError {
    /// Reads a body; empty if there is no error in it.
    pub(crate) fn of(body: &[u8]) -> ServiceError {
        let Ok(json) = serde_json::from_slice::<Value>(body) else { return ServiceError::default() };
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let code = |pointer: &str| text(pointer).and_then(identifier);
        let details = json.pointer("/error/details").and_then(Value::as_array).into_iter().flatten();
        ServiceError {
            code: code("/error/code").unwrap_or_default(),
            inner: code("/error/innererror/code").or_else(|| code("/error/innerError/code")).unwrap_or_default(),
            details: details.filter_map(|d| d.get("code")?.as_str()).filter_map(identifier).collect(),
            message: sentence(text("/error/message").unwrap_or_default()),
        }
    }
}

/// Graph's refusal. What its codes mean is in [`crate::refusals`]. Where a detail is what is known, as with a policy's end date,
/// the code is `code/detail`.
pub(crate) fn graph_refusal(status: u16, retry_after: Option<Duration>, error: &ServiceError) -> Refusal {
    let known = |code: &&str| refusals::known(Service::Graph, status, code).is_some();
    let deeper = [&error.inner].into_iter().chain(&error.details).map(String::as_str).find(known);
    let deeper = deeper.filter(|_| !known(&error.code.as_str())).unwrap_or_default();
    // Every code of this ending is a policy's; the table has those that were seen.
    let policy = error.code.ends_with("AsPerAppPolicy") && (400..=499).contains(&status);
    let kind = if policy { RefusalKind::Policy } else { refusals::kind(Service::Graph, status, &[&error.code, deeper]) };
    let code = [error.code.as_str(), deeper].into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>().join("/");
    Refusal { code, message: error.message.clone(), retry_after, ..bare(kind, Some(status)) }
}

/// Key Vault's refusal. The code is `code/innererror`, such as `Forbidden/ForbiddenByRbac`, or `code/number` where the sentence
/// begins with a number, such as `Unauthorized/AKV10032`. What they mean is in [`crate::refusals`].
pub(crate) fn vault_refusal(status: u16, retry_after: Option<Duration>, error: &ServiceError) -> Refusal {
    let number = error.message.split(':').next().filter(|n| is_number(n)).unwrap_or_default();
    // The firewall's refusal is documented by its sentence only; its code is not.
    let firewall = status == 403 && error.message.contains("caller is not a trusted service");
    let kind = match firewall {
        true => RefusalKind::Firewall,
        false => refusals::kind(Service::Vault, status, &[&error.inner, number, &error.code]),
    };
    let inner = if error.inner.is_empty() { number } else { error.inner.as_str() };
    let code = [error.code.as_str(), inner].into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>().join("/");
    Refusal { code, message: error.message.clone(), retry_after, ..bare(kind, Some(status)) }
}

/// A number of Key Vault's, such as `AKV10032`.
fn is_number(word: &str) -> bool {
    word.strip_prefix("AKV").is_some_and(|n| (1..=6).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A refusal that says no more than its kind.
pub(crate) fn bare(kind: RefusalKind, status: Option<u16>) -> Refusal {
    Refusal { kind, status, code: String::new(), message: String::new(), retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RefusalKind as K;
    use proptest::prelude::*;

    fn error(code: &str, inner: &str, message: &str) -> ServiceError {
        ServiceError { code: code.into(), inner: inner.into(), details: Vec::new(), message: message.into() }
    }

    #[test]
    fn only_a_4xx_other_than_408_proves_that_nothing_happened() {
        let landed = [100, 200, 201, 204, 301, 302, 307, 308, 408, 500, 501, 502, 503, 504, 599];
        let rejected = [400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 422, 423, 424, 429, 499];
        assert!(landed.into_iter().all(may_have_landed));
        assert!(!rejected.into_iter().any(may_have_landed));
    }

    #[test]
    fn graphs_refusals() {
        let cases = [
            (400, "Request_BadRequest", K::Rejected),
            (400, "TooManyAppPasswords", K::NoRoom),
            (400, "CredentialInvalidLifetimeAsPerAppPolicy", K::Policy),
            (400, "CredentialTypeNotAllowedAsPerAppPolicy", K::Policy),
            (401, "InvalidAuthenticationToken", K::Unauthenticated),
            (403, "Authorization_RequestDenied", K::Forbidden),
            (403, "Directory_ResourceSizeExceeded", K::NoRoom),
            (404, "Request_ResourceNotFound", K::NotFound),
            (408, "", K::Unanswered),
            (409, "Directory_ConcurrencyViolation", K::Conflict),
            (503, "Directory_ConcurrencyViolation", K::Conflict),
            (429, "TooManyRequests", K::Throttled),
            (500, "", K::Unanswered),
            (503, "ServiceUnavailable", K::Unanswered),
            (302, "", K::BadAnswer),
        ];
        for (status, code, kind) in cases {
            assert_eq!(graph_refusal(status, None, &error(code, "", "")).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn the_vaults_refusals() {
        let firewall = "Client address is not authorized and caller is not a trusted service.";
        let cases = [
            (401, "Unauthorized", "", "", K::Unauthenticated),
            (403, "Forbidden", "ForbiddenByRbac", "", K::Forbidden),
            (403, "Forbidden", "ForbiddenByPolicy", "", K::Forbidden),
            (403, "Forbidden", "ForbiddenByFirewall", "", K::Firewall),
            (403, "Forbidden", "", firewall, K::Firewall),
            (403, "Forbidden", "SecretDisabled", "", K::Disabled),
            (404, "SecretNotFound", "", "", K::NotFound),
            (409, "Conflict", "ObjectIsDeletedButRecoverable", "", K::SoftDeleted),
            (409, "Conflict", "ObjectIsBeingDeleted", "", K::BeingDeleted),
            (409, "Conflict", "", "", K::Conflict),
            (400, "BadParameter", "", "", K::Rejected),
            (429, "Throttled", "", "", K::Throttled),
            (500, "InternalServerError", "", "", K::Unanswered),
        ];
        for (status, code, inner, message, kind) in cases {
            assert_eq!(vault_refusal(status, None, &error(code, inner, message)).kind, kind, "{status} {code}/{inner}");
        }
        let refusal = vault_refusal(403, None, &error("Forbidden", "ForbiddenByRbac", "no"));
        assert_eq!(refusal.to_string(), "permission missing (HTTP 403, Forbidden/ForbiddenByRbac): no");
    }

    #[test]
    fn what_is_known_of_graphs_refusal_is_kept() {
        let waits = Some(Duration::from_secs(7));
        let read = |code: &str, inner: &str, details: &[&str]| {
            let details = details.iter().map(|&d| d.into()).collect();
            let refusal = graph_refusal(400, waits, &ServiceError { details, ..error(code, inner, "no") });
            assert_eq!((refusal.message.as_str(), refusal.retry_after, refusal.status), ("no", waits, Some(400)));
            (refusal.kind, refusal.code)
        };
        let is = |kind, code: &str| (kind, code.to_owned());
        // What is known may stand deeper; where the code itself is known, nothing deeper overrules it.
        assert_eq!(read("Request_BadRequest", "", &[]), is(K::Rejected, "Request_BadRequest"));
        assert_eq!(read("A", "B", &["C", "InvalidKeyEndDate"]), is(K::Policy, "A/InvalidKeyEndDate"));
        assert_eq!(read("A", "TooManyAppPasswords", &["InvalidKeyEndDate"]), is(K::NoRoom, "A/TooManyAppPasswords"));
        assert_eq!(read("TooManyAppPasswords", "InvalidKeyEndDate", &[]), is(K::NoRoom, "TooManyAppPasswords"));
        assert_eq!(read("", "InvalidKeyEndDate", &[]), is(K::Policy, "InvalidKeyEndDate"));
        // A policy that no row names is one all the same, unless the service is out of order.
        let policy = error("NeverSeenAsPerAppPolicy", "", "");
        assert_eq!([400, 500].map(|status| graph_refusal(status, None, &policy).kind), [K::Policy, K::Unanswered]);
    }

    #[test]
    fn what_is_known_of_the_vaults_refusal_is_kept() {
        let waits = Some(Duration::from_secs(7));
        let read = |code: &str, inner: &str, message: &str| {
            let refusal = vault_refusal(401, waits, &error(code, inner, message));
            assert_eq!((refusal.message.as_str(), refusal.retry_after, refusal.status), (message, waits, Some(401)));
            refusal.code
        };
        assert_eq!(read("Unauthorized", "", "AKV10032: Invalid issuer."), "Unauthorized/AKV10032");
        assert_eq!(read("Unauthorized", "Inner", "AKV10032: Invalid issuer."), "Unauthorized/Inner");
        assert_eq!(read("", "", "AKV10032: Invalid issuer."), "AKV10032");
        for no_number in ["AKV: no", "AKV1234567: no", "AKV10x32: no", "10032: no", "no AKV10032: no", "no"] {
            assert_eq!(read("Unauthorized", "", no_number), "Unauthorized", "{no_number}");
        }
        // The firewall's sentence counts with its status only.
        let trusted = error("Unauthorized", "", "Client address is not authorized and caller is not a trusted service.");
        assert_eq!(vault_refusal(401, None, &trusted).kind, K::Unauthenticated);
    }

    #[test]
    fn what_keyrelay_found_itself_before_sending_has_not_landed() {
        let found = Failure::before_sending(K::Rejected, "Code", "why");
        assert_eq!((found.refusal.code.as_str(), found.refusal.message.as_str()), ("Code", "why"));
        assert!(matches!(found.into_outcome::<()>(), Outcome::NotApplied(..)));
        let unreadable = Failure::unreadable(201, Trace::default());
        assert_eq!(unreadable.refusal.status, Some(201));
        assert!(matches!(unreadable.into_outcome::<()>(), Outcome::InDoubt(..)));
        let silent = Failure::before_sending(K::Rejected, "Code", "why").without_sentence();
        assert_eq!((silent.refusal.code.as_str(), silent.refusal.message.as_str()), ("Code", ""));
    }

    #[test]
    fn an_error_is_read_in_both_spellings_and_with_escapes() {
        let lower =
            br#"{"error":{"code":"Forbidden","message":"Caller: x\r\nAction: y","innererror":{"code":"ForbiddenByRbac"}}}"#;
        let read = ServiceError::of(lower);
        assert_eq!((read.code.as_str(), read.inner.as_str()), ("Forbidden", "ForbiddenByRbac"));
        assert_eq!(read.message, "Caller: x Action: y");
        let camel =
            br#"{"error":{"code":"A","innerError":{"code":"B"},"details":[{"code":"C"},7,{"code":null}],"message":5}}"#;
        let read = ServiceError::of(camel);
        assert_eq!((read.code.as_str(), read.inner.as_str(), read.message.as_str()), ("A", "B", ""));
        assert_eq!(read.details, ["C"]);
    }

    #[test]
    fn a_code_that_is_no_identifier_is_dropped() {
        let read = ServiceError::of(br#"{"error":{"code":"xyz8Q~ a value?","message":"m"}}"#);
        assert_eq!((read.code.as_str(), read.message.as_str()), ("", "m"));
        assert_eq!(ServiceError::of(b"<html>").code, "");
        assert_eq!(ServiceError::of(b"[]").code, "");
    }

    proptest! {
        #[test]
        fn no_error_body_stops_us_or_passes_for_more_than_its_status(
            status in 100u16..600, code in "\\PC{0,20}", text in "\\PC{0,400}", rest in "\\PC*"
        ) {
            let body = serde_json::json!({"error": {"code": code, "message": text, "innererror": {"code": rest}}}).to_string();
            for body in [rest.as_bytes(), body.as_bytes(), &body.as_bytes()[..body.len() / 2]] {
                let error = ServiceError::of(body);
                prop_assert!(error.message.chars().count() <= 303 && error.message.chars().all(|c| !c.is_control()));
                for refusal in [graph_refusal(status, None, &error), vault_refusal(status, None, &error)] {
                    prop_assert_eq!(refusal.status, Some(status));
                    prop_assert!(!refusal.to_string().is_empty());
                }
            }
        }
    }
}
