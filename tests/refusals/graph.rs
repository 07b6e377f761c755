//! Microsoft Graph's refusals.

use keyrelay::refusals::Operation as O;
use serde_json::json;

use crate::asking::{Ask, Case, Known, all, refusal};
use crate::support::{Answer, json as reply, recorded};

pub(crate) fn cases() -> Vec<Case> {
    let case = |row, operation, answer: Option<Answer>, known, says, run| Case {
        row,
        ask: Ask::For(operation),
        answer,
        known,
        says,
        run,
    };
    let no = Known::NotApplied;
    let detail = |code: &str, detail: &str| {
        Some(reply(400, json!({"error": {"code": code, "message": "m", "details": [{"code": detail, "target": "t"}]}})))
    };
    vec![
        case(
            "graph-too-many-passwords",
            O::AddSecret,
            refusal(400, "TooManyAppPasswords", ""),
            no,
            "The application afb85a07-e312-4d49-b75b-9db4e2d683cd holds two secrets already, and its audience includes personal \
             accounts, which allows no third (while adding a secret to the application, HTTP 400, TooManyAppPasswords, request-id ",
            "az ad app credential list --id afb85a07-e312-4d49-b75b-9db4e2d683cd`",
        ),
        case(
            "graph-too-many-passwords",
            O::AddSecret,
            detail("Request_BadRequest2", "TooManyAppPasswords"),
            no,
            "HTTP 400, Request_BadRequest2/TooManyAppPasswords, request-id ",
            "--key-id KEY_ID`",
        ),
        case(
            "graph-object-too-large",
            O::AddSecret,
            refusal(403, "Directory_ResourceSizeExceeded", ""),
            no,
            "takes nothing more",
            "Remove credentials that have expired",
        ),
        case(
            "graph-policy-lifetime",
            O::AddSecret,
            detail("CredentialInvalidLifetimeAsPerAppPolicy", "InvalidKeyEndDate"),
            no,
            "does not allow a secret to live as long as the runbook says",
            "Shorten `secret.lifetime` in billing.md",
        ),
        case(
            "graph-policy-addition",
            O::AddSecret,
            refusal(400, "CredentialTypeNotAllowedAsPerAppPolicy", ""),
            no,
            "forbids new secrets",
            "an exception for afb85a07-e312-4d49-b75b-9db4e2d683cd",
        ),
        case(
            "graph-token-refused",
            O::ListSecrets,
            refusal(401, "InvalidAuthenticationToken", ""),
            Known::OnlyAsked,
            "did not take the token of the identity that rotates",
            "`keyrelay plan billing.md`",
        ),
        case(
            "graph-not-premium",
            O::ListSecrets,
            refusal(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", ""),
            Known::OnlyAsked,
            "no Entra ID P1 or P2",
            "`keyrelay hold RUN`",
        ),
        case(
            "graph-insufficient-privileges",
            O::AddSecret,
            recorded("graph-403-authorization-requestdenied"),
            no,
            "It says: Insufficient privileges to complete the operation.",
            "`az ad app owner add --id afb85a07-e312-4d49-b75b-9db4e2d683cd --owner-object-id 0b1ec700-0000-4000-8000-000000000001`",
        ),
        case(
            "graph-no-service-principal",
            O::ReadServicePrincipal,
            recorded("graph-sp-get-404"),
            Known::OnlyAsked,
            "has no service principal of the application afb85a07",
            "`az ad sp create --id afb85a07-e312-4d49-b75b-9db4e2d683cd`",
        ),
        case(
            "graph-application-out-of-sight",
            O::AddSecret,
            refusal(404, "Request_ResourceNotFound", ""),
            no,
            "which was read a moment ago",
            "`az ad app show --id afb85a07",
        ),
        case(
            "graph-application-unknown",
            O::ReadApplication,
            recorded("graph-app-get-404"),
            Known::OnlyAsked,
            "The tenant 54826b22-38d6-4fb2-bad9-b7b93a3e9c5a has no application afb85a07",
            "Check `client_id`, `tenant` and `cloud` in billing.md",
        ),
        case(
            "graph-concurrency",
            O::AddSecret,
            refusal(409, "Directory_ConcurrencyViolation", ""),
            no,
            "Somebody else changed the same application",
            "Try again in a minute",
        ),
        case(
            "graph-concurrency",
            O::AddSecret,
            refusal(503, "Directory_ConcurrencyViolation", ""),
            Known::InDoubt,
            "HTTP 503",
            "Try again in a minute",
        ),
        case(
            "graph-throttled",
            O::AddSecret,
            refusal(429, "TooManyRequests", ""),
            no,
            "Microsoft Graph asks to be left alone",
            "Wait some minutes",
        ),
        case(
            "graph-unavailable",
            O::RemoveSecret,
            refusal(503, "ServiceUnavailable", ""),
            Known::InDoubt,
            "out of order for the moment (while removing a secret of the application, HTTP 503, ServiceUnavailable",
            "Wait some minutes",
        ),
        case(
            "graph-unsupported-query",
            O::ListSecrets,
            refusal(400, "Request_UnsupportedQuery", ""),
            Known::OnlyAsked,
            "does not take a query",
            "Report it",
        ),
        case(
            "graph-bad-request",
            O::AddSecret,
            refusal(400, "Request_BadRequest", ""),
            no,
            "does not take the request as it is",
            "`az ad app show --id afb85a07",
        ),
    ]
}

#[tokio::test]
async fn graphs_refusals_in_words() {
    all(cases()).await;
}
