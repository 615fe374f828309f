//! What the PACS holds: persons with their credentials and permissions. Pure state: no IO and no clock; time
//! comes in with the [`Stamp`].
//!
//! External ids (`personnelNumber`, `credentialId`, `accessElement`) are fixed once given; to change one, delete
//! and create.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::children::ChildKind;
use crate::effects::{Act, EffectLog, Stamp, What};
use crate::elements::AccessElement;
use crate::ids::Registry;

/// The JSON object of a request's body.
pub(crate) type Object = Map<String, Value>;

/// The external id of a person.
pub(crate) const PERSONNEL_NUMBER: &str = "personnelNumber";

/// Members that the PACS itself owns; a client that sends back what it read must not store them as fields.
const OWNED_BY_PACS: [&str; 3] = ["id", "credentials", "permissions"];
const PERSON_TEXTS: [&str; 6] = [PERSONNEL_NUMBER, "firstName", "lastName", "organization", "email", "pin"];

/// Everything in the PACS by external ids, without native ids: equal worlds give the same access.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// By `personnelNumber`.
    pub persons: BTreeMap<String, PersonView>,
}

/// One person as the PACS holds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonView {
    /// All members as they were sent, `personnelNumber` included.
    pub fields: BTreeMap<String, Value>,
    /// By `credentialId`; the object as it was sent.
    pub credentials: BTreeMap<String, Value>,
    /// By `accessElement`; the object as it was sent.
    pub permissions: BTreeMap<String, Value>,
}

/// Why the PACS did not do what it was asked; the words go to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 404: there is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// 409: it would exist twice.
    #[error("{0}")]
    Conflict(String),
    /// 400: the request makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// The whole PACS. The world itself is the truth, so that looking at it costs nothing; native ids stand beside it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) elements: Vec<AccessElement>,
    pub(crate) effects: EffectLog,
    pub(crate) person_ids: Registry<String>,
    /// By (personnelNumber, credentialId).
    pub(crate) credential_ids: Registry<(String, String)>,
    /// By (personnelNumber, accessElement).
    pub(crate) permission_ids: Registry<(String, String)>,
    /// `cardNumber` → (personnelNumber, credentialId): a card number is unique in the whole PACS.
    pub(crate) cards: BTreeMap<String, (String, String)>,
}

impl State {
    /// An empty PACS with these elements, which the caller has checked.
    pub(crate) fn new(elements: Vec<AccessElement>) -> Self {
        Self {
            world: World::default(),
            elements,
            effects: EffectLog::default(),
            person_ids: Registry::new("p"),
            credential_ids: Registry::new("c"),
            permission_ids: Registry::new("m"),
            cards: BTreeMap::new(),
        }
    }

    /// Creates a person and gives its native id.
    ///
    /// # Errors
    /// `Invalid` without a `personnelNumber` or for a known member of the wrong type, `Conflict` if the number exists.
    pub(crate) fn create_person(&mut self, body: Object, stamp: Stamp) -> Result<String, Refusal> {
        check_texts(&body, &PERSON_TEXTS)?;
        let number = required(&body, PERSONNEL_NUMBER)?;
        if let Some(native) = self.person_ids.native(&number) {
            return Err(Refusal::Conflict(format!("personnelNumber {number} exists as {native}")));
        }
        let view = PersonView { fields: fields(body), ..PersonView::default() };
        self.world.persons.insert(number.clone(), view);
        self.effects.push(stamp, Act::Create, What::Person, number.clone());
        Ok(self.person_ids.insert(number))
    }

    /// Replaces all fields of a person; its children and its `personnelNumber` stay.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for another `personnelNumber` or a known member of the wrong type.
    pub(crate) fn replace_person(
        &mut self,
        native: &str,
        mut body: Object,
        stamp: Stamp,
    ) -> Result<(), Refusal> {
        let number = self.number(native)?.to_owned();
        check_texts(&body, &PERSON_TEXTS)?;
        keep_key(&mut body, PERSONNEL_NUMBER, &number)?;
        self.person_mut(&number)?.fields = fields(body);
        self.effects.push(stamp, Act::Update, What::Person, number);
        Ok(())
    }

    /// Deletes a person after its credentials and permissions, each logged, in the order of their keys.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn delete_person(&mut self, native: &str, stamp: Stamp) -> Result<(), Refusal> {
        let number = self.number(native)?.to_owned();
        for kind in [ChildKind::Credential, ChildKind::Permission] {
            let keys: Vec<String> = self.children(kind, &number).keys().cloned().collect();
            for key in keys {
                self.remove_child(kind, &number, &key, stamp);
            }
        }
        self.world.persons.remove(&number);
        self.person_ids.remove(&number);
        self.effects.push(stamp, Act::Delete, What::Person, number);
        Ok(())
    }

    /// Makes a person be as given, whatever is there: drift made on purpose. Members `credentials` and
    /// `permissions` (arrays) are added or replaced; other children stay. It is not one act: what was done before
    /// a refusal stays done, and is in the log.
    ///
    /// # Errors
    /// As for creating and replacing each of them.
    pub(crate) fn force_person(&mut self, mut body: Object, stamp: Stamp) -> Result<String, Refusal> {
        let number = required(&body, PERSONNEL_NUMBER)?;
        let children = [
            (ChildKind::Credential, objects(body.remove("credentials"), "credentials")?),
            (ChildKind::Permission, objects(body.remove("permissions"), "permissions")?),
        ];
        let native = match self.person_ids.native(&number).map(str::to_owned) {
            Some(native) => {
                self.replace_person(&native, body, stamp)?;
                native
            }
            None => self.create_person(body, stamp)?,
        };
        for (kind, bodies) in children {
            for body in bodies {
                let key = (number.clone(), required(&body, kind.key())?);
                match self.ids(kind).native(&key).map(str::to_owned) {
                    Some(child) => self.replace_child(kind, &native, &child, body, stamp)?,
                    None => self.create_child(kind, &native, body, stamp).map(drop)?,
                }
            }
        }
        Ok(native)
    }

    /// The person with its native ids and its children, as the API shows it.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn person_json(&self, native: &str) -> Result<Value, Refusal> {
        let number = self.number(native)?;
        let view = self.person(number)?;
        let mut shown: Object = view.fields.clone().into_iter().collect();
        shown.insert("id".to_owned(), native.into());
        for kind in [ChildKind::Credential, ChildKind::Permission] {
            shown.insert(kind.list().to_owned(), self.children_json(kind, native, None)?.into());
        }
        Ok(shown.into())
    }

    /// All persons, or the one with that number, by `personnelNumber`.
    pub(crate) fn persons_json(&self, number: Option<&str>) -> Vec<Value> {
        self.world
            .persons
            .keys()
            .filter(|key| number.is_none_or(|number| number == *key))
            .filter_map(|key| self.person_json(self.person_ids.native(key)?).ok())
            .collect()
    }

    /// The external id of the person with that native id.
    pub(crate) fn number(&self, native: &str) -> Result<&str, Refusal> {
        let number = self.person_ids.key(native).map(String::as_str);
        number.ok_or_else(|| Refusal::NotFound(format!("no person {native}")))
    }

    fn person(&self, number: &str) -> Result<&PersonView, Refusal> {
        self.world.persons.get(number).ok_or_else(|| no_person(number))
    }

    pub(crate) fn person_mut(&mut self, number: &str) -> Result<&mut PersonView, Refusal> {
        self.world.persons.get_mut(number).ok_or_else(|| no_person(number))
    }
}

fn no_person(number: &str) -> Refusal {
    Refusal::NotFound(format!("no person with personnelNumber {number}"))
}

fn fields(body: Object) -> BTreeMap<String, Value> {
    body.into_iter().filter(|(name, _)| !OWNED_BY_PACS.contains(&name.as_str())).collect()
}

/// The text of a member that must be there and not be empty.
pub(crate) fn required(body: &Object, name: &str) -> Result<String, Refusal> {
    match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) | None => Err(Refusal::Invalid(format!("{name} is missing"))),
        Some(_) => Err(not_text(name)),
    }
}

/// Checks that those of `names` that are there are text.
pub(crate) fn check_texts(body: &Object, names: &[&str]) -> Result<(), Refusal> {
    for name in names {
        if body.get(*name).is_some_and(|value| !value.is_string()) {
            return Err(not_text(name));
        }
    }
    Ok(())
}

/// A replacement may leave its external id out, but not change it.
pub(crate) fn keep_key(body: &mut Object, name: &str, key: &str) -> Result<(), Refusal> {
    let given = body.entry(name).or_insert_with(|| key.into());
    if given == key {
        return Ok(());
    }
    Err(Refusal::Invalid(format!("{name} is fixed: it is {key}, not {given}")))
}

fn not_text(name: &str) -> Refusal {
    Refusal::Invalid(format!("{name} must be text"))
}

fn objects(value: Option<Value>, name: &str) -> Result<Vec<Object>, Refusal> {
    let wrong = || Refusal::Invalid(format!("{name} must be an array of objects"));
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(object) => Ok(object),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}
