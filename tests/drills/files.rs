//! Scenarios that people write, and runbooks of their own.

use keyrelay::drill::{Scenario, play};
use keyrelay::runbook::Runbook;

use crate::{Listener, built_in, played};

const QUIET: &str = "title = \"quiet\"\npractise = \"never\"\nstory = \"Nothing happens.\"\nbegins = \"rotate\"\n";

#[test]
fn a_scenario_of_three_lines_can_be_played() {
    let played = played(&Scenario::parse(QUIET).unwrap(), &["wait", "resume"]);
    assert!(played.debrief.as_rehearsed && played.debrief.secrets == 1);
    assert_eq!(played.debrief.went_wrong, []);
}

#[test]
fn what_is_no_scenario_says_what_to_write() {
    for (more, says) in [
        ("[[incident]]\nwhat = \"x\"\n", "needs one of `at` (a time) and `on` (a place)"),
        ("[[incident]]\nwhat = \"x\"\nat = \"1m\"\nkill = true\n", "`kill` needs `on`"),
        ("[[incident]]\nwhat = \"x\"\non = \"lunch\"\n", "is not one of started, before-intent:add-secret"),
        ("[[incident]]\nwhat = \"x\"\nat = \"1m\"\n[[incident.does.fault]]\ndo = \"explode\"\n", "not one of refuse"),
        (
            "[[incident]]\nwhat = \"x\"\nat = \"1m\"\n[[incident.does.fault]]\ndo = \"slow\"\nby = \"1s\"\n",
            "is for a sandbox that is served",
        ),
        ("[[mend]]\nword = \"two words\"\nsays = \"x\"\n", "write one word"),
        ("[scene]\nold_secret_ended = \"1h\"\nold_secret_ends_in = \"1h\"\n", "write one of them"),
        ("[scene]\npropagation = { appears = [\"1m\"] }\n", "array of length 2"),
        ("[runbook]\noverlap = \"soon\"\n", "overlap"),
        ("hobby = 1\n", "unknown field `hobby`"),
    ] {
        let error = Scenario::parse(&format!("{QUIET}{more}")).unwrap_err().to_string();
        assert!(error.contains(says), "{more}: {error}");
    }
}

/// Any runbook can be practised, whatever cloud it names: only names are taken from it.
#[test]
fn a_runbook_for_a_real_tenant_is_practised_in_the_sandbox() {
    let real = "cloud = \"public\"\ntenant = \"contoso.example\"\nclient_id = \"11111111-2222-4333-8444-555555555555\"\n\
                owner = \"Billing\"\ncontact = \"on call\"\n[[vault]]\nurl = \"https://kv-billing.vault.azure.net\"\n\
                secret = \"billing\"\n[[consumer]]\nname = \"billing-api\"\nrefresh = { command = [\"false\"] }\ncache = \"10m\"\n";
    let runbook = Runbook::parse(real.as_bytes(), "real.toml").unwrap();
    let (_, text) = built_in()[0];
    let folder = tempfile::tempdir().unwrap();
    let script: Vec<String> = ["resume", "wait", "resume"].map(str::to_owned).to_vec();
    let listener = Listener { script: script.into_iter(), heard: std::rc::Rc::default() };
    let played = play(&Scenario::parse(text).unwrap(), Some(runbook), folder.path(), Box::new(listener)).unwrap();
    assert!(played.as_rehearsed, "{:?}", played.differs);
    let run = &played.runs[0];
    assert_eq!((run.sandbox, run.application.client_id.as_str()), (true, "11111111-2222-4333-8444-555555555555"));
    assert_eq!(run.vault_versions[0].vault, "kv-billing.vault.azure.net");
}

/// Every file in `drills/` ships, and the page that says how often knows each.
#[test]
fn every_scenario_is_in_the_binary_and_on_the_page() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("runbooks/drills.md")).unwrap();
    let mut files: Vec<String> = std::fs::read_dir(root.join("drills"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter_map(|f| f.strip_suffix(".toml").map(str::to_owned))
        .filter(|f| f != "runbook")
        .collect();
    files.sort();
    let mut shipped: Vec<&str> = built_in().iter().map(|(name, _)| *name).collect();
    shipped.sort_unstable();
    assert_eq!(files, shipped);
    for (name, text) in built_in() {
        let scenario = Scenario::parse(text).unwrap();
        let row = page.lines().find(|l| l.contains(&format!("`keyrelay drill {name}`"))).unwrap_or_else(|| panic!("{name}"));
        assert!(row.contains(&scenario.practise), "{row}");
    }
}
