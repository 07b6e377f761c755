//! A world in which a run may start, and what came of a look at it through the real adapters.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use keyrelay::azure::{AzureServices, Cloud as Endpoints, Connection, OperatorSignIn, Timeouts, VaultSecret};
use keyrelay::clock::ServiceClock;
use keyrelay::driver::{NeverStop, Patience};
use keyrelay::preflight::{Check, CheckId, Looked, Preflight, Verdict, Wanted};
use keyrelay::rotation::names::{KeyId, RunId};
use keyrelay::runbook::Runbook;
use keyrelay::sandbox::cloud::{
    AppRef, ApplicationSpec, Cloud, NewPassword, OPERATOR, Operator, PasswordSpec, Profile, SecretWrite, TENANT, Value,
};
use keyrelay::sandbox::server::{Pace, ServeOptions, Server};
use uuid::Uuid;

pub const CLIENT: Uuid = Uuid::from_u128(0xc11e_0000_0000_4000_8000_0000_0000_0001);
pub const APP: AppRef = AppRef::Client(CLIENT);
pub const EAST: &str = "east.vault.sandbox.localhost";
pub const WEST: &str = "west.vault.sandbox.localhost";
pub const SECRET: &str = "api-secret";

/// What a look finds. A row of the table changes one thing of it.
pub struct World {
    pub cloud: Cloud,
    pub now: Timestamp,
    /// The credential in both vaults.
    pub old: NewPassword,
    /// Lines of the runbook: before its tables, and behind them.
    pub fields: String,
    pub tables: String,
    pub tenant: Uuid,
    pub client_id: Uuid,
    pub wanted: Wanted,
    pub operator: Operator,
    /// A secret that is not the operator's.
    pub wrong_secret: bool,
}

impl World {
    pub fn new() -> World {
        let now = Timestamp::now();
        let then = now - SignedDuration::from_hours(1);
        let mut cloud = Cloud::new(7, Profile::instant(), then);
        let spec =
            ApplicationSpec { client_id: Some(CLIENT), display_name: "billing".to_owned(), ..ApplicationSpec::default() };
        cloud.create_application(then, spec);
        let spec = |name: &str| PasswordSpec { display_name: Some(name.to_owned()), start: None, end: None };
        cloud.add_password(then, APP, spec("somebody else's")).unwrap();
        let old = cloud.add_password(then, APP, spec("made by hand")).unwrap();
        let mut world = World {
            cloud,
            now: then,
            old,
            fields: String::new(),
            tables: String::new(),
            tenant: TENANT,
            client_id: CLIENT,
            wanted: Wanted::default(),
            operator: Operator::All,
            wrong_secret: false,
        };
        let value = world.old.value.clone();
        [EAST, WEST].into_iter().for_each(|host| {
            world.cloud.create_vault(host);
            world.publish(host, &value, &[("cost-center", "4711")]);
        });
        world
    }

    pub fn key(&self) -> KeyId {
        KeyId(self.old.key_id)
    }

    /// Another secret of the application.
    pub fn add(&mut self, name: &str, end: Option<Timestamp>) -> NewPassword {
        let spec = PasswordSpec { display_name: Some(name.to_owned()), start: None, end };
        self.cloud.stage().password(self.now, APP, spec).unwrap()
    }

    /// A new current version.
    pub fn publish(&mut self, host: &str, value: &Value, tags: &[(&str, &str)]) -> String {
        let tags: BTreeMap<String, String> = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (value, content_type) = (value.clone(), None);
        let write = SecretWrite { value, content_type, tags, enabled: true, not_before: None, expires: None };
        self.cloud.set_secret(self.now, host, SECRET, write).unwrap().id
    }

    pub fn runbook(&self) -> Runbook {
        let World { fields, tables, tenant, client_id, .. } = self;
        let overlap = if fields.contains("overlap") { "" } else { "overlap = \"1h\"\n" };
        let text = format!(
            "cloud = \"sandbox\"\ntenant = \"{tenant}\"\nclient_id = \"{client_id}\"\nowner = \"Suite\"\ncontact = \"Nobody\"\n\
             settle = \"0s\"\n{overlap}{fields}\n\
             [secret]\nlifetime = \"90d\"\n[proof]\nwindow = \"0s\"\nspacing = \"10ms\"\nlimit = \"1s\"\n\
             [[vault]]\nurl = \"https://{EAST}\"\nsecret = \"{SECRET}\"\ntags = {{ team = \"billing\" }}\n\
             [[vault]]\nurl = \"https://{WEST}\"\nsecret = \"{SECRET}\"\n{tables}"
        );
        Runbook::parse(text.as_bytes(), "table.toml").unwrap_or_else(|e| panic!("{e}\n{text}"))
    }
}

/// Where worlds are looked at: one server, whose cloud is replaced.
pub struct Observatory {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Observatory {
    pub async fn open() -> Observatory {
        let folder = tempfile::tempdir().unwrap();
        let options =
            ServeOptions { pace: Pace::Instant, seed: Some(7), ..ServeOptions::new(folder.path().join("sandbox")) };
        Observatory { server: Server::start(options).await.unwrap(), _folder: folder }
    }

    /// Looks at `world`, and sees that nothing was changed by it.
    pub async fn look(&self, world: &mut World) -> Looked {
        let operator = world.cloud.stage().operator(world.now, world.operator).unwrap();
        self.server.with_cloud(|cloud| *cloud = world.cloud.clone()).unwrap();
        let before = self.server.with_cloud(|cloud| cloud.clone()).unwrap();
        let endpoint = self.server.endpoint();
        let ca = std::fs::read_to_string(&endpoint.ca_file).unwrap();
        let cloud = Endpoints::sandbox(endpoint.address, ca).unwrap();
        let runbook = world.runbook();
        let vault = |v: &keyrelay::runbook::Vault| VaultSecret {
            url: format!("https://{}", v.url.host()).parse().unwrap(),
            secret: v.secret.as_str().to_owned(),
            content_type: None,
            tags: v.tags.clone(),
        };
        let secret = if world.wrong_secret { "not-it".to_owned() } else { text(&operator.secret) };
        let services = AzureServices::new(Connection {
            proof_scope: cloud.graph_scope(),
            cloud,
            tenant: world.tenant.to_string(),
            client_id: world.client_id,
            vaults: runbook.vaults.iter().map(vault).collect(),
            operator: OperatorSignIn::ClientSecret {
                tenant: TENANT.to_string(),
                client_id: operator.client_id.to_string(),
                secret: secret.into(),
            },
            timeouts: Timeouts::default(),
        })
        .unwrap();
        let patience = Patience { limit: SignedDuration::ZERO, not_found: SignedDuration::ZERO };
        let look = Preflight { services: &services, clock: &ServiceClock::default(), stop: &NeverStop, patience };
        let looked = look.look(&runbook, |at| RunId::new(at, 0), &world.wanted).await;
        let after = self.server.with_cloud(|cloud| cloud.clone()).unwrap();
        assert_eq!(before.revision(), after.revision(), "a look changed something");
        looked
    }
}

/// The checks of a kind; there is always one.
pub fn of(looked: &Looked, check: CheckId) -> Vec<&Check> {
    let found: Vec<&Check> = looked.checks.iter().filter(|c| c.check == check).collect();
    assert!(!found.is_empty(), "{check} is missing");
    found
}

/// What stands in the way or should be known, in words.
pub fn remarkable(looked: &Looked) -> Vec<String> {
    let odd = looked.checks.iter().filter(|c| c.verdict != Verdict::Ok);
    odd.map(|c| format!("{} {}: {} [{:?}]", c.verdict.as_str(), c.check, c.sentence(), c.mend)).collect()
}

/// A secret in clear, as the sandbox saves it.
pub fn text(value: &Value) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// The operator's own client ID.
pub const ITSELF: Uuid = OPERATOR;
