//! When a schedule holds.
//!
//! One rule: what the clock on the wall shows decides. An instant is turned into the local date and time, and
//! those are looked up in the profile. So a time that is skipped when summer begins never comes, one that is
//! shown twice when it ends counts twice, and no instant can be read in two ways. The day on which an interval
//! begins decides whether it is there; a holiday therefore leaves a night alone that began the evening before.

use super::zones;
use super::{Date, Day, Interval, Schedule};
use crate::time::UtcTime;
use alloc::string::String;
use alloc::vec::Vec;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, civil};

const DAY_S: i64 = 24 * 60 * 60;
/// What has not changed for so long changes at a holiday or never: three weeks show every reading of a weekday
/// that is not skipped, even where one of them lacks it.
const SETTLED_DAYS: i64 = 22;

/// The binary's zone data has no such zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownZone;

/// Seconds `[from, to)` of a local day; `to` may lie on the next one.
type Span = (i64, i64);

/// A schedule with its zone, ready to be asked.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// What begins on each day of the week, Monday first.
    week: [Vec<Span>; 7],
    /// What begins on a date instead, by date.
    holidays: Vec<(civil::Date, Vec<Span>)>,
}

impl Calendar {
    /// Finds the schedule's zone in the binary's own data.
    ///
    /// # Errors
    /// [`UnknownZone`], so that nothing is granted by a guess at the time.
    pub fn new(schedule: &Schedule) -> Result<Calendar, UnknownZone> {
        let zone = zones::find(schedule.zone.as_str()).ok_or(UnknownZone)?;
        let mut week: [Vec<Span>; 7] = Default::default();
        for weekly in &schedule.weekly {
            for day in &weekly.days {
                week[place(*day)].push(span(weekly.interval));
            }
        }
        let mut holidays: Vec<(civil::Date, Vec<Span>)> = Vec::new();
        for holiday in &schedule.holidays {
            let Date(date) = holiday.date;
            holidays.push((date, holiday.intervals.iter().copied().map(span).collect()));
        }
        holidays.sort();
        Ok(Calendar { zone, week, holidays })
    }

    /// Whether `at` is inside.
    pub fn holds(&self, at: UtcTime) -> bool {
        self.reads(at).is_some_and(|(date, second)| {
            self.spans(date).iter().any(|(from, to)| *from <= second && second < *to)
        })
    }

    /// What the clock on the wall shows, for people: `Mon 2026-11-23 08:00`. `None` outside the years that exist.
    pub fn wall(&self, at: UtcTime) -> Option<String> {
        let shown = self.zone.to_datetime(Timestamp::from_second(at.unix()).ok()?);
        let day = match shown.weekday() {
            civil::Weekday::Monday => "Mon",
            civil::Weekday::Tuesday => "Tue",
            civil::Weekday::Wednesday => "Wed",
            civil::Weekday::Thursday => "Thu",
            civil::Weekday::Friday => "Fri",
            civil::Weekday::Saturday => "Sat",
            civil::Weekday::Sunday => "Sun",
        };
        Some(alloc::format!("{day} {} {:02}:{:02}", shown.date(), shown.hour(), shown.minute()))
    }

    /// The first instant after `at` at which [`Calendar::holds`] says something else; `None` if it never does.
    pub fn until(&self, at: UtcTime) -> Option<UtcTime> {
        let holds = self.holds(at);
        let mut reached = at.unix();
        self.stretches(at)?.into_iter().find_map(|(from, to)| {
            reached = reached.max(from);
            while reached < to {
                let found = self.change_within(reached, reached + DAY_S, holds);
                if found.is_some() {
                    return found;
                }
                reached += DAY_S;
            }
            None
        })
    }

    /// Where a first change may lie, as seconds since 1970: soon, or about a holiday.
    fn stretches(&self, at: UtcTime) -> Option<Vec<Span>> {
        let (today, _) = self.reads(at)?;
        let mut stretches = alloc::vec![(at.unix(), at.unix() + SETTLED_DAYS * DAY_S)];
        for (date, _) in self.holidays.iter().filter(|(date, _)| *date >= today) {
            let noon = Offset::UTC.to_timestamp(date.at(12, 0, 0, 0)).ok()?.as_second();
            stretches.push((noon - 2 * DAY_S, noon + SETTLED_DAYS * DAY_S));
        }
        Some(stretches)
    }

    /// The first instant in `(from, to]` at which it does not hold as before, given that it did at `from`.
    fn change_within(&self, from: i64, to: i64, holds: bool) -> Option<UtcTime> {
        let first = self.reads(UtcTime::from_unix(from))?.0.yesterday().ok()?;
        let last = self.reads(UtcTime::from_unix(to))?.0.tomorrow().ok()?;
        let next = |day: &civil::Date| day.tomorrow().ok();
        let days = || core::iter::successors(Some(first), next).take_while(|day| *day <= last);
        if days().all(|day| self.all_day(day) == Some(holds)) {
            return None;
        }
        let mut edges: Vec<i64> = days().flat_map(|day| self.edges(day)).collect();
        let transitions = self.zone.following(Timestamp::from_second(from).ok()?);
        edges.extend(transitions.map(|t| t.timestamp().as_second()).take_while(|edge| *edge <= to));
        edges.retain(|edge| from < *edge && *edge <= to);
        edges.sort_unstable();
        edges.into_iter().map(UtcTime::from_unix).find(|edge| self.holds(*edge) != holds)
    }

    /// The instants at which the wall shows the midnight of `date`, or an edge of something on it.
    fn edges(&self, date: civil::Date) -> Vec<i64> {
        let mut seconds: Vec<i64> = self.spans(date).into_iter().flat_map(|(from, to)| [from, to]).collect();
        seconds.push(0);
        seconds.retain(|second| (0..DAY_S).contains(second));
        let instants = |second: i64| {
            let part = |seconds: i64| i8::try_from(seconds).ok();
            let parts = (part(second / 3600), part(second / 60 % 60), part(second % 60));
            let (Some(hour), Some(minute), Some(second)) = parts else { return [None, None] };
            self.instants(date.at(hour, minute, second, 0))
        };
        seconds.into_iter().flat_map(instants).flatten().collect()
    }

    /// When the wall shows `shown`: never, once or twice.
    fn instants(&self, shown: civil::DateTime) -> [Option<i64>; 2] {
        let at = |offset: Offset| offset.to_timestamp(shown).ok().map(Timestamp::as_second);
        match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
            AmbiguousOffset::Gap { .. } => [None, None],
            AmbiguousOffset::Fold { before, after } => [at(before), at(after)],
        }
    }

    /// Whether it holds at every reading of `date`, or at none; `None` if it depends.
    fn all_day(&self, date: civil::Date) -> Option<bool> {
        let mut spans = self.spans(date);
        spans.retain(|(from, to)| *from < DAY_S && *to > 0);
        if spans.is_empty() {
            return Some(false);
        }
        spans.sort_unstable();
        let mut covered = 0;
        for (from, to) in spans {
            if from > covered {
                return None;
            }
            covered = covered.max(to);
        }
        (covered >= DAY_S).then_some(true)
    }

    /// What begins on `date`, and what began on the day before, in seconds of `date`.
    fn spans(&self, date: civil::Date) -> Vec<Span> {
        let mut spans = self.begun_on(date);
        if let Ok(before) = date.yesterday() {
            spans.extend(self.begun_on(before).into_iter().map(|(from, to)| (from - DAY_S, to - DAY_S)));
        }
        spans
    }

    fn begun_on(&self, date: civil::Date) -> Vec<Span> {
        let first = self.holidays.partition_point(|(holiday, _)| *holiday < date);
        let mut same = self.holidays[first..].iter().take_while(|(holiday, _)| *holiday == date).peekable();
        if same.peek().is_some() {
            return same.flat_map(|(_, spans)| spans.iter().copied()).collect();
        }
        let weekday = date.weekday().to_monday_zero_offset();
        usize::try_from(weekday).ok().and_then(|day| self.week.get(day)).cloned().unwrap_or_default()
    }

    /// What the wall shows: the date, and the seconds since its midnight. `None` outside the years that exist.
    fn reads(&self, at: UtcTime) -> Option<(civil::Date, i64)> {
        let shown = self.zone.to_datetime(Timestamp::from_second(at.unix()).ok()?);
        let (hour, minute, second) = (shown.hour(), shown.minute(), shown.second());
        Some((shown.date(), i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)))
    }
}

fn span(interval: Interval) -> Span {
    let (from, to) = (i64::from(interval.from.0) * 60, i64::from(interval.to.0) * 60);
    (from, if to <= from { to + DAY_S } else { to })
}

fn place(day: Day) -> usize {
    match day {
        Day::Mon => 0,
        Day::Tue => 1,
        Day::Wed => 2,
        Day::Thu => 3,
        Day::Fri => 4,
        Day::Sat => 5,
        Day::Sun => 6,
    }
}
