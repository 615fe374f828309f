//! Cards: imported, found again, somebody else's.

use super::*;
use ItemKind::Credential;
use doorward_sim::unifi::Again;

fn enrolled(double: &Double<Sim>, number: &str) -> String {
    double.with(|sim| sim.enrol("Ada", "Lovelace", number))
}

#[tokio::test]
async fn a_card_that_somebody_else_holds_is_a_conflict_and_stays_theirs() {
    let (double, unifi) = world();
    let (eve, ada) = (enrolled(&double, "DW-2"), enrolled(&double, "DW-1"));
    double.with(|sim| sim.again = Again::SameToken);
    let token = made(&unifi, &child(Credential, Act::Create, CARD, None, &eve)).await;
    let answer = unifi.execute(&child(Credential, Act::Create, CARD, None, &ada)).await;
    assert!(
        matches!(&answer, Answer::Conflict { words } if words.contains("CODE_CREDS_NFC_HAS_BIND_USER")),
        "{answer:?}"
    );
    let update = child(Credential, Act::Update, CARD, Some(&token), &ada);
    assert_eq!(kind_of(&unifi.execute(&update).await), "Refused");
    let look_up = child(Credential, Act::LookUp, CARD, None, &ada);
    assert_eq!(kind_of(&unifi.execute(&look_up).await), "NotFound");
    // The console would take it from whoever holds it.
    for act in [Act::Remove, Act::RemoveExtra] {
        let remove = child(Credential, act, CARD, Some(&token), &ada);
        assert_eq!(kind_of(&unifi.execute(&remove).await), "NotFound");
    }
    assert_eq!(double.with(|sim| sim.cards[&token].user.clone()), Some(eve));
}

#[tokio::test]
async fn a_card_that_the_console_has_already_is_found_whatever_it_says_to_an_import() {
    for again in [Again::SameToken, Again::NoToken, Again::Error] {
        for first in [false, true] {
            for lists_nfc_id in [false, true] {
                let double = Double::start(sim());
                let unifi = adapter(&double, &[("find_cards_first", first.into())]);
                let user = enrolled(&double, "DW-1");
                let create = child(Credential, Act::Create, CARD, None, &user);
                let token = made(&unifi, &create).await;
                double.with(|sim| {
                    (sim.again, sim.lists_nfc_id) = (again, lists_nfc_id);
                    // Behind a page of others.
                    for other in 0..250 {
                        sim.add_card(&format!("{other:08X}"), &format!("{other:08X}"), None);
                    }
                });
                let remove = child(Credential, Act::Remove, CARD, Some(&token), &user);
                assert_eq!(unifi.execute(&remove).await, done(None));
                assert_eq!(made(&unifi, &create).await, token, "{again:?}, first {first}, {lists_nfc_id}");
                assert_eq!(made(&unifi, &create).await, token, "it is the user's already");
                assert_eq!(double.with(|sim| sim.cards.len()), 251);
            }
        }
    }
}

#[tokio::test]
async fn a_number_under_another_alias_is_found_where_the_console_lists_numbers() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    let token = double.with(|sim| sim.add_card(CARD, "Spare 7", None));
    let create = child(Credential, Act::Create, CARD, None, &user);
    let answer = unifi.execute(&create).await;
    assert!(
        matches!(&answer, Answer::Refused { words, .. } if words.contains("did not import")),
        "{answer:?}"
    );
    double.with(|sim| sim.lists_nfc_id = true);
    assert_eq!(made(&unifi, &create).await, token);
    let look_up = child(Credential, Act::LookUp, CARD, None, &user);
    assert_eq!(unifi.execute(&look_up).await, found(&token, Some(true)));
}

#[tokio::test]
async fn an_alias_counts_only_where_the_number_is_not_given() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    let token = double.with(|sim| sim.add_card(OTHER_CARD, CARD, Some(&user)));
    let look_up = child(Credential, Act::LookUp, CARD, None, &user);
    assert_eq!(unifi.execute(&look_up).await, found(&token, Some(true)));
    double.with(|sim| sim.lists_nfc_id = true);
    assert_eq!(kind_of(&unifi.execute(&look_up).await), "NotFound");
}

#[tokio::test]
async fn a_card_is_found_among_the_users_own_without_changing_anything() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    let (ours, twin) = double.with(|sim| {
        sim.add_card(OTHER_CARD, "Spare", Some(&user));
        let ours = sim.add_card(CARD, CARD, Some(&user));
        (ours, sim.add_card("FF", "068e2836", Some(&user)))
    });
    let before = double.with(|sim| format!("{sim:?}"));
    let answer = unifi.execute(&child(Credential, Act::LookUp, CARD, Some(&twin), &user)).await;
    assert!(
        matches!(&answer, Answer::Several { native_id, extra, .. } if *native_id == twin && *extra == ours),
        "{answer:?}"
    );
    assert_eq!(double.with(|sim| format!("{sim:?}")), before);
    assert!(double.requests().iter().all(|request| request.method == "GET"));
    let extra = child(Credential, Act::RemoveExtra, CARD, Some(&twin), &user);
    assert_eq!(unifi.execute(&extra).await, done(None));
    // Its alias was changed by hand; the token is still the card's.
    double.with(|sim| sim.cards.get_mut(&ours).expect("it is there").alias = "Ada's".into());
    let removal = Step { content: None, ..child(Credential, Act::LookUp, CARD, Some(&ours), &user) };
    assert_eq!(unifi.execute(&removal).await, found(&ours, None));
}

#[tokio::test]
async fn a_number_that_the_console_cannot_take_is_refused_here() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    for strange in ["", "12-34", "A1,B2", "A1\r\nB2", "0x12", &"A".repeat(65)] {
        let create = child(Credential, Act::Create, strange, None, &user);
        let answer = unifi.execute(&create).await;
        assert!(
            matches!(&answer, Answer::Refused { words, .. } if words.contains("card_number_format")),
            "{strange}: {answer:?}"
        );
    }
    assert!(double.take_requests().is_empty());
    // It wants capitals.
    let token = made(&unifi, &child(Credential, Act::Create, "04a1b2c3", None, &user)).await;
    assert_eq!(double.with(|sim| sim.cards[&token].nfc_id.clone()), "04A1B2C3");
    let look_up = child(Credential, Act::LookUp, "04a1b2c3", None, &user);
    assert_eq!(unifi.execute(&look_up).await, found(&token, Some(true)));
}

#[tokio::test]
async fn an_assignment_that_was_not_done_leaves_a_card_that_opens_nothing() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    let create = child(Credential, Act::Create, CARD, None, &user);
    for (fault, meaning) in [
        (Fault::on("PUT", "nfc_cards", FaultKind::status(429)), "TryLater"),
        (Fault::on("PUT", "nfc_cards", FaultKind::status(401)), "TryLater"),
        (Fault::on("PUT", "nfc_cards", says("CODE_CREDS_NFC_CARD_INVALID")), "Refused"),
        (Fault::on("PUT", "nfc_cards", says("CODE_USER_WORKER_NOT_EXISTS")), "NotFound"),
        (Fault::on("PUT", "nfc_cards", FaultKind::status(500)), "Unknown"),
        (Fault::on("POST", "import", FaultKind::status(403)), "TryLater"),
        (Fault::on("POST", "import", says("CODE_SYSTEM_ERROR")), "Unknown"),
    ] {
        double.fault(fault);
        assert_eq!(kind_of(&unifi.execute(&create).await), meaning);
        assert!(double.with(|sim| sim.cards.values().all(|card| card.user.is_none())));
    }
    let token = made(&unifi, &create).await;
    assert_eq!(double.with(|sim| sim.cards.len()), 1);
    // Repeated by its token, it is done without another word.
    double.take_requests();
    let update = child(Credential, Act::Update, CARD, Some(&token), &user);
    assert_eq!(unifi.execute(&update).await, done(None));
    assert_eq!(double.take_requests().len(), 1);
}

#[tokio::test]
async fn a_user_without_a_list_of_cards_tells_nothing_of_them() {
    let (double, unifi) = world();
    let user = enrolled(&double, "DW-1");
    let token = made(&unifi, &child(Credential, Act::Create, CARD, None, &user)).await;
    for (cards, meaning) in [(json!({}), "NotSent"), (json!({ "nfc_cards": null }), "NotFound")] {
        for act in [Act::Remove, Act::LookUp] {
            let body = json!({ "code": "SUCCESS", "msg": "success", "data": cards });
            double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
            let step = child(Credential, act, CARD, Some(&token), &user);
            assert_eq!(kind_of(&unifi.execute(&step).await), meaning, "{act:?} {cards}");
        }
    }
    assert_eq!(double.with(|sim| sim.cards[&token].user.clone()), Some(user));
}
