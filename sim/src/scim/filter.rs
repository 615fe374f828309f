//! Filters (RFC 7644, 3.4.2.2): comparisons by `eq`, joined by `and`. Pure.

use serde_json::Value;

/// All of these attributes have these values.
pub(super) struct Filter(Vec<(Vec<String>, Value)>);

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let mut comparisons = Vec::new();
        let mut rest = text;
        loop {
            let (attribute, tail) = rest.split_once(" eq ").ok_or_else(|| format!("no eq in {rest:?}"))?;
            // A value may hold anything, also the word that joins: only a JSON parser knows where it ends.
            let mut values = serde_json::Deserializer::from_str(tail).into_iter::<Value>();
            let value = values.next().and_then(Result::ok).ok_or_else(|| format!("no value in {tail:?}"))?;
            let path = attribute.split('.').map(str::to_owned).collect();
            comparisons.push((path, value));
            rest = tail.get(values.byte_offset()..).unwrap_or_default();
            match rest.strip_prefix(" and ") {
                Some(next) => rest = next,
                None if rest.is_empty() => return Ok(Filter(comparisons)),
                None => return Err(format!("{rest:?} after a comparison")),
            }
        }
    }

    pub(super) fn matches(&self, resource: &Value) -> bool {
        self.0.iter().all(|(path, wanted)| {
            let found = path.iter().try_fold(resource, |value, name| value.get(name));
            found == Some(wanted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_may_look_like_a_filter() {
        let filter = Filter::parse(r#"externalId eq "a\" and b eq \"c" and user.value eq "7""#);
        let filter = filter.expect("a filter");
        assert!(filter.matches(&json!({ "externalId": "a\" and b eq \"c", "user": { "value": "7" } })));
        assert!(!filter.matches(&json!({ "externalId": "a", "user": { "value": "7" } })));
        for wrong in ["", "a eq b", "a eq \"b\" or c eq \"d\"", "a eq \"b\" and "] {
            assert!(Filter::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
