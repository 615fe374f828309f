//! Each rule of one item by name.

use super::*;
use proptest::prelude::*;

const NOW: MonoMs = MonoMs(1_000_000);
const LIMITS: Limits = Limits::DEFAULT;
const LATE: MonoMs = MonoMs(1_000_000 + LIMITS.late_ms);

fn words() -> String {
    "no".into()
}

fn done() -> Answer {
    Answer::Done { native_id: Some("c1".into()) }
}

fn unknown() -> Answer {
    Answer::Unknown { words: words() }
}

fn refused() -> Answer {
    Answer::Refused { status: 400, words: words() }
}

fn not_sent() -> Answer {
    Answer::NotSent { words: words() }
}

fn not_found() -> Answer {
    Answer::NotFound { words: words() }
}

fn conflict() -> Answer {
    Answer::Conflict { words: words() }
}

fn id() -> ItemId {
    ItemId { user: Key::new("u").expect("a key"), kind: ItemKind::Credential, item: "t1".into() }
}

fn step(act: Act) -> Step {
    let wanted = (act != Act::Remove).then_some(Hash([7; 16]));
    let ids = Ids { ext_id: "t1".into(), ..Ids::default() };
    Step { item: id(), act, content: None, wanted, ids, attempt: 1 }
}

fn absent() -> Row {
    Row::new(id(), "t1".into())
}

fn present() -> Row {
    Row {
        state: State::Present,
        prev: State::Present,
        native_id: Some("c1".into()),
        acked_hash: Some(Hash([1; 16])),
        ..absent()
    }
}

/// Lost a moment ago.
fn unsettled() -> Row {
    Row { state: State::Maybe, unsettled_until: Some(MonoMs(NOW.0 + 500)), ..absent() }
}

/// Lost long ago.
fn doubtful() -> Row {
    Row { unsettled_until: Some(MonoMs(NOW.0 - 500)), ..unsettled() }
}

fn after(row: &Row, act: Act, answer: &Answer) -> Row {
    let mut row = row.clone();
    row.intend(&step(act));
    row.settle(&step(act), answer, NOW, &LIMITS, 1_000);
    row
}

#[test]
fn the_state_after_an_act_and_its_answer() {
    use Act::{Create, LookUp, Remove, Update};
    use State::{Absent, Maybe, Present};
    let later = Some(MonoMs(NOW.0 + 500));
    type Case = (&'static str, Row, Act, Answer, State, Option<MonoMs>);
    let table: [Case; 27] = [
        ("created", absent(), Create, done(), Present, None),
        ("updated", present(), Update, done(), Present, None),
        ("removed", present(), Remove, done(), Absent, None),
        ("gone already", present(), Remove, not_found(), Absent, None),
        ("created, yet something earlier may run", unsettled(), Create, done(), Maybe, later),
        ("removed, yet something earlier may run", unsettled(), Remove, done(), Maybe, later),
        ("gone, yet something earlier may bring it", unsettled(), Remove, not_found(), Maybe, later),
        ("removed after all was settled", doubtful(), Remove, done(), Absent, None),
        ("creation refused", absent(), Create, refused(), Absent, None),
        ("update refused", present(), Update, refused(), Present, None),
        ("update collides", present(), Update, conflict(), Present, None),
        ("removal refused", present(), Remove, refused(), Present, None),
        ("refused while in doubt", unsettled(), Remove, refused(), Maybe, later),
        ("creation not sent", absent(), Create, not_sent(), Absent, None),
        ("removal not sent", present(), Remove, not_sent(), Present, None),
        ("not sent while in doubt", unsettled(), Remove, not_sent(), Maybe, later),
        ("creation lost", absent(), Create, unknown(), Maybe, Some(LATE)),
        ("update lost", present(), Update, unknown(), Maybe, Some(LATE)),
        ("removal lost", present(), Remove, unknown(), Maybe, Some(LATE)),
        ("creation collides", absent(), Create, conflict(), Maybe, Some(LATE)),
        ("creation finds no person", absent(), Create, not_found(), Absent, None),
        ("update finds nothing", present(), Update, not_found(), Absent, None),
        ("found while unsettled", unsettled(), LookUp, done(), Maybe, later),
        ("found once settled", doubtful(), LookUp, done(), Present, None),
        ("not found while unsettled", unsettled(), LookUp, not_found(), Maybe, later),
        ("not found once settled", doubtful(), LookUp, not_found(), Absent, None),
        ("look-up lost", doubtful(), LookUp, unknown(), Maybe, doubtful().unsettled_until),
    ];
    for (name, row, act, answer, state, unsettled_until) in table {
        let row = after(&row, act, &answer);
        assert_eq!((row.state, row.unsettled_until), (state, unsettled_until), "{name}");
    }
}

#[test]
fn the_intent_is_in_doubt_before_anything_is_sent() {
    for act in [Act::Create, Act::Update, Act::Remove] {
        let mut row = present();
        row.hold_reason = Some(words());
        row.intend(&step(act));
        assert_eq!((row.prev, row.state, row.generation), (State::Present, State::Maybe, 1), "{act:?}");
        assert_eq!(row.hold_reason, None, "older words must not stand for this attempt");
    }
    let mut row = present();
    row.intend(&step(Act::LookUp));
    assert_eq!(row, present(), "a look-up changes nothing");
}

#[test]
fn a_lost_creation_is_known_by_no_id_and_a_repeated_one_by_its_new_id() {
    let row = Row { native_id: Some("old".into()), ..absent() };
    assert_eq!(after(&row, Act::Create, &unknown()).native_id, None);
    assert_eq!(after(&row, Act::Create, &done()).native_id.as_deref(), Some("c1"));
}

#[test]
fn what_is_found_has_an_unknown_content() {
    let row = after(&doubtful(), Act::LookUp, &done());
    assert_eq!((row.native_id.as_deref(), row.acked_hash), (Some("c1"), None));
}

#[test]
fn a_person_that_collides_is_not_ours_unless_it_was_seen_to_be_absent_a_moment_ago() {
    let person = ItemId { kind: ItemKind::Person, item: String::new(), ..id() };
    let fresh = Row::new(person, "PA1".into());
    let row = after(&fresh, Act::Create, &conflict());
    assert_eq!((row.ours, row.hold_reason.as_deref()), (false, Some("no")));
    let seen = Row { looked_at: Some(NOW), ..fresh.clone() };
    assert!(after(&seen, Act::Create, &conflict()).ours, "made twice on the way");
    assert!(after(&fresh, Act::Create, &unknown()).ours);
    assert!(after(&absent(), Act::Create, &conflict()).ours, "what hangs on our person is ours");
}

#[test]
fn a_person_that_is_found_before_we_made_one_is_somebody_elses() {
    let person = ItemId { kind: ItemKind::Person, item: String::new(), ..id() };
    let found = Answer::Found { native_id: Some("p1".into()), as_wanted: Some(true) };
    assert!(after(&Row::new(person, "PA1".into()), Act::LookUp, &found).is_found());
    assert!(after(&absent(), Act::LookUp, &found).ours, "a child of our person is ours");
}

#[test]
fn a_refused_content_waits_long_unless_it_changes_and_a_removal_never_waits_long() {
    let held = after(&present(), Act::Update, &refused());
    assert_eq!(held.hold_reason.as_deref(), Some("no"));
    assert_eq!(held.due(step(Act::Update).wanted), NOW.after_ms(LIMITS.hold_min_ms));
    assert_eq!(held.due(Some(Hash([8; 16]))), MonoMs(0), "the data changed");
    assert_eq!(held.due(None), MonoMs(0), "a removal does not wait for what an update waits for");
    let stuck = after(&present(), Act::Remove, &refused());
    assert_eq!(stuck.due(None), NOW.after_ms(LIMITS.retry_min_ms));
}

#[test]
fn what_is_not_the_items_fault_is_not_held() {
    let later = Answer::TryLater { status: 401, words: words(), after_ms: None };
    for answer in [later, not_sent()] {
        let row = after(&absent(), Act::Create, &answer);
        assert_eq!((row.state, row.fails, row.hold_reason), (State::Absent, 1, None), "{answer:?}");
    }
}

#[test]
fn back_off_doubles_to_its_bound_and_ends_with_success() {
    let mut row = present();
    let mut waits = Vec::new();
    for _ in 0..12 {
        row = after(&row, Act::Remove, &not_sent());
        waits.push(row.next_try.map(|at| (at.0 - NOW.0) / 1_000));
    }
    let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map(Some);
    assert_eq!(waits, expected);
    let row = after(&row, Act::Remove, &done());
    assert_eq!((row.fails, row.next_try), (0, None));
}

#[test]
fn jitter_takes_at_most_half() {
    let wait = |jitter| {
        let mut row = present();
        row.intend(&step(Act::Remove));
        row.settle(&step(Act::Remove), &not_sent(), NOW, &LIMITS, jitter);
        row.next_try.map(|at| at.0 - NOW.0)
    };
    assert_eq!([wait(0), wait(500), wait(1_000), wait(u16::MAX)], [500, 750, 1_000, 1_000].map(Some));
}

#[test]
fn an_acknowledged_removal_is_confirmed_when_nothing_can_undo_it() {
    let row = after(&unsettled(), Act::Remove, &done());
    assert_eq!((row.prev, row.due(None)), (State::Absent, MonoMs(NOW.0 + 500)));
}

#[test]
fn of_several_the_ledgers_own_is_kept_and_the_others_go_one_by_one() {
    let several = Answer::Several { native_id: "c1".into(), extra: "c3".into(), words: words() };
    let row = after(&doubtful(), Act::LookUp, &several);
    assert_eq!(
        (row.state, row.native_id.as_deref(), row.extra.as_deref()),
        (State::Present, Some("c1"), Some("c3"))
    );
    let kept = after(&row, Act::RemoveExtra, &done());
    assert_eq!((kept.native_id.as_deref(), kept.extra.as_deref()), (Some("c1"), None));
    assert_eq!(kept.check_at, Some(NOW), "there may be more of them");
    let gone = after(&row, Act::Remove, &done());
    assert_eq!((gone.state, gone.native_id.as_deref()), (State::Maybe, None), "to be looked up again");
    assert_eq!(after(&gone, Act::LookUp, &not_found()).state, State::Absent);
}

#[test]
fn what_is_found_with_other_content_is_written_again() {
    let found = |as_wanted| Answer::Found { native_id: Some("c1".into()), as_wanted };
    let acknowledged = Row { acked_hash: step(Act::LookUp).wanted, ..present() };
    for (as_wanted, kept) in [(Some(true), true), (None, true), (Some(false), false)] {
        let row = after(&acknowledged, Act::LookUp, &found(as_wanted));
        assert_eq!(row.acked_hash, acknowledged.acked_hash.filter(|_| kept), "{as_wanted:?}");
    }
    // A content that is yet to be sent cannot be found there: what was acknowledged is still the last word.
    assert_eq!(after(&present(), Act::LookUp, &found(Some(false))).acked_hash, present().acked_hash);
}

#[test]
fn what_is_refused_waits_longer_each_time_though_it_is_looked_up_in_between() {
    let refused_once = after(&Row { ours: true, ..present() }, Act::Update, &refused());
    let seen = after(&refused_once, Act::LookUp, &done());
    assert_eq!(seen.due(step(Act::Update).wanted), MonoMs(0), "it may be tried at once");
    let refused_twice = after(&seen, Act::Update, &refused());
    let wait = |row: &Row| row.next_try.map(|at| at.0 - NOW.0);
    assert_eq!(wait(&refused_twice), wait(&refused_once).map(|ms| 2 * ms));
}

#[test]
fn what_the_pacs_has_shown_counts_for_a_minute() {
    let row =
        after(&present(), Act::LookUp, &Answer::Found { native_id: Some("c1".into()), as_wanted: None });
    assert!(row.is_seen(NOW) && row.is_seen(MonoMs(NOW.0 + SEEN_FOR_MS - 1)));
    assert!(!row.is_seen(NOW.after_ms(SEEN_FOR_MS)) && !present().is_seen(NOW));
}

#[test]
fn a_pacs_that_says_when_is_asked_then() {
    let later = Answer::TryLater { status: 429, words: words(), after_ms: Some(77_000) };
    assert_eq!(after(&present(), Act::Update, &later).next_try, Some(NOW.after_ms(77_000)));
}

#[test]
fn an_approval_is_for_the_removal_however_often_it_is_tried_and_for_nothing_else() {
    let approved = Row { approved_generation: Some(3), generation: 3, ..present() };
    let tried = after(&approved, Act::Remove, &not_sent());
    assert_eq!((tried.generation, tried.approved_generation), (4, Some(4)));
    assert_eq!(after(&approved, Act::Update, &done()).approved_generation, None);
}

#[test]
fn after_a_restart_every_doubt_is_armed_again_and_old_times_are_void() {
    let mut row = Row { next_try: Some(NOW), check_at: Some(NOW), ..unsettled() };
    row.re_arm(MonoMs(5), 100);
    assert_eq!((row.unsettled_until, row.next_try, row.check_at), (Some(MonoMs(105)), None, Some(MonoMs(5))));
    let mut row = present();
    row.re_arm(MonoMs(5), 100);
    assert_eq!(row, present());
}

#[test]
fn a_persons_absence_takes_what_is_settled() {
    for (row, state) in [(present(), State::Absent), (doubtful(), State::Absent), (unsettled(), State::Maybe)]
    {
        let mut row = row;
        row.gone_with_person(NOW);
        assert_eq!(row.state, state);
    }
}

#[test]
fn words_are_short_and_without_control_characters() {
    let long = Answer::Refused { status: 400, words: format!("\u{1b}[31m{}", "x".repeat(999)) };
    let row = after(&absent(), Act::Create, &long);
    let words = row.hold_reason.expect("words");
    assert_eq!(words.chars().count(), WORDS_MAX_CHARS);
    assert!(!words.contains('\u{1b}'));
}

fn acts() -> impl Strategy<Value = Act> {
    prop::sample::select(vec![Act::Create, Act::Update, Act::Remove, Act::LookUp])
}

fn answers() -> impl Strategy<Value = Answer> {
    let later = Answer::TryLater { status: 429, words: words(), after_ms: None };
    let several = Answer::Several { native_id: "c2".into(), extra: "c3".into(), words: words() };
    let all = [done(), unknown(), refused(), not_sent(), not_found(), conflict(), later, several];
    prop::sample::select(all.to_vec())
}

proptest! {
    /// Whatever comes, a row that is sure of itself has nothing under way, and one in doubt has a time.
    #[test]
    fn certainty_and_doubt_are_told_apart(moves in prop::collection::vec((acts(), answers(), 0_u64..400_000), 0..40)) {
        let mut row = absent();
        let mut now = NOW;
        for (act, answer, wait_ms) in moves {
            now = now.after_ms(wait_ms);
            row.intend(&step(act));
            row.settle(&step(act), &answer, now, &LIMITS, 0);
            match row.state {
                State::Absent => prop_assert!(row.native_id.is_none() && row.unsettled_until.is_none()),
                State::Present => prop_assert!(row.unsettled_until.is_none()),
                State::Maybe => prop_assert!(row.unsettled_until.is_some()),
            }
            prop_assert!(row.next_try.is_none_or(|at| at <= now.after_ms(LIMITS.hold_max_ms)));
        }
    }

    /// As long as a lost request may run, no answer makes the row sure.
    #[test]
    fn nothing_is_sure_while_a_lost_request_may_run(act in acts(), answer in answers(), lost in acts()) {
        prop_assume!(lost != Act::LookUp);
        let mut row = after(&present(), lost, &unknown());
        row.intend(&step(act));
        row.settle(&step(act), &answer, MonoMs(LATE.0 - 1), &LIMITS, 0);
        prop_assert_eq!(row.state, State::Maybe);
    }
}
