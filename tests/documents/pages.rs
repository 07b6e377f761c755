//! One page for each reason that needs an operator, and one for each exit code.

use std::collections::BTreeSet;
use std::fs;

use keyrelay::rotation::Reason;
use keyrelay::rotation::answers::{Refusal, RefusalKind, SignIn};
use keyrelay::rotation::names::{RunId, VaultIx};

use crate::{read, root};

/// Begins with a title and then says what is true now, what to look at and what to run, in this order, each at some length.
fn check(page: &str, title: &str) {
    let text = read(&root().join(page));
    let headings: Vec<&str> = text.lines().filter(|l| l.starts_with('#')).collect();
    assert!(headings.first().is_some_and(|h| h.starts_with(title)), "{page}: {headings:?}");
    assert_eq!(headings[1..], ["## What is true now", "## What to look at", "## What to run"], "{page}");
    let mut parts = text.split("\n#");
    assert_eq!(
        parts.next().unwrap().lines().filter(|l| !l.is_empty()).count(),
        1,
        "{page}: nothing stands before what is true"
    );
    assert!(parts.all(|part| part.len() > 60), "{page}: a part is empty");
}

/// The reason after this one; the match makes the compiler ask for each that is new.
fn after(reason: &Reason) -> Option<Reason> {
    use Reason as R;
    let (vault, last) = (VaultIx(0), SignIn::Accepted);
    let key_id = "7a5a1ce6-681b-4b2d-9417-570c5c11bf50".parse().unwrap();
    let refusal = Refusal {
        kind: RefusalKind::Forbidden,
        status: Some(403),
        code: "Forbidden".to_owned(),
        message: String::new(),
        retry_after: None,
    };
    Some(match reason {
        R::VaultChanged { .. } => R::VaultsUnsteady,
        R::VaultsUnsteady => R::NoRoom,
        R::NoRoom => R::AnotherRun { run: RunId::new("2026-11-21T03:06:00Z".parse().unwrap(), 0) },
        R::AnotherRun { .. } => R::NotProven { last },
        R::NotProven { .. } => R::CurrentRefused { vault, last },
        R::CurrentRefused { .. } => R::CredentialGone { key_id },
        R::CredentialGone { .. } => R::BaselineUnproven { last },
        R::BaselineUnproven { .. } => R::AddRefused { refusal },
        R::AddRefused { .. } => R::WriteRefused { vault, refusal },
        R::WriteRefused { .. } => R::RemoveRefused { key_id, refusal },
        R::RemoveRefused { .. } => R::RemovalNotSeen { key_id },
        R::RemovalNotSeen { .. } => R::ReadRefused { refusal },
        R::ReadRefused { .. } => R::AttemptsExhausted,
        R::AttemptsExhausted => R::ConsumerFailed { consumers: vec![0], note: String::new() },
        R::ConsumerFailed { .. } => R::ConsumerUsesOld { consumers: vec![0] },
        R::ConsumerUsesOld { .. } => R::NotReleased,
        R::NotReleased => R::NotDrained { last: None, why: None },
        R::NotDrained { .. } => return None,
    })
}

/// What stands in a folder, without the index.
fn pages(folder: &str) -> BTreeSet<String> {
    let names = fs::read_dir(root().join(folder)).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "README.md").collect()
}

#[test]
fn every_reason_has_a_page_that_begins_with_what_is_true() {
    let first = Reason::VaultChanged { vault: VaultIx(0) };
    let reasons = std::iter::successors(Some(first), after).map(|r| r.name());
    // these two are no reasons of a run: its journal, or the word beside it, cannot be read
    let names: BTreeSet<String> = reasons.chain(["journal-damaged", "hold-unreadable"]).map(|n| format!("{n}.md")).collect();
    assert_eq!(names.len(), 20);
    assert_eq!(pages("runbooks/needs-operator"), names);
    let index = read(&root().join("runbooks/needs-operator/README.md"));
    for name in &names {
        check(&format!("runbooks/needs-operator/{name}"), &format!("# Needs operator: {}", name.trim_end_matches(".md")));
        assert!(index.contains(&format!("]({name})")), "the index lacks {name}");
    }
}

/// The constants of `error::exit`, as the source has them: one that is new is asked for its page.
fn exit_codes() -> Vec<u8> {
    let source = read(&root().join("src/error.rs"));
    let constants = source.split("pub mod exit {").nth(1).unwrap().split("\n}").next().unwrap();
    let value = |line: &str| line.trim().strip_prefix("pub const ")?.split(" = ").nth(1)?.trim_end_matches(';').parse().ok();
    constants.lines().filter_map(value).collect()
}

#[test]
fn every_exit_code_has_a_page_and_stands_in_every_table() {
    let codes = exit_codes();
    assert_eq!(codes, [0, 2, 10, 20, 21, 30, 40, 50]);
    assert_eq!(pages("runbooks/exit"), codes.iter().map(|code| format!("{code}.md")).collect());
    let (index, readme) = (read(&root().join("runbooks/exit/README.md")), read(&root().join("README.md")));
    for code in codes {
        check(&format!("runbooks/exit/{code}.md"), &format!("# Exit code {code}: "));
        assert!(index.contains(&format!("| [{code}]({code}.md) |")), "the index lacks {code}");
        assert!(readme.contains(&format!("| [{code}](runbooks/exit/{code}.md) |")), "README.md lacks {code}");
    }
}
