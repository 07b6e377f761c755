//! The tables that every form of the report has, as plain text: who, what, how long.

use jiff::{SignedDuration, Timestamp};

use super::report::{Report, VersionFacts, named};
use super::text::{clean, duration};
use crate::leak::reach::{Permission, Risk};
use crate::rotation::usage::Source;

pub(super) fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |v| v.to_string())
}

pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |t| t.to_string())
}

/// Names and values.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let who = &report.who;
    let ci = who.ci.as_ref().map_or_else(String::new, |ci| format!(", {ci}"));
    let app = &report.application;
    let mut rows = vec![
        ("Outcome", format!("{} in the step \"{}\"", report.outcome.state.name(), report.outcome.step)),
        ("Reason of the outcome", or_none(report.outcome.reason)),
        ("First and last record", format!("{}, {}", time(report.outcome.started), time(report.outcome.last))),
        ("Run by", format!("{}@{} as {}{ci}", who.user, who.host, who.identity)),
        ("Owner", format!("{}, {}", who.owner, who.contact)),
        ("Why", report.why.reason.clone().unwrap_or_else(|| "no reason was given".to_owned())),
        ("Ticket", or_none(report.why.ticket.as_ref())),
        ("Application", format!("{}, client ID {}, object ID {}", app.display_name, app.client_id, app.object_id)),
        ("Old key ID", or_none(report.old_key_id)),
        ("New key ID", or_none(report.new_key_id)),
    ];
    for vault in &report.vaults {
        let at_start = vault.at_start.map_or_else(|| "nothing".to_owned(), |v| format!("version {v}"));
        let wrote = |v: &VersionFacts| {
            let key = v.key_id.map_or_else(String::new, |k| format!(" (key ID {k})"));
            format!("version {}{key} at {}, record {}", v.version, v.at, v.record)
        };
        let written: Vec<String> = vault.written.iter().map(wrote).collect();
        let written = if written.is_empty() { "nothing".to_owned() } else { written.join("; ") };
        rows.push(("Vault", format!("{}: served {at_start} at the start; written: {written}", named(vault))));
    }
    rows.push(("Tool", format!("keyrelay {}", report.tool)));
    rows
}

/// The head of [`steps`].
pub(super) const STEPS: [&str; 5] = ["Step", "Started", "Ended", "Time in it", "Attempts"];

/// One row a step.
pub(super) fn steps(report: &Report) -> Vec<Vec<String>> {
    let row = |s: &super::report::StepFacts| {
        let spent = SignedDuration::try_from_secs_f64(s.seconds).unwrap_or_default();
        vec![s.name.to_owned(), s.started.to_string(), time(s.ended), duration(spent), s.attempts.to_string()]
    };
    report.steps.iter().map(row).collect()
}

/// The head of [`moments`].
pub(super) const MOMENTS: [&str; 3] = ["When", "What", "Record"];

/// One row a moment.
pub(super) fn moments(report: &Report) -> Vec<Vec<String>> {
    let row = |m: &super::moments::Moment| {
        vec![m.at.to_string(), m.text.clone(), m.record.map_or_else(|| "-".to_owned(), |n| n.to_string())]
    };
    report.moments.iter().map(row).collect()
}

/// The head of [`requests`].
pub(super) const REQUESTS: [&str; 5] = ["Record", "What", "Request ID", "Client request ID", "Date"];

/// One row an answer of a service.
pub(super) fn requests(report: &Report) -> Vec<Vec<String>> {
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
    let row = |r: &super::requests::Request| {
        vec![r.record.to_string(), r.what.clone(), id(&r.request_id), id(&r.client_request_id), time(r.date)]
    };
    report.requests.iter().map(row).collect()
}

/// The head of [`permissions`].
pub(super) const PERMISSIONS: [&str; 5] = ["Permission", "Resource", "Reach", "It", "Instead"];

/// One row a permission that the application had.
pub(super) fn permissions(report: &Report) -> Vec<Vec<String>> {
    let row = |p: &Permission| {
        let reach = match p.risk {
            Risk::Tenant => "CONTROL OF THE TENANT",
            Risk::Everybody => "EVERYBODY'S DATA",
            Risk::NotListed => "not judged",
        };
        vec![clean(&p.name), clean(&p.resource), reach.to_owned(), p.why.to_owned(), p.instead.to_owned()]
    };
    report.permissions.iter().flat_map(|p| &p.granted).map(row).collect()
}

/// The head of [`sources`].
pub(super) const SOURCES: [&str; 7] = ["Address", "Expected", "Resource", "First", "Last", "Sign-ins", "Refused"];

/// One row a place that signed in with the old secret, the unexpected first.
pub(super) fn sources(report: &Report) -> Vec<Vec<String>> {
    let mut all: Vec<_> = report.sign_ins.iter().flat_map(|s| &s.sources).collect();
    all.sort_by_key(|s| s.expected);
    let row = |s: &Source| {
        let expected = if s.expected { "yes" } else { "NO" };
        vec![
            s.address.map_or_else(|| "not told".to_owned(), |a| a.to_string()),
            expected.to_owned(),
            clean(&s.resource),
            s.first.to_string(),
            s.last.to_string(),
            s.count.to_string(),
            s.failed.to_string(),
        ]
    };
    all.into_iter().map(row).collect()
}
