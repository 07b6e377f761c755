//! Steps in a few words, for the shortest way to a harm.

use keyrelay::rotation::answers::{Current, Listed, Mutation};
use keyrelay::rotation::{Applied, Event};

/// A request in a few words.
pub(crate) fn request(request: &Mutation) -> String {
    match request {
        Mutation::AddSecret { attempt } => format!("adding attempt {attempt}"),
        Mutation::WriteVault { vault, attempt: 0, .. } => format!("writing the baseline to vault {}", vault.0),
        Mutation::WriteVault { vault, attempt, .. } => format!("writing attempt {attempt} to vault {}", vault.0),
        Mutation::DisableVersion { vault, .. } => format!("disabling our version in vault {}", vault.0),
        Mutation::RemoveSecret { key_id } => format!("removing {}", &key_id.to_string()[..8]),
    }
}

/// What the process is told, in a few words.
pub(crate) fn said(event: &Event) -> String {
    match event {
        Event::Intended { request: r } => format!("intent: {}", request(r)),
        Event::Applied { result: Applied::Added { key_id, .. }, .. } => format!("added {}", &key_id.to_string()[..8]),
        Event::Applied { .. } => "applied".to_owned(),
        Event::NotApplied { refusal, .. } => format!("refused: {:?}", refusal.kind),
        Event::InDoubt { .. } => "no answer: in doubt".to_owned(),
        Event::CredentialsListed { credentials, .. } => {
            let name = |c: &Listed| match &c.tag {
                Some(tag) => format!("attempt {}", tag.attempt),
                None => "baseline".to_owned(),
            };
            format!("listed: {:?}", credentials.iter().map(name).collect::<Vec<_>>())
        }
        Event::VaultRead { vault, current, sign_in, .. } => {
            let serves = match current {
                Current::Nothing => "nothing".to_owned(),
                Current::Disabled => "a disabled version".to_owned(),
                Current::Version(v) => match &v.tag {
                    Some(tag) => format!("attempt {}", tag.attempt),
                    None => "the baseline".to_owned(),
                },
            };
            let answer = sign_in.as_ref().map(|a| format!(", sign-in {a}")).unwrap_or_default();
            format!("vault {} serves {serves}{answer}", vault.0)
        }
        Event::VersionsListed { vault, versions, .. } => {
            format!("vault {} has {} versions of ours", vault.0, versions.len())
        }
        Event::SignedIn { answer, .. } => format!("sign-in {answer}"),
        Event::BaselineProven { answer, .. } => format!("sign-in with the baseline {answer}"),
        other => other.name().to_owned(),
    }
}
