//! What must hold at every moment of a run, and at its end.

use super::pacs::{Held, HeldPerson};
use super::people::users;
use super::world::{LIMITS, World};
use crate::export::content::Content;
use crate::export::item::{Clearance, Hash, ItemKind, Row, State};
use crate::export::plan::Plan;
use access::id::Key;
use access::person::Person;
use std::collections::BTreeSet;

/// Access that is to go is gone this long after that while the PACS answers: one late request, one back-off and one
/// more late request, with time for the requests themselves.
const REMOVED_WITHIN_MS: u64 = 2 * LIMITS.late_ms + LIMITS.retry_max_ms + 120_000;

impl World {
    /// What the ledger is sure of is true, late requests included; nothing is made twice, and nothing that is
    /// somebody else's is touched.
    pub(super) fn check_always(&self) -> Result<(), String> {
        if let Some(name) = &self.pacs.meddled {
            return Err(format!("{name} belongs to somebody else and was touched"));
        }
        // After a backup was restored the ledger may be wrong until it is read back.
        if self.drifted {
            return Ok(());
        }
        if let Some(name) = &self.pacs.duplicate {
            return Err(format!("{name} was made twice"));
        }
        for rows in self.rows.values() {
            for row in rows.iter().filter(|row| row.ours || !row.is_person()) {
                self.check_row(row)?;
            }
        }
        for person in self.pacs.persons.values().filter(|person| !person.by_hand) {
            self.check_remembered(person)?;
        }
        Ok(())
    }

    fn check_row(&self, row: &Row) -> Result<(), String> {
        let held = self.held(row);
        match row.state {
            State::Maybe => Ok(()),
            State::Absent if held.is_empty() => Ok(()),
            State::Absent => Err(format!("{} is there, against the ledger", row.id)),
            State::Present if held.len() != 1 => {
                Err(format!("{} is there {} times, against the ledger", row.id, held.len()))
            }
            State::Present if row.acked_hash.is_some() && held[0] != row.acked_hash => {
                Err(format!("{} has another content than the ledger", row.id))
            }
            State::Present => Ok(()),
        }
    }

    fn check_remembered(&self, person: &HeldPerson) -> Result<(), String> {
        let name = &person.own.ext_id;
        let rows = name.strip_prefix("PA").and_then(|user| Key::new(user).ok()).map(|user| &self.rows[&user]);
        let Some(rows) = rows.filter(|rows| rows.person().is_some()) else {
            return Err(format!("{name} is there, and the ledger has forgotten it"));
        };
        let is_known =
            |kind: ItemKind, ext: &str| rows.children().any(|row| row.id.kind == kind && (row.ext_id == ext));
        match person.children.iter().find(|((kind, _), held)| !is_known(*kind, &held.ext_id)) {
            Some((_, child)) => Err(format!("{} is there, and the ledger has forgotten it", child.ext_id)),
            None => Ok(()),
        }
    }

    /// The contents under which the PACS holds the row's item.
    fn held(&self, row: &Row) -> Vec<Option<Hash>> {
        let name = format!("PA{}", row.id.user);
        let own = self.pacs.persons.values().filter(|person| person.own.ext_id == name);
        if row.is_person() {
            return own.map(|person| person.own.content).collect();
        }
        let children = own.flat_map(|person| &person.children);
        let same = |((kind, _), held): &(&(ItemKind, String), &Held)| {
            *kind == row.id.kind && held.ext_id == row.ext_id
        };
        children.filter(same).map(|(_, held)| held.content).collect()
    }

    /// Names of what opens doors and should not, and is not held by the brake either.
    fn unwanted(&self) -> BTreeSet<String> {
        let mut unwanted = BTreeSet::new();
        for user in users() {
            let wanted = self.wanted(&user).map(|person| self.should(&person, &[])).map(|shape| shape.2);
            let name = format!("PA{user}");
            let own =
                self.pacs.persons.values().filter(|person| person.own.ext_id == name && !person.by_hand);
            for ((kind, id), held) in own.flat_map(|person| &person.children) {
                let is_wanted = wanted.iter().flatten().any(|(k, ext, _)| k == kind && *ext == held.ext_id);
                let is_braked = self.rows[&user].children().any(|row| {
                    row.id.kind == *kind && row.ext_id == held.ext_id && row.clearance == Clearance::Held
                });
                if !is_wanted && !is_braked {
                    unwanted.insert(format!("{name}/{id}/{}", held.ext_id));
                }
            }
        }
        unwanted
    }

    /// What is to go and waits for nothing of its own does not wait for anything else of its person either.
    pub(super) fn check_nothing_else_holds_a_removal(&self, user: &Key, plan: &Plan) -> Result<(), String> {
        let now = self.mono();
        let caps = self.style.caps();
        let rests = |row: &Row| row.next_try.is_none_or(|at| at <= now) && row.state == State::Present;
        let Some(_) = self.person_row(user).filter(|person| rests(person) && !person.is_found()) else {
            return Ok(());
        };
        let may_go = |row: &&Row| {
            let is_cleared = matches!(row.clearance, Clearance::None | Clearance::Given);
            let is_named = caps.look_up || caps.addressed_by_ext_id || row.native_id.is_some();
            row.cause.is_some() && is_cleared && is_named && rests(row)
        };
        match self.rows[user].children().find(may_go) {
            Some(row) if plan.steps.is_empty() => Err(format!("{} is to go, and nothing is done", row.id)),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn check_how_long_access_outlives_the_rules(&mut self, stopped: u64) -> Result<(), String> {
        let unwanted = self.unwanted();
        self.unwanted_since.retain(|name, _| unwanted.contains(name));
        for name in unwanted {
            let now = self.now;
            let since = *self.unwanted_since.entry(name.clone()).or_insert(now);
            if now - since.max(stopped) > REMOVED_WITHIN_MS {
                return Err(format!("{name} still opens doors after {} s", (now - since) / 1000));
            }
        }
        Ok(())
    }

    /// The residue: a person that may be there, and can neither be named nor found.
    pub(super) fn is_person_held(&self, user: &Key) -> bool {
        let caps = self.style.caps();
        let blind = !caps.look_up && !caps.addressed_by_ext_id;
        let unknown = |row: &Row| row.state == State::Maybe && row.native_id.is_none();
        blind && self.person_row(user).is_some_and(unknown)
    }

    pub(super) fn check_end(&mut self) -> Result<(), String> {
        for user in users() {
            let name = format!("PA{user}");
            let is: Vec<&HeldPerson> =
                self.pacs.persons.values().filter(|person| person.own.ext_id == name).collect();
            if self.is_person_held(&user) {
                self.outcome.held_persons += 1;
                if is.iter().any(|person| !person.children.is_empty()) {
                    return Err("a person that is held opens doors".into());
                }
                continue;
            }
            let is: Vec<Shape> =
                is.iter().filter(|person| !person.by_hand).map(|person| shape(person)).collect();
            let cards = self.pacs.persons.iter().find(|(_, person)| person.own.ext_id == name);
            let cards: Vec<String> = cards
                .iter()
                .flat_map(|(_, person)| person.children.keys())
                .filter(|(kind, _)| *kind == ItemKind::Credential)
                .map(|(_, id)| id.clone())
                .collect();
            let should: Vec<Shape> =
                self.wanted(&user).iter().map(|person| self.should(person, &cards)).collect();
            let rows = &self.rows[&user];
            if is != should {
                return Err(format!("the PACS has {is:?}, the rules say {should:?}; ledger {rows:#?}"));
            }
            let rest = self.plan(&user);
            if rest.waiting > 0 {
                return Err(format!("all is as it should be, yet the plan is {rest:?}, ledger {rows:#?}"));
            }
        }
        Ok(())
    }

    /// The person as the PACS should hold it; `cards` are the ids that it has given to the credentials.
    fn should(&self, person: &Person, cards: &[String]) -> Shape {
        let caps = self.style.caps();
        let mut cards = if caps.permissions_on_credentials { cards.to_vec() } else { Vec::new() };
        cards.sort();
        let hash = |content: Content| Some(content.hash(true));
        let credentials = person.credentials.iter().map(|(key, credential)| {
            let name = if caps.credentials_named_by_number {
                credential.card_number.clone()
            } else {
                key.to_string()
            };
            (ItemKind::Credential, name, hash(Content::Credential(credential.clone())))
        });
        let permissions = person.permissions.iter().map(|(item, permission)| {
            (ItemKind::Permission, item.clone(), hash(Content::of_permission(permission, cards.clone())))
        });
        let mut children: Vec<_> = credentials.chain(permissions).collect();
        children.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        (person.ext_id.clone(), hash(Content::of_person(person)), children)
    }
}

type Shape = (String, Option<Hash>, Vec<(ItemKind, String, Option<Hash>)>);

fn shape(person: &HeldPerson) -> Shape {
    let children = person.children.iter().map(|((kind, _), held)| (*kind, held.ext_id.clone(), held.content));
    let mut children: Vec<_> = children.collect();
    children.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    (person.own.ext_id.clone(), person.own.content, children)
}
