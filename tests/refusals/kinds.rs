//! Refusals whose code is not known: by their status, or by there being none.

use keyrelay::refusals::{Operation as O, Words};
use keyrelay::rotation::answers::{Refusal, RefusalKind as K};

use crate::asking::{Ask, Case, Known, all, names, refusal};
use crate::support::{Answer, html};

/// Kinds that no answer without a known code has: only the sandbox's faults have them alone.
pub(crate) const ELSEWHERE: [&str; 4] = ["no-room", "disabled", "soft-deleted", "being-deleted"];

pub(crate) fn cases() -> Vec<Case> {
    let case = |row, operation, answer: Option<Answer>, known, says, run| Case {
        row,
        ask: Ask::For(operation),
        answer,
        known,
        says,
        run,
    };
    let (no, doubt, asked) = (Known::NotApplied, Known::InDoubt, Known::OnlyAsked);
    let sentence = "Client address is not authorized and caller is not a trusted service.";
    let firewall = crate::support::json(403, serde_json::json!({"error": {"code": "Forbidden", "message": sentence}}));
    vec![
        case(
            "unanswered",
            O::SetSecret,
            Some(Answer::CloseBefore),
            doubt,
            "The vault kv-one.vault.sandbox.localhost gave no whole answer",
            "Wait",
        ),
        case(
            "unanswered",
            O::AddSecret,
            Some(Answer::CutBody(200, b"{".to_vec())),
            doubt,
            "Microsoft Graph gave no whole answer",
            "Wait",
        ),
        case("unanswered", O::AddSecret, refusal(408, "", ""), doubt, "HTTP 408", "Wait"),
        case("unanswered", O::SetSecret, html(502).into(), doubt, "HTTP 502", "Wait"),
        case("throttled", O::RemoveSecret, html(429).into(), no, "Microsoft Graph asks to be left alone", "Wait"),
        case("conflict", O::SetSecret, refusal(409, "Conflict", ""), no, "met another change", "Wait a minute"),
        case(
            "not-found",
            O::GetSecret,
            html(404).into(),
            asked,
            "in words that are not its own",
            "Check the names in billing.md",
        ),
        case(
            "unauthenticated",
            O::GetSecret,
            html(401).into(),
            asked,
            "did not take the token",
            "`keyrelay plan billing.md`",
        ),
        case("forbidden", O::AddSecret, html(403).into(), no, "Microsoft Graph does not allow this", "Grant the identity"),
        case(
            "firewall",
            O::GetSecret,
            Some(firewall),
            asked,
            "The firewall of the vault kv-one",
            "az keyvault network-rule add --name kv-one",
        ),
        case(
            "policy",
            O::AddSecret,
            refusal(400, "SomethingNewAsPerAppPolicy", ""),
            no,
            "app management policy",
            "Change billing.md",
        ),
        case(
            "rejected",
            O::AddSecret,
            refusal(413, "PayloadTooLarge", ""),
            no,
            "a code that keyrelay does not know (while adding a secret to the application, HTTP 413, PayloadTooLarge",
            "its support",
        ),
        case("bad-answer", O::AddSecret, html(200).into(), doubt, "not one of its own", "a sign-in page"),
        Case {
            row: "unreachable",
            ask: Ask::Nobody(O::ListSecrets),
            answer: Some(Answer::Hang),
            known: asked,
            says: "could not be reached",
            run: "proxy",
        },
    ]
}

#[tokio::test]
async fn refusals_without_a_known_code_in_words() {
    all(cases()).await;
}

#[test]
fn kinds_that_only_the_sandboxs_faults_have_alone() {
    let words = |kind| {
        let refusal = Refusal { kind, status: None, code: "SandboxFault".into(), message: String::new(), retry_after: None };
        Words::of_refusal(Some(O::SetSecret), &refusal, None, &names())
    };
    let told = [K::NoRoom, K::Disabled, K::SoftDeleted, K::BeingDeleted].map(|k| words(k).name);
    assert_eq!(told, ELSEWHERE);
    assert!(words(K::SoftDeleted).next.contains("`az keyvault secret recover --vault-name kv-one --name secret1`"));
}
