//! A usage in words and as JSON: only key IDs, addresses, resources, numbers and times.

use serde_json::{Value, json};

use super::{Source, Usage};

/// The member `sign_ins` of a `--json` object: `known`, `why`, `total`, `expected`, `unexpected[]` and what goes with them.
pub fn json(usage: &Usage) -> Value {
    let source = |s: &&Source| {
        json!({
            "address": s.address, "resource": s.resource, "first": s.first, "last": s.last, "count": s.count, "failed": s.failed,
        })
    };
    let (expected, unexpected): (Vec<&Source>, Vec<&Source>) = usage.sources.iter().partition(|s| s.expected);
    json!({
        "key_id": usage.key_id,
        "since": usage.since,
        "until": usage.until,
        "known": usage.unknown.is_none(),
        "why": usage.unknown.as_ref().map(super::Unknown::name),
        "why_text": usage.unknown.as_ref().map(super::Unknown::sentence),
        "total": usage.total,
        "expected": usage.expected,
        "own": usage.own,
        "last": usage.last,
        "unexpected": unexpected.iter().map(source).collect::<Vec<_>>(),
        "expected_from": expected.iter().map(source).collect::<Vec<_>>(),
        "more_sources": usage.more,
    })
}

/// In lines for a person: what is known first, then where from.
pub fn lines(usage: &Usage) -> Vec<String> {
    let Usage { key_id, since, until, unknown, total, expected, own, .. } = usage;
    let (since, until) = (whole(*since), whole(*until));
    let ours = if *own > 0 { format!(" ({own} of keyrelay's own are left out)") } else { String::new() };
    let mut lines = vec![match unknown {
        None if *total == 0 => format!("nobody signed in with key ID {key_id} from {since} to {until}{ours}"),
        None => format!("{total} sign-ins with key ID {key_id} from {since} to {until}, {expected} of them expected{ours}"),
        Some(_) => format!("who used key ID {key_id} since {since} CANNOT BE KNOWN; at least {total} sign-ins{ours}"),
    }];
    if let Some(unknown) = unknown {
        lines.push(format!("  why: {}", unknown.sentence()));
    } else {
        lines.push(format!("  sign-ins after {until} may not be in the log yet"));
    }
    for unexpected in [true, false] {
        let word = if unexpected { "UNEXPECTED" } else { "expected" };
        let of_kind = usage.sources.iter().filter(|s| s.expected != unexpected);
        lines.extend(of_kind.map(|s| format!("  {word} {}", source(s))));
    }
    if usage.more > 0 {
        lines.push(format!("  and {} more addresses", usage.more));
    }
    lines
}

fn source(s: &Source) -> String {
    let address = s.address.map_or_else(|| "an address that the log does not tell".to_owned(), |a| a.to_string());
    let failed = if s.failed > 0 { format!(", {} of them refused", s.failed) } else { String::new() };
    let resource =
        if s.resource.is_empty() { "an unknown resource".to_owned() } else { crate::evidence::clean(&s.resource) };
    format!("{address} to {resource}: {} times{failed}, first {}, last {}", s.count, whole(s.first), whole(s.last))
}

fn whole(at: jiff::Timestamp) -> jiff::Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}
