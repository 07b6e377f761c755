//! The report as Markdown. Everything that is not fixed text of this file goes through [`escape`].

use super::report::Report;
use super::rows;
use super::text::{cite, escape};

const WATERMARK: &str = "**SANDBOX. This run was in the embedded sandbox: it touched no real tenant and is evidence of nothing \
                         that happened in one.**";

pub(super) fn write(report: &Report) -> String {
    let mut page = Page::default();
    let mark = if report.sandbox { "SANDBOX: " } else { "" };
    page.line(&format!("# {mark}Rotation of a client secret: {}", escape(&report.application.display_name)));
    if report.sandbox {
        page.line(WATERMARK);
    }
    page.line(&escape(&format!("Run {}. {}", report.run, report.outcome.text)));
    facts(&mut page, report);
    emergency(&mut page, report);
    moments(&mut page, report);
    steps(&mut page, report);
    claims(&mut page, report);
    credentials(&mut page, report);
    consumers(&mut page, report);
    sign_ins(&mut page, report);
    permissions(&mut page, report);
    course(&mut page, report);
    requests(&mut page, report);
    runbook(&mut page, report);
    page.heading("Journal");
    let head = report.journal.head.map_or_else(String::new, |h| format!(", head {h}"));
    page.line(&format!("{} records{head}.", report.journal.records));
    if report.journal.rebuilt {
        page.line(
            "The journal of this run was lost and rebuilt from what the cloud showed: what happened before is not in it.",
        );
    }
    page.line(&escape(report.journal.meaning));
    page.heading("What is not proven");
    page.list(report.not_proven.iter().map(|text| escape(text)));
    if report.sandbox {
        page.line(WATERMARK);
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A paragraph.
    fn line(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("## {text}"));
    }

    /// A list whose items are Markdown already.
    fn list(&mut self, items: impl Iterator<Item = String>) {
        self.line(&items.map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"));
    }

    /// A table whose head is Markdown already and whose cells are plain text.
    fn table(&mut self, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let rule = row(vec!["---".to_owned(); head.len()]);
        let mut lines = vec![row(head.iter().map(|h| (*h).to_owned()).collect()), rule];
        lines.extend(rows.map(|cells| row(cells.iter().map(|cell| escape(cell)).collect())));
        self.line(&lines.join("\n"));
    }
}

/// Text with the records that show it.
fn cited(text: &str, records: &[u64]) -> String {
    if records.is_empty() { escape(text) } else { format!("{} {}", escape(text), cite(records)) }
}

fn emergency(page: &mut Page, report: &Report) {
    let Some(facts) = &report.emergency else { return };
    page.heading("The leaked secret");
    let exposed = rows::time(facts.exposed_at);
    let said = format!("Exposed since {exposed}, declared at {}; {}.", facts.declared_at, facts.emergency);
    let outages = facts.outages_accepted.iter().map(|o| {
        let whose = o.consumer.as_deref().unwrap_or("whoever uses it");
        cited(&format!("{} accepted that {whose} is cut off.", o.by), &[o.record])
    });
    let disabled = facts.disabled_versions.iter().map(|v| escape(&format!("Version {v}, which held it, was disabled.")));
    page.list(std::iter::once(escape(&said)).chain(facts.lines().iter().map(|l| escape(l))).chain(outages).chain(disabled));
}

fn facts(page: &mut Page, report: &Report) {
    page.table(&["", ""], rows::facts(report).into_iter().map(|(name, value)| vec![name.to_owned(), value]));
}

fn moments(page: &mut Page, report: &Report) {
    page.heading("Moments");
    page.table(&rows::MOMENTS, rows::moments(report).into_iter());
}

fn steps(page: &mut Page, report: &Report) {
    page.heading("Steps");
    page.table(&rows::STEPS, rows::steps(report).into_iter());
}

fn claims(page: &mut Page, report: &Report) {
    page.heading("What the records show");
    page.line("Numbers in brackets are those of the journal's records.");
    let of = |shown| report.claims.iter().filter(move |c| c.shown == shown);
    page.list(of(true).map(|c| cited(&c.text, &c.records)));
    if of(false).next().is_some() {
        page.heading("What the records do not show");
        page.list(of(false).map(|c| cited(&c.text, &c.records)));
    }
}

fn credentials(page: &mut Page, report: &Report) {
    page.heading("Secrets that the run added");
    if report.credentials.is_empty() {
        return page.line("None.");
    }
    let item = |c: &super::credentials::Credential| {
        let key = c.key_id.map_or_else(|| "key ID not known".to_owned(), |k| format!("key ID {k}"));
        cited(&format!("Attempt {}, {key}. {}", c.attempt, c.text), &c.records)
    };
    page.list(report.credentials.iter().map(item));
}

fn consumers(page: &mut Page, report: &Report) {
    page.heading("Consumers");
    if report.consumers.is_empty() {
        return page.line("The runbook names none, so nothing is shown of those who read the secret.");
    }
    page.list(report.consumers.iter().map(|c| cited(&format!("{}: {}", c.name, c.text), &c.records)));
}

fn sign_ins(page: &mut Page, report: &Report) {
    let Some(said) = &report.sign_ins else { return };
    page.heading(report.sign_ins_with());
    page.line(&cited(&format!("As the tenant's sign-in records told at {}:", said.at), &[said.record]));
    page.list(said.lines.iter().map(|line| escape(line.trim_start())));
    if !said.sources.is_empty() {
        page.table(&rows::SOURCES, rows::sources(report).into_iter());
    }
}

fn permissions(page: &mut Page, report: &Report) {
    let Some(had) = &report.permissions else { return };
    page.heading("What it could do");
    match &had.why {
        Some(why) => page.line(&format!("CANNOT KNOW: its application permissions could not be read: {}.", escape(why))),
        None if had.granted.is_empty() => {
            page.line("It had no application permissions. Roles in vaults and subscriptions are not among these.");
        }
        None => {
            page.line(
                "Its application permissions, as they were when the leak was declared. Roles in vaults and subscriptions are \
                 not among these.",
            );
            page.table(&rows::PERMISSIONS, rows::permissions(report).into_iter());
        }
    }
}

fn course(page: &mut Page, report: &Report) {
    page.heading("Course");
    if report.course.is_empty() {
        return page.line("One process, without a word from anybody, and not at its end yet.");
    }
    page.list(report.course.iter().map(|e| cited(&format!("{}: {}", e.at, e.text), &[e.record])));
}

fn requests(page: &mut Page, report: &Report) {
    page.heading("Requests");
    page.table(&rows::REQUESTS, rows::requests(report).into_iter());
}

fn runbook(page: &mut Page, report: &Report) {
    page.heading("Runbook");
    let runbook = &report.runbook;
    page.line(&escape(&format!("Read from {}, SHA-256 {}. It held then:", runbook.file, runbook.sha256)));
    page.table(&["Field", "Value"], runbook.content.describe().into_iter().map(|(name, value)| vec![name, value]));
}
