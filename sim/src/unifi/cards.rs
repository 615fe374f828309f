//! NFC cards: the import, assigned and unassigned.

use serde_json::{Value, json};

use super::Unifi;
use super::envelope::{No, invalid, listed, member, no, object, yes};
use super::form::{file, lines};
use crate::double::Ask;

/// A card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Its number.
    pub nfc_id: String,
    /// What people call it; no two cards have the same.
    pub alias: String,
    /// The id of the user who holds it.
    pub user: Option<String>,
}

/// What the console answers when a number is imported that it has already. No public document says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// The token of the card that is there.
    SameToken,
    /// No token, as for any line that failed.
    NoToken,
    /// An error for the whole file.
    Error,
}

impl Card {
    /// A card as tests compare it.
    pub(super) fn shown(&self) -> Value {
        json!({ "nfc_id": self.nfc_id, "alias": self.alias, "is_assigned": self.user.is_some() })
    }
}

impl Unifi {
    fn card_row(&self, token: &str, card: &Card) -> Value {
        let mut row = json!({
            "token": token,
            "display_id": token,
            "alias": card.alias,
            "card_type": "id_card",
            "note": "",
            "status": if card.user.is_some() { "assigned" } else { "pending" },
            "user_id": card.user.clone().unwrap_or_default(),
            "user_type": if card.user.is_some() { "USER" } else { "" },
        });
        if self.lists_nfc_id {
            row["nfc_id"] = card.nfc_id.clone().into();
        }
        row
    }

    pub(super) fn list_cards(&self, ask: &Ask) -> Result<Value, No> {
        let rows = self.cards.iter().map(|(token, card)| self.card_row(token, card)).collect();
        listed(ask, rows, self.page_max, self.totals)
    }

    pub(super) fn fetch_card(&self, token: &str) -> Result<Value, No> {
        let card = self.cards.get(token).ok_or_else(unknown)?;
        Ok(yes(self.card_row(token, card)))
    }

    pub(super) fn import_cards(&mut self, ask: &Ask) -> Result<Value, No> {
        let text = file(ask).ok_or_else(|| invalid("file"))?;
        let mut rows = Vec::new();
        for (nfc_id, alias) in lines(&text).ok_or_else(|| invalid("a line has more than two fields"))? {
            let token = self.import_card(&nfc_id, &alias)?;
            rows.push(json!({ "nfc_id": nfc_id, "alias": alias, "token": token }));
        }
        Ok(yes(rows.into()))
    }

    /// Its token, empty when the line fails.
    fn import_card(&mut self, nfc_id: &str, alias: &str) -> Result<String, No> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        if nfc_id.is_empty() || !nfc_id.bytes().all(is_hex) {
            return Ok(String::new());
        }
        let known = self.cards.iter().find(|(_, card)| card.nfc_id == nfc_id).map(|(token, _)| token.clone());
        match (known, self.again) {
            (Some(token), Again::SameToken) => Ok(token),
            (Some(_), Again::NoToken) => Ok(String::new()),
            (Some(_), Again::Error) => Err(invalid("the card is there already")),
            (None, _) if self.cards.values().any(|card| card.alias == alias) => Ok(String::new()),
            (None, _) => Ok(self.add_card(nfc_id, alias, None)),
        }
    }

    pub(super) fn assign_card(&mut self, id: &str, ask: &Ask) -> Result<Value, No> {
        let body = object(ask)?;
        let token = member(&body, "token")?.ok_or_else(|| invalid("token"))?;
        let force = body.get("force_add").and_then(Value::as_bool).unwrap_or_default();
        self.user(id)?;
        let card = self.cards.get_mut(&token).ok_or_else(unknown)?;
        if !force && card.user.as_deref().is_some_and(|holder| holder != id) {
            return Err(no("CODE_CREDS_NFC_HAS_BIND_USER", "The card is another user's."));
        }
        card.user = Some(id.to_owned());
        Ok(yes(Value::Null))
    }

    /// Whoever holds it: no public document says that the console minds.
    pub(super) fn unassign_card(&mut self, id: &str, ask: &Ask) -> Result<Value, No> {
        let body = object(ask)?;
        let token = member(&body, "token")?.ok_or_else(|| invalid("token"))?;
        self.user(id)?;
        self.cards.get_mut(&token).ok_or_else(unknown)?.user = None;
        Ok(yes(Value::Null))
    }
}

fn unknown() -> No {
    no("CODE_NOT_EXISTS", "There is no such card.")
}
