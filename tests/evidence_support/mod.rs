//! Runs as their journals tell them, made by the driver that ships in virtual time.
#![allow(dead_code)] // each suite uses its part

use jiff::{SignedDuration, Timestamp};
use keyrelay::driver::CrashPoint;
use keyrelay::journal::record::{RecordHash, encode, parse};
use keyrelay::ports::Granted;
use keyrelay::rotation::Event;
use keyrelay::run::{ApplicationFacts, By, GrantedThen, Record, Run, Start};
use keyrelay::runbook::Runbook;
use serde_json::Value;

use crate::world::{CLIENT, SECRET, World, host};

pub(crate) fn never(_: CrashPoint) -> bool {
    false
}

/// Killed when it reaches `point` for the `nth` time, from 1.
pub(crate) fn kill_at(point: &str, nth: u32) -> impl FnMut(CrashPoint) -> bool + 'static {
    let (point, mut count): (CrashPoint, u32) = (point.parse().unwrap(), 0);
    move |p| {
        count += u32::from(p == point);
        p == point && count == nth
    }
}

/// The runbook that fits a world.
pub(crate) fn runbook(world: &World) -> Runbook {
    let mut text = format!(
        "cloud = \"sandbox\"\ntenant = \"5a9db0c5-0000-4000-8000-000000000001\"\nclient_id = \"{CLIENT}\"\n\
         owner = \"Billing team\"\ncontact = \"billing on call\"\noverlap = \"{}s\"\nsettle = \"15m\"\n",
        world.scene.overlap
    );
    for v in 0..world.scene.vaults {
        text += &format!("[[vault]]\nurl = \"https://{}\"\nsecret = \"{SECRET}\"\n", host(v));
    }
    if world.scene.consumers {
        text += "[[consumer]]\nname = \"checkout | web\"\ncache = \"2h\"\nrefresh = { command = [\"true\"] }\n\
                 check = { command = [\"true\"] }\n";
    }
    Runbook::parse(text.as_bytes(), "billing.toml").unwrap_or_else(|e| panic!("{e:?}"))
}

/// A permission of Microsoft Graph.
fn granted(name: &str) -> Granted {
    let resource_client_id = Some("00000003-0000-0000-c000-000000000000".to_owned());
    let resource = "Microsoft Graph | all".to_owned();
    Granted { resource, resource_client_id, role_id: uuid::Uuid::nil(), name: Some(name.to_owned()) }
}

pub(crate) fn start(world: &World) -> Start {
    Start {
        tool: "0.1.0".into(),
        plan: (*world.plan).clone(),
        runbook: runbook(world),
        runbook_file: "runbooks/billing.toml".into(),
        application: ApplicationFacts {
            client_id: CLIENT.to_string(),
            object_id: "5a9db0c5-0b1e-4000-8000-000000000007".into(),
            display_name: "billing".into(),
        },
        by: By { identity: "app rotator".into(), user: "kim".into(), host: "ops-1".into(), ci: None },
        reason: Some("yearly change".into()),
        ticket: Some("OPS-1".into()),
        correlation: None,
        granted: world.plan.emergency.as_ref().map(|_| GrantedThen::Read(vec![granted("Mail.Read"), granted("Own.Role")])),
        rebuilt: false,
    }
}

/// A run from `events`, through the journal's bytes, as it would be read from disk.
pub(crate) fn run_from(start: Start, begun: Timestamp, events: &[(Timestamp, Event)]) -> Run {
    let (mut bytes, mut head) = (Vec::new(), RecordHash::NONE);
    let first = (begun, Record::Started(Box::new(start)));
    let rest = events.iter().map(|(at, event)| (*at, Record::Event(event.clone())));
    for (seq, (at, record)) in (0..).zip(std::iter::once(first).chain(rest)) {
        let (line, hash) = encode(seq, Some(at), at - SignedDuration::from_hours(24), &record, head).unwrap();
        bytes.extend(line);
        head = hash;
    }
    Run::replay(parse::<Record>(&bytes).unwrap().records).unwrap()
}

/// The run of a world as it stands.
pub(crate) fn run(world: &World) -> Run {
    run_from(start(world), world.begun(), &world.journal.borrow())
}

/// The same run after its first `records` records.
pub(crate) fn first(run: &Run, records: usize) -> Run {
    Run::replay(run.records[..records].to_vec()).unwrap()
}

/// Gives each answer ids that name its record: `req-<seq>`, `cli-<seq>`; those of a second sign-in begin with `token-`.
pub(crate) fn with_ids(world: &World) -> Run {
    let journal = world.journal.borrow();
    let named = (1..).zip(journal.iter()).map(|(seq, (at, event))| {
        let mut json = serde_json::to_value(event).unwrap();
        for (member, id) in [("trace", "req"), ("sign_in_trace", "token")] {
            if let Some(Value::Object(trace)) = json.get_mut(member) {
                trace.insert("request_id".into(), format!("{id}-{seq}").into());
                trace.insert("client_request_id".into(), format!("cli-{seq}").into());
            }
        }
        (*at, serde_json::from_value(json).unwrap())
    });
    run_from(start(world), world.begun(), &named.collect::<Vec<_>>())
}

pub(crate) fn event(run: &Run, record: u64) -> &Event {
    match &run.records[usize::try_from(record).unwrap()].event {
        Record::Event(event) => event,
        Record::Started(_) => panic!("record {record} starts the run"),
    }
}

pub(crate) fn at(run: &Run, record: u64) -> Timestamp {
    run.records[usize::try_from(record).unwrap()].at.unwrap()
}

/// Somebody writes the secret of a vault by hand.
pub(crate) fn write_by_hand(world: &World, vault: u8) {
    use keyrelay::sandbox::cloud::{AppRef, PasswordSpec, SecretWrite};
    let now = world.time.get();
    let mut cloud = world.cloud.borrow_mut();
    let spec = PasswordSpec { display_name: Some("somebody's".into()), start: None, end: None };
    let made = cloud.add_password(now, AppRef::Client(CLIENT), spec).unwrap();
    let write = SecretWrite {
        value: made.value,
        content_type: None,
        tags: Default::default(),
        enabled: true,
        not_before: None,
        expires: None,
    };
    cloud.set_secret(now, &host(vault), SECRET, write).unwrap();
}
