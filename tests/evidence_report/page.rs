//! The report as a page: that it says the same, and that people can read it.

use keyrelay::evidence::Report;

use crate::evidence_support::*;
use crate::leak::leak;
use crate::world::{Scene, World};

/// Everything that the other forms say, and nothing that would leave the page.
pub(crate) fn html_says_the_same(report: &Report) {
    let html = report.to_html();
    assert_eq!(html, report.to_html());
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && html.ends_with("</html>\n"));
    let shown = text_of(&html);
    let claims = report.claims.iter().map(|c| &c.text);
    let rest = report.credentials.iter().map(|c| &c.text).chain(report.consumers.iter().map(|c| &c.text));
    let rest = rest.chain(report.course.iter().map(|e| &e.text)).chain(report.requests.iter().map(|r| &r.what));
    let rest = rest.chain(report.moments.iter().map(|m| &m.text)).chain([&report.outcome.text, &report.runbook.sha256]);
    let ids = report.requests.iter().flat_map(|r| [&r.request_id, &r.client_request_id]).flatten();
    for text in claims.chain(rest).chain(ids) {
        assert!(shown.contains(text.as_str()), "{text} is not in\n{shown}");
    }
    for text in report.not_proven.iter().chain([&report.journal.meaning]) {
        assert!(shown.contains(text), "{text}");
    }
    assert_eq!(report.sandbox, html.matches("class=\"watermark\"").count() == 2);
    for outside in ["<script", "<link", "<img", "<iframe", " src=", "@import", "url(", " on", "javascript:"] {
        let tags = html.split('<').filter_map(|t| t.split_once('>')).map(|(tag, _)| format!("<{tag}"));
        assert!(!tags.into_iter().any(|tag| tag.contains(outside)), "{outside}");
    }
    for link in html.split("href=\"").skip(1) {
        let (record, _) = link.strip_prefix("#record-").unwrap().split_once('"').unwrap();
        assert_eq!(html.matches(&format!("id=\"record-{record}\"")).count(), 1, "{record}");
    }
    let times: Vec<_> = report.moments.iter().map(|m| m.at).collect();
    assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
}

/// What a reader sees: without tags, with escapes undone.
fn text_of(html: &str) -> String {
    let text: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let undo = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    undo.iter().fold(text, |text, (escape, with)| text.replace(escape, with))
}

/// The page in Chromium, light and dark, wide and narrow, on paper: see `tests/browser/page.mjs`.
#[test]
fn the_page_is_read_in_a_browser() {
    let modules = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if std::env::var_os("KEYRELAY_THOROUGH").is_none() {
        println!("skipped: needs {chromium}, `npm install` in tests/browser, and KEYRELAY_THOROUGH=1");
        return;
    }
    assert!(modules.join("node_modules").exists() && std::path::Path::new(&chromium).exists(), "{chromium} and its modules");
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Scene { vaults: 2, consumers: true, foreign: 1, ..Scene::default() });
    world.process(false, false, kill_at("waiting:overlap", 1)).unwrap_err();
    let waiting = run(&world);
    world.process(true, true, never).unwrap();
    let rolled_back = run(&world);
    let world = World::new(Scene::default());
    world.process(false, false, never).unwrap();
    for (name, run) in [("waiting", waiting), ("rolled-back", rolled_back), ("completed", run(&world)), ("leak", leak())] {
        std::fs::write(folder.path().join(format!("{name}.html")), Report::of(&run).to_html()).unwrap();
    }
    let mut node = std::process::Command::new("node");
    let ran = node.arg(modules.join("page.mjs")).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("4 pages, 0 faults"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}
