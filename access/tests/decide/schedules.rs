//! When schedules hold.

use crate::python::{ask, count};
use crate::script;
use access::schedule::{Calendar, Schedule, UnknownZone};
use access::time::UtcTime;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Gaps and folds at midnight, of half an hour, in the south, none at all, twice a year around Ramadan.
const ZONES: [&str; 14] = [
    "Europe/Stockholm",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Africa/Casablanca",
    "UTC",
];

fn schedule(value: &Value) -> Schedule {
    serde_json::from_value(value.clone()).expect("a schedule")
}

fn calendar(value: &Value) -> Calendar {
    Calendar::new(&schedule(value)).expect("a zone")
}

fn at(text: &str) -> UtcTime {
    UtcTime::parse(text).expect("an instant")
}

/// Checks `holds` at each instant.
fn expect(value: &Value, table: &[(&str, bool)]) {
    let calendar = calendar(value);
    for (instant, holds) in table {
        assert_eq!(calendar.holds(at(instant)), *holds, "{instant}");
    }
}

#[test]
fn an_interval_is_half_open_and_a_day_may_have_several() {
    let office = json!({ "zone": "Europe/Stockholm", "weekly": [
        { "days": ["mon"], "from": "07:00", "to": "12:00" }, { "days": ["mon"], "from": "13:00", "to": "18:00" } ] });
    expect(
        &office,
        &[
            ("2026-11-23T05:59:59Z", false),
            ("2026-11-23T06:00:00Z", true),
            ("2026-11-23T10:59:59Z", true),
            ("2026-11-23T11:00:00Z", false),
            ("2026-11-23T12:00:00Z", true),
            ("2026-11-23T17:00:00Z", false),
            ("2026-11-24T06:00:00Z", false),
        ],
    );
    let office = calendar(&office);
    assert_eq!(office.until(at("2026-11-23T06:00:00Z")), Some(at("2026-11-23T11:00:00Z")));
    assert_eq!(office.until(at("2026-11-23T17:00:00Z")), Some(at("2026-11-30T06:00:00Z")));
}

#[test]
fn a_night_ends_on_the_next_day_whatever_that_day_is() {
    let night = json!({ "zone": "UTC", "weekly": [{ "days": ["wed", "thu"], "from": "22:00", "to": "06:00" }],
        "holidays": [{ "date": "2026-12-24" }, { "date": "2026-12-28", "intervals": [{ "from": "23:00", "to": "01:00" }] }] });
    expect(
        &night,
        &[
            ("2026-12-23T21:59:59Z", false),
            ("2026-12-23T22:00:00Z", true),
            // The holiday leaves the night alone that began the evening before, and begins none itself.
            ("2026-12-24T05:59:59Z", true),
            ("2026-12-24T06:00:00Z", false),
            ("2026-12-24T23:00:00Z", false),
            ("2026-12-25T01:00:00Z", false),
            // A holiday's own night goes on into an ordinary day.
            ("2026-12-28T23:00:00Z", true),
            ("2026-12-29T00:59:59Z", true),
            ("2026-12-29T01:00:00Z", false),
        ],
    );
    assert_eq!(calendar(&night).until(at("2026-12-23T22:00:00Z")), Some(at("2026-12-24T06:00:00Z")));
    assert_eq!(calendar(&night).until(at("2026-12-24T06:00:00Z")), Some(at("2026-12-28T23:00:00Z")));
}

#[test]
fn the_wall_clock_decides_when_it_is_changed() {
    let early = json!({ "zone": "Europe/Stockholm", "weekly": [{ "days": ["sun"], "from": "02:15", "to": "02:45" }] });
    expect(
        &early,
        &[
            // 2026-03-29: 02:00 to 03:00 is skipped.
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-03-29T01:20:00Z", false),
            // 2026-10-25: it is shown twice.
            ("2026-10-25T00:20:00Z", true),
            ("2026-10-25T00:50:00Z", false),
            ("2026-10-25T01:20:00Z", true),
        ],
    );
    let early = calendar(&early);
    assert_eq!(early.until(at("2026-03-23T00:00:00Z")), Some(at("2026-04-05T00:15:00Z")), "not in the gap");
    assert_eq!(early.until(at("2026-10-25T00:45:00Z")), Some(at("2026-10-25T01:15:00Z")), "once more");
    let over = json!({ "zone": "Europe/Stockholm", "weekly": [{ "days": ["sun"], "from": "01:00", "to": "02:30" }] });
    let next = calendar(&over).until(at("2026-03-29T00:30:00Z"));
    assert_eq!(next, Some(at("2026-03-29T01:00:00Z")), "the gap ends what would have ended in it");
}

#[test]
fn what_never_changes_says_so_and_a_far_holiday_is_found() {
    let all_week = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let always = json!({ "zone": "Europe/Stockholm", "weekly": [{ "days": all_week, "from": "00:00", "to": "00:00" }] });
    assert!(calendar(&always).holds(at("2026-03-29T01:00:00Z")));
    assert_eq!(calendar(&always).until(at("2026-03-01T00:00:00Z")), None);
    let never = json!({ "zone": "UTC", "weekly": [] });
    assert!(!calendar(&never).holds(at("2026-03-29T01:00:00Z")));
    assert_eq!(calendar(&never).until(at("2026-03-01T00:00:00Z")), None);
    let once = json!({ "zone": "UTC", "weekly": [], "holidays": [{ "date": "2099-01-01", "intervals": [{ "from": "12:00", "to": "24:00" }] }] });
    assert_eq!(calendar(&once).until(at("2026-03-01T00:00:00Z")), Some(at("2099-01-01T12:00:00Z")));
    assert_eq!(calendar(&once).until(at("2099-01-01T12:00:00Z")), Some(at("2099-01-02T00:00:00Z")));
}

#[test]
fn an_unknown_zone_is_no_zone() {
    for zone in ["Europe/Atlantis", "Etc/Unknown", "+01:00", "Local", "CEST-"] {
        let found = Calendar::new(&schedule(&json!({ "zone": zone, "weekly": [] })));
        assert_eq!(found.err(), Some(UnknownZone), "{zone}");
    }
}

/// A time of day on a raster that meets the instants at which clocks are changed, half of them early in the night,
/// when that is done.
fn time_of_day() -> impl Strategy<Value = String> {
    (prop_oneof![0..24u32, 0..4u32], prop::sample::select(vec![0, 1, 15, 30, 59]))
        .prop_map(|(h, m)| format!("{h:02}:{m:02}"))
}

fn interval() -> impl Strategy<Value = Value> {
    let to = prop_oneof![4 => time_of_day(), 1 => Just("24:00".to_owned())];
    (time_of_day(), to).prop_map(|(from, to)| json!({ "from": from, "to": to }))
}

/// Schedules without a zone, with holidays in the years that are compared.
pub(crate) fn any_schedule(first_year: u32, years: u32) -> impl Strategy<Value = Value> {
    let names = vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let weekly = (prop::sample::subsequence(names, 0..=7), interval())
        .prop_map(|(days, interval)| json!({ "days": days, "from": interval["from"], "to": interval["to"] }));
    let date = (first_year..first_year + years, 1..=12u32, 1..=28u32)
        .prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let holiday = (date, prop::collection::vec(interval(), 0..3))
        .prop_map(|(date, intervals)| json!({ "date": date, "intervals": intervals }));
    (prop::collection::vec(weekly, 0..4), prop::collection::vec(holiday, 0..12))
        .prop_map(|(weekly, holidays)| json!({ "weekly": weekly, "holidays": holidays }))
}

#[test]
fn python_finds_the_same_changes_at_the_same_instants() {
    // With it the binary's zone data begin. Those of 2026 differ where Python's are older.
    const FIRST_YEAR: u32 = 2024;
    let years = count("DOORWARD_SCHEDULE_YEARS", 1);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let schedules = any_schedule(FIRST_YEAR, years);
    let from = at(&format!("{FIRST_YEAR}-01-01T00:00:00Z"));
    let to = at(&format!("{}-01-01T00:00:00Z", FIRST_YEAR + years));
    let mut questions = Vec::new();
    for zone in ZONES {
        let mut schedule = schedules.new_tree(&mut runner).expect("a schedule").current();
        schedule["zone"] = json!(zone);
        questions.push(json!({ "schedule": schedule, "from": from.unix(), "to": to.unix() }));
    }
    let mut changes = 0;
    for (question, answer) in questions.iter().zip(ask(&script("schedules.py"), &questions)) {
        let calendar = calendar(&question["schedule"]);
        let next = |at: &UtcTime| calendar.until(*at).filter(|next| *next <= to);
        let found: Vec<i64> = std::iter::successors(next(&from), next).map(UtcTime::unix).collect();
        assert_eq!(calendar.holds(from), answer["holds"], "{question}");
        let expected: Vec<i64> = serde_json::from_value(answer["changes"].clone()).expect("changes");
        let first = found.iter().zip(&expected).find(|(ours, theirs)| ours != theirs);
        assert_eq!((first, found.len()), (None, expected.len()), "{question}");
        changes += found.len();
    }
    assert!(changes > 1_000, "{changes} changes compared");
}
