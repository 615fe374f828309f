//! The decision table: one thing is changed in a world where Elsa's card opens the laboratory in working hours, and
//! these are the reasons. `None` is a grant.

use crate::worlds::asked;
use access::decide::{Decision, Rule, explain};
use access::time::UtcTime;
use serde_json::{Value, json};

/// Monday, 9:00 in Stockholm.
const MONDAY_9: &str = "2026-11-23T08:00:00Z";

fn seconds(text: &str) -> i64 {
    UtcTime::parse(text).expect("an instant").unix()
}

struct Scene {
    world: Value,
    question: Value,
}

/// Elsa's card at the laboratory, on Monday at nine; news came an hour ago.
fn elsa() -> Scene {
    let world = json!({
        "users": { "elsa": { "status": "active", "given_name": "Elsa", "family_name": "Berg" } },
        "tokens": { "card": { "user": "elsa", "kind": "card", "status": "ACTIVE", "valid_to": "2027-01-01T00:00:00Z",
            "identifiers": [{ "type": "mifare", "hex": "0014F7E2" }] } },
        "entitlements": { "lab": { "type": "AccessProfile", "display_name": "Lab", "pacs_ref": "azt-lab", "class": "staff" } },
        "assignments": { "elsa-lab": { "user": "elsa", "entitlement": "lab" } },
        "schedules": { "hours": { "zone": "Europe/Stockholm",
            "weekly": [{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:00", "to": "18:00" }] } },
        "doors": { "lab": { "name": "Laboratory", "grants": [{ "entitlement": "lab", "schedule": "hours" }] },
            "gate": { "name": "Gate", "grants": [{ "entitlement": "lab" }] } },
        "vanished": [], "revoked_here": [],
        "leashes": { "by_class": { "staff": { "max_age_s": 86_400, "after_reboot": "rests" } },
            "otherwise": { "max_age_s": null, "after_reboot": "rests" } },
    });
    let now = seconds(MONDAY_9);
    let question = json!({
        "identifier": { "type": "mifare", "hex": "0014f7e2" }, "door": "lab", "now": now, "trusted": true,
        "floor": now - 3600, "news": { "proven_at": now - 3600, "age_s": 3600, "up_s": 7200 },
        "lockdown": null, "passed_ago_s": null, "wait_s": 30,
    });
    Scene { world, question }
}

impl Scene {
    fn explain(&self) -> access::decide::Explanation {
        let case = asked(&self.world, &self.question);
        explain(&case.facts, &case.shown, case.door.as_ref(), &case.time)
    }

    /// The reasons in words, none for a grant.
    fn reasons(&self) -> Vec<String> {
        match self.explain().decision() {
            Decision::Granted { .. } => Vec::new(),
            Decision::Denied { reasons } => reasons.iter().map(ToString::to_string).collect(),
        }
    }

    fn until(&self) -> Option<String> {
        match self.explain().decision() {
            Decision::Granted { until, .. } => until.map(|at| at.to_string()),
            Decision::Denied { reasons } => panic!("{reasons:?}"),
        }
    }

    fn nearest(&self) -> Option<String> {
        self.explain().nearest().map(|at| at.to_string())
    }
}

type Change = fn(&mut Value, &mut Value);

/// What is changed, how, and the reasons in words.
type Row = (&'static str, Change, &'static [&'static str]);

fn compare(table: &[Row]) {
    for (what, change, reasons) in table {
        let mut scene = elsa();
        change(&mut scene.world, &mut scene.question);
        assert_eq!(scene.reasons(), *reasons, "{what}");
    }
}

#[test]
fn one_thing_about_the_card_is_changed_and_these_are_the_reasons() {
    compare(&[
        ("nothing", |_, _| {}, &[]),
        (
            "no such card",
            |_, q| q["identifier"]["hex"] = json!("14F7E2"),
            &["no token has this card's identifier"],
        ),
        (
            "another technology",
            |_, q| q["identifier"]["type"] = json!("em"),
            &["no token has this card's identifier"],
        ),
        (
            "a twin",
            |w, _| w["tokens"]["twin"] = w["tokens"]["card"].clone(),
            &["several tokens have this card's identifier: card twin"],
        ),
        ("locked", |w, _| w["tokens"]["card"]["status"] = json!("LOCKED"), &["token card is LOCKED"]),
        ("revoked", |w, _| w["tokens"]["card"]["status"] = json!("REVOKED"), &["token card is REVOKED"]),
        (
            "revoked here",
            |w, _| w["revoked_here"] = json!(["card"]),
            &["token card was revoked at this panel"],
        ),
        (
            "not yet",
            |w, _| w["tokens"]["card"]["valid_from"] = json!("2026-11-23T08:00:01Z"),
            &["token card begins at 2026-11-23T08:00:01Z"],
        ),
        (
            "just over",
            |w, _| w["tokens"]["card"]["valid_to"] = json!(MONDAY_9),
            &["token card ended at 2026-11-23T08:00:00Z"],
        ),
        ("nobody's", |w, _| w["tokens"]["card"]["user"] = Value::Null, &["token card belongs to nobody"]),
        ("dangling", |w, _| w["users"] = json!({}), &["token card belongs to user elsa, who is not there"]),
        ("on leave", |w, _| w["users"]["elsa"]["status"] = json!("inactive"), &["user elsa is inactive"]),
    ]);
}

#[test]
fn one_thing_about_the_way_is_changed_and_these_are_the_reasons() {
    compare(&[
        ("no door", |_, q| q["door"] = json!("cellar"), &["there is no such door"]),
        (
            "another's door",
            |w, _| w["doors"]["lab"]["grants"] = json!([]),
            &["user elsa has no entitlement that opens this door"],
        ),
        (
            "assigned for a while",
            |w, _| w["assignments"]["elsa-lab"]["valid_to"] = json!(MONDAY_9),
            &["assignment elsa-lab ended at 2026-11-23T08:00:00Z"],
        ),
        (
            "a right that is not there",
            |w, _| w["entitlements"] = json!({}),
            &["entitlement lab is not there"],
        ),
        (
            "a right the PACS dropped",
            |w, _| w["vanished"] = json!(["azt-lab"]),
            &["entitlement lab is no longer defined in the PACS"],
        ),
        (
            "early",
            |_, q| q["now"] = json!(seconds("2026-11-23T05:59:59Z")),
            &["it is outside schedule hours"],
        ),
        ("no schedule", |w, _| w["schedules"] = json!({}), &["schedule hours is not there"]),
        (
            "no such zone",
            |w, _| w["schedules"]["hours"]["zone"] = json!("Mars/Base"),
            &["schedule hours names the zone Mars/Base, which this panel does not know"],
        ),
        (
            "no news",
            |_, q| q["news"]["age_s"] = json!(86_400),
            &["there was no news for too long for entitlement lab (staff)"],
        ),
        ("lockdown", |_, q| q["lockdown"] = json!(["fire"]), &["the site is in lockdown"]),
        (
            "again at once",
            |_, q| q["passed_ago_s"] = json!(10),
            &["this card has just passed here; again in 20 s"],
        ),
    ]);
}

#[test]
fn every_rule_that_fails_is_a_reason_not_the_first_alone() {
    let mut scene = elsa();
    scene.world["tokens"]["card"]["status"] = json!("INACTIVE");
    scene.world["users"]["elsa"]["status"] = json!("locked");
    scene.world["vanished"] = json!(["azt-lab"]);
    scene.question["now"] = json!(seconds("2026-11-22T08:00:00Z"));
    let expected = [
        "token card is INACTIVE",
        "user elsa is locked",
        "entitlement lab is no longer defined in the PACS",
        "it is outside schedule hours",
    ];
    assert_eq!(scene.reasons(), expected);
    assert_eq!(scene.nearest(), None, "time alone does not mend that");
    let explained = scene.explain();
    let ticked: Vec<Rule> = explained.paths[0]
        .checks
        .iter()
        .filter(|check| check.failure.is_none())
        .map(|check| check.rule)
        .collect();
    let expected = [Rule::Entitlement, Rule::AssignmentWindow, Rule::Leash, Rule::Lockdown];
    assert_eq!(ticked, expected, "what holds is told, too");
}

#[test]
fn an_untrusted_clock_opens_what_needs_no_clock() {
    let mut scene = elsa();
    scene.question["trusted"] = json!(false);
    let expected = [
        "token card needs the time, and the clock is not to be believed",
        "schedule hours needs the time, and the clock is not to be believed",
    ];
    assert_eq!(scene.reasons(), expected);
    assert_eq!(scene.nearest(), None);
    scene.world["tokens"]["card"]["valid_to"] = Value::Null;
    scene.question["door"] = json!("gate");
    assert_eq!(scene.reasons(), [""; 0], "no window, no schedule");
    assert_eq!(scene.until(), None, "nobody knows when an instant comes");
}

#[test]
fn after_a_restart_without_a_clock_the_class_decides() {
    let mut scene = elsa();
    scene.world["tokens"]["card"]["valid_to"] = Value::Null;
    scene.question["door"] = json!("gate");
    scene.question["trusted"] = json!(false);
    scene.question["news"]["age_s"] = Value::Null;
    assert_eq!(scene.reasons(), ["there was no news for too long for entitlement lab (staff)"]);
    scene.world["leashes"]["by_class"]["staff"]["after_reboot"] = json!("begins_anew");
    assert_eq!(scene.reasons(), [""; 0]);
    scene.question["news"]["up_s"] = json!(86_400);
    assert_eq!(scene.reasons().len(), 1, "a day after the restart");
    scene.question["news"]["up_s"] = json!(10);
    scene.question["floor"] = json!(seconds(MONDAY_9) + 86_400);
    assert_eq!(scene.reasons().len(), 1, "the floor shows that a day has passed");
    scene.world["leashes"]["by_class"]["staff"]["max_age_s"] = Value::Null;
    assert_eq!(scene.reasons(), [""; 0], "without a leash");
}

#[test]
fn a_grant_says_until_when_and_a_denial_from_when() {
    let mut scene = elsa();
    assert_eq!(scene.until().as_deref(), Some("2026-11-23T17:00:00Z"), "the working day ends");
    scene.question["news"]["age_s"] = json!(86_400 - 60);
    assert_eq!(scene.until().as_deref(), Some("2026-11-23T08:01:00Z"), "the leash ends");
    scene.question["news"]["age_s"] = json!(0);
    scene.world["tokens"]["card"]["valid_to"] = json!("2026-11-23T09:00:00Z");
    assert_eq!(scene.until().as_deref(), Some("2026-11-23T09:00:00Z"), "the card ends");
    // A second way that ends sooner does not shorten the first.
    scene.world["tokens"]["card"]["valid_to"] = Value::Null;
    scene.world["leashes"]["by_class"] = json!({});
    scene.world["assignments"]["elsa-gate"] =
        json!({ "user": "elsa", "entitlement": "lab", "valid_to": "2026-11-23T12:00:00Z" });
    assert_eq!(scene.until().as_deref(), Some("2026-11-23T17:00:00Z"));
    // Friday evening: Monday morning.
    scene.question["now"] = json!(seconds("2026-11-20T17:00:00Z"));
    assert_eq!(scene.nearest().as_deref(), Some("2026-11-23T06:00:00Z"));
    scene.world["assignments"]["elsa-gate"]["valid_from"] = json!("2026-11-21T00:00:00Z");
    scene.world["assignments"]["elsa-lab"]["valid_from"] = json!("2026-11-23T10:00:00Z");
    assert_eq!(scene.nearest().as_deref(), Some("2026-11-23T06:00:00Z"), "by whichever comes first");
    scene.world["assignments"]["elsa-gate"]["valid_to"] = json!("2026-11-23T06:00:00Z");
    assert_eq!(scene.nearest().as_deref(), Some("2026-11-23T10:00:00Z"), "its window ends as the door opens");
}

#[test]
fn lockdown_and_leash_go_by_class() {
    let mut scene = elsa();
    scene.question["lockdown"] = json!(["fire"]);
    scene.world["entitlements"]["lab"]["class"] = json!("fire");
    assert_eq!(scene.reasons(), [""; 0], "the fire crew passes");
    scene.question["news"]["age_s"] = json!(u32::MAX);
    assert_eq!(scene.reasons(), [""; 0], "and has no leash");
    scene.question["identifier"]["hex"] = json!("01");
    let expected = ["no token has this card's identifier", "the site is in lockdown"];
    assert_eq!(scene.reasons(), expected);
}
