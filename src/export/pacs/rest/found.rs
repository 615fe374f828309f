//! What a look-up found: only items of our name, under the person that was meant.
//!
//! Not here: whether an item is as wanted (`compare`).

use super::compare::as_wanted;
use crate::export::http::Response;
use crate::export::item::{Answer, Step};
use crate::export::pacs::answer::{json, of_found, text_at};
use crate::export::profile::{Find, RestApi};
use serde_json::Value;

/// Items under another name are passed over: a PACS that ignores the filter must not make us take somebody
/// else's.
pub(super) fn found(api: &RestApi, step: &Step, find: &Find, response: &Response) -> Answer {
    let unknown = |words: String| Answer::Unknown { words };
    let Some(tree) = json(response) else { return unknown("the answer is no JSON".into()) };
    let holders = match &find.person {
        None => vec![&tree],
        Some(person) => {
            let Some(all) = list(&tree, &person.items) else {
                return unknown(format!("the answer has no list at {:?}", person.items));
            };
            let ids = &step.ids;
            let is_it = |one: &&Value| {
                ids.person_ext_id.is_some()
                    && text_at(one, &person.ext_id) == ids.person_ext_id
                    && ids
                        .person_native_id
                        .as_ref()
                        .is_none_or(|id| text_at(one, &person.id).as_ref() == Some(id))
            };
            all.iter().filter(is_it).collect()
        }
    };
    let mut items = Vec::new();
    for holder in holders {
        let Some(list) = list(holder, &find.list.items) else {
            return unknown(format!("the answer has no list at {:?}", find.list.items));
        };
        let named =
            list.iter().filter(|item| text_at(item, &find.list.ext_id).as_ref() == Some(&step.ids.ext_id));
        for item in named {
            let Some(id) = text_at(item, &find.list.id) else {
                return unknown(format!("what was found has no {:?}", find.list.id));
            };
            items.push((id, as_wanted(api, step, find, item)));
        }
    }
    of_found(step, items)
}

fn list<'a>(tree: &'a Value, pointer: &str) -> Option<&'a Vec<Value>> {
    tree.pointer(pointer).and_then(Value::as_array)
}
