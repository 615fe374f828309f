//! Users, their policies, and their deletion.

use serde_json::{Value, json};

use super::Unifi;
use super::envelope::{No, invalid, listed, member, no, object, yes};
use crate::double::Ask;

/// Whether a user may open anything.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Status {
    /// May.
    #[default]
    Active,
    /// An administrator who has not accepted the invitation.
    Pending,
    /// May not, and can be deleted.
    Deactivated,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Active => "ACTIVE",
            Status::Pending => "PENDING",
            Status::Deactivated => "DEACTIVATED",
        }
    }
}

/// A user.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct User {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub user_email: String,
    /// What outside systems call it; empty for none.
    pub employee_number: String,
    /// Whether it may open anything.
    pub status: Status,
    /// Ids of the policies assigned to itself.
    pub policies: Vec<String>,
    /// Ids of the policies that it has from its groups.
    pub group_policies: Vec<String>,
}

impl Unifi {
    /// A user as tests compare it.
    pub(super) fn shown(&self, id: &str, user: &User) -> Value {
        let cards = self.cards.values().filter(|card| card.user.as_deref() == Some(id));
        json!({
            "employee_number": user.employee_number,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "user_email": user.user_email,
            "status": user.status.word(),
            "policies": user.policies.iter().map(|id| self.policies.get(id)).collect::<Vec<_>>(),
            "cards": cards.map(|card| &card.nfc_id).collect::<Vec<_>>(),
        })
    }

    fn row(&self, id: &str, user: &User) -> Value {
        let cards = self.cards.iter().filter(|(_, card)| card.user.as_deref() == Some(id));
        let cards = cards.map(|(token, _)| json!({ "id": token, "token": token, "type": "ua_card" }));
        json!({
            "id": id,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "user_email": user.user_email,
            "employee_number": user.employee_number,
            "onboard_time": 0,
            "nfc_cards": cards.collect::<Vec<_>>(),
            "pin_code": null,
            "status": user.status.word(),
        })
    }

    pub(super) fn list_users(&self, ask: &Ask) -> Result<Value, No> {
        let rows = self.users.iter().map(|(id, user)| self.row(id, user)).collect();
        listed(ask, rows, self.page_max, self.totals)
    }

    /// Its documented answer says nothing of the list's length.
    pub(super) fn search_users(&self, ask: &Ask) -> Result<Value, No> {
        let word = ask.parameter("keyword").unwrap_or_default();
        let statuses: Vec<&String> =
            ask.query.iter().filter(|(name, _)| name == "status").map(|(_, value)| value).collect();
        let fits = |user: &User| {
            let texts = [&user.first_name, &user.last_name, &user.user_email, &user.employee_number];
            texts.iter().any(|text| text.contains(word))
                && (statuses.is_empty() || statuses.iter().any(|status| *status == user.status.word()))
        };
        let found = self.users.iter().filter(|(_, user)| fits(user));
        listed(ask, found.map(|(id, user)| self.row(id, user)).collect(), self.page_max, false)
    }

    pub(super) fn register(&mut self, ask: &Ask) -> Result<Value, No> {
        let body = object(ask)?;
        let mut user = User::default();
        write(&mut user, &body)?;
        if user.first_name.is_empty() || user.last_name.is_empty() {
            return Err(no("CODE_USER_CSV_IMPORT_INCOMPLETE_PROP", "Give first name and last name."));
        }
        let id = self.fresh("user");
        let data = json!({ "id": id, "first_name": user.first_name, "last_name": user.last_name });
        self.users.insert(id, user);
        Ok(yes(data))
    }

    pub(super) fn fetch_user(&self, id: &str) -> Result<Value, No> {
        let user = self.users.get(id).ok_or_else(unknown)?;
        Ok(yes(self.row(id, user)))
    }

    pub(super) fn update_user(&mut self, id: &str, ask: &Ask) -> Result<Value, No> {
        let body = object(ask)?;
        let user = self.user(id)?;
        let mut changed = user.clone();
        write(&mut changed, &body)?;
        match member(&body, "status")?.as_deref() {
            None => {}
            Some("ACTIVE") => changed.status = Status::Active,
            Some("DEACTIVATED") => changed.status = Status::Deactivated,
            Some(_) => return Err(invalid("status")),
        }
        *user = changed;
        Ok(yes(Value::Null))
    }

    pub(super) fn delete_user(&mut self, id: &str) -> Result<Value, No> {
        if self.user(id)?.status != Status::Deactivated {
            return Err(no("CODE_OPERATION_FORBIDDEN", "Only a deactivated user can be deleted."));
        }
        self.users.remove(id);
        for card in self.cards.values_mut().filter(|card| card.user.as_deref() == Some(id)) {
            card.user = None;
        }
        Ok(yes(Value::Null))
    }

    pub(super) fn user_policies(&self, id: &str, ask: &Ask) -> Result<Value, No> {
        let user = self.users.get(id).ok_or_else(unknown)?;
        let groups = (ask.parameter("only_user_policies") != Some("true")).then_some(&user.group_policies);
        let all = user.policies.iter().chain(groups.into_iter().flatten());
        Ok(yes(all.map(|id| self.policy(id)).collect()))
    }

    pub(super) fn set_policies(&mut self, id: &str, ask: &Ask) -> Result<Value, No> {
        let body = object(ask)?;
        let set = body.get("access_policy_ids").and_then(Value::as_array);
        let set = set.ok_or_else(|| invalid("access_policy_ids"))?;
        let known =
            |one: &Value| one.as_str().filter(|id| self.policies.contains_key(*id)).map(str::to_owned);
        let set: Option<Vec<String>> = set.iter().map(known).collect();
        let set = set.ok_or_else(|| no("CODE_NOT_EXISTS", "There is no such policy."))?;
        self.user(id)?.policies = set;
        Ok(yes(Value::Null))
    }

    pub(super) fn user(&mut self, id: &str) -> Result<&mut User, No> {
        self.users.get_mut(id).ok_or_else(unknown)
    }
}

fn unknown() -> No {
    no("CODE_USER_WORKER_NOT_EXISTS", "There is no such user.")
}

fn write(user: &mut User, body: &Value) -> Result<(), No> {
    for (name, field) in [
        ("first_name", &mut user.first_name),
        ("last_name", &mut user.last_name),
        ("user_email", &mut user.user_email),
        ("employee_number", &mut user.employee_number),
    ] {
        if let Some(text) = member(body, name)? {
            *field = text;
        }
    }
    Ok(())
}
