//! The long form: single scenes, rules, consumers, every count of every suite, and what mutants were noticed.

use serde_json::Value;

use crate::results::{Results, grouped};

/// A table in Markdown.
fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|h| (*h).to_owned()).collect();
    let rule: Vec<String> = heads.iter().map(|_| "---".to_owned()).collect();
    let mut out = line(&heads).replace("|  |", "| |") + &line(&rule).replace(' ', "");
    rows.into_iter().for_each(|row| out += &line(&row));
    out
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| value.to_string(), grouped)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('|', "\\|")
}

pub(crate) fn consumers(results: &Results) -> String {
    let Some(tried) = results.best("consumers") else { return "Not run.".into() };
    let names = [
        ("completed", "completed"),
        ("resumed", "killed at each crash point, resumed"),
        ("rolled back", "killed at each crash point, rolled back"),
        ("control: no proof before publishing", "control: the same steps, published without a proof"),
        ("control: delete at once", "control: the same steps, the old one deleted at once"),
    ];
    let counts = tried.counts();
    let row = |(name, words): (&str, &str)| {
        let hit = format!("{} of {}", number(&counts[name]["consumers hit"]), number(&tried.value["options"]["consumers"]));
        let numbers = ["runs", "sign-ins", "failed"].map(|what| number(&counts[name][what]));
        std::iter::once(words.to_owned()).chain(numbers).chain([hit]).collect()
    };
    table(&["", "runs", "sign-ins", "failed", "consumers hit"], names.map(row))
}

pub(crate) fn scenes(results: &Results) -> String {
    let all = results.best("search").into_iter().chain(results.best("search-small")).take(1).chain(results.soak("search"));
    let rows = all.flat_map(|tried| {
        let each = tried.counts()["each"].as_array().cloned().unwrap_or_default();
        each.into_iter().map(move |scene| {
            let end = if scene["whole"] == false { "as far as there was time" } else { "all" };
            let ends = scene["ends"].as_object().into_iter().flatten();
            let ends: Vec<String> = ends.map(|(end, n)| format!("{end} {}", number(n))).collect();
            vec![
                text(&scene["scene"]),
                format!("{}, {end}", tried.size.name()),
                number(&scene["states"]),
                number(&scene["transitions"]),
                number(&scene["depth"]),
                scene["seconds"].to_string(),
                ends.join(", "),
            ]
        })
    });
    // they were counted as they came
    let mut rows: Vec<Vec<String>> = rows.collect();
    rows.sort();
    table(
        &["scene", "run", "states", "transitions", "depth", "seconds", "states in which it has ended or waits for a person"],
        rows,
    )
}

pub(crate) fn rules(results: &Results) -> String {
    let Some(tried) = results.best("search-rules-off") else { return "Not run.".into() };
    let mut each = tried.counts()["each"].as_array().cloned().unwrap_or_default();
    each.sort_by_key(|row| (row["found"].is_null(), text(&row["off"])));
    let name = |row: &Value| match row["off"].as_str() {
        None | Some("") => "none".to_owned(),
        Some(off) => format!("`{}`", off.replace(" and ", "`, `")),
    };
    let rows = each.iter().map(|row| {
        let found = match row["found"].as_str() {
            Some(_) => {
                format!("{} ({} steps; {})", without_ids(&text(&row["found"])), number(&row["steps"]), text(&row["in"]))
            }
            None => format!("nothing: {}", text(&row["kept_for_audit_because"])),
        };
        vec![name(row), found, number(&row["states"])]
    });
    table(&["switched off", "found", "states"], rows.collect::<Vec<_>>())
}

/// Ids are drawn: a reader needs none.
fn without_ids(text: &str) -> String {
    let id = |word: &str| word.trim_matches(|c: char| !c.is_ascii_hexdigit()).len() == 36;
    text.split(' ').map(|word| if id(word) { "a secret" } else { word }).collect::<Vec<_>>().join(" ")
}

pub(crate) fn suites(results: &Results) -> String {
    let rows = results.suites.iter().map(|((name, size), suite)| {
        let counts = suite["counts"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_array());
        let counts: Vec<String> = counts.map(|(what, value)| format!("{what} {}", words(value))).collect();
        let seconds = suite["seconds"].to_string();
        vec![format!("`{name}`"), size.name().into(), words(&suite["options"]), counts.join("; "), seconds]
    });
    table(&["suite", "run", "options", "counts", "seconds"], rows.collect::<Vec<_>>())
}

fn words(value: &Value) -> String {
    match value {
        Value::Object(parts) => parts.iter().map(|(name, v)| format!("{name} {}", words(v))).collect::<Vec<_>>().join(", "),
        Value::String(_) => text(value),
        Value::Number(_) | Value::Array(_) | Value::Bool(_) | Value::Null => number(value),
    }
}

pub(crate) fn mutation(results: &Results) -> String {
    if results.mutants.is_empty() {
        return "Not run since.".into();
    }
    let mut files = std::collections::BTreeMap::<&str, [u64; 4]>::new();
    for (name, summary) in &results.mutants {
        let counts = files.entry(name.split(':').next().unwrap_or_default()).or_default();
        let place = match summary.as_str() {
            "CaughtMutant" => 0,
            "Timeout" => 1,
            "MissedMutant" => 2,
            _ => 3,
        };
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
    let sum = |n: usize| files.values().filter_map(|counts| counts.get(n)).sum::<u64>();
    let row = |name: String, counts: [u64; 4]| std::iter::once(name).chain(counts.map(grouped)).collect::<Vec<_>>();
    let all = row("all".into(), [sum(0), sum(1), sum(2), sum(3)]);
    let rows = files.iter().map(|(name, counts)| row(format!("`{name}`"), *counts)).chain([all]);
    let missed = results.mutants.iter().filter(|(_, summary)| *summary == "MissedMutant");
    let missed: String = missed.map(|(name, _)| format!("    {name}\n")).collect();
    let heads = ["file", "noticed", "noticed by the clock", "not noticed", "do not compile"];
    format!("{}\nNot noticed:\n\n{missed}", table(&heads, rows.collect::<Vec<_>>()))
}
