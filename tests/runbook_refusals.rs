//! Every way in which people get a runbook wrong: each has its message, with the place, the field and what to write instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use keyrelay::runbook::{Place, Runbook, RunbookError};

/// A lawful runbook for a real cloud; the tests change one line of it.
const GOOD: &str = r#"cloud = "public"
tenant = "contoso.onmicrosoft.com"
client_id = "11111111-2222-3333-4444-555555555555"
owner = "Payments team"
contact = "payments-oncall@contoso.example"
[[vault]]
url = "https://kv-one.vault.azure.net"
secret = "billing-api-client-secret"
"#;

fn check(toml: &str) -> Result<Runbook, RunbookError> {
    Runbook::parse(toml.as_bytes(), "r.toml")
}

/// The messages about GOOD with `from` replaced by `to`, without the first line.
fn refusal(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    messages(&GOOD.replace(from, to))
}

fn messages(toml: &str) -> Vec<String> {
    let error = check(toml).expect_err("was accepted").to_string();
    error.lines().skip(1).map(|l| l.trim().to_owned()).collect()
}

/// One message, which begins with the place and field and contains all `words`.
#[track_caller]
fn one(found: Vec<String>, start: &str, words: &[&str]) {
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(start), "{found:#?}");
    for word in words {
        assert!(found[0].contains(word), "{word}: {found:#?}");
    }
}

#[test]
fn the_good_one_is_good() {
    let runbook = check(GOOD).unwrap();
    // printf 'kv-one.vault.azure.net/billing-api-client-secret\n' | sha256sum | cut -c1-12
    assert_eq!(runbook.target().to_string(), "a45b111d38b8");
}

#[test]
fn required_fields_are_asked_for_all_at_once() {
    let found = messages("");
    let fields = ["cloud", "tenant", "client_id", "owner", "contact", "vault"];
    assert_eq!(found.len(), fields.len(), "{found:#?}");
    for field in fields {
        assert!(
            found.iter().any(|m| m.starts_with(&format!("r.toml:1:1: `{field}` is missing. Add"))),
            "{field}: {found:#?}"
        );
    }
}

#[test]
fn problems_come_in_the_order_of_the_file() {
    let toml =
        GOOD.replace("\"public\"", "\"pubic\"").replace("555555555555", "5").replace("https://kv", "http://kv") + "x = 1\n";
    let places: Vec<_> = check(&toml).unwrap_err().problems.iter().map(|p| p.place.unwrap()).collect();
    let line_column = [(1, 9), (3, 13), (7, 7), (9, 1)];
    assert_eq!(places, line_column.map(|(line, column)| Place { line, column }));
}

#[test]
fn words_and_ids() {
    one(
        refusal("\"public\"", "\"azure\""),
        "r.toml:1:9: `cloud` is not a cloud",
        &["\"public\"", "\"us-gov-l4\"", "\"china\""],
    );
    one(refusal("\"public\"", "1"), "r.toml:1:9: `cloud` is a number", &["cloud = \"public\""]);
    one(refusal("contoso.onmicrosoft.com", "common"), "r.toml:2:10: `tenant` names no single tenant", &[]);
    one(refusal("contoso.onmicrosoft.com", "contoso"), "r.toml:2:10: `tenant` is neither a GUID nor a domain", &[]);
    one(refusal("11111111-", ""), "r.toml:3:13: `client_id` is not a GUID", &["Application (client) ID"]);
    one(refusal("Payments team", " "), "r.toml:4:9: `owner` is empty", &[]);
    one(refusal("Payments team", "a\\nb"), "r.toml:4:9: `owner` has control characters", &[]);
}

#[test]
fn vaults() {
    one(refusal("https://kv-one", "http://kv-one"), "r.toml:7:7: `vault[1].url` is not https", &[]);
    one(refusal(".azure.net", ".azure.net/secrets/x"), "r.toml:7:7: `vault[1].url` has a path", &[]);
    let found = refusal("vault.azure.net", "vault.azure.cn");
    one(found, "r.toml:7:7: `vault[1].url` is not a vault of the cloud \"public\"", &["https://NAME.vault.azure.net"]);
    one(refusal("client-secret\"", "client_secret\""), "r.toml:8:10: `vault[1].secret` is not the name", &["hyphens"]);
    one(refusal("[[vault]]", "[vault]"), "r.toml:6:1: `vault` is a table, not a list", &["[[vault]]"]);
    let again = "[[vault]]\nurl = \"https://KV-One.vault.azure.net/\"\nsecret = \"Billing-API-client-secret\"\n";
    one(messages(&format!("{GOOD}{again}")), "r.toml:11:10: `vault[2].secret` is in this vault's list already", &[]);
    let nine: String =
        (1..=8).map(|n| format!("[[vault]]\nurl = \"https://kv-{n}.vault.azure.net\"\nsecret = \"s\"\n")).collect();
    one(messages(&format!("{GOOD}{nine}")), "r.toml:6:1: `vault` stands here 9 times", &["At most 8"]);
    one(
        messages(&format!("{GOOD}content_type = \"{}\"\n", "a".repeat(256))),
        "r.toml:9:16: `vault[1].content_type`",
        &["255"],
    );
    assert!(check(&format!("{GOOD}content_type = \"{}\"\n", "a".repeat(255))).is_ok());
}

#[test]
fn tags() {
    let with = |tags: &str| format!("{GOOD}tags = {{ {tags} }}\n");
    let many = |n: u8| (0..n).map(|n| format!("t{n} = \"x\"")).collect::<Vec<_>>().join(", ");
    assert!(check(&with(&many(13))).is_ok());
    one(messages(&with(&many(14))), "r.toml:9:8: `vault[1].tags` has 14 tags", &["13", "15"]);
    one(messages(&with("Keyrelay-x = \"y\"")), "r.toml:9:23: `vault[1].tags.Keyrelay-x` has a name that is kept", &[]);
    one(messages(&with("a = 1")), "r.toml:9:14: `vault[1].tags` holds a number", &[]);
    assert!(check(&with(&format!("a = \"{}\"", "ä".repeat(256)))).is_ok());
    one(
        messages(&with(&format!("a = \"{}\"", "ä".repeat(257)))),
        "r.toml:9:14: `vault[1].tags.a` is empty or too long",
        &[],
    );
    let found = messages(&with("api_key = \"hunter2\""));
    one(found.clone(), "r.toml:9:20: `vault[1].tags.api_key` looks like a secret", &[]);
    assert!(!found[0].contains("hunter2"));
}

#[test]
fn waits_of_real_clouds_have_a_least() {
    let top = |line: &str| messages(&format!("{line}\n{GOOD}"));
    one(top("settle = \"4m\""), "r.toml:1:10: `settle` is too short", &["A1", "5m"]);
    one(top("overlap = \"14m\""), "r.toml:1:11: `overlap` is shorter than `settle` (15m)", &["at least \"15m\""]);
    assert!(check(&format!("overlap = \"5m\"\nsettle = \"5m\"\n{GOOD}")).is_ok());
    one(top("proof = { window = \"59s\" }"), "r.toml:1:20: `proof.window` is too short", &["A2", "1m"]);
    one(top("proof = { spacing = \"999ms\" }"), "r.toml:1:21: `proof.spacing` is too short", &["throttles"]);
    one(top("proof = { spacing = \"0s\" }"), "r.toml:1:21: `proof.spacing` is zero", &[]);
    one(top("proof = { spacing = \"3m\" }"), "r.toml:1:9: `proof.window` is not longer than `proof.spacing` (3m)", &[]);
    one(top("proof = { limit = \"3m\" }"), "r.toml:1:19: `proof.limit` is not longer than `proof.window` (3m)", &[]);
    one(top("proof = { scope = \"User.Read\" }"), "r.toml:1:19: `proof.scope` is not a scope", &["/.default"]);
    one(top("emergency = { proof = \"4m\" }"), "r.toml:1:23: `emergency.proof` is longer than `proof.window` (3m)", &[]);
    one(top("emergency = { proof = \"59s\" }"), "r.toml:1:23: `emergency.proof` is too short", &["A2", "1m"]);
    one(top("emergency = { dead_within = \"0s\" }"), "r.toml:1:29: `emergency.dead_within` is zero", &[]);
    assert!(check(&format!("emergency = {{ proof = \"1m\", dead_within = \"1h\" }}\n{GOOD}")).is_ok());
    one(top("release_within = \"0s\""), "r.toml:1:18: `release_within` is zero", &[]);
    one(top("overlap = 48"), "r.toml:1:11: `overlap` is a number, not a duration", &["overlap = \"24h\""]);
    one(top("overlap = \"-1h\""), "r.toml:1:11: `overlap` is negative", &[]);
    one(top("overlap = \"11 years\""), "r.toml:1:11: `overlap` counts in months or years", &["days"]);
    one(top("overlap = \"4000d\""), "r.toml:1:11: `overlap` is longer than ten years", &[]);
}

#[test]
fn the_sandbox_may_be_in_a_hurry() {
    let sandbox = GOOD.replace("public", "sandbox").replace("vault.azure.net", "vault.sandbox.localhost");
    let waits = "overlap = \"0s\"\nsettle = \"0s\"\nproof = { window = \"0s\", spacing = \"1ms\", limit = \"1s\" }\n";
    assert!(check(&format!("{waits}{sandbox}")).is_ok());
}

#[test]
fn the_new_secret() {
    let secret = |line: &str| messages(&format!("secret = {{ {line} }}\n{GOOD}"));
    one(secret("lifetime = \"731d\""), "r.toml:1:23: `secret.lifetime` is longer than the 730 days", &[]);
    // 24h of overlap, 15m of settle, 20m of proof: 24h 35m.
    one(secret("lifetime = \"24h 35m\""), "r.toml:1:23: `secret.lifetime` is no longer than proof, overlap and settle", &[]);
    assert!(check(&format!("secret = {{ lifetime = \"24h 36m\" }}\n{GOOD}")).is_ok());
    one(secret(&format!("label = \"{}\"", "x".repeat(41))), "r.toml:1:20: `secret.label` is longer than 40", &[]);
}

#[test]
fn choices_and_numbers() {
    let top = |line: &str| messages(&format!("{line}\n{GOOD}"));
    one(top("delete = \"later\""), "r.toml:1:10: `delete` is not", &["\"on-release\""]);
    one(top("on_failure = \"panic\""), "r.toml:1:14: `on_failure` is not", &["\"rollback\""]);
    one(top("attempts = 0"), "r.toml:1:12: `attempts` is out of range", &["1 to 20"]);
    one(top("attempts = 21"), "r.toml:1:12: `attempts` is out of range", &[]);
    one(top("attempts = 0xfffffffffffffffffffff"), "r.toml:1:12: `attempts` is out of range", &[]);
    one(top("attempts = \"5\""), "r.toml:1:12: `attempts` is text, not a whole number", &["attempts = 5"]);
    one(top("journal = \"~/journals\""), "r.toml:1:11: `journal` begins with ~", &[]);
}

#[test]
fn consumers() {
    let with = |lines: &str| messages(&format!("{GOOD}[[consumer]]\nname = \"a\"\n{lines}\n"));
    one(
        with("check = { http = \"http://a.example/\" }"),
        "r.toml:11:18: `consumer[1].check.http` is http to another machine",
        &[],
    );
    one(with("check = { }"), "r.toml:11:9: `consumer[1].check` has neither", &["command", "http"]);
    let both = "check = { command = [\"a\"], http = \"https://a.example/\" }";
    one(with(both), "r.toml:11:9: `consumer[1].check` has both", &[]);
    one(with("refresh = { command = \"a b\" }"), "r.toml:11:23: `consumer[1].refresh.command` is text, not a list", &[]);
    one(with("refresh = { command = [] }"), "r.toml:11:23: `consumer[1].refresh.command` names no program", &[]);
    one(with("refresh = { command = [\"a\", 1] }"), "r.toml:11:23: `consumer[1].refresh.command` holds something", &[]);
    one(with("refresh = [\"a\"]"), "r.toml:11:11: `consumer[1].refresh` is a list, not a table", &[]);
    let slow = "refresh = { command = [\"a\"], timeout = \"2h\" }";
    one(with(slow), "r.toml:11:40: `consumer[1].refresh.timeout` is longer than an hour", &[]);
    one(with("within = \"25h\""), "r.toml:11:10: `consumer[1].within` is longer than a day", &["24h"]);
    one(with("[[consumer]]\nname = \"A\""), "r.toml:12:8: `consumer[2].name` is the name of another", &[]);
    let many: String = (0..51).map(|n| format!("[[consumer]]\nname = \"{n}\"\n")).collect();
    one(messages(&format!("{GOOD}{many}")), "r.toml:9:1: `consumer` stands here 51 times", &["At most 50"]);
}

#[test]
fn unknown_keys_name_what_was_meant() {
    let top = |line: &str| messages(&format!("{line}\n{GOOD}"));
    one(top("overlapp = \"24h\""), "r.toml:1:1: `overlapp` is not a field", &["Perhaps `overlap`"]);
    one(top("on-failure = \"operator\""), "r.toml:1:1: `on-failure` is not a field", &["Perhaps `on_failure`"]);
    one(top("window = \"3m\""), "r.toml:1:1: `window` does not belong here", &["[proof]"]);
    one(top("zebra = 1"), "r.toml:1:1: `zebra` is not a field", &["The fields that can stand here are: cloud, "]);
    // The classic slip of TOML: a line below a table header belongs to the table.
    one(
        messages(&format!("{GOOD}settle = \"15m\"\n")),
        "r.toml:9:1: `vault[1].settle` does not belong",
        &["above the first line"],
    );
    one(messages(&format!("{GOOD}secret_name = \"x\"\n")), "r.toml:9:1: `vault[1].secret_name`", &["Perhaps `secret`"]);
}

#[test]
fn toml_that_cannot_be_read_has_a_place_and_no_quotation() {
    let found = messages(&GOOD.replace("\"Payments team\"", "Payments team hunter2"));
    assert!(found[0].starts_with("r.toml:4:9: the TOML cannot be read:"), "{found:#?}");
    assert!(!found.concat().contains("hunter2"));
    let found = messages(&GOOD.replace("owner", "tenant"));
    assert!(found[0].starts_with("r.toml:4:1: the TOML cannot be read: duplicate key"), "{found:#?}");
}

#[test]
fn lines_are_counted_in_the_whole_file() {
    let markdown = format!("\u{feff}# Title\r\n\r\n```toml keyrelay\r\n{}```\r\n", GOOD.replace('\n', "\r\n"));
    assert!(Runbook::parse(markdown.as_bytes(), "r.md").is_ok());
    let wrong = markdown.replace("\"public\"", "\"azure\"");
    let error = Runbook::parse(wrong.as_bytes(), "r.md").unwrap_err();
    assert_eq!(error.problems[0].place, Some(Place { line: 4, column: 9 }));
}

#[test]
fn a_flood_of_problems_is_cut() {
    let toml: String = (0..1000).map(|n| format!("x{n} = 1\n")).collect();
    let error = check(&toml).unwrap_err();
    assert_eq!(error.problems.len(), 21);
    assert!(error.to_string().ends_with("there is more. Mend these first, then check again."));
}

/// Each field of the shipped example, given what is of no lawful kind for it: refused on its line, by its name.
#[test]
fn every_field_refuses_what_it_cannot_be() {
    const EXAMPLE: &str = include_str!("../examples/real-tenant.md");
    let long = format!("\"{}\"", "x".repeat(5_000));
    let wrong =
        ["-1", "99999999999999999999", "1.5", "nan", "true", "1979-05-27", "[]", "[[]]", "{}", "\"\"", "\" \"", &long];
    let (mut block, mut fields, mut refused) = (false, 0, 0);
    for (at, line) in EXAMPLE.lines().enumerate() {
        block = if line.starts_with("```") { line == "```toml keyrelay" } else { block };
        let Some((field, value)) = line.split_once(" = ").filter(|_| block && !line.starts_with('#')) else { continue };
        fields += 1;
        for wrong in wrong {
            // a table or a list may lawfully be empty where the example's is not, and a label or a journal's folder may be long
            let empty = wrong == "{}" && value.starts_with('{') || wrong == "[]" && value.starts_with('[');
            if empty || wrong == long && ["journal"].contains(&field) {
                continue;
            }
            let lines = EXAMPLE.lines().enumerate();
            let changed = lines.map(|(n, l)| if n == at { format!("{field} = {wrong}\n") } else { format!("{l}\n") });
            let Err(error) = Runbook::parse(changed.collect::<String>().as_bytes(), "r.md") else {
                panic!("line {}: `{field} = {wrong}` was accepted", at + 1)
            };
            let here = error.problems.iter().find(|p| p.place.is_some_and(|place| place.line == at + 1));
            let here = here.unwrap_or_else(|| panic!("line {}: {field} = {wrong}: {error}", at + 1));
            assert!(here.field.contains(field) && !here.instead.is_empty(), "{field} = {wrong}: {here:?}");
            refused += 1;
        }
    }
    assert!(fields >= 26, "{fields} fields were found");
    println!("{refused} refusals of {fields} fields");
}
