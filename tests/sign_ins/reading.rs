//! Reading and counting: pages, the pace, ours and theirs, networks, and each way in which it cannot be known.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
use keyrelay::clock::Clock;
use keyrelay::correlation::CorrelationKey;
use keyrelay::driver::{NeverStop, Patience};
use keyrelay::rotation::names::KeyId;
use keyrelay::sandbox::cloud::{Cloud, GraphCall, GraphTrouble, OPERATOR, Range, RetryAfter, Role, SignInRecord, Trouble};
use keyrelay::sandbox::in_process::{InProcess, Setup};
use keyrelay::usage::{Circumstances, Networks, OwnSignIns, Question, Unknown, Usage, read};
use uuid::Uuid;

use crate::scene::{CLIENT, SCOPE, cloud, series, t};

/// Service time that moves when somebody sleeps.
pub(crate) struct Virtual(pub(crate) Rc<Cell<Timestamp>>);

impl Clock for Virtual {
    fn now(&self) -> Option<Timestamp> {
        Some(self.0.get())
    }
    fn local(&self) -> Timestamp {
        self.0.get()
    }
    fn observe(&self, _date: Timestamp) {}
    async fn sleep(&self, pause: SignedDuration) {
        self.0.set(self.0.get() + pause);
    }
}

pub(crate) struct Reading {
    pub(crate) cloud: Rc<RefCell<Cloud>>,
    now: Rc<Cell<Timestamp>>,
    services: InProcess,
}

const KEY: CorrelationKey = CorrelationKey::new([7; 16]);

impl Reading {
    fn of(cloud: Cloud) -> Reading {
        let (cloud, now) = (Rc::new(RefCell::new(cloud)), Rc::new(Cell::new(t(0))));
        let setup = Setup { client_id: CLIENT, scope: SCOPE.into(), vaults: Vec::new() };
        let clock = Rc::clone(&now);
        let services = InProcess::new(Rc::clone(&cloud), setup, move || clock.get()).known_by(KEY);
        Reading { cloud, now, services }
    }

    fn read(&self, key_id: Uuid, since: Timestamp) -> Usage {
        let networks = Networks(["10.0.0.0/8", "2001:db8::/32"].map(|n| n.parse().unwrap()).to_vec());
        let by = Circumstances { networks, own: OwnSignIns::of([KEY]), ..Circumstances::default() };
        let patience = Patience { limit: SignedDuration::from_mins(5), not_found: SignedDuration::ZERO };
        let question = Question { key_id: KeyId(key_id), since, by: &by };
        block_on(read(&self.services, &Virtual(Rc::clone(&self.now)), &NeverStop, patience, &question))
    }
}

fn hours(n: i64) -> Timestamp {
    t(n * 3600)
}

#[test]
fn foreign_sign_ins_are_counted_by_address_and_resource_once_each() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", hours(-20), 600, 40));
    cloud.stage().sign_ins(series(made.key_id, "::ffff:10.1.2.3", hours(-10), 60, 30));
    cloud.stage().sign_ins(series(Uuid::from_u128(9), "198.51.100.1", hours(-10), 60, 30));
    let failing = series(made.key_id, "2001:db8::5", hours(-9), 60, 2);
    let failing = SignInRecord { error: 53_003, ..failing.first.clone() };
    cloud
        .stage()
        .sign_ins(keyrelay::sandbox::cloud::SignInSeries { first: failing, ..series(made.key_id, "::1", hours(-9), 60, 2) });
    let usage = Reading::of(cloud).read(made.key_id, hours(-24));
    assert_eq!((usage.total, usage.expected, usage.own, usage.unknown.clone()), (72, 32, 0, None));
    let told: Vec<_> =
        usage.sources.iter().map(|s| (s.address.unwrap().to_string(), s.expected, s.count, s.failed)).collect();
    let by_hand = [("203.0.113.7", false, 40, 0), ("10.1.2.3", true, 30, 0), ("2001:db8::5", true, 2, 2)];
    let mut by_hand = by_hand.map(|(a, e, c, f)| (a.to_owned(), e, c, f)).to_vec();
    // the last ones: -13.5h, -9h31m, -8h59m
    by_hand.reverse();
    assert_eq!(told, by_hand);
    assert_eq!(usage.sources[2].first, hours(-20));
    assert_eq!(usage.last, Some(hours(-9) + SignedDuration::from_secs(60)));
    assert_eq!(usage.until, hours(-2), "two hours is the assumed log delay");
}

#[test]
fn ours_are_left_out_by_their_ids_and_a_copied_id_is_not_ours() {
    let (mut cloud, made) = cloud();
    let of = |id: Uuid, address: &str, hour| {
        let all = series(made.key_id, address, hours(hour), 1, 1);
        keyrelay::sandbox::cloud::SignInSeries { first: SignInRecord { correlation_id: Some(id), ..all.first }, ..all }
    };
    cloud.stage().sign_ins(of(KEY.id(1), "10.0.0.1", -5));
    cloud.stage().sign_ins(of(KEY.id(2), "10.0.0.1", -6));
    cloud.stage().sign_ins(of(CorrelationKey::new([8; 16]).id(2), "10.0.0.1", -7));
    // somebody has seen our id and sends it again, from elsewhere
    cloud.stage().sign_ins(of(KEY.id(1), "203.0.113.7", -8));
    let usage = Reading::of(cloud).read(made.key_id, hours(-24));
    assert_eq!((usage.own, usage.total, usage.expected), (2, 2, 1));
}

#[test]
fn our_own_sign_ins_in_process_are_ours() {
    use keyrelay::ports::{Directory, Outcome, TokenEndpoint};
    let (cloud, _) = cloud();
    let reading = Reading::of(cloud);
    let Outcome::Applied(added, _) = block_on(reading.services.add_password("x", hours(48))) else { panic!("refused") };
    for _ in 0..3 {
        assert!(block_on(reading.services.sign_in(&added.value)).0.accepted());
    }
    reading.now.set(hours(3));
    let usage = reading.read(added.key_id.0, hours(-1));
    assert_eq!((usage.own, usage.total, usage.unknown), (3, 0, None));
}

#[test]
fn more_than_five_pages_are_read_at_the_pace_that_the_service_allows() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", hours(-20), 5, 12_500));
    let reading = Reading::of(cloud);
    let usage = reading.read(made.key_id, hours(-24));
    assert_eq!((usage.total, usage.unknown), (12_500, None));
    // 12,500 and one in sixteen twice are 14 pages: two rests of 10.5 s, and never a refusal, which would cost a backoff more
    assert_eq!(reading.now.get(), t(21));
}

#[test]
fn where_somebody_else_reads_too_the_service_s_wait_is_kept() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", hours(-20), 60, 5));
    let after = Some(RetryAfter::Seconds(7));
    cloud.stage().trouble(Trouble::Graph { call: GraphCall::Read, why: GraphTrouble::Throttled(after) }, Some(2));
    let reading = Reading::of(cloud);
    assert_eq!(reading.read(made.key_id, hours(-24)).total, 5);
    assert_eq!(reading.now.get(), t(14));
}

#[test]
fn what_cannot_be_known_is_said_with_its_reason() {
    let why = |stage: &dyn Fn(&mut Cloud), since| {
        let (mut cloud, made) = cloud();
        cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", hours(-20), 60, 5));
        stage(&mut cloud);
        let usage = Reading::of(cloud).read(made.key_id, since);
        (usage.unknown.map(|u| u.name()), usage.total)
    };
    let throttled = Trouble::Graph { call: GraphCall::Read, why: GraphTrouble::Throttled(None) };
    let silent = Trouble::Graph { call: GraphCall::Read, why: GraphTrouble::Unavailable };
    let day = hours(-24);
    assert_eq!(why(&|_| (), day), (None, 5));
    assert_eq!(why(&|c| c.stage().premium(false), day), (Some("licence-missing"), 0));
    let revoke = |c: &mut Cloud| c.stage().revoke(OPERATOR, Role::AuditLogReadAll).unwrap();
    assert_eq!(why(&revoke, day), (Some("permission-missing"), 0));
    assert_eq!(why(&|c| c.stage().trouble(throttled.clone(), None), day), (Some("throttled"), 0));
    assert_eq!(why(&|c| c.stage().trouble(silent.clone(), None), day), (Some("no-answer"), 0));
    assert_eq!(why(&|_| (), t(-7199)), (Some("log-delay"), 0), "two hours are not over yet");
    assert_eq!(why(&|_| (), t(-7200)), (None, 0));
    assert_eq!(why(&|_| (), hours(-31 * 24)), (Some("retention"), 5), "and what was counted is told");
    let unnamed = |c: &mut Cloud| {
        let all = series(Uuid::nil(), "203.0.113.7", hours(-20), 60, 5);
        let first = SignInRecord { key_id: None, ..all.first };
        c.stage().sign_ins(keyrelay::sandbox::cloud::SignInSeries { first, ..all });
    };
    assert_eq!(why(&unnamed, day), (Some("no-key-id"), 5));
}

#[test]
fn throttled_in_the_middle_what_was_counted_so_far_is_told() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", hours(-20), 10, 3000));
    cloud.stage().sign_in_delay(Some(Range { from_ms: 0, to_ms: 0 }));
    let reading = Reading::of(cloud);
    let asked = Cell::new(0);
    let troubles = Rc::clone(&reading.cloud);
    // the third page and all that follow
    let setup = Setup { client_id: CLIENT, scope: SCOPE.into(), vaults: Vec::new() };
    let clock = Rc::clone(&reading.now);
    let services = InProcess::new(troubles, setup, move || clock.get()).with_faults(move |_| {
        asked.set(asked.get() + 1);
        use keyrelay::rotation::answers::RefusalKind;
        use keyrelay::sandbox::in_process::Fault;
        if asked.get() > 2 { Fault::Refused(RefusalKind::Throttled) } else { Fault::None }
    });
    let usage = Reading { services, ..reading }.read(made.key_id, hours(-24));
    assert_eq!(usage.unknown, Some(Unknown::Throttled));
    // two pages of a thousand, one in sixteen twice
    assert!((1800..2000).contains(&usage.total), "{}", usage.total);
}
