//! `sandbox az`: the lines that point an Azure CLI at a sandbox, for `eval`.

use std::path::Path;

use serde_json::json;

use super::super::context::Context;
use super::super::output::Done;
use super::find::{Which, one};
use crate::error::{Error, exit};
use crate::sandbox::Endpoint;

/// What the Azure CLI is to call it.
const CLOUD: &str = "keyrelay-sandbox";

pub(super) async fn az(context: &Context, which: &Which) -> Result<Done, Error> {
    let endpoint = one(context, which).await?;
    let lines = lines(&endpoint);
    let json = json!({ "schema": "keyrelay.sandbox.az/1", "lines": lines, "exit": exit::DONE });
    let stdout = (!context.global.json).then(|| lines.iter().map(|l| format!("{l}\n")).collect());
    Ok(Done { exit: exit::DONE, lines: Vec::new(), json, stdout })
}

/// A folder of its own: the Azure CLI's cache of tokens knows a host without its port, so what another sandbox gave out would be
/// used here. Discovery of instances asks login.microsoftonline.com, which is not what is meant.
fn lines(endpoint: &Endpoint) -> Vec<String> {
    let base = format!("https://{}", endpoint.address);
    let suffix = format!(".0.0.1:{}", endpoint.address.port());
    let (client, tenant) = (endpoint.operator_client_id, endpoint.tenant);
    let (ca, secret) = (quoted(&endpoint.ca_file), quoted(&endpoint.operator_secret_file));
    vec![
        "# the vault is `--vault-name 127`: its address is 127 and the suffix".to_owned(),
        "export AZURE_CONFIG_DIR=\"$(mktemp -d)\"".to_owned(),
        format!("export REQUESTS_CA_BUNDLE={ca}"),
        "export AZURE_CORE_INSTANCE_DISCOVERY=false AZURE_CORE_COLLECT_TELEMETRY=no AZURE_CORE_ONLY_SHOW_ERRORS=yes"
            .to_owned(),
        format!(
            "az cloud register --name {CLOUD} --skip-endpoint-discovery --endpoint-active-directory {base} \
             --endpoint-active-directory-resource-id https://management.core.windows.net/ \
             --endpoint-active-directory-graph-resource-id {base}/ --endpoint-microsoft-graph-resource-id {base}/ \
             --endpoint-resource-manager {base} --suffix-keyvault-dns {suffix}"
        ),
        format!("az cloud set --name {CLOUD}"),
        format!(
            "az login --service-principal --username {client} --password=\"$(cat {secret})\" --tenant {tenant} \
             --allow-no-subscriptions --output none"
        ),
    ]
}

/// As one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/it's.pem")), "'/a b/it'\\''s.pem'");
        assert_eq!(quoted(Path::new("/$(x)/`y`")), "'/$(x)/`y`'");
    }
}
