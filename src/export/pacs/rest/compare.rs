//! Whether what a look-up found has the content that we would send.
//!
//! Members are compared where the profile says that the answer has them, else at their own place in the body. What
//! the PACS does not give back is not compared, nor are PINs. The edges of a window are compared in both
//! directions: an edge too many, or one that is missing, opens or closes doors.
//!
//! Not here: which items are ours (`found`).

use crate::export::content::Content;
use crate::export::item::Step;
use crate::export::profile::{Body, Find, Instants, RestApi, Variable, property_pointer, value};
use access::time::UtcTime;
use serde_json::Value;

/// None when nothing can be compared.
pub(super) fn as_wanted(api: &RestApi, step: &Step, find: &Find, item: &Value) -> Option<bool> {
    let content = step.content.as_ref()?;
    let body = api.compared(step.item.kind)?;
    let place = |member: &str| match find.fields.get(member) {
        None => Some(member.to_owned()),
        Some(elsewhere) => elsewhere.clone(),
    };
    let members = body.leaves().into_iter().filter_map(|(member, leaf)| {
        let theirs = item.pointer(&place(&member)?);
        if leaf.names(Variable::Pin) || leaf.names(Variable::Id) {
            None
        } else if leaf.names(Variable::ValidFrom) || leaf.names(Variable::ValidTo) {
            same_edge(api, content, leaf, theirs)
        } else {
            let ours = leaf.render(&|variable| value(step, variable, api.instants))?;
            Some(same_value(&ours, theirs?))
        }
    });
    let properties = content.person().into_iter().flat_map(|person| &person.properties);
    let properties = properties.filter_map(|(property, ours)| {
        let theirs = item.pointer(&place(&property_pointer(api.member(property)))?)?;
        Some(same_value(&Value::from(ours.as_str()), theirs))
    });
    members.chain(properties).reduce(|all, one| all && one)
}

fn same_edge(api: &RestApi, content: &Content, leaf: &Body, theirs: Option<&Value>) -> Option<bool> {
    let window = content.window().filter(|_| api.caps.native_windows)?;
    let ours = if leaf.names(Variable::ValidFrom) { window.from } else { window.to };
    let theirs = theirs.filter(|theirs| !theirs.is_null() && **theirs != "");
    match (ours, theirs) {
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => Some(false),
        (Some(ours), Some(theirs)) => Some(instant(theirs, api.instants) == Some(ours)),
    }
}

/// An instant as the PACS writes it: of ours it may differ by a fraction, and in how it says UTC.
fn instant(theirs: &Value, instants: Instants) -> Option<UtcTime> {
    match instants {
        Instants::UnixSeconds => {
            let seconds = theirs.as_i64().or_else(|| theirs.as_str()?.parse().ok())?;
            Some(UtcTime::from_unix(seconds))
        }
        Instants::UtcSeconds => {
            let text = theirs.as_str()?;
            let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
            let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
            if !fraction.bytes().all(|byte| byte == b'0') {
                return None;
            }
            UtcTime::parse(&format!("{seconds}Z")).ok()
        }
    }
}

fn same_value(ours: &Value, theirs: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match (text(ours), text(theirs)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) => ours == theirs,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
