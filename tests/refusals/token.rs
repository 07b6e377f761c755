//! The token endpoint's refusals: of the application, and of the identity that rotates.

use keyrelay::refusals::Operation as O;
use serde_json::json;

use crate::asking::{Ask, CANARY, Case, Known, all};
use crate::support::{Answer, html, json as reply, recorded};

/// A refusal whose description quotes the secret.
fn refused(status: u16, class: &str, code: u32) -> Option<Answer> {
    let description = format!("AADSTS{code}: Something about {CANARY}.");
    Some(reply(status, json!({"error": class, "error_codes": [code], "error_description": description})))
}

pub(crate) fn cases() -> Vec<Case> {
    let sign_in =
        |row, answer, says, run| Case { row, ask: Ask::For(O::SignIn), answer, known: Known::OnlyAsked, says, run };
    let operator = |row, answer, says, run| Case { row, ask: Ask::AsOperator, answer, known: Known::OnlyAsked, says, run };
    let plain = |status, text: &str| {
        Some(Answer::Whole(status, vec![("content-type", "text/plain".into())], text.as_bytes().to_vec()))
    };
    // {"tid": another, "azp": another}
    let other = json!({"access_token": "e30.eyJ0aWQiOiI3NjVlYjBlMy1hY2IzLTQ3NWQtOWE5OC1lZTY4OTJmMDgxYzgifQ.s"});
    let mut cases = vec![
        sign_in(
            "sign-in-wrong-secret",
            refused(401, "invalid_client", 7_000_215),
            "does not know the secret of the application afb85a07",
            "`keyrelay rotate billing.md`",
        ),
        operator(
            "sign-in-wrong-secret",
            refused(401, "invalid_client", 7_000_215),
            "does not know the secret of the identity that rotates",
            "the value, not the key ID",
        ),
        sign_in(
            "sign-in-expired-secret",
            refused(401, "invalid_client", 7_000_222),
            "(AADSTS7000222, request-id ",
            "`keyrelay rotate billing.md`",
        ),
        operator(
            "sign-in-expired-secret",
            refused(401, "invalid_client", 7_000_222),
            "The secret of the identity that rotates has expired",
            "which has not expired",
        ),
        sign_in(
            "sign-in-application-unknown",
            refused(400, "unauthorized_client", 700_016),
            "The tenant 54826b22-38d6-4fb2-bad9-b7b93a3e9c5a does not know the application afb85a07",
            "`az ad sp create --id afb85a07",
        ),
        operator(
            "sign-in-application-unknown",
            refused(400, "unauthorized_client", 700_016),
            "does not know the identity that rotates",
            "`az ad sp show --id 0be7a704-0000-4000-8000-000000000002`",
        ),
        sign_in(
            "sign-in-no-service-principal",
            refused(401, "invalid_client", 7_000_229),
            "The tenant 54826b22-38d6-4fb2-bad9-b7b93a3e9c5a has no service principal of the application afb85a07",
            "`az ad sp create --id afb85a07-e312-4d49-b75b-9db4e2d683cd`",
        ),
        sign_in(
            "sign-in-client-id-malformed",
            refused(400, "unauthorized_client", 700_038),
            "is not one (all zeros, or not a GUID)",
            "into billing.md",
        ),
        sign_in(
            "sign-in-tenant-unknown",
            refused(400, "invalid_request", 90_002),
            "There is no tenant 54826b22",
            "Check `tenant` and `cloud` in billing.md",
        ),
        sign_in(
            "sign-in-tenant-malformed",
            refused(400, "invalid_request", 900_023),
            "neither a GUID nor a domain",
            "`az account show --query tenantId`",
        ),
        sign_in(
            "sign-in-disabled",
            refused(400, "unauthorized_client", 7_000_112),
            "The application afb85a07-e312-4d49-b75b-9db4e2d683cd is disabled",
            "`az ad sp update --id afb85a07-e312-4d49-b75b-9db4e2d683cd --set accountEnabled=true`",
        ),
        operator(
            "sign-in-disabled",
            refused(400, "unauthorized_client", 7_000_112),
            "The identity that rotates is disabled",
            "--id 0be7a704-0000-4000-8000-000000000002 --set",
        ),
        sign_in(
            "sign-in-resource-disabled",
            refused(400, "invalid_resource", 500_014),
            "the token is for is disabled",
            "`proof.scope` of billing.md",
        ),
        sign_in(
            "sign-in-resource-missing",
            refused(400, "invalid_resource", 500_011),
            "does not know the service that the token is for",
            "Check `proof.scope` in billing.md",
        ),
        sign_in(
            "sign-in-scope-malformed",
            refused(400, "invalid_scope", 70_011),
            "must be a service's identifier",
            "`https://graph.microsoft.com/.default`",
        ),
        sign_in(
            "sign-in-scope-malformed",
            refused(400, "invalid_scope", 1_002_012),
            "AADSTS1002012, invalid_scope",
            "`proof.scope`",
        ),
        sign_in(
            "sign-in-conditional-access",
            refused(400, "access_denied", 53_003),
            "A Conditional Access policy for workload identities blocks the application afb85a07",
            "name the policy",
        ),
        operator(
            "sign-in-conditional-access",
            refused(400, "access_denied", 53_003),
            "blocks the identity that rotates",
            "from a place that it allows",
        ),
        sign_in(
            "sign-in-secret-missing",
            refused(401, "invalid_client", 7_000_216),
            "came without a secret",
            "--query \"length(value)\"`",
        ),
        operator(
            "sign-in-secret-missing",
            refused(401, "invalid_client", 7_000_218),
            "AADSTS7000218",
            "Give keyrelay the secret",
        ),
        sign_in("sign-in-grant-unknown", refused(400, "unsupported_grant_type", 70_003), "this kind of sign-in", "proxy"),
        sign_in("sign-in-loop", refused(400, "invalid_grant", 50_196), "in a loop", "does not keep its token"),
        operator(
            "sign-in-no-consent",
            refused(400, "invalid_grant", 65_001),
            "Nobody has consented to what the identity that rotates asks for",
            "`az ad app permission admin-consent --id 0be7a704-0000-4000-8000-000000000002`",
        ),
        Case {
            row: "operator-no-token",
            ask: Ask::AsOperator,
            answer: Some(html(401)),
            known: Known::OnlyAsked,
            says: "The identity that rotates got no token",
            run: "`keyrelay plan billing.md`",
        },
        operator("sign-in-passing-error", refused(400, "server_error", 90_033), "passing error", "Wait some minutes"),
        sign_in("sign-in-throttled", plain(429, "Too Many Requests"), "slow down", "does not keep its token"),
        sign_in("sign-in-not-an-answer", Some(html(403)), "is not it", "proxy"),
        sign_in("sign-in-not-an-answer", plain(200, "{}"), "a success without a token", "proxy"),
        sign_in("sign-in-silent", Some(html(503)), "out of order", "Wait some minutes"),
        sign_in(
            "sign-in-silent",
            Some(Answer::CutBody(401, b"{\"error\"".to_vec())),
            "the connection broke",
            "Wait some minutes",
        ),
        sign_in(
            "sign-in-other-identity",
            Some(reply(200, other)),
            "of another tenant or application than afb85a07",
            "Check `tenant`, `client_id` and `cloud`",
        ),
        sign_in(
            "sign-in-refused",
            refused(400, "invalid_client", 1_234_567),
            "AADSTS1234567, invalid_client",
            "https://login.microsoftonline.com/error?code=NUMBER",
        ),
        operator(
            "sign-in-refused",
            refused(400, "invalid_client", 1_234_567),
            "refused the identity that rotates with a number",
            "error?code=NUMBER",
        ),
        Case {
            row: "sign-in-unreachable",
            ask: Ask::Nobody(O::SignIn),
            answer: Some(Answer::Hang),
            known: Known::OnlyAsked,
            says: "could not be reached from here",
            run: "name resolution",
        },
    ];
    for code in [90_038, 900_382, 900_432] {
        cases.push(sign_in(
            "sign-in-wrong-cloud",
            refused(400, "invalid_request", code),
            "is in another cloud",
            "Correct `cloud` in billing.md",
        ));
    }
    for code in [70_021, 700_211, 700_213, 7_002_138] {
        cases.push(operator(
            "sign-in-federation",
            refused(400, "invalid_request", code),
            "No federated credential of the identity that rotates",
            "az ad app federated-credential list --id 0be7a704",
        ));
    }
    for code in [50_000, 90_006, 90_012, 90_024, 90_033, 90_055] {
        cases.push(sign_in(
            "sign-in-passing-error",
            refused(400, "invalid_request", code),
            "passing error",
            "Wait some minutes",
        ));
    }
    for (vector, row, says) in [
        ("entra-token-error-invalid-client", "sign-in-wrong-secret", "AADSTS7000215"),
        ("entra-token-error-unknown-client", "sign-in-client-id-malformed", "AADSTS700038"),
        ("entra-token-error-invalid-scope", "sign-in-resource-missing", "AADSTS500011"),
        ("entra-token-error-unsupported-grant-type", "sign-in-grant-unknown", "AADSTS70003"),
    ] {
        cases.push(sign_in(row, recorded(vector), says, ""));
    }
    cases
}

#[tokio::test]
async fn the_token_endpoints_refusals_in_words() {
    all(cases()).await;
}
