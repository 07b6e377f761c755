//! `leak identify` and `leak who` as they are typed.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{NewPassword, PrincipalRef, Range, Resource, Role, SignInRecord, SignInSeries};
use serde_json::Value as Json;

use crate::binary::scene::{APP, CLIENT, EAST};
use crate::binary::{Book, Home, Ran, Scene, exit, private_file};
use crate::identify::text;

/// A living secret in a vault, another that is in none, and both of them used by others.
fn scene() -> (Scene, NewPassword, NewPassword) {
    let mut scene = Scene::living(&[]);
    let (served, spare) = (scene.add("served", None), scene.add("spare", None));
    scene.publish(EAST, &served.value);
    let first = |address: &str| SignInRecord {
        at: Timestamp::now() - SignedDuration::from_hours(10),
        client_id: CLIENT,
        key_id: Some(served.key_id),
        resource: Some(Resource::Vault),
        address: address.parse().unwrap(),
        correlation_id: None,
        error: 0,
    };
    let mut stage = scene.cloud.stage();
    stage.sign_in_delay(Some(Range { from_ms: 0, to_ms: 0 }));
    for (address, count) in [("203.0.113.7", 3), ("10.1.2.3", 40), ("2001:db8::9", 2)] {
        stage.sign_ins(SignInSeries { first: first(address), every: SignedDuration::from_secs(60), count });
    }
    stage.grant(CLIENT, Role::MailReadWrite).unwrap();
    assert!(scene.cloud.principal(PrincipalRef::Client(CLIENT)).is_ok() && scene.cloud.application(APP).is_ok());
    (scene, served, spare)
}

fn identify(home: &Home, input: &str, args: &[&str]) -> Ran {
    let file = home.path().join("value");
    private_file(&file, input.as_bytes());
    let mut command = home.command(args);
    command.stdin(fs::File::open(&file).unwrap());
    let ran = home.spawn(command).ended();
    fs::remove_file(file).unwrap();
    ran
}

fn json(ran: &Ran) -> Json {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))
}

/// Fails if a file of the home holds eight characters of the value in a row. The sandbox has its state.
fn nowhere(home: &Home, value: &str) {
    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }
    let mut all = Vec::new();
    files(home.path(), &mut all);
    assert!(all.len() > 3);
    for file in all.into_iter().filter(|f| !f.ends_with("state.json")) {
        let bytes = fs::read(&file).unwrap();
        for part in value.as_bytes().windows(8) {
            assert!(!bytes.windows(8).any(|w| w == part), "{} holds it", file.display());
        }
    }
}

#[test]
fn a_leaked_value_is_identified_and_kept_nowhere() {
    let (scene, served, spare) = scene();
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    for (password, next) in [(&served, "rotate --emergency"), (&spare, "revoke")] {
        let value = text(&password.value);
        let ran = identify(&home, &format!(" {value}\n"), &["leak", "identify", &book, "--json"]).exits(exit::DONE);
        let told = json(&ran);
        let key = password.key_id.to_string();
        assert_eq!(
            (&told["schema"], &told["state"], &told["key_id"]),
            (&"keyrelay.leak/1".into(), &"alive".into(), &key.clone().into())
        );
        assert_eq!(told["next"][0], format!("keyrelay {next} {book} --key-id {key}"));
        assert_eq!(told["cut_off"], serde_json::json!(["a newline at the end", "blanks around it"]));
        assert!(ran.stderr.contains("ALIVE") && ran.stderr.contains("kept nowhere"), "{ran:#?}");
        nowhere(&home, &value);
    }
    let ran = identify(&home, "Zzz8Q~sbx0123456789012345678901234567890", &["leak", "identify", &book]).exits(exit::REFUSED);
    assert!(ran.stderr.contains("not a secret of this application now"), "{ran:#?}");
    let ran = identify(&home, &format!("{}\n", served.key_id), &["leak", "identify", &book]).exits(exit::DONE);
    assert!(ran.stderr.contains("not a value: it is the key ID"), "{ran:#?}");
    for (input, says) in [("", "no value was given"), ("two words", "one word"), (&"x".repeat(5000), "longer")] {
        let ran = identify(&home, input, &["leak", "identify", &book]).exits(exit::USAGE);
        assert!(ran.stderr.contains(says) && ran.stderr.contains("next: "), "{ran:#?}");
    }
}

#[test]
fn among_the_runbooks_of_a_folder_the_application_is_found() {
    use keyrelay::sandbox::cloud::{AppRef, ApplicationSpec, PasswordSpec};
    let (mut scene, ..) = scene();
    let other = uuid::Uuid::from_u128(0xc11e_0000_0000_4000_8000_0000_0000_0002);
    let spec = ApplicationSpec { client_id: Some(other), display_name: "other".into(), ..ApplicationSpec::default() };
    scene.cloud.create_application(scene.then, spec);
    let leaked = scene.cloud.stage().password(scene.then, AppRef::Client(other), PasswordSpec::default()).unwrap();
    let home = Home::with(&scene);
    let book = home.runbook(&Book::one());
    let folder = home.path().join("runbooks");
    fs::create_dir(&folder).unwrap();
    let of_other = Book { name: "runbooks/other", ..Book::one() }.text().replace(&CLIENT.to_string(), &other.to_string());
    fs::write(folder.join("other.md"), &of_other).unwrap();
    fs::write(folder.join("README.md"), "# No runbook\n").unwrap();
    fs::write(folder.join("elsewhere.md"), of_other.replace("cloud = \"sandbox\"", "cloud = \"public\"")).unwrap();
    let value = text(&leaked.value);
    let folder = folder.display().to_string();
    let ran = identify(&home, &value, &["leak", "identify", &book, "--search", &folder, "--json"]).exits(exit::DONE);
    let told = json(&ran);
    assert_eq!((&told["another_application"], &told["application"]["client_id"]), (&true.into(), &other.to_string().into()));
    assert_eq!(told["key_id"], leaked.key_id.to_string());
    assert!(ran.stderr.contains("ANOTHER APPLICATION'S"), "{ran:#?}");
    let passed_over = told["not_asked"].to_string();
    assert!(passed_over.contains("README.md") && passed_over.contains("elsewhere.md"), "{passed_over}");
    nowhere(&home, &value);
}

#[test]
fn who_has_used_it_and_what_they_could_do() {
    let (scene, served, _) = scene();
    let home = Home::with(&scene);
    let fields = "expected_networks = [\"10.0.0.0/8\", \"2001:db8::/32\"]";
    let book = home.runbook(&Book { fields, ..Book::one() });
    // what we do ourselves is left out
    identify(&home, &text(&served.value), &["leak", "identify", &book]).exits(exit::DONE);
    let (key, day) = (served.key_id.to_string(), Timestamp::now() - SignedDuration::from_hours(24));
    let day = day.to_string();
    let ran = home.run(&["leak", "who", &book, "--key-id", &key, "--since", &day, "--json"]).exits(exit::DONE);
    let told = json(&ran);
    let sign_ins = &told["sign_ins"];
    assert_eq!(told["schema"], "keyrelay.leak-who/1");
    assert_eq!((&sign_ins["known"], &sign_ins["total"], &sign_ins["expected"]), (&true.into(), &45.into(), &42.into()));
    assert_eq!(sign_ins["own"], 1);
    let unexpected = sign_ins["unexpected"].as_array().unwrap();
    assert_eq!(unexpected.len(), 1);
    let one = &unexpected[0];
    assert_eq!(
        (&one["address"], &one["count"], &one["resource"]),
        (&"203.0.113.7".into(), &3.into(), &"Azure Key Vault".into())
    );
    assert_eq!(
        (&told["permissions"][0]["name"], &told["permissions"][0]["risk"]),
        (&"Mail.ReadWrite".into(), &"everybody".into())
    );
    assert!(ran.stderr.contains("UNEXPECTED 203.0.113.7") && ran.stderr.contains("EVERYBODY'S DATA"), "{ran:#?}");
    // of the last minutes nothing can be known
    let now = (Timestamp::now() - SignedDuration::from_secs(60)).to_string();
    let ran = home.run(&["leak", "who", &book, "--key-id", &key, "--since", &now, "--json"]).exits(exit::REFUSED);
    assert_eq!(json(&ran)["sign_ins"]["why"], "log-delay");
    let future = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
    let ran = home.run(&["leak", "who", &book, "--key-id", &key, "--since", &future]).exits(exit::USAGE);
    assert!(ran.stderr.contains("in the future"), "{ran:#?}");
    let ran = home.run(&["leak", "who", &book, "--key-id", &key, "--since", "2026-11-20T08:00:00"]).exits(exit::USAGE);
    assert!(ran.stderr.contains("no zone"), "{ran:#?}");
}
