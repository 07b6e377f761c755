//! One consumer of a sandbox runbook, asked once.
#![allow(dead_code)] // each suite uses its part

use keyrelay::consumers::{Reach, RunbookConsumers};
use keyrelay::ports::{ConsumerAnswer, Consumers, Told};
use keyrelay::runbook::Runbook;

pub(crate) const OLD: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const NEW: &str = "0e5b7c1d-93f4-4b0e-8f65-2a1c9d3e4f50";
pub(crate) const VERSION: &str = "9f86d081884c7d659a2feaa0c55ad015";
/// Not a secret of anything: the form of Entra's, 40 characters.
pub(crate) const SECRET: &str = "abc8Q~dEf0123456789.ghiJKL_mnopqrs-tuvwx";

/// A runbook whose one consumer has `action` as refresh and check.
pub(crate) fn runbook(action: &str) -> Runbook {
    let text = format!(
        r#"
cloud = "sandbox"
tenant = "5a9db0c5-0000-4000-8000-000000000001"
client_id = "00000000-0000-0000-0000-000000000a11"
owner = "You"
contact = "Nobody"
[[vault]]
url = "https://kv-0.vault.sandbox.localhost"
secret = "billing-api-client-secret"
[[consumer]]
name = "billing-api"
refresh = {action}
check = {action}
"#
    );
    Runbook::parse(text.as_bytes(), "test.toml").unwrap()
}

/// `sh -c script` as an action.
pub(crate) fn sh(script: &str, timeout: &str) -> String {
    let script = serde_json::to_string(script).unwrap(); // a JSON string is a TOML string
    format!("{{ command = [\"sh\", \"-c\", {script}], timeout = \"{timeout}\" }}")
}

pub(crate) fn told() -> Told {
    Told {
        run: "20261121t030000z-kbaa".into(),
        old_key_ids: vec![OLD.parse().unwrap()],
        new_key_id: Some(NEW.parse().unwrap()),
        vault_version: Some(VERSION.parse().unwrap()),
    }
}

pub(crate) fn wait_for<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

/// Asks the consumer, as a sandbox run does.
pub(crate) fn check(action: &str) -> ConsumerAnswer {
    check_telling(action, &told())
}

pub(crate) fn check_telling(action: &str, told: &Told) -> ConsumerAnswer {
    wait_for(RunbookConsumers::of(&runbook(action)).check(0, told))
}

/// Asks the consumer, as a run of a real cloud does.
pub(crate) fn check_anywhere(action: &str) -> ConsumerAnswer {
    wait_for(RunbookConsumers::new(runbook(action).consumers, Reach::Anywhere).check(0, &told()))
}
