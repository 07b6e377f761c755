//! The leak hunt: does anything hold a secret, or eight bytes in a row of one, in any encoding?

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::Home;

/// How many bytes in a row are a leak (DESIGN.md, S7).
///
/// The sandbox's secrets have six bytes in common (`8Q~sbx`, after the first three), so each run of eight holds two that are the
/// secret's own at least: no run is excepted, and what holds none of the secret's own bytes cannot be eight long.
pub const IN_A_ROW: usize = 8;

/// Every secret that the sandbox holds: of credentials, living and removed, and of vault versions, old and disabled ones too.
pub fn secrets(home: &Home) -> BTreeSet<String> {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_str().filter(|_| name == "value") {
                        Some(secret) => drop(found.insert(secret.to_owned())),
                        None => collect(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(&serde_json::from_slice(&home.cloud_bytes()).unwrap(), &mut found);
    found
}

/// The ways in which a run of bytes is written. Each form is long enough to be searched for by its first eight bytes.
fn forms(run: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: &dyn Fn(&u8) -> String| run.iter().map(form).collect::<String>().into_bytes();
    let text = String::from_utf8_lossy(run);
    let json = serde_json::to_string(&text).unwrap();
    let mut forms = vec![
        ("raw", run.to_vec()),
        ("reversed", run.iter().rev().copied().collect()),
        ("JSON", json.as_bytes()[1..json.len() - 1].to_vec()),
        ("JSON, all escaped", each(&|b| format!("\\u{b:04x}"))),
        ("JSON, all escaped, upper case", each(&|b| format!("\\u{b:04X}"))),
        ("percent, upper case", each(&|b| format!("%{b:02X}"))),
        ("percent, lower case", each(&|b| format!("%{b:02x}"))),
        ("form", url::form_urlencoded::byte_serialize(run).collect::<String>().into_bytes()),
        ("hex, upper case", each(&|b| format!("{b:02X}"))),
        ("hex, lower case", each(&|b| format!("{b:02x}"))),
    ];
    for before in 0..3 {
        // what stands before the run and after it is not known: only the letters that hold nothing but bits of the run count
        let shifted: Vec<u8> = std::iter::repeat_n(0, before).chain(run.iter().copied()).collect();
        let (first, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        forms.push(("base64", STANDARD_NO_PAD.encode(&shifted).as_bytes()[first..end].to_vec()));
        forms.push(("base64, URL alphabet", URL_SAFE_NO_PAD.encode(&shifted).as_bytes()[first..end].to_vec()));
    }
    forms
}

/// All that is looked for, by its first eight bytes.
pub struct Needles(HashMap<[u8; IN_A_ROW], Vec<(&'static str, Vec<u8>)>>);

impl Needles {
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a String>) -> Needles {
        let mut needles: HashMap<_, Vec<_>> = HashMap::new();
        for run in secrets.into_iter().flat_map(|s| s.as_bytes().windows(IN_A_ROW)) {
            for (name, form) in forms(run) {
                let first = *form.first_chunk().expect("eight bytes at least");
                needles.entry(first).or_default().push((name, form));
            }
        }
        Needles(needles)
    }

    /// The first form in which something of a secret stands in `bytes`, and where. Not what: a report is no place for it.
    pub fn find(&self, bytes: &[u8]) -> Option<(&'static str, usize)> {
        let starts = bytes.windows(IN_A_ROW).enumerate();
        starts.filter_map(|(at, first)| Some((at, self.0.get(first)?))).find_map(|(at, candidates)| {
            let here = |(_, form): &&(&str, Vec<u8>)| bytes[at..].starts_with(form);
            candidates.iter().find(here).map(|(name, _)| (*name, at))
        })
    }
}

/// Every file below, but what is the sandbox's own disk: its state, and the operator's secret that it leaves to its owner.
pub fn files(home: &Home) -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let mut all = Vec::new();
    walk(home.path(), &mut all);
    let clouds_own = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        path.parent() == Some(&home.state().join("sandbox")) && (name == "state.json" || name.starts_with("operator-secret"))
    };
    all.retain(|path| !clouds_own(path));
    all
}

/// What was found in the home: everything that was printed is there, too. Each find names the file, the form and the place.
pub fn hunt(home: &Home, needles: &Needles) -> Vec<String> {
    let find = |path: PathBuf| {
        let named = needles.find(path.as_os_str().as_encoded_bytes()).map(|(form, _)| format!("{form} in a file's name"));
        let (form, at) = match needles.find(&fs::read(&path).unwrap()) {
            Some(found) => found,
            None => return named,
        };
        Some(format!("{form} in {} at byte {at}", path.display()))
    };
    files(home).into_iter().filter_map(find).collect()
}

/// The texts in JSON lines that are the first three characters of a secret, as Graph's `hint` shows them.
pub fn hints(text: &str, secrets: &BTreeSet<String>) -> Vec<String> {
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Value::Object(fields) => {
                fields.keys().for_each(|name| found.push(name.clone()));
                fields.values().for_each(|field| texts(field, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|line: Value| texts(&line, &mut found));
    found.retain(|text| text.len() == 3 && secrets.iter().any(|secret| secret.starts_with(text)));
    found
}
