//! The report of a leak: who used it, and what they could do.

use keyrelay::evidence::Report;
use keyrelay::rotation::plan::{Emergency, Way};
use keyrelay::run::{GrantedThen, Run};
use keyrelay::sandbox::cloud::{Resource, SignInRecord, SignInSeries};

use crate::check;
use crate::evidence_support::*;
use crate::world::{CLIENT, Scene, World, seconds};

/// A leak that is answered, and that somebody made use of.
pub(crate) fn leak() -> Run {
    let mut world = World::new(Scene { leak: Some(Way::Replace), vaults: 2, consumers: true, ..Scene::default() });
    let mut plan = (*world.plan).clone();
    plan.emergency = plan.emergency.map(|e| Emergency { exposed_at: Some(world.begun() - seconds(24 * 3600)), ..e });
    world.plan = plan.into();
    let first = SignInRecord {
        at: world.begun() - seconds(5 * 3600),
        client_id: CLIENT,
        key_id: world.baseline.map(|key_id| key_id.0),
        resource: Some(Resource::Vault),
        address: "2001:db8::7".parse().unwrap(),
        correlation_id: None,
        error: 0,
    };
    let series = SignInSeries { first, every: seconds(60), count: 40 };
    world.cloud.borrow_mut().stage().sign_ins(series);
    world.process(false, false, never).unwrap();
    run(&world)
}

#[test]
fn a_leak_is_shown_with_who_used_it_and_what_they_could_do() {
    let report = check(&leak());
    let facts = report.emergency.as_ref().unwrap();
    assert!(facts.proven_dead_at.is_some() && facts.sign_ins.known, "{facts:#?}");
    // theirs, and the one of the run's own that a replica accepted: this world has no key by which its own are known
    assert_eq!((facts.sign_ins.total, facts.sign_ins.expected), (Some(41), Some(0)));
    let had = report.permissions.as_ref().unwrap();
    assert_eq!(had.granted.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Mail.Read", "Own.Role"]);
    let (markdown, html) = (report.to_markdown(), report.to_html());
    // 40 of them, a minute apart, from five hours before on
    let row = r"| 2001:db8::7 | NO | ";
    assert!(markdown.contains(row) && markdown.contains(" | 40 | 0 |"), "{markdown}");
    assert!(
        markdown.contains("| Mail.Read | Microsoft Graph \\| all | EVERYBODY'S DATA | reads everybody's mail |"),
        "{markdown}"
    );
    assert!(markdown.contains("| Own.Role | Microsoft Graph \\| all | not judged |  |  |"), "{markdown}");
    for says in ["What it could do", "Sign-ins with the leaked secret", "EVERYBODY&#39;S DATA", "<td>2001:db8::7</td>"] {
        assert!(html.contains(says), "{says}: {html}");
    }
    let mut unread = leak();
    unread.start.granted = Some(GrantedThen::Unread("the service said \u{1b}[1m403".to_owned()));
    let (markdown, html) = (Report::of(&unread).to_markdown(), Report::of(&unread).to_html());
    for text in [markdown, html] {
        assert!(text.contains("CANNOT KNOW: its application permissions could not be read") && !text.contains('\u{1b}'));
    }
}
