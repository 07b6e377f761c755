//! Key Vault's refusals.

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
    let (no, asked) = (Known::NotApplied, Known::OnlyAsked);
    let akv = json!({"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer. Expected one of a, found b."}});
    vec![
        case(
            "vault-wrong-tenant",
            O::SetSecret,
            Some(reply(401, akv)),
            no,
            "belongs to another tenant than the identity that rotates (while writing a new version to the vault, HTTP 401, \
             Unauthorized/AKV10032, request-id ",
            "`az keyvault show --name kv-one --query properties.tenantId`",
        ),
        case(
            "vault-token-refused",
            O::GetSecret,
            recorded("kv-challenge-401"),
            asked,
            "did not take the token of the identity that rotates",
            "`keyrelay plan billing.md`",
        ),
        case(
            "vault-rbac",
            O::SetSecret,
            refusal(403, "Forbidden", "ForbiddenByRbac"),
            no,
            "The vault kv-one.vault.sandbox.localhost goes by roles",
            "az role assignment create --role \"Key Vault Secrets Officer\" --assignee-object-id 0b1ec700-0000-4000-8000-000000000001",
        ),
        case(
            "vault-access-policy",
            O::ListVersions,
            refusal(403, "Forbidden", "ForbiddenByPolicy"),
            asked,
            "goes by access policies",
            "`az keyvault set-policy --name kv-one --object-id 0b1ec700-0000-4000-8000-000000000001 --secret-permissions get list set`",
        ),
        case(
            "vault-firewall",
            O::GetSecret,
            refusal(403, "Forbidden", "ForbiddenByFirewall"),
            asked,
            "does not let this machine's address through",
            "`az keyvault network-rule add --name kv-one --ip-address ADDRESS`",
        ),
        case(
            "vault-secret-disabled",
            O::GetSecret,
            refusal(403, "Forbidden", "SecretDisabled"),
            asked,
            "secret1 in kv-one.vault.sandbox.localhost is disabled",
            "`az keyvault secret set-attributes --vault-name kv-one --name secret1 --enabled true`",
        ),
        case(
            "vault-secret-not-found",
            O::GetSecret,
            refusal(404, "SecretNotFound", ""),
            asked,
            "has no secret secret1",
            "`az keyvault secret recover --vault-name kv-one --name secret1`",
        ),
        case(
            "vault-soft-deleted",
            O::SetSecret,
            recorded("kv-secret-set-409-deleted-but-recoverable"),
            no,
            "was deleted and can still be recovered",
            "`az keyvault secret recover --vault-name kv-one --name secret1`",
        ),
        case(
            "vault-being-deleted",
            O::SetSecret,
            recorded("kv-object-409-being-deleted"),
            no,
            "is being deleted or purged",
            "Wait a minute",
        ),
        case(
            "vault-not-deleted",
            O::DisableVersion,
            recorded("kv-secret-recover-400-not-deleted"),
            no,
            "is not deleted",
            "Nothing is to be mended",
        ),
        case(
            "vault-too-many-tags",
            O::SetSecret,
            Some(Answer::Hang),
            no,
            "would have more than 15 tags",
            "`az keyvault secret show --vault-name kv-one --name secret1 --query tags`",
        ),
        case(
            "vault-bad-parameter",
            O::SetSecret,
            refusal(400, "BadParameter", ""),
            no,
            "does not take a part of the new version",
            "Check `tags` and `content_type` in billing.md",
        ),
        case(
            "vault-throttled",
            O::SetSecret,
            refusal(429, "Throttled", ""),
            no,
            "asks to be left alone",
            "Wait some minutes",
        ),
        Case {
            row: "vault-unreachable",
            ask: Ask::Nobody(O::ListVersions),
            answer: Some(Answer::Hang),
            known: asked,
            says: "could not be reached",
            run: "`az keyvault show --name kv-one`",
        },
    ]
}

#[tokio::test]
async fn the_vaults_refusals_in_words() {
    all(cases()).await;
}
