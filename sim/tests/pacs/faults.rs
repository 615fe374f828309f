//! Every kind of fault: whether the act is done, and what the client gets to see.

use std::time::Duration;

use doorward_sim::{Act, Fault, FaultKind, Handle, Match};
use serde_json::{Value, json};

use crate::client::{Reply, expect, send};
use crate::{NONE, ada, admit, open_pacs};

const LONG: Duration = Duration::from_secs(9);

/// Creates Ada under a fault; gives the reply and whether she is there now.
fn create_under(kind: FaultKind) -> (Reply, bool) {
    let pacs = open_pacs();
    pacs.inject(Fault::once(Match::any().method("POST"), kind)).expect("there is room");
    let reply = send(&pacs, "POST", "/persons", &ada());
    (reply, is_there(&pacs))
}

fn is_there(pacs: &Handle) -> bool {
    pacs.world().persons.contains_key("PA1")
}

fn status(reply: &Reply) -> Option<u16> {
    reply.as_ref().map(|(status, _)| *status)
}

#[test]
fn latency_answers_late_and_acts() {
    let pacs = open_pacs();
    pacs.inject(Fault::once(Match::any(), FaultKind::Latency { ms: 60 })).expect("there is room");
    expect(&pacs, 201, "POST", "/persons", &ada());
    assert!(pacs.effects()[0].at_ms >= 60, "the simulation began before the request");
}

#[test]
fn a_status_answers_without_acting() {
    let (reply, there) = create_under(FaultKind::Status { status: 503, words: "maintenance".to_owned() });
    assert_eq!((reply, there), (Some((503, json!({"error": "maintenance"}))), false));
}

#[test]
fn a_status_after_acts_and_answers_that_it_did_not() {
    let (reply, there) = create_under(FaultKind::StatusAfter { status: 500, words: String::new() });
    assert_eq!((status(&reply), there), (Some(500), true));
}

#[test]
fn a_cut_before_gives_no_answer_and_no_act() {
    assert_eq!(create_under(FaultKind::CutBefore), (None, false));
}

#[test]
fn a_cut_after_gives_no_answer_but_acts() {
    assert_eq!(create_under(FaultKind::CutAfter), (None, true));
}

#[test]
fn a_hang_ends_in_a_cut_without_an_act() {
    assert_eq!(create_under(FaultKind::Hang { ms: 30 }), (None, false));
}

#[test]
fn a_late_act_is_cut_at_once_and_executed_later() {
    let pacs = open_pacs();
    pacs.inject(Fault::once(Match::any(), FaultKind::Late { ms: 200 })).expect("there is room");
    assert_eq!(send(&pacs, "POST", "/persons", &ada()), None);
    assert!(!is_there(&pacs), "it is not executed yet");
    // A pause is no reason to forget it: the PACS has taken it in.
    pacs.pause().expect("it pauses");
    assert!(pacs.wait_until(LONG, |world, _| world.persons.contains_key("PA1")));
    assert!(pacs.effects()[0].at_ms >= 200);
}

#[test]
fn a_late_delete_overtaken_by_a_new_person_misses_it() {
    let pacs = open_pacs();
    let [old, ..] = admit(&pacs);
    pacs.inject(Fault::once(Match::any().method("DELETE"), FaultKind::Late { ms: 100 }))
        .expect("there is room");
    assert_eq!(send(&pacs, "DELETE", &format!("/persons/{old}"), &NONE), None);
    expect(&pacs, 204, "DELETE", &format!("/persons/{old}"), &NONE);
    let [new, ..] = admit(&pacs);
    assert_ne!(old, new);
    assert!(!pacs.wait_until(Duration::from_millis(300), |_, effects| {
        effects.iter().filter(|effect| effect.act == Act::Delete).count() > 3
    }));
    assert!(is_there(&pacs));
}

#[test]
fn a_pause_drops_a_hanging_connection() {
    let pacs = open_pacs();
    pacs.inject(Fault::once(Match::any(), FaultKind::Hang { ms: 60_000 })).expect("there is room");
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| send(&pacs, "POST", "/persons", &ada()));
        let is_met = |_| expect(&pacs, 200, "GET", "/_sim/faults", &NONE)["items"] == json!([]);
        assert!((0..10_000).any(is_met), "the request never arrived");
        pacs.pause().expect("it pauses");
        assert_eq!(hanging.join().expect("it ends"), None);
    });
    assert!(!is_there(&pacs));
}

#[test]
fn faults_are_set_and_cleared_by_control() {
    let pacs = open_pacs();
    let fault = json!({
        "method": "POST", "path": "/persons", "body": "PA1", "count": null, "skip": 1,
        "fault": {"kind": "status", "status": 500, "words": "no"},
    });
    let id = expect(&pacs, 201, "POST", "/_sim/faults", &fault)["id"].clone();
    let mut listed = fault.clone();
    listed["id"] = id.clone();
    assert_eq!(expect(&pacs, 200, "GET", "/_sim/faults", &NONE), json!({"items": [listed]}));

    expect(&pacs, 201, "POST", "/persons", &ada());
    let create = |number: &str| status(&send(&pacs, "POST", "/persons", &json!({"personnelNumber": number})));
    assert_eq!([create("PA1"), create("PA10"), create("PA2")], [Some(500), Some(500), Some(201)]);
    expect(&pacs, 204, "DELETE", &format!("/_sim/faults/{id}"), &NONE);
    expect(&pacs, 404, "DELETE", &format!("/_sim/faults/{id}"), &NONE);
    assert_eq!(create("PA10"), Some(201));

    expect(&pacs, 201, "POST", "/_sim/faults", &json!({"count": 3, "fault": {"kind": "cut_before"}}));
    assert_eq!(create("PA3"), None);
    expect(&pacs, 204, "DELETE", "/_sim/faults", &NONE);
    assert_eq!(create("PA3"), Some(201));
    expect(&pacs, 400, "POST", "/_sim/faults", &json!({"fault": {"kind": "earthquake"}}));
    let misspelt: Value = json!({"boddy": "PA1", "fault": {"kind": "cut_before"}});
    expect(&pacs, 400, "POST", "/_sim/faults", &misspelt);
}
