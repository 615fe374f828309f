//! Taps, and what comes of them.

use super::*;
use crate::reader::card::Technology;
use access::uid::RawId;

const NOW: MonoMs = MonoMs(1_000);
const DEADLINE: MonoMs = MonoMs(31_000);

fn card(hex: &str) -> Presentation {
    Presentation {
        reader: "entrance".into(),
        uid: RawId::from_hex(hex).expect("hex"),
        bits: None,
        technology: Technology::MifareClassic1k,
        atr: None,
        sak: None,
        atqa: None,
        ats: None,
        version: None,
        noticed_ms: 0,
        read_ms: 0,
    }
}

fn fine() -> Result<Vec<String>, String> {
    Ok(vec!["copies".into()])
}

fn refusal(act: &Act) -> &str {
    match act {
        Act::Say(Step::Refused { words }) => words,
        other => panic!("{other:?}"),
    }
}

fn late(machine: &Machine, now: MonoMs) -> String {
    match machine.at(now) {
        Some(Act::Say(Step::TimedOut { words })) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_taps_of_one_card_enroll_it() {
    let mut machine = Machine::new(false, DEADLINE);
    let first = machine.shown(&card("04A1B2C3"), fine(), NOW);
    assert!(
        matches!(&first, Act::Say(Step::Tapped { uid, warnings, .. }) if uid == "04A1B2C3" && warnings == &["copies"])
    );
    assert_eq!(machine.removed(), Some(Act::Say(Step::Again)));
    assert_eq!(machine.removed(), None, "once");
    let second = machine.shown(&card("04A1B2C3"), fine(), NOW);
    assert_eq!(second, Act::Enroll { card: Box::new(card("04A1B2C3")), confirmed: true });
}

#[test]
fn one_tap_is_enough_where_it_was_asked_for() {
    let mut machine = Machine::new(true, DEADLINE);
    let act = machine.shown(&card("04A1B2C3"), fine(), NOW);
    assert_eq!(act, Act::Enroll { card: Box::new(card("04A1B2C3")), confirmed: false });
}

#[test]
fn another_uid_at_the_second_tap_is_refused_with_both_of_them() {
    let mut machine = Machine::new(false, DEADLINE);
    machine.shown(&card("0411111111111111"), fine(), NOW);
    machine.removed();
    let act = machine.shown(&card("0422222222222222"), fine(), NOW);
    assert!(refusal(&act).contains("0411111111111111") && refusal(&act).contains("0422222222222222"));
}

#[test]
fn what_the_judge_refuses_ends_it_at_either_tap() {
    let no = || Err("the card is ada's".into());
    let mut machine = Machine::new(false, DEADLINE);
    assert_eq!(refusal(&machine.shown(&card("04A1B2C3"), no(), NOW)), "the card is ada's");
    let mut machine = Machine::new(false, DEADLINE);
    machine.shown(&card("04A1B2C3"), fine(), NOW);
    machine.removed();
    assert_eq!(refusal(&machine.shown(&card("04A1B2C3"), no(), NOW)), "the card is ada's");
}

#[test]
fn nobody_who_has_tapped_once_is_cut_off_at_the_deadline() {
    let mut machine = Machine::new(false, DEADLINE);
    assert_eq!(machine.at(MonoMs(30_999)), None);
    assert!(late(&machine, DEADLINE).contains("nobody has shown a card"));
    machine.shown(&card("04A1B2C3"), fine(), MonoMs(30_000));
    assert_eq!(machine.at(MonoMs(44_999)), None);
    assert!(late(&machine, MonoMs(45_000)).contains("not taken away"));
    machine.removed();
    assert!(late(&machine, MonoMs(45_000)).contains("not shown again"));
}

#[test]
fn a_card_that_lay_there_before_is_what_the_end_speaks_of_until_it_is_taken_away() {
    let mut machine = Machine::new(false, DEADLINE);
    let Act::Say(lies) = machine.unread(Reason::Resting) else { panic!() };
    assert!(!lies.is_end());
    assert!(late(&machine, DEADLINE).contains("lay there all the time"));
    assert_eq!(machine.removed(), None);
    assert!(late(&machine, DEADLINE).contains("nobody has shown a card"));
}

#[test]
fn the_token_is_followed_when_the_reader_is_free() {
    let enrolled = Step::Enrolled {
        token: Key::new("enrolled-1").expect("a key"),
        user: Key::new("ada").expect("a key"),
        uid: "04A1B2C3".into(),
        expires: UtcTime::from_unix(0),
        warnings: Vec::new(),
    };
    assert!(enrolled.frees_reader() && !enrolled.is_end());
    let pacs = Step::Pacs { outcome: InPacs::NotWanted, words: "no".into() };
    assert!(pacs.is_end());
    assert_eq!(
        serde_json::to_value(&pacs).expect("JSON"),
        serde_json::json!({ "step": "pacs", "outcome": "not_wanted", "words": "no" })
    );
}

#[test]
fn a_torn_card_and_a_lost_reader_are_said_and_end_nothing() {
    let mut machine = Machine::new(false, DEADLINE);
    let Act::Say(torn) = machine.unread(Reason::Torn) else { panic!() };
    let Some(Act::Say(lost)) = machine.health(State::Lost, "unplugged") else { panic!() };
    assert!(!torn.is_end() && !lost.is_end());
    assert_eq!(machine.health(State::Ready, ""), None);
}
