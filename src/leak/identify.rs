//! Which credential is it? From what the services say about a value. Pure.
//!
//! A hint narrows, and never decides. What decides is a sign-in, or a vault version that holds the very value and says whose it is.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::evidence::{Candidate, Evidence};
use crate::diagnose::History;
use crate::rotation::answers::{Refusal, SignIn};
use crate::rotation::names::{KeyId, RunId};

/// A credential younger than this may not be known to every sign-in replica yet. No bound is documented.
const YOUNG: SignedDuration = SignedDuration::from_mins(15);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It signs in, and it is known which credential it is.
    Alive,
    /// It signs in, and it is one of several credentials.
    AliveOneOf,
    /// It signs in, although no list has it: it was removed a moment ago, or added a moment ago.
    AliveUnlisted,
    /// Its credential is listed and not expired, and the value is refused: too young, or removed a moment ago.
    ListedButRefused,
    /// It begins like a listed credential's value, and is refused: cut off, mistyped, or another's.
    LooksLike,
    /// It has expired.
    Expired,
    /// It has expired, and it is one of several credentials.
    ExpiredOneOf,
    /// Its credential was removed.
    Removed,
    /// The token endpoint did not say: the application is disabled, blocked, or nobody answered.
    CannotTell,
    /// It is a key ID, which is no secret.
    KeyIdGiven,
    /// It is no secret of this application now.
    NotFound,
}

impl Standing {
    /// Whether a value that stands so may be used by whoever has it, now or once the application is let in again.
    pub fn dangerous(self) -> bool {
        match self {
            Standing::Alive | Standing::AliveOneOf | Standing::AliveUnlisted | Standing::ListedButRefused => true,
            Standing::LooksLike | Standing::CannotTell => true,
            Standing::Expired | Standing::ExpiredOneOf | Standing::Removed | Standing::KeyIdGiven => false,
            Standing::NotFound => false,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// How it stands.
    pub standing: Standing,
    /// The credential, where it is known which one. A removed one is not among the candidates.
    pub key_id: Option<KeyId>,
    /// The listed credentials that it is, or may be.
    pub candidates: Vec<Candidate>,
    /// The run that removed it, and when, where a journal knows.
    pub removed_by: Option<(RunId, Timestamp)>,
    /// Whether a vault serves it now.
    pub served: bool,
    /// What the last sign-in answered, where it was tried.
    pub answer: Option<SignIn>,
    /// Why the credentials could not be listed.
    pub unlisted: Option<Refusal>,
}

impl Identified {
    /// Whether more may come to light in the vaults' old versions.
    pub fn wants_versions(&self) -> bool {
        match self.standing {
            Standing::Alive | Standing::KeyIdGiven => false,
            Standing::Expired | Standing::Removed | Standing::ListedButRefused => self.key_id.is_none(),
            Standing::AliveOneOf | Standing::AliveUnlisted | Standing::LooksLike | Standing::ExpiredOneOf => true,
            Standing::CannotTell | Standing::NotFound => true,
        }
    }
}

/// Judges the evidence.
pub fn identify(evidence: &Evidence, history: &History) -> Identified {
    let listed = evidence.listed.as_deref().unwrap_or_default();
    let proven = evidence.holders.iter().find_map(|h| h.key_id);
    let accepted = evidence.answers.iter().any(SignIn::accepted);
    let dead = !accepted && evidence.answers.iter().all(SignIn::says_dead);
    let in_date = |c: &&Candidate| ends(c, evidence.now).is_none_or(|ended| !ended);
    let ended = |c: &&Candidate| ends(c, evidence.now) == Some(true);
    let fitting = || listed.iter().filter(|c| c.fits);
    let is_listed = proven.and_then(|k| listed.iter().find(|c| c.key_id == k));
    let said_expired = evidence.answers.contains(&SignIn::Expired);
    let (standing, key_id, candidates): (Standing, Option<KeyId>, Vec<&Candidate>) = match (proven, is_listed) {
        (Some(key_id), Some(c)) => {
            let standing = match (accepted, dead) {
                (true, _) => Standing::Alive,
                (false, true) if ended(&c) => Standing::Expired,
                (false, true) => Standing::ListedButRefused,
                (false, false) => Standing::CannotTell,
            };
            (standing, Some(key_id), vec![c])
        }
        (Some(key_id), None) => {
            let standing = match (accepted, dead && evidence.listed.is_ok()) {
                (true, _) => Standing::AliveUnlisted,
                (false, true) => Standing::Removed,
                (false, false) => Standing::CannotTell,
            };
            (standing, Some(key_id), Vec::new())
        }
        (None, _) if accepted => {
            let living: Vec<&Candidate> = fitting().filter(in_date).collect();
            match living.as_slice() {
                [] => (Standing::AliveUnlisted, None, Vec::new()),
                [one] => (Standing::Alive, Some(one.key_id), living),
                [_, _, ..] => (Standing::AliveOneOf, None, living),
            }
        }
        (None, _) if !dead => (Standing::CannotTell, None, fitting().collect()),
        // Where all secrets of an application have expired, an unknown value is called expired too.
        (None, _) if said_expired && fitting().filter(ended).count() > 0 => {
            let gone: Vec<&Candidate> = fitting().filter(ended).collect();
            match gone.as_slice() {
                [one] => (Standing::Expired, Some(one.key_id), gone),
                [..] => (Standing::ExpiredOneOf, None, gone),
            }
        }
        (None, _) if !evidence.holders.is_empty() => (Standing::Removed, None, Vec::new()),
        (None, _) => {
            let alike: Vec<&Candidate> = fitting().filter(|c| c.hinted).collect();
            let young = alike.iter().any(|c| is_young(c, evidence.now));
            match alike.is_empty() {
                true => (Standing::NotFound, None, Vec::new()),
                false if young => (Standing::ListedButRefused, None, alike),
                false => (Standing::LooksLike, None, alike),
            }
        }
    };
    let removal =
        key_id.and_then(|k| history.removal(k)).filter(|_| matches!(standing, Standing::Removed | Standing::AliveUnlisted));
    Identified {
        standing,
        key_id,
        candidates: candidates.into_iter().cloned().collect(),
        removed_by: removal.map(|r| (r.run.clone(), r.at)),
        served: evidence.holders.iter().any(|h| h.current),
        answer: evidence.answers.last().cloned(),
        unlisted: evidence.listed.as_ref().err().cloned(),
    }
}

/// What a key ID is that was given in place of a value.
pub fn of_key_id(key_id: KeyId, evidence: &Evidence) -> Identified {
    let listed = evidence.listed.as_deref().unwrap_or_default();
    let candidates: Vec<Candidate> = listed.iter().filter(|c| c.key_id == key_id).cloned().collect();
    Identified {
        standing: Standing::KeyIdGiven,
        key_id: candidates.first().map(|c| c.key_id),
        candidates,
        removed_by: None,
        served: false,
        answer: None,
        unlisted: evidence.listed.as_ref().err().cloned(),
    }
}

fn ends(c: &Candidate, now: Option<Timestamp>) -> Option<bool> {
    Some(c.end? <= now?)
}

fn is_young(c: &Candidate, now: Option<Timestamp>) -> bool {
    c.start.zip(now).is_some_and(|(start, now)| now.duration_since(start) < YOUNG)
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Holder;
    use super::*;
    use crate::rotation::names::{VaultIx, VersionId};
    use uuid::Uuid;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn key(n: u128) -> KeyId {
        KeyId(Uuid::from_u128(n))
    }

    /// `hours` until it ends; made a day ago.
    fn credential(n: u128, fits: bool, hours: i64) -> Candidate {
        let at = |h: i64| Some(now() + SignedDuration::from_hours(h));
        let (start, end) = (at(-24), at(hours));
        Candidate { key_id: key(n), name: "x".into(), start, end, of_principal: false, fits, hinted: true }
    }

    fn evidence(listed: &[Candidate], answers: &[SignIn]) -> Evidence {
        Evidence {
            now: Some(now()),
            listed: Ok(listed.to_vec()),
            answers: answers.to_vec(),
            holders: Vec::new(),
            searched_versions: false,
            unread: Vec::new(),
        }
    }

    fn thrice(answer: SignIn) -> Vec<SignIn> {
        vec![answer; 3]
    }

    fn held(evidence: Evidence, key_id: Option<KeyId>, current: bool) -> Evidence {
        Evidence { holders: vec![Holder { vault: VaultIx(0), version: VersionId(1), current, key_id }], ..evidence }
    }

    #[test]
    fn a_hint_narrows_and_a_sign_in_decides() {
        use SignIn::{Accepted, Expired, Wrong};
        use Standing as S;
        let disabled = || SignIn::Refused { code: 7_000_112, class: "unauthorized_client".into() };
        let is = |listed: &[Candidate], answers: &[SignIn]| {
            let found = identify(&evidence(listed, answers), &History::default());
            (found.standing, found.key_id, found.candidates.len())
        };
        let (fits, fits_too, other) = (credential(1, true, 9), credential(2, true, 9), credential(3, false, 9));
        let gone = credential(4, true, -1);
        let all = [fits.clone(), other.clone(), gone.clone()];
        assert_eq!(is(&all, &[Accepted]), (S::Alive, Some(key(1)), 1));
        assert_eq!(is(&all, &[Wrong, Accepted]), (S::Alive, Some(key(1)), 1), "one replica that takes it is enough");
        assert_eq!(is(&[fits.clone(), fits_too.clone(), other.clone()], &[Accepted]), (S::AliveOneOf, None, 2));
        assert_eq!(is(std::slice::from_ref(&other), &[Accepted]), (S::AliveUnlisted, None, 0));
        assert_eq!(is(&[other.clone(), gone.clone()], &thrice(Expired)), (S::Expired, Some(key(4)), 1));
        let gone_too = Candidate { key_id: key(5), ..gone.clone() };
        assert_eq!(is(&[gone.clone(), gone_too], &thrice(Expired)), (S::ExpiredOneOf, None, 2));
        let elsewhere = Candidate { fits: false, ..gone };
        assert_eq!(is(&[elsewhere], &thrice(Expired)), (S::NotFound, None, 0), "where all have expired, everything has");
        assert_eq!(is(&all, &thrice(Wrong)), (S::LooksLike, None, 2));
        let young = Candidate { start: Some(now() - SignedDuration::from_mins(14)), ..fits.clone() };
        assert_eq!(is(&[young], &thrice(Wrong)), (S::ListedButRefused, None, 1));
        assert_eq!(is(std::slice::from_ref(&other), &thrice(Wrong)), (S::NotFound, None, 0));
        assert_eq!(is(&all, &[disabled()]), (S::CannotTell, None, 2));
        let no_hint = Candidate { hinted: false, ..fits };
        assert_eq!(is(&[no_hint, other], &thrice(Wrong)), (S::NotFound, None, 0), "that it has no hint is no likeness");
    }

    #[test]
    fn a_version_with_the_very_value_says_whose_it_is() {
        use SignIn::{Accepted, Expired, Wrong};
        let two = [credential(1, true, 9), credential(2, true, 9)];
        let is = |answers: &[SignIn], key_id| {
            let found = identify(&held(evidence(&two, answers), key_id, true), &History::default());
            (found.standing, found.key_id)
        };
        assert_eq!(is(&[Accepted], Some(key(2))), (Standing::Alive, Some(key(2))));
        assert_eq!(is(&thrice(Wrong), Some(key(2))), (Standing::ListedButRefused, Some(key(2))));
        assert_eq!(is(&thrice(Wrong), Some(key(9))), (Standing::Removed, Some(key(9))));
        assert_eq!(is(&[Accepted], Some(key(9))), (Standing::AliveUnlisted, Some(key(9))));
        assert_eq!(
            is(&[Accepted], None),
            (Standing::AliveOneOf, None),
            "a version without a tag says only that it is served"
        );
        assert_eq!(is(&[SignIn::OtherIdentity], Some(key(9))), (Standing::CannotTell, Some(key(9))));
        let ended = evidence(&[credential(1, true, -1)], &thrice(Expired));
        assert_eq!(identify(&held(ended, Some(key(1)), false), &History::default()).standing, Standing::Expired);
    }
}
