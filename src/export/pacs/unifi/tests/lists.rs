//! Lists: pages of any length, whole or an error.

use super::*;

fn crowd(double: &Double<Sim>, count: u32) {
    double.with(|sim| {
        for number in 1..=count {
            let name = if number % 7 == 0 { String::new() } else { format!("DW-{number}") };
            sim.enrol("Ada", "Lovelace", &name);
        }
    });
}

/// All persons, and how many pages they came in.
async fn all(unifi: &Unifi) -> Result<(Vec<ListedPerson>, usize), PacsError> {
    let (mut persons, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = unifi.persons(after.as_deref()).await?.expect("it has such a list");
        pages += 1;
        persons.extend(page.persons);
        after = page.next;
        if after.is_none() {
            return Ok((persons, pages));
        }
    }
}

#[tokio::test]
async fn persons_come_page_by_page_whoever_made_them() {
    let (double, unifi) = world();
    crowd(&double, 250);
    let (persons, pages) = all(&unifi).await.expect("a list");
    assert_eq!((persons.len(), pages), (250 - 35, 3), "those without a name are nobody's");
    assert_eq!(persons[0], ListedPerson { ext_id: "DW-1".into(), native_id: "user-0001".into() });
    // A console that gives less than it was asked for, and one that does not say how much there is.
    for (page_max, totals, expected) in [(30, true, 9), (30, false, 10), (100, false, 4)] {
        double.with(|sim| (sim.page_max, sim.totals) = (page_max, totals));
        let (same, pages) = all(&unifi).await.expect("a list");
        assert_eq!((same.len(), pages), (persons.len(), expected), "{page_max} {totals}");
    }
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_look_up_reads_every_page_before_it_says_that_nobody_is_there() {
    let double = Double::start(sim());
    crowd(&double, 100);
    double.with(|sim| sim.page_max = 10);
    // The search gives nobody, so that its first page is its last.
    for (find_users, page) in [("list", "page_num=2&"), ("search", "page_num=1&")] {
        let unifi = adapter(&double, &[("find_users", find_users.into())]);
        let ids = Ids { ext_id: "DW-100".into(), ..Ids::default() };
        let last = step(ItemKind::Person, Act::LookUp, Some(ada()), ids);
        assert_eq!(unifi.execute(&last).await, found("user-0100", Some(true)), "{find_users}");
        let ids = Ids { ext_id: "DW-1000".into(), ..Ids::default() };
        let nobody = step(ItemKind::Person, Act::LookUp, Some(ada()), ids);
        assert_eq!(kind_of(&unifi.execute(&nobody).await), "NotFound", "{find_users}");
        // When a page fails, nobody knows.
        for kind in [FaultKind::status(500), FaultKind::CutBefore, says("CODE_SYSTEM_ERROR")] {
            double.fault(Fault::on("GET", page, kind));
            assert_eq!(kind_of(&unifi.execute(&nobody).await), "NotSent", "{find_users}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let (double, unifi) = world();
    crowd(&double, 3);
    let short = json!({ "code": "SUCCESS", "msg": "success", "data": [], "pagination": { "total": 3 } });
    for body in
        [short, json!({ "code": "SUCCESS", "msg": "success" }), json!({ "code": "CODE_SYSTEM_ERROR" })]
    {
        let fault = FaultKind::Status { status: 200, headers: Vec::new(), body };
        double.fault(Fault::next(fault.clone()));
        all(&unifi).await.expect_err("it is not whole");
        double.fault(Fault::next(fault));
        assert_eq!(kind_of(&unifi.execute(&person(Act::LookUp, None)).await), "NotSent");
    }
    unifi.persons(Some("elsewhere")).await.expect_err("there is no such page");
    let nameless =
        json!({ "code": "SUCCESS", "data": [{ "employee_number": "DW-1" }], "pagination": { "total": 1 } });
    let fault = FaultKind::Status { status: 200, headers: Vec::new(), body: nameless };
    double.fault(Fault::next(fault));
    all(&unifi).await.expect_err("one has no id");
}

#[tokio::test]
async fn entitlements_are_the_access_policies() {
    let (double, unifi) = world();
    let kinds = [ACCESS_POLICY.to_owned(), "Group".to_owned()];
    let policies = unifi.entitlements(&kinds).await.expect("a list");
    let named: Vec<_> =
        policies.iter().map(|one| (one.pacs_ref.as_str(), one.display_name.as_str())).collect();
    assert_eq!(named, [("club", "Chess club"), ("lab", "Laboratory"), ("main", "Main entrance")]);
    assert!(policies.iter().all(|one| one.kind == ACCESS_POLICY));
    double.take_requests();
    assert_eq!(unifi.entitlements(&kinds[1..]).await.expect("a list"), Vec::new());
    assert!(double.take_requests().is_empty(), "there is nothing to ask for");
    for data in [json!(null), json!([{ "name": "Main entrance" }])] {
        let body = json!({ "code": "SUCCESS", "msg": "success", "data": data });
        double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
        unifi.entitlements(&kinds).await.expect_err("what is missing would count as deleted");
    }
    let body = json!({ "code": "SUCCESS", "data": [{ "id": "main" }], "pagination": { "total": 2 } });
    double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
    let error = unifi.entitlements(&kinds).await.expect_err("a page is not the whole").to_string();
    assert!(error.contains("1 of 2"), "{error}");
    double.fault(Fault::next(says("CODE_UNAUTHORIZED")));
    let error = unifi.entitlements(&kinds).await.expect_err("it has no permission").to_string();
    assert!(error.contains("CODE_UNAUTHORIZED"), "{error}");
}
