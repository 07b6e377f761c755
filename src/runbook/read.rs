//! The rules of a runbook, table by table. Each rule stands where its fields are read, and all that are broken are reported.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::problem::{Checked, Problems, Reported, Wrong};
use super::table::{Table, key_as_shown};
use super::{
    Delete, FileDigest, FreeText, HumanDuration, NewSecret, OnFailure, Proof, Runbook, RunbookError, Vault, auth, cloud,
    consumer, drain, emergency, leaked, vault,
};

pub(super) fn file(bytes: &[u8], name: &str) -> Result<Runbook, RunbookError> {
    let file_as_a_whole = |problem| RunbookError { file: name.to_owned(), problems: vec![problem] };
    let document = Document::find(bytes, name).map_err(file_as_a_whole)?;
    let mut problems = Problems::of(document.text);
    refuse_entra_secrets(document.text, &mut problems);

    let (toml, errors) = DeTable::parse_recoverable(document.toml());
    let base = document.toml.start;
    for error in &errors {
        // Only the message: `Display` of the error prints the line, and with it whatever stands there.
        let what = format!("the TOML cannot be read: {}", error.message());
        let at = base + error.span().map_or(0, |s| s.start);
        problems.add(at, "", Wrong::new(what, "Compare with the examples in runbooks/"));
    }
    if !errors.is_empty() {
        return Err(problems.into_error(name));
    }
    refuse_secrets("", toml.get_ref(), base, &mut problems);
    match runbook(FileDigest::of(bytes), &Table::top(toml.get_ref(), base), &mut problems) {
        Ok(runbook) if problems.none() => Ok(runbook),
        Ok(_) | Err(Reported) => Err(problems.into_error(name)),
    }
}

const LEAKED: &str = "Take it out. If it is real, take it for leaked: rotate it now with `keyrelay rotate --emergency`";

/// Anywhere in the file, prose and comments included.
fn refuse_entra_secrets(text: &str, problems: &mut Problems<'_>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(at) = leaked::entra_secret(line) {
            problems.add(start + at, "", Wrong::new("here stands what looks like a client secret of Entra", LEAKED));
        }
        start += line.len();
    }
}

/// In every text of the block, as TOML reads it. The parser bounds how deep tables and lists nest.
fn refuse_secrets(path: &str, table: &DeTable<'_>, base: usize, problems: &mut Problems<'_>) {
    for (key, value) in table {
        let name = key_as_shown(key.get_ref());
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        refuse_secrets_in(&path, value, base, problems);
    }
}

fn refuse_secrets_in(path: &str, value: &Spanned<DeValue<'_>>, base: usize, problems: &mut Problems<'_>) {
    let at = base + value.span().start;
    match value.get_ref() {
        _ if problems.full() => {}
        DeValue::String(s) if leaked::entra_secret(s).is_some() => {
            if !problems.has_line_of(at) {
                problems.add(at, path, Wrong::new("holds what looks like a client secret of Entra", LEAKED));
            }
        }
        DeValue::String(s) if leaked::random_word(s) => {
            let instead = "A runbook holds no secret: take it out, and if it is one, take it for leaked. If it is none, keep it in \
                           a file that the command reads";
            problems.add(at, path, Wrong::new("holds a long random word, as secrets are", instead));
        }
        DeValue::Array(items) => {
            for (n, item) in (1..).zip(items.iter()) {
                refuse_secrets_in(&format!("{path}[{n}]"), item, base, problems);
            }
        }
        DeValue::Table(table) => refuse_secrets(path, table, base, problems),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

fn runbook(sha256: FileDigest, top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Runbook> {
    top.only_fields_of("", p);
    let cloud = cloud::read(top, p);
    // Which limits hold; those of real clouds only if it is known to be one.
    let (sandbox, real) = (cloud.as_ref().is_ok_and(|c| c.is_sandbox()), cloud.as_ref().is_ok_and(|c| !c.is_sandbox()));
    let auth = auth::read(top, sandbox, p);
    let (tenant, client_id) = (top.required("tenant", p), top.required("client_id", p));
    let (owner, contact) = (top.required("owner", p), top.required("contact", p));
    let vaults = vault::read_all(top, cloud.as_ref().ok(), p);
    let proof = proof(top, real, p);
    let emergency = emergency::read(top, proof.as_ref().ok(), real, p);
    let (overlap, settle) = waits(top, real, p);
    let longest = match (&proof, overlap, settle) {
        (Ok(proof), Ok(overlap), Ok(settle)) => Some(proof.limit.get() + overlap.get() + settle.get()),
        _ => None,
    };
    let secret = new_secret(top, vaults.as_deref().ok(), longest, p);
    let delete = top.or("delete", Delete::Auto, p);
    let release_within = top.or("release_within", HumanDuration::days(30), p);
    let release_within = top.more_than_zero("release_within", release_within, p);
    let on_failure = top.or("on_failure", OnFailure::Operator, p);
    let attempts = top.number("attempts", 5, (1, 20), p);
    let (expected_networks, drain) = (drain::networks(top, p), drain::read(top, p));
    let consumers = consumer::read_all(top, p);
    let journal = journal(top, p);
    Ok(Runbook {
        sha256,
        cloud: cloud?,
        tenant: tenant?,
        client_id: client_id?,
        auth: auth?,
        owner: owner?,
        contact: contact?,
        vaults: vaults?,
        secret: secret?,
        proof: proof?,
        emergency: emergency?,
        overlap: overlap?,
        settle: settle?,
        delete: delete?,
        release_within: release_within?,
        on_failure: on_failure?,
        attempts: attempts?,
        expected_networks: expected_networks?,
        drain: drain?,
        consumers: consumers?,
        journal: journal?,
    })
}

fn waits(top: &Table<'_>, real: bool, p: &mut Problems<'_>) -> (Checked<HumanDuration>, Checked<HumanDuration>) {
    let settle = top.or("settle", HumanDuration::minutes(15), p);
    let overlap = top.or("overlap", HumanDuration::days(1), p);
    if let Ok(settle) = settle
        && real
    {
        if settle < HumanDuration::minutes(5) {
            let what = "is too short: a request of a dead connection may still land, and lists may be stale (assumption A1)";
            top.wrong("settle", Wrong::new(what, "Write at least \"5m\"; \"15m\" is the default"), p);
        } else if let Ok(overlap) = overlap
            && overlap < settle
        {
            let what =
                format!("is shorter than `settle` ({settle}): what was in doubt could land after the old secret is gone");
            top.wrong("overlap", Wrong::new(what, format!("Write at least \"{settle}\"; \"24h\" is the default")), p);
        }
    }
    (overlap, settle)
}

fn proof(top: &Table<'_>, real: bool, p: &mut Problems<'_>) -> Checked<Proof> {
    let t = top.table("proof", p)?;
    t.only_fields_of("proof", p);
    let scope = t.optional("scope", p);
    let window = t.or("window", HumanDuration::minutes(3), p);
    let spacing = t.or("spacing", HumanDuration::seconds(10), p);
    let spacing = t.more_than_zero("spacing", spacing, p);
    let limit = t.or("limit", HumanDuration::minutes(20), p);
    if let (Ok(spacing), true) = (spacing, real)
        && spacing < HumanDuration::seconds(1)
    {
        let what = "is too short: the token endpoint throttles whoever asks so often";
        t.wrong("spacing", Wrong::new(what, "Write at least \"1s\"; \"10s\" is the default"), p);
    }
    if let Ok(window) = window {
        if real && window < HumanDuration::minutes(1) {
            let what = "is too short: the replicas of the sign-in service may not agree yet (assumption A2)";
            t.wrong("window", Wrong::new(what, "Write at least \"1m\"; \"3m\" is the default"), p);
        } else if let Ok(spacing) = spacing
            && window <= spacing
            && window != HumanDuration::ZERO
        {
            let what = format!("is not longer than `proof.spacing` ({spacing}): it would hold a single sign-in");
            t.wrong("window", Wrong::new(what, "Write a longer window, or sign in more often"), p);
        }
        if let Ok(limit) = limit
            && limit <= window
        {
            let what = format!("is not longer than `proof.window` ({window}): no proof could ever be completed");
            t.wrong("limit", Wrong::new(what, "Write a longer limit; \"20m\" is the default"), p);
        }
    }
    Ok(Proof { scope: scope?, window: window?, spacing: spacing?, limit: limit? })
}

/// `longest` is what a rotation may take from adding the secret to removing the old one.
fn new_secret(
    top: &Table<'_>,
    vaults: Option<&[Vault]>,
    longest: Option<std::time::Duration>,
    p: &mut Problems<'_>,
) -> Checked<NewSecret> {
    const LABEL: usize = 40;
    let t = top.table("secret", p)?;
    t.only_fields_of("secret", p);
    let mut label = t.optional::<FreeText>("label", p);
    if let Ok(Some(text)) = &label
        && text.as_str().chars().count() > LABEL
    {
        let wrong =
            Wrong::new("is longer than 40 characters", "Cut it short: it has to fit into a display name behind the tag");
        label = Err(t.wrong("label", wrong, p));
    }
    let lifetime = t.or("lifetime", HumanDuration::days(180), p);
    if let Ok(lifetime) = lifetime {
        if lifetime > HumanDuration::days(730) {
            let wrong = Wrong::new(
                "is longer than the 730 days that Entra's portal allows",
                "Write \"730d\" or less; \"180d\" is the default",
            );
            t.wrong("lifetime", wrong, p);
        } else if let Some(longest) = longest
            && lifetime.get() <= longest
        {
            let what = "is no longer than proof, overlap and settle together: the new secret could expire while the old one is removed";
            t.wrong("lifetime", Wrong::new(what, "Write a longer lifetime, such as \"180d\""), p);
        }
    }
    let first = vaults.and_then(<[Vault]>::first).map(|v| FreeText::cut(v.secret.as_str(), LABEL));
    // Without a vault a problem has been reported, and the runbook is refused whatever the label.
    Ok(NewSecret { label: label?.or(first).ok_or(Reported)?, lifetime: lifetime? })
}

fn journal(top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Option<PathBuf>> {
    let Some(folder) = top.text("journal", p)? else { return Ok(None) };
    if folder.trim().is_empty() || folder.chars().any(char::is_control) {
        return Err(top.wrong("journal", Wrong::new("is not a folder", "Write a path, or leave the field out"), p));
    }
    if folder.starts_with('~') || folder.contains('$') {
        let wrong =
            Wrong::new("begins with ~ or has a $, which no shell will expand", "Write the path out, or leave the field out");
        return Err(top.wrong("journal", wrong, p));
    }
    Ok(Some(PathBuf::from(folder)))
}
