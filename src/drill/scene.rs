//! What there is before a drill begins: an application with a secret, in its vaults.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use super::scenario::{Scenario, length};
use crate::error::Error;
use crate::runbook::{HumanDuration, Runbook};
use crate::sandbox::SandboxError;
use crate::sandbox::cloud::{
    AppRef, ApplicationSpec, Audience, Cloud, CloudError, NewPassword, PasswordSpec, Profile, Range, SecretWrite, Value,
};

/// How long before the drill the old secret was made.
const OLD: SignedDuration = SignedDuration::from_hours(24 * 170);

/// The cloud, and the secret that its vaults serve.
pub(super) fn cloud(scenario: &Scenario, runbook: &Runbook) -> Result<(Cloud, NewPassword), Error> {
    made(scenario, runbook).map_err(|e| SandboxError::Refused { why: e.message }.into())
}

fn made(scenario: &Scenario, runbook: &Runbook) -> Result<(Cloud, NewPassword), CloudError> {
    let begun = scenario.starts;
    let long_ago = begun.saturating_sub(OLD).unwrap_or(begun);
    let spec = &scenario.scene;
    let mut cloud = Cloud::new(spec.seed, profile(scenario), long_ago);
    let audience = if spec.two_at_most { Audience::OrgsAndPersonal } else { Audience::MyOrg };
    let client_id = runbook.client_id.get();
    let display_name = runbook.vaults.first().map_or("drill", |v| v.secret.as_str()).to_owned();
    let application = ApplicationSpec { client_id: Some(client_id), display_name, audience, ..ApplicationSpec::default() };
    cloud.create_application(long_ago, application);
    let app = AppRef::Client(client_id);
    let end = match (spec.old_secret_ends_in, spec.old_secret_ended) {
        (_, Some(ago)) => begun.saturating_sub(length(ago)),
        (ends, None) => begun.saturating_add(ends.map_or(SignedDuration::from_hours(24 * 10), length)),
    };
    let name = |name: String| PasswordSpec { display_name: Some(name), start: Some(long_ago), end: None };
    for n in 0..spec.others {
        cloud.stage().password(long_ago, app, name(format!("another team's {}", n.saturating_add(1))))?;
    }
    let old = PasswordSpec { end: Some(end.unwrap_or(begun)), ..name("made by hand".to_owned()) };
    let old = cloud.stage().password(long_ago, app, old)?;
    for vault in &runbook.vaults {
        cloud.create_vault(vault.url.host());
        cloud.set_secret(long_ago, vault.url.host(), vault.secret.as_str(), by_hand(old.value.clone()))?;
    }
    Ok((cloud, old))
}

/// A version as somebody sets it by hand.
pub(super) fn by_hand(value: Value) -> SecretWrite {
    SecretWrite { value, content_type: None, tags: BTreeMap::new(), enabled: true, not_before: None, expires: None }
}

fn profile(scenario: &Scenario) -> Profile {
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let range = |span: Option<[HumanDuration; 2]>, from_ms, to_ms| match span {
        Some([from, to]) => Range { from_ms: millis(from.get()), to_ms: millis(to.get()) },
        None => Range { from_ms, to_ms },
    };
    let spec = &scenario.scene.propagation;
    Profile {
        appears: range(spec.appears, 4_000, 18_000),
        vanishes: range(spec.vanishes, 5_000, 60_000),
        lists: range(spec.lists, 0, 30_000),
        ..Profile::realistic()
    }
}
