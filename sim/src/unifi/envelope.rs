//! The envelope of every answer, and pages of a list.

use serde_json::{Value, json};

use crate::double::Ask;

/// An error's code and words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct No {
    code: &'static str,
    words: String,
}

impl No {
    pub(super) fn envelope(self) -> Value {
        json!({ "code": self.code, "msg": self.words, "data": null })
    }
}

pub(super) fn no(code: &'static str, words: &str) -> No {
    No { code, words: words.to_owned() }
}

/// Parameters that make no sense.
pub(super) fn invalid(words: &str) -> No {
    no("CODE_PARAMS_INVALID", words)
}

pub(super) fn yes(data: Value) -> Value {
    json!({ "code": "SUCCESS", "msg": "success", "data": data })
}

/// The page that is asked for; `page_max` rows at most, and 25 by default.
pub(super) fn listed(ask: &Ask, rows: Vec<Value>, page_max: usize, totals: bool) -> Result<Value, No> {
    let number = |name: &str, default: usize| match ask.parameter(name) {
        None => Ok(default),
        Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| invalid(name)),
    };
    let (page, size) = (number("page_num", 1)?, number("page_size", 25)?.min(page_max));
    let total = rows.len();
    let rows: Vec<Value> = rows.into_iter().skip((page - 1) * size).take(size).collect();
    let mut envelope = yes(rows.into());
    if totals {
        envelope["pagination"] = json!({ "page_num": page, "page_size": size, "total": total });
    }
    Ok(envelope)
}

/// A text member of a body; none when it is not there.
pub(super) fn member(body: &Value, name: &str) -> Result<Option<String>, No> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(name)),
    }
}

/// The body as a JSON object.
pub(super) fn object(ask: &Ask) -> Result<Value, No> {
    ask.json().ok().filter(Value::is_object).ok_or_else(|| invalid("the body is no JSON object"))
}
