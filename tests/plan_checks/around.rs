//! What lies around a run: other runs, other runbooks, clocks, ends, consumers.

use jiff::SignedDuration;
use keyrelay::preflight::{CheckId as C, OtherUse, Verdict as V};
use keyrelay::rotation::names::{KeyId, Tag};
use uuid::Uuid;

use crate::table::{Row, other_run};
use crate::world::World;

/// A secret that another run of the same runbook has added.
fn left_by_another_run(world: &mut World) {
    let tag = Tag { target: world.runbook().target(), run: other_run(), attempt: 1 };
    world.add(&tag.display_name("x"), None);
}

fn used_elsewhere(world: &mut World) {
    world.wanted.other_uses = vec![OtherUse {
        run: other_run(),
        runbook_file: "invoices.md".to_owned(),
        key_ids: [world.key()].into(),
        places: vec!["invoices in south".to_owned()],
    }];
}

fn consumer(world: &mut World, lines: &str) {
    world.tables = format!("[[consumer]]\nname = \"billing-api\"\n{lines}\n");
}

pub const ROWS: &[Row] = &[
    Row(
        "an unfinished run here",
        |w| w.wanted.unfinished = Some(other_run()),
        C::UnfinishedRun,
        V::Refused,
        "run 20261101t000000z-haaa of the same target",
        "keyrelay resume 20261101t000000z-haaa",
    ),
    Row(
        "an unfinished run elsewhere",
        left_by_another_run,
        C::UnfinishedRun,
        V::Refused,
        "run 20261101t000000z-haaa of the same target",
        "keyrelay adopt RUNBOOK",
    ),
    Row(
        "a run elsewhere that may be unfinished, in vaults that are not clear",
        |w| {
            left_by_another_run(w);
            w.wanted.old_key = Some(KeyId(Uuid::from_u128(1)));
        },
        C::UnfinishedRun,
        V::Unknown,
        "run 20261101t000000z-haaa has a credential here; whether it is unfinished depends on baseline",
        "",
    ),
    Row(
        "a run that has ended",
        |w| {
            left_by_another_run(w);
            w.wanted.known_runs.insert(other_run(), true);
        },
        C::UnfinishedRun,
        V::Warning,
        "has ended and left a credential behind",
        "",
    ),
    Row(
        "another runbook's secret",
        used_elsewhere,
        C::SharedSecret,
        V::Refused,
        "is also that of invoices in south: run 20261101t000000z-haaa of invoices.md left it there",
        "--shared-key-ok",
    ),
    Row(
        "another runbook's secret, and a person's word",
        |w| {
            used_elsewhere(w);
            w.wanted.shared_key_ok = true;
        },
        C::SharedSecret,
        V::Warning,
        "allowed by --shared-key-ok",
        "",
    ),
    Row(
        "another runbook's secret, which stays",
        |w| {
            used_elsewhere(w);
            w.fields = "delete = \"never\"".to_owned();
        },
        C::SharedSecret,
        V::Warning,
        "it stays",
        "",
    ),
    Row(
        "a clock that is slow",
        |w| w.cloud.stage().clock_offset(SignedDuration::from_mins(6)),
        C::Clock,
        V::Warning,
        "behind the services'",
        "timedatectl",
    ),
    Row(
        "a clock that is fast",
        |w| w.cloud.stage().clock_offset(SignedDuration::from_mins(-6)),
        C::Clock,
        V::Warning,
        "ahead of the services'",
        "timedatectl",
    ),
    Row(
        "a clock that is a little slow",
        |w| w.cloud.stage().clock_offset(SignedDuration::from_mins(4)),
        C::Clock,
        V::Ok,
        "agrees",
        "",
    ),
    Row(
        // an hour of overlap, and `now` is an hour ago
        "a secret that ends too soon",
        |w| assert!(w.cloud.stage().password_ends(w.old.key_id, w.now + SignedDuration::from_mins(119))),
        C::Expiry,
        V::Warning,
        "whoever still uses it then will fail",
        "overlap",
    ),
    Row(
        "a long cache",
        |w| consumer(w, "cache = \"2h\""),
        C::ConsumerCache,
        V::Warning,
        "may keep the old value for 2h, longer than the overlap of 1h",
        "overlap = \"2h\"",
    ),
    Row(
        "a pinned reference",
        |w| {
            let reference =
                "@Microsoft.KeyVault(SecretUri=https://east/secrets/api-secret/4d9a06b9fd85adbb455e4036a0b75c52)";
            consumer(w, &format!("refresh = {{ command = [\"deploy\", \"{reference}\"] }}"));
        },
        C::ConsumerVersion,
        V::Refused,
        "names version 4d9a06b9fd85adbb455e4036a0b75c52",
        "leave the version out",
    ),
    Row(
        "a pinned reference, and the old secret stays",
        |w| {
            w.fields = "delete = \"never\"".to_owned();
            let url = "https://proxy.example/secrets/api-secret/4d9a06b9fd85adbb455e4036a0b75c52";
            consumer(w, &format!("check = {{ http = \"{url}\" }}"));
        },
        C::ConsumerVersion,
        V::Warning,
        "names version",
        "leave the version out",
    ),
    Row(
        "a version of another secret",
        |w| consumer(w, "check = { http = \"https://billing.example/secrets/another/4d9a06b9fd85adbb455e4036a0b75c52\" }"),
        C::ConsumerVersion,
        V::Ok,
        "no consumer's command or URL",
        "",
    ),
];
