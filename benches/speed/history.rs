//! A folder of finished runs.

use std::path::Path;

use keyrelay::journal::{self, Folder, Journal};
use keyrelay::rotation::names::RunId;
use keyrelay::run::Record;

use super::{KEYRELAY, RUNBOOK, process};

/// One run is real; the others are its records under other ids, written by the journal's own code.
pub(crate) fn finished_runs(home: &Path, count: usize) {
    let runbook = home.join("runbook.toml");
    std::fs::write(&runbook, RUNBOOK).unwrap();
    let environment = [
        ("KEYRELAY_STATE_DIR", home.to_owned()),
        ("KEYRELAY_SANDBOX_IDLE", "2s".into()),
        ("KEYRELAY_SANDBOX_PROFILE", "instant".into()),
    ];
    process::run(KEYRELAY.as_ref(), &["rotate".into(), runbook.into(), "--wait".into()], &environment);
    let folder = Folder::new(home.join("journals"));
    let first = journal::list(&folder).unwrap().into_iter().find_map(|l| match l {
        journal::Listed::Run(run) => Some(run),
        journal::Listed::Foreign(_) => None,
    });
    let first = first.unwrap();
    let records = journal::read_only::<Record>(&folder, &first).unwrap().records;
    let start = records[0].at.unwrap();
    for n in 1..count {
        let run = RunId::new(start, u32::try_from(n).unwrap());
        let renamed = |event: &Record| -> Record {
            let text = serde_json::to_string(event).unwrap().replace(&first.to_string(), &run.to_string());
            serde_json::from_str(&text).unwrap()
        };
        let begin = renamed(&records[0].event);
        let mut journal = Journal::create_in(&folder, Some("sandbox"), &run, &begin, records[0].at, start).unwrap();
        for record in &records[1..] {
            journal.append(record.at, start, &renamed(&record.event)).unwrap();
        }
    }
}
