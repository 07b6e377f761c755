//! The refusals of Key Vault. Codes: learn.microsoft.com/azure/key-vault/general/rest-error-codes, and what is named with each row.

use super::row::{HttpStatus as H, Operation as O, Row, Service, Sign, Sure};
use crate::rotation::answers::RefusalKind as K;

const BASE: Row = Row {
    name: "",
    service: Service::Vault,
    operations: &[],
    sign: Sign::Codes(&[]),
    status: H::Open,
    kind: K::Rejected,
    sure: Sure::Unverified,
    source: "",
    happened: "",
    now: "",
    next: "",
    next_for_operator: "",
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "vault-wrong-tenant",
        sign: Sign::Codes(&["AKV10032"]),
        status: H::Is(&[401]),
        kind: K::Unauthenticated,
        sure: Sure::Reported,
        source: "public reports (\"AKV10032: Invalid issuer\")",
        happened: "The vault {vault} belongs to another tenant than the identity that rotates.",
        now: "That identity can do nothing there. Consumers of the vault's own tenant are not affected.",
        next: "Check the vault's tenant, `az keyvault show --name {vault-name} --query properties.tenantId`, and run keyrelay as an identity of that tenant.",
        ..BASE
    },
    Row {
        name: "vault-token-refused",
        sign: Sign::Codes(&["Unauthorized", "AKV10000"]),
        status: H::Is(&[401]),
        kind: K::Unauthenticated,
        sure: Sure::Recorded,
        source: "recorded answer of the Azure CLI's tests",
        happened: "The vault {vault} did not take the token of the identity that rotates: it has expired, or is of another tenant or cloud.",
        now: "That identity can do nothing there until it has a new token. Consumers are not affected.",
        next: "See who acts: `keyrelay plan {runbook}`. The vault's tenant: `az keyvault show --name {vault-name} --query properties.tenantId`.",
        ..BASE
    },
    Row {
        name: "vault-rbac",
        sign: Sign::Codes(&["ForbiddenByRbac"]),
        status: H::Is(&[403]),
        kind: K::Forbidden,
        sure: Sure::Reported,
        source: "public reports with the answer's body",
        happened: "The vault {vault} goes by roles, and the identity that rotates has none there that allows this.",
        now: "Consumers have roles of their own and are not affected. A new role counts after some minutes.",
        next: "Grant it: `az role assignment create --role \"Key Vault Secrets Officer\" --assignee-object-id {identity} --scope \"$(az keyvault show --name {vault-name} --query id --output tsv)/secrets/{secret}\"`. Wait ten minutes.",
        ..BASE
    },
    Row {
        name: "vault-access-policy",
        sign: Sign::Codes(&["ForbiddenByPolicy", "AccessDenied"]),
        status: H::Is(&[403]),
        kind: K::Forbidden,
        sure: Sure::Reported,
        source: "public reports; `AccessDenied` in older texts is unverified",
        happened: "The vault {vault} goes by access policies, and none lets the identity that rotates do this.",
        now: "Consumers have policies of their own and are not affected.",
        next: "Grant it: `az keyvault set-policy --name {vault-name} --object-id {identity} --secret-permissions get list set`.",
        ..BASE
    },
    Row {
        name: "vault-firewall",
        sign: Sign::Codes(&["ForbiddenByFirewall"]),
        status: H::Is(&[403]),
        kind: K::Firewall,
        sure: Sure::Unverified,
        source: "the sentence is documented, the code is not: learn.microsoft.com/azure/key-vault/general/network-security",
        happened: "The firewall of the vault {vault} does not let this machine's address through.",
        now: "Consumers on other addresses may well be let through.",
        next: "Run keyrelay where the vault can be reached, or let this address in for the time of the rotation: `az keyvault network-rule add --name {vault-name} --ip-address ADDRESS`.",
        ..BASE
    },
    Row {
        name: "vault-secret-disabled",
        sign: Sign::Codes(&["SecretDisabled"]),
        status: H::Is(&[403]),
        kind: K::Disabled,
        sure: Sure::Reported,
        source: "Azure/azure-sdk-for-js#24756, Azure/azure-powershell#14740",
        happened: "The version of the secret {secret} in {vault} is disabled, and there is no fall-back to an older one.",
        now: "Every consumer that reads it gets 403. Those that hold the value in memory go on until they read again.",
        next: "Find who disabled it and why. Enable it with `az keyvault secret set-attributes --vault-name {vault-name} --name {secret} --enabled true`, or set a value that signs in.",
        ..BASE
    },
    Row {
        name: "vault-secret-not-found",
        sign: Sign::Codes(&["SecretNotFound"]),
        status: H::Is(&[404]),
        kind: K::NotFound,
        sure: Sure::Recorded,
        source: "recorded answer of the Azure CLI's tests (shape), public reports (text)",
        happened: "The vault {vault} has no secret {secret}, or not in that version.",
        now: "Consumers that read it get nothing.",
        next: "Check the name in {runbook}: `az keyvault secret list --vault-name {vault-name} --query [].name`. If it was deleted: `az keyvault secret recover --vault-name {vault-name} --name {secret}`.",
        ..BASE
    },
    Row {
        name: "vault-soft-deleted",
        sign: Sign::Codes(&["ObjectIsDeletedButRecoverable"]),
        status: H::Is(&[409]),
        kind: K::SoftDeleted,
        sure: Sure::Recorded,
        source: "recorded answer of the Azure CLI's tests",
        happened: "The secret {secret} in {vault} was deleted and can still be recovered, so its name is blocked.",
        now: "Consumers that read it get nothing.",
        next: "Bring it back with `az keyvault secret recover --vault-name {vault-name} --name {secret}`, or give it up for good with `az keyvault secret purge --vault-name {vault-name} --name {secret}`.",
        ..BASE
    },
    Row {
        name: "vault-being-deleted",
        sign: Sign::Codes(&["ObjectIsBeingDeleted"]),
        status: H::Is(&[409]),
        kind: K::BeingDeleted,
        sure: Sure::Recorded,
        source: "recorded answer of the Azure CLI's tests (of a key)",
        happened: "The secret {secret} in {vault} is being deleted or purged at this moment.",
        now: "Consumers that read it get nothing.",
        next: "Wait a minute, see what became of it with `az keyvault secret show-deleted --vault-name {vault-name} --name {secret}`, then recover or purge it.",
        ..BASE
    },
    Row {
        name: "vault-not-deleted",
        sign: Sign::Codes(&["RequestNotAllowedOnNonDeletedObject"]),
        status: H::Is(&[400]),
        kind: K::Rejected,
        sure: Sure::Recorded,
        source: "recorded answer of the Azure CLI's tests; keyrelay itself recovers nothing",
        happened: "The secret {secret} in {vault} is not deleted, so it cannot be recovered or purged.",
        now: "It can be read and written.",
        next: "Nothing is to be mended here: type the same again.",
        ..BASE
    },
    Row {
        name: "vault-too-many-tags",
        operations: &[O::SetSecret],
        sign: Sign::Codes(&["TooManyTags"]),
        status: H::Open,
        kind: K::Rejected,
        sure: Sure::Documented,
        source: "keyrelay itself, by the limit of 15: learn.microsoft.com/azure/key-vault/secrets/about-secrets",
        happened: "The new version of {secret} in {vault} would have more than 15 tags: those it carries over, the runbook's, and keyrelay's two.",
        now: "Nothing was sent.",
        next: "See the tags, `az keyvault secret show --vault-name {vault-name} --name {secret} --query tags`, and take some away with `az keyvault secret set-attributes --vault-name {vault-name} --name {secret} --tags KEY=VALUE`.",
        ..BASE
    },
    Row {
        name: "vault-bad-parameter",
        sign: Sign::Codes(&["BadParameter"]),
        status: H::Is(&[400]),
        kind: K::Rejected,
        sure: Sure::Reported,
        source: "public reports (\"Property has invalid value\"); the code is unverified",
        happened: "The vault {vault} does not take a part of the new version: its tags, its content type or its length.",
        now: "The secret is as it was before the request.",
        next: "Check `tags` and `content_type` in {runbook}: at most 15 tags of 256 characters, a content type of at most 255.",
        ..BASE
    },
    Row {
        name: "vault-throttled",
        sign: Sign::Codes(&["Throttled"]),
        status: H::Is(&[429]),
        kind: K::Throttled,
        sure: Sure::Reported,
        source: "vcsjones/AzureSignTool#219",
        happened: "The vault {vault} asks to be left alone for a while: too many requests from all who use it.",
        now: "Consumers that read it now may be refused too.",
        next: "Wait some minutes, then type the same again. If it stays so, look for a consumer that reads the vault at every request.",
        ..BASE
    },
    Row {
        name: "vault-unreachable",
        sign: Sign::Kind(K::Unreachable),
        kind: K::Unreachable,
        sure: Sure::Unverified,
        source: "keyrelay itself: no connection was opened",
        happened: "The vault {vault} could not be reached from here.",
        now: "Nothing was sent. A vault that does not exist has no address, so a wrong name looks like this.",
        next: "Check the vault's name, `az keyvault show --name {vault-name}`, and the network between here and it (a private endpoint, a proxy).",
        ..BASE
    },
];
