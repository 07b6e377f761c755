//! The places in Key Vault that a runbook writes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::names::{Form, SecretName, as_text, host_name};
use super::problem::{Checked, Problems, Wrong};
use super::table::{Table, key_as_shown};
use super::{Cloud, VAULTS, leaked};

/// A `[[vault]]` table: one secret in one vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// `url`: the vault, such as `https://kv-billing.vault.azure.net`. Its host ends with the cloud's vault suffix. Required.
    pub url: VaultUrl,
    /// `secret`: the name of the secret in it. Required.
    pub secret: SecretName,
    /// `content_type`: set on new versions, at most 255 characters. Default: what the current version has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `tags`: set on new versions, over what the current version has. At most 13, because Key Vault holds 15 and two are
    /// keyrelay's; names and values of at most 256 characters; no name begins with `keyrelay`. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The URL of a vault: `https://` and a host name, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VaultUrl {
    host: String,
}

as_text!(VaultUrl);

impl VaultUrl {
    /// The host name, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The vault's own name, if the host is one label before `suffix`.
    pub(super) fn name_before(&self, suffix: &str) -> Option<&str> {
        let name = self.host.strip_suffix(suffix)?.strip_suffix('.')?;
        (!name.is_empty() && !name.contains('.')).then_some(name)
    }
}

impl Form for VaultUrl {
    const NAME: &'static str = "the URL of a vault";
    const EXAMPLE: &'static str = "https://kv-billing.vault.azure.net";
}

impl FromStr for VaultUrl {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let only =
            |what: &str| Err(Wrong::new(what, format!("Write only the vault's address, such as \"{}\"", Self::EXAMPLE)));
        let lower = s.to_ascii_lowercase();
        if lower.starts_with("http://") {
            return only("is not https");
        }
        let Some(rest) = lower.strip_prefix("https://") else { return only("is not the URL of a vault") };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return only("has a user or password in it");
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return only("has a path, query or fragment");
        }
        if rest.contains(':') {
            return only("has a port");
        }
        if !rest.contains('.') || !host_name(rest) {
            return only("has no lawful host name");
        }
        Ok(VaultUrl { host: rest.to_owned() })
    }
}

impl fmt::Display for VaultUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.host)
    }
}

/// The `[[vault]]` tables.
pub(super) fn read_all(top: &Table<'_>, cloud: Option<&Cloud>, p: &mut Problems<'_>) -> Checked<Vec<Vault>> {
    let tables = top.tables("vault", VAULTS, p)?;
    if tables.is_empty() {
        let instead = "Add a table [[vault]] with `url` and `secret`: the value has to go somewhere";
        return Err(top.wrong("vault", Wrong::new("is missing", instead), p));
    }
    let mut seen = HashSet::new();
    let mut one = |t: &Table<'_>| {
        let vault = read(t, cloud, p)?;
        if seen.insert((vault.url.host().to_owned(), vault.secret.as_str().to_ascii_lowercase())) {
            return Ok(vault);
        }
        Err(t.wrong(
            "secret",
            Wrong::new("is in this vault's list already; case does not count", "Leave the second one out"),
            p,
        ))
    };
    let read: Vec<Checked<Vault>> = tables.iter().map(&mut one).collect();
    read.into_iter().collect()
}

fn read(t: &Table<'_>, cloud: Option<&Cloud>, p: &mut Problems<'_>) -> Checked<Vault> {
    t.only_fields_of("vault", p);
    let url = t.required::<VaultUrl>("url", p);
    if let (Ok(url), Some(cloud)) = (&url, cloud)
        && let suffix = cloud.endpoints().vault_suffix
        && url.name_before(suffix).is_none()
    {
        let what = format!("is not a vault of the cloud \"{cloud}\"");
        t.wrong("url", Wrong::new(what, format!("Write https://NAME.{suffix}, or mend `cloud`")), p);
    }
    let secret = t.required("secret", p);
    let content_type = t.text("content_type", p);
    if let Ok(Some(text)) = content_type
        && (text.chars().count() > 255 || text.chars().any(char::is_control) || text.trim().is_empty())
    {
        let instead = "Write one line of at most 255 characters, such as \"text/plain\"";
        t.wrong("content_type", Wrong::new("cannot be a content type", instead), p);
    }
    let tags = t.table("tags", p).map(|tags| lawful_tags(t, &tags, p));
    Ok(Vault { url: url?, secret: secret?, content_type: content_type?.map(str::to_owned), tags: tags? })
}

/// Limits of Key Vault: 15 tags, of which two are ours; 256 characters in older documentation, 512 in newer.
fn lawful_tags(vault: &Table<'_>, tags: &Table<'_>, p: &mut Problems<'_>) -> BTreeMap<String, String> {
    let pairs = tags.pairs(p);
    if pairs.len() > 13 {
        let instead = "Write at most 13: Key Vault holds 15, and keyrelay adds two";
        vault.wrong("tags", Wrong::new(format!("has {} tags", pairs.len()), instead), p);
    }
    for (name, text, at) in &pairs {
        let path = tags.path(key_as_shown(name));
        let too_long = |s: &str| s.chars().count() > 256;
        if name.to_ascii_lowercase().starts_with("keyrelay") {
            p.add(*at, &path, Wrong::new("has a name that is kept for keyrelay's own tags", "Choose another name"));
        }
        if name.trim().is_empty() || too_long(name) || too_long(text) {
            p.add(*at, &path, Wrong::new("is empty or too long", "Names and values have 1 and 0 to 256 characters"));
        }
        if leaked::names_a_secret(name) {
            let instead = "Tags are shown to everybody who may list the vault: take it out, or choose another name";
            p.add(*at, &path, Wrong::new("looks like a secret, and a runbook holds none", instead));
        }
    }
    pairs.into_iter().map(|(name, text, _)| (name.to_owned(), text.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_url_is_https_and_a_host() {
        let url: VaultUrl = "HTTPS://KV-One.vault.azure.net/".parse().unwrap();
        assert_eq!(url.to_string(), "https://kv-one.vault.azure.net");
        assert_eq!(url.name_before("vault.azure.net"), Some("kv-one"));
        assert_eq!(url.name_before("vault.azure.cn"), None);
        let what = |s: &str| s.parse::<VaultUrl>().unwrap_err().what;
        assert_eq!(what("http://kv.vault.azure.net"), "is not https");
        assert_eq!(what("https://kv.vault.azure.net/secrets/x"), "has a path, query or fragment");
        assert_eq!(what("https://kv.vault.azure.net?x=1"), "has a path, query or fragment");
        assert_eq!(what("https://kv.vault.azure.net:443"), "has a port");
        assert_eq!(what("https://me:pw@kv.vault.azure.net"), "has a user or password in it");
        assert_eq!(what("kv.vault.azure.net"), "is not the URL of a vault");
        assert_eq!(what("https://kv_one.vault.azure.net"), "has no lawful host name");
        assert_eq!(what("https://"), "has no lawful host name");
        assert_eq!(what("https://a\tb.vault.azure.net"), "has no lawful host name");
    }

    #[test]
    fn a_look_alike_suffix_is_not_the_clouds() {
        for url in ["https://kv.evilvault.azure.net", "https://vault.azure.net", "https://a.b.vault.azure.net"] {
            assert_eq!(url.parse::<VaultUrl>().unwrap().name_before("vault.azure.net"), None, "{url}");
        }
    }
}
