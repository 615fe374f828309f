//! Persons: found by name, compared, written, deactivated and deleted.

use super::*;
use doorward_sim::unifi::Status;

#[tokio::test]
async fn a_look_up_takes_only_our_own_name() {
    let (double, unifi) = world();
    let ours = double.with(|sim| {
        for other in ["", "DW-10", "dw-1", " DW-1"] {
            sim.enrol("Ada", "Lovelace", other);
        }
        sim.enrol("Ada", "Lovelace", "DW-1")
    });
    let removal = Step { content: None, ..person(Act::LookUp, None) };
    for keys in [&[] as &[(&str, toml::Value)], &[("find_users", "search".into())]] {
        let unifi = adapter(&double, keys);
        assert_eq!(unifi.execute(&person(Act::LookUp, None)).await, found(&ours, Some(true)));
        assert_eq!(unifi.execute(&removal).await, found(&ours, None));
    }
    // Whoever was deactivated is there all the same.
    double.with(|sim| sim.users.get_mut(&ours).expect("it is there").status = Status::Deactivated);
    for find_users in ["list", "search"] {
        let unifi = adapter(&double, &[("find_users", find_users.into())]);
        assert_eq!(
            unifi.execute(&person(Act::LookUp, None)).await,
            found(&ours, Some(false)),
            "{find_users}"
        );
    }
    let strange = Ids { ext_id: "DW-1&status=x #".into(), ..Ids::default() };
    let strange = step(ItemKind::Person, Act::LookUp, None, strange);
    assert_eq!(kind_of(&unifi.execute(&strange).await), "NotFound");
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn several_of_one_employee_number_are_told_apart_by_what_the_ledger_knows() {
    let (double, unifi) = world();
    let ids = double.with(|sim| [0, 1, 2].map(|_| sim.enrol("Ada", "Lovelace", "DW-1")));
    let answer = unifi.execute(&person(Act::LookUp, Some(&ids[1]))).await;
    assert!(
        matches!(&answer, Answer::Several { native_id, extra, .. } if *native_id == ids[1] && *extra == ids[0]),
        "{answer:?}"
    );
    for extra in [&ids[0], &ids[2]] {
        let remove = Step { act: Act::RemoveExtra, ..person(Act::Remove, Some(extra)) };
        assert_eq!(unifi.execute(&remove).await, done(None));
    }
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&ids[1]))).await, found(&ids[1], Some(true)));
}

#[tokio::test]
async fn a_list_that_misses_one_while_it_changes_does_not_make_it_vanish() {
    let (double, unifi) = world();
    let id = made(&unifi, &person(Act::Create, None)).await;
    let empty = || {
        let body = json!({ "code": "SUCCESS", "msg": "success", "data": [], "pagination": { "total": 0 } });
        Fault::on("GET", "/users?", FaultKind::Status { status: 200, headers: Vec::new(), body })
    };
    double.fault(empty());
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(true)));
    double.with(|sim| sim.users.get_mut(&id).expect("it is there").employee_number = "DW-2".into());
    double.fault(empty());
    assert_eq!(kind_of(&unifi.execute(&person(Act::LookUp, Some(&id))).await), "NotFound");
}

#[tokio::test]
async fn a_hand_edit_is_seen_and_an_update_undoes_it() {
    let (double, unifi) = world();
    let id = made(&unifi, &person(Act::Create, None)).await;
    let edits: [fn(&mut doorward_sim::unifi::User); 3] = [
        |user| user.first_name = "Eda".into(),
        |user| user.last_name.clear(),
        |user| user.status = Status::Deactivated,
    ];
    for edit in edits {
        double.with(|sim| edit(sim.users.get_mut(&id).expect("it is there")));
        assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(false)));
        assert_eq!(unifi.execute(&person(Act::Update, Some(&id))).await, done(None));
        assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(true)));
    }
    // An invitation that is open is not ours to close, and an address that we never send differs from
    // nothing.
    double.with(|sim| {
        let user = sim.users.get_mut(&id).expect("it is there");
        user.status = Status::Pending;
        user.user_email = "eda@example.org".into();
    });
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(true)));
}

#[tokio::test]
async fn addresses_are_sent_only_where_the_profile_says_so() {
    let double = Double::start(sim());
    let unifi = adapter(&double, &[("send_email", true.into())]);
    let id = made(&unifi, &person(Act::Create, None)).await;
    assert_eq!(double.with(|sim| sim.users[&id].user_email.clone()), "ada@example.org");
    double.with(|sim| sim.users.get_mut(&id).expect("it is there").user_email = "eve@example.org".into());
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(false)));
    let Content::Person(fields) = ada() else { panic!("it is a person") };
    let nameless = Content::Person(PersonFields { email: None, ..fields });
    let update = Step { content: Some(nameless), ..person(Act::Update, Some(&id)) };
    assert_eq!(unifi.execute(&update).await, done(None));
    assert_eq!(double.with(|sim| sim.users[&id].user_email.clone()), "");
    assert_eq!(unifi.execute(&Step { act: Act::LookUp, ..update }).await, found(&id, Some(true)));
}

#[tokio::test]
async fn only_a_deactivated_user_is_deleted_and_a_deletion_that_fails_leaves_nothing_open() {
    let (double, unifi) = world();
    let id = made(&unifi, &person(Act::Create, None)).await;
    let remove = person(Act::Remove, Some(&id));
    for (fault, meaning) in [
        (Fault::on("DELETE", "", says("CODE_OPERATION_FORBIDDEN")), "Unknown"),
        (Fault::on("DELETE", "", FaultKind::status(429)), "Unknown"),
        (Fault::on("DELETE", "", FaultKind::status(500)), "Unknown"),
        (Fault::on("DELETE", "", FaultKind::status(401)), "Unknown"),
        (Fault::on("PUT", "", FaultKind::status(429)), "TryLater"),
        (Fault::on("PUT", "", says("CODE_PARAMS_INVALID")), "Refused"),
    ] {
        double.fault(fault);
        let answer = unifi.execute(&remove).await;
        assert_eq!(kind_of(&answer), meaning, "{answer:?}");
        assert_eq!(double.with(|sim| sim.users[&id].status), Status::Deactivated);
    }
    // Wanted again before it was deleted: found as it is, then made active.
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&id))).await, found(&id, Some(false)));
    assert_eq!(unifi.execute(&person(Act::Update, Some(&id))).await, done(None));
    assert_eq!(double.with(|sim| sim.users[&id].status), Status::Active);
    // Someone deletes it between the two requests.
    double.fault(Fault::on("DELETE", "", says("CODE_USER_WORKER_NOT_EXISTS")));
    assert_eq!(kind_of(&unifi.execute(&remove).await), "NotFound");
    assert_eq!(unifi.execute(&remove).await, done(None));
    assert!(double.with(|sim| sim.users.is_empty()));
}

#[tokio::test]
async fn a_request_without_an_id_is_never_sent_and_an_id_cannot_leave_its_place() {
    let (double, unifi) = world();
    double.with(|sim| sim.enrol("Eve", "Moneypenny", ""));
    for id in [None, Some("")] {
        for act in [Act::Update, Act::Remove, Act::RemoveExtra] {
            let step = Step { act, ..person(Act::Update, id) };
            assert_eq!(kind_of(&unifi.execute(&step).await), "NotSent", "{act:?}");
        }
    }
    let nameless = step(ItemKind::Person, Act::Create, Some(ada()), Ids::default());
    assert_eq!(kind_of(&unifi.execute(&nameless).await), "NotSent");
    for act in [Act::Create, Act::Remove, Act::LookUp] {
        for kind in [ItemKind::Credential, ItemKind::Permission] {
            let mut orphan = child(kind, act, CARD, Some("x"), "");
            orphan.ids.person_native_id = None;
            assert_eq!(kind_of(&unifi.execute(&orphan).await), "NotSent", "{kind:?} {act:?}");
        }
    }
    let unnamed = child(ItemKind::Credential, Act::Remove, CARD, None, "user-0001");
    assert_eq!(kind_of(&unifi.execute(&unnamed).await), "NotSent");
    assert!(double.take_requests().is_empty());
    for strange in ["..", "../users/user-0001", "user-0001?x", "user-0001#", "search"] {
        let remove = person(Act::Remove, Some(strange));
        assert_eq!(kind_of(&unifi.execute(&remove).await), "NotFound", "{strange}");
    }
    assert!(double.with(|sim| sim.users.values().all(|user| user.status == Status::Active)));
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_that_the_console_does_not_have_is_refused_and_takes_nothing_along() {
    let (double, unifi) = world();
    let id = made(&unifi, &person(Act::Create, None)).await;
    double.with(|sim| sim.users.get_mut(&id).expect("it is there").policies = vec!["club".into()]);
    let create = child(ItemKind::Permission, Act::Create, "vanished", None, &id);
    let answer = unifi.execute(&create).await;
    assert!(
        matches!(&answer, Answer::Refused { words, .. } if words.contains("CODE_NOT_EXISTS")),
        "{answer:?}"
    );
    assert_eq!(double.with(|sim| sim.users[&id].policies.clone()), ["club"]);
    // What is there already needs no request that changes anything.
    double.take_requests();
    let create = child(ItemKind::Permission, Act::Create, "club", None, &id);
    assert_eq!(unifi.execute(&create).await, done(Some("club")));
    assert_eq!(double.take_requests().len(), 1);
    let absent = child(ItemKind::Permission, Act::LookUp, "main", None, &id);
    assert_eq!(kind_of(&unifi.execute(&absent).await), "NotFound");
}

#[tokio::test]
async fn a_set_of_policies_that_cannot_be_read_whole_is_not_written() {
    let (double, unifi) = world();
    let id = made(&unifi, &person(Act::Create, None)).await;
    for data in [json!([{ "name": "Chess club" }]), json!({}), json!("none")] {
        let body = json!({ "code": "SUCCESS", "msg": "success", "data": data });
        double.fault(Fault::on("GET", "", FaultKind::Status { status: 200, headers: Vec::new(), body }));
        double.take_requests();
        let create = child(ItemKind::Permission, Act::Create, "main", None, &id);
        assert_eq!(kind_of(&unifi.execute(&create).await), "NotSent", "{data}");
        assert_eq!(double.take_requests().len(), 1, "{data}");
    }
}
