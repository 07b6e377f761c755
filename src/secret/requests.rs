//! Requests and answers that carry the value: two bodies that go out, two that come in. Nothing here is printed or logged, and
//! no error of a parser leaves, since it could quote what it parsed.

use std::collections::BTreeMap;

use azure_core::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{Hint, SecretValue};
use crate::ports::{Credential, NewCredential, VersionRead};
use crate::rotation::answers::Version;
use crate::rotation::names::{KeyId, VAULT_TAG, VAULT_TAG_KEY_ID, VersionId};

/// The body of a sign-in (RFC 6749, section 4.4.2). It is wiped when the last holder drops it.
pub(crate) fn sign_in_form(client_id: &str, scope: &str, value: &SecretValue) -> Bytes {
    // Percent-encoding triples at most; a buffer that need not grow leaves no copy behind.
    let mut form = Zeroizing::new(String::with_capacity(3 * (client_id.len() + scope.len() + value.expose().len()) + 128));
    form_urlencoded::Serializer::new(&mut *form)
        .append_pair("client_id", client_id)
        .append_pair("scope", scope)
        .append_pair("client_secret", value.expose())
        .append_pair("grant_type", "client_credentials");
    Bytes::from_owner(form)
}

/// The body that sets a vault version, enabled. It is wiped when the last holder drops it.
pub(crate) fn new_version(
    value: &SecretValue,
    content_type: Option<&str>,
    tags: &BTreeMap<String, String>,
    expires: Option<Timestamp>,
) -> Bytes {
    #[derive(Serialize)]
    struct Attributes {
        enabled: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        exp: Option<i64>,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        value: &'a str,
        #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
        content_type: Option<&'a str>,
        tags: &'a BTreeMap<String, String>,
        attributes: Attributes,
    }
    let attributes = Attributes { enabled: true, exp: expires.map(Timestamp::as_second) };
    let body = Body { value: value.expose(), content_type, tags, attributes };
    // JSON escapes make six bytes of one at most; 15 tags of 512 and 512 characters are the most that a vault takes.
    let text = value.expose().len() + tags.iter().map(|(k, v)| k.len() + v.len() + 8).sum::<usize>();
    let mut json = Zeroizing::new(Vec::with_capacity(6 * (text + content_type.unwrap_or_default().len()) + 128));
    // Writing strings and numbers to memory cannot fail; an empty body would be refused as it stands.
    if serde_json::to_writer(&mut *json, &body).is_err() {
        json.clear();
    }
    Bytes::from_owner(json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordCredential {
    key_id: KeyId,
    display_name: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    hint: Option<String>,
    secret_text: Option<String>,
}

fn date(text: Option<String>) -> Option<Timestamp> {
    text.and_then(|t| t.parse().ok())
}

/// The answer of `addPassword`. `None` if key ID or value is missing.
pub(crate) fn added(body: &[u8]) -> Option<NewCredential> {
    let parsed: PasswordCredential = serde_json::from_slice(body).ok()?;
    drop(parsed.hint.map(Hint::new));
    let value = SecretValue::new(parsed.secret_text.filter(|s| !s.is_empty())?);
    let display_name = parsed.display_name.unwrap_or_default();
    Some(NewCredential { key_id: parsed.key_id, display_name, end: date(parsed.end_date_time), value })
}

/// The application's `passwordCredentials`, which hold the hints. `None` if one cannot be read: a list with a gap is no list.
pub(crate) fn listed(body: &[u8]) -> Option<Vec<Credential>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Application {
        password_credentials: Vec<PasswordCredential>,
    }
    let parsed: Application = serde_json::from_slice(body).ok()?;
    let credential = |c: PasswordCredential| Credential {
        key_id: c.key_id,
        display_name: c.display_name.unwrap_or_default(),
        start: date(c.start_date_time),
        end: date(c.end_date_time),
        hint: c.hint.map(Hint::new),
    };
    Some(parsed.password_credentials.into_iter().map(credential).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretBundle {
    id: String,
    value: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    attributes: SecretAttributes,
}

#[derive(Deserialize)]
struct SecretAttributes {
    enabled: Option<bool>,
    exp: Option<i64>,
}

/// The answer of a vault's *get*: a version with its value. `None` if it is not one of the secret `name`.
pub(crate) fn version_read(body: &[u8], name: &str) -> Option<VersionRead> {
    let parsed: SecretBundle = serde_json::from_slice(body).ok()?;
    let value = SecretValue::new(parsed.value?);
    let tags = parsed.tags.unwrap_or_default();
    let version = Version {
        id: version_in(&parsed.id, name)?,
        tag: tags.get(VAULT_TAG).and_then(|t| t.parse().ok()),
        key_id: tags.get(VAULT_TAG_KEY_ID).and_then(|t| t.parse().ok()),
        enabled: parsed.attributes.enabled.unwrap_or(true),
    };
    let expires = parsed.attributes.exp.and_then(|s| Timestamp::from_second(s).ok());
    Some(VersionRead { version, value, expires, content_type: parsed.content_type, tags })
}

/// The answer of a vault's *set*, which repeats the value: the new version's id.
pub(crate) fn written(body: &[u8], name: &str) -> Option<VersionId> {
    let parsed: SecretBundle = serde_json::from_slice(body).ok()?;
    drop(parsed.value.map(SecretValue::new));
    version_in(&parsed.id, name)
}

/// The version in an id such as `https://kv-one.vault.azure.net/secrets/NAME/VERSION`, if it is of the secret `name`. Key Vault
/// compares names without case.
pub(crate) fn version_in(id: &str, name: &str) -> Option<VersionId> {
    let id: azure_security_keyvault_secrets::ResourceId = id.parse().ok()?;
    if !id.name.eq_ignore_ascii_case(name) {
        return None;
    }
    id.version?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sign_in_form_is_percent_encoded() {
        let form = sign_in_form("app", "https://x/.default", &SecretValue::new("q8~a+b&c=d%é".into()));
        let expected = "client_id=app&scope=https%3A%2F%2Fx%2F.default&client_secret=q8%7Ea%2Bb%26c%3Dd%25%C3%A9&grant_type=client_credentials";
        assert_eq!(form, expected.as_bytes());
    }

    #[test]
    fn a_new_version_is_enabled_and_expires_with_its_credential() {
        let tags = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let end = "2026-11-21T23:06:59Z".parse().unwrap(); // date -d 2026-11-21T23:06:59Z +%s
        let body = new_version(&SecretValue::new("q8~\"\\\n".into()), Some("text/plain"), &tags, Some(end));
        let expected = r#"{"value":"q8~\"\\\n","contentType":"text/plain","tags":{"a":"1"},"attributes":{"enabled":true,"exp":1795302419}}"#;
        assert_eq!(body, expected.as_bytes());
        let body = new_version(&SecretValue::new("v".into()), None, &BTreeMap::new(), None);
        assert_eq!(body, r#"{"value":"v","tags":{},"attributes":{"enabled":true}}"#.as_bytes());
    }

    #[test]
    fn an_added_credential_needs_key_id_and_value() {
        let body = br#"{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","displayName":null,"endDateTime":"odd","hint":"abc","secretText":"abcd"}"#;
        let added = added(body).unwrap();
        assert_eq!(added.key_id.to_string(), "73c912d2-fd2d-42a0-b3ae-2e45d006b8bc");
        assert_eq!((added.display_name.as_str(), added.end, added.value.expose()), ("", None, "abcd"));
        for broken in [
            &br#"{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","secretText":null}"#[..],
            br#"{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","secretText":""}"#,
            br#"{"keyId":"no","secretText":"abcd"}"#,
            br#"{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","secretText":"ab"#,
            b"",
        ] {
            assert!(super::added(broken).is_none());
        }
    }

    #[test]
    fn a_version_is_of_the_secret_that_was_asked_for() {
        let id = |s: &str| version_in(s, "secret1").map(|v| v.to_string());
        let version = "9e5fc20d4c4b4178aa120684624e4a68";
        assert_eq!(id(&format!("https://kv.vault.azure.net/secrets/SECRET1/{version}")).as_deref(), Some(version));
        for other in ["secrets/secret2", "keys/secret1", "deletedsecrets/secret1"] {
            assert_eq!(id(&format!("https://kv.vault.azure.net/{other}/{version}")), None, "{other}");
        }
        assert_eq!(id("https://kv.vault.azure.net/secrets/secret1"), None);
        assert_eq!(id("https://kv.vault.azure.net/secrets/secret1/latest"), None);
        assert_eq!(id("no url"), None);
    }

    /// Lawful answers, to be damaged.
    const DAMAGED: [&str; 3] = [
        r#"{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","endDateTime":"2024-05-07T06:52:43Z","hint":"abc","secretText":"abcd"}"#,
        r#"{"passwordCredentials":[{"keyId":"73c912d2-fd2d-42a0-b3ae-2e45d006b8bc","startDateTime":null,"hint":"abc"}]}"#,
        r#"{"value":"v","id":"https://kv.vault.azure.net/secrets/s/9e5fc20d4c4b4178aa120684624e4a68","attributes":{"enabled":true,"exp":9},"tags":{"a":"b"}}"#,
    ];

    #[test]
    fn the_answers_to_be_damaged_are_lawful() {
        assert!(added(DAMAGED[0].as_bytes()).is_some());
        assert!(listed(DAMAGED[1].as_bytes()).is_some_and(|l| l.len() == 1));
        assert!(version_read(DAMAGED[2].as_bytes(), "s").is_some() && written(DAMAGED[2].as_bytes(), "s").is_some());
    }

    proptest! {
        #[test]
        fn no_answer_stops_us(body in "\\PC*", name in "\\PC*") {
            let body = body.as_bytes();
            prop_assert!(added(body).is_none() && listed(body).is_none());
            prop_assert!(version_read(body, &name).is_none() && written(body, &name).is_none());
            let _ = version_in(&name, &name);
        }

        #[test]
        fn no_damaged_answer_stops_us(which in 0..DAMAGED.len(), at in any::<prop::sample::Index>(), cut in 0..30usize,
                                      paste in "null|\\[|\\]|\\{|\\}|,|\"|-1|1e999|true|\\\\u0000|\\\\ud800|é|[a-z]{1,4}") {
            let mut body = DAMAGED[which].as_bytes().to_vec();
            let start = at.index(body.len());
            body.splice(start..(start + cut).min(body.len()), paste.bytes());
            let _ = (added(&body), listed(&body), version_read(&body, "s"), written(&body, "s"));
        }

        #[test]
        fn a_value_arrives_as_it_was_sent(value in any::<String>()) {
            let secret = SecretValue::new(value.clone());
            let json: serde_json::Value = serde_json::from_slice(&new_version(&secret, None, &BTreeMap::new(), None)).unwrap();
            prop_assert_eq!(json["value"].as_str(), Some(value.as_str()));
            let form = sign_in_form("app", "scope", &secret);
            let sent = form_urlencoded::parse(&form).find(|(k, _)| k == "client_secret").map(|(_, v)| v.into_owned());
            prop_assert_eq!(sent, Some(value));
        }
    }
}
