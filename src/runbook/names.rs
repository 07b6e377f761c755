//! The texts of a runbook, each parsed once into a type that cannot hold a wrong one.
//!
//! They check the form, whoever reads them: the runbook's file or a journal. What a form must not be here and now (a settle
//! time too short for a real cloud) is checked where the file is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::Wrong;

/// A text of a certain form: how its kind is called, and one that is lawful.
pub(super) trait Form: FromStr<Err = Wrong> {
    /// What to call it in a message, with its article.
    const NAME: &'static str;
    /// A lawful text, to be shown to a person who left it out or wrote something else.
    const EXAMPLE: &'static str;
}

/// The refusal of a word that is not among `lawful`.
pub(super) fn not_one_of(what: &str, lawful: &[&str]) -> Wrong {
    let quoted: Vec<String> = lawful.iter().map(|w| format!("\"{w}\"")).collect();
    Wrong::new(format!("is not {what}"), format!("Write one of {}", quoted.join(", ")))
}

/// Lets a type that has `FromStr` and `Display` be written as text in JSON.
macro_rules! as_text {
    ($($name:ident)*) => { $(
        impl TryFrom<String> for $name {
            type Error = Wrong;
            fn try_from(s: String) -> Result<Self, Wrong> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    )* };
}
pub(super) use as_text;

as_text!(Tenant ClientId SecretName Scope FreeText FileDigest);

/// A GUID in its hyphenated form, as the portal and the Azure CLI show it, and not the all-zero one.
fn guid(s: &str) -> Option<Uuid> {
    let parsed = (s.len() == 36).then(|| Uuid::try_parse(s).ok()).flatten();
    parsed.filter(|id| !id.is_nil())
}

/// The tenant: its GUID or one of its verified domains. In lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(String);

impl Tenant {
    /// The tenant as it goes into the path of the token endpoint.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The GUID, if it was given by that and not by a domain.
    pub fn id(&self) -> Option<Uuid> {
        guid(&self.0)
    }
}

impl Form for Tenant {
    const NAME: &'static str = "a tenant";
    const EXAMPLE: &'static str = "contoso.onmicrosoft.com";
}

impl FromStr for Tenant {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let s = s.to_ascii_lowercase();
        if ["common", "organizations", "consumers"].contains(&s.as_str()) {
            let what = "names no single tenant: an application signs in to its own";
            return Err(Wrong::new(what, "Write the tenant's GUID or one of its verified domains"));
        }
        if guid(&s).is_some() || (host_name(&s) && s.contains('.') && s.bytes().any(|b| b.is_ascii_lowercase())) {
            return Ok(Tenant(s));
        }
        let instead = format!("Write the tenant's GUID, or a verified domain such as \"{}\"", Self::EXAMPLE);
        Err(Wrong::new("is neither a GUID nor a domain", instead))
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `s` is a DNS name in lower case: labels of 1 to 63 letters, digits and inner hyphens, 253 in all.
pub(super) fn host_name(s: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(inner) && !l.starts_with('-') && !l.ends_with('-');
    s.len() <= 253 && s.split('.').all(label)
}

/// The application's client ID (`appId`), a GUID. Not its object ID, and not a secret's key ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Uuid);

impl ClientId {
    /// The GUID.
    pub fn get(self) -> Uuid {
        self.0
    }
}

impl Form for ClientId {
    const NAME: &'static str = "a client ID";
    const EXAMPLE: &'static str = "11111111-2222-3333-4444-555555555555";
}

impl FromStr for ClientId {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let instead =
            "Write the \"Application (client) ID\" of the application's overview page, 8-4-4-4-12 hexadecimal digits";
        guid(s).map(ClientId).ok_or_else(|| Wrong::new("is not a GUID", instead))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a Key Vault secret: 1 to 127 letters, digits and hyphens.
///
/// The SDK sends any name on as it is, and `../` or `a/b` reach another path; so the form is checked here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Form for SecretName {
    const NAME: &'static str = "the name of a vault secret";
    const EXAMPLE: &'static str = "billing-api-client-secret";
}

impl FromStr for SecretName {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let lawful = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=127).contains(&s.len()) && s.bytes().all(lawful) {
            return Ok(SecretName(s.to_owned()));
        }
        let instead = "Write 1 to 127 letters, digits and hyphens, without a path or a version";
        Err(Wrong::new("is not the name of a vault secret", instead))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a proof asks a token for: one resource and `/.default`, as client credentials need it (AADSTS1002012 otherwise).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

impl Scope {
    /// The scope as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Form for Scope {
    const NAME: &'static str = "a scope";
    const EXAMPLE: &'static str = "https://graph.microsoft.com/.default";
}

impl FromStr for Scope {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let one_word = s.bytes().all(|b| b.is_ascii_graphic());
        let resource = s.strip_suffix("/.default").unwrap_or_default();
        if one_word && !resource.is_empty() && s.len() <= 512 {
            return Ok(Scope(s.to_owned()));
        }
        let instead = format!("Write one resource followed by /.default, such as \"{}\"", Self::EXAMPLE);
        Err(Wrong::new("is not a scope for client credentials", instead))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A line for people: 1 to 200 characters, no control characters, not blank. Blanks around it are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FreeText(String);

impl FreeText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first `n` characters. At least one, so that it stays a text.
    pub(super) fn cut(s: &str, n: usize) -> FreeText {
        FreeText(s.chars().take(n.max(1)).collect::<String>().trim().to_owned())
    }
}

impl Form for FreeText {
    const NAME: &'static str = "a line of text";
    const EXAMPLE: &'static str = "Payments team";
}

impl FromStr for FreeText {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let s = s.trim();
        if s.is_empty() {
            return Err(Wrong::new("is empty", "Write something that a person on call can use"));
        }
        if s.chars().any(char::is_control) {
            return Err(Wrong::new("has control characters", "Write one line of plain text"));
        }
        if s.chars().count() > 200 {
            return Err(Wrong::new("is longer than 200 characters", "Cut it short; prose belongs around the block"));
        }
        Ok(FreeText(s.to_owned()))
    }
}

impl fmt::Display for FreeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of the runbook file's bytes, prose and byte order mark included: what `sha256sum` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileDigest([u8; 32]);

impl FileDigest {
    /// Of `bytes`.
    pub fn of(bytes: &[u8]) -> FileDigest {
        use sha2::{Digest, Sha256};
        FileDigest(Sha256::digest(bytes).into())
    }
}

impl FromStr for FileDigest {
    type Err = Wrong;
    fn from_str(s: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new("is not a SHA-256", "It has 64 hexadecimal digits");
        if s.len() != 64 || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(s.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(FileDigest(digest))
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_guid_or_a_domain() {
        let tenant: Tenant = "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee".parse().unwrap();
        assert_eq!(tenant.as_str(), "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
        assert!(tenant.id().is_some());
        let tenant: Tenant = "Contoso.OnMicrosoft.com".parse().unwrap();
        assert_eq!((tenant.as_str(), tenant.id()), ("contoso.onmicrosoft.com", None));
        for wrong in [
            "",
            "contoso",
            "common",
            "10.0.0.1",
            "a..b",
            "-a.b",
            "a b.c",
            "contoso.com/x",
            "contoso.com?x=1",
            "00000000-0000-0000-0000-000000000000-",
        ] {
            assert!(wrong.parse::<Tenant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_client_id_is_a_hyphenated_guid_that_is_not_all_zero() {
        assert!("11111111-2222-3333-4444-555555555555".parse::<ClientId>().is_ok());
        for wrong in [
            "00000000-0000-0000-0000-000000000000",
            "11111111222233334444555555555555",
            "{11111111-2222-3333-4444-555555555555}",
            "11111111-2222-3333-4444-55555555555g",
            "",
        ] {
            assert!(wrong.parse::<ClientId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_name_cannot_reach_another_path() {
        assert!("a".repeat(127).parse::<SecretName>().is_ok());
        for wrong in ["", "a/b", "../deletedsecrets/x", "a_b", "a.b", "a b", "ä", &"a".repeat(128)] {
            assert!(wrong.parse::<SecretName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_ends_in_default() {
        assert!("api://11111111-2222-3333-4444-555555555555/.default".parse::<Scope>().is_ok());
        for wrong in ["", "/.default", "https://graph.microsoft.com", "User.Read", "a/.default b/.default"] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        // printf abc | sha256sum; FIPS 180-4 has the same example.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(FileDigest::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(FileDigest::of(b"abc")));
        assert!("ba78".parse::<FileDigest>().is_err());
    }
}
