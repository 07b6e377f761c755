//! `docs/sandbox-facts.md`: which test shows which fact. Made from the first line above each test that names a section.

use std::path::Path;

const MARK: &str = "<!-- made by tests/sandbox_facts -->\n";

struct Fact {
    section: String,
    says: String,
    test: String,
}

/// A test whose first line is a section and a sentence, such as `1.9: ...`.
fn facts(module: &str, text: &str) -> Vec<Fact> {
    let lines: Vec<&str> = text.lines().collect();
    let fact = |at: usize| {
        let test = lines[at].strip_prefix("fn ").filter(|_| lines[at - 1] == "#[test]")?.split('(').next()?;
        let above = lines[..at - 1].iter().rposition(|l| !l.starts_with("///")).map_or(0, |n| n + 1);
        let (section, says) = lines[above].strip_prefix("/// ")?.split_once(": ")?;
        let named = section.starts_with(|c: char| c.is_ascii_digit());
        let (section, says, test) = (section.to_owned(), says.to_owned(), format!("{module}::{test}"));
        named.then_some(Fact { section, says, test })
    };
    (1..lines.len()).filter_map(fact).collect()
}

fn all() -> Vec<Fact> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox_facts");
    let mut facts_of_all: Vec<Fact> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| facts(&path.file_stem().unwrap().to_string_lossy(), &std::fs::read_to_string(&path).unwrap()))
        .collect();
    let number = |f: &Fact| f.section.split('.').map(|n| n.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    facts_of_all.sort_by(|a, b| number(a).cmp(&number(b)).then_with(|| a.test.cmp(&b.test)));
    facts_of_all
}

/// Every behaviour that the sandbox is held to has a test.
#[test]
fn the_page_has_every_fact() {
    let mut made = String::from("\n| section | fact | test |\n|---|---|---|\n");
    for fact in all() {
        made.push_str(&format!("| {} | {} | `{}` |\n", fact.section, fact.says, fact.test));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox-facts.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, found) = page.split_once(MARK).expect("the mark after which the page is made");
    if std::env::var_os("KEYRELAY_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{MARK}{made}")).unwrap();
        return;
    }
    assert!(found == made, "docs/sandbox-facts.md: KEYRELAY_WRITE_DOCS=1 cargo test --test sandbox_facts table");
}

/// What the sandbox must be faithful in; a test that goes away or forgets its fact is missed here.
#[test]
fn nothing_that_hurts_is_missing() {
    let all: String = all().iter().map(|f| format!("{}\n", f.says)).collect();
    for named in [
        "holds two secrets",
        "policies refuse",
        "works on what the caller owns",
        "`hint` is the first three",
        "unknown key ID",
        "replicas disagree for a while, after a secret was added and after one was removed",
        "just made is 404",
        "409 in some reports and 503 in others",
        "a fractional, a huge or no `Retry-After`",
        "is stale",
        "may be empty and still have a `nextLink`",
        "that is disabled answers 7000112",
        "told apart",
        "reads as expired (7000222) while",
        "plain text",
        "ForbiddenByRbac",
        "ForbiddenByFirewall",
        "no falling back",
        "keeps anybody from reading",
        "order of their ids",
        "among the deleted ones only after a while",
        "newer form a `scope`",
        "15 tags",
    ] {
        assert!(all.contains(named), "{named}");
    }
}

#[test]
fn a_fact_is_read_from_above_its_test() {
    let text = "/// 1.9: it hurts.\n/// More.\n#[test]\nfn it_does() {\n}\n\n/// No fact: this.\n#[test]\nfn other() {}\n";
    let found = facts("m", text);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].section.as_str(), found[0].says.as_str(), found[0].test.as_str()),
        ("1.9", "it hurts.", "m::it_does")
    );
}
