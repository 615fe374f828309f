//! Filters: `PROPERTY="text"` or `PROPERTY=number`, joined by `and`. Pure.
//!
//! Not here: other comparisons, brackets, and the quoting of quotes, which is not public.

use super::Record;
use serde_json::{Map, Value};

/// Conditions that must all hold.
pub(super) struct Filter(Vec<(String, Value)>);

impl Filter {
    /// None when it is of another form.
    pub(super) fn parse(text: &str) -> Option<Filter> {
        let mut conditions = Vec::new();
        let mut rest = text;
        loop {
            let (name, value, tail) = condition(rest)?;
            conditions.push((name.to_owned(), value));
            if tail.is_empty() {
                return Some(Filter(conditions));
            }
            rest = tail.strip_prefix(" and ")?;
        }
    }

    pub(super) fn fits(&self, record: &Record) -> bool {
        self.0.iter().all(|(name, value)| record.get(name) == Some(value))
    }

    /// For a request that names one instance.
    pub(super) fn into_key(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

/// The first condition and what comes after it.
fn condition(text: &str) -> Option<(&str, Value, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('"') {
        let (value, tail) = rest.split_once('"')?;
        return Some((name, Value::from(value), tail));
    }
    let end = rest.find(' ').unwrap_or(rest.len());
    let (value, tail) = rest.split_at(end);
    Some((name, Value::from(value.parse::<i64>().ok()?), tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_compares_text_and_numbers_and_is_nothing_else() {
        let Value::Object(record) = json!({ "SSNO": "a and b", "ID": 7 }) else { panic!("an object") };
        let fits = |text: &str| Filter::parse(text).map(|filter| filter.fits(&record));
        assert_eq!(fits("SSNO=\"a and b\" and ID=7"), Some(true));
        assert_eq!(fits("ID=8"), Some(false));
        assert_eq!(fits("ID=\"7\""), Some(false));
        for text in ["", "ID", "ID=", "ID=7 ", "ID=7 or ID=8", "SSNO=\"a", "ID = 7", "=7"] {
            assert_eq!(fits(text), None, "{text:?}");
        }
    }
}
