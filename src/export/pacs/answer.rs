//! What every adapter reads in the same way: JSON, the PACS's words, and the meaning of a status for the ledger.
//!
//! Not here: where one product keeps its ids and words (each adapter).

use crate::export::http::{Failure, Response};
use crate::export::item::{Act, Answer, Step, WORDS_MAX_CHARS};
use access::text::Secret;
use serde_json::Value;

/// The body, if it is JSON.
pub(super) fn json(response: &Response) -> Option<Value> {
    contract::json::from_bytes(&response.body).ok()
}

/// Text at a JSON pointer, or a number as text: ids are often numbers.
pub(super) fn text_at(tree: &Value, pointer: &str) -> Option<String> {
    match tree.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The PACS's own words at one of `pointers`, else the beginning of what it sent. It may quote what it was sent,
/// so `secrets` are taken out first.
pub(super) fn words(response: &Response, pointers: &[&str], secrets: &[&Secret]) -> String {
    let tree = json(response);
    let told = pointers.iter().find_map(|pointer| text_at(tree.as_ref()?, pointer));
    let told = told.unwrap_or_else(|| String::from_utf8_lossy(&response.body).into_owned());
    let secrets = secrets.iter().map(|secret| secret.expose()).filter(|secret| !secret.is_empty());
    let words = cleaned(&secrets.fold(told, |told, one| told.replace(one, "…")));
    if words.is_empty() { format!("status {}", response.status.as_u16()) } else { words }
}

/// Without control characters, and no longer than a row of the ledger keeps.
pub(super) fn cleaned(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX_CHARS).collect()
}

/// The answer that a status alone gives; none when the request was done and the body has the rest.
pub(super) fn unless_done(step: &Step, response: &Response, words: impl Fn() -> String) -> Option<Answer> {
    let status = response.status.as_u16();
    Some(match status {
        // Accepted is not done: it may be carried out later, or never.
        202 => Answer::Unknown { words: "accepted for later".into() },
        200..=299 => return None,
        404 | 410 => Answer::NotFound { words: words() },
        409 if step.act != Act::LookUp => Answer::Conflict { words: words() },
        401 | 403 | 407 | 408 | 425 | 429 => {
            Answer::TryLater { status, words: words(), after_ms: response.retry_after_ms }
        }
        300..=499 => Answer::Refused { status, words: words() },
        // 503 with Retry-After says when; whether it was carried out, it does not say.
        _ => Answer::Unknown { words: words() },
    })
}

/// The answer when there was none.
pub(super) fn of_failure(failure: Failure) -> Answer {
    match failure {
        Failure::NotSent(words) => Answer::NotSent { words: cleaned(&words) },
        Failure::Unknown(words) => Answer::Unknown { words: cleaned(&words) },
    }
}

/// What a look-up found, given the ids of all items of our name and whether each is as wanted: the one that the
/// ledger knows counts before the first.
pub(super) fn of_found(step: &Step, found: Vec<(String, Option<bool>)>) -> Answer {
    let known = found.iter().position(|(id, _)| Some(id) == step.ids.native_id.as_ref()).unwrap_or(0);
    let extra = found.iter().enumerate().find(|(at, _)| *at != known).map(|(_, (id, _))| id.clone());
    let count = found.len();
    match (found.into_iter().nth(known), extra) {
        (None, _) => Answer::NotFound { words: "no such item".into() },
        (Some((id, as_wanted)), None) => Answer::Found { native_id: Some(id), as_wanted },
        (Some((native_id, _)), Some(extra)) => {
            let words =
                format!("{count} items are named {}; all but {native_id} are removed", step.ids.ext_id);
            Answer::Several { native_id, extra, words }
        }
    }
}
