//! What an emergency came to: when the leaked secret was removed, first refused and proven dead, and what lives on of it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::explain;
use super::text::{clean, duration, sign_in};
use crate::rotation::answers::{Mutation, SignIn, Trace};
use crate::rotation::names::{KeyId, VersionId};
use crate::rotation::plan::{Emergency, Way};
use crate::rotation::usage::{Unknown, Usage};
use crate::rotation::{Applied, Death, Event, Phase, Rotation};
use crate::run::{Numbered, Record, Run, Start};

/// How long an access token is taken to live where no sign-in of the run said so: Entra draws 60 to 90 minutes
/// (learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes).
pub const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(90);

/// The facts of an emergency. Times are service time. What is not known, or has not come yet, is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmergencyFacts {
    /// The key ID that leaked.
    pub leaked_key_id: KeyId,
    /// `replace`, `revoke-first` or `revoke-only`.
    pub emergency: &'static str,
    /// Since when it is out, as a person said.
    pub exposed_at: Option<Timestamp>,
    /// When the command was given.
    pub declared_at: Timestamp,
    /// When its removal was applied, or it was found gone.
    pub removed_at: Option<Timestamp>,
    /// The first sign-in with it that was refused as wrong or expired after the removal.
    pub first_refused_at: Option<Timestamp>,
    /// The last sign-in with it that was accepted after the removal: some replica still knew it.
    pub last_accepted_at: Option<Timestamp>,
    /// The end of the row of refusals that proves it dead.
    pub proven_dead_at: Option<Timestamp>,
    /// Why it is removed and not proven dead.
    pub not_proven: Option<String>,
    /// From the command to the first refusal.
    pub seconds_to_refusal: Option<f64>,
    /// No access token that was issued with it lives after this. Null until it is proven dead: before, tokens may still be issued.
    pub token_tail_until: Option<Timestamp>,
    /// How long a token lives: the longest that a sign-in of this run got, in seconds.
    pub token_seconds: i64,
    /// Whether a sign-in said so; if not, it is [`TOKEN_LIFETIME`].
    pub token_seconds_seen: bool,
    /// Whose outage was accepted, by whom.
    pub outages_accepted: Vec<OutageAccepted>,
    /// Versions of the leaked value that were disabled.
    pub disabled_versions: Vec<VersionId>,
    /// Who signed in with it.
    pub sign_ins: SignIns,
    /// The records of the row that proves it dead, or of what was tried.
    #[serde(skip)]
    pub(super) records: Vec<u64>,
    #[serde(skip)]
    window: SignedDuration,
    #[serde(skip)]
    ask_again: String,
}

/// An outage that somebody accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutageAccepted {
    /// Whose; null for everyone's.
    pub consumer: Option<String>,
    /// Who accepted it.
    pub by: String,
    /// The record.
    pub record: u64,
}

/// The sign-ins with the leaked key ID, as the sign-in records tell them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIns {
    /// Whether anything is known.
    pub known: bool,
    /// Why not.
    pub why: Option<String>,
    /// How many there were.
    pub total: Option<u64>,
    /// How many came from expected networks.
    pub expected: Option<u64>,
    /// The others.
    pub unexpected: Vec<serde_json::Value>,
    /// Later ones may not be in the records yet.
    pub until: Option<Timestamp>,
}

impl SignIns {
    fn told(usage: &Usage) -> SignIns {
        let said = crate::usage::tell::json(usage);
        SignIns {
            known: usage.unknown.is_none(),
            why: usage.unknown.as_ref().map(Unknown::sentence),
            total: Some(usage.total),
            expected: Some(usage.expected),
            unexpected: said.get("unexpected").and_then(|u| u.as_array()).cloned().unwrap_or_default(),
            until: Some(usage.until.round(jiff::Unit::Second).unwrap_or(usage.until)),
        }
    }

    fn unknown(why: &str) -> SignIns {
        SignIns { known: false, why: Some(why.to_owned()), total: None, expected: None, unexpected: Vec::new(), until: None }
    }
}

impl EmergencyFacts {
    /// Those of `run`; none of an ordinary rotation.
    pub fn of(run: &Run) -> Option<EmergencyFacts> {
        let emergency = run.start.plan.emergency.as_ref()?;
        let mut facts = EmergencyFacts::at_the_start(emergency, &run.start);
        let mut before: Option<Rotation> = None;
        // the records were replayed once already, so they can be again
        let _ = Run::replay_with(run.records.clone(), |after, record| {
            if let (Some(before), Some(at), Record::Event(event)) = (before.take(), record.at, &record.event) {
                facts.see(&before, after, record, at, event, &run.start);
            }
            before = Some(after.clone());
        });
        Some(facts)
    }

    fn at_the_start(emergency: &Emergency, start: &Start) -> EmergencyFacts {
        let by = clean(&start.by.to_string());
        let accepted = |consumer: Option<String>| OutageAccepted { consumer, by: by.clone(), record: 0 };
        let everyone = emergency.outage_accepted.then(|| accepted(None));
        let named = emergency.accepted.iter().map(|n| accepted(Some(explain::name(start, *n))));
        EmergencyFacts {
            leaked_key_id: emergency.leaked,
            emergency: match emergency.way {
                Way::Replace => "replace",
                Way::RevokeFirst => "revoke-first",
                Way::RevokeOnly => "revoke-only",
            },
            exposed_at: emergency.exposed_at,
            declared_at: emergency.declared_at,
            removed_at: None,
            first_refused_at: None,
            last_accepted_at: None,
            proven_dead_at: None,
            not_proven: None,
            seconds_to_refusal: None,
            token_tail_until: None,
            token_seconds: TOKEN_LIFETIME.as_secs(),
            token_seconds_seen: false,
            outages_accepted: everyone.into_iter().chain(named).collect(),
            disabled_versions: Vec::new(),
            sign_ins: SignIns::unknown("the sign-in records have not been read yet"),
            records: Vec::new(),
            window: emergency.death.window,
            ask_again: format!(
                "keyrelay leak who {} --key-id {}{}",
                clean(&start.runbook_file),
                emergency.leaked,
                emergency.exposed_at.map(|t| format!(" --since {t}")).unwrap_or_default()
            ),
        }
    }

    fn see(&mut self, before: &Rotation, after: &Rotation, record: &Numbered, at: Timestamp, event: &Event, start: &Start) {
        traces(event).into_iter().filter_map(|t| t.token_seconds).for_each(|s| self.token(i64::from(s)));
        let removed = before.in_flight() == Some(&Mutation::RemoveSecret { key_id: self.leaked_key_id })
            && matches!(event, Event::Applied { result: Applied::Removed, .. });
        let found_gone = *after.phase() == Phase::Dying;
        if removed || found_gone {
            self.removed_at.get_or_insert(at);
        }
        if let (Some(Mutation::DisableVersion { version, .. }), Event::Applied { result: Applied::Disabled, .. }, false) =
            (before.in_flight(), event, before.back())
        {
            self.disabled_versions.push(*version);
        }
        if let Event::OutageAccepted { by, consumers } = event {
            let accepted =
                |n: &usize| OutageAccepted { consumer: Some(explain::name(start, *n)), by: clean(by), record: record.seq };
            self.outages_accepted.extend(consumers.iter().map(accepted));
        }
        let proven = after.death() == Some(Death::Proven) && before.death().is_none();
        let given_up = after.death() == Some(Death::Unproven) && before.death().is_none();
        if let Event::LeakedTried { answer, .. } = event {
            self.tried(at, answer, record.seq, before.refused_since());
            let last = || format!("the last sign-in with it within the longest wait was {}", sign_in(answer));
            self.not_proven = given_up.then(last);
        } else if let Event::UsageRead { usage } = event {
            self.sign_ins = SignIns::told(usage);
        } else if let Event::LeakedMissing { why } = event {
            self.not_proven = Some(format!("its value could not be tried: {}", clean(why)));
        } else if matches!(event, Event::Resumed { .. }) {
            self.records.clear();
        }
        if proven {
            let since = before.refused_since().unwrap_or(at);
            self.proven_dead_at = Some(at);
            self.token_tail_until =
                Some(since.checked_add(SignedDuration::from_secs(self.token_seconds)).unwrap_or(Timestamp::MAX));
        }
    }

    fn tried(&mut self, at: Timestamp, answer: &SignIn, record: u64, row_since: Option<Timestamp>) {
        if answer.says_dead() {
            if row_since.is_none() {
                self.records.clear();
            }
            let first = *self.first_refused_at.get_or_insert(at);
            self.seconds_to_refusal = Some(first.duration_since(self.declared_at).as_secs_f64());
        } else {
            self.records.clear();
        }
        if answer.accepted() {
            self.last_accepted_at = Some(at);
        }
        self.records.push(record);
    }

    fn token(&mut self, seconds: i64) {
        self.token_seconds = if self.token_seconds_seen { self.token_seconds.max(seconds) } else { seconds };
        self.token_seconds_seen = true;
    }

    /// The few lines for a person.
    pub(super) fn lines(&self) -> Vec<String> {
        [Some(self.fate()), self.waited_out(), Some(self.tokens()), Some(self.who())].into_iter().flatten().collect()
    }

    /// What became of it.
    pub(super) fn fate(&self) -> String {
        let key = self.leaked_key_id;
        let Some(removed) = self.removed_at else { return format!("Leaked key ID {key}: NOT removed. It signs in.") };
        let refused = self.first_refused_at.map(|t| format!(", first refused at {t}")).unwrap_or_default();
        let took = self.seconds_to_refusal.map(|s| format!(" ({s:.0} s after the command)")).unwrap_or_default();
        let proof = match (self.proven_dead_at, &self.not_proven) {
            (Some(at), _) => format!(", proven dead at {at} (refused without a break for {})", duration(self.window)),
            (None, Some(why)) => format!(". Removed, NOT PROVEN DEAD: {}", why.trim_end_matches('.')),
            (None, None) => ", not proven dead yet".to_owned(),
        };
        format!("Leaked key ID {key}: removed at {removed}{refused}{took}{proof}.")
    }

    fn waited_out(&self) -> Option<String> {
        let accepted = self.last_accepted_at?;
        Some(format!("A replica of the sign-in service still accepted it at {accepted}, after its removal."))
    }

    /// What lives on of it.
    pub(super) fn tokens(&self) -> String {
        let lifetime = duration(SignedDuration::from_secs(self.token_seconds));
        let seen = if self.token_seconds_seen {
            "the longest that a sign-in of this run got"
        } else {
            "assumed: no sign-in said so"
        };
        let tail = match (self.token_tail_until, self.removed_at) {
            (Some(until), _) => {
                format!("Tokens that were issued with it live until {until} at the latest ({lifetime}, {seen}).")
            }
            (None, Some(removed)) => format!(
                "Until when tokens that were issued with it live is not known, since it is not proven dead: if it was refused from its \
                 removal at {removed} on, {lifetime} from then ({seen})."
            ),
            (None, None) => format!("Tokens are still issued with it, for {lifetime} each ({seen})."),
        };
        format!(
            "{tail} Disabling the service principal, or continuous access evaluation where a resource supports it, ends them sooner \
             and stops the application itself; keyrelay does neither."
        )
    }

    fn who(&self) -> String {
        let SignIns { why, total, expected, until, .. } = &self.sign_ins;
        let seen = total.zip(*expected).map(|(total, expected)| match total {
            0 => "nobody but keyrelay".to_owned(),
            _ => {
                let others = total.saturating_sub(expected);
                format!("{total} sign-ins by others than keyrelay: {expected} from expected networks, {others} UNEXPECTED")
            }
        });
        let again = &self.ask_again;
        match (why, seen) {
            (Some(why), None) => format!("Who used it: CANNOT KNOW: {why}. Later: {again}"),
            (Some(why), Some(seen)) => format!("Who used it: CANNOT KNOW: {why}. Seen so far: {seen}. Later: {again}"),
            (None, seen) => {
                let until = until.map(|t| format!(" Sign-ins after {t} may not be recorded yet; later: {again}"));
                format!("Who used it: {}.{}", seen.unwrap_or_default(), until.unwrap_or_default())
            }
        }
    }
}

/// Those of answers to sign-ins.
fn traces(event: &Event) -> Vec<&Trace> {
    match event {
        Event::SignedIn { trace, .. } | Event::BaselineProven { trace, .. } | Event::LeakedTried { trace, .. } => {
            vec![trace]
        }
        Event::VaultRead { sign_in_trace, .. } => sign_in_trace.iter().collect(),
        Event::Resumed { .. } | Event::Intended { .. } | Event::Applied { .. } | Event::NotApplied { .. } => vec![],
        Event::InDoubt { .. } | Event::CredentialsListed { .. } | Event::VersionsListed { .. } => vec![],
        Event::LeakedMissing { .. } | Event::OutageAccepted { .. } | Event::ReadRefused { .. } => vec![],
        Event::UsageRead { .. } => vec![],
        Event::ConsumerRefreshed { .. } | Event::ConsumerChecked { .. } | Event::RollbackRequested { .. } => vec![],
        Event::HoldSet { .. } | Event::Released { .. } | Event::GaveUp | Event::Abandoned { .. } => vec![],
    }
}
