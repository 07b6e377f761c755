//! The same five steps as a script that somebody might write in an afternoon.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyrelay::sandbox::Endpoint;

use super::process::{self, Costs};

/// Runs the script, in a virtual environment of its own with `httpx` from PyPI; says why if that cannot be had.
pub(crate) async fn run(endpoint: Endpoint, times: usize) -> Result<Costs, String> {
    tokio::task::spawn_blocking(move || {
        let python = python()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed/five_steps.py");
        let environment = [
            ("SANDBOX_PORT", PathBuf::from(endpoint.address.port().to_string())),
            ("SANDBOX_CA", endpoint.ca_file.clone()),
            ("SANDBOX_TENANT", PathBuf::from(endpoint.tenant.to_string())),
            ("SANDBOX_OPERATOR", PathBuf::from(endpoint.operator_client_id.to_string())),
            ("SANDBOX_OPERATOR_SECRET_FILE", endpoint.operator_secret_file.clone()),
        ];
        let one = || process::run(python.as_os_str(), &[script.clone().into()], &environment);
        one(); // compiles the modules, not counted
        let before = process::children();
        Ok(Costs::of((0..times).map(|_| one()).collect(), before))
    })
    .await
    .unwrap()
}

fn python() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed-python");
    let python = home.join("bin/python3");
    let has = |python: &Path| succeeds(Command::new(python).args(["-c", "import httpx"]));
    if has(&python) {
        return Ok(python);
    }
    if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&home)) {
        return Err("no python3 with venv here".to_owned());
    }
    let installed = succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", "httpx"]));
    if installed && has(&python) { Ok(python) } else { Err("httpx cannot be installed from PyPI here".to_owned()) }
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}
