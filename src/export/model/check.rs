//! What must hold at every moment of a run, and at its end.

use super::pacs::{Held, HeldPerson};
use super::world::World;
use crate::export::content::Content;
use crate::export::item::{Hash, ItemKind, Row, State};
use access::person::Person;

impl World {
    /// What the ledger is sure of is true, late requests included.
    pub(super) fn check_always(&self) -> Result<(), String> {
        if let Some(name) = &self.pacs.duplicate {
            return Err(format!("{name} was made twice"));
        }
        for row in self.rows.iter() {
            let held: Vec<Option<Hash>> = self.held(row);
            match row.state {
                State::Maybe => {}
                State::Absent if held.is_empty() => {}
                State::Absent => return Err(format!("{} is there, against the ledger", row.id)),
                State::Present if held.len() != 1 => {
                    return Err(format!("{} is there {} times, against the ledger", row.id, held.len()));
                }
                State::Present if row.acked_hash.is_some() && held[0] != row.acked_hash => {
                    return Err(format!("{} has another content than the ledger", row.id));
                }
                State::Present => {}
            }
        }
        for person in self.pacs.persons.values() {
            let unknown = |(kind, _): &(ItemKind, String), ext: &str| self.rows.get(*kind, ext).is_none();
            if self.rows.person().is_none() {
                return Err(format!("{} is there, and the ledger has forgotten it", person.own.ext_id));
            }
            if let Some((_, child)) = person.children.iter().find(|(key, held)| unknown(key, &held.ext_id)) {
                return Err(format!("{} is there, and the ledger has forgotten it", child.ext_id));
            }
        }
        Ok(())
    }

    /// The contents under which the PACS holds the row's item, anywhere.
    pub(super) fn held(&self, row: &Row) -> Vec<Option<Hash>> {
        if row.is_person() {
            return self.pacs.named(&row.ext_id).map(|person| person.own.content).collect();
        }
        let children = self.pacs.persons.values().flat_map(|person| &person.children);
        let same = |((kind, _), held): &(&(ItemKind, String), &Held)| {
            *kind == row.id.kind && held.ext_id == row.ext_id
        };
        children.filter(same).map(|(_, held)| held.content).collect()
    }

    pub(super) fn check_nothing_unwanted(&self) -> Result<(), String> {
        for child in self.pacs.persons.values().flat_map(|person| &person.children) {
            let ((kind, _), held) = child;
            if !self.wants(*kind, &held.ext_id) {
                return Err(format!("{} still opens doors", held.ext_id));
            }
        }
        Ok(())
    }

    pub(super) fn wants(&self, kind: ItemKind, item: &str) -> bool {
        self.wanted.as_ref().is_some_and(|person| match kind {
            ItemKind::Person => true,
            ItemKind::Credential => person.credentials.keys().any(|key| key.as_str() == item),
            ItemKind::Permission => person.permissions.contains_key(item),
        })
    }

    /// The residue: a person that may be there, and can neither be named nor found.
    pub(super) fn is_person_held(&self) -> bool {
        let caps = self.style.caps();
        let blind = !caps.look_up && !caps.addressed_by_ext_id;
        let unknown = |row: &Row| row.state == State::Maybe && row.native_id.is_none();
        blind && self.rows.person().is_some_and(unknown)
    }

    pub(super) fn check_end(&mut self) -> Result<(), String> {
        self.check_nothing_unwanted()?;
        if self.is_person_held() {
            self.outcome.held_persons += 1;
            if self.pacs.persons.values().any(|person| !person.children.is_empty()) {
                return Err("a person that is held opens doors".into());
            }
            return Ok(());
        }
        let is = |person: &HeldPerson| {
            let mut all: Vec<_> =
                person.children.iter().map(|((kind, _), held)| (*kind, held.clone())).collect();
            all.sort_by(|a, b| (a.0, &a.1.ext_id).cmp(&(b.0, &b.1.ext_id)));
            let children = all.into_iter().map(|(kind, held)| (kind, held.ext_id, held.content)).collect();
            (person.own.ext_id.clone(), person.own.content, children)
        };
        let is: Vec<_> = self.pacs.persons.values().map(is).collect();
        let should: Vec<_> = self.wanted.iter().map(should).collect();
        if is != should {
            return Err(format!("the PACS has {is:?}, the rules say {should:?}; ledger {:#?}", self.rows));
        }
        let rest = self.plan();
        if rest.waiting > 0 || self.wanted.is_none() && self.rows.iter().next().is_some() {
            return Err(format!("all is as it should be, yet the plan is {rest:?}, ledger {:#?}", self.rows));
        }
        Ok(())
    }
}

type Shape = (String, Option<Hash>, Vec<(ItemKind, String, Option<Hash>)>);

fn should(person: &Person) -> Shape {
    let hash = |content: Content| Some(content.hash(true));
    let credentials = person.credentials.iter().map(|(key, credential)| {
        (ItemKind::Credential, key.to_string(), hash(Content::Credential(credential.clone())))
    });
    let permissions = person.permissions.iter().map(|(item, permission)| {
        (ItemKind::Permission, item.clone(), hash(Content::Permission(permission.clone())))
    });
    (person.ext_id.clone(), hash(Content::of_person(person)), credentials.chain(permissions).collect())
}
