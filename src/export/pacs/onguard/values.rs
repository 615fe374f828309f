//! Properties, filters and instants as OpenAccess writes them. Pure.
//!
//! Not here: which property is which (`section`).

use super::section::{Empty, Instants, Section};
use access::time::{UtcTime, Window};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The properties of one instance.
pub(super) type Properties = Map<String, Value>;

/// Most seconds that a zone is away from UTC.
const OFFSET_MAX_S: i64 = 18 * 3600;

/// A property, whatever its capitals: answers do not always write it as requests do.
pub(super) fn property<'a>(of: &'a Properties, name: &str) -> Option<&'a Value> {
    of.get(name)
        .or_else(|| of.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A property as text, empty when it has no value; none when the instance does not show it.
pub(super) fn text(of: &Properties, name: &str) -> Option<String> {
    match property(of, name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a property is there and says `wanted`.
pub(super) fn is(of: &Properties, name: &str, wanted: &str) -> bool {
    text(of, name).is_some_and(|found| found == wanted)
}

/// A key as it goes into a body: keys are numbers, though the ledger keeps them as text.
pub(super) fn key(id: &str) -> Value {
    match id.parse::<i64>() {
        Ok(number) if number.to_string() == id => Value::from(number),
        Ok(_) | Err(_) => Value::from(id),
    }
}

/// A text, or what stands for none.
pub(super) fn or_empty(section: &Section, value: Option<&str>) -> Value {
    match (value, section.empty) {
        (Some(text), _) => Value::from(text),
        (None, Empty::Null) => Value::Null,
        (None, Empty::Text) => Value::from(""),
    }
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter(String);

impl Filter {
    /// `name = value`; numbers stand bare. None when the value has a character whose quoting nobody has
    /// published.
    pub(super) fn equals(name: &str, value: &Value) -> Option<Filter> {
        let value = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) if !text.contains(['"', '\\']) => format!("\"{text}\""),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return None;
            }
        };
        Some(Filter(format!("{name}={value}")))
    }

    pub(super) fn and(self, other: Filter) -> Filter {
        Filter(format!("{} and {}", self.0, other.0))
    }

    /// The query's parameter.
    pub(super) fn parameter(&self) -> String {
        format!("&filter={}", escaped(&self.0))
    }
}

/// For a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// One edge of a window as the PACS shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    Open,
    At(UtcTime),
    /// It is not shown, or in a form that says no instant.
    Unclear,
}

/// Names of the properties that hold a window's edges, where there are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) until: Option<&'a str>,
}

impl Edges<'_> {
    /// Adds `window` to what is sent. An open edge is written, too: what is left out would stay as it is.
    pub(super) fn write(&self, section: &Section, window: &Window, to: &mut Properties) {
        let edges =
            [(self.from, window.from, section.open_from), (self.until, window.to, section.open_until)];
        for (name, edge, open) in edges {
            let Some(name) = name else { continue };
            let written = edge.or(open).map(|at| instant(section, at));
            to.insert(name.to_owned(), or_empty(section, written.as_deref()));
        }
    }

    /// Whether an instance has this window, as far as it shows; none when it shows neither edge.
    pub(super) fn agree(&self, section: &Section, window: &Window, with: &Properties) -> Option<bool> {
        self.compared(section, window, with).into_iter().flatten().reduce(|all, one| all && one)
    }

    /// Whether an instance shows this window and no other.
    pub(super) fn certainly_agree(&self, section: &Section, window: &Window, with: &Properties) -> bool {
        self.compared(section, window, with).into_iter().all(|same| same == Some(true))
    }

    /// Of each edge whether it is the same; none where that is not shown.
    fn compared(&self, section: &Section, window: &Window, with: &Properties) -> Vec<Option<bool>> {
        let edges =
            [(self.from, window.from, section.open_from), (self.until, window.to, section.open_until)];
        let named = edges.into_iter().filter_map(|(name, ours, open)| Some((name?, ours, open)));
        let same = |(name, ours, open): (&str, Option<UtcTime>, Option<UtcTime>)| match shown(with, name) {
            Edge::Open => Some(ours.is_none()),
            Edge::At(at) => Some(ours.or(open) == Some(at)),
            Edge::Unclear => None,
        };
        named.map(same).collect()
    }
}

fn instant(section: &Section, at: UtcTime) -> String {
    let text = at.to_string();
    match section.instants {
        Instants::UtcSeconds => text,
        Instants::UtcOffset => text.replace('Z', "+00:00"),
    }
}

fn shown(of: &Properties, name: &str) -> Edge {
    match text(of, name) {
        None => Edge::Unclear,
        Some(text) if text.is_empty() => Edge::Open,
        Some(text) => parse(&text).map_or(Edge::Unclear, Edge::At),
    }
}

/// `2026-03-01T09:00:00+01:00`, also with `Z`, also with a fraction, which is cut. Without a zone it names no
/// instant.
fn parse(text: &str) -> Option<UtcTime> {
    let seconds = "2026-03-01T09:00:00".len();
    let at = UtcTime::parse(&format!("{}Z", text.get(..seconds)?)).ok()?;
    let zone = text.get(seconds..)?;
    let zone =
        zone.strip_prefix('.').map_or(zone, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    if zone == "Z" {
        return Some(at);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let two_digits = |text: &str| {
        let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let offset_s = two_digits(hours)? * 3600 + two_digits(minutes)? * 60;
    let offset_s = match zone.get(..1)? {
        _ if offset_s > OFFSET_MAX_S => return None,
        "+" => offset_s,
        "-" => -offset_s,
        _ => return None,
    };
    Some(UtcTime::from_unix(at.unix() - offset_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants_are_read_in_any_zone_and_never_without_one() {
        let noon = UtcTime::parse("2026-03-01T12:00:00Z").expect("an instant");
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T06:30:00-05:30",
            "2026-03-01T12:00:00.123Z",
            "2026-03-01T13:00:00.5+01:00",
        ] {
            assert_eq!(parse(text), Some(noon), "{text}");
        }
        for text in
            ["", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00+1:0", "2026-03-01T12:00:00+99:00"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_filter_quotes_text_and_refuses_what_it_cannot_quote() {
        let filter = Filter::equals("SSNO", &json!("DW-1")).expect("it can be asked");
        let filter = filter.and(Filter::equals("ID", &key("12")).expect("it can be asked"));
        assert_eq!(filter.parameter(), "&filter=SSNO%3D%22DW-1%22%20and%20ID%3D12");
        for value in [json!("a\"b"), json!("a\\"), json!(null)] {
            assert!(Filter::equals("SSNO", &value).is_none(), "{value}");
        }
    }

    #[test]
    fn a_key_is_a_number_only_when_it_reads_back_the_same() {
        assert_eq!(key("12"), json!(12));
        for text in ["007", "+7", "7 ", "", "99999999999999999999"] {
            assert_eq!(key(text), json!(text));
        }
    }

    #[test]
    fn properties_are_found_whatever_their_capitals() {
        let Value::Object(map) = json!({ "AccessLevelID": 3, "EMAIL": null }) else { panic!("an object") };
        assert_eq!(text(&map, "ACCESSLEVELID").as_deref(), Some("3"));
        assert_eq!(text(&map, "email").as_deref(), Some(""));
        assert_eq!(text(&map, "PIN"), None);
    }
}
