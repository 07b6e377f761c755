//! Whoever knows the runbooks gets through every shipped scenario as it says.

use keyrelay::drill::{Voice, built_in};

use crate::{Played, rehearsed};

/// How each command ended; `-` where there is no exit code.
fn exits(played: &Played) -> String {
    let exit = |e: Option<u8>| e.map_or("-".to_owned(), |e| e.to_string());
    played.debrief.you.iter().map(|t| exit(t.exit)).collect::<Vec<_>>().join(" ")
}

fn reasons(played: &Played) -> Vec<&str> {
    played.debrief.runs.iter().filter_map(|r| r.reason.as_ref()).map(|r| r.name).collect()
}

/// Each ends as it says, what it is about really happened, and no secret is told.
#[test]
fn every_shipped_scenario_shows_what_it_is_for() {
    // exit codes: none (killed), 0 done, 10 rolled back, 20 waiting, 21 interrupted, 30 needs operator
    let expected = [
        ("killed-after-add", "- 0 20 - 0", &[][..]),
        ("expired", "20 0 - 0", &[]),
        ("vault-forbidden", "30 0 - 20 - 0", &[]),
        ("throttled", "21 0 - 20 - 0", &[]),
        ("slow-propagation", "10 0 - 20 - 0", &["not-proven"]),
        ("day-cache", "20 - 0 - 0 0", &[]),
        ("vault-edited", "20 - 30 0 0 20 - 0 -", &["abandoned"]),
        ("second-agent", "10 0 - 20 - 0", &["another-run"]),
        ("leaked-key", "0 0 0", &[]),
    ];
    assert!(expected.iter().map(|(name, _, _)| name).eq(built_in().iter().map(|(name, _)| name)));
    for (name, commands, why) in expected {
        let played = rehearsed(name);
        assert_eq!((exits(&played).as_str(), reasons(&played).as_slice()), (commands, why), "{name}");
        assert_eq!((&played.debrief.differs, played.debrief.exit), (&Vec::new(), 0), "{name}\n{}", played.all_text());
        assert!(!played.debrief.lessons.is_empty() && !played.debrief.went_wrong.is_empty(), "{name}");
        for report in &played.debrief.reports {
            assert!(std::fs::read_to_string(report).unwrap().contains("SANDBOX"), "{report}");
        }
        holds_no_secret(name, &played);
        match name {
            "expired" => is_out_until_it_reads_the_repaired_vault(&played),
            "second-agent" => the_other_agent_is_heard_of(&played),
            _ => {}
        }
    }
}

/// No value is in what is said, in a journal or in a report.
fn holds_no_secret(name: &str, played: &Played) {
    let (mut text, mut files) = (played.all_text(), 0);
    let mut folders = vec![played.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap());
                files += 1;
            }
        }
    }
    assert!(files >= 2, "a journal and a report");
    // every secret of the sandbox has this in its fourth to ninth place
    assert!(!text.contains("8Q~sbx"), "{name}");
}

/// The secret is dead before anybody comes: billing is out from 02:00 until it reads the vault after the repair, which is
/// published between 02:06 and 02:10. It reads every five minutes, at 02:10 next.
fn is_out_until_it_reads_the_repaired_vault(played: &Played) {
    let billing = &played.debrief.consumers[0];
    assert_eq!((billing.outages.len(), billing.outage_seconds, played.debrief.outage_seconds), (1, 600, 600));
    // every 30 seconds from 02:00:00 to 02:09:30
    assert_eq!(billing.failed, 20);
}

fn the_other_agent_is_heard_of(played: &Played) {
    let told =
        |(_, voice, text): &&(_, Voice, String)| *voice == Voice::World && text.starts_with("the other agent's pipeline:");
    let heard = played.heard.iter().find(told).unwrap();
    assert!(heard.2.contains("Rolled back"), "{}", heard.2);
}

#[test]
fn the_same_drill_goes_the_same_way() {
    let (one, two) = (rehearsed("killed-after-add"), rehearsed("killed-after-add"));
    let without_folder = |p: &Played| p.all_text().replace(&p.folder.path().display().to_string(), "");
    assert_eq!(without_folder(&one), without_folder(&two));
}
