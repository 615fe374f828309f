//! Credentials and permissions: what hangs on a person and goes with it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::effects::{Act, Stamp, What};
use crate::ids::Registry;
use crate::world::{Object, Refusal, State, check_texts, keep_key, required};

const CREDENTIAL_TEXTS: [&str; 4] = ["credentialId", "cardNumber", "validFrom", "validTo"];
const PERMISSION_TEXTS: [&str; 3] = ["accessElement", "validFrom", "validTo"];

/// The two kinds of children; the API treats them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildKind {
    Credential,
    Permission,
}

impl ChildKind {
    /// The member that holds the external id; also the filter parameter of the list.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Credential => "credentialId",
            Self::Permission => "accessElement",
        }
    }

    /// The list's name, in paths and in a person.
    pub(crate) fn list(self) -> &'static str {
        match self {
            Self::Credential => "credentials",
            Self::Permission => "permissions",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Permission => "permission",
        }
    }

    fn what(self) -> What {
        match self {
            Self::Credential => What::Credential,
            Self::Permission => What::Permission,
        }
    }

    fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Credential => &CREDENTIAL_TEXTS,
            Self::Permission => &PERMISSION_TEXTS,
        }
    }
}

impl State {
    /// Creates a credential or permission and gives its native id.
    ///
    /// # Errors
    /// `NotFound` without the person; `Invalid` for missing or mistyped members and unknown elements; `Conflict`
    /// if the person has it already or the card number is in use.
    pub(crate) fn create_child(
        &mut self,
        kind: ChildKind,
        person: &str,
        mut body: Object,
        stamp: Stamp,
    ) -> Result<String, Refusal> {
        let number = self.number(person)?.to_owned();
        let key = required(&body, kind.key())?;
        let both = (number, key);
        if let Some(native) = self.ids(kind).native(&both) {
            let (number, key) = &both;
            return Err(Refusal::Conflict(format!("{} {key} exists on {number} as {native}", kind.key())));
        }
        self.check_child(kind, &both, &mut body)?;
        self.put_child(kind, &both, body)?;
        self.log_child(kind, Act::Create, &both, stamp);
        Ok(self.ids_mut(kind).insert(both))
    }

    /// Replaces a child; its external id stays.
    ///
    /// # Errors
    /// As [`State::create_child`], and `NotFound` if that person has no such child.
    pub(crate) fn replace_child(
        &mut self,
        kind: ChildKind,
        person: &str,
        native: &str,
        mut body: Object,
        stamp: Stamp,
    ) -> Result<(), Refusal> {
        let both = self.child_key(kind, person, native)?;
        keep_key(&mut body, kind.key(), &both.1)?;
        self.check_child(kind, &both, &mut body)?;
        let old = self.children(kind, &both.0).get(&both.1).and_then(|held| held["cardNumber"].as_str());
        if let (ChildKind::Credential, Some(card)) = (kind, old.map(str::to_owned)) {
            self.cards.remove(&card);
        }
        self.put_child(kind, &both, body)?;
        self.log_child(kind, Act::Update, &both, stamp);
        Ok(())
    }

    /// Deletes a child by its native id.
    ///
    /// # Errors
    /// `NotFound` if that person has no such child.
    pub(crate) fn delete_child(
        &mut self,
        kind: ChildKind,
        person: &str,
        native: &str,
        stamp: Stamp,
    ) -> Result<(), Refusal> {
        let (number, key) = self.child_key(kind, person, native)?;
        self.remove_child(kind, &number, &key, stamp);
        Ok(())
    }

    /// Removes a child by its external ids and logs it; nothing happens if it is not there.
    pub(crate) fn remove_child(&mut self, kind: ChildKind, number: &str, key: &str, stamp: Stamp) {
        let both = (number.to_owned(), key.to_owned());
        let Some(removed) = self.children_mut(kind, number).and_then(|children| children.remove(key)) else {
            return;
        };
        if let (ChildKind::Credential, Some(card)) = (kind, removed["cardNumber"].as_str()) {
            self.cards.remove(card);
        }
        self.ids_mut(kind).remove(&both);
        self.log_child(kind, Act::Delete, &both, stamp);
    }

    /// One child with its native id, as the API shows it.
    ///
    /// # Errors
    /// `NotFound` if that person has no such child.
    pub(crate) fn child_json(&self, kind: ChildKind, person: &str, native: &str) -> Result<Value, Refusal> {
        let (number, key) = self.child_key(kind, person, native)?;
        let mut shown = self.children(kind, &number).get(&key).cloned().unwrap_or_default();
        shown["id"] = native.into();
        Ok(shown)
    }

    /// All children of a kind, or the one with that external id, in the order of their external ids.
    ///
    /// # Errors
    /// `NotFound` without the person.
    pub(crate) fn children_json(
        &self,
        kind: ChildKind,
        person: &str,
        key: Option<&str>,
    ) -> Result<Vec<Value>, Refusal> {
        let number = self.number(person)?;
        let wanted = self.children(kind, number).keys().filter(|held| key.is_none_or(|key| key == *held));
        wanted
            .filter_map(|held| self.ids(kind).native(&(number.to_owned(), held.clone())))
            .map(|native| self.child_json(kind, person, native))
            .collect()
    }

    /// The children of a person by external id; none for an unknown person.
    pub(crate) fn children(&self, kind: ChildKind, number: &str) -> &BTreeMap<String, Value> {
        static NONE: BTreeMap<String, Value> = BTreeMap::new();
        let Some(person) = self.world.persons.get(number) else { return &NONE };
        match kind {
            ChildKind::Credential => &person.credentials,
            ChildKind::Permission => &person.permissions,
        }
    }

    fn children_mut(&mut self, kind: ChildKind, number: &str) -> Option<&mut BTreeMap<String, Value>> {
        let person = self.person_mut(number).ok()?;
        Some(match kind {
            ChildKind::Credential => &mut person.credentials,
            ChildKind::Permission => &mut person.permissions,
        })
    }

    pub(crate) fn ids(&self, kind: ChildKind) -> &Registry<(String, String)> {
        match kind {
            ChildKind::Credential => &self.credential_ids,
            ChildKind::Permission => &self.permission_ids,
        }
    }

    fn ids_mut(&mut self, kind: ChildKind) -> &mut Registry<(String, String)> {
        match kind {
            ChildKind::Credential => &mut self.credential_ids,
            ChildKind::Permission => &mut self.permission_ids,
        }
    }

    /// The external ids behind a native one; a child of another person is as unknown as none.
    fn child_key(&self, kind: ChildKind, person: &str, native: &str) -> Result<(String, String), Refusal> {
        let number = self.number(person)?;
        let both = self.ids(kind).key(native).filter(|(owner, _)| owner == number);
        both.cloned().ok_or_else(|| Refusal::NotFound(format!("no {} {native} on {person}", kind.word())))
    }

    fn check_child(
        &self,
        kind: ChildKind,
        both: &(String, String),
        body: &mut Object,
    ) -> Result<(), Refusal> {
        body.remove("id");
        check_texts(body, kind.texts())?;
        match kind {
            ChildKind::Credential => {
                let card = required(body, "cardNumber")?;
                match self.cards.get(&card) {
                    Some(owner) if owner != both => Err(Refusal::Conflict(format!(
                        "cardNumber {card} exists on {} as {}",
                        owner.0, owner.1
                    ))),
                    _ => Ok(()),
                }
            }
            ChildKind::Permission if self.elements.iter().any(|element| element.id == both.1) => Ok(()),
            ChildKind::Permission => Err(Refusal::Invalid(format!("unknown access element {}", both.1))),
        }
    }

    fn put_child(&mut self, kind: ChildKind, both: &(String, String), body: Object) -> Result<(), Refusal> {
        if let (ChildKind::Credential, Some(Value::String(card))) = (kind, body.get("cardNumber")) {
            self.cards.insert(card.clone(), both.clone());
        }
        let children = self.children_mut(kind, &both.0);
        let children = children.ok_or_else(|| Refusal::NotFound(format!("no person {}", both.0)))?;
        children.insert(both.1.clone(), body.into());
        Ok(())
    }

    fn log_child(&mut self, kind: ChildKind, act: Act, (number, key): &(String, String), stamp: Stamp) {
        self.effects.push(stamp, act, kind.what(), format!("{number}/{}/{key}", kind.word()));
    }
}
