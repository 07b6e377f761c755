//! The leak hunt in a home: in every file, in whatever was printed there too, and in the files' names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Home;
pub(crate) use super::hunt::{Needles, Searched, secrets_in};

/// Every secret that the sandbox holds.
pub fn secrets(home: &Home) -> BTreeSet<String> {
    secrets_in(&serde_json::from_slice(&home.cloud_bytes()).unwrap())
}

/// Every file below, but what is the sandbox's own disk: its state, the next one while it is written, and the operator's secret
/// that it leaves to its owner.
pub fn files(home: &Home) -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let mut all = Vec::new();
    walk(home.path(), &mut all);
    let clouds_own = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        path.parent() == Some(&home.state().join("sandbox"))
            && ["state.json", "state.new", "operator-secret"].iter().any(|own| name.starts_with(own))
    };
    all.retain(|path| !clouds_own(path));
    all
}

/// What was found in the home. Each find names the file, the form and the place.
pub(crate) fn hunt(home: &Home, needles: &Needles) -> Vec<String> {
    search(home, needles).0
}

fn search(home: &Home, needles: &Needles) -> (Vec<String>, Searched) {
    let (mut found, mut searched) = (Vec::new(), Searched::default());
    for path in files(home) {
        // a sandbox that ends meanwhile takes what is its own with it
        let Ok(bytes) = fs::read(&path) else { continue };
        let (name, place) = (path.as_os_str().as_encoded_bytes(), path.display().to_string());
        found.extend(needles.judge("a file's name", name, &mut searched));
        found.extend(needles.judge(&place, &bytes, &mut searched));
    }
    (found, searched)
}

/// Nothing in the home holds anything of a secret, whatever else has happened there. How much that is.
#[track_caller]
pub(crate) fn nothing_leaked(home: &Home) -> Searched {
    let secrets = secrets(home);
    assert!(!secrets.is_empty(), "there are secrets to look for");
    let (found, searched) = search(home, &Needles::of(&secrets));
    assert!(found.is_empty(), "{found:#?}");
    assert!(searched.bytes > 0, "something was searched");
    searched
}
