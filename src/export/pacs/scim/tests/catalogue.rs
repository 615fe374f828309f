//! Lists: whole, or an error.

use super::*;
use crate::export::pacs::ListedPerson;

fn entitlements(double: &Double<Server>, count: usize) {
    double.with(|server| {
        for at in 0..count {
            let kind = if at % 5 == 4 { "Zone" } else { "AccessProfile" };
            server.add("Entitlements", json!({ "type": kind, "displayName": format!("Door {at}") }));
        }
    });
}

fn wanted() -> Vec<String> {
    vec!["AccessProfile".into()]
}

#[tokio::test]
async fn entitlements_come_in_pages_that_the_server_cuts_as_it_likes() {
    let (double, scim) = world(Habits { page_max: 3, ..Habits::default() });
    assert_eq!(scim.entitlements(&wanted()).await.expect("an empty list").len(), 0);
    entitlements(&double, 10);
    let all = scim.entitlements(&wanted()).await.expect("a list");
    assert_eq!(all.len(), 8);
    let first =
        PacsEntitlement { pacs_ref: "1".into(), kind: "AccessProfile".into(), display_name: "Door 0".into() };
    assert!(all.contains(&first));
    assert_eq!(double.requests().len(), 5);
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let (double, scim) = world(Habits { page_max: 3, ..Habits::default() });
    entitlements(&double, 10);
    let error = async || scim.entitlements(&wanted()).await.expect_err("it is not whole").to_string();
    double.fault(Fault::on("GET", "startIndex=4", FaultKind::status(500)));
    assert!(error().await.contains("500"));
    double.fault(Fault::on("GET", "startIndex=4", FaultKind::CutBefore));
    assert!(error().await.contains("no whole answer"));
    let page = |body| FaultKind::Status { status: 200, headers: Vec::new(), body };
    double.fault(Fault::on("GET", "startIndex=4", page(json!({ "totalResults": 10, "startIndex": 4 }))));
    assert!(error().await.contains("/Resources"), "an empty page before the end");
    double.fault(Fault::on("GET", "startIndex=4", page(json!({ "totalResults": 3, "startIndex": 4 }))));
    assert!(error().await.contains("changed"));
    double.fault(Fault::on("GET", "startIndex=1", page(json!({ "Resources": [] }))));
    assert!(error().await.contains("/totalResults"));
    double.fault(Fault::on(
        "GET",
        "startIndex=1",
        page(json!({ "totalResults": 1, "Resources": [{ "id": "1" }] })),
    ));
    assert!(error().await.contains("scim.entitlements.type"));
    double.with(|server| server.habits.ignores_start = true);
    assert!(error().await.contains("/startIndex"), "the same page again and again");
    assert_eq!(double.faults_left(), 0);
}

#[tokio::test]
async fn persons_come_page_by_page_whoever_made_them() {
    let (double, scim) = world(Habits { page_max: 2, ..Habits::default() });
    double.with(|server| {
        for user in
            [json!({ "externalId": "PA1" }), json!({ "userName": "by hand" }), json!({ "externalId": "X" })]
        {
            server.add("Users", user);
        }
    });
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = scim.persons(after.as_deref()).await.expect("a page").expect("it has a list");
        all.extend(page.persons);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let person =
        |ext_id: &str, native_id: &str| ListedPerson { ext_id: ext_id.into(), native_id: native_id.into() };
    assert_eq!(all, [person("PA1", "1"), person("X", "3")]);
    assert_eq!(double.requests().len(), 2);
    assert!(scim.persons(Some("0")).await.is_err());
    assert!(scim.persons(Some("last")).await.is_err());
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_probe_shows_whether_the_server_answers_and_takes_the_login() {
    let (double, scim) = world(Habits::default());
    scim.probe().await.expect("it answers");
    let (section, properties) = section();
    let guess = Scim::new(section.clone(), &properties, &settings(&double.url(), "guess")).expect("it fits");
    let error = guess.probe().await.expect_err("a wrong token").to_string();
    assert!(error.contains("401") && !error.contains("guess"), "{error}");
    double.fault(Fault::next(FaultKind::status(503)));
    assert!(scim.probe().await.expect_err("it is down").to_string().contains("503"));
    let open = PacsSettings { password: None, ..settings(&double.url(), "") };
    double.with(|server| server.habits.token = None);
    Scim::new(section, &properties, &open).expect("it fits").probe().await.expect("no token is wanted");
    assert_eq!(double.violations().len(), 1, "the file says that a login is wanted");
}
