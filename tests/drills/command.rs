//! `keyrelay drill`, as it is typed.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

fn drill(folder: &std::path::Path, arguments: &[&str], typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrelay"));
    command.arg("--state-dir").arg(folder).arg("drill").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn object(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn a_script_is_typed_asked_for_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "# the dead process first\nresume\n\nwait\nresume\n").unwrap();
    let typed = "help\nkeyrelay resume\nwait\nresume\ndone\n";
    for (arguments, typed) in [
        (&["killed-after-add", "--json"][..], typed),
        (&["killed-after-add", "--rehearsed", "--json"], ""),
        (&["killed-after-add", "--json", "--script", script.to_str().unwrap()], ""),
    ] {
        let output = drill(folder.path(), arguments, typed);
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
        let told = object(&output);
        assert_eq!((&told["schema"], &told["as_rehearsed"]), (&"keyrelay.drill/1".into(), &true.into()));
        assert_eq!(told["runs"][0]["state"], "completed");
        let report = std::fs::read_to_string(told["reports"][0].as_str().unwrap()).unwrap();
        assert!(report.contains("SANDBOX"));
    }
    let ended = drill(folder.path(), &["killed-after-add"], "status\n");
    assert_eq!(ended.status.code(), Some(30));
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("DEBRIEF") && said.contains("What do you do?"), "{said}");
}

#[test]
fn scenarios_are_listed_and_unknown_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let listed = object(&drill(folder.path(), &["--list", "--json"], ""));
    assert_eq!(listed["scenarios"].as_array().unwrap().len(), 9);
    let unknown = drill(folder.path(), &["no-such"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("killed-after-add"));
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "title = 3").unwrap();
    assert_eq!(drill(folder.path(), &[file.to_str().unwrap()], "").status.code(), Some(2));
}
