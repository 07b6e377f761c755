//! The pages quote `plan`: each quotation is the program's own, and no check is left out.

use keyrelay::preflight::CheckId;

use crate::{files, read, root};

/// The program's text, with what is filled in put in, and lines of a literal joined.
fn source() -> String {
    let sources = files("src/preflight", "rs").into_iter().chain(files("src/refusals", "rs"));
    let text: String = sources.map(|file| read(&file)).collect();
    let joined: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    joined.concat().replace("{OWNED_BY}", "Application.ReadWrite.OwnedBy")
}

#[test]
fn what_plan_says_is_quoted_as_it_says_it() {
    let (page, source) = (read(&root().join("docs/permissions.md")), source());
    let table = page.split("| it says |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    let mut seen = 0;
    for row in rows {
        let quoted = row.split('`').nth(1).unwrap_or_else(|| panic!("{row}"));
        let (verdict, rest) = quoted.split_once(' ').unwrap();
        let (check, says) = rest.split_once(' ').unwrap();
        assert!(["ok", "warning", "unknown", "refused"].contains(&verdict), "{row}");
        assert!(CheckId::ALL.iter().any(|id| id.as_str() == check), "{row}");
        for part in says.split("...").map(str::trim).filter(|p| !p.is_empty()) {
            seen += 1;
            assert!(source.contains(part), "plan does not say \"{part}\"");
        }
    }
    assert!(seen >= 10, "{seen}");
}

#[test]
fn the_example_tells_of_every_check() {
    let page = read(&root().join("examples/real-tenant.md"));
    let table: String = page.lines().filter(|l| l.starts_with("| `")).collect();
    for check in CheckId::ALL {
        assert!(table.contains(&format!("`{check}`")), "{check}");
    }
}
