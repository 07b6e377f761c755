//! What lies around a run: the clock, the old secret's end, who consumes it, and who else may use it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Wanted;
use super::baseline::FoundBaseline;
use super::check::{Check, CheckId};
use super::survey::Survey;
use crate::ports::Credential;
use crate::rotation::names::{KeyId, RunId, Tag, VersionId};
use crate::runbook::{Action, Call, Consumer, Delete, HumanDuration, Runbook};

/// How far this machine's clock may be off before somebody should know. Nothing that a run decides hangs on it, but a token
/// request signed by this machine (certificate, federation) does, and Entra allows it five minutes.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What another run, whose journal is here, leaves in vaults that this runbook does not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherUse {
    /// The run.
    pub run: RunId,
    /// The file that its runbook was read from.
    pub runbook_file: String,
    /// The credentials that its vaults may serve.
    pub key_ids: BTreeSet<KeyId>,
    /// Its vaults' secrets that this runbook does not write, for people.
    pub places: Vec<String>,
}

/// This machine's clock against the services'.
pub(super) fn clock(survey: &Survey) -> Check {
    let Some(ahead) = survey.ahead else {
        return Check::unknown(CheckId::Clock, "no service has told the time");
    };
    if ahead.abs() <= SKEW {
        return Check::ok(CheckId::Clock, "agrees with the services'");
    }
    let (by, direction) = (short(ahead.abs()), if ahead.is_positive() { "ahead of" } else { "behind" });
    let says = format!(
        "this machine's clock is {by} {direction} the services'; a run goes by theirs, but logs and signed sign-ins go by this one"
    );
    Check::warning(CheckId::Clock, says).mend("timedatectl set-ntp true")
}

/// Whole seconds, as people write durations.
fn short(d: SignedDuration) -> String {
    humantime::format_duration(std::time::Duration::from_secs(d.unsigned_abs().as_secs())).to_string()
}

/// Whether the old secret lives until the overlap is over.
pub(super) fn expiry(found: Option<&FoundBaseline>, runbook: &Runbook, now: Option<Timestamp>) -> Check {
    let (Some(found), Some(now)) = (found, now) else { return Check::after(CheckId::Expiry, CheckId::Baseline) };
    let Some(ends) = found.ends.filter(|_| found.baseline.alive()) else {
        return Check::ok(CheckId::Expiry, "there is no living old secret with an end date");
    };
    let long = [runbook.proof.limit, runbook.settle, longest(runbook)];
    let long = long.into_iter().fold(std::time::Duration::ZERO, |sum, d| sum.saturating_add(d.get()));
    let done = now.checked_add(SignedDuration::try_from(long).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
    if ends >= done {
        return Check::ok(CheckId::Expiry, format!("the old secret ends at {ends:.0}"));
    }
    let says = format!(
        "the old secret ends at {ends:.0}, and proof, settle and overlap can take until {done:.0}: whoever still uses it then will fail"
    );
    Check::warning(CheckId::Expiry, says).mend("start at once, tell the consumers' owners, or shorten `overlap`")
}

/// The overlap as it will be: never shorter than a consumer's cache.
fn longest(runbook: &Runbook) -> HumanDuration {
    runbook.consumers.iter().map(|c| c.cache).fold(runbook.overlap, HumanDuration::max)
}

/// A run waits for the longest cache, so a short overlap is not a danger but a surprise.
pub(super) fn caches(runbook: &Runbook) -> Vec<Check> {
    let long = runbook.consumers.iter().filter(|c| c.cache > runbook.overlap);
    let warn = |c: &Consumer| {
        let says = format!(
            "may keep the old value for {}, longer than the overlap of {}: the run will wait that long",
            c.cache, runbook.overlap
        );
        Check::warning(CheckId::ConsumerCache, says).of(c.name.as_str()).mend(format!("overlap = \"{}\"", c.cache))
    };
    let checks: Vec<Check> = long.map(warn).collect();
    if !checks.is_empty() {
        return checks;
    }
    let says = match runbook.consumers.len() {
        0 => "the runbook names no consumers",
        _ => "no consumer keeps the value for longer than the overlap",
    };
    vec![Check::ok(CheckId::ConsumerCache, says)]
}

/// A consumer that names a version never sees the next one: it fails when the old secret goes.
pub(super) fn pinned(runbook: &Runbook) -> Vec<Check> {
    let judge = |c: &Consumer| {
        let mut texts = [&c.refresh, &c.check].into_iter().flatten().flat_map(texts);
        let version = texts.find_map(|text| version_in(&text, runbook))?;
        let says = format!("names version {version} of the secret; it would not see the new one");
        let mend = "leave the version out of its reference to the secret, so that it reads the latest";
        let check = match runbook.delete {
            Delete::Auto => Check::refused(CheckId::ConsumerVersion, format!("{says} and fail when the old secret goes")),
            Delete::OnRelease | Delete::Never => Check::warning(CheckId::ConsumerVersion, says),
        };
        Some(check.of(c.name.as_str()).mend(mend))
    };
    let checks: Vec<Check> = runbook.consumers.iter().filter_map(judge).collect();
    if checks.is_empty() {
        vec![Check::ok(CheckId::ConsumerVersion, "no consumer's command or URL names a version; others cannot be seen")]
    } else {
        checks
    }
}

fn texts(action: &Action) -> Vec<String> {
    match &action.call {
        Call::Http(url) => vec![url.to_string()],
        Call::Command(command) => command.arguments().to_vec(),
    }
}

/// The version in a reference such as `https://VAULT/secrets/NAME/VERSION`, where NAME is a secret of the runbook.
fn version_in(text: &str, runbook: &Runbook) -> Option<VersionId> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
    let secret = |name: &str| runbook.vaults.iter().any(|v| v.secret.as_str().eq_ignore_ascii_case(name));
    let pairs = words.iter().zip(words.iter().skip(1));
    pairs.filter(|(name, _)| secret(name)).find_map(|(_, version)| version.parse().ok())
}

/// Whether the old secret is somebody else's too: then it must not go without a word.
pub(super) fn shared(
    runbook: &Runbook,
    found: Option<&FoundBaseline>,
    credentials: &[Credential],
    wanted: &Wanted,
) -> Vec<Check> {
    const ID: CheckId = CheckId::SharedSecret;
    let Some(found) = found else { return vec![Check::after(ID, CheckId::Baseline)] };
    let Some(key_id) = found.baseline.key_id() else { return vec![Check::ok(ID, "there is no old secret")] };
    let users: Vec<&OtherUse> = wanted.other_uses.iter().filter(|u| u.key_ids.contains(&key_id)).collect();
    let judge = |user: &&OtherUse| {
        let (file, places) = (&user.runbook_file, user.places.join(", "));
        let says = format!("key ID {key_id} is also that of {places}: run {} of {file} left it there", user.run);
        match (runbook.delete, wanted.shared_key_ok) {
            (Delete::Never, _) => Check::warning(ID, format!("{says}; it stays, as delete = \"never\" says")),
            (Delete::Auto | Delete::OnRelease, true) => Check::warning(ID, format!("{says}; allowed by --shared-key-ok")),
            (Delete::Auto | Delete::OnRelease, false) => Check::refused(ID, format!("{says}, and would fail when it goes"))
                .mend("write delete = \"never\" into the runbook, or if nobody uses it there: --shared-key-ok"),
        }
    };
    if !users.is_empty() {
        return users.iter().map(judge).collect();
    }
    let made_for =
        |c: &Credential| Tag::leading(&c.display_name).filter(|t| c.key_id == key_id && t.target != runbook.target());
    match credentials.iter().find_map(made_for) {
        Some(tag) if runbook.delete != Delete::Never => {
            let says = format!(
                "run {} made key ID {key_id} for other vaults than this runbook's; if they still serve it, they fail when it goes",
                tag.run
            );
            vec![
                Check::warning(ID, says)
                    .mend("find that run's runbook; if its vaults serve this key, write delete = \"never\""),
            ]
        }
        Some(_) | None => vec![Check::ok(ID, "no other runbook known here uses the old secret")],
    }
}
