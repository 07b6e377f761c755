//! `examples/real-tenant.md` explains every field that a runbook may have: the list of known fields against the page.

use super::table::FIELDS;

const PAGE: &str = include_str!("../../examples/real-tenant.md");

/// The lines of the page's TOML blocks, each with the table that it is in: the runbook itself, and the block of a custom cloud.
fn lines(page: &str) -> Vec<(String, &str)> {
    let (mut lines, mut fenced, mut table) = (Vec::new(), false, String::new());
    for line in page.lines() {
        if line.starts_with("```") {
            (fenced, table) = (line.starts_with("```toml"), String::new());
        } else if fenced && line.starts_with('[') {
            table = line.trim_matches(['[', ']']).to_owned();
            lines.push((String::new(), line));
        } else if fenced {
            lines.push((table.clone(), line));
        }
    }
    lines
}

/// Whether a field of a table is explained: its line, or the header of the table that it is, comes after a comment.
fn explained(lines: &[(String, &str)], table: &str, field: &str) -> bool {
    let is = |(t, line): &(String, &str)| {
        let header = [format!("[{field}]"), format!("[[{field}]]")];
        t == table && (line.starts_with(&format!("{field} = ")) || table.is_empty() && header.iter().any(|h| line == h))
    };
    let comes_after_a_comment = |at: usize| at > 0 && lines[at - 1].1.starts_with('#');
    lines.iter().position(is).is_some_and(comes_after_a_comment)
}

#[test]
fn the_example_explains_every_field() {
    let lines = lines(PAGE);
    for (table, fields) in FIELDS.iter().filter(|(table, _)| *table != "action") {
        for field in *fields {
            assert!(explained(&lines, table, field), "[{table}] {field}");
        }
    }
    // an action stands within a line: each of its fields is in one, and in a comment
    let (_, action) = FIELDS.iter().find(|(table, _)| *table == "action").unwrap();
    for field in *action {
        assert!(
            lines.iter().any(|(_, l)| l.contains(&format!("{{ {field} = ")) || l.contains(&format!(", {field} = "))),
            "{field}"
        );
    }
}

#[test]
fn a_field_without_a_word_is_seen() {
    let lines = lines("a = 0\n```toml\n# what\na = 1\nb = 1\n# one\n[t]\nb = 1\n# two\nc = 1\n```\n");
    assert!(explained(&lines, "", "a") && explained(&lines, "", "t") && explained(&lines, "t", "c"));
    assert!(!explained(&lines, "", "b") && !explained(&lines, "t", "b") && !explained(&lines, "", "c"));
}
