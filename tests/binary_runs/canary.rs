//! The leak hunt over all that the shipped binary prints and leaves behind: no secret, nor eight bytes of one, in any encoding.

use crate::binary::hunt::IN_A_ROW;
use crate::binary::leaks::{self, Needles};
use crate::binary::scene::EAST;
use crate::binary::{Book, Home, Ran, Running, Scene, exit};

/// As noisy as it can be.
fn noisy(home: &Home, place: Option<&str>, args: &[&str]) -> Result<Running, Ran> {
    let mut command = home.command(&[args, &["--log-format", "json"]].concat());
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    match place {
        Some(place) => home.until_in(command, place),
        None => Ok(home.spawn(command)),
    }
}

#[track_caller]
fn run(home: &Home, args: &[&str]) -> Ran {
    noisy(home, None, args).unwrap().ended()
}

/// Everything that can be asked about a run is asked, then the home is searched.
#[track_caller]
fn nothing_leaked(home: &Home) {
    let run_id = home.the_run().start.plan.run.to_string();
    for args in [
        vec!["status"],
        vec!["status", "--json"],
        vec!["status", &run_id, "--json"],
        vec!["resume", &run_id, "--json"],
        vec!["journal", "verify", "--json"],
        vec!["evidence", &run_id, "--format", "md"],
        vec!["evidence", &run_id, "--format", "json"],
        vec!["sandbox", "status", "--json"],
    ] {
        run(home, &args).exits(exit::DONE);
    }
    let told = |f: &std::path::PathBuf| {
        f.starts_with(home.path().join("out")) && std::fs::read_to_string(f).unwrap().contains(&run_id)
    };
    assert!(leaks::files(home).iter().any(told), "what was printed is among the files");
    let secrets = leaks::secrets(home);
    assert!(secrets.len() >= 3, "the operator's, the old one and the new one at least");
    leaks::nothing_leaked(home);
}

#[test]
fn a_completed_run_leaks_nothing() {
    let home = Home::with(&Scene::living(&[EAST]));
    run(&home, &["rotate", &home.runbook(&Book::one()), "--wait", "--json"]).exits(exit::DONE);
    nothing_leaked(&home);
}

#[test]
fn a_killed_run_leaks_nothing_and_shows_nothing_to_others_while_it_lives() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book::one());
    // here the new value is in its memory
    let running = noisy(&home, Some("waiting:proof"), &["rotate", &book, "--wait"]).unwrap();
    let needles = Needles::of(&leaks::secrets(&home));
    if cfg!(target_os = "linux") {
        for what in ["cmdline", "environ"] {
            let shown = match std::fs::read(format!("/proc/{}/{what}", running.id())) {
                Err(e) if what == "environ" && e.kind() == std::io::ErrorKind::PermissionDenied => continue, // better still
                shown => shown.unwrap(),
            };
            assert!(shown.len() > IN_A_ROW, "{what} was read");
            assert_eq!(needles.find(&shown), None, "{what}");
        }
    }
    running.kill();
    noisy(&home, Some("after-request:write-vault"), &["resume", "--wait"]).unwrap().kill();
    run(&home, &["resume", "--wait", "--json"]).exits(exit::DONE);
    nothing_leaked(&home);
}

#[test]
fn a_rolled_back_run_leaks_nothing() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book::one());
    run(&home, &["rotate", &book, "--no-wait", "--json"]).exits(exit::WAITING);
    run(&home, &["rollback", &book, "--wait", "--json"]).exits(exit::ROLLED_BACK);
    nothing_leaked(&home);
}

#[test]
fn a_refusal_leaks_nothing() {
    let mut scene = Scene::living(&[EAST]);
    // the vault serves what is no credential of the application, and looks like one
    let value = serde_json::from_value(serde_json::json!("kP38Q~x\"Vq\\9z/Wm2+Lr7=Td5")).unwrap();
    scene.publish(EAST, &value);
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    run(&home, &["rotate", &book, "--old-key", "00000000-0000-4000-8000-000000000000"]).exits(exit::REFUSED);
    run(&home, &["rotate", &book, "--no-wait"]).exits(exit::WAITING);
    run(&home, &["rollback", &book]).exits(exit::REFUSED);
    leaks::nothing_leaked(&home);
}

/// What is to be found is written down here by hand: the hunt must not be believed for its own forms.
#[test]
fn a_planted_leak_of_each_form_is_found() {
    let home = Home::with(&Scene::living(&[EAST]));
    let secret = "Zq38Q~sbxK.v_-7~tRw\"e\\".to_owned();
    let needles = Needles::of([&secret]);
    let planted = home.path().join("planted");
    let cases = [
        ("raw", "8Q~sbxK.".to_owned()),
        ("the end of it", "tRw\"e\\".chars().fold("7~".to_owned(), |s, c| format!("{s}{c}"))),
        ("within other text", "secret=Zq38Q~sbxK.v_-7~tRw; path=/".to_owned()),
        ("JSON", r#"{"v":"7~tRw\"e\\"}"#.to_owned()),
        ("JSON, all escaped", r"\u0038\u0051\u007e\u0073\u0062\u0078\u004b\u002e".to_owned()),
        ("percent", "%38%51%7E%73%62%78%4B%2E".to_owned()),
        ("percent, lower case", "%38%51%7e%73%62%78%4b%2e".to_owned()),
        ("form", "client_secret=Zq38Q%7EsbxK&grant_type=x".to_owned()),
        ("hex", "38517e7362784b2e".to_owned()),
        ("hex, upper case", "38517E7362784B2E".to_owned()),
        ("reversed", ".Kxbs~Q8".to_owned()),
        // printf '%s' 'Zq38Q~sbxK.v' | base64, and with one and two bytes before it
        ("base64", "WnEzOFF+c2J4Sy52".to_owned()),
        ("base64, second alignment", "eFpxMzhRfnNieEsudg==".to_owned()),
        ("base64, third alignment", "eHhacTM4UX5zYnhLLnY=".to_owned()),
        ("base64, URL alphabet", "WnEzOFF-c2J4Sy52".to_owned()),
        ("UTF-16", "8\0Q\0~\0s\0b\0x\0K\0.\0".to_owned()),
        ("UTF-16, big end first", "\x008\0Q\0~\0s\0b\0x\0K\0.".to_owned()),
        // only the eight bytes from the second on: the letters that hold bits of nothing else
        ("base64 of a part", "EzOFF+c2J4".to_owned()),
    ];
    for (name, text) in cases {
        std::fs::write(&planted, format!("before {text} after")).unwrap();
        assert_eq!(leaks::hunt(&home, &needles).len(), 1, "{name}");
    }
    for start in 0..=secret.len() - IN_A_ROW {
        std::fs::write(&planted, &secret[start..start + IN_A_ROW]).unwrap();
        assert_eq!(leaks::hunt(&home, &needles).len(), 1, "from byte {start}");
        std::fs::write(&planted, &secret[start..start + IN_A_ROW - 1]).unwrap();
        assert!(leaks::hunt(&home, &needles).is_empty(), "seven bytes are not a leak by this measure");
    }
    for (hint, text) in [(true, r#"{"a":["Zq3"]}"#), (true, r#"Some("Zq3")"#), (false, r#"{"a":"Zq38","b":"q38"} Zq3"#)] {
        assert_eq!(needles.find_hint(text.as_bytes()).is_some(), hint, "{text}");
    }
}

/// The same hunt over the sandbox's own disk finds what is there: the forms and the files are looked at.
#[test]
fn the_cloud_knows_its_secrets() {
    let home = Home::with(&Scene::living(&[EAST]));
    let needles = Needles::of(&leaks::secrets(&home));
    assert!(needles.find(&home.cloud_bytes()).is_some());
    std::fs::copy(home.state().join("sandbox/state.json"), home.state().join("state.json")).unwrap();
    assert_eq!(leaks::hunt(&home, &needles).len(), 1);
}
