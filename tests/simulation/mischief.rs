//! What can happen to a run, as a list that can be drawn, printed, shortened and played again.

use jiff::SignedDuration;
use keyrelay::rotation::names::{RunId, Tag};
use keyrelay::rotation::plan::{Baseline, Delete, OnFailure, VaultStart, Way};
use keyrelay::sandbox::cloud::{AppRef, PasswordSpec, SecretUpdate, SecretWrite};

use crate::draw::Draw;
use crate::faults::FaultKind;
use crate::world::scene::{by_hand, plan};
use crate::world::{CLIENT, SECRET, Scene, Start, World, host, range, seconds};

/// One thing that happens. Times are in seconds after the run has begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mischief {
    /// At the request of this number, over all processes.
    Fault { request: u32, kind: FaultKind },
    /// The process of this number is killed when it comes by a crash point for the `point`th time, now and then within a line of
    /// the journal.
    Kill { process: u32, point: u64, torn: bool },
    /// Nobody starts the process of this number for so long.
    Away { process: u32, for_seconds: i64 },
    /// The process of this number is a rollback, where that is open.
    WayBack { process: u32 },
    /// Somebody adds a credential of their own, and removes it later.
    Foreign { at: i64, for_seconds: i64 },
    /// A person sets the vault's secret by hand.
    Edit { at: i64, vault: u8, what: Edit },
    /// Another host, which does not know this one's journal, begins a run of its own.
    SecondWriter { at: i64 },
    /// The wall clock of the machine is set.
    WallClock { at: i64, hours: i64 },
    /// The machine sleeps, its monotonic clock with it.
    Suspended { at: i64, for_seconds: i64 },
}

/// What a person does to a vault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Edit {
    /// A new version with a credential of their own.
    OwnValue,
    /// A new version with what the vault serves already, tags and all.
    SameAgain,
    /// The version that is served is disabled.
    Disable,
}

/// Where a run sets out from, and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub scene: Scene,
    pub mischief: Vec<Mischief>,
}

impl Day {
    /// The day of a seed. Each kind of mischief is switched on or off for the whole day, so that rare meetings of two kinds are not
    /// drowned by the others.
    pub(crate) fn draw(seed: u64) -> Day {
        let mut draw = Draw(seed);
        let two_at_most = draw.one_in(4);
        let slow = [10_000, 45_000, 90_000][draw.index(3)];
        let mut scene = Scene {
            seed,
            start: [Start::Alive, Start::Alive, Start::None, Start::Expired][draw.index(4)],
            vaults: 1 + u8::from(draw.one_in(2)),
            two_at_most,
            foreign: if two_at_most || draw.one_in(2) { 0 } else { draw.below(39) as u8 },
            overlap: [60, 300, 1200][draw.index(3)],
            on_failure: if draw.one_in(3) { OnFailure::Rollback } else { OnFailure::Operator },
            delete: if draw.one_in(8) { Delete::Never } else { Delete::Auto },
            consumers: draw.one_in(6),
            service_time: true,
            ..Scene::default()
        };
        scene.profile.appears = range(0, slow);
        scene.profile.vanishes = range(0, slow);
        scene.profile.lists = range(0, slow);
        scene.second_empty = scene.vaults == 2 && scene.start == Start::Alive && draw.one_in(6);
        if draw.one_in(2) {
            scene = scene.brief();
        }
        if scene.start == Start::Alive && !scene.second_empty && draw.one_in(4) {
            scene.leak = Some([Way::Replace, Way::Replace, Way::RevokeFirst, Way::RevokeOnly][draw.index(4)]);
            // what a plan of an emergency never says otherwise
            (scene.delete, scene.on_failure) = (Delete::Auto, OnFailure::Operator);
            scene.profile.deletion = range(0, 15_000);
        }
        let on = draw.below(512);
        let mut mischief = Vec::new();
        let mut some = |bit: u64, most: u64, draw: &mut Draw, one: &dyn Fn(&mut Draw) -> Mischief| {
            if on >> bit & 1 == 1 {
                let count = 1 + draw.below(most);
                mischief.extend((0..count).map(|_| one(draw)));
            }
        };
        let vaults = u64::from(scene.vaults);
        some(0, 4, &mut draw, &|d| {
            let kinds = FaultKind::ALL.len() as u64;
            Mischief::Fault { request: d.below(70) as u32, kind: FaultKind::ALL[d.below(kinds) as usize] }
        });
        some(1, 3, &mut draw, &|d| Mischief::Kill { process: d.below(3) as u32, point: d.below(90), torn: d.one_in(3) });
        some(2, 2, &mut draw, &|d| Mischief::Away { process: 1 + d.below(3) as u32, for_seconds: d.below(40_000) as i64 });
        some(3, 1, &mut draw, &|d| Mischief::WayBack { process: 1 + d.below(3) as u32 });
        some(4, 6, &mut draw, &|d| Mischief::Foreign { at: d.below(2000) as i64, for_seconds: d.below(4000) as i64 });
        if draw.one_in(4) {
            some(5, 2, &mut draw, &|d| {
                let what = [Edit::OwnValue, Edit::SameAgain, Edit::Disable][d.index(3)];
                Mischief::Edit { at: d.below(2500) as i64, vault: d.below(vaults) as u8, what }
            });
        }
        if draw.one_in(4) && scene.start == Start::Alive && !scene.second_empty {
            // most of them at a moment when this run has not added its secret yet: later ones see its tag and refuse
            some(6, 1, &mut draw, &|d| {
                let at = if d.one_in(4) { d.below(2000) as i64 } else { 0 };
                Mischief::SecondWriter { at }
            });
        }
        some(7, 4, &mut draw, &|d| Mischief::WallClock { at: d.below(2000) as i64, hours: [-24, 24][d.index(2)] });
        some(8, 2, &mut draw, &|d| Mischief::Suspended { at: d.below(2000) as i64, for_seconds: d.below(7200) as i64 });
        Day { scene, mischief }
    }

    /// Whether somebody else does what a run can only stop at: then it may need a person.
    pub(crate) fn meddled(&self) -> bool {
        self.mischief.iter().any(|m| match m {
            Mischief::Edit { .. } | Mischief::SecondWriter { .. } => true,
            Mischief::Foreign { .. } => self.scene.two_at_most,
            _ => false,
        })
    }
}

/// Lets whoever meddles live beside the run. The second writer's world is given back: it must come to an end too.
pub(crate) fn bring_in(day: &Day, beside: &World, stopped: &std::rc::Rc<std::cell::Cell<bool>>) -> Vec<World> {
    let mut writers = Vec::new();
    for mischief in day.mischief.iter().copied() {
        let (world, stopped, timeline) = (beside.for_others(), stopped.clone(), beside.timeline.clone());
        let sleep = async move |at: i64| timeline.sleep(seconds(at)).await;
        let actor: keyrelay::sandbox::in_process::timeline::Actor = match mischief {
            Mischief::Foreign { at, for_seconds } => Box::pin(async move {
                sleep(at).await;
                let spec = PasswordSpec { display_name: Some("somebody else's".into()), start: None, end: None };
                let now = world.time.get();
                let Ok(made) = world.cloud.borrow_mut().add_password(now, AppRef::Client(CLIENT), spec) else { return };
                sleep(for_seconds).await;
                let now = world.time.get();
                let gone = world.cloud.borrow_mut().remove_password(now, AppRef::Client(CLIENT), made.key_id);
                assert!(gone.is_ok(), "S4: somebody else's credential was gone");
            }),
            Mischief::Edit { at, vault, what } => Box::pin(async move {
                sleep(at).await;
                if !stopped.get() {
                    edit(&world, vault, what);
                }
            }),
            Mischief::WallClock { at, hours } => Box::pin(async move {
                sleep(at).await;
                world.local.set(world.local.get() + SignedDuration::from_hours(hours));
            }),
            Mischief::Suspended { at, for_seconds } => Box::pin(async move {
                sleep(at).await;
                world.suspended.set(world.suspended.get() + seconds(for_seconds));
                world.time.set(world.time.get() + seconds(for_seconds));
            }),
            Mischief::SecondWriter { at } => {
                let writer = second_writer(&world);
                let Some(writer) = writer else { continue };
                writers.push(writer.clone());
                Box::pin(async move {
                    sleep(at).await;
                    if !stopped.get() && !sees_a_run(&world) {
                        let _ = writer.live(false, false, |_| false).await;
                    }
                })
            }
            Mischief::Fault { .. } | Mischief::Kill { .. } | Mischief::Away { .. } | Mischief::WayBack { .. } => continue,
        };
        beside.actors.borrow_mut().push(actor);
    }
    writers
}

pub(crate) fn edit(world: &World, vault: u8, what: Edit) {
    let now = world.time.get();
    let mut cloud = world.cloud.borrow_mut();
    match what {
        Edit::OwnValue => {
            let spec = PasswordSpec { display_name: Some("by hand".into()), start: None, end: None };
            let Ok(made) = cloud.add_password(now, AppRef::Client(CLIENT), spec) else { return };
            let _ = cloud.set_secret(now, &host(vault), SECRET, by_hand(made.value));
        }
        Edit::SameAgain => {
            let Some(latest) = cloud.latest_version(&host(vault), SECRET).cloned() else { return };
            let write = SecretWrite {
                tags: latest.tags,
                content_type: latest.content_type,
                expires: latest.expires,
                ..by_hand(latest.value)
            };
            let _ = cloud.set_secret(now, &host(vault), SECRET, write);
        }
        Edit::Disable => {
            let off = SecretUpdate { enabled: Some(false), ..SecretUpdate::default() };
            let _ = cloud.update_secret(now, &host(vault), SECRET, None, off);
        }
    }
}

/// What `plan` finds, and then refuses to begin.
fn sees_a_run(world: &World) -> bool {
    let now = world.time.get();
    let mut cloud = world.cloud.borrow_mut();
    cloud.advance(now);
    let listed = cloud.password_credentials(now, AppRef::Client(CLIENT)).unwrap_or_default();
    let tags = listed.iter().filter_map(|c| Tag::leading(c.display_name.as_deref().unwrap_or_default()));
    tags.into_iter().any(|t| t.target == world.plan.target)
}

/// The run that another host would begin from what is there before anybody has changed anything.
fn second_writer(world: &World) -> Option<World> {
    let baseline = Baseline::Alive { key_id: world.baseline? };
    let vaults: Vec<VaultStart> = world.plan.vaults.clone();
    let plan = plan(&world.scene, RunId::new(world.begun(), 77), baseline, vaults);
    Some(world.beside(plan, world.baseline))
}
