//! One journal of every state there is, under `tests/journals/`: each later version replays them all, to the state that
//! `expected.txt` says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use keyrelay::journal::record::{RecordHash, Unreadable, encode_in, parse};
use keyrelay::rotation::{Phase, Plan, Reason, Rotation};
use keyrelay::run::{ApplicationFacts, By, Record, Run, Start};
use keyrelay::runbook::Runbook;

use crate::targets::events::{Walked, walk};
use crate::targets::stage::{BEGUN, SECRET, host};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals")
}

/// One line of `expected.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    file: String,
    /// Phase, way, detail.
    state: [String; 3],
}

fn expected() -> Vec<Expected> {
    let text = fs::read_to_string(folder().join("expected.txt")).unwrap();
    let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let line = |l: &str| match l.split_whitespace().map(str::to_owned).collect::<Vec<_>>().as_slice() {
        [file, phase, way, detail] => Expected { file: file.clone(), state: [phase.clone(), way.clone(), detail.clone()] },
        other => panic!("four columns: {other:?}"),
    };
    lines.map(line).collect()
}

/// Every phase by its name; a new one must be named here, and so have a journal.
const PHASES: [&str; 17] = [
    "add",
    "prove",
    "publish",
    "reconcile",
    "align",
    "smoke",
    "consumers",
    "confirm",
    "wait",
    "adoption",
    "delete",
    "withdraw",
    "restore",
    "revoke",
    "dying",
    "needs_operator",
    "ended",
];

fn state(rotation: &Rotation, rebuilt: bool) -> [String; 3] {
    let (phase, detail) = match rotation.phase() {
        Phase::Add => ("add", "-"),
        Phase::Prove => ("prove", "-"),
        Phase::Publish { look_for_tag: false } => ("publish", "-"),
        Phase::Publish { look_for_tag: true } => ("publish", "look-for-tag"),
        Phase::Reconcile { .. } if rebuilt && rotation.maybe_published() => ("reconcile", "rebuilt-published"),
        Phase::Reconcile { .. } if rebuilt => ("reconcile", "rebuilt"),
        Phase::Reconcile { room: false } => ("reconcile", "-"),
        Phase::Reconcile { room: true } => ("reconcile", "room"),
        Phase::Align { .. } => ("align", "-"),
        Phase::Smoke => ("smoke", "-"),
        Phase::Consumers => ("consumers", "-"),
        Phase::Confirm => ("confirm", "-"),
        Phase::Wait => ("wait", "-"),
        Phase::Adoption => ("adoption", "-"),
        Phase::Delete => ("delete", "-"),
        Phase::Withdraw => ("withdraw", "-"),
        Phase::Restore => ("restore", "-"),
        Phase::Revoke => ("revoke", "-"),
        Phase::Dying => ("dying", "-"),
        Phase::NeedsOperator { reason, .. } => ("needs_operator", reason.name()),
        Phase::Ended { end: keyrelay::rotation::End::Completed } => ("ended", "completed"),
        Phase::Ended { end: keyrelay::rotation::End::RolledBack } => ("ended", "rolled_back"),
        Phase::Ended { end: keyrelay::rotation::End::Abandoned } => ("ended", "abandoned"),
    };
    [phase.into(), if rotation.back() { "back" } else { "forward" }.into(), detail.into()]
}

/// Every reason by its name; a new one must be named here, and so have a journal.
fn reasons() -> Vec<&'static str> {
    fn _each_is_in_the_list_below(reason: &Reason) {
        match reason {
            Reason::VaultChanged { .. } | Reason::VaultsUnsteady | Reason::NoRoom | Reason::AnotherRun { .. } => {}
            Reason::NotProven { .. } | Reason::CurrentRefused { .. } | Reason::CredentialGone { .. } => {}
            Reason::BaselineUnproven { .. } | Reason::AddRefused { .. } | Reason::WriteRefused { .. } => {}
            Reason::RemoveRefused { .. } | Reason::RemovalNotSeen { .. } | Reason::ReadRefused { .. } => {}
            Reason::AttemptsExhausted | Reason::ConsumerFailed { .. } | Reason::ConsumerUsesOld { .. } => {}
            Reason::NotReleased | Reason::NotDrained { .. } => {}
        }
    }
    "vault-changed vaults-unsteady no-room another-run not-proven current-refused credential-gone baseline-unproven \
     add-refused write-refused remove-refused removal-not-seen read-refused attempts-exhausted consumer-failed \
     consumer-uses-old not-released not-drained"
        .split_whitespace()
        .collect()
}

pub(crate) fn journals() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    let journals = files.filter(|f| f.extension().is_some_and(|e| e == "journal"));
    journals.map(|f| (f.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&f).unwrap())).collect()
}

#[test]
fn each_journal_replays_to_the_state_that_was_written_down() {
    let (journals, expected) = (journals(), expected());
    assert!(journals.keys().all(|j| expected.iter().any(|e| e.file == *j)), "a journal without a line in expected.txt");
    for line in &expected {
        let bytes = journals.get(&line.file).unwrap_or_else(|| panic!("{} has no journal", line.file));
        let contents = parse::<Record>(bytes).unwrap_or_else(|e| panic!("{}: {e}", line.file));
        assert_eq!(contents.torn_bytes, 0);
        let run = Run::replay(contents.records).unwrap_or_else(|e| panic!("{}: {e}", line.file));
        assert_eq!(state(&run.rotation, run.start.rebuilt), line.state, "{}", line.file);
        let report = keyrelay::evidence::Report::of(&run);
        assert!(report.to_markdown().contains(run.start.plan.run.as_str()), "{}", line.file);
    }
}

#[test]
fn every_phase_reason_and_end_has_a_journal() {
    let expected = expected();
    let has = |column: usize, word: &str| expected.iter().any(|e| e.state[column] == word);
    PHASES.iter().for_each(|phase| assert!(has(0, phase), "the phase {phase} has no journal"));
    reasons().iter().for_each(|reason| assert!(has(2, reason), "the reason {reason} has no journal"));
    for end in ["completed", "rolled_back", "abandoned", "rebuilt", "look-for-tag", "room"] {
        assert!(has(2, end), "{end} has no journal");
    }
}

#[test]
fn a_journal_of_a_future_format_is_refused() {
    for (name, bytes) in journals() {
        let future = String::from_utf8(bytes).unwrap().replacen("{\"v\":1,", "{\"v\":2,", 1);
        let refused = parse::<Record>(future.as_bytes()).unwrap_err();
        assert_eq!(refused, Unreadable::NewerFormat { line: 1, version: 2 }, "{name}");
    }
}

/// Finds the shortest journal for each line of `expected.txt` that has none, or for all of them if the folder was emptied first.
#[test]
#[ignore = "writes tests/journals: by hand, when the format has changed before the first release or a state is new"]
fn renew() {
    let there = journals();
    let wanted: Vec<Expected> = expected().into_iter().filter(|e| !there.contains_key(&e.file)).collect();
    let mut found: BTreeMap<[String; 3], Walked> = BTreeMap::new();
    let mut draw = Draw(20_261_121);
    for _ in 0..60_000 {
        // all quiet, but for a few moments
        let bytes: Vec<u8> = (0..90).map(|n| if n < 4 || draw.below(9) == 0 { draw.below(256) as u8 } else { 0 }).collect();
        let mut plan: Option<Arc<Plan>> = None;
        walk(&bytes, |rotation, events| {
            let plan = plan.get_or_insert_with(|| Arc::new(rotation.plan().clone()));
            let state = state(rotation, !plan.adopted.is_empty());
            let shorter = found.get(&state).is_none_or(|known| events.len() < known.events.len());
            if shorter {
                found.insert(state, Walked { plan: plan.clone(), events: events.to_vec() });
            }
            true
        });
    }
    let all = found.keys().map(|s| s.join(" ")).collect::<Vec<_>>().join("\n");
    let missing: Vec<_> = wanted.iter().filter(|w| !found.contains_key(&w.state)).collect();
    for line in &wanted {
        let Some(Walked { plan, events }) = found.get(&line.state) else { continue };
        let first = Record::Started(Box::new(start(plan)));
        let records = std::iter::once((BEGUN, first)).chain(events.iter().map(|(at, e)| (*at, Record::Event(e.clone()))));
        let (mut bytes, mut head) = (Vec::new(), RecordHash::NONE);
        for (seq, (at, record)) in (0..).zip(records) {
            let local = at + SignedDuration::from_millis(300);
            let (line, hash) = encode_in(Some("sandbox"), seq, Some(at), local, &record, head).unwrap();
            bytes.extend(line);
            head = hash;
        }
        fs::write(folder().join(format!("{}.journal", line.file)), bytes).unwrap();
    }
    assert!(missing.is_empty(), "no journal was found for {missing:#?}; states that came up:\n{all}");
}

fn start(plan: &Plan) -> Start {
    let mut text = "cloud = \"sandbox\"\ntenant = \"5a9db0c5-0000-4000-8000-000000000001\"\nowner = \"Billing team\"\n\
                    client_id = \"00000000-0000-0000-0000-000000000a11\"\ncontact = \"billing on call\"\noverlap = \"1h\"\n"
        .to_owned();
    for v in 0..plan.vaults.len() {
        text += &format!("[[vault]]\nurl = \"https://{}\"\nsecret = \"{SECRET}\"\n", host(v));
    }
    for _ in &plan.consumers {
        text += "[[consumer]]\nname = \"checkout\"\nrefresh = { command = [\"true\"] }\ncheck = { command = [\"true\"] }\n";
    }
    Start {
        tool: env!("CARGO_PKG_VERSION").into(),
        plan: plan.clone(),
        runbook: Runbook::parse(text.as_bytes(), "billing.toml").unwrap_or_else(|e| panic!("{e:?}")),
        runbook_file: "billing.toml".into(),
        application: ApplicationFacts {
            client_id: "00000000-0000-0000-0000-000000000a11".into(),
            object_id: "5a9db0c5-0b1e-4000-8000-000000000007".into(),
            display_name: "billing".into(),
        },
        by: By { identity: "app rotator".into(), user: "kim".into(), host: "ops-1".into(), ci: None },
        reason: None,
        ticket: None,
        correlation: None,
        granted: None,
        rebuilt: !plan.adopted.is_empty(),
    }
}

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}
