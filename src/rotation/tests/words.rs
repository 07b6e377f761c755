//! What answers look like where people and later versions read them.

use super::super::answers::{Refusal, RefusalKind, SignIn};
use super::super::state::Step;

#[test]
fn what_came_of_a_sign_in_is_said_in_words() {
    let refused = |code| SignIn::Refused { code, class: "invalid_client".into() };
    let all = [
        (SignIn::Accepted, "accepted"),
        (SignIn::Wrong, "refused as wrong (AADSTS7000215)"),
        (SignIn::Expired, "refused as expired (AADSTS7000222)"),
        (refused(0), "refused (invalid_client)"),
        (refused(50076), "refused (AADSTS50076, invalid_client)"),
        (SignIn::Unavailable { why: "timed out".into() }, "no answer (timed out)"),
        (SignIn::OtherIdentity, "a token of another tenant or application"),
    ];
    all.iter().for_each(|(answer, words)| assert_eq!(answer.to_string(), *words));
}

#[test]
fn a_refusal_tells_what_the_service_told() {
    let with = |status, code: &str, message: &str| Refusal {
        kind: RefusalKind::Rejected,
        status,
        code: code.into(),
        message: message.into(),
        retry_after: None,
    };
    assert_eq!(with(None, "", "").to_string(), "rejected");
    assert_eq!(with(Some(400), "", "").to_string(), "rejected (HTTP 400)");
    assert_eq!(with(None, "Bad", "").to_string(), "rejected (Bad)");
    assert_eq!(with(Some(400), "Bad", "so it says").to_string(), "rejected (HTTP 400, Bad): so it says");
}

/// The journal keeps for how long a service asked to be left alone: a resume counts from it.
#[test]
fn a_refusal_is_read_as_it_was_written() {
    let with = |retry_after| Refusal {
        kind: RefusalKind::Throttled,
        status: Some(429),
        code: String::new(),
        message: String::new(),
        retry_after,
    };
    let text = r#"{"kind":"throttled","status":429,"retry_after":1.5}"#;
    let asked = with(Some(std::time::Duration::from_millis(1500)));
    assert_eq!(serde_json::from_str::<Refusal>(text).unwrap(), asked);
    assert_eq!(serde_json::to_string(&asked).unwrap(), text);
    assert_eq!(serde_json::from_str::<Refusal>(r#"{"kind":"throttled","status":429}"#).unwrap(), with(None));
}

#[test]
fn the_steps_have_the_names_of_the_readme() {
    let names = [
        (Step::AddSecret, "add secret"),
        (Step::WriteVault, "write vault"),
        (Step::SmokeTest, "smoke test"),
        (Step::OverlapWait, "overlap wait"),
        (Step::DeleteOld, "delete old"),
        (Step::RevokeLeaked, "revoke leaked"),
        (Step::ProveDead, "prove dead"),
        (Step::PutBack, "put back"),
        (Step::RemoveOurs, "remove ours"),
    ];
    names.iter().for_each(|(step, name)| assert_eq!(step.name(), *name));
}
