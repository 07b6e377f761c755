//! A cloud that keyrelay's own table does not have: the table `[custom]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, as_text, host_name};
use super::problem::{Checked, Problems, Wrong};
use super::table::Table;

/// The name of the table, and the word that calls for it.
pub(super) const CUSTOM: &str = "custom";

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

/// The table.
pub(super) fn read(t: &Table<'_>, p: &mut Problems<'_>) -> Checked<CustomCloud> {
    t.only_fields_of(CUSTOM, p);
    let (authority, graph) = (t.required("authority", p), t.required("graph", p));
    let (vault_suffix, ca_file) = (t.required("vault_suffix", p), ca_file(t, p));
    Ok(CustomCloud { authority: authority?, graph: graph?, vault_suffix: vault_suffix?, ca_file: ca_file? })
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
}
