//! Where the services of one run are, and how they are reached.

use std::net::SocketAddr;

use super::SetupError;
use crate::runbook;

/// The endpoints of one cloud, and the way to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    name: &'static str,
    authority: String,
    graph: String,
    vault_suffix: String,
    network: Network,
}

/// How the endpoints are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    /// By name, through the usual proxies.
    Internet {
        /// The only certificate authorities that are trusted (PEM); without it, the system's.
        ca_pem: Option<String>,
    },
    /// `*.sandbox.localhost` at this address and nothing else, trusting only this certificate authority.
    Sandbox { address: SocketAddr, ca_pem: String },
}

impl Cloud {
    /// A cloud whose services have names of their own. `ca_pem` is the content of a custom cloud's `ca_file`.
    ///
    /// # Errors
    /// For the sandbox, which is found by its address and not by a name.
    pub fn real(cloud: &runbook::Cloud, ca_pem: Option<String>) -> Result<Cloud, SetupError> {
        match cloud {
            runbook::Cloud::Sandbox => Err(SetupError::SandboxByName),
            runbook::Cloud::Public
            | runbook::Cloud::UsGovL4
            | runbook::Cloud::UsGovL5
            | runbook::Cloud::China
            | runbook::Cloud::Custom(_) => Ok(Cloud::at(cloud, Network::Internet { ca_pem })),
        }
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
        Ok(Cloud::at(&runbook::Cloud::Sandbox, Network::Sandbox { address, ca_pem }))
    }

    fn at(cloud: &runbook::Cloud, network: Network) -> Cloud {
        let runbook::Endpoints { authority, graph, vault_suffix } = cloud.endpoints();
        Cloud {
            name: cloud.as_str(),
            authority: authority.to_owned(),
            graph: graph.to_owned(),
            vault_suffix: vault_suffix.to_owned(),
            network,
        }
    }

    /// As a runbook writes it.
    pub fn name(&self) -> &'static str {
        self.name
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

    fn public() -> Cloud {
        Cloud::real(&runbook::Cloud::Public, None).unwrap()
    }

    #[test]
    fn authority_and_scopes_follow_from_the_table() {
        use runbook::Cloud as C;
        let vault_gov = "https://vault.usgovcloudapi.net/.default";
        let cases = [
            (
                C::Public,
                "login.microsoftonline.com",
                "https://graph.microsoft.com/.default",
                "https://vault.azure.net/.default",
            ),
            (C::UsGovL4, "login.microsoftonline.us", "https://graph.microsoft.us/.default", vault_gov),
            (C::UsGovL5, "login.microsoftonline.us", "https://dod-graph.microsoft.us/.default", vault_gov),
            (
                C::China,
                "login.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn/.default",
                "https://vault.azure.cn/.default",
            ),
        ];
        for (named, authority, graph, vault) in cases {
            let cloud = Cloud::real(&named, None).unwrap();
            assert_eq!(cloud.authority(), format!("https://{authority}"));
            assert_eq!((cloud.graph_scope().as_str(), cloud.vault_scope().as_str()), (graph, vault));
            assert_eq!((cloud.name(), cloud.is_sandbox()), (named.as_str(), false));
        }
        assert!(Cloud::real(&C::Sandbox, None).is_err(), "the sandbox is found by address, not by name");
    }

    #[test]
    fn a_vault_belongs_to_its_cloud_only() {
        let public = public();
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
