//! The clouds, and their endpoints in one table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::custom_cloud::{self, CUSTOM, CustomCloud};
use super::names::{Form, not_one_of};
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;

/// Where tenant and vaults live. Tokens of one cloud are worthless in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// `sandbox`: the embedded one, on loopback, with no secret of worth.
    Sandbox,
    /// `public`: the global cloud; GCC uses it too.
    Public,
    /// `us-gov-l4`: US Government L4 (GCC High).
    UsGovL4,
    /// `us-gov-l5`: US Government L5 (DoD).
    UsGovL5,
    /// `china`: operated by 21Vianet.
    China,
    /// `custom`: endpoints that the table `[custom]` gives.
    Custom(CustomCloud),
}

/// What tells the services of a cloud: from these follow the scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints<'a> {
    /// The authority without a path, such as `https://login.microsoftonline.com`.
    pub authority: &'a str,
    /// The root of Microsoft Graph without a path, such as `https://graph.microsoft.com`.
    pub graph: &'a str,
    /// What follows a vault's name and a dot in its host name.
    pub vault_suffix: &'a str,
}

impl Cloud {
    /// Those with endpoints of their own, in the order in which messages list them.
    pub const NAMED: [Cloud; 5] = [Cloud::Sandbox, Cloud::Public, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China];

    /// As it is written in a runbook.
    pub fn as_str(&self) -> &'static str {
        match self {
            Cloud::Sandbox => "sandbox",
            Cloud::Public => "public",
            Cloud::UsGovL4 => "us-gov-l4",
            Cloud::UsGovL5 => "us-gov-l5",
            Cloud::China => "china",
            Cloud::Custom(_) => CUSTOM,
        }
    }

    /// Where its services are. Sources: learn.microsoft.com/graph/deployments,
    /// learn.microsoft.com/entra/identity-platform/authentication-national-cloud, and the Azure SDKs' environments. China's
    /// authority has a second name, login.partner.microsoftonline.cn; Graph's page and the SDKs use the first.
    pub fn endpoints(&self) -> Endpoints<'_> {
        let (authority, graph, vault_suffix) = match self {
            Cloud::Sandbox => {
                ("https://login.sandbox.localhost", "https://graph.sandbox.localhost", "vault.sandbox.localhost")
            }
            Cloud::Public => ("https://login.microsoftonline.com", "https://graph.microsoft.com", "vault.azure.net"),
            Cloud::UsGovL4 => ("https://login.microsoftonline.us", "https://graph.microsoft.us", "vault.usgovcloudapi.net"),
            Cloud::UsGovL5 => {
                ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "vault.usgovcloudapi.net")
            }
            Cloud::China => ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", "vault.azure.cn"),
            Cloud::Custom(custom) => (custom.authority.as_str(), custom.graph.as_str(), custom.vault_suffix.as_str()),
        };
        Endpoints { authority, graph, vault_suffix }
    }

    /// Whether a mistake here costs nothing: short waits are lawful.
    pub fn is_sandbox(&self) -> bool {
        *self == Cloud::Sandbox
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `cloud` as it is written: one that is named, or the word that sends the reader to the table.
enum Word {
    Named(Cloud),
    Custom,
}

impl Form for Word {
    const NAME: &'static str = "the name of a cloud";
    const EXAMPLE: &'static str = "public";
}

impl FromStr for Word {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        if s == CUSTOM {
            return Ok(Word::Custom);
        }
        let lawful: Vec<&str> = Cloud::NAMED.iter().map(Cloud::as_str).chain([CUSTOM]).collect();
        let found = Cloud::NAMED.into_iter().find(|c| c.as_str() == s);
        found.map(Word::Named).ok_or_else(|| not_one_of("a cloud that keyrelay knows", &lawful))
    }
}

/// `cloud`, and the table `[custom]` that goes with `custom` and with nothing else.
pub(super) fn read(top: &Table<'_>, p: &mut Problems<'_>) -> Checked<Cloud> {
    let word = top.required::<Word>("cloud", p);
    let table = top.optional_table(CUSTOM, p)?;
    match (word?, table) {
        (Word::Named(cloud), None) => Ok(cloud),
        (Word::Named(cloud), Some(_)) => {
            let what = format!("is for a cloud that keyrelay does not know, and `cloud` is \"{cloud}\"");
            Err(top.wrong(CUSTOM, Wrong::new(what, "Write cloud = \"custom\", or take the table out"), p))
        }
        (Word::Custom, None) => {
            let instead = "Add a table [custom] with `authority`, `graph`, `vault_suffix` and, if need be, `ca_file`";
            Err(top.wrong("cloud", Wrong::new("is \"custom\", and there is no table [custom]", instead), p))
        }
        (Word::Custom, Some(t)) => custom_cloud::read(&t, p).map(Cloud::Custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_keeps_a_custom_cloud_whole() {
        let custom = CustomCloud {
            authority: "https://login.contoso.example".parse().unwrap(),
            graph: "https://graph.contoso.example".parse().unwrap(),
            vault_suffix: "vault.contoso.example".parse().unwrap(),
            ca_file: Some("/etc/ca.pem".into()),
        };
        let cloud = Cloud::Custom(custom);
        let json = serde_json::to_string(&cloud).unwrap();
        let written = r#"{"custom":{"authority":"https://login.contoso.example","graph":"https://graph.contoso.example","#;
        assert!(json.starts_with(written), "{json}");
        assert_eq!(serde_json::from_str::<Cloud>(&json).unwrap(), cloud);
        assert_eq!(serde_json::from_str::<Cloud>("\"us-gov-l4\"").unwrap(), Cloud::UsGovL4);
        assert!(serde_json::from_str::<Cloud>(&json.replace("https://login", "http://login")).is_err());
    }

    const TABLE: &str = "[custom]\nauthority = 'https://login.contoso.example'\ngraph = 'https://graph.contoso.example'\n\
                          vault_suffix = 'vault.contoso.example'\nca_file = '/etc/ca.pem'\n";

    /// A runbook of this cloud, vault and table; what is wrong with it, or the cloud.
    fn read(cloud: &str, vault: &str, table: &str) -> Result<Cloud, String> {
        let toml = format!(
            "cloud = '{cloud}'\ntenant = 'contoso.example'\nclient_id = '11111111-2222-3333-4444-555555555555'\nowner = 'a'\n\
             contact = 'b'\nvault = [{{ url = 'https://{vault}', secret = 's' }}]\n{table}\n"
        );
        match super::super::Runbook::parse(toml.as_bytes(), "r.toml") {
            Ok(runbook) => Ok(runbook.cloud),
            Err(e) => Err(e.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn a_custom_cloud_has_a_table_and_no_other_cloud_has_one() {
        let cloud = read("custom", "kv.vault.contoso.example", TABLE).unwrap();
        let endpoints = Endpoints {
            authority: "https://login.contoso.example",
            graph: "https://graph.contoso.example",
            vault_suffix: "vault.contoso.example",
        };
        assert_eq!((cloud.endpoints(), cloud.as_str(), cloud.is_sandbox()), (endpoints, "custom", false));
        let cases = [
            ("custom", "kv.vault.azure.net", TABLE.to_owned(), "`vault[1].url` is not a vault of the cloud \"custom\"."),
            ("public", "kv.vault.contoso.example", String::new(), "`vault[1].url` is not a vault of the cloud \"public\"."),
            ("public", "kv.vault.azure.net", TABLE.to_owned(), "`custom` is for a cloud that keyrelay does not know"),
            ("custom", "kv.vault.azure.net", String::new(), "`cloud` is \"custom\", and there is no table [custom]."),
            ("customs", "kv.vault.azure.net", String::new(), "`cloud` is not a cloud that keyrelay knows."),
            (
                "custom",
                "kv.vault.contoso.example",
                TABLE.replace("https://login", "http://login"),
                "`custom.authority` is not https.",
            ),
            ("custom", "kv.vault.contoso.example", TABLE.replace("graph =", "grap ="), "`custom.graph` is missing."),
            (
                "custom",
                "kv.vault.contoso.example",
                TABLE.replace("/etc/", "etc/"),
                "`custom.ca_file` is not an absolute path.",
            ),
            ("custom", "kv.vault.contoso.example", format!("{TABLE}port = 1"), "`custom.port` is not a field"),
        ];
        for (cloud, vault, table, says) in cases {
            let said = read(cloud, vault, &table).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
    }
}
