//! The report as Markdown. Everything that is not fixed text of this file goes through [`escape`].

use jiff::{SignedDuration, Timestamp};

use super::report::{Report, named};
use super::text::{cite, duration, escape};

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
    steps(&mut page, report);
    claims(&mut page, report);
    credentials(&mut page, report);
    consumers(&mut page, report);
    sign_ins(&mut page, report);
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

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |v| v.to_string())
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |t| t.to_string())
}

/// Text with the records that show it.
fn cited(text: &str, records: &[u64]) -> String {
    if records.is_empty() { escape(text) } else { format!("{} {}", escape(text), cite(records)) }
}

fn facts(page: &mut Page, report: &Report) {
    let who = &report.who;
    let ci = who.ci.as_ref().map_or_else(String::new, |ci| format!(", {ci}"));
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: String| rows.push((name.to_owned(), value));
    say("Outcome", format!("{} in the step \"{}\"", report.outcome.state.name(), report.outcome.step));
    say("Reason of the outcome", or_none(report.outcome.reason));
    say("First and last record", format!("{}, {}", time(report.outcome.started), time(report.outcome.last)));
    say("Run by", format!("{}@{} as {}{ci}", who.user, who.host, who.identity));
    say("Owner", format!("{}, {}", who.owner, who.contact));
    say("Why", report.why.reason.clone().unwrap_or_else(|| "no reason was given".to_owned()));
    say("Ticket", or_none(report.why.ticket.as_ref()));
    let app = &report.application;
    say("Application", format!("{}, client ID {}, object ID {}", app.display_name, app.client_id, app.object_id));
    say("Old key ID", or_none(report.old_key_id));
    say("New key ID", or_none(report.new_key_id));
    for vault in &report.vaults {
        let at_start = vault.at_start.map_or_else(|| "nothing".to_owned(), |v| format!("version {v}"));
        let wrote = |v: &super::report::VersionFacts| {
            let key = v.key_id.map_or_else(String::new, |k| format!(" (key ID {k})"));
            format!("version {}{key} at {}, record {}", v.version, v.at, v.record)
        };
        let written: Vec<String> = vault.written.iter().map(wrote).collect();
        let written = if written.is_empty() { "nothing".to_owned() } else { written.join("; ") };
        say("Vault", format!("{}: served {at_start} at the start; written: {written}", named(vault)));
    }
    say("Tool", format!("keyrelay {}", report.tool));
    page.table(&["", ""], rows.into_iter().map(|(name, value)| vec![name, value]));
}

fn steps(page: &mut Page, report: &Report) {
    page.heading("Steps");
    let rows = report.steps.iter().map(|s| {
        let spent = SignedDuration::try_from_secs_f64(s.seconds).unwrap_or_default();
        vec![s.name.to_owned(), s.started.to_string(), time(s.ended), duration(spent), s.attempts.to_string()]
    });
    page.table(&["Step", "Started", "Ended", "Time in it", "Attempts"], rows);
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
    page.heading("Sign-ins with the old secret");
    page.line(&cited(&format!("As the tenant's sign-in records told at {}:", said.at), &[said.record]));
    page.list(said.lines.iter().map(|line| escape(line.trim_start())));
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
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
    let rows = report
        .requests
        .iter()
        .map(|r| vec![r.record.to_string(), r.what.clone(), id(&r.request_id), id(&r.client_request_id), time(r.date)]);
    page.table(&["Record", "What", "Request ID", "Client request ID", "Date"], rows);
}

fn runbook(page: &mut Page, report: &Report) {
    page.heading("Runbook");
    let runbook = &report.runbook;
    page.line(&escape(&format!("Read from {}, SHA-256 {}. It held then:", runbook.file, runbook.sha256)));
    page.table(&["Field", "Value"], runbook.content.describe().into_iter().map(|(name, value)| vec![name, value]));
}
