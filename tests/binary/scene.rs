//! What was there before the first command.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use keyrelay::sandbox::cloud::{
    AppRef, ApplicationSpec, Audience, Cloud, NewPassword, PasswordSpec, Profile, SecretVersion, SecretWrite, Value,
};
use uuid::Uuid;

pub const CLIENT: Uuid = Uuid::from_u128(0xc11e_0000_0000_4000_8000_0000_0000_0001);
pub const APP: AppRef = AppRef::Client(CLIENT);
pub const EAST: &str = "east.vault.sandbox.localhost";
pub const WEST: &str = "west.vault.sandbox.localhost";
pub const SECRET: &str = "api-secret";

/// A cloud in the making.
pub struct Scene {
    pub cloud: Cloud,
    /// An hour before the test: whatever is done then is seen everywhere when the test begins.
    pub then: Timestamp,
}

impl Scene {
    /// The application without a secret, and two empty vaults.
    pub fn bare(audience: Audience) -> Scene {
        let then = Timestamp::now() - SignedDuration::from_hours(1);
        let mut cloud = Cloud::new(20_261_121, Profile::instant(), then);
        let spec = ApplicationSpec {
            client_id: Some(CLIENT),
            display_name: "suite".to_owned(),
            audience,
            ..ApplicationSpec::default()
        };
        cloud.create_application(then, spec);
        [EAST, WEST].into_iter().for_each(|host| cloud.create_vault(host));
        Scene { cloud, then }
    }

    /// A living secret in these vaults, and another one that is nobody's business.
    pub fn living(vaults: &[&str]) -> Scene {
        let mut scene = Scene::bare(Audience::MyOrg);
        scene.add("somebody else's", None);
        let old = scene.add("made by hand", None);
        vaults.iter().for_each(|host| drop(scene.publish(host, &old.value)));
        scene
    }

    /// A secret that expired a day ago in these vaults, and another one that is nobody's business.
    pub fn expired(vaults: &[&str]) -> Scene {
        let mut scene = Scene::bare(Audience::MyOrg);
        scene.add("somebody else's", None);
        let old = scene.add("made by hand", Some(scene.then - SignedDuration::from_hours(24)));
        vaults.iter().for_each(|host| drop(scene.publish(host, &old.value)));
        scene
    }

    /// A credential of the application; it ends then, or in 180 days.
    pub fn add(&mut self, name: &str, end: Option<Timestamp>) -> NewPassword {
        let end = end.unwrap_or(self.then + SignedDuration::from_hours(180 * 24));
        let start = end - SignedDuration::from_hours(200 * 24);
        let spec = PasswordSpec { display_name: Some(name.to_owned()), start: Some(start), end: Some(end) };
        self.cloud.add_password(self.then, APP, spec).unwrap()
    }

    /// A version as somebody would set it by hand, with a tag and a content type of their own.
    pub fn publish(&mut self, host: &str, value: &Value) -> SecretVersion {
        let write = SecretWrite {
            value: value.clone(),
            content_type: Some("text/plain".to_owned()),
            tags: BTreeMap::from([("cost-center".to_owned(), "4711".to_owned())]),
            enabled: true,
            not_before: None,
            expires: None,
        };
        self.cloud.set_secret(self.then, host, SECRET, write).unwrap()
    }
}
