//! Whatever the bytes: no panic, no quotation of a planted secret, and what is accepted survives the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keyrelay::runbook::Runbook;
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../examples/real-tenant.md");
/// In Entra's form, made up; it occurs nowhere else in the files.
const ENTRA: &str = "wZx8Q~kV0_dEf4123456789.ghiJKLmnopqrs-tu";

fn parse(bytes: &[u8], name: &str) -> Result<Runbook, String> {
    Runbook::parse(bytes, name).map_err(|e| {
        assert!(!e.problems.is_empty());
        assert!(e.problems.iter().all(|p| !p.what.is_empty() && !p.instead.is_empty()));
        format!("{e}{e:?}")
    })
}

fn survives_the_journal(runbook: &Runbook) {
    let json = serde_json::to_string(runbook).unwrap();
    assert_eq!(&serde_json::from_str::<Runbook>(&json).unwrap(), runbook);
}

/// Words that make up runbooks, so that nonsense comes near to sense.
fn fragment() -> impl Strategy<Value = String> {
    let words = "cloud|tenant|client_id|\\[\\[vault\\]\\]|\\[proof\\]|\\[secret\\]|window|url|tags|\"sandbox\"|\"3m\"|= |\n|\\{|\\}|\\[|\\]|,|\"|'''|\\\\|#|5|-|```|toml keyrelay|\r\n|é|\u{feff}|consumer|check";
    proptest::collection::vec(words, 0..60).prop_map(|w| w.concat())
}

fn lawful() -> impl Strategy<Value = String> {
    let name = "[a-zA-Z0-9][a-zA-Z0-9-]{0,14}";
    let text = "[A-Za-zäöü,.+@/ ]{0,30}x";
    let vaults = proptest::collection::btree_map("[a-z][a-z0-9]{2,10}", (name, text, text), 1..=8);
    let waits = (0..100u32, 1..50u32, 1..100u32, 1..100u32);
    let consumers = proptest::collection::btree_map("[a-z]{1,8}", (text, 1..3600u32, 0..100u32), 0..5);
    (any::<[u8; 16]>(), text, vaults, waits, consumers, 1..=20u32).prop_map(|(id, text, vaults, waits, consumers, attempts)| {
        let id = uuid::Uuid::from_u128(u128::from_be_bytes(id) | 1);
        let (settle, spacing, window, limit) = (waits.0, waits.1, waits.1 + waits.2, waits.1 + waits.2 + waits.3);
        let mut toml = format!(
            "cloud = \"sandbox\"\ntenant = \"{id}\"\nclient_id = \"{id}\"\nowner = \"{text}\"\ncontact = \"{text}\"\n\
             settle = \"{settle}s\"\nattempts = {attempts}\n\
             [proof]\nspacing = \"{spacing}s\"\nwindow = \"{window}s\"\nlimit = \"{limit}s\"\n"
        );
        for (vault, (secret, content_type, tag)) in vaults {
            toml += &format!(
                "[[vault]]\nurl = \"https://{vault}.vault.sandbox.localhost\"\nsecret = \"{secret}\"\n\
                 content_type = \"{content_type}\"\ntags = {{ a = \"{tag}\" }}\n"
            );
        }
        for (name, (argument, timeout, cache)) in consumers {
            toml += &format!(
                "[[consumer]]\nname = \"{name}\"\nrefresh = {{ command = [\"p\", \"{argument}\"], timeout = \"{timeout}s\" }}\n\
                 check = {{ http = \"http://127.0.0.1:1/x\" }}\ncache = \"{cache}m\"\n"
            );
        }
        toml
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, "x.toml");
        let _ = parse(&bytes, "x.md");
    }

    #[test]
    fn no_near_sense_makes_it_panic(text in fragment()) {
        let _ = parse(text.as_bytes(), "x.toml");
        let _ = parse(format!("```toml keyrelay\n{text}\n```\n").as_bytes(), "x.md");
    }

    #[test]
    fn a_damaged_runbook_is_refused_or_still_lawful(at in 0..EXAMPLE.len(), cut in 0..40usize, paste in fragment()) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, paste.bytes());
        if let Ok(runbook) = parse(&bytes, "x.md") {
            survives_the_journal(&runbook);
        }
    }

    #[test]
    fn a_secret_is_refused_wherever_it_is_pasted_and_never_shown(at in 0..EXAMPLE.len()) {
        prop_assume!(EXAMPLE.is_char_boundary(at));
        let (before, after) = EXAMPLE.split_at(at);
        let shown = parse(format!("{before} {ENTRA} {after}").as_bytes(), "x.md").expect_err("was accepted");
        for part in ENTRA.as_bytes().windows(8) {
            prop_assert!(!shown.contains(std::str::from_utf8(part).unwrap()), "{}", shown);
        }
    }

    #[test]
    fn a_lawful_runbook_survives_the_journal(toml in lawful()) {
        let runbook = parse(toml.as_bytes(), "x.toml").unwrap_or_else(|e| panic!("{e}\n{toml}"));
        survives_the_journal(&runbook);
        let again = parse(toml.replace('\n', "\r\n").as_bytes(), "x.toml").unwrap();
        prop_assert_eq!(again.describe().len(), runbook.describe().len());
        prop_assert_ne!(again.sha256, runbook.sha256);
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = |open: &str| open.repeat(100_000);
    for text in [
        deep("["),
        format!("a = {}", deep("[")),
        format!("a = {}", deep("{a = ")),
        format!("{}a = 1", deep("a.")),
        format!("[{}a]", deep("a.")),
    ] {
        parse(text.as_bytes(), "x.toml").expect_err("was accepted");
    }
}
