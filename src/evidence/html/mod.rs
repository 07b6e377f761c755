//! The report as one page of HTML: for a screen, a phone, paper, without scripts. The template escapes all that it is given.

mod picture;

use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::claims::Claim;
use super::report::Report;
use super::rows;
use super::text::duration;
use picture::Picture;

/// `report.html`, with `style.css` in it.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    style: &'static str,
    /// How long it took, for those who read no further.
    headline: Vec<(&'static str, String)>,
    picture: Picture,
    facts: Vec<(&'static str, String)>,
    tables: Tables,
    runbook: Vec<(String, String)>,
}

/// A head and rows of each.
struct Tables {
    moments: Table,
    steps: Table,
    requests: Table,
    sources: Table,
    permissions: Table,
}

struct Table {
    /// What it is called, for those who hear the page.
    name: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Page<'_> {
    fn claims(&self, shown: bool) -> Vec<&Claim> {
        self.report.claims.iter().filter(|c| c.shown == shown).collect()
    }

    /// The outcome in words.
    fn outcome(&self) -> String {
        self.report.outcome.state.name().replace('_', " ")
    }

    fn time(&self, at: &Option<Timestamp>) -> String {
        rows::time(*at)
    }

    /// One record, as [`Page::cited`] takes them.
    fn only(&self, record: &u64) -> Vec<u64> {
        vec![*record]
    }

    /// The record that a row of the requests is about, if it is the first one of it: what links point to.
    fn anchor(&self, row: &usize) -> Option<u64> {
        let record = self.report.requests.get(*row)?.record;
        let first = self.report.requests.iter().position(|r| r.record == record);
        (first == Some(*row)).then_some(record)
    }

    /// Records in brackets; a link where the page shows the request.
    fn cited(&self, records: &[u64]) -> Vec<(String, Option<u64>)> {
        let shown = |from, to| self.report.requests.iter().map(|r| r.record).find(|r| (from..=to).contains(r));
        let ranges = super::text::ranges(records);
        let range = |(a, b)| (if a == b { format!("{a}") } else { format!("{a}\u{2013}{b}") }, shown(a, b));
        ranges.into_iter().map(range).collect()
    }
}

/// The time from command to refusal first, then the steps.
fn headline(report: &Report) -> Vec<(&'static str, String)> {
    let time = |seconds: f64| duration(SignedDuration::try_from_secs_f64(seconds).unwrap_or_default());
    let leak = report.emergency.as_ref().map(|leak| {
        let refused = leak.seconds_to_refusal.map_or_else(|| "not yet".to_owned(), time);
        ("from the command to the first refusal", refused)
    });
    leak.into_iter().chain(report.steps.iter().map(|step| (step.name, time(step.seconds)))).collect()
}

pub(super) fn write(report: &Report) -> String {
    let table = |name, head: &[&'static str], rows| Table { name, head: head.to_vec(), rows };
    let page = Page {
        report,
        style: include_str!("style.css"),
        headline: headline(report),
        picture: Picture::of(&report.moments),
        facts: rows::facts(report),
        tables: Tables {
            moments: table("Table of the moments", &rows::MOMENTS, rows::moments(report)),
            steps: table("Table of the steps", &rows::STEPS, rows::steps(report)),
            requests: table("Table of the requests", &rows::REQUESTS, rows::requests(report)),
            permissions: table("Table of the permissions", &rows::PERMISSIONS, rows::permissions(report)),
            sources: table("Table of the sign-ins", &rows::SOURCES, rows::sources(report)),
        },
        runbook: report.runbook.content.describe(),
    };
    // Writing into memory cannot fail, and nothing that is shown has a form that fails.
    page.render().map(|html| html + "\n").unwrap_or_default()
}
