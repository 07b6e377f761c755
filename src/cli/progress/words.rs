//! How what happens in a run is said: only run ids, key IDs, versions, names and times.

use jiff::{SignedDuration, Timestamp, Unit};

use crate::driver::crash::Change;
use crate::rotation::answers::{Mutation, Refusal, SignIn};
use crate::rotation::names::VaultIx;
use crate::rotation::{End, Phase, Reason, Rotation, Step, Why};
use crate::runbook::Runbook;

/// A step, with its number among the five, or as part of the way back.
pub(super) fn step(step: Step, back: bool) -> String {
    let number = match step {
        Step::AddSecret => 1,
        Step::WriteVault => 2,
        Step::SmokeTest => 3,
        Step::OverlapWait if back => return format!("way back: {}", step.name()),
        Step::OverlapWait => 4,
        Step::DeleteOld => 5,
        Step::RevokeLeaked | Step::ProveDead => return format!("emergency: {}", step.name()),
        Step::PutBack | Step::RemoveOurs => return format!("way back: {}", step.name()),
    };
    format!("step {number} of 5: {}", step.name())
}

/// A secret in a vault.
pub(super) fn place(runbook: &Runbook, vault: VaultIx) -> String {
    match runbook.vault(vault) {
        Some(v) => format!("{} in {}", v.secret.as_str(), v.url.host()),
        None => format!("vault {}", vault.0),
    }
}

/// All that the runbook writes.
pub(super) fn places(runbook: &Runbook) -> String {
    let places: Vec<String> = runbook.vaults.iter().map(|v| format!("{} in {}", v.secret.as_str(), v.url.host())).collect();
    places.join(", ")
}

/// A consumer's name.
pub(super) fn consumer(runbook: &Runbook, consumer: usize) -> String {
    match runbook.consumers.get(consumer) {
        Some(c) => c.name.as_str().to_owned(),
        None => format!("consumer {consumer}"),
    }
}

/// A request that changes the cloud.
pub(super) fn request(runbook: &Runbook, request: &Mutation) -> String {
    let what = Change::from(request);
    match request {
        Mutation::AddSecret { attempt } => format!("{} (attempt {attempt})", words(what)),
        Mutation::WriteVault { vault, .. } => format!("{}, {}", words(what), place(runbook, *vault)),
        Mutation::DisableVersion { vault, version } => format!("{} {version}, {}", words(what), place(runbook, *vault)),
        Mutation::RemoveSecret { key_id } => format!("{}, key ID {key_id}", words(what)),
    }
}

fn words(change: Change) -> &'static str {
    match change {
        Change::Add => "add secret",
        Change::Write => "write vault",
        Change::Disable => "disable version",
        Change::Remove => "remove secret",
    }
}

/// A refusal without the service's own sentence, which is for the journal.
pub(super) fn refusal(refusal: &Refusal) -> String {
    Refusal { message: String::new(), ..refusal.clone() }.to_string()
}

/// What a sign-in answered, after "the value".
pub(super) fn sign_in(answer: &SignIn) -> String {
    match answer {
        SignIn::Accepted => "signs in".to_owned(),
        SignIn::Wrong => "is not known at sign-in (AADSTS7000215)".to_owned(),
        SignIn::Expired => "has expired at sign-in (AADSTS7000222)".to_owned(),
        SignIn::Refused { code: 0, class } => format!("is refused at sign-in ({class})"),
        SignIn::Refused { code, class } => format!("is refused at sign-in (AADSTS{code}, {class})"),
        SignIn::Unavailable { .. } => "could not be tried, sign-in gave no answer".to_owned(),
        SignIn::OtherIdentity => "signs in as another application or tenant".to_owned(),
    }
}

/// Why a person must look.
pub(super) fn reason(runbook: &Runbook, reason: &Reason) -> String {
    let about = match reason {
        Reason::VaultChanged { vault } | Reason::WriteRefused { vault, .. } | Reason::CurrentRefused { vault, .. } => {
            format!(": {}", place(runbook, *vault))
        }
        Reason::AnotherRun { run } => format!(": run {run}"),
        Reason::CredentialGone { key_id } | Reason::RemoveRefused { key_id, .. } | Reason::RemovalNotSeen { key_id } => {
            format!(": key ID {key_id}")
        }
        Reason::ConsumerFailed { consumers, .. } | Reason::ConsumerUsesOld { consumers } => {
            let names: Vec<String> = consumers.iter().map(|n| consumer(runbook, *n)).collect();
            format!(": {}", names.join(", "))
        }
        Reason::VaultsUnsteady | Reason::NoRoom | Reason::NotProven { .. } | Reason::BaselineUnproven { .. } => {
            String::new()
        }
        Reason::AddRefused { .. } | Reason::ReadRefused { .. } | Reason::AttemptsExhausted | Reason::NotReleased => {
            String::new()
        }
        Reason::NotDrained { last, why } => match (why, last) {
            (Some(why), _) => format!(": {}", why.name()),
            (None, last) => last.map_or_else(String::new, |last| format!(": last used at {}", time(last))),
        },
    };
    format!("{}{about}", reason.name())
}

/// How a run ended.
pub(super) fn end(end: End) -> &'static str {
    match end {
        End::Completed => "completed",
        End::RolledBack => "rolled back",
        End::Abandoned => "abandoned",
    }
}

/// A wait until a moment that is `left` away.
pub(super) fn wait(run: &Rotation, until: Timestamp, left: SignedDuration, why: Why) -> String {
    let when = format!("until {} ({})", time(until), length(left));
    match why {
        Why::Again => format!("next try at {} (in {})", time(until), length(left)),
        Why::Proof if *run.phase() == Phase::Dying => {
            format!("the leaked value must be refused without a break for {}", length(death_window(run)))
        }
        Why::Overlap if run.plan().emergency.is_some() && !run.back() => {
            format!("consumers may hold the leaked value {when}")
        }
        Why::Proof => format!("proof: sign-ins must succeed without a break for {}", length(run.plan().proof.window)),
        Why::Settle => format!("settle {when}: what is in doubt may still land"),
        Why::Overlap => format!("overlap wait {when}"),
        Why::Hold => format!("held {when}"),
        Why::Release => format!("waiting for a release {when}"),
    }
}

fn death_window(run: &Rotation) -> SignedDuration {
    run.plan().emergency.as_ref().map_or(SignedDuration::ZERO, |e| e.death.window)
}

/// A time in UTC, in whole seconds.
pub(super) fn time(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// A length of time, in whole seconds from one second on.
pub(super) fn length(length: SignedDuration) -> String {
    let unit = if length.abs() < SignedDuration::from_secs(1) { Unit::Millisecond } else { Unit::Second };
    let rounded = length.round(unit).unwrap_or(length).max(SignedDuration::ZERO);
    humantime::format_duration(rounded.unsigned_abs()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::answers::RefusalKind;

    #[test]
    fn a_refusal_is_told_without_the_service_s_sentence() {
        let told = refusal(&Refusal {
            kind: RefusalKind::Throttled,
            status: Some(429),
            code: "Request_Throttled".into(),
            message: "anything at all".into(),
            retry_after: None,
        });
        assert_eq!(told, "asks to slow down (HTTP 429, Request_Throttled)");
    }

    #[test]
    fn lengths_and_times_are_whole_seconds() {
        assert_eq!(length(SignedDuration::from_millis(4_900)), "5s");
        assert_eq!(length(SignedDuration::from_millis(3_600_400)), "1h");
        assert_eq!(length(SignedDuration::from_millis(500)), "500ms");
        assert_eq!(length(SignedDuration::from_secs(-3)), "0s");
        assert_eq!(time("2026-11-21T23:10:00.400Z".parse().unwrap()), "2026-11-21T23:10:00Z");
    }
}
