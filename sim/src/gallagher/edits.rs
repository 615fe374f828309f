//! What a POST or a PATCH makes of a cardholder. Pure: the caller keeps the outcome only if all of it went well.

use serde_json::{Map, Value};

use super::cardholders::{Card, Cardholder, Membership};
use super::{CARD_TYPE, CommandCentre, DIVISION, FIELDS};
use crate::double::Ask;

type Object = Map<String, Value>;

/// Longest first or last name in characters; what is longer is cut.
const NAME_MAX_CHARS: usize = 50;
/// The states of the default set.
const STATES: [&str; 5] = ["Active", "Disabled (manually)", "Lost", "Stolen", "Damaged"];

pub(super) fn create(
    centre: &mut CommandCentre,
    made: &mut Cardholder,
    ask: &Ask,
    origin: &str,
) -> Result<(), String> {
    let body = object(ask)?;
    let division = body.get("division").and_then(|division| text(division, "href"));
    if division != Some(format!("{origin}{DIVISION}")) {
        return Err("Invalid cardholder: there is no such division".to_owned());
    }
    let list = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for group in list("accessGroups") {
        made.groups.push(membership(centre, &group, origin)?);
    }
    for card in list("cards") {
        let card = new_card(centre, made, &card, origin)?;
        made.cards.push(card);
    }
    plain(made, &body)?;
    if made.first_name.is_empty() && made.last_name.is_empty() {
        return Err("Invalid cardholder: it has no name".to_owned());
    }
    Ok(())
}

pub(super) fn patch(
    centre: &mut CommandCentre,
    edited: &mut Cardholder,
    id: u64,
    ask: &Ask,
    origin: &str,
) -> Result<(), String> {
    let body = object(ask)?;
    let href = format!("{origin}/api/cardholders/{id}");
    if let Some(groups) = body.get("accessGroups") {
        for change in array(groups, "update") {
            // Under a new address from now on.
            let renamed = centre.take_id();
            let found = edited.groups.iter_mut().find(|one| text(&change, "href") == Some(one.href(&href)));
            let found = found.ok_or("there is no such membership")?;
            dates(&change, &mut found.from, &mut found.until, true)?;
            found.id = renamed;
        }
        for gone in array(groups, "remove") {
            let at = edited.groups.iter().position(|one| text(&gone, "href") == Some(one.href(&href)));
            edited.groups.remove(at.ok_or("there is no such membership")?);
        }
        for group in array(groups, "add") {
            edited.groups.push(membership(centre, &group, origin)?);
        }
    }
    if let Some(cards) = body.get("cards") {
        for change in array(cards, "update") {
            let found = edited.cards.iter_mut().find(|one| text(&change, "href") == Some(one.href(&href)));
            let found = found.ok_or("there is no such card")?;
            if change.get("number").is_some() || change.get("type").is_some() {
                return Err("a card keeps its number and type".to_owned());
            }
            dates(&change, &mut found.from, &mut found.until, true)?;
            state_and_pin(&change, found)?;
        }
        for gone in array(cards, "remove") {
            let at = edited.cards.iter().position(|one| text(&gone, "href") == Some(one.href(&href)));
            edited.cards.remove(at.ok_or("there is no such card")?);
        }
        for card in array(cards, "add") {
            let card = new_card(centre, edited, &card, origin)?;
            edited.cards.push(card);
        }
    }
    plain(edited, &body)
}

/// Everything that is neither card nor membership.
fn plain(edited: &mut Cardholder, body: &Object) -> Result<(), String> {
    let cut = |name: &str| name.chars().take(NAME_MAX_CHARS).collect::<String>();
    for (member, value) in body {
        match (member.as_str(), value) {
            ("firstName", Value::String(name)) => edited.first_name = cut(name),
            ("lastName", Value::String(name)) => edited.last_name = cut(name),
            ("description", Value::String(words)) => edited.description.clone_from(words),
            ("authorised", Value::Bool(is)) => edited.authorised = *is,
            ("usercode", Value::String(code)) => {
                edited.user_code = digits(code).ok_or("a user code has four digits at least")?;
            }
            _ => {
                let name = member.strip_prefix('@').unwrap_or_default();
                if !FIELDS.iter().any(|(_, known)| *known == name) {
                    continue;
                }
                match value {
                    Value::Null => drop(edited.fields.remove(name)),
                    // Without the group that has the field, this appears to have no effect.
                    Value::String(_) if !edited.may_have_fields() => {}
                    Value::String(value) => drop(edited.fields.insert(name.to_owned(), value.clone())),
                    _ => return Err(format!("{member} is text")),
                }
            }
        }
    }
    Ok(())
}

fn membership(centre: &mut CommandCentre, form: &Value, origin: &str) -> Result<Membership, String> {
    let href = form.get("accessGroup").and_then(|group| text(group, "href")).unwrap_or_default();
    let id = href.strip_prefix(&format!("{origin}/api/access_groups/")).and_then(|id| id.parse().ok());
    let group = id.filter(|id| centre.groups.contains_key(id)).ok_or("there is no such access group")?;
    let mut made = Membership { id: centre.take_id(), group, from: None, until: None };
    dates(form, &mut made.from, &mut made.until, false)?;
    Ok(made)
}

fn new_card(
    centre: &mut CommandCentre,
    holder: &Cardholder,
    form: &Value,
    origin: &str,
) -> Result<Card, String> {
    if form.get("type").and_then(|kind| text(kind, "href")) != Some(format!("{origin}{CARD_TYPE}")) {
        return Err("there is no such card type".to_owned());
    }
    let id = centre.take_id();
    let number = text(form, "number").unwrap_or_else(|| id.to_string());
    let mut others = centre.cardholders.values().chain([holder]).flat_map(|one| &one.cards);
    if others.any(|card| card.number == number) {
        return Err("there is a card of that number and type".to_owned());
    }
    let mut made = Card { id, number, status: STATES[0].to_owned(), from: None, until: None, pin: None };
    dates(form, &mut made.from, &mut made.until, false)?;
    state_and_pin(form, &mut made)?;
    Ok(made)
}

fn state_and_pin(form: &Value, card: &mut Card) -> Result<(), String> {
    if let Some(value) = form.get("status").and_then(|status| text(status, "value")) {
        let state = STATES.iter().find(|state| state.eq_ignore_ascii_case(&value));
        card.status = (*state.ok_or("the card type has no such state")?).to_owned();
    }
    if let Some(pin) = text(form, "pin") {
        card.pin = Some(digits(&pin).ok_or("a PIN has four digits at least")?);
    }
    Ok(())
}

/// Empty text clears a date of what is there already.
fn dates(
    form: &Value,
    from: &mut Option<String>,
    until: &mut Option<String>,
    is_there: bool,
) -> Result<(), String> {
    for (name, date) in [("from", &mut *from), ("until", &mut *until)] {
        match form.get(name) {
            None => {}
            Some(Value::String(text)) if text.is_empty() && is_there => *date = None,
            Some(Value::String(text)) if is_date(text) => *date = Some(text.clone()),
            Some(_) => return Err(format!("{name} is no date and time with a zone")),
        }
    }
    match (&*from, &*until) {
        (Some(from), Some(until)) if from > until => Err("from is after until".to_owned()),
        _ => Ok(()),
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`, before 2100.
fn is_date(text: &str) -> bool {
    let shape = b"dddd-dd-ddTdd:dd:ddZ";
    let fits =
        |(byte, wanted): (u8, &u8)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == *wanted };
    text.len() == shape.len() && text.bytes().zip(shape).all(fits) && text < "2100"
}

fn digits(text: &str) -> Option<String> {
    let is_code = text.is_empty() || (text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit()));
    is_code.then(|| text.to_owned())
}

fn object(ask: &Ask) -> Result<Object, String> {
    let body = ask.json().map_err(|error| format!("Invalid cardholder: {error}"))?;
    body.as_object().cloned().ok_or_else(|| "Invalid cardholder: no object".to_owned())
}

fn array(tree: &Value, name: &str) -> Vec<Value> {
    tree.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn text(tree: &Value, name: &str) -> Option<String> {
    tree.get(name).and_then(Value::as_str).map(str::to_owned)
}
