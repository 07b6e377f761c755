//! Key Vault's part: secrets, versions, soft delete.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::password::plus_days;
use super::{Cloud, CloudError, Value};

/// Days that a deleted secret can be recovered. The least that the service allows, as in the recordings.
pub(in crate::sandbox) const RECOVERABLE_DAYS: i64 = 7;
/// The most tags a secret can have (about-secrets.md).
const MOST_TAGS: usize = 15;
/// The most characters of a tag's name or value.
const LONGEST_TAG: usize = 512;
/// The most bytes of a value.
const LONGEST_VALUE: usize = 25_600;
/// The most characters of a content type.
const LONGEST_CONTENT_TYPE: usize = 255;

/// A secret with all its versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VaultSecret {
    /// Its name as it was first spelt; names are compared without case.
    pub name: String,
    /// In the order of their making: the last is the latest.
    pub(super) versions: Vec<SecretVersion>,
    /// Soft-deleted: the name is blocked.
    pub(super) deleted: Option<Deletion>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretVersion {
    /// 32 lower-case hexadecimal digits.
    pub id: String,
    /// The secret's name.
    pub name: String,
    /// `value`.
    pub value: Value,
    /// `contentType`.
    pub content_type: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `enabled`.
    pub enabled: bool,
    /// `nbf`. Informational: it does not keep anybody from reading.
    pub not_before: Option<Timestamp>,
    /// `exp`. Informational, too.
    pub expires: Option<Timestamp>,
    /// `created`.
    pub created: Timestamp,
    /// `updated`.
    pub updated: Timestamp,
}

/// When and how a secret was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deletion {
    /// `deletedDate`.
    pub at: Timestamp,
    /// `scheduledPurgeDate`.
    pub purged_at: Timestamp,
    /// Until then the deletion is under way: not yet among the deleted, no longer among the living.
    pub(super) done_at: Timestamp,
}

/// What a new version is made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretWrite {
    /// `value`.
    pub value: Value,
    /// `contentType`.
    pub content_type: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `attributes.enabled`.
    pub enabled: bool,
    /// `attributes.nbf`.
    pub not_before: Option<Timestamp>,
    /// `attributes.exp`.
    pub expires: Option<Timestamp>,
}

/// What an update changes; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretUpdate {
    /// `contentType`.
    pub content_type: Option<String>,
    /// `tags`, replaced as a whole.
    pub tags: Option<BTreeMap<String, String>>,
    /// `attributes.enabled`.
    pub enabled: Option<bool>,
    /// `attributes.nbf`.
    pub not_before: Option<Timestamp>,
    /// `attributes.exp`.
    pub expires: Option<Timestamp>,
}

impl VaultSecret {
    /// The latest version: what *get* without version reads, if it is enabled.
    pub fn latest(&self) -> Option<&SecretVersion> {
        self.versions.last()
    }
}

impl Cloud {
    /// Makes an empty vault under a host name, if there is none.
    pub fn create_vault(&mut self, host: &str) {
        self.vaults.entry(host.to_ascii_lowercase()).or_default();
        self.changed();
    }

    /// Whether there is a vault under this host name.
    pub fn has_vault(&self, host: &str) -> bool {
        self.vaults.contains_key(&host.to_ascii_lowercase())
    }

    fn vault(&self, host: &str) -> Result<&BTreeMap<String, VaultSecret>, CloudError> {
        self.vaults.get(&host.to_ascii_lowercase()).ok_or_else(|| no_vault(host))
    }

    /// Sets a new version; the latest one from then on, whatever its id.
    pub fn set_secret(
        &mut self,
        now: Timestamp,
        host: &str,
        name: &str,
        w: SecretWrite,
    ) -> Result<SecretVersion, CloudError> {
        check_name(name)?;
        check_properties(Some(&w.value), w.content_type.as_deref(), Some(&w.tags))?;
        let id = self.things.version();
        let vault = self.vaults.get_mut(&host.to_ascii_lowercase()).ok_or_else(|| no_vault(host))?;
        let fresh = || VaultSecret { name: name.to_owned(), versions: Vec::new(), deleted: None };
        let secret = vault.entry(name.to_ascii_lowercase()).or_insert_with(fresh);
        if let Some(deletion) = &secret.deleted {
            return Err(blocked(name, deletion, now));
        }
        let version = SecretVersion {
            id,
            name: secret.name.clone(),
            value: w.value,
            content_type: w.content_type,
            tags: w.tags,
            enabled: w.enabled,
            not_before: w.not_before,
            expires: w.expires,
            created: now,
            updated: now,
        };
        secret.versions.push(version.clone());
        self.changed();
        Ok(version)
    }

    fn living(&self, host: &str, name: &str) -> Result<&VaultSecret, CloudError> {
        let secret = self.vault(host)?.get(&name.to_ascii_lowercase());
        secret.filter(|s| s.deleted.is_none()).ok_or_else(|| CloudError::secret_not_found(name))
    }

    /// Reads the latest version, or a given one. A disabled one answers 403, the latest too: there is no falling back.
    pub fn secret(&self, host: &str, name: &str, version: Option<&str>) -> Result<&SecretVersion, CloudError> {
        let secret = self.living(host, name)?;
        let found = match version {
            None => secret.latest(),
            Some(id) => secret.versions.iter().find(|v| v.id.eq_ignore_ascii_case(id)),
        };
        let asked_for = || version.map_or(name.to_owned(), |v| format!("{name}/{v}"));
        let found = found.ok_or_else(|| CloudError::secret_not_found(&asked_for()))?;
        if found.enabled { Ok(found) } else { Err(disabled()) }
    }

    /// All versions, disabled ones too, in the order of their ids.
    pub fn secret_versions(&self, host: &str, name: &str) -> Result<Vec<&SecretVersion>, CloudError> {
        let versions = self.living(host, name)?.versions.iter();
        let mut versions: Vec<_> = versions.filter(|v| self.lists_know(v.created)).collect();
        versions.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(versions)
    }

    /// All living secrets, by name.
    pub fn secrets(&self, host: &str) -> Result<Vec<&VaultSecret>, CloudError> {
        Ok(self.vault(host)?.values().filter(|s| s.deleted.is_none()).collect())
    }

    /// Changes a version's properties (none: the latest's). Works on disabled ones too.
    pub fn update_secret(
        &mut self,
        now: Timestamp,
        host: &str,
        name: &str,
        version: Option<&str>,
        u: SecretUpdate,
    ) -> Result<SecretVersion, CloudError> {
        check_properties(None, u.content_type.as_deref(), u.tags.as_ref())?;
        self.living(host, name)?;
        let vault = self.vaults.get_mut(&host.to_ascii_lowercase()).ok_or_else(|| no_vault(host))?;
        let secret = vault.get_mut(&name.to_ascii_lowercase()).ok_or_else(|| CloudError::secret_not_found(name))?;
        let found = match version {
            None => secret.versions.last_mut(),
            Some(id) => secret.versions.iter_mut().find(|v| v.id.eq_ignore_ascii_case(id)),
        };
        let Some(found) = found else { return Err(CloudError::secret_not_found(name)) };
        found.updated = now;
        found.content_type = u.content_type.or(found.content_type.take());
        found.enabled = u.enabled.unwrap_or(found.enabled);
        found.not_before = u.not_before.or(found.not_before);
        found.expires = u.expires.or(found.expires);
        if let Some(tags) = u.tags {
            found.tags = tags;
        }
        let answer = found.clone();
        self.changed();
        Ok(answer)
    }

    /// Soft-deletes a secret. It is among the deleted ones only after a while.
    pub fn delete_secret(
        &mut self,
        now: Timestamp,
        host: &str,
        name: &str,
    ) -> Result<(SecretVersion, Deletion), CloudError> {
        let latest = self.living(host, name)?.latest().cloned().ok_or_else(|| CloudError::secret_not_found(name))?;
        let range = self.profile.deletion;
        let done_at = self.seen_at(now, range);
        let deletion = Deletion { at: now, purged_at: plus_days(now, RECOVERABLE_DAYS), done_at };
        if let Some(secret) =
            self.vaults.get_mut(&host.to_ascii_lowercase()).and_then(|v| v.get_mut(&name.to_ascii_lowercase()))
        {
            secret.deleted = Some(deletion.clone());
        }
        self.changed();
        Ok((latest, deletion))
    }

    /// A deleted secret's latest version, once the deletion is through.
    pub fn deleted_secret(&self, now: Timestamp, host: &str, name: &str) -> Result<(&SecretVersion, &Deletion), CloudError> {
        let now = self.lists_at(now);
        let secret = self.vault(host)?.get(&name.to_ascii_lowercase());
        let deletion = secret.and_then(|s| s.deleted.as_ref()).filter(|d| d.done_at <= now && now < d.purged_at);
        let found = secret.and_then(VaultSecret::latest).zip(deletion);
        found.ok_or_else(|| CloudError::secret_not_found(name))
    }

    /// All deleted secrets, by name.
    pub fn deleted_secrets(&self, now: Timestamp, host: &str) -> Result<Vec<(&SecretVersion, &Deletion)>, CloudError> {
        let names = self.vault(host)?.values().map(|s| s.name.as_str());
        Ok(names.filter_map(|name| self.deleted_secret(now, host, name).ok()).collect())
    }

    /// Brings a deleted secret back with all its versions.
    pub fn recover_secret(&mut self, now: Timestamp, host: &str, name: &str) -> Result<SecretVersion, CloudError> {
        let vault = self.vaults.get_mut(&host.to_ascii_lowercase()).ok_or_else(|| no_vault(host))?;
        let secret = vault.get_mut(&name.to_ascii_lowercase()).ok_or_else(|| CloudError::secret_not_found(name))?;
        match &secret.deleted {
            None => {
                let error = CloudError::new(400, "MethodNotAllowed", format!("Secret exists already: {name}"));
                return Err(error.inner("RequestNotAllowedOnNonDeletedObject"));
            }
            Some(deletion) if now < deletion.done_at => return Err(blocked(name, deletion, now)),
            Some(_) => secret.deleted = None,
        }
        let latest = secret.latest().cloned().ok_or_else(|| CloudError::secret_not_found(name))?;
        self.changed();
        Ok(latest)
    }

    /// Ends a deleted secret for good and frees its name.
    pub fn purge_secret(&mut self, now: Timestamp, host: &str, name: &str) -> Result<(), CloudError> {
        let vault = self.vaults.get_mut(&host.to_ascii_lowercase()).ok_or_else(|| no_vault(host))?;
        match vault.get(&name.to_ascii_lowercase()).and_then(|s| s.deleted.as_ref()) {
            None => return Err(CloudError::secret_not_found(name)),
            Some(deletion) if now < deletion.done_at => return Err(blocked(name, deletion, now)),
            Some(_) => vault.remove(&name.to_ascii_lowercase()),
        };
        self.changed();
        Ok(())
    }
}

/// Unknown vaults have no DNS name in life; nearest to that is an answer that no vault would give.
fn no_vault(host: &str) -> CloudError {
    CloudError::new(404, "VaultNotFound", format!("The sandbox has no vault named {host}."))
}

fn disabled() -> CloudError {
    CloudError::new(403, "Forbidden", "Operation get is not allowed on a disabled secret.").inner("SecretDisabled")
}

fn blocked(name: &str, deletion: &Deletion, now: Timestamp) -> CloudError {
    if now < deletion.done_at {
        let message = format!("Secret {name} is currently being deleted.");
        return CloudError::new(409, "Conflict", message).inner("ObjectIsBeingDeleted");
    }
    let message = format!(
        "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret \
         can only be recovered or purged."
    );
    CloudError::new(409, "Conflict", message).inner("ObjectIsDeletedButRecoverable")
}

/// `^[0-9a-zA-Z-]{1,127}$`.
fn check_name(name: &str) -> Result<(), CloudError> {
    let lawful = (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if lawful { Ok(()) } else { Err(CloudError::bad_parameter(format!("The request URI contains an invalid name: {name}"))) }
}

fn check_properties(
    value: Option<&Value>,
    content_type: Option<&str>,
    tags: Option<&BTreeMap<String, String>>,
) -> Result<(), CloudError> {
    let too_long = |text: &str, most: usize| text.chars().count() > most;
    let value = value.is_some_and(|v| v.text().len() > LONGEST_VALUE);
    let content_type = content_type.is_some_and(|c| too_long(c, LONGEST_CONTENT_TYPE));
    let bad_tag = |(name, text): (&String, &String)| too_long(name, LONGEST_TAG) || too_long(text, LONGEST_TAG);
    let tags = tags.is_some_and(|t| t.len() > MOST_TAGS || t.iter().any(bad_tag));
    if value || content_type || tags { Err(CloudError::bad_parameter("Property has invalid value")) } else { Ok(()) }
}
