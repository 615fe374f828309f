use super::*;
use crate::mirror::Mirror;
use contract::at_door::{Access, AtDoor, Dropped};
use contract::messages::ExportResult;
use proptest::prelude::*;

fn mirror() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().expect("folder");
    let site = contract::id::SiteId::new("office").expect("site");
    let conn = Mirror::at(folder.path()).open_writer(&site, || "s".into()).expect("mirror");
    (folder, conn)
}

fn at(s: i64) -> UtcTime {
    UtcTime::from_unix(s)
}

fn access(granted: bool) -> Event {
    Event::Access(Access {
        door: access::id::Key::new("front").expect("key"),
        reader: "entrance".into(),
        identifier: "mifare".into(),
        hex: "04A1B2C3".into(),
        token: None,
        user: None,
        granted,
        by: None,
        reasons: Vec::new(),
        opens: granted,
        clock: "trusted".into(),
        head: contract::id::Version::default(),
        root: contract::digest::Digest::default(),
        out_of_sync: None,
    })
}

fn rex() -> Event {
    Event::Door(AtDoor::RequestToExit { door: access::id::Key::new("front").expect("key") })
}

fn result() -> Event {
    let (user, item) = ("ada".into(), "token c".into());
    Event::ExportResult { user, item, result: ExportResult::Present, words: None }
}

fn command() -> Event {
    Event::CommandResult { id: "1".into(), done: true, words: String::new() }
}

fn fill(conn: &Connection, count: i64, event: &Event) {
    (0..count).for_each(|_| assert!(keep(conn, at(5), event).expect("pushed").is_some()));
}

fn waiting_all(conn: &Connection) -> Vec<EventMessage> {
    waiting_after(conn, 0, u32::MAX).expect("read").into_iter().map(as_heard).collect()
}

fn assert_no_gap(all: &[EventMessage], after: u64) {
    assert!(all.iter().zip(after + 1..).all(|(event, seq)| event.seq == seq), "numbered without gaps");
}

#[test]
fn those_who_passed_give_way_first_and_one_event_says_so() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, 3, &access(false));
    fill(&tx, EVENTS_MAX - EVENTS_RESERVED - 3, &access(true));
    assert!(keep(&tx, at(9), &access(false)).expect("pushed").is_some(), "a denial finds room");
    let all = waiting_all(&tx);
    assert_no_gap(&all, 0);
    let denied = |event: &EventMessage| matches!(&event.event, Event::Access(access) if !access.granted);
    assert!(all[..3].iter().all(denied) && all.last().is_some_and(denied));
    let dropped = Dropped { count: 1_000, granted: 1_000, from: at(5), to: at(5) };
    assert_eq!((all[3].at, &all[3].event), (at(9), &Event::EventsDropped(dropped)));
    assert_eq!(waiting(&tx).expect("counted"), Waiting { waiting: all.len() as u64, lost: 0 });
}

#[test]
fn what_another_version_has_written_is_sent_as_it_is() {
    const LATER: &str = r#"{"type":"of_a_later_version","n":1.5}"#;
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, 3, &rex());
    tx.execute("UPDATE event SET body = ?1 WHERE seq = 2", [LATER]).expect("written");
    let all = waiting_after(&tx, 0, 9).expect("read");
    assert_eq!((all.len(), all[1].event.get()), (3, LATER));
    assert!(serde_json::to_string(&all[1]).expect("JSON").contains(LATER));
}

#[test]
fn what_may_have_been_sent_keeps_its_number_and_stays() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, EVENTS_MAX - EVENTS_RESERVED, &access(true));
    assert!(!may_send(&tx, 1).expect("asked"));
    note_sent(&tx, 100).expect("noted");
    assert!(may_send(&tx, 100).expect("asked") && !may_send(&tx, 100 + SENT_AHEAD + 1).expect("asked"));
    push(&tx, at(9), &access(true)).expect("pushed");
    let all = waiting_all(&tx);
    assert_no_gap(&all, 0);
    let first = all.iter().position(|event| matches!(event.event, Event::EventsDropped(_)));
    assert_eq!(first, Some(100 + usize::try_from(SENT_AHEAD).expect("small")), "the first that was not sent");
}

#[test]
fn without_those_the_rest_of_the_doors_gives_way_and_then_what_can_be_asked_again_is_counted() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, EVENTS_MAX - EVENTS_RESERVED, &rex());
    assert_eq!(keep(&tx, at(9), &result()).expect("pushed"), None, "it may be asked again");
    assert!(keep(&tx, at(9), &access(true)).expect("pushed").is_some());
    let dropped = Event::EventsDropped(Dropped { count: 1_000, granted: 0, from: at(5), to: at(5) });
    assert!(waiting_all(&tx).iter().any(|event| event.event == dropped));
    assert_eq!(waiting(&tx).expect("counted").lost, 1);
}

#[test]
fn the_last_tenth_is_for_what_is_known_nowhere_else() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, EVENTS_MAX - EVENTS_RESERVED, &result());
    assert_eq!(keep(&tx, at(9), &result()).expect("pushed"), None);
    fill(&tx, EVENTS_RESERVED, &command());
    assert_eq!(keep(&tx, at(9), &command()).expect("pushed"), None);
    assert_eq!(keep(&tx, at(9), &access(true)).expect("pushed"), None, "nothing may give way to it");
    assert_eq!(waiting(&tx).expect("counted"), Waiting { waiting: 10_000, lost: 3 });
}

#[test]
fn whatever_an_export_has_to_tell_cards_go_on_being_written_down() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    fill(&tx, EVENTS_MAX - EVENTS_RESERVED, &result());
    for round in 0..3 * EVENTS_RESERVED {
        let found = keep(&tx, at(9), &access(round % 3 > 0)).expect("pushed");
        assert!(found.is_some(), "nobody would be let in any more: {round}");
    }
    let kept = waiting_all(&tx);
    assert_no_gap(&kept, 0);
    let results = kept.iter().filter(|event| event.event == result()).count();
    assert_eq!((results, waiting(&tx).expect("counted").lost), (9_000, 0));
    fill(&tx, 10, &command());
}

#[test]
fn what_the_source_has_is_kept_for_those_who_ask_here_and_then_forgotten() {
    let (_folder, mut conn) = mirror();
    let tx = conn.transaction().expect("begun");
    let id = keep(&tx, at(7), &access(false)).expect("pushed").expect("room");
    received(&tx, "another", 1).expect("noted");
    assert_eq!(waiting_all(&tx).len(), 1, "another stream's receipts mean nothing");
    received(&tx, "s", 99).expect("noted");
    assert_eq!(waiting_all(&tx).len(), 1, "nobody can have what was never sent");
    note_sent(&tx, u64::from(u32::MAX)).expect("noted");
    received(&tx, "s", 99).expect("noted");
    assert!(waiting_all(&tx).is_empty());
    let found = told(&tx, id).expect("read").expect("kept");
    assert!(found.is_received && found.event.at == at(7));
    for _ in 0..EVENTS_KEPT_MAX {
        keep(&tx, at(8), &rex()).expect("pushed");
        received(&tx, "s", u64::MAX).expect("noted");
    }
    assert!(told(&tx, id).expect("read").is_none());
    assert!(newest(&tx, None, 3, |_| true).expect("read").iter().all(|told| told.event.at == at(8)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever comes, is sent and is received: no gap, no event twice, in order, and the bound holds.
    #[test]
    fn numbers_have_no_gap_whatever_gives_way(steps in proptest::collection::vec((0_u8..6, 1_i64..4_000), 1..14)) {
        let (_folder, mut conn) = mirror();
        let tx = conn.transaction().expect("begun");
        let (mut sent, mut got) = (0_u64, Vec::<(u64, i64)>::new());
        for (what, count) in steps {
            match what {
                0 => (0..count).for_each(|n| { keep(&tx, at(n), &access(true)).expect("pushed"); }),
                1 => (0..count).for_each(|n| { keep(&tx, at(n), &access(false)).expect("pushed"); }),
                2 => (0..count).for_each(|n| { keep(&tx, at(n), &rex()).expect("pushed"); }),
                3 => (0..count).for_each(|n| { keep(&tx, at(n), &result()).expect("pushed"); }),
                _ => {
                    // The source takes a window of them.
                    let window = waiting_after(&tx, sent, u32::try_from(count).expect("small")).expect("read");
                    let Some(last) = window.last().map(|event| event.seq) else { continue };
                    if !may_send(&tx, last).expect("asked") {
                        note_sent(&tx, last).expect("noted");
                    }
                    prop_assert!(window.iter().zip(sent + 1..).all(|(event, seq)| event.seq == seq));
                    got.extend(window.iter().map(|event| (event.seq, event.at.unix())));
                    sent = last;
                    if what == 5 {
                        received(&tx, "s", sent).expect("noted");
                    }
                }
            }
            let all = waiting_all(&tx);
            let first = all.first().map_or(0, |event| event.seq - 1);
            prop_assert!(all.iter().zip(first + 1..).all(|(event, seq)| event.seq == seq));
            prop_assert!(all.len() as i64 <= EVENTS_MAX);
            // What was sent is still there as it was sent.
            let known: std::collections::BTreeMap<u64, i64> = all.iter().map(|event| (event.seq, event.at.unix())).collect();
            prop_assert!(got.iter().all(|(seq, at)| known.get(seq).is_none_or(|found| found == at)));
        }
    }
}
