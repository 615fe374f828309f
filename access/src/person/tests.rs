//! What becomes of a user whose entitlements the PACS has ceased to define.

use super::{Facts, Need, Person, Settings, Time, person};
use crate::assignment::Assignment;
use crate::card::CardNumberFormat;
use crate::entitlement::Entitlement;
use crate::id::Key;
use crate::time::{UtcTime, Window};
use crate::trust::Trust;
use alloc::vec::Vec;

const NOW: UtcTime = UtcTime::from_unix(1000);

fn settings(required: bool) -> Settings {
    Settings {
        delete_user_on_no_access_token: required,
        delete_user_on_no_entitlement: required,
        user_identifier_prefix: "PA".into(),
        default_organization: None,
        email_type: "work".into(),
        identifier_type: "mifare".into(),
        card_number_format: CardNumberFormat::Hex,
        user_field_mappings: [].into(),
        entitlement_import_types: ["Profile".into()].into(),
    }
}

/// Ada with a card, and these entitlements until then.
fn ada(assigned: &[(&str, Option<i64>)], vanished: &[&str]) -> Facts {
    let key = |text: &str| Key::new(text).expect("a key");
    let assignment = |(entitlement, until): &(&str, Option<i64>)| {
        let window = Window { from: None, to: until.map(UtcTime::from_unix) };
        let text =
            serde_json::json!({ "type": "Profile", "display_name": entitlement, "pacs_ref": entitlement });
        let right: Entitlement = serde_json::from_value(text).expect("an entitlement");
        (Assignment { user: key("ada"), entitlement: key(entitlement), window }, Some(right))
    };
    let user = serde_json::json!({ "status": "active", "given_name": "Ada", "family_name": "Ek" });
    let card = serde_json::json!({ "user": "ada", "kind": "card", "status": "ACTIVE",
        "identifiers": [{ "type": "mifare", "hex": "04A1B2C3" }] });
    Facts {
        key: key("ada"),
        user: serde_json::from_value(user).expect("a user"),
        tokens: [(key("c1"), serde_json::from_value(card).expect("a card"))].into(),
        assignments: assigned.iter().map(assignment).collect(),
        vanished: vanished.iter().map(|text| (*text).into()).collect(),
    }
}

fn at(facts: &Facts, required: bool) -> Option<Person> {
    let time = Time { now: NOW, trust: Trust::Trusted, floor: NOW };
    person(facts, &settings(required), &time)
}

fn needs(person: &Person) -> Vec<(&str, Need)> {
    person.permissions.iter().map(|(pacs_ref, permission)| (pacs_ref.as_str(), permission.need)).collect()
}

#[test]
fn a_vanished_entitlement_is_kept_and_never_given() {
    let both = ada(&[("lab", None), ("main", None)], &["lab"]);
    let person = at(&both, true).expect("she has a right that counts");
    assert_eq!(needs(&person), [("lab", Need::Keep), ("main", Need::Want)]);
    assert_eq!(person.need, Need::Want);
    let back = Facts { vanished: [].into(), ..both };
    assert_eq!(needs(&at(&back, true).expect("as before")), [("lab", Need::Want), ("main", Need::Want)]);
}

#[test]
fn who_has_nothing_but_vanished_entitlements_stays_and_is_not_made() {
    let lab = ada(&[("lab", None)], &["lab"]);
    assert_eq!(at(&lab, true).map(|person| person.need), Some(Need::Keep));
    // Where no entitlement is asked for, the person is wanted with or without one.
    assert_eq!(at(&lab, false).map(|person| person.need), Some(Need::Want));
    assert_eq!(at(&ada(&[], &[]), false).map(|person| person.need), Some(Need::Want));
    assert_eq!(at(&ada(&[], &[]), true), None);
}

#[test]
fn what_holds_a_permission_keeps_it_no_longer_than_it_is_assigned() {
    let closed = ada(&[("lab", Some(1000)), ("main", None)], &["lab"]);
    assert_eq!(needs(&at(&closed, true).expect("main")), [("main", Need::Want)]);
    assert_eq!(at(&ada(&[("lab", Some(1000))], &["lab"]), true), None);
}
