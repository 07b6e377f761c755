//! What a service's no means to the person on call: one table from code to what happened, what is true, and what to run.
//!
//! The adapters in [`crate::azure`] take the kind of a refusal from here, and preflight, runs, reports and `diagnose` take their
//! words, so that a refusal reads the same wherever it is met. `docs/errors.md` is made from the same rows ([`page`]).
//! A row is found by code (or AADSTS number), and by kind where the code is not known; the services' sentences decide nothing.

use crate::rotation::answers::{Refusal, RefusalKind, SignIn};

mod any;
mod asked;
mod graph;
pub mod page;
mod row;
mod token;
mod vault;
mod words;

pub use asked::{asked, asked_by};
pub use row::{HttpStatus, Operation, Row, Service, Sign, Sure};
pub use token::Why;
pub use words::{Names, Words};

/// All rows, in the order in which they are looked through: what knows most comes first.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    graph::ROWS.iter().chain(vault::ROWS).chain(token::ROWS).chain(any::ROWS)
}

/// The kind of a refusal of `service` with this status, by whichever of its codes is known.
pub fn kind(service: Service, status: u16, codes: &[&str]) -> RefusalKind {
    codes.iter().find_map(|code| known(service, status, code)).map_or_else(|| by_status(status), |r| r.kind)
}

/// The row of a code of `service`, if it is known under this status.
pub fn known(service: Service, status: u16, code: &str) -> Option<&'static Row> {
    rows().find(|r| r.service == service && r.status.fits(status) && r.has_code(code))
}

/// The kind of a refusal of which only the status is known.
pub fn by_status(status: u16) -> RefusalKind {
    match status {
        401 => RefusalKind::Unauthenticated,
        403 => RefusalKind::Forbidden,
        404 => RefusalKind::NotFound,
        408 => RefusalKind::Unanswered,
        409 => RefusalKind::Conflict,
        429 => RefusalKind::Throttled,
        400..=499 => RefusalKind::Rejected,
        500..=599 => RefusalKind::Unanswered,
        _ => RefusalKind::BadAnswer,
    }
}

/// Whether a sign-in that was refused with this number is to be asked again: it says *later*, whatever the status.
pub fn says_later(aadsts: u32) -> bool {
    rows().any(|r| r.kind == RefusalKind::Unanswered && r.has_number(aadsts))
}

/// The row of a refusal to `operation`; `None` if it is not known what was asked for.
///
/// A sign-in of the identity that rotates is part of what it wanted to do: its refusal carries an AADSTS number.
pub fn of_refusal(operation: Option<Operation>, refusal: &Refusal) -> &'static Row {
    let codes: Vec<&str> = refusal.code.split('/').collect();
    let numbers: Vec<u32> = codes.iter().filter_map(|c| c.strip_prefix("AADSTS")?.parse().ok()).collect();
    let asked = |r: &&Row| match operation {
        Some(o) => o.service() == r.service && (r.operations.is_empty() || r.operations.contains(&o)),
        None => r.operations.is_empty(),
    };
    let said = |r: &&Row| refusal.status.is_none_or(|s| r.status.fits(s)) && codes.iter().any(|c| r.has_code(c));
    let coded = || rows().find(|r| asked(r) && said(r));
    let by_kind = || {
        rows().find(|r| {
            let fits = r.service == Service::Any || operation.is_some() && asked(r);
            fits && r.sign == Sign::Kind(refusal.kind)
        })
    };
    let signing_in = || rows().find(|r| numbers.iter().any(|n| r.has_number(*n)));
    let token = || (!numbers.is_empty()).then(token::otherwise);
    signing_in().or_else(coded).or_else(token).or_else(by_kind).unwrap_or_else(|| any::of(refusal.kind))
}

/// The row of a sign-in with the application's secret; `None` if it was accepted.
pub fn of_sign_in(answer: &SignIn) -> Option<&'static Row> {
    let number = |n: u32| rows().find(|r| r.has_number(n)).unwrap_or_else(|| token::otherwise());
    match answer {
        SignIn::Accepted => None,
        SignIn::Wrong => Some(number(7_000_215)),
        SignIn::Expired => Some(number(7_000_222)),
        SignIn::Refused { code, .. } => Some(number(*code)),
        SignIn::Unavailable { why } => Some(token::unavailable(why)),
        SignIn::OtherIdentity => Some(token::other_identity()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const KINDS: [RefusalKind; 15] = {
        use RefusalKind as K;
        [
            K::Unreachable,
            K::Unanswered,
            K::Throttled,
            K::Conflict,
            K::NotFound,
            K::Unauthenticated,
            K::Forbidden,
            K::Firewall,
            K::NoRoom,
            K::Policy,
            K::Disabled,
            K::SoftDeleted,
            K::BeingDeleted,
            K::Rejected,
            K::BadAnswer,
        ]
    };

    fn refusal(kind: RefusalKind, code: &str) -> Refusal {
        Refusal { kind, status: None, code: code.into(), message: String::new(), retry_after: None }
    }

    #[test]
    fn names_are_unique_and_sources_are_named() {
        let names: BTreeSet<&str> = rows().map(|r| r.name).collect();
        assert_eq!(names.len(), rows().count());
        for row in rows() {
            assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", row.name);
            assert!(!row.source.is_empty() && row.happened.ends_with('.') && row.next.ends_with('.'), "{}", row.name);
        }
    }

    #[test]
    fn every_row_is_what_its_own_sign_finds() {
        for row in rows() {
            let any = match row.service {
                Service::Graph => Some(Operation::AddSecret),
                Service::Vault => Some(Operation::SetSecret),
                Service::Token => Some(Operation::OperatorSignIn),
                Service::Any => None,
            };
            let operation = row.operations.first().copied().or(any);
            let found: Vec<&str> = match row.sign {
                Sign::Codes(codes) => codes.iter().map(|c| of_refusal(operation, &refusal(row.kind, c)).name).collect(),
                Sign::Kind(kind) => vec![of_refusal(operation, &refusal(kind, "NeverSeen")).name],
                Sign::Numbers(numbers) => numbers
                    .iter()
                    .map(|n| of_refusal(operation, &refusal(row.kind, &format!("invalid_client/AADSTS{n}"))).name)
                    .collect(),
                Sign::Why(why) => vec![of_sign_in(&SignIn::Unavailable { why: why.begins("x") }).unwrap().name],
                Sign::OtherNumber => vec![of_sign_in(&SignIn::Refused { code: 1, class: "x".into() }).unwrap().name],
                Sign::OtherIdentity => vec![of_sign_in(&SignIn::OtherIdentity).unwrap().name],
            };
            assert!(!found.is_empty() && found.iter().all(|n| *n == row.name), "{}: {found:?}", row.name);
        }
    }

    #[test]
    fn no_kind_is_without_words() {
        for kind in KINDS {
            assert_eq!(of_refusal(None, &refusal(kind, "NeverSeen")).sign, Sign::Kind(kind));
        }
    }

    #[test]
    fn a_code_counts_only_under_its_status() {
        let kind = |status, code| kind(Service::Vault, status, &[code]);
        assert_eq!(kind(403, "SecretDisabled"), RefusalKind::Disabled);
        assert_eq!(kind(500, "SecretDisabled"), RefusalKind::Unanswered);
        assert_eq!(kind(409, "ObjectIsBeingDeleted"), RefusalKind::BeingDeleted);
        assert_eq!(kind(400, "SecretNotFound"), RefusalKind::Rejected, "a 404 alone says that there is nothing");
        assert_eq!(
            super::kind(Service::Graph, 403, &["SecretDisabled"]),
            RefusalKind::Forbidden,
            "a code of another service"
        );
    }
}
