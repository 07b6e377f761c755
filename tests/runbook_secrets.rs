//! A runbook holds no secret and cannot: what looks like one is refused, and no message, `Debug` or JSON shows any part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use keyrelay::runbook::Runbook;

const GOOD: &str = r#"# A runbook
PROSE

```toml keyrelay
cloud = "public" # COMMENT
tenant = "contoso.onmicrosoft.com"
client_id = "11111111-2222-3333-4444-555555555555"
owner = "OWNER"
contact = "CONTACT"
[[vault]]
url = "https://kv-one.vault.azure.net"
secret = "billing"
content_type = "CONTENT"
tags = { team = "TAG" }
[secret]
label = "LABEL"
[[consumer]]
name = "NAME"
refresh = { command = ["curl", "ARGUMENT"] }
check = { http = "https://a.example/QUERY" }
```
"#;

/// In Entra's form, made up.
const ENTRA: &str = "abc8Q~dEf0123456789.ghiJKL_mnopqrs-tuvwx";
/// 32 random bytes in base64.
const RANDOM: &str = "q3vUe1TzK8mRj0fXb2Lh7c+9aPd/5sNw4GyQoZtE6kA=";

/// Refused, on the line where it stands, with no eight characters of it shown.
#[track_caller]
fn refused(text: &str, planted: &str) {
    let error = Runbook::parse(text.as_bytes(), "r.md").expect_err("was accepted");
    let line = text.lines().position(|l| l.contains(planted)).unwrap() + 1;
    assert!(error.problems.iter().any(|p| p.place.unwrap().line == line), "{error}");
    let shown = format!("{error}{error:?}{}", serde_json::to_string(&error).unwrap());
    for part in planted.as_bytes().windows(8) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn the_template_is_lawful() {
    Runbook::parse(GOOD.as_bytes(), "r.md").unwrap();
}

#[test]
fn a_client_secret_is_refused_wherever_it_stands() {
    for place in [
        "PROSE",
        "COMMENT",
        "OWNER",
        "CONTACT",
        "CONTENT",
        "TAG",
        "LABEL",
        "NAME",
        "ARGUMENT",
        "QUERY",
        "billing",
        "contoso.onmicrosoft.com",
        "public",
        "https://kv-one.vault.azure.net",
        "11111111-2222-3333-4444-555555555555",
        "team",
    ] {
        assert!(GOOD.contains(place));
        refused(&GOOD.replace(place, ENTRA), ENTRA);
    }
}

#[test]
fn a_random_word_is_refused_in_every_text_of_the_block() {
    for place in ["OWNER", "CONTACT", "CONTENT", "TAG", "LABEL", "NAME", "ARGUMENT", "QUERY", "billing"] {
        refused(&GOOD.replace(place, RANDOM), RANDOM);
    }
}

#[test]
fn the_field_of_a_random_word_is_named() {
    let error = Runbook::parse(GOOD.replace("ARGUMENT", RANDOM).as_bytes(), "r.md").unwrap_err();
    assert_eq!(error.problems.len(), 1);
    assert_eq!(error.problems[0].field, "consumer[1].refresh.command[2]");
}

#[test]
fn an_escaped_one_is_seen_too() {
    let escaped = GOOD.replace("CONTACT", &ENTRA.replace("Q~", "\\u0051~"));
    let error = Runbook::parse(escaped.as_bytes(), "r.md").unwrap_err();
    assert!(error.to_string().contains("r.md:9:11: `contact` holds what looks like a client secret of Entra"), "{error}");
}

#[test]
fn fields_that_would_hold_a_secret_are_named_and_their_values_are_not() {
    for key in ["secret_value", "client_secret", "clientSecret", "password", "token", "api_key", "key"] {
        let text = GOOD.replace("[secret]", &format!("{key} = \"hunter22\"\n[secret]"));
        refused(&text, "hunter22");
        let error = Runbook::parse(text.as_bytes(), "r.md").unwrap_err().to_string();
        assert!(error.contains(&format!("`vault[1].{key}` looks like a secret, and a runbook holds none")), "{error}");
    }
}

#[test]
fn a_value_in_the_place_of_the_secret_table_is_refused() {
    let text = GOOD.replace("[[vault]]", "secret = \"hunter22\"\n[[vault]]").replace("[secret]\nlabel = \"LABEL\"\n", "");
    refused(&text, "hunter22");
}

#[test]
fn a_secret_as_a_key_or_in_broken_toml_is_not_shown() {
    for line in [format!("\"{ENTRA}\" = 1"), format!("{RANDOM} = 1"), format!("x = {ENTRA}"), format!("\"{RANDOM}\" = 1")] {
        let planted = if line.contains(ENTRA) { ENTRA } else { RANDOM };
        refused(&GOOD.replace("[secret]", &format!("{line}\n[secret]")), planted);
    }
}
