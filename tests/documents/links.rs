//! Links between pages, and the pages that messages name.

use std::path::Path;

use crate::{documents, files, prose_and_code, read, root};

/// What stands between `](` and `)`, outside of code.
fn targets(page: &str) -> Vec<String> {
    let prose = prose_and_code(page).0;
    let plain: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("code");
    plain.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let anchor = |text: String| {
        let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    prose_and_code(page).0.lines().filter_map(heading).map(anchor).collect()
}

fn unresolved(page: &Path, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let to = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    let inside = to.canonicalize().is_ok_and(|to| to.starts_with(root().canonicalize().unwrap()));
    !inside || anchor.is_some_and(|anchor| !anchors(&read(&to)).iter().any(|a| a == anchor))
}

#[test]
fn every_link_to_a_file_of_the_repository_resolves() {
    let (mut seen, mut broken) = (0, Vec::new());
    for page in documents() {
        for target in targets(&read(&page)).into_iter().filter(|t| !t.contains("://")) {
            seen += 1;
            if unresolved(&page, &target) {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 50, "{seen}");
}

#[test]
fn a_broken_link_is_seen() {
    let page = root().join("README.md");
    assert_eq!(targets("a [b](c.md) `[d](e.md)`\n```\n[f](g.md)\n```\n[h](i.md#j)"), ["c.md", "i.md#j"]);
    assert!(unresolved(&page, "no-such-page.md") && unresolved(&page, "CONTRIBUTING.md#no-such-heading"));
    assert!(!unresolved(&page, "CONTRIBUTING.md#where-a-new-line-of-code-lives"));
}

/// Words of a text that are the path of a page.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/-._".contains(c)));
    let ours = |w: &&str| ["docs/", "runbooks/", "examples/"].iter().any(|folder| w.starts_with(folder));
    words.filter(ours).filter(|w| w.ends_with(".md")).collect()
}

#[test]
fn every_page_that_the_code_or_a_page_names_is_there() {
    let sources = files("src", "rs").into_iter().chain(documents());
    let mut seen = 0;
    for source in sources {
        for page in named(&read(&source)) {
            seen += 1;
            // what a runbook is called in a test of its own is no page
            let made_up =
                source.extension().is_some_and(|e| e == "rs") && page.starts_with("runbooks/") && page.contains("/r.md");
            assert!(made_up || root().join(page).is_file(), "{} names {page}", source.display());
        }
    }
    assert!(seen > 20, "{seen}");
}
