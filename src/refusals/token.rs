//! The refusals of the token endpoint, by AADSTS number.
//!
//! Numbers: learn.microsoft.com/entra/identity-platform/reference-error-codes, and what is named with each row. Microsoft asks
//! to go by the `error` class instead; but `invalid_client` alone cannot tell a wrong secret from an expired one.

use super::row::{HttpStatus as H, Operation, Row, Service, Sign, Sure};
use crate::rotation::answers::RefusalKind as K;

/// Why the token endpoint made no statement. The texts begin `SignIn::Unavailable`'s `why`, and old journals have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// 429. With client credentials its body is plain text.
    Throttled,
    /// The connection was never opened.
    Unreachable,
    /// An AADSTS number or class that says *later*.
    Passing,
    /// Neither a token nor a refusal of Entra's form.
    NotAnAnswer,
    /// Silence, a cut answer, 408 or 5xx.
    Silent,
}

impl Why {
    const ALL: [Why; 4] = [Why::Throttled, Why::Unreachable, Why::Passing, Why::NotAnAnswer];

    /// The words that begin it.
    pub fn words(self) -> &'static str {
        match self {
            Why::Throttled => "throttled",
            Why::Unreachable => "could not be reached",
            Why::Passing => "a passing error",
            Why::NotAnAnswer => "an answer that is not one of the token endpoint",
            Why::Silent => "no whole answer",
        }
    }

    /// A text that begins so and goes on with `more`.
    pub fn begins(self, more: &str) -> String {
        format!("{}: {more}", self.words())
    }

    fn of(text: &str) -> Why {
        Why::ALL.into_iter().find(|w| text.starts_with(w.words())).unwrap_or(Why::Silent)
    }
}

/// The row of a sign-in without a statement.
pub(super) fn unavailable(why: &str) -> &'static Row {
    match Why::of(why) {
        Why::Throttled => &THROTTLED,
        Why::Unreachable => &UNREACHABLE,
        Why::Passing => &PASSING,
        Why::NotAnAnswer => &NOT_AN_ANSWER,
        Why::Silent => &SILENT,
    }
}

/// The row of a number that is not known.
pub(super) fn otherwise() -> &'static Row {
    &OTHERWISE
}

/// The row of a token of another tenant or application.
pub(super) fn other_identity() -> &'static Row {
    &OTHER_IDENTITY
}

const BASE: Row = Row {
    name: "",
    service: Service::Token,
    operations: &[],
    sign: Sign::OtherNumber,
    status: H::Open,
    kind: K::Unauthenticated,
    sure: Sure::Unverified,
    source: "",
    happened: "",
    now: "",
    next: "",
    next_for_operator: "",
};

const THROTTLED: Row = Row {
    name: "sign-in-throttled",
    sign: Sign::Why(Why::Throttled),
    status: H::Is(&[429]),
    kind: K::Throttled,
    sure: Sure::Documented,
    source: "MSAL's documentation; the body is plain text, with Retry-After",
    happened: "The token endpoint asks {who} to slow down: something signs in with it far too often.",
    now: "It says nothing about the secret. Consumers that sign in now may be refused too.",
    next: "Wait some minutes. Then look for a consumer of {client} that does not keep its token for the hour that it lasts: the service principal sign-in records name it.",
    ..BASE
};
const UNREACHABLE: Row = Row {
    name: "sign-in-unreachable",
    sign: Sign::Why(Why::Unreachable),
    kind: K::Unreachable,
    source: "keyrelay itself: no connection was opened",
    happened: "The token endpoint could not be reached from here.",
    now: "It says nothing about the secret.",
    next: "Check the network between here and it: name resolution, proxy (HTTPS_PROXY, NO_PROXY), certificates; and `cloud` in {runbook}.",
    ..BASE
};
const PASSING: Row = Row {
    name: "sign-in-passing-error",
    sign: Sign::Numbers(&[50_000, 90_006, 90_012, 90_024, 90_033, 90_055]),
    status: H::Open,
    kind: K::Unanswered,
    sure: Sure::Documented,
    source: "learn.microsoft.com/entra/identity-platform/reference-error-codes",
    happened: "The token endpoint has a passing error of its own.",
    now: "It says nothing about the secret.",
    next: "Wait some minutes, then type the same again. Azure's state: https://status.azure.com.",
    ..BASE
};
const NOT_AN_ANSWER: Row = Row {
    name: "sign-in-not-an-answer",
    sign: Sign::Why(Why::NotAnAnswer),
    kind: K::BadAnswer,
    source: "keyrelay itself: no token and no refusal of Entra's form",
    happened: "What answered in the place of the token endpoint is not it.",
    now: "It says nothing about the secret.",
    next: "Look for a proxy or a sign-in page of the network between here and the token endpoint; check `cloud` in {runbook}.",
    ..BASE
};
const SILENT: Row = Row {
    name: "sign-in-silent",
    sign: Sign::Why(Why::Silent),
    kind: K::Unanswered,
    source: "keyrelay itself: silence, a cut answer, 408 or 5xx",
    happened: "The token endpoint gave no whole answer, or one that says that it is out of order.",
    now: "It says nothing about the secret.",
    next: "Wait some minutes, then type the same again. Azure's state: https://status.azure.com.",
    ..BASE
};
const OTHERWISE: Row = Row {
    name: "sign-in-refused",
    sign: Sign::OtherNumber,
    status: H::Perhaps(400),
    source: "keyrelay itself: a number that is not in this table",
    happened: "The token endpoint refused {who} with a number that keyrelay does not know.",
    now: "It says nothing about the secret: an unknown number is never taken for a dead secret.",
    next: "Look the number up: https://login.microsoftonline.com/error?code=NUMBER. With the request-id support can tell more.",
    ..BASE
};
const OTHER_IDENTITY: Row = Row {
    name: "sign-in-other-identity",
    sign: Sign::OtherIdentity,
    source: "keyrelay itself: `tid`, `appid` or `azp` of the token",
    status: H::Is(&[200]),
    happened: "The token that came back is of another tenant or application than {client} in {tenant}.",
    now: "Something between here and the token endpoint answers in its place, or `tenant` names another tenant than is meant.",
    next: "Check `tenant`, `client_id` and `cloud` in {runbook}.",
    ..BASE
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "sign-in-wrong-secret",
        sign: Sign::Numbers(&[7_000_215]),
        status: H::Is(&[401]),
        sure: Sure::Recorded,
        source: "captured from the real token endpoint (AADSTS7000215)",
        happened: "The token endpoint does not know the secret of {who}: it was removed, was never one of its secrets, or is its key ID instead of its value. Replicas that have not heard of a new secret say the same for some minutes.",
        now: "Whoever signs in with that value gets no new token. Tokens that were issued before last until they expire.",
        next: "See which secrets there are: `az ad app credential list --id {client}`. If the vault holds one that is gone, `keyrelay rotate {runbook}` puts a new one in its place; `keyrelay diagnose {runbook}` says what became of the old one.",
        next_for_operator: "Give keyrelay a secret of the identity that rotates which signs in (AZURE_CLIENT_SECRET, or what `auth` names); it must be the value, not the key ID.",
        ..BASE
    },
    Row {
        name: "sign-in-expired-secret",
        sign: Sign::Numbers(&[7_000_222]),
        status: H::Is(&[401]),
        sure: Sure::Reported,
        source: "microsoft/vsts-release-aas#119; also answered to an unknown secret where all others have expired: Azure-Samples/active-directory-dotnetcore-daemon-v2#87",
        happened: "The secret of {who} has expired, or it is not known and all secrets that are known have expired.",
        now: "Whoever signs in with that value gets no new token, and no restart mends that.",
        next: "Put a new one in its place: `keyrelay rotate {runbook}`. The end dates: `az ad app credential list --id {client}`.",
        next_for_operator: "Give keyrelay a secret of the identity that rotates which has not expired (AZURE_CLIENT_SECRET, or what `auth` names), or another kind of sign-in.",
        ..BASE
    },
    Row {
        name: "sign-in-application-unknown",
        sign: Sign::Numbers(&[700_016]),
        status: H::Perhaps(400),
        sure: Sure::Reported,
        source: "public reports with the answer's body; the status is unverified",
        happened: "The tenant {tenant} does not know {who}: the client ID or the tenant is wrong, or it was deleted, or it was never consented to there.",
        now: "It gets no token in that tenant, whatever its secret.",
        next: "Check `client_id`, `tenant` and `cloud` in {runbook}: `az ad app show --id {client}`, `az ad sp show --id {client}`. If only the service principal is missing: `az ad sp create --id {client}`.",
        next_for_operator: "Check the client ID and the tenant of the identity that rotates: `az ad sp show --id {operator}`.",
        ..BASE
    },
    Row {
        name: "sign-in-no-service-principal",
        sign: Sign::Numbers(&[7_000_229]),
        status: H::Perhaps(401),
        source: "general knowledge",
        happened: "The tenant {tenant} has no service principal of {who}.",
        now: "Without one it gets no token there, whatever its secret.",
        next: "Create it: `az ad sp create --id {client}`.",
        next_for_operator: "Create it: `az ad sp create --id {operator}`.",
        ..BASE
    },
    Row {
        name: "sign-in-client-id-malformed",
        sign: Sign::Numbers(&[700_038]),
        status: H::Is(&[400]),
        sure: Sure::Recorded,
        source: "captured from the real token endpoint (AADSTS700038)",
        happened: "The client ID of {who} is not one (all zeros, or not a GUID).",
        now: "It gets no token.",
        next: "Write the application's own client ID into {runbook}: `az ad app list --display-name NAME --query [].appId`.",
        next_for_operator: "Check the client ID of the identity that rotates.",
        ..BASE
    },
    Row {
        name: "sign-in-tenant-unknown",
        sign: Sign::Numbers(&[90_002]),
        status: H::Is(&[400]),
        sure: Sure::Reported,
        source: "public report with the answer's body",
        happened: "There is no tenant {tenant} in this cloud.",
        now: "Nobody gets a token there.",
        next: "Check `tenant` and `cloud` in {runbook}: `az account show --query tenantId`.",
        next_for_operator: "Check the tenant of the identity that rotates, and `cloud` in {runbook}.",
        ..BASE
    },
    Row {
        name: "sign-in-tenant-malformed",
        sign: Sign::Numbers(&[900_023]),
        status: H::Perhaps(400),
        sure: Sure::Reported,
        source: "public reports; the status is unverified",
        happened: "The tenant is neither a GUID nor a domain.",
        now: "Nobody gets a token there.",
        next: "Write the tenant's ID into {runbook}: `az account show --query tenantId`.",
        next_for_operator: "Check the tenant of the identity that rotates.",
        ..BASE
    },
    Row {
        name: "sign-in-wrong-cloud",
        sign: Sign::Numbers(&[90_038, 900_382, 900_432]),
        status: H::Perhaps(400),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes (text only)",
        happened: "The tenant {tenant} is in another cloud (public, US Government, China) than was asked.",
        now: "Tokens of one cloud are worth nothing in another.",
        next: "Correct `cloud` in {runbook}, then `keyrelay plan {runbook}`.",
        ..BASE
    },
    Row {
        name: "sign-in-disabled",
        sign: Sign::Numbers(&[7_000_112]),
        status: H::Perhaps(400),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes, public reports; the status is unverified",
        happened: "{Who} is disabled: its service principal in the tenant {tenant}, or the application itself.",
        now: "It gets no token, whatever its secret. That says nothing about the secret, and no rotation mends it.",
        next: "Find who disabled it and why (Microsoft does so too, after abuse). Then: `az ad sp update --id {client} --set accountEnabled=true`.",
        next_for_operator: "Enable the identity that rotates (`az ad sp update --id {operator} --set accountEnabled=true`), or run as another.",
        ..BASE
    },
    Row {
        name: "sign-in-resource-disabled",
        sign: Sign::Numbers(&[500_014]),
        status: H::Perhaps(400),
        sure: Sure::Reported,
        source: "public reports",
        happened: "The service that the token is for is disabled in the tenant {tenant}.",
        now: "Nobody there gets a token for it. That says nothing about the secret.",
        next: "Enable that service's service principal in the tenant, or name another service in `proof.scope` of {runbook}.",
        ..BASE
    },
    Row {
        name: "sign-in-resource-missing",
        sign: Sign::Numbers(&[500_011]),
        status: H::Is(&[400]),
        sure: Sure::Recorded,
        source: "captured from the real token endpoint (AADSTS500011)",
        happened: "The tenant {tenant} does not know the service that the token is for.",
        now: "Nobody there gets a token for it. The secret was taken: Entra looks at it first.",
        next: "Check `proof.scope` in {runbook} and `cloud`; or have the tenant's administrators add that service.",
        ..BASE
    },
    Row {
        name: "sign-in-scope-malformed",
        sign: Sign::Numbers(&[70_011, 1_002_012]),
        status: H::Is(&[400]),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes; 1002012 is unverified",
        happened: "The scope that was asked for is not one: it must be a service's identifier and end in /.default.",
        now: "It says nothing about the secret.",
        next: "Correct `proof.scope` in {runbook}, such as `https://graph.microsoft.com/.default`.",
        ..BASE
    },
    Row {
        name: "sign-in-conditional-access",
        sign: Sign::Numbers(&[53_003]),
        status: H::Perhaps(400),
        sure: Sure::Reported,
        source: "microsoft/botbuilder-dotnet#6759; its `error` class is not known",
        happened: "A Conditional Access policy for workload identities blocks {who} from where this machine signs in.",
        now: "The secret was not judged. Consumers that sign in from other places may be let through.",
        next: "The service principal sign-in records of {client} name the policy. Run keyrelay from a place that the policy allows, or have the tenant's administrators allow this one.",
        next_for_operator: "The sign-in records of the identity that rotates name the policy. Run keyrelay from a place that it allows.",
        ..BASE
    },
    Row {
        name: "sign-in-secret-missing",
        sign: Sign::Numbers(&[7_000_216, 7_000_218]),
        status: H::Perhaps(401),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes",
        happened: "The sign-in of {who} came without a secret: something on the way took it out, or the value is empty.",
        now: "It says nothing about the secret.",
        next: "Look at the value's length in the vault: `az keyvault secret show --vault-name {vault-name} --name {secret} --query \"length(value)\"`. Look for a proxy that changes requests.",
        next_for_operator: "Give keyrelay the secret of the identity that rotates.",
        ..BASE
    },
    Row {
        name: "sign-in-grant-unknown",
        sign: Sign::Numbers(&[70_003]),
        status: H::Is(&[400]),
        sure: Sure::Recorded,
        source: "captured from the real token endpoint (AADSTS70003)",
        happened: "The token endpoint does not take this kind of sign-in.",
        now: "It says nothing about the secret.",
        next: "Look for a proxy that changes requests; else report it to the maintainers of keyrelay with the request-id.",
        ..BASE
    },
    Row {
        name: "sign-in-federation",
        sign: Sign::Numbers(&[70_021, 700_211, 700_213, 7_002_138]),
        status: H::Perhaps(400),
        sure: Sure::Reported,
        source: "Azure/login#517, Azure/login#175",
        happened: "No federated credential of {who} fits the token that was brought: issuer, subject and audience must be the same to the letter and the case.",
        now: "It gets no token that way. Its secrets are another way and are not affected.",
        next: "Compare with what it has: `az ad app federated-credential list --id {client}`.",
        next_for_operator: "Compare with what it has: `az ad app federated-credential list --id {operator}`.",
        ..BASE
    },
    Row {
        name: "sign-in-no-consent",
        sign: Sign::Numbers(&[65_001]),
        status: H::Perhaps(400),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes",
        happened: "Nobody has consented to what {who} asks for.",
        now: "It gets no token for that until an administrator of the tenant has consented.",
        next: "Consent: `az ad app permission admin-consent --id {client}`.",
        next_for_operator: "Consent: `az ad app permission admin-consent --id {operator}`.",
        ..BASE
    },
    Row {
        name: "operator-no-token",
        operations: &[Operation::OperatorSignIn],
        sign: Sign::Kind(K::Unauthenticated),
        source: "keyrelay itself: a refusal without an AADSTS number",
        happened: "The identity that rotates got no token.",
        now: "It can do nothing in Graph or in the vaults. The application is not affected.",
        next: "See which kind of sign-in was tried and why it failed: `keyrelay plan {runbook}`. `auth` in the runbook or on the command line names another.",
        ..BASE
    },
    Row {
        name: "sign-in-loop",
        sign: Sign::Numbers(&[50_196]),
        status: H::Is(&[400]),
        sure: Sure::Documented,
        source: "learn.microsoft.com/entra/identity-platform/reference-error-codes",
        happened: "The token endpoint sees {who} sign in in a loop and refuses it for a while.",
        now: "It says nothing about the secret.",
        next: "Wait some minutes, and look for a consumer of {client} that does not keep its token.",
        ..BASE
    },
    PASSING,
    THROTTLED,
    UNREACHABLE,
    NOT_AN_ANSWER,
    SILENT,
    OTHER_IDENTITY,
    OTHERWISE,
];
