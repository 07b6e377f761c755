//! `keyrelay diagnose`, as it is typed.

use serde_json::Value;

use crate::binary::scene::{CLIENT, EAST};
use crate::binary::{Book, Home, Scene, exit, truth};

#[test]
fn it_exits_with_0_if_the_application_signs_in() {
    let home = Home::with(&Scene::living(&[EAST]));
    let book = home.runbook(&Book::one());
    home.run(&["diagnose", &book]).exits(exit::DONE);
    let cloud = home.cloud();
    let ran = home.run(&["diagnose", &book, "--json"]).exits(exit::DONE);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["schema"], &told["verdict"]), (&"keyrelay.diagnose/1".into(), &"signs_in".into()));
    assert_eq!(told["findings"][0]["name"], "signs-in");
    assert_eq!((&told["vaults"][0]["vault"], &told["vaults"][0]["says"]), (&EAST.into(), &"accepted".into()));
    assert!(truth::same(&cloud, &home.cloud()), "diagnose changed something");
    assert!(home.runs().is_empty());
}

#[test]
fn it_exits_with_50_if_not_and_says_why() {
    let home = Home::with(&Scene::expired(&[EAST]));
    let book = home.runbook(&Book::one());
    let ran = home.run(&["diagnose", &book, "--json"]).exits(exit::REFUSED);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["exit"], &told["verdict"]), (&50.into(), &"fails".into()));
    assert_eq!(told["findings"][0]["name"], "secret-expired");
    assert!(ran.stderr.contains(&format!("`keyrelay rotate {book}`")), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("application suite ({CLIENT})")), "{}", ran.stderr);
    // the mend mends
    home.run(&["rotate", &book, "--wait"]).exits(exit::DONE);
    home.run(&["diagnose", &book]).exits(exit::DONE);
}
