//! From facts to findings. Pure.

use super::diagnosis::{Diagnosis, Finding, VaultLine, Verdict};
use super::facts::{Facts, Said, Serving, VaultFacts};
use super::history::History;
use crate::evidence::clean;
use crate::refusals::{self, Names, Operation, Words};
use crate::rotation::answers::{Refusal, RefusalKind, SignIn};
use crate::rotation::names::{KeyId, VaultIx};
use crate::runbook::Runbook;

/// What explains the more by itself comes first.
pub(super) mod rank {
    /// Nobody gets a token for this application, whatever the secret.
    pub(in crate::diagnose) const APPLICATION: u8 = 0;
    /// The token endpoint said why, and it is not the secret.
    pub(in crate::diagnose) const SIGN_IN: u8 = 1;
    /// The vault gives consumers nothing.
    pub(in crate::diagnose) const VAULT: u8 = 2;
    /// What became of the value.
    pub(in crate::diagnose) const VALUE: u8 = 3;
    /// What goes with it.
    pub(in crate::diagnose) const BESIDE: u8 = 4;
    /// What we may not see, and others may.
    pub(in crate::diagnose) const OUR_VIEW: u8 = 5;
    /// Where nothing is wrong.
    pub(in crate::diagnose) const WELL: u8 = 6;
}

/// What is judged.
pub(super) struct Case<'a> {
    pub(super) runbook: &'a Runbook,
    /// The runbook's file, for commands.
    pub(super) file: &'a str,
    pub(super) facts: &'a Facts,
    pub(super) history: &'a History,
}

impl Diagnosis {
    /// Judges what was read, for the runbook in `file`. Asks nobody.
    pub fn of(runbook: &Runbook, file: &str, facts: &Facts, history: &History) -> Diagnosis {
        let case = Case { runbook, file, facts, history };
        let mut findings = case.directory();
        facts.vaults.iter().for_each(|v| findings.extend(case.vault(v)));
        findings.extend(case.disagreement());
        findings.extend(case.all_expired());
        findings.extend(case.unfinished());
        let verdict = case.verdict();
        if verdict == Verdict::SignsIn {
            findings.push(case.well());
        }
        findings.sort_by_key(|f| f.rank);
        let mut seen = Vec::new();
        findings.retain(|f| {
            // what is about the application is the same at every vault, though the request-ids differ
            let about = if f.rank <= rank::SIGN_IN { String::new() } else { f.happened.clone() };
            let new = !seen.contains(&(f.name, about.clone()));
            seen.push((f.name, about));
            new
        });
        Diagnosis { verdict, vaults: facts.vaults.iter().map(|v| case.line(v)).collect(), findings }
    }
}

impl Case<'_> {
    pub(super) fn names(&self, vault: Option<VaultIx>) -> Names {
        Names::of(self.runbook, vault).in_file(&clean(self.file))
    }

    /// The vault's secret, for people.
    pub(super) fn place(&self, vault: VaultIx) -> String {
        self.runbook.vault(vault).map_or_else(String::new, |v| format!("{} in {}", v.secret, v.url.host()))
    }

    fn words(&self, said: &Said, vault: Option<VaultIx>) -> Words {
        Words::of_refusal(Some(said.operation), &said.refusal, said.request_id.as_deref(), &self.names(vault))
    }

    /// A refusal that only tells what we may not see.
    fn our_view(&self, said: &Said, vault: Option<VaultIx>) -> Finding {
        let words = self.words(said, vault);
        let ours = "This is what the identity that rotates is told: consumers sign in as themselves and may be told something else.";
        Finding { now: format!("{} {ours}", words.now).trim().to_owned(), ..Finding::said(rank::OUR_VIEW, words) }
    }

    fn directory(&self) -> Vec<Finding> {
        let missing = |said: &Said| {
            // a 404 in other words than Graph's says nothing about the application
            let row = refusals::of_refusal(Some(said.operation), &said.refusal);
            said.refusal.kind == RefusalKind::NotFound && row.service == said.operation.service()
        };
        let finding = |said: &Said| match missing(said) {
            true => Finding::said(rank::APPLICATION, self.words(said, None)),
            false => self.our_view(said, None),
        };
        let mut findings: Vec<Finding> = self.facts.application.as_ref().err().map(finding).into_iter().collect();
        let unknown = findings.iter().any(|f| f.rank == rank::APPLICATION);
        findings.extend(self.facts.enabled.as_ref().err().filter(|_| !unknown).map(finding));
        findings.extend(self.facts.secrets.as_ref().err().filter(|_| !unknown).map(finding));
        let disabled = SignIn::Refused { code: 7_000_112, class: String::new() };
        // the token endpoint's own word for it has a request-id
        let said = |v: &VaultFacts| match &v.read {
            Ok(Serving::Value { answers, .. }) => {
                answers.iter().any(|(a, _)| matches!(a, SignIn::Refused { code: 7_000_112, .. }))
            }
            Ok(Serving::Nothing { .. } | Serving::Disabled) | Err(_) => false,
        };
        if self.facts.enabled == Ok(false)
            && !self.facts.vaults.iter().any(said)
            && let Some(row) = refusals::of_sign_in(&disabled)
        {
            findings.push(Finding::said(rank::APPLICATION, Words::of_row(row, &self.names(None))));
        }
        findings
    }

    fn vault(&self, vault: &VaultFacts) -> Vec<Finding> {
        let gone = |kind, code: &str| {
            let refusal = Refusal { kind, status: None, code: code.to_owned(), message: String::new(), retry_after: None };
            let row = refusals::of_refusal(Some(Operation::GetSecret), &refusal);
            vec![Finding::said(rank::VAULT, Words::of_row(row, &self.names(Some(vault.vault))))]
        };
        match &vault.read {
            Err(said) => vec![self.our_view(said, Some(vault.vault))],
            Ok(Serving::Disabled) => gone(RefusalKind::Disabled, "SecretDisabled"),
            Ok(Serving::Nothing { deleted: Some(true) }) => gone(RefusalKind::SoftDeleted, "ObjectIsDeletedButRecoverable"),
            Ok(Serving::Nothing { deleted: Some(false) | None }) => gone(RefusalKind::NotFound, "SecretNotFound"),
            Ok(Serving::Value { version, hinted, answers }) => self.value(vault.vault, version, hinted, answers),
        }
    }

    fn verdict(&self) -> Verdict {
        let nobody = self.facts.enabled == Ok(false) || self.directory().iter().any(|f| f.rank == rank::APPLICATION);
        let of_vault = |v: &VaultFacts| match &v.read {
            Err(_) => Verdict::CannotTell,
            Ok(Serving::Nothing { .. } | Serving::Disabled) => Verdict::Fails,
            Ok(Serving::Value { answers, .. }) => verdict_of(answers.iter().map(|(a, _)| a)),
        };
        let all: Vec<Verdict> = self.facts.vaults.iter().map(of_vault).collect();
        if nobody || all.contains(&Verdict::Fails) {
            Verdict::Fails
        } else if all.is_empty() || all.contains(&Verdict::CannotTell) {
            Verdict::CannotTell
        } else {
            Verdict::SignsIn
        }
    }

    fn line(&self, facts: &VaultFacts) -> VaultLine {
        let named = self.runbook.vault(facts.vault);
        let (version, key_id, says) = match &facts.read {
            Err(said) => (None, None, clean(&Refusal { message: String::new(), ..said.refusal.clone() }.to_string())),
            Ok(Serving::Nothing { deleted: Some(true) }) => (None, None, "deleted, and its name is blocked".to_owned()),
            Ok(Serving::Nothing { deleted: Some(false) | None }) => (None, None, "not there".to_owned()),
            Ok(Serving::Disabled) => (None, None, "disabled".to_owned()),
            Ok(Serving::Value { version, hinted, answers }) => {
                let mut says: Vec<String> = answers.iter().map(|(a, _)| clean(&a.to_string())).collect();
                says.dedup();
                (Some(version.id), self.key_of(version, hinted), says.join(", then "))
            }
        };
        VaultLine {
            vault: named.map_or_else(String::new, |v| v.url.host().to_owned()),
            secret: named.map_or_else(String::new, |v| v.secret.as_str().to_owned()),
            version,
            key_id,
            says,
        }
    }

    /// The vaults serve different secrets.
    fn disagreement(&self) -> Option<Finding> {
        let serves = |v: &VaultFacts| match &v.read {
            Ok(Serving::Value { version, hinted, .. }) => Some((v.vault, self.key_of(version, hinted)?)),
            Ok(Serving::Nothing { .. } | Serving::Disabled) | Err(_) => None,
        };
        let all: Vec<(VaultIx, KeyId)> = self.facts.vaults.iter().filter_map(serves).collect();
        let (_, first) = all.first()?;
        if all.iter().all(|(_, k)| k == first) {
            return None;
        }
        let told: Vec<String> = all.iter().map(|(v, k)| format!("{} serves key ID {k}", self.place(*v))).collect();
        Some(Finding::new(
            rank::BESIDE,
            "vaults-disagree",
            format!("The vaults do not serve the same secret: {}.", told.join("; ")),
            "Consumers of one vault may get tokens while those of another do not.".to_owned(),
            format!(
                "See which signs in above. `keyrelay status` shows whether a run is under way; if none is, `keyrelay rotate {}` says \
                 how to make them agree.",
                clean(self.file)
            ),
        ))
    }

    fn unfinished(&self) -> Vec<Finding> {
        let finding = |(run, step): &(crate::rotation::names::RunId, &'static str)| {
            Finding::new(
                rank::BESIDE,
                "run-unfinished",
                format!("Run {run} of this application has not ended; it stands at the step \"{step}\"."),
                "Until it ends the vaults and the secrets may still change.".to_owned(),
                format!(
                    "`keyrelay status {run}` says what is true; then `keyrelay resume {run}` or `keyrelay rollback {run}`."
                ),
            )
        };
        self.history.unfinished.iter().map(finding).collect()
    }

    fn well(&self) -> Finding {
        let app = self.runbook.client_id;
        Finding::new(
            rank::WELL,
            "signs-in",
            "What every vault serves signs in from here, each time.".to_owned(),
            "A consumer that fails all the same holds another value, reads another vault, or is refused for what it asks for."
                .to_owned(),
            format!(
                "Let it read the vault again (`keyrelay status` shows what each consumer was told). The service principal sign-in \
                 records of {app} name the key ID that it uses and the reason for each refusal."
            ),
        )
    }
}

fn verdict_of<'a>(answers: impl Iterator<Item = &'a SignIn>) -> Verdict {
    let mut verdict = Verdict::CannotTell;
    for answer in answers {
        match answer {
            SignIn::Accepted if verdict == Verdict::CannotTell => verdict = Verdict::SignsIn,
            SignIn::Accepted => {}
            SignIn::Wrong | SignIn::Expired | SignIn::Refused { .. } | SignIn::OtherIdentity => return Verdict::Fails,
            SignIn::Unavailable { .. } => {}
        }
    }
    verdict
}
