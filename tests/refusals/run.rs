//! A refusal within a run: the same words, with the request's id and the step at which the run stands.

use std::cell::Cell;
use std::rc::Rc;

use keyrelay::evidence::{Report, Summary};
use keyrelay::rotation::answers::RefusalKind;
use keyrelay::sandbox::cloud::{OPERATOR, PrincipalRef, SignInTrouble, Trouble, VaultRight};
use keyrelay::sandbox::in_process::{Fault, Operation};

use crate::evidence_support::{never, with_ids};
use crate::world::{CLIENT, Scene, World, host};

/// What a person reads when the run has stopped, and the report.
fn told(world: &World) -> (String, String) {
    let run = with_ids(world);
    (Summary::of(&run, None).lines().join("\n"), Report::of(&run).to_markdown())
}

#[test]
fn a_vault_that_may_not_be_written() {
    let world = World::new(Scene::default());
    let operator = world.cloud.borrow().principal(PrincipalRef::Client(OPERATOR)).unwrap().object_id;
    world.cloud.borrow_mut().stage().vault_rights(&host(0), operator, &[VaultRight::Get, VaultRight::List]);
    world.process(false, false, never).unwrap();
    let (lines, report) = told(&world);
    let says = "The vault kv-0.vault.sandbox.localhost goes by roles, and the identity that rotates has none there that allows this \
                (while writing a new version to the vault, HTTP 403, Forbidden/ForbiddenByRbac, request-id req-";
    assert!(lines.contains(says), "{lines}");
    assert!(report.contains("goes by roles"), "{report}");
}

#[test]
fn a_read_that_is_refused_names_what_was_read() {
    let world = World::new(Scene::default());
    let written = Rc::new(Cell::new(false));
    *world.faults.borrow_mut() = Box::new(move |operation| {
        written.set(written.get() || matches!(operation, Operation::Write(..)));
        let refused = written.get() && matches!(operation, Operation::Current(_));
        if refused { Fault::Refused(RefusalKind::Forbidden) } else { Fault::None }
    });
    world.process(false, false, never).unwrap();
    let (lines, _) = told(&world);
    let says = "A read that the run depends on was refused. The vault kv-0.vault.sandbox.localhost does not allow this to the \
                identity that rotates (while reading the secret from the vault, SandboxFault, request-id req-";
    assert!(lines.contains(says), "{lines}");
    assert!(lines.contains("Needs an operator in the step \"smoke test\""), "{lines}");
    assert!(lines.contains("Nothing was changed on that account."), "{lines}");
}

#[test]
fn a_sign_in_that_is_not_about_the_secret() {
    let world = World::new(Scene::default());
    let why = SignInTrouble::ConditionalAccess;
    world.cloud.borrow_mut().stage().trouble(Trouble::SignIn { client: Some(CLIENT), why }, None);
    world.process(false, false, never).unwrap();
    let (lines, report) = told(&world);
    assert!(lines.contains("refused (AADSTS53003, invalid_grant)."), "{lines}");
    assert!(lines.contains("The secret was not judged."), "{lines}");
    assert!(report.contains("AADSTS53003"), "{report}");
}
