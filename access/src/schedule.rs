//! A weekly profile with holidays, in a zone: the record. [`Calendar`] says when it holds.

mod calendar;
mod zones;

use crate::text::Text;
use crate::time::UtcTime;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::Deserialize;

pub use calendar::{Calendar, UnknownZone};

/// Most weekly entries, holidays, and intervals of one holiday.
pub const SCHEDULE_ENTRIES_MAX: usize = 128;

/// Minutes after midnight, local time; `24:00` (1440) may end an interval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct MinuteOfDay(pub u16);

impl TryFrom<String> for MinuteOfDay {
    type Error = &'static str;
    fn try_from(text: String) -> Result<MinuteOfDay, Self::Error> {
        const RULE: &str = "a time of day is written HH:MM, 00:00 to 24:00";
        let bytes = text.as_bytes();
        if bytes.len() != 5 || bytes[2] != b':' {
            return Err(RULE);
        }
        let two = |at: usize| -> Option<u16> {
            let pair = &bytes[at..at + 2];
            let digits = pair.iter().all(u8::is_ascii_digit);
            digits.then(|| u16::from(pair[0] - b'0') * 10 + u16::from(pair[1] - b'0'))
        };
        match (two(0), two(3)) {
            (Some(hours @ 0..24), Some(minutes @ 0..60)) => Ok(MinuteOfDay(hours * 60 + minutes)),
            (Some(24), Some(0)) => Ok(MinuteOfDay(24 * 60)),
            _ => Err(RULE),
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// `[from, to)` by the clock on the wall. Where `to` is not after `from` it ends on the next day, so the same
/// time twice is a whole day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    /// First minute inside.
    pub from: MinuteOfDay,
    /// First minute after.
    pub to: MinuteOfDay,
}

/// The same interval on several days.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Weekly {
    /// On which days.
    pub days: Vec<Day>,
    /// When on them.
    #[serde(flatten)]
    pub interval: Interval,
}

/// A date that replaces its weekday by intervals of its own; without any, nothing begins on it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Holiday {
    /// The day.
    pub date: Date,
    /// When on it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = SCHEDULE_ENTRIES_MAX)))]
    pub intervals: Vec<Interval>,
}

/// A calendar day, written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Date(jiff::civil::Date);

impl TryFrom<String> for Date {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Date, Self::Error> {
        const RULE: &str = "a date is written YYYY-MM-DD and exists";
        if text.len() != 10 {
            return Err(RULE);
        }
        text.parse().map(Date).map_err(|_| RULE)
    }
}

/// When a door's grant holds, week by week.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Wire")]
pub struct Schedule {
    /// IANA zone, e.g. `Europe/Stockholm`.
    pub zone: Text,
    /// The ordinary week.
    pub weekly: Vec<Weekly>,
    /// The exceptions.
    pub holidays: Vec<Holiday>,
}

/// A schedule whose zone was looked up, ready to be asked again and again.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// As the schedule names it.
    pub zone: Text,
    /// When it holds, if the zone is known.
    pub calendar: Result<Arc<Calendar>, UnknownZone>,
}

impl Timetable {
    /// Looks the zone up.
    pub fn new(schedule: &Schedule) -> Timetable {
        Timetable { zone: schedule.zone.clone(), calendar: Calendar::new(schedule).map(Arc::new) }
    }

    /// What the clock on the wall shows there, for people: `Mon 2026-11-23 08:00 Europe/Stockholm`.
    pub fn wall(&self, at: UtcTime) -> Option<String> {
        let shown = self.calendar.as_ref().ok()?.wall(at)?;
        Some(alloc::format!("{shown} {}", self.zone))
    }
}

/// A weekly profile with holidays, in a zone.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Schedule"))]
struct Wire {
    /// IANA zone, e.g. `Europe/Stockholm`; not empty.
    zone: Text,
    /// The ordinary week.
    #[cfg_attr(feature = "schema", schemars(length(max = SCHEDULE_ENTRIES_MAX)))]
    weekly: Vec<Weekly>,
    /// The exceptions.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = SCHEDULE_ENTRIES_MAX)))]
    holidays: Vec<Holiday>,
}

impl TryFrom<Wire> for Schedule {
    type Error = &'static str;
    fn try_from(wire: Wire) -> Result<Schedule, Self::Error> {
        let Wire { zone, weekly, holidays } = wire;
        if zone.as_str().is_empty() {
            return Err("a schedule names its zone, e.g. Europe/Stockholm");
        }
        let long = |length: usize| length > SCHEDULE_ENTRIES_MAX;
        if long(weekly.len()) || long(holidays.len()) || holidays.iter().any(|day| long(day.intervals.len()))
        {
            return Err("a schedule has at most 128 entries of each sort");
        }
        let mut intervals = weekly
            .iter()
            .map(|w| w.interval)
            .chain(holidays.iter().flat_map(|h| h.intervals.iter().copied()));
        if intervals.any(|interval| interval.from == MinuteOfDay(24 * 60)) {
            return Err(
                "an interval begins before 24:00; what begins at midnight begins at 00:00 of its day",
            );
        }
        Ok(Schedule { zone, weekly, holidays })
    }
}
