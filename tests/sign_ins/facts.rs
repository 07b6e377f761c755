//! What the sandbox imitates of the reports (azure-facts 1.8, 1.9, 1.10): each test names its fact.

use std::time::Instant;

use jiff::SignedDuration;
use keyrelay::sandbox::cloud::{OPERATOR, Range, Role, SignInFilter};
use uuid::Uuid;

use crate::scene::{CLIENT, OURS, SCOPE, ask, cloud, rows, series, sign_in, sign_ins, t};

const OTHER: Uuid = Uuid::from_u128(0x0e1);

#[test]
fn a_sign_in_is_recorded_with_the_key_id_of_its_credential_and_a_refused_one_without() {
    let (mut cloud, made) = cloud();
    sign_in(&mut cloud, t(0), CLIENT, &made.value, SCOPE).unwrap();
    let wrong = serde_json::from_value(serde_json::json!("no secret of anybody")).unwrap();
    assert_eq!(sign_in(&mut cloud, t(1), CLIENT, &wrong, "https://vault.azure.net/.default"), Err(7_000_215));
    let (_, body) = sign_ins(&mut cloud, t(2), OURS);
    let rows = rows(&body);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["servicePrincipalCredentialKeyId"], "", "empty text where there is none");
    assert_eq!(
        (&rows[0]["status"]["errorCode"], &rows[0]["resourceDisplayName"]),
        (&7_000_215.into(), &"Azure Key Vault".into())
    );
    assert_eq!(rows[1]["servicePrincipalCredentialKeyId"], made.key_id.to_string());
    assert_eq!((&rows[1]["status"]["errorCode"], &rows[1]["clientCredentialType"]), (&0.into(), &"clientSecret".into()));
    assert_eq!((&rows[1]["ipAddress"], &rows[1]["appDisplayName"]), (&"127.0.0.1".into(), &"billing".into()));
    assert_eq!(
        (&rows[1]["createdDateTime"], &rows[1]["resourceDisplayName"]),
        (&"2026-11-22T12:00:00Z".into(), &"Microsoft Graph".into())
    );
}

#[test]
fn a_record_appears_after_a_delay() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_in_delay(Some(Range { from_ms: 60_000, to_ms: 60_000 }));
    sign_in(&mut cloud, t(0), CLIENT, &made.value, SCOPE).unwrap();
    assert_eq!(rows(&sign_ins(&mut cloud, t(59), OURS).1).len(), 0);
    assert_eq!(rows(&sign_ins(&mut cloud, t(60), OURS).1).len(), 1);
}

#[test]
fn without_the_filter_by_event_type_and_in_v1_only_people_are_listed() {
    let (mut cloud, made) = cloud();
    sign_in(&mut cloud, t(0), CLIENT, &made.value, SCOPE).unwrap();
    for path in ["/beta/auditLogs/signIns".to_owned(), format!("/v1.0/auditLogs/signIns?$filter={OURS}")] {
        let (response, body) = ask(&mut cloud, t(1), &path);
        assert_eq!((response.status, rows(&body).len()), (200, 0), "{path}");
    }
}

#[test]
fn the_key_id_is_nothing_to_filter_by() {
    let (mut cloud, made) = cloud();
    let (status, body) = sign_ins(&mut cloud, t(0), &format!("servicePrincipalCredentialKeyId eq '{}'", made.key_id));
    assert_eq!((status, &body["error"]["code"]), (400, &"Request_UnsupportedQuery".into()));
}

#[test]
fn records_come_newest_first_in_pages_that_lead_to_one_another_and_some_are_listed_twice() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", t(-100), 2, 40));
    cloud.stage().sign_ins(series(OTHER, "203.0.113.8", t(-100), 3, 30));
    let filter = format!("{OURS} and createdDateTime ge {}", t(-90));
    let (mut path, mut pages) = (format!("/beta/auditLogs/signIns?$top=7&$filter={filter}"), Vec::new());
    for n in 0.. {
        let (response, body) = ask(&mut cloud, t(3 * n), &path);
        assert_eq!(response.status, 200);
        pages.push(rows(&body).clone());
        let Some(next) = body["@odata.nextLink"].as_str() else { break };
        assert!(
            next.contains("$top=7") && next.contains("createdDateTime"),
            "the link carries the request's parameters: {next}"
        );
        path = next.strip_prefix("https://graph.sandbox.localhost").unwrap().to_owned();
    }
    assert!(pages.iter().rev().skip(1).all(|p| p.len() == 7));
    let all: Vec<_> = pages.concat();
    let times: Vec<&str> = all.iter().map(|r| r["createdDateTime"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    // by hand: of the first, those at -90, -88, .. -22: 35; of the second, those at -88, -85, .. -13: 26
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 35 + 26);
    // one in sixteen by its id, which ends with its number: 15 (at -70) and 31 (at -38) of the first, 15 (at -55) of the second
    assert_eq!(all.len(), ids.len() + 3, "some are listed twice");
}

#[test]
fn a_page_holds_a_thousand_and_no_more_can_be_asked_for() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", t(-5000), 1, 5000));
    let (_, body) = sign_ins(&mut cloud, t(0), OURS);
    assert_eq!(rows(&body).len(), 1000);
    assert_eq!(ask(&mut cloud, t(3), &format!("/beta/auditLogs/signIns?$top=1001&$filter={OURS}")).0.status, 400);
}

#[test]
fn records_are_forgotten_after_thirty_days() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", t(-30 * 86_400), 86_400, 2));
    assert_eq!(rows(&sign_ins(&mut cloud, t(0), OURS).1).len(), 2);
    assert_eq!(rows(&sign_ins(&mut cloud, t(1), OURS).1).len(), 1);
}

#[test]
fn without_a_premium_licence_there_are_no_records() {
    let (mut cloud, _) = cloud();
    cloud.stage().premium(false);
    let (status, body) = sign_ins(&mut cloud, t(0), OURS);
    let code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
    assert_eq!((status, &body["error"]["code"]), (403, &code.into()));
}

#[test]
fn reading_takes_auditlog_read_all() {
    let (mut cloud, _) = cloud();
    cloud.stage().revoke(OPERATOR, Role::AuditLogReadAll).unwrap();
    for path in [format!("/beta/auditLogs/signIns?$filter={OURS}"), "/beta/reports/appCredentialSignInActivities".into()] {
        let (response, body) = ask(&mut cloud, t(0), &path);
        assert_eq!((response.status, &body["error"]["code"]), (403, &"Authorization_RequestDenied".into()), "{path}");
    }
}

#[test]
fn five_requests_in_ten_seconds_are_answered() {
    let (mut cloud, _) = cloud();
    for n in 0..5 {
        assert_eq!(sign_ins(&mut cloud, t(n), OURS).0, 200);
    }
    let (response, body) = ask(&mut cloud, t(5), "/beta/reports/appCredentialSignInActivities");
    assert_eq!((response.status, &body["error"]["code"]), (429, &"TooManyRequests".into()), "both reports count together");
    let after = response.headers.iter().find(|(n, _)| *n == "retry-after").unwrap().1.parse::<i64>().unwrap();
    // the first was at 0: at 10 there is room again
    assert!((5..=6).contains(&after), "{after}");
    assert_eq!(sign_ins(&mut cloud, t(5 + after), OURS).0, 200);
}

#[test]
fn the_report_of_credential_activity_names_the_last_sign_in_of_a_key() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", t(-100), 10, 5));
    let path = format!("/beta/reports/appCredentialSignInActivities?$filter=keyId eq '{}'", made.key_id);
    let (_, body) = ask(&mut cloud, t(0), &path);
    let item = &rows(&body)[0];
    assert_eq!(item["signInActivity"]["lastSignInDateTime"], "2026-11-22T11:59:00Z");
    assert_eq!((&item["keyType"], &item["credentialOrigin"]), (&"clientSecret".into(), &"application".into()));
    let none = ask(&mut cloud, t(3), &format!("/beta/reports/appCredentialSignInActivities?$filter=keyId eq '{OTHER}'")).1;
    assert!(rows(&none).is_empty());
    assert_eq!(ask(&mut cloud, t(6), "/v1.0/reports/appCredentialSignInActivities").0.status, 400, "beta only");
}

#[test]
fn callers_seem_to_come_from_where_the_stage_says() {
    let (mut cloud, made) = cloud();
    cloud.stage().callers_address(Some("2001:db8::7".parse().unwrap()));
    sign_in(&mut cloud, t(0), CLIENT, &made.value, SCOPE).unwrap();
    assert_eq!(rows(&sign_ins(&mut cloud, t(1), OURS).1)[0]["ipAddress"], "2001:db8::7");
}

#[test]
fn a_hundred_thousand_records_take_little_room_and_each_page_costs_what_is_on_it() {
    let (mut cloud, made) = cloud();
    cloud.stage().sign_ins(series(made.key_id, "203.0.113.7", t(-100_000), 1, 100_000));
    let state = serde_json::to_vec(&cloud).unwrap();
    assert!(state.len() < 8_000, "{}", state.len());
    let filter = SignInFilter { client_id: Some(CLIENT), ..SignInFilter::default() };
    let (begun, mut after, mut ids, mut pages) = (Instant::now(), None, std::collections::BTreeSet::new(), 0);
    let took = loop {
        let one = Instant::now();
        let page = cloud.sign_in_page(t(0), &filter, after, 1000);
        let took = one.elapsed();
        ids.extend(page.records.iter().map(|(id, _)| *id));
        (after, pages) = (page.next, pages + 1);
        if after.is_none() || pages == 90 {
            break took;
        }
    };
    // ninety pages with one in sixteen twice, and the ninetieth is as quick as the first
    assert!((84_000..85_000).contains(&ids.len()), "{}", ids.len());
    assert!(took * 20 < begun.elapsed(), "{took:?} of {:?}", begun.elapsed());
}

#[test]
fn a_record_is_of_the_moment_of_the_sign_in_whatever_the_clock_on_stage() {
    let (mut cloud, made) = cloud();
    cloud.stage().clock_offset(SignedDuration::from_secs(600));
    let now = cloud.service_time(t(0));
    sign_in(&mut cloud, now, CLIENT, &made.value, SCOPE).unwrap();
    let (_, body) = sign_ins(&mut cloud, t(0), OURS);
    // the token that asks is of the local time, and ten minutes old to the service
    assert_eq!(rows(&body)[0]["createdDateTime"], "2026-11-22T12:10:00Z");
}
