//! What a first rotation finds: an application with a living secret, made by hand, in its vaults.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::password::plus_days;
use super::{AppRef, ApplicationSpec, Cloud, CloudError, PasswordSpec, SecretWrite};

/// What to make, unless it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// `appId`.
    pub client_id: Uuid,
    /// Must be the sandbox's own.
    pub tenant: Uuid,
    /// `displayName`.
    pub display_name: String,
    /// Where its secret goes.
    pub vaults: Vec<SeedVault>,
}

/// A vault and the secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedVault {
    /// The vault's host name.
    pub host: String,
    /// The secret's name.
    pub secret: String,
}

/// What seeding found or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeded {
    /// Whether the application was made now. If it was there before, nothing but missing (empty) vaults was added.
    pub made: bool,
    /// `id` of the application.
    pub object_id: Uuid,
}

impl Cloud {
    /// Makes the application, a secret that ends in 180 days, and a current version of it in each vault, unless the
    /// application is there. May be repeated for ever.
    pub fn seed(&mut self, now: Timestamp, seed: &Seed) -> Result<Seeded, CloudError> {
        if seed.tenant != self.tenant {
            let message = format!("This sandbox is the tenant {}; the request names another.", self.tenant);
            return Err(CloudError::new(400, "OtherTenant", message));
        }
        for vault in &seed.vaults {
            self.create_vault(&vault.host);
        }
        if let Ok(found) = self.application(AppRef::Client(seed.client_id)) {
            return Ok(Seeded { made: false, object_id: found.object_id });
        }
        let spec = ApplicationSpec {
            client_id: Some(seed.client_id),
            display_name: seed.display_name.clone(),
            ..ApplicationSpec::default()
        };
        let object_id = self.create_application(now, spec);
        let end = plus_days(now, 180);
        let password = PasswordSpec { display_name: Some("made by hand".to_owned()), start: None, end: Some(end) };
        let made = self.insert_password(now, AppRef::Object(object_id), password)?;
        for vault in &seed.vaults {
            let write = SecretWrite {
                value: made.value.clone(),
                content_type: None,
                tags: BTreeMap::new(),
                enabled: true,
                not_before: None,
                expires: None,
            };
            self.set_secret(now, &vault.host, &vault.secret, write)?;
        }
        Ok(Seeded { made: true, object_id })
    }
}
