//! Where the services are: one table for the real clouds, and the sandbox on loopback.

use std::net::SocketAddr;

use super::SetupError;

/// The endpoints of one cloud. Tokens of one cloud are worthless in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    name: String,
    authority: String,
    graph: String,
    vault_suffix: String,
    network: Network,
}

/// How the endpoints are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    /// By name, through the usual proxies, trusting the system's certificate authorities.
    Internet,
    /// `*.sandbox.localhost` at this address and nothing else, trusting only this certificate authority.
    Sandbox { address: SocketAddr, ca_pem: String },
}

/// Name, authority, Graph root, vault suffix. Sources: learn.microsoft.com/graph/deployments,
/// learn.microsoft.com/entra/identity-platform/authentication-national-cloud, and the Azure SDKs' environments. China's
/// authority has a second name, login.partner.microsoftonline.cn; Graph's page and the SDKs use the first.
const TABLE: [(&str, &str, &str, &str); 4] = [
    ("public", "https://login.microsoftonline.com", "https://graph.microsoft.com", "vault.azure.net"),
    ("us-gov-l4", "https://login.microsoftonline.us", "https://graph.microsoft.us", "vault.usgovcloudapi.net"),
    ("us-gov-l5", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "vault.usgovcloudapi.net"),
    ("china", "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", "vault.azure.cn"),
];

impl Cloud {
    /// The names of the real clouds, as a runbook writes them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.into_iter().map(|(name, ..)| name)
    }

    /// The real cloud of this name.
    pub fn named(name: &str) -> Option<Cloud> {
        let (name, authority, graph, vault_suffix) = TABLE.into_iter().find(|row| row.0 == name)?;
        Some(Cloud {
            name: name.to_owned(),
            authority: authority.to_owned(),
            graph: graph.to_owned(),
            vault_suffix: vault_suffix.to_owned(),
            network: Network::Internet,
        })
    }

    /// The sandbox that listens at `address`, with the certificate authority (PEM) that it made for itself. Its hosts are
    /// `login.sandbox.localhost`, `graph.sandbox.localhost` and `NAME.vault.sandbox.localhost`, all without a port.
    ///
    /// # Errors
    /// If the address is not a loopback address: a sandbox run can reach nothing else.
    pub fn sandbox(address: SocketAddr, ca_pem: String) -> Result<Cloud, SetupError> {
        if !address.ip().is_loopback() {
            return Err(SetupError::NotLoopback(address));
        }
        Ok(Cloud {
            name: "sandbox".to_owned(),
            authority: "https://login.sandbox.localhost".to_owned(),
            graph: "https://graph.sandbox.localhost".to_owned(),
            vault_suffix: "vault.sandbox.localhost".to_owned(),
            network: Network::Sandbox { address, ca_pem },
        })
    }

    /// The name in the table, or `sandbox`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the sandbox.
    pub fn is_sandbox(&self) -> bool {
        matches!(self.network, Network::Sandbox { .. })
    }

    /// The authority without a path, such as `https://login.microsoftonline.com`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The Graph root without a path, such as `https://graph.microsoft.com`.
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// The scope of a Graph token.
    pub fn graph_scope(&self) -> String {
        format!("{}/.default", self.graph)
    }

    /// The resource of a vault token, which is what a vault names in its challenge.
    pub fn vault_resource(&self) -> String {
        format!("https://{}", self.vault_suffix)
    }

    /// The scope of a vault token.
    pub fn vault_scope(&self) -> String {
        format!("{}/.default", self.vault_resource())
    }

    /// Whether `host` is a vault of this cloud: one label before the suffix.
    pub fn owns_vault_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let label = host.strip_suffix(self.vault_suffix.as_str()).and_then(|rest| rest.strip_suffix('.'));
        label.is_some_and(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    }

    /// What a vault's host ends with, for messages.
    pub fn vault_suffix(&self) -> &str {
        &self.vault_suffix
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_follow_from_the_table() {
        let cases = [
            ("public", "https://graph.microsoft.com/.default", "https://vault.azure.net"),
            ("us-gov-l4", "https://graph.microsoft.us/.default", "https://vault.usgovcloudapi.net"),
            ("us-gov-l5", "https://dod-graph.microsoft.us/.default", "https://vault.usgovcloudapi.net"),
            ("china", "https://microsoftgraph.chinacloudapi.cn/.default", "https://vault.azure.cn"),
        ];
        for (name, graph, vault) in cases {
            let cloud = Cloud::named(name).unwrap();
            assert_eq!((cloud.graph_scope().as_str(), cloud.vault_resource().as_str()), (graph, vault));
        }
        assert_eq!(Cloud::names().collect::<Vec<_>>(), cases.map(|(name, ..)| name));
        assert_eq!(Cloud::named("sandbox"), None, "the sandbox is found by address, not by name");
    }

    #[test]
    fn a_vault_belongs_to_its_cloud_only() {
        let public = Cloud::named("public").unwrap();
        assert!(public.owns_vault_host("kv-one.vault.azure.net"));
        assert!(public.owns_vault_host("KV-One.Vault.Azure.Net"));
        for host in ["vault.azure.net", ".vault.azure.net", "a.b.vault.azure.net", "kv-onevault.azure.net"] {
            assert!(!public.owns_vault_host(host), "{host}");
        }
        for host in ["kv.vault.azure.cn", "kv.vault.azure.net.example.org", "127.0.0.1", "kv.vault.sandbox.localhost"] {
            assert!(!public.owns_vault_host(host), "{host}");
        }
    }

    #[test]
    fn the_sandbox_is_on_loopback() {
        assert!(Cloud::sandbox("127.0.0.1:8443".parse().unwrap(), String::new()).unwrap().is_sandbox());
        assert!(Cloud::sandbox("10.0.0.1:8443".parse().unwrap(), String::new()).is_err());
    }
}
