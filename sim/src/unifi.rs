//! A double of UniFi Access: its developer API as far as users, NFC cards and access policies go.
//!
//! | module | what it holds |
//! |---|---|
//! | `users` | users, their policies, and their deletion |
//! | `cards` | NFC cards: the import, assigned and unassigned |
//! | `form` | a `multipart/form-data` body, and CSV |
//! | `envelope` | `{code, msg, data}`, and pages of a list |
//!
//! Where no public document says what the console does, a test chooses ([`Unifi::again`],
//! [`Unifi::page_max`], …), or the double does what is hardest on its client: two users may share an employee
//! number, and a card is unassigned whoever is named as its holder.
//!
//! Not here: visitors, PINs, groups beyond the policies that they give, devices, and doors.

mod cards;
mod envelope;
mod form;
#[cfg(test)]
mod tests;
mod users;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::double::{Api, Ask, Reply};
pub use cards::{Again, Card};
use envelope::{No, no, yes};
pub use users::{Status, User};

/// One console.
#[derive(Clone, Debug)]
pub struct Unifi {
    /// The bearer token that it accepts.
    pub token: String,
    /// Users by id.
    pub users: BTreeMap<String, User>,
    /// Cards by token.
    pub cards: BTreeMap<String, Card>,
    /// Names of access policies by id.
    pub policies: BTreeMap<String, String>,
    /// Rows of a page at most, whatever was asked for.
    pub page_max: usize,
    /// Whether lists say how long they are.
    pub totals: bool,
    /// Whether a card is listed with its `nfc_id`.
    pub lists_nfc_id: bool,
    /// What it answers to a number that it knows already.
    pub again: Again,
    made: u32,
}

impl Unifi {
    /// Without users and cards, with these policies: id, name.
    #[must_use]
    pub fn new(token: &str, policies: &[(&str, &str)]) -> Unifi {
        Unifi {
            token: token.to_owned(),
            users: BTreeMap::new(),
            cards: BTreeMap::new(),
            policies: policies.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect(),
            page_max: 100,
            totals: true,
            lists_nfc_id: false,
            again: Again::NoToken,
            made: 0,
        }
    }

    /// Adds a user by hand, and gives its id.
    pub fn enrol(&mut self, first_name: &str, last_name: &str, employee_number: &str) -> String {
        let user = User {
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            employee_number: employee_number.to_owned(),
            ..User::default()
        };
        let id = self.fresh("user");
        self.users.insert(id.clone(), user);
        id
    }

    /// Adds a card by hand, and gives its token.
    pub fn add_card(&mut self, nfc_id: &str, alias: &str, user: Option<&str>) -> String {
        let token = self.fresh("card");
        let user = user.map(str::to_owned);
        self.cards.insert(token.clone(), Card { nfc_id: nfc_id.to_owned(), alias: alias.to_owned(), user });
        token
    }

    /// An id that was never given before.
    fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{:04}", self.made)
    }

    fn route(&mut self, ask: &Ask) -> Result<Value, No> {
        match (ask.method.as_str(), ask.parts().as_slice()) {
            ("GET", ["users"]) => self.list_users(ask),
            ("POST", ["users"]) => self.register(ask),
            ("GET", ["users", "search"]) => self.search_users(ask),
            ("GET", ["users", id]) => self.fetch_user(id),
            ("PUT", ["users", id]) => self.update_user(id, ask),
            ("DELETE", ["users", id]) => self.delete_user(id),
            ("GET", ["users", id, "access_policies"]) => self.user_policies(id, ask),
            ("PUT", ["users", id, "access_policies"]) => self.set_policies(id, ask),
            ("PUT", ["users", id, "nfc_cards"]) => self.assign_card(id, ask),
            ("PUT", ["users", id, "nfc_cards", "delete"]) => self.unassign_card(id, ask),
            ("POST", ["credentials", "nfc_cards", "import"]) => self.import_cards(ask),
            ("GET", ["credentials", "nfc_cards", "tokens"]) => self.list_cards(ask),
            ("GET", ["credentials", "nfc_cards", "tokens", token]) => self.fetch_card(token),
            ("GET", ["access_policies"]) => Ok(yes(self.policies.keys().map(|id| self.policy(id)).collect())),
            _ => Err(no("CODE_NOT_FOUND", "no such path")),
        }
    }

    fn policy(&self, id: &str) -> Value {
        json!({ "id": id, "name": self.policies.get(id), "resources": [], "schedule_id": "schedule-1" })
    }
}

impl Api for Unifi {
    fn answer(&mut self, ask: &Ask) -> Reply {
        if ask.header("authorization") != Some(format!("Bearer {}", self.token).as_str()) {
            let words = json!({ "code": "CODE_ACCESS_TOKEN_INVALID", "msg": "The token is not valid." });
            return Reply::json(401, &words);
        }
        // An error is a matter of the code alone.
        Reply::json(200, &self.route(ask).unwrap_or_else(No::envelope))
    }

    fn dump(&self) -> Value {
        let users: Vec<Value> = self.users.iter().map(|(id, user)| self.shown(id, user)).collect();
        json!({ "users": users, "cards": self.cards.values().map(Card::shown).collect::<Vec<_>>() })
    }

    fn openapi(&self) -> &'static str {
        include_str!("../openapi/unifi.yaml")
    }
}
