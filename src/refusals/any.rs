//! What is said of a refusal whose code is not known, or that has none: by its kind.

use super::row::{HttpStatus as H, Row, Service, Sign, Sure};
use crate::rotation::answers::RefusalKind as K;

/// The row of a kind.
pub(super) fn of(kind: K) -> &'static Row {
    match kind {
        K::Unreachable => &UNREACHABLE,
        K::Unanswered => &UNANSWERED,
        K::Throttled => &THROTTLED,
        K::Conflict => &CONFLICT,
        K::NotFound => &NOT_FOUND,
        K::Unauthenticated => &UNAUTHENTICATED,
        K::Forbidden => &FORBIDDEN,
        K::Firewall => &FIREWALL,
        K::NoRoom => &NO_ROOM,
        K::Policy => &POLICY,
        K::Disabled => &DISABLED,
        K::SoftDeleted => &SOFT_DELETED,
        K::BeingDeleted => &BEING_DELETED,
        K::Rejected => &REJECTED,
        K::BadAnswer => &BAD_ANSWER,
    }
}

pub(super) const ROWS: &[Row] = &[
    UNREACHABLE,
    UNANSWERED,
    THROTTLED,
    CONFLICT,
    NOT_FOUND,
    UNAUTHENTICATED,
    FORBIDDEN,
    FIREWALL,
    NO_ROOM,
    POLICY,
    DISABLED,
    SOFT_DELETED,
    BEING_DELETED,
    REJECTED,
    BAD_ANSWER,
];

const fn row(name: &'static str, kind: K, status: H, texts: [&'static str; 3]) -> Row {
    let [happened, now, next] = texts;
    Row {
        name,
        service: Service::Any,
        operations: &[],
        sign: Sign::Kind(kind),
        status,
        kind,
        sure: Sure::Unverified,
        source: "keyrelay itself, by the answer's status or its absence",
        happened,
        now,
        next,
        next_for_operator: "",
    }
}

const UNREACHABLE: Row = row(
    "unreachable",
    K::Unreachable,
    H::Open,
    [
        "{service} could not be reached from here.",
        "Nothing was sent.",
        "Check the network between here and it: name resolution, proxy (HTTPS_PROXY, NO_PROXY), certificates.",
    ],
);
const UNANSWERED: Row = row(
    "unanswered",
    K::Unanswered,
    H::Open,
    [
        "{service} gave no whole answer, or one that says that it is out of order.",
        "A change that was under way may have been made, or may be made yet.",
        "Wait some minutes, then type the same again. Azure's state: https://status.azure.com.",
    ],
);
const THROTTLED: Row = row(
    "throttled",
    K::Throttled,
    H::Is(&[429]),
    [
        "{service} asks to be left alone for a while.",
        "Others that ask it now may be refused too.",
        "Wait some minutes, then type the same again.",
    ],
);
const CONFLICT: Row = row(
    "conflict",
    K::Conflict,
    H::Is(&[409]),
    [
        "{service} met another change of the same thing.",
        "Which of the two won must be read.",
        "Wait a minute, then type the same again; if it comes back, find what else changes it.",
    ],
);
const NOT_FOUND: Row = row(
    "not-found",
    K::NotFound,
    H::Is(&[404]),
    [
        "{service} answered that this is not there, in words that are not its own: a proxy may have answered in its place.",
        "Whether it is there is not known.",
        "Check the names in {runbook} and what lies between here and {service}.",
    ],
);
const UNAUTHENTICATED: Row = row(
    "unauthenticated",
    K::Unauthenticated,
    H::Is(&[401]),
    [
        "{service} did not take the token of the identity that rotates.",
        "That identity can do nothing there. The application is not affected.",
        "See who acts: `keyrelay plan {runbook}`. Check its tenant and cloud, and this machine's clock.",
    ],
);
const FORBIDDEN: Row = row(
    "forbidden",
    K::Forbidden,
    H::Is(&[403]),
    [
        "{service} does not allow this to the identity that rotates.",
        "What was asked for was not done.",
        "Grant the identity what it lacks (docs/permissions.md); a grant may take ten minutes to count.",
    ],
);
const FIREWALL: Row = row(
    "firewall",
    K::Firewall,
    H::Is(&[403]),
    [
        "The firewall of {service} does not let this machine's address through.",
        "Consumers on other addresses may well be let through.",
        "Run keyrelay where it can be reached, or let this address in: `az keyvault network-rule add --name {vault-name} --ip-address ADDRESS`.",
    ],
);
const NO_ROOM: Row = row(
    "no-room",
    K::NoRoom,
    H::Open,
    [
        "The application {client} holds as many secrets as it may.",
        "Its secrets work as before.",
        "List them with `az ad app credential list --id {client}`, and remove one that nobody uses.",
    ],
);
const POLICY: Row = row(
    "policy",
    K::Policy,
    H::Open,
    [
        "An app management policy of the tenant forbids it.",
        "Secrets that the application has already are not touched by the policy.",
        "Read the policy: `az rest --method get --url https://graph.microsoft.com/v1.0/policies/defaultAppManagementPolicy`. Change {runbook}, or ask the tenant's administrators for an exception.",
    ],
);
const DISABLED: Row = row(
    "disabled",
    K::Disabled,
    H::Is(&[403]),
    [
        "The version of the secret {secret} in {vault} is disabled.",
        "Every consumer that reads it gets 403.",
        "Enable it: `az keyvault secret set-attributes --vault-name {vault-name} --name {secret} --enabled true`.",
    ],
);
const SOFT_DELETED: Row = row(
    "soft-deleted",
    K::SoftDeleted,
    H::Is(&[409]),
    [
        "The secret {secret} in {vault} was deleted and can still be recovered.",
        "Consumers that read it get nothing.",
        "Bring it back: `az keyvault secret recover --vault-name {vault-name} --name {secret}`.",
    ],
);
const BEING_DELETED: Row = row(
    "being-deleted",
    K::BeingDeleted,
    H::Is(&[409]),
    [
        "The secret {secret} in {vault} is being deleted.",
        "Consumers that read it get nothing.",
        "Wait a minute, then recover or purge it.",
    ],
);
const REJECTED: Row = row(
    "rejected",
    K::Rejected,
    H::Open,
    [
        "{service} refused this with a code that keyrelay does not know.",
        "What was asked for was not done.",
        "Look the code up in the service's documentation; with the request-id its support can tell more.",
    ],
);
const BAD_ANSWER: Row = row(
    "bad-answer",
    K::BadAnswer,
    H::Open,
    [
        "{service} gave an answer that is not one of its own: cut, of another form, or pointing elsewhere.",
        "If it was the answer to a change, the change may have been made.",
        "Look for a proxy or a sign-in page of the network between here and {service}.",
    ],
);
