//! Calls in process meet the same stage as requests over the wire.

use std::cell::RefCell;
use std::rc::Rc;

use futures::executor::block_on;
use jiff::SignedDuration;
use keyrelay::ports::{Directory as _, Outcome, Read, TokenEndpoint as _, Vaults as _};
use keyrelay::rotation::answers::{RefusalKind, SignIn};
use keyrelay::rotation::names::VaultIx;
use keyrelay::sandbox::cloud::{GraphCall, GraphTrouble, Operator, SignInTrouble, Trouble, VaultRight};
use keyrelay::sandbox::in_process::{Fault, InProcess, Setup, VaultSetup};

use crate::scene::{APP, CLIENT, HOST, Scene, now};

/// Calls in process meet the same stage as requests over the wire.
#[test]
fn in_process_the_same_holds() {
    let mut scene = Scene::new(Operator::OwnedBy);
    let (acting, oid) = (scene.operator.client_id, scene.operator.object_id);
    scene.cloud.stage().clock_offset(SignedDuration::from_secs(600));
    let cloud = Rc::new(RefCell::new(scene.cloud));
    let setup = Setup {
        client_id: CLIENT,
        scope: "https://graph.microsoft.com/.default".into(),
        vaults: vec![VaultSetup { host: HOST.into(), secret: "billing".into(), ..VaultSetup::default() }],
    };
    let services = InProcess::new(Rc::clone(&cloud), setup.clone(), now).acting_as(acting);
    let kind = |read: Read<()>| read.map_or_else(|(refusal, _)| Err((refusal.kind, refusal.code)), |((), _)| Ok(()));
    let application = || kind(block_on(services.application()).map(|(_, t)| ((), t)));
    let current = || kind(block_on(services.current(VaultIx(0))).map(|(_, t)| ((), t)));

    assert_eq!(application(), Err((RefusalKind::Forbidden, "Authorization_RequestDenied".into())));
    cloud.borrow_mut().stage().add_owner(APP, oid).unwrap();
    assert_eq!(application(), Ok(()));
    assert_eq!(current(), Err((RefusalKind::Forbidden, "Forbidden/ForbiddenByRbac".into())));
    cloud.borrow_mut().stage().vault_rights(HOST, oid, &VaultRight::USER);
    assert_eq!(current(), Ok(()));
    let (_, trace) = block_on(services.application()).unwrap_or_else(|_| panic!("refused"));
    assert_eq!(trace.date, Some(now() + SignedDuration::from_secs(600)));

    let end = now() + SignedDuration::from_hours(24 * 365);
    let trouble = Trouble::Graph { call: GraphCall::AddPassword, why: GraphTrouble::Conflict };
    cloud.borrow_mut().stage().trouble(trouble, Some(1));
    let Outcome::NotApplied(refusal, _) = block_on(services.add_password("x", end)) else { panic!("not refused") };
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Conflict, "Directory_ConcurrencyViolation"));
    let Outcome::Applied(made, _) = block_on(services.add_password("x", end)) else { panic!("refused") };
    cloud.borrow_mut().stage().trouble(Trouble::SignIn { client: None, why: SignInTrouble::Throttled }, Some(1));
    let (answer, _) = block_on(services.sign_in(&made.value));
    assert!(matches!(answer, SignIn::Unavailable { .. }), "{answer:?}");
    assert!(matches!(block_on(services.sign_in(&made.value)).0, SignIn::Accepted));

    // A write that is refused does not land late either.
    let late = InProcess::new(Rc::clone(&cloud), setup, now).acting_as(acting).with_faults(|operation| {
        if operation.mutates() { Fault::Late(std::time::Duration::from_secs(1)) } else { Fault::None }
    });
    cloud.borrow_mut().stage().vault_rights(HOST, oid, &[]);
    let version = cloud.borrow().latest_version(HOST, "billing").unwrap().id.parse().unwrap();
    assert!(matches!(block_on(late.disable(VaultIx(0), version)), Outcome::InDoubt(..)));
    assert_eq!(cloud.borrow().on_their_way(), 0);
}
