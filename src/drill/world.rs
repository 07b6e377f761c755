//! The world of a drill: the cloud, its time, who lives in it, and what goes wrong.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::act::{Act, ByHand, Rights};
use super::command::choices;
use super::consumers::{Life, People};
use super::debrief::{Happened, Typed};
use super::desk::Desk;
use super::scenario::{Incident, Scenario, length};
use super::scene;
use super::{Audience, Voice};
use crate::driver::CrashPoint;
use crate::error::Error;
use crate::rotation::names::Tag;
use crate::runbook::{Cloud as RunbookCloud, Runbook};
use crate::sandbox::cloud::{AppRef, Cloud, CloudError, NewPassword, Operator, PasswordSpec, Value, VaultRight};
use crate::sandbox::in_process::timeline::{Actor, Timeline};

/// Time goes on after the end for no longer than this, whatever the caches.
const LONGEST_TAIL: SignedDuration = SignedDuration::from_hours(24 * 8);

/// Clones are the same world.
#[derive(Clone)]
pub(super) struct World {
    pub(super) scenario: Rc<Scenario>,
    pub(super) cloud: Rc<RefCell<Cloud>>,
    pub(super) time: Timeline,
    pub(super) people: People,
    pub(super) actors: Rc<RefCell<Vec<Actor>>>,
    /// The secret that was there before.
    pub(super) old: Rc<NewPassword>,
    /// Since when no replica takes it.
    pub(super) old_refused: Rc<Cell<Option<Timestamp>>>,
    pub(super) typed: Rc<RefCell<Vec<Typed>>>,
    pub(super) happened: Rc<RefCell<Vec<Happened>>>,
    runbook: Rc<RefCell<Rc<Runbook>>>,
    /// Fields of the scenario's runbook that were changed; none where somebody brought a runbook.
    changed: Rc<RefCell<Option<toml::Table>>>,
    /// Which incidents have been set off.
    set_off: Rc<RefCell<Vec<bool>>>,
    folder: Rc<PathBuf>,
    audience: Rc<RefCell<Box<dyn Audience>>>,
}

impl World {
    pub(super) fn new(
        scenario: &Scenario,
        mut runbook: Runbook,
        folder: &Path,
        audience: Rc<RefCell<Box<dyn Audience>>>,
    ) -> Result<World, Error> {
        let own = scenario.runbook().is_ok_and(|r| r == runbook);
        // whatever cloud it names: here it is the sandbox, in process
        runbook.cloud = RunbookCloud::Sandbox;
        let runbook = Rc::new(runbook);
        let (cloud, old) = scene::cloud(scenario, &runbook)?;
        let (cloud, time) = (Rc::new(RefCell::new(cloud)), Timeline::new(scenario.starts));
        let lives: Vec<Life> = scenario.consumer.iter().map(Life::new).collect();
        let lives = Rc::new(RefCell::new(lives));
        let people = People { lives, cloud: Rc::clone(&cloud), runbook: Rc::clone(&runbook), time: time.clone() };
        Ok(World {
            set_off: Rc::new(RefCell::new(vec![false; scenario.incident.len()])),
            scenario: Rc::new(scenario.clone()),
            cloud,
            time,
            people,
            actors: Rc::default(),
            old: Rc::new(old),
            old_refused: Rc::default(),
            typed: Rc::default(),
            happened: Rc::default(),
            runbook: Rc::new(RefCell::new(runbook)),
            changed: Rc::new(RefCell::new(own.then(toml::Table::new))),
            folder: Rc::new(folder.to_owned()),
            audience,
        })
    }

    /// The runbook that a rotation is started with now.
    pub(super) fn runbook(&self) -> Rc<Runbook> {
        Rc::clone(&self.runbook.borrow())
    }

    pub(super) fn app(&self) -> AppRef {
        AppRef::Client(self.people.runbook.client_id.get())
    }

    pub(super) fn hear(&self, voice: Voice, text: &str) {
        self.audience.borrow_mut().hear(self.time.now(), voice, text);
    }

    pub(super) fn decide(&self) -> Option<String> {
        self.audience.borrow_mut().decide(self.time.now(), &choices(&self.scenario.mend))
    }

    /// Consumers begin to live, and time runs towards what goes wrong.
    pub(super) fn begin(&self) {
        let consumers = 0..self.scenario.consumer.len();
        let mut actors: Vec<Actor> = consumers.map(|n| Box::pin(self.people.clone().live(n)) as Actor).collect();
        actors.push(Box::pin(self.clone().watch_the_old_secret()));
        self.actors.borrow_mut().extend(actors);
        for (n, incident) in self.scenario.incident.iter().enumerate() {
            if let Some(at) = incident.at {
                self.set_off.borrow_mut().get_mut(n).into_iter().for_each(|done| *done = true);
                self.later(n, length(at));
            }
        }
    }

    fn later(&self, n: usize, pause: SignedDuration) {
        let world = self.clone();
        self.actors.borrow_mut().push(Box::pin(async move {
            world.time.sleep(pause).await;
            if let Some(incident) = world.scenario.incident.get(n) {
                world.happens(incident);
            }
        }));
    }

    /// keyrelay comes by a place. Returns whether its process is killed there.
    pub(super) fn passes(&self, point: CrashPoint) -> bool {
        let (mut killed, name) = (false, point.to_string());
        for (n, incident) in self.scenario.incident.iter().enumerate() {
            let here = incident.on.as_deref() == Some(name.as_str());
            let fresh = |done: &mut bool| here && !std::mem::replace(done, *done || here);
            if !self.set_off.borrow_mut().get_mut(n).is_some_and(fresh) {
                continue;
            }
            match incident.later {
                Some(pause) => self.later(n, length(pause)),
                None => self.happens(incident),
            }
            killed |= incident.kill;
        }
        killed
    }

    fn happens(&self, incident: &Incident) {
        self.happened.borrow_mut().push(Happened { at: self.time.now(), what: incident.what.clone() });
        if let Some(say) = &incident.say {
            self.hear(Voice::World, say);
        }
        self.does(&incident.does);
    }

    /// Does what people or incidents do.
    pub(super) fn does(&self, act: &Act) {
        if let Err(e) = self.in_the_cloud(act) {
            self.hear(Voice::World, &format!("that did not work: {}", e.message));
        }
        if act.second_agent {
            self.second_agent();
        }
        self.people.restart(&act.restart);
        if !act.runbook.is_empty() {
            self.change_runbook(&act.runbook);
        }
    }

    fn in_the_cloud(&self, act: &Act) -> Result<(), CloudError> {
        let now = self.time.now();
        let cloud = &mut *self.cloud.borrow_mut();
        cloud.advance(now);
        if act.clear_faults {
            cloud.stage().faults().clear();
        }
        // that each is a rule was seen when the scenario was read
        for rule in act.fault.iter().filter_map(|f| f.rule().ok()) {
            cloud.stage().faults().add(rule);
        }
        let vaults = &self.people.runbook.vaults;
        let meant = vaults.iter().enumerate().filter(|(n, _)| act.vault.is_none_or(|v| usize::from(v) == *n));
        for (_, vault) in meant {
            let (host, name) = (vault.url.host(), vault.secret.as_str());
            if let Some(rights) = act.vault_rights {
                let rights: &[VaultRight] = match rights {
                    Rights::None => &[],
                    Rights::User => &VaultRight::USER,
                    Rights::Officer => &VaultRight::OFFICER,
                };
                let agent = cloud.operator(Operator::All)?.object_id;
                cloud.stage().vault_rights(host, agent, rights);
            }
            let value = match act.by_hand {
                None => continue,
                Some(ByHand::OldValue) => self.old.value.clone(),
                Some(ByHand::Junk) => Value::new("what somebody had on the clipboard".to_owned()),
                Some(ByHand::NewSecret) => {
                    let display_name = Some("added by hand in the portal".to_owned());
                    let spec = PasswordSpec { display_name, start: None, end: None };
                    cloud.stage().password(now, self.app(), spec)?.value
                }
            };
            cloud.set_secret(now, host, name, scene::by_hand(value))?;
        }
        if act.remove_old {
            cloud.remove_password(now, self.app(), self.old.key_id)?;
        }
        if act.remove_orphans {
            let served: Vec<_> = vaults.iter().map(|v| cloud.served(v.url.host(), v.secret.as_str())).collect();
            let standings = cloud.standings(now, self.app());
            let ours = standings.iter().filter(|s| s.living && Tag::leading(&s.display_name).is_some());
            for orphan in ours.filter(|s| !served.contains(&Some(s.key_id))) {
                cloud.remove_password(now, self.app(), orphan.key_id)?;
            }
        }
        Ok(())
    }

    fn change_runbook(&self, fields: &toml::Table) {
        let mut changed = self.changed.borrow_mut();
        let Some(changed) = changed.as_mut() else {
            return self.hear(Voice::World, "change your own runbook, and begin the drill again");
        };
        changed.extend(fields.clone());
        match self.scenario.runbook_with(changed) {
            Ok(runbook) => *self.runbook.borrow_mut() = Rc::new(runbook),
            Err(e) => self.hear(Voice::World, &format!("the runbook is none any more: {e}")),
        }
    }

    fn second_agent(&self) {
        let world = self.clone();
        self.actors.borrow_mut().push(Box::pin(async move {
            let folder = world.folder.join("other-machine");
            let heard = match Desk::new(world.clone(), "another agent", &folder) {
                Ok(desk) => desk.as_a_pipeline().await,
                Err(e) => Err(e),
            };
            match heard {
                Ok(line) => world.hear(Voice::World, &format!("the other agent's pipeline: {line}")),
                Err(e) => world.hear(Voice::World, &format!("the other agent's pipeline failed: {e}")),
            }
        }));
    }

    async fn watch_the_old_secret(self) {
        while self.old_refused.get().is_none() {
            let now = self.time.now();
            self.cloud.borrow_mut().advance(now);
            let standings = self.cloud.borrow().standings(now, self.app());
            let old = standings.iter().find(|s| s.key_id == self.old.key_id);
            if !old.is_some_and(|s| s.accepted_somewhere()) {
                self.old_refused.set(Some(now));
            }
            // while nobody has removed it there is little to see
            let pause = if old.is_some_and(|s| s.living) { 30 } else { 1 };
            self.time.sleep(SignedDuration::from_secs(pause)).await;
        }
    }

    /// How long after the end a consumer may still live on what it has read.
    pub(super) fn tail(&self) -> SignedDuration {
        let caches = self.scenario.consumer.iter().map(|c| length(c.cache));
        caches.max().unwrap_or_default().saturating_add(SignedDuration::from_hours(1)).min(LONGEST_TAIL)
    }
}
