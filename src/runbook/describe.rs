//! A runbook's fields as they hold, for people.

use super::{Cloud, DrainMode, Runbook};

pub(super) fn fields(r: &Runbook) -> Vec<(String, String)> {
    let scope = r.proof.scope.as_ref().map_or("Microsoft Graph of the cloud".to_owned(), ToString::to_string);
    let journal = r.journal.as_ref().map_or("the user's state folder".to_owned(), |j| j.display().to_string());
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: &dyn std::fmt::Display| fields.push((name.to_owned(), value.to_string()));
    say("cloud", &r.cloud);
    if let Cloud::Custom(custom) = &r.cloud {
        say("custom.authority", &custom.authority);
        say("custom.graph", &custom.graph);
        say("custom.vault_suffix", &custom.vault_suffix);
        let system = "those of the system".to_owned();
        say("custom.ca_file", &custom.ca_file.as_ref().map_or(system, |f| f.display().to_string()));
    }
    say("tenant", &r.tenant);
    say("client_id", &r.client_id);
    match &r.auth {
        None => say("auth", &"what the environment says"),
        Some(auth) => {
            say("auth.kind", &auth.kind);
            if let Some(tenant) = &auth.tenant {
                say("auth.tenant", tenant);
            }
            if let Some(client_id) = &auth.client_id {
                say("auth.client_id", client_id);
            }
        }
    }
    say("owner", &r.owner);
    say("contact", &r.contact);
    say("overlap", &r.overlap);
    say("settle", &r.settle);
    say("delete", &r.delete);
    say("release_within", &r.release_within);
    say("on_failure", &r.on_failure);
    say("attempts", &r.attempts);
    if !r.expected_networks.is_empty() {
        say("expected_networks", &r.expected_networks);
    }
    say("drain", &r.drain.mode);
    if r.drain.mode != DrainMode::Off {
        say("drain_log_delay", &r.drain.log_delay);
        say("drain_idle", &r.drain.idle);
        say("drain_within", &r.drain.within);
    }
    say("journal", &journal);
    say("secret.label", &r.secret.label);
    say("secret.lifetime", &r.secret.lifetime);
    say("proof.scope", &scope);
    say("proof.window", &r.proof.window);
    say("proof.spacing", &r.proof.spacing);
    say("proof.limit", &r.proof.limit);
    say("emergency.proof", &r.emergency.proof.unwrap_or(r.proof.window));
    say("emergency.dead_within", &r.emergency.dead_within);
    for (n, vault) in (1..).zip(&r.vaults) {
        say(&format!("vault[{n}].url"), &vault.url);
        say(&format!("vault[{n}].secret"), &vault.secret);
        if let Some(content_type) = &vault.content_type {
            say(&format!("vault[{n}].content_type"), content_type);
        }
        for (name, value) in &vault.tags {
            say(&format!("vault[{n}].tags.{name}"), value);
        }
    }
    for (n, consumer) in (1..).zip(&r.consumers) {
        say(&format!("consumer[{n}].name"), &consumer.name);
        if let Some(refresh) = &consumer.refresh {
            say(&format!("consumer[{n}].refresh"), refresh);
        }
        if let Some(check) = &consumer.check {
            say(&format!("consumer[{n}].check"), check);
        }
        say(&format!("consumer[{n}].cache"), &consumer.cache);
        say(&format!("consumer[{n}].within"), &consumer.within);
    }
    say("target", &r.target());
    say("sha256", &r.sha256);
    fields
}
