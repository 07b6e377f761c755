//! The clouds: their endpoints in one table, and what a runbook says of one that is not in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, as_text, host_name, not_one_of};
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

/// The `[custom]` table: a cloud that keyrelay's own table does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomCloud {
    /// `authority`: the sign-in service, such as `https://login.contoso.example`. Required.
    pub authority: EndpointUrl,
    /// `graph`: Microsoft Graph, such as `https://graph.contoso.example`. Required.
    pub graph: EndpointUrl,
    /// `vault_suffix`: what follows a vault's name and a dot in its host name, such as `vault.contoso.example`. Required.
    pub vault_suffix: HostSuffix,
    /// `ca_file`: a PEM file with the only certificate authorities that are trusted, as an absolute path. Default: those of
    /// the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
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

const CUSTOM: &str = "custom";

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
        (Word::Custom, Some(t)) => {
            t.only_fields_of(CUSTOM, p);
            let (authority, graph) = (t.required("authority", p), t.required("graph", p));
            let (vault_suffix, ca_file) = (t.required("vault_suffix", p), ca_file(&t, p));
            let custom =
                CustomCloud { authority: authority?, graph: graph?, vault_suffix: vault_suffix?, ca_file: ca_file? };
            Ok(Cloud::Custom(custom))
        }
    }
}

fn ca_file(t: &Table<'_>, p: &mut Problems<'_>) -> Checked<Option<PathBuf>> {
    let Some(text) = t.text("ca_file", p)? else { return Ok(None) };
    let path = PathBuf::from(text);
    if path.is_absolute() && !text.chars().any(char::is_control) {
        return Ok(Some(path));
    }
    let instead = "Write the whole path, such as \"/etc/ssl/contoso-ca.pem\": a run may be resumed from another folder";
    Err(t.wrong("ca_file", Wrong::new("is not an absolute path", instead), p))
}

/// The address of a service: `https://` and a host name, nothing else. The SDK drops a path silently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl(String);

/// What the host names of a cloud's vaults end with: a host name with a dot in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostSuffix(String);

as_text!(EndpointUrl HostSuffix);

impl EndpointUrl {
    /// The address, in lower case, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostSuffix {
    /// The suffix, in lower case, without a dot at its beginning.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Form for EndpointUrl {
    const NAME: &'static str = "the address of a service";
    const EXAMPLE: &'static str = "https://login.contoso.example";
}

impl Form for HostSuffix {
    const NAME: &'static str = "the end of the vaults' host names";
    const EXAMPLE: &'static str = "vault.contoso.example";
}

impl FromStr for EndpointUrl {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let lower = s.to_ascii_lowercase();
        let host = lower.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        if host.is_some_and(|h| h.contains('.') && host_name(h)) {
            return Ok(EndpointUrl(format!("https://{}", host.unwrap_or_default())));
        }
        let what = if lower.starts_with("http://") { "is not https" } else { "is not https:// and a host name" };
        Err(Wrong::new(what, format!("Write it without port, path or user, such as \"{}\"", Self::EXAMPLE)))
    }
}

impl FromStr for HostSuffix {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let lower = s.to_ascii_lowercase();
        let bare = lower.strip_prefix('.').unwrap_or(&lower);
        if bare.contains('.') && host_name(bare) {
            return Ok(HostSuffix(bare.to_owned()));
        }
        let instead = format!("Write it without https:// and without a vault's name, such as \"{}\"", Self::EXAMPLE);
        Err(Wrong::new("is not the end of a host name", instead))
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_https_and_a_host() {
        let url = |s: &str| s.parse::<EndpointUrl>().map(String::from).map_err(|w| w.what);
        assert_eq!(url("HTTPS://Login.Contoso.example/").as_deref(), Ok("https://login.contoso.example"));
        assert_eq!(url("http://login.contoso.example"), Err("is not https".to_owned()));
        for bad in
            ["https://", "https://a", "https://l.example:8443", "https://l.example/adfs", "https://me@l.example", "l.ex"]
        {
            assert_eq!(url(bad), Err("is not https:// and a host name".to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_suffix_is_the_end_of_a_host() {
        let suffix = |s: &str| s.parse::<HostSuffix>().map(String::from).ok();
        assert_eq!(suffix(".Vault.Contoso.example").as_deref(), Some("vault.contoso.example"));
        for bad in ["", ".", "example", "https://vault.example", "vault.example/", "*.vault.example", "..vault.example"] {
            assert_eq!(suffix(bad), None, "{bad}");
        }
    }

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

    const CUSTOM: &str = "[custom]\nauthority = 'https://login.contoso.example'\ngraph = 'https://graph.contoso.example'\n\
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
        let cloud = read("custom", "kv.vault.contoso.example", CUSTOM).unwrap();
        let endpoints = Endpoints {
            authority: "https://login.contoso.example",
            graph: "https://graph.contoso.example",
            vault_suffix: "vault.contoso.example",
        };
        assert_eq!((cloud.endpoints(), cloud.as_str(), cloud.is_sandbox()), (endpoints, "custom", false));
        let cases = [
            ("custom", "kv.vault.azure.net", CUSTOM.to_owned(), "`vault[1].url` is not a vault of the cloud \"custom\"."),
            ("public", "kv.vault.contoso.example", String::new(), "`vault[1].url` is not a vault of the cloud \"public\"."),
            ("public", "kv.vault.azure.net", CUSTOM.to_owned(), "`custom` is for a cloud that keyrelay does not know"),
            ("custom", "kv.vault.azure.net", String::new(), "`cloud` is \"custom\", and there is no table [custom]."),
            ("customs", "kv.vault.azure.net", String::new(), "`cloud` is not a cloud that keyrelay knows."),
            (
                "custom",
                "kv.vault.contoso.example",
                CUSTOM.replace("https://login", "http://login"),
                "`custom.authority` is not https.",
            ),
            ("custom", "kv.vault.contoso.example", CUSTOM.replace("graph =", "grap ="), "`custom.graph` is missing."),
            (
                "custom",
                "kv.vault.contoso.example",
                CUSTOM.replace("/etc/", "etc/"),
                "`custom.ca_file` is not an absolute path.",
            ),
            ("custom", "kv.vault.contoso.example", format!("{CUSTOM}port = 1"), "`custom.port` is not a field"),
        ];
        for (cloud, vault, table, says) in cases {
            let said = read(cloud, vault, &table).unwrap_err();
            assert!(said.starts_with(says), "{said}");
        }
    }
}
