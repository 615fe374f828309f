//! Instants and windows. Whole seconds, UTC; a zone appears only in schedules.

use alloc::string::{String, ToString};
use core::fmt;
use serde::{Deserialize, Serialize};

/// An instant as seconds since 1970-01-01T00:00:00Z. On the wire `YYYY-MM-DDTHH:MM:SSZ`, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcTime(i64);

impl UtcTime {
    /// From seconds since the epoch.
    pub const fn from_unix(seconds: i64) -> UtcTime {
        UtcTime(seconds)
    }

    /// Seconds since the epoch.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Parses the wire form.
    ///
    /// # Errors
    /// A sentence with the expected form: no offset, no fraction, no missing zone is accepted, since two
    /// spellings of one instant would have two digests.
    pub fn parse(text: &str) -> Result<UtcTime, &'static str> {
        const FORM: &str = "an instant is written YYYY-MM-DDTHH:MM:SSZ";
        let shape = b"dddd-dd-ddTdd:dd:ddZ";
        let fits = |(b, s): (&u8, &u8)| if *s == b'd' { b.is_ascii_digit() } else { b == s };
        if text.len() != shape.len() || !text.as_bytes().iter().zip(shape).all(fits) {
            return Err(FORM);
        }
        // jiff takes second 60 and clamps it; the contract has no leap seconds.
        if &text[17..19] == "60" {
            return Err("an instant has no leap second");
        }
        let parsed: jiff::Timestamp =
            text.parse().map_err(|_| "an instant names a day and time that exist")?;
        Ok(UtcTime(parsed.as_second()))
    }

    /// Reads what another system wrote: any instant of RFC 3339, also with an offset or a fraction of a second,
    /// which is cut. Never for what is hashed.
    pub fn parse_any(text: &str) -> Option<UtcTime> {
        let parsed: jiff::Timestamp = text.parse().ok()?;
        Some(UtcTime(parsed.as_millisecond().div_euclid(1000)))
    }
}

impl TryFrom<String> for UtcTime {
    type Error = &'static str;
    fn try_from(text: String) -> Result<UtcTime, Self::Error> {
        UtcTime::parse(&text)
    }
}

impl From<UtcTime> for String {
    fn from(at: UtcTime) -> String {
        at.to_string()
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} s since 1970", self.0),
        }
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `[from, to)`; a missing edge is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// First instant inside.
    pub from: Option<UtcTime>,
    /// First instant after.
    pub to: Option<UtcTime>,
}

impl Window {
    /// The window without edges.
    pub const ALWAYS: Window = Window { from: None, to: None };

    /// Checks that the window is not empty.
    ///
    /// # Errors
    /// When `to` is not after `from`: such a window never opens, which is never what its author meant.
    pub fn new(from: Option<UtcTime>, to: Option<UtcTime>) -> Result<Window, &'static str> {
        match (from, to) {
            (Some(from), Some(to)) if to <= from => Err("valid_to is after valid_from"),
            _ => Ok(Window { from, to }),
        }
    }

    /// Whether `now` is inside: `valid_to` = now is closed.
    pub fn holds(&self, now: UtcTime) -> bool {
        self.from.is_none_or(|from| from <= now) && self.to.is_none_or(|to| now < to)
    }

    /// Neither edge is set, so no clock is needed to know that it holds.
    pub fn is_always(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// The first edge after `now`.
    pub fn next_edge(&self, now: UtcTime) -> Option<UtcTime> {
        [self.from, self.to].into_iter().flatten().filter(|edge| *edge > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_system_writes_is_read_in_any_spelling() {
        let expected = UtcTime::parse("2026-11-23T08:00:30Z").ok();
        for text in ["2026-11-23T08:00:30Z", "2026-11-23T08:00:30.987654Z", "2026-11-23T09:00:30+01:00"] {
            assert_eq!(UtcTime::parse_any(text), expected, "{text}");
        }
        assert_eq!(UtcTime::parse_any("1969-12-31T23:59:59.5Z").map(UtcTime::unix), Some(-1));
        for none in ["", "tomorrow", "2026-11-23", "2026-11-23T08:00:30"] {
            assert_eq!(UtcTime::parse_any(none), None, "{none:?}");
        }
    }
}
