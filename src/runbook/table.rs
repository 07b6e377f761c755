//! Reading tables field by field, so that every problem is found with its place and not only the first.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::HumanDuration;
use super::leaked;
use super::names::Form;
use super::problem::{Checked, Problems, Reported, Wrong};

/// The fields of each table, by the table's name; the top level has none.
pub(super) const FIELDS: [(&str, &[&str]); 9] = [
    (
        "",
        &[
            "cloud",
            "tenant",
            "client_id",
            "owner",
            "contact",
            "overlap",
            "settle",
            "delete",
            "release_within",
            "on_failure",
            "attempts",
            "expected_networks",
            "drain",
            "drain_log_delay",
            "drain_idle",
            "drain_within",
            "journal",
            "auth",
            "custom",
            "secret",
            "proof",
            "emergency",
            "vault",
            "consumer",
        ],
    ),
    ("auth", &["kind", "tenant", "client_id"]),
    ("custom", &["authority", "graph", "vault_suffix", "ca_file"]),
    ("secret", &["label", "lifetime"]),
    ("proof", &["scope", "window", "spacing", "limit"]),
    ("emergency", &["proof", "dead_within"]),
    ("vault", &["url", "secret", "content_type", "tags"]),
    ("consumer", &["name", "refresh", "check", "cache", "within"]),
    ("action", &["command", "http", "timeout"]),
];

/// One table of the file. A table that the file leaves out reads as an empty one, so that its defaults come about.
pub(super) struct Table<'a> {
    /// As messages name it, such as `vault[2]`; empty for the top level.
    path: String,
    /// Where it begins in the file, in bytes.
    at: usize,
    /// Where the TOML begins in the file: places within it count from there.
    base: usize,
    entries: Option<&'a DeTable<'a>>,
}

impl<'a> Table<'a> {
    /// The top level of TOML that begins at byte `base` of the file.
    pub(super) fn top(entries: &'a DeTable<'a>, base: usize) -> Table<'a> {
        Table { path: String::new(), at: base, base, entries: Some(entries) }
    }

    /// The name of one of its fields, as messages show it.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Where a field's value stands, or else the table.
    pub(super) fn at(&self, name: &str) -> usize {
        self.get(name).map_or(self.at, |(_, at)| at)
    }

    /// Records that a field is wrong.
    pub(super) fn wrong(&self, name: &str, wrong: Wrong, problems: &mut Problems<'_>) -> Reported {
        problems.add(self.at(name), self.path(name), wrong)
    }

    fn get(&self, name: &str) -> Option<(&'a DeValue<'a>, usize)> {
        let value = self.entries?.get(name)?;
        Some((value.get_ref(), self.base + value.span().start))
    }

    fn wrong_type(
        &self,
        name: &str,
        found: &DeValue<'_>,
        expected: &str,
        instead: String,
        problems: &mut Problems<'_>,
    ) -> Reported {
        let what = format!("is {}, not {expected}", kind(found));
        self.wrong(name, Wrong::new(what, instead), problems)
    }

    /// A field that is text of a certain form, if it is there.
    pub(super) fn optional<T: Form>(&self, name: &str, problems: &mut Problems<'_>) -> Checked<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some((DeValue::String(s), _)) => s.parse().map(Some).map_err(|wrong| self.wrong(name, wrong, problems)),
            Some((other, _)) => {
                let instead = format!("Write text in quotes, such as {name} = \"{}\"", T::EXAMPLE);
                Err(self.wrong_type(name, other, T::NAME, instead, problems))
            }
        }
    }

    /// A field that must be there.
    pub(super) fn required<T: Form>(&self, name: &str, problems: &mut Problems<'_>) -> Checked<T> {
        self.optional(name, problems)?.ok_or_else(|| {
            let wrong = Wrong::new("is missing", format!("Add {}, such as {name} = \"{}\"", T::NAME, T::EXAMPLE));
            self.wrong(name, wrong, problems)
        })
    }

    /// A field with a default.
    pub(super) fn or<T: Form>(&self, name: &str, default: T, problems: &mut Problems<'_>) -> Checked<T> {
        Ok(self.optional(name, problems)?.unwrap_or(default))
    }

    /// Refuses a duration of zero where it is senseless.
    pub(super) fn more_than_zero(
        &self,
        name: &str,
        d: Checked<HumanDuration>,
        problems: &mut Problems<'_>,
    ) -> Checked<HumanDuration> {
        match d? {
            HumanDuration::ZERO => {
                let wrong = Wrong::new("is zero", format!("Write more, such as {name} = \"30s\""));
                Err(self.wrong(name, wrong, problems))
            }
            d => Ok(d),
        }
    }

    /// A text of no particular form.
    pub(super) fn text(&self, name: &str, problems: &mut Problems<'_>) -> Checked<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some((DeValue::String(s), _)) => Ok(Some(s)),
            Some((other, _)) => {
                Err(self.wrong_type(name, other, "text", format!("Write text in quotes: {name} = \"...\""), problems))
            }
        }
    }

    /// A whole number between `least` and `most`.
    pub(super) fn number(
        &self,
        name: &str,
        default: u32,
        (least, most): (u32, u32),
        problems: &mut Problems<'_>,
    ) -> Checked<u32> {
        let instead = format!("Write a number from {least} to {most}, such as {name} = {default}");
        match self.get(name) {
            None => Ok(default),
            Some((DeValue::Integer(n), _)) => {
                let n = u32::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| (least..=most).contains(n));
                n.ok_or_else(|| self.wrong(name, Wrong::new("is out of range", instead), problems))
            }
            Some((other, _)) => Err(self.wrong_type(name, other, "a whole number", instead, problems)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str, problems: &mut Problems<'_>) -> Checked<Option<Vec<String>>> {
        let instead = || format!("Write texts in brackets: {name} = [\"...\", \"...\"]");
        match self.get(name) {
            None => Ok(None),
            Some((DeValue::Array(items), _)) => {
                let text = |v: &Spanned<DeValue<'_>>| v.get_ref().as_str().map(str::to_owned);
                let texts: Option<Vec<String>> = items.iter().map(text).collect();
                let wrong = || Wrong::new("holds something that is not text", instead());
                texts.map(Some).ok_or_else(|| self.wrong(name, wrong(), problems))
            }
            Some((other, _)) => Err(self.wrong_type(name, other, "a list of texts", instead(), problems)),
        }
    }

    /// A table, read as empty if it is left out.
    pub(super) fn table(&self, name: &str, problems: &mut Problems<'_>) -> Checked<Table<'a>> {
        let left_out = || Table { path: self.path(name), at: self.at, base: self.base, entries: None };
        self.optional_table(name, problems).map(|t| t.unwrap_or_else(left_out))
    }

    /// A table, if it is there.
    pub(super) fn optional_table(&self, name: &str, problems: &mut Problems<'_>) -> Checked<Option<Table<'a>>> {
        match self.get(name) {
            None => Ok(None),
            Some((DeValue::Table(t), at)) => {
                Ok(Some(Table { path: self.path(name), at, base: self.base, entries: Some(t) }))
            }
            Some((other, _)) if name == "secret" && other.is_str() => {
                let what = "is a table with `label` and `lifetime`, and never the secret itself";
                let instead = "The name of the vault's secret belongs under [[vault]]. If this was a value, take it for leaked: \
                               rotate it now";
                Err(self.wrong(name, Wrong::new(what, instead), problems))
            }
            Some((other, _)) => {
                let instead = if self.path.is_empty() {
                    format!("Begin it with a line [{name}]")
                } else {
                    format!("Write {name} = {{ ... }}")
                };
                Err(self.wrong_type(name, other, "a table", instead, problems))
            }
        }
    }

    /// The tables of a list, none if it is left out; each is named with its place in the list, from 1.
    pub(super) fn tables(&self, name: &str, most: usize, problems: &mut Problems<'_>) -> Checked<Vec<Table<'a>>> {
        let instead = format!("Begin each with a line [[{name}]]");
        let items = match self.get(name) {
            None => return Ok(Vec::new()),
            Some((DeValue::Array(items), _)) => items,
            Some((other, _)) => return Err(self.wrong_type(name, other, "a list of tables", instead, problems)),
        };
        if items.len() > most {
            let wrong = Wrong::new(format!("stands here {} times", items.len()), format!("At most {most} are lawful"));
            return Err(self.wrong(name, wrong, problems));
        }
        let table = |(n, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let (path, at) = (format!("{}[{n}]", self.path(name)), self.base + item.span().start);
            match item.get_ref().as_table() {
                Some(t) => Ok(Table { path, at, base: self.base, entries: Some(t) }),
                None => {
                    let wrong = Wrong::new(format!("is {}, not a table", kind(item.get_ref())), instead.clone());
                    Err(problems.add(at, path, wrong))
                }
            }
        };
        let read: Vec<Checked<Table<'a>>> = (1..).zip(items.iter()).map(table).collect();
        read.into_iter().collect()
    }

    /// The names and texts of a table whose names the file chooses.
    pub(super) fn pairs(&self, problems: &mut Problems<'_>) -> Vec<(&'a str, &'a str, usize)> {
        let mut pairs = Vec::new();
        for (name, value) in self.entries.into_iter().flatten() {
            let at = self.base + value.span().start;
            match value.get_ref().as_str() {
                Some(text) => pairs.push((name.get_ref().as_ref(), text, at)),
                None => {
                    let what = format!("holds {}, not text", kind(value.get_ref()));
                    problems.add(
                        at,
                        self.path.clone(),
                        Wrong::new(what, "Write each value in quotes: { team = \"payments\" }"),
                    );
                }
            }
        }
        pairs
    }

    /// Reports every key that is not a field of `table`, with what was likely meant.
    pub(super) fn only_fields_of(&self, table: &str, problems: &mut Problems<'_>) {
        let fields = FIELDS.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, fields)| fields);
        for key in self.entries.into_iter().flatten().map(|(key, _)| key) {
            if !problems.full() && !fields.contains(&key.get_ref().as_ref()) {
                let wrong = unknown(key.get_ref(), fields);
                problems.add(self.base + key.span().start, self.path(key_as_shown(key.get_ref())), wrong);
            }
        }
    }
}

/// What a value is, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A key as messages may show it: a secret can be pasted there too.
pub(super) fn key_as_shown(key: &str) -> &str {
    let plain = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let shown = plain && !key.is_empty() && !leaked::random_word(key);
    if shown { key } else { "(a key that is not shown)" }
}

fn unknown(key: &str, fields: &[&str]) -> Wrong {
    let near = nearest(key, fields.iter().copied());
    if leaked::names_a_secret(key) {
        let meant = near.map(|f| format!(" If you meant `{f}`, write that.")).unwrap_or_default();
        let instead = format!("Take it out; if a value stands here, take it for leaked: rotate it now.{meant}");
        return Wrong::new("looks like a secret, and a runbook holds none", instead.trim_end_matches('.'));
    }
    let home = FIELDS.iter().find(|(table, fields)| *table != "action" && fields.contains(&key));
    match (near, home) {
        (_, Some(("", _))) => Wrong::new("does not belong in this table", "Move it up, above the first line with a [table]"),
        (_, Some((table, _))) => Wrong::new("does not belong here", format!("Move it under {}", header(table))),
        (Some(field), None) => Wrong::new("is not a field of a runbook", format!("Perhaps `{field}` is meant")),
        (None, None) => {
            Wrong::new("is not a field of a runbook", format!("The fields that can stand here are: {}", fields.join(", ")))
        }
    }
}

fn header(table: &str) -> String {
    if ["vault", "consumer"].contains(&table) { format!("[[{table}]]") } else { format!("[{table}]") }
}

/// The field whose name is so near that a slip of the hand explains the difference.
fn nearest<'f>(key: &str, fields: impl Iterator<Item = &'f str>) -> Option<&'f str> {
    let key: String = key.chars().take(64).collect::<String>().to_lowercase().replace('-', "_");
    let near = |field: &str| {
        let distance = strsim::damerau_levenshtein(&key, field);
        let part = key.len() >= 4
            && (field.starts_with(&key) || key.ends_with(&format!("_{field}")) || key.starts_with(&format!("{field}_")));
        (part || distance <= 1 + field.len() / 4).then_some(distance)
    };
    fields.filter_map(|f| near(f).map(|d| (d, f))).min().map(|(_, f)| f)
}
