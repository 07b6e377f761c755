//! What became of the value that a vault serves.

use jiff::{SignedDuration, Timestamp};

use super::diagnosis::Finding;
use super::facts::KnownSecret;
use super::judge::{Case, rank};
use crate::evidence::clean;
use crate::refusals::Words;
use crate::rotation::answers::{SignIn, Version};
use crate::rotation::names::{KeyId, VaultIx};

/// A secret younger than this may not be known to every sign-in replica yet. No bound is documented; reports speak of minutes.
const YOUNG: SignedDuration = SignedDuration::from_mins(15);

type Answers = [(SignIn, Option<String>)];

impl Case<'_> {
    /// The secret that a version is taken for: by its tag, else by a journal that found it, else the only one whose hint fits.
    pub(super) fn key_of(&self, version: &Version, hinted: &[KeyId]) -> Option<KeyId> {
        let found = || self.history.found.iter().rfind(|(v, _)| *v == version.id).map(|(_, k)| *k);
        let only = || match hinted {
            [one] => Some(*one),
            [] | [_, ..] => None,
        };
        version.key_id.or_else(found).or_else(only)
    }

    pub(super) fn value(&self, vault: VaultIx, version: &Version, hinted: &[KeyId], answers: &Answers) -> Vec<Finding> {
        let mut findings = Vec::new();
        let names = self.names(Some(vault));
        let refused = answers.iter().filter(|(a, _)| !a.accepted() && !a.says_dead());
        let words = refused.filter_map(|(a, id)| Words::of_sign_in(a, id.as_deref(), &names));
        // one of a kind is enough: the ids differ
        let mut told = Vec::new();
        for words in words.filter(|w| {
            !told.contains(&w.name) && {
                told.push(w.name);
                true
            }
        }) {
            findings.push(Finding::said(rank::SIGN_IN, words));
        }
        if let Some((answer, id)) = answers.iter().find(|(a, _)| a.says_dead()) {
            let accepted = answers.iter().any(|(a, _)| a.accepted());
            findings.push(self.dead(vault, version, hinted, answer, id.as_deref(), accepted));
        }
        findings.extend(self.moved(vault, version));
        findings
    }

    /// Why the token endpoint does not take the value, or not everywhere.
    fn dead(
        &self,
        vault: VaultIx,
        version: &Version,
        hinted: &[KeyId],
        answer: &SignIn,
        request_id: Option<&str>,
        accepted_elsewhere: bool,
    ) -> Finding {
        let place = self.place(vault);
        let rotate = format!("`keyrelay rotate {}` puts a new one in its place.", clean(self.file));
        let key_id = self.key_of(version, hinted);
        let secrets = self.facts.secrets.as_deref().unwrap_or_default();
        let listed = key_id.and_then(|k| secrets.iter().find(|s| s.key_id == k));
        let new = |name, happened, now: &str, next| Finding::new(rank::VALUE, name, happened, now.to_owned(), next);
        let young =
            |s: &KnownSecret| s.start.zip(self.facts.now).is_some_and(|(start, now)| now.duration_since(start) < YOUNG);
        const NO_TOKENS: &str = "Whoever reads it gets no new token.";
        if let Some(removal) = key_id.and_then(|k| self.history.removal(k)).filter(|_| listed.is_none()) {
            return new(
                "value-removed-by-run",
                format!(
                    "{place} serves the value of key ID {}, which run {} removed at {}.",
                    removal.key_id, removal.run, removal.at
                ),
                NO_TOKENS,
                format!(
                    "`keyrelay evidence {}` shows why; somebody has put the old value back since. {rotate}",
                    removal.run
                ),
            );
        }
        match (key_id, listed) {
            (_, Some(s)) if ended(s, self.facts.now) => new(
                "secret-expired",
                format!("{place} serves the value of {}, which has expired.", shown(s)),
                NO_TOKENS,
                rotate,
            ),
            (_, Some(s)) if accepted_elsewhere || young(s) => new(
                "secret-too-young",
                format!("{place} serves the value of {}, which some sign-in replicas do not know (yet).", shown(s)),
                "Sign-ins succeed or fail by chance until all replicas know it. Minutes are usual; no bound is documented.",
                format!("Wait a few minutes, then `keyrelay diagnose {}` again. It needs no rotation.", clean(self.file)),
            ),
            (_, Some(s)) if s.start.zip(self.facts.now).is_some_and(|(start, now)| start > now) => new(
                "secret-not-yet-valid",
                format!("{place} serves the value of {}, which is not valid yet.", shown(s)),
                NO_TOKENS,
                format!("Wait until then, or {rotate}"),
            ),
            (Some(key_id), None) if self.facts.secrets.is_ok() => new(
                "value-of-removed-secret",
                format!("{place} serves the value of key ID {key_id}, which the application does not have any more."),
                NO_TOKENS,
                format!("The directory's audit log says who removed it. {rotate}"),
            ),
            (None, None) if self.facts.secrets.is_ok() && hinted.is_empty() => new(
                "value-of-no-listed-secret",
                format!(
                    "{place} serves a value that belongs to none of the application's {} secrets: it is another application's, a key \
                     ID instead of a value, or one that was removed.",
                    secrets.len()
                ),
                NO_TOKENS,
                format!("See who wrote version {} (the vault's audit log, SecretSet). {rotate}", version.id),
            ),
            (Some(_) | None, Some(_) | None) => match Words::of_sign_in(answer, request_id, &self.names(Some(vault))) {
                Some(words) => Finding::said(rank::VALUE, words),
                None => new("value-refused", format!("{place} serves a value that does not sign in."), NO_TOKENS, rotate),
            },
        }
    }

    /// A version that no run known here confirmed has come after one that was.
    fn moved(&self, vault: VaultIx, version: &Version) -> Option<Finding> {
        let named = self.runbook.vault(vault)?;
        let here = |l: &&super::history::Left| l.host == named.url.host() && l.secret == named.secret.as_str();
        let left = self.history.left.iter().find(here).filter(|l| l.version != version.id)?;
        let underway = version.tag.as_ref().is_some_and(|t| self.history.unfinished.iter().any(|(run, _)| *run == t.run));
        (!underway).then(|| {
            Finding::new(
                rank::BESIDE,
                "version-after-run",
                format!(
                    "{} serves version {}; run {} ended with version {}, so somebody has written since.",
                    self.place(vault),
                    version.id,
                    left.run,
                    left.version
                ),
                "What keyrelay proved was the other version.".to_owned(),
                "The vault's audit log (SecretSet) names who wrote it. If it was by mistake, rotate again once it signs in, or \
                 set the value of the other version anew."
                    .to_owned(),
            )
        })
    }

    /// There is not one secret that could sign in.
    pub(super) fn all_expired(&self) -> Option<Finding> {
        let secrets = self.facts.secrets.as_ref().ok()?;
        let app = self.runbook.client_id;
        let next = format!("`keyrelay rotate {}` adds one and writes it to the vaults.", clean(self.file));
        if secrets.is_empty() {
            let happened = format!("The application {app} has no secret at all.");
            return Some(Finding::new(
                rank::BESIDE,
                "no-secrets",
                happened,
                "No value of any kind signs in, unless its service principal has secrets of its own.".to_owned(),
                next,
            ));
        }
        secrets.iter().all(|s| ended(s, self.facts.now)).then(|| {
            let all: Vec<String> = secrets.iter().map(shown).collect();
            Finding::new(
                rank::BESIDE,
                "all-secrets-expired",
                format!("All secrets of the application {app} have expired: {}.", all.join("; ")),
                "The token endpoint then calls an unknown value expired too (AADSTS7000222).".to_owned(),
                next,
            )
        })
    }
}

fn ended(secret: &KnownSecret, now: Option<Timestamp>) -> bool {
    secret.end.zip(now).is_some_and(|(end, now)| end <= now)
}

/// A secret, as a person tells it from others.
fn shown(secret: &KnownSecret) -> String {
    let date = |t: Option<Timestamp>| t.map_or_else(|| "?".to_owned(), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    format!("key ID {} \"{}\" ({} to {})", secret.key_id, clean(&secret.name), date(secret.start), date(secret.end))
}
