//! The simulated PACS: its styles of API, requests that are executed late, backups, and hands that edit it.

use crate::export::item::{Act, Answer, Hash, ItemKind, Step};
use crate::export::plan::Caps;
use std::collections::{BTreeMap, BTreeSet};

/// How an API works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// PUT by our names; it makes what is missing. Cannot be asked.
    Put,
    /// The same, and it can be asked.
    PutWithLookUp,
    /// POST gives an id; a name is taken once.
    PostWithLookUp,
    /// POST gives an id, and makes a second of the same name without a word; it can be asked. Credentials are
    /// called by their numbers.
    DoublePostWithLookUp,
    /// As `PostWithLookUp`, but permissions are written as one set.
    Sets,
    /// As `PostWithLookUp`, but a permission is given to each credential, and removing a person leaves nothing of it.
    OnCredentials,
    /// POST gives an id, and makes a second of the same name without a word. Cannot be asked.
    PostWithoutLookUp,
    /// POST gives an id; a name is taken once. Cannot be asked.
    UniquePostWithoutLookUp,
}

impl Style {
    /// Whether a second item of the same name is refused.
    pub(super) fn has_unique_names(self) -> bool {
        match self {
            Style::PostWithLookUp | Style::UniquePostWithoutLookUp | Style::Sets | Style::OnCredentials => {
                true
            }
            Style::Put | Style::PutWithLookUp | Style::PostWithoutLookUp | Style::DoublePostWithLookUp => {
                false
            }
        }
    }

    pub(super) fn caps(self) -> Caps {
        let (addressed_by_ext_id, look_up) = match self {
            Style::Put => (true, false),
            Style::PutWithLookUp => (true, true),
            Style::PostWithLookUp | Style::DoublePostWithLookUp | Style::Sets | Style::OnCredentials => {
                (false, true)
            }
            Style::PostWithoutLookUp | Style::UniquePostWithoutLookUp => (false, false),
        };
        Caps {
            addressed_by_ext_id,
            look_up,
            remove_person_cascades: true,
            native_windows: true,
            names_are_unique: self.has_unique_names(),
            credentials_named_by_number: self == Style::DoublePostWithLookUp,
            permissions_are_one_set: self == Style::Sets,
            permissions_on_credentials: self == Style::OnCredentials,
        }
    }
}

/// A person or child as the PACS holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) ext_id: String,
    pub(super) content: Option<Hash>,
}

/// A person with its children, each by the id the PACS uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HeldPerson {
    pub(super) own: Held,
    pub(super) children: BTreeMap<(ItemKind, String), Held>,
    /// Somebody made it by hand: nothing may happen to it unless someone has approved.
    pub(super) by_hand: bool,
}

/// A request on its way: a set of permissions is read before it is written.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) step: Step,
    set: Option<BTreeMap<(ItemKind, String), Held>>,
}

#[derive(Clone)]
pub(super) struct SimPacs {
    style: Style,
    pub(super) persons: BTreeMap<String, HeldPerson>,
    /// Executed at that time of the world.
    pub(super) late: Vec<(u64, Request)>,
    last_id: u64,
    /// A second living item of one name was made by a request.
    pub(super) duplicate: Option<String>,
    /// A person that somebody made by hand was touched.
    pub(super) meddled: Option<String>,
    backup: Option<(BTreeMap<String, HeldPerson>, u64)>,
}

impl SimPacs {
    pub(super) fn new(style: Style) -> SimPacs {
        SimPacs {
            style,
            persons: BTreeMap::new(),
            late: Vec::new(),
            last_id: 0,
            duplicate: None,
            meddled: None,
            backup: None,
        }
    }

    pub(super) fn back_up(&mut self) {
        self.backup = Some((self.persons.clone(), self.last_id));
    }

    /// Everything is as it was, ids included; what was on its way is lost with the old server. Says whether there
    /// was a backup.
    pub(super) fn restore(&mut self) -> bool {
        let Some((persons, last_id)) = self.backup.clone() else { return false };
        (self.persons, self.last_id) = (persons, last_id);
        self.late.clear();
        true
    }

    /// A person made by hand.
    pub(super) fn make_by_hand(&mut self, ext_id: &str) {
        let id = self.fresh_id(ext_id);
        let own = Held { ext_id: ext_id.to_owned(), content: None };
        self.persons.insert(id, HeldPerson { own, children: BTreeMap::new(), by_hand: true });
    }

    /// Somebody has said that the persons of these users are no longer theirs, whatever backup they come from.
    pub(super) fn give_away(&mut self, users: &BTreeSet<String>) {
        let backup = self.backup.iter_mut().flat_map(|(persons, _)| persons.values_mut());
        for person in self.persons.values_mut().chain(backup) {
            let is_named = person.own.ext_id.strip_prefix("PA").is_some_and(|user| users.contains(user));
            person.by_hand &= !is_named;
        }
    }

    /// Executes what is due.
    pub(super) fn catch_up(&mut self, now: u64) {
        let mut due: Vec<_> = self.late.iter().filter(|(at, _)| *at <= now).cloned().collect();
        self.late.retain(|(at, _)| *at > now);
        due.sort_by_key(|(at, _)| *at);
        for (_, request) in due {
            self.execute(&request);
        }
    }

    /// What goes over the wire for `step`.
    pub(super) fn request(&self, step: &Step) -> Request {
        let is_set = self.style == Style::Sets && step.item.kind == ItemKind::Permission;
        let writes = matches!(step.act, Act::Create | Act::Update | Act::Remove);
        let person = step.ids.person_native_id.as_ref().and_then(|id| self.persons.get(id));
        let set = person.filter(|_| is_set && writes).map(|person| {
            let mut set = person.children.clone();
            set.retain(|(kind, _), _| *kind == ItemKind::Permission);
            let key = (ItemKind::Permission, step.ids.ext_id.clone());
            if step.act == Act::Remove {
                set.remove(&key);
            } else {
                set.insert(key, Held { ext_id: step.ids.ext_id.clone(), content: step.wanted });
            }
            set
        });
        Request { step: step.clone(), set }
    }

    pub(super) fn execute(&mut self, request: &Request) -> Answer {
        let step = &request.step;
        if let (Some(set), Some(person)) = (&request.set, &step.ids.person_native_id) {
            let Some(person) = self.persons.get_mut(person) else { return missing() };
            note_meddling(&mut self.meddled, person);
            person.children.retain(|(kind, _), _| *kind != ItemKind::Permission);
            person.children.extend(set.clone());
            return done(Some(step.ids.ext_id.clone()));
        }
        match (self.style.caps().addressed_by_ext_id, step.item.kind) {
            (true, ItemKind::Person) => self.person_by_name(step),
            (true, ItemKind::Credential | ItemKind::Permission) => self.child_by_name(step),
            (false, ItemKind::Person) => self.person_by_id(step),
            (false, ItemKind::Credential | ItemKind::Permission) => self.child_by_id(step),
        }
    }

    fn person_by_name(&mut self, step: &Step) -> Answer {
        let name = step.ids.ext_id.clone();
        let own = Held { ext_id: name.clone(), content: step.wanted };
        match step.act {
            Act::Create | Act::Update => {
                let fresh = || HeldPerson { own: own.clone(), children: BTreeMap::new(), by_hand: false };
                let person = self.persons.entry(name).or_insert_with(fresh);
                note_meddling(&mut self.meddled, person);
                person.own = own;
                done(None)
            }
            Act::Remove | Act::RemoveExtra => self.remove_person(&name),
            Act::LookUp => match self.persons.get(&name) {
                Some(person) => found(None, &person.own, step),
                None => missing(),
            },
        }
    }

    fn child_by_name(&mut self, step: &Step) -> Answer {
        let key = (step.item.kind, step.ids.ext_id.clone());
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let Some(person) = step.ids.person_ext_id.as_ref().and_then(|id| self.persons.get_mut(id)) else {
            return missing();
        };
        if step.act != Act::LookUp {
            note_meddling(&mut self.meddled, person);
        }
        match step.act {
            Act::Create | Act::Update => {
                person.children.insert(key, own);
                done(None)
            }
            Act::Remove | Act::RemoveExtra => {
                person.children.remove(&key).map_or_else(missing, |_| done(None))
            }
            Act::LookUp => person.children.get(&key).map_or_else(missing, |held| found(None, held, step)),
        }
    }

    fn person_by_id(&mut self, step: &Step) -> Answer {
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let native = step.ids.native_id.clone().unwrap_or_default();
        let same = |(_, held): &(&String, &HeldPerson)| held.own.ext_id == own.ext_id;
        match step.act {
            Act::LookUp => {
                let all = self.persons.iter().filter(same);
                several(all.map(|(id, held)| (id.clone(), &held.own)).collect(), step)
            }
            Act::Create => {
                if let Some(refusal) =
                    self.refuse_second(self.persons.iter().any(|each| same(&each)), &own.ext_id)
                {
                    return refusal;
                }
                let id = self.fresh_id(&own.ext_id);
                let person = HeldPerson { own, children: BTreeMap::new(), by_hand: false };
                self.persons.insert(id.clone(), person);
                done(Some(id))
            }
            Act::Update => self.persons.get_mut(&native).map_or_else(missing, |held| {
                note_meddling(&mut self.meddled, held);
                held.own = own;
                done(None)
            }),
            Act::Remove | Act::RemoveExtra => self.remove_person(&native),
        }
    }

    fn child_by_id(&mut self, step: &Step) -> Answer {
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let parent = step.ids.person_native_id.clone().unwrap_or_default();
        let kind = step.item.kind;
        let fresh = self.last_id + 1;
        let Some(person) = self.persons.get_mut(&parent) else { return missing() };
        let key = (kind, step.ids.native_id.clone().unwrap_or_default());
        let same = |((k, _), held): &(&(ItemKind, String), &Held)| *k == kind && held.ext_id == own.ext_id;
        if step.act == Act::LookUp {
            let all = person.children.iter().filter(same);
            return several(all.map(|((_, id), held)| (id.clone(), held)).collect(), step);
        }
        note_meddling(&mut self.meddled, person);
        match step.act {
            Act::Create => {
                let exists = person.children.iter().any(|each| same(&each));
                if exists && self.style.has_unique_names() {
                    return Answer::Conflict { words: "it exists".into() };
                }
                if exists {
                    self.duplicate = Some(own.ext_id.clone());
                }
                let id = format!("n{fresh}");
                person.children.insert((kind, id.clone()), own);
                self.last_id = fresh;
                done(Some(id))
            }
            Act::Update => person.children.get_mut(&key).map_or_else(missing, |held| {
                *held = own;
                done(None)
            }),
            Act::Remove | Act::RemoveExtra => {
                person.children.remove(&key).map_or_else(missing, |_| done(None))
            }
            Act::LookUp => missing(),
        }
    }

    fn remove_person(&mut self, id: &str) -> Answer {
        let Some(mut person) = self.persons.remove(id) else { return missing() };
        note_meddling(&mut self.meddled, &mut person);
        done(None)
    }

    fn refuse_second(&mut self, exists: bool, ext_id: &str) -> Option<Answer> {
        if !exists {
            return None;
        }
        if self.style.has_unique_names() {
            return Some(Answer::Conflict { words: "it exists".into() });
        }
        self.duplicate = Some(ext_id.to_owned());
        None
    }

    fn fresh_id(&mut self, ext_id: &str) -> String {
        if self.style.caps().addressed_by_ext_id {
            return ext_id.to_owned();
        }
        self.last_id += 1;
        format!("n{}", self.last_id)
    }
}

fn note_meddling(meddled: &mut Option<String>, person: &mut HeldPerson) {
    if person.by_hand {
        *meddled = Some(person.own.ext_id.clone());
    }
}

fn found(native_id: Option<String>, held: &Held, step: &Step) -> Answer {
    let as_wanted = step.content.as_ref().map(|content| held.content == Some(content.hash(true)));
    Answer::Found { native_id, as_wanted }
}

fn several(mut all: Vec<(String, &Held)>, step: &Step) -> Answer {
    let known = all.iter().position(|(id, _)| Some(id) == step.ids.native_id.as_ref()).unwrap_or(0);
    if all.is_empty() {
        return missing();
    }
    let (id, held) = all.swap_remove(known);
    match all.first() {
        None => found(Some(id), held, step),
        Some((extra, _)) => {
            Answer::Several { native_id: id, extra: extra.clone(), words: "there are several".into() }
        }
    }
}

fn done(native_id: Option<String>) -> Answer {
    Answer::Done { native_id }
}

fn missing() -> Answer {
    Answer::NotFound { words: "no such thing".into() }
}
