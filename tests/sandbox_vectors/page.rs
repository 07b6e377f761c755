//! The table of verdicts in `docs/sandbox.md`.

use std::path::Path;

use crate::replay::{folder, vector};
use crate::{Verdict, verdicts};

const BEGIN: &str = "<!-- made by tests/sandbox_vectors -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// A request as the table names it: what differs from one recording to the next is in braces.
fn request(folder: &Path, name: &str) -> String {
    let recorded = vector(folder, name);
    let Some(uri) = recorded["request"]["uri"].as_str() else { return "POST /{tenant}/oauth2/v2.0/token".to_owned() };
    let path = uri.splitn(4, '/').nth(3).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let mut before = "";
    let mut named = Vec::new();
    for segment in path.split('/').filter(|s| !s.is_empty()) {
        named.push(match before {
            _ if segment.parse::<uuid::Uuid>().is_ok() && segment.len() == 32 => "{version}",
            _ if segment.parse::<uuid::Uuid>().is_ok() => "{id}",
            "secrets" | "deletedsecrets" | "deletedkeys" | "deletedstorage" if segment != "restore" => "{name}",
            "federatedIdentityCredentials" | "vaults" | "resourceGroups" => "{name}",
            _ => segment,
        });
        before = segment;
    }
    format!("{} /{}", recorded["request"]["method"].as_str().unwrap(), named.join("/"))
}

fn table(folder: &Path) -> String {
    let mut rows: Vec<(String, String, Vec<&str>)> = Vec::new();
    for (name, verdict) in verdicts(folder) {
        let says = match verdict {
            Verdict::Same(_) => "the same".to_owned(),
            Verdict::OnPurpose(why) => why.to_owned(),
            Verdict::NotServed(why) => format!("not served: {why}"),
        };
        let request = request(folder, name);
        match rows.iter_mut().find(|(r, s, _)| *r == request && *s == says) {
            Some((.., names)) => names.push(name),
            None => rows.push((request, says, vec![name])),
        }
    }
    let all: usize = rows.iter().map(|(.., names)| names.len()).sum();
    let same: usize = rows.iter().filter(|(_, says, _)| says == "the same").map(|(.., names)| names.len()).sum();
    rows.sort_by_key(|(_, says, _)| says != "the same");
    let mut text = format!(
        "\n{same} of {all} recordings are answered the same.\n\n| request | recordings | the sandbox |\n|---|---|---|\n"
    );
    for (request, says, names) in rows {
        text += &format!("| `{request}` | {} | {says} |\n", names.join(", "));
    }
    text + "\n"
}

#[test]
fn the_page_is_what_the_recordings_say() {
    let Some(folder) = folder() else { return };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the mark before what is made");
    let (made, tail) = rest.split_once(END).expect("the mark after it");
    let expected = table(&folder);
    if std::env::var_os("KEYRELAY_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
        return;
    }
    assert!(made == expected, "docs/sandbox.md is old: KEYRELAY_WRITE_DOCS=1 cargo test --test sandbox_vectors page");
}
