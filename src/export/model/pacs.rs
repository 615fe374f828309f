//! The simulated PACS: four styles of API, requests that are lost, and requests that are executed late.

use crate::export::item::{Act, Answer, Hash, ItemKind, Step};
use crate::export::plan::Caps;
use std::collections::BTreeMap;

/// How an API works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// PUT by our names; it makes what is missing. Cannot be asked.
    Put,
    /// The same, and it can be asked.
    PutWithLookUp,
    /// POST gives an id; a name is taken once.
    PostWithLookUp,
    /// POST gives an id, and makes a second of the same name without a word. Cannot be asked.
    PostWithoutLookUp,
    /// POST gives an id; a name is taken once. Cannot be asked.
    UniquePostWithoutLookUp,
}

impl Style {
    /// Whether a second item of the same name is refused.
    pub(super) fn has_unique_names(self) -> bool {
        match self {
            Style::PostWithLookUp | Style::UniquePostWithoutLookUp => true,
            Style::Put | Style::PutWithLookUp | Style::PostWithoutLookUp => false,
        }
    }

    pub(super) fn caps(self) -> Caps {
        let (addressed_by_ext_id, look_up) = match self {
            Style::Put => (true, false),
            Style::PutWithLookUp => (true, true),
            Style::PostWithLookUp => (false, true),
            Style::PostWithoutLookUp | Style::UniquePostWithoutLookUp => (false, false),
        };
        Caps { addressed_by_ext_id, look_up, remove_person_cascades: true, native_windows: true }
    }
}

/// A person or child as the PACS holds it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) ext_id: String,
    pub(super) content: Option<Hash>,
}

/// A person with its children, each by the id the PACS uses.
#[derive(Clone, Debug)]
pub(super) struct HeldPerson {
    pub(super) own: Held,
    pub(super) children: BTreeMap<(ItemKind, String), Held>,
}

pub(super) struct SimPacs {
    style: Style,
    pub(super) persons: BTreeMap<String, HeldPerson>,
    /// Executed at that time of the world.
    pub(super) late: Vec<(u64, Step)>,
    last_id: u64,
    /// A second living item of one name was made.
    pub(super) duplicate: Option<String>,
}

impl SimPacs {
    pub(super) fn new(style: Style) -> SimPacs {
        SimPacs { style, persons: BTreeMap::new(), late: Vec::new(), last_id: 0, duplicate: None }
    }

    /// Executes what is due.
    pub(super) fn catch_up(&mut self, now: u64) {
        let mut due: Vec<_> = self.late.iter().filter(|(at, _)| *at <= now).cloned().collect();
        self.late.retain(|(at, _)| *at > now);
        due.sort_by_key(|(at, _)| *at);
        for (_, step) in due {
            self.execute(&step);
        }
    }

    pub(super) fn execute(&mut self, step: &Step) -> Answer {
        if self.style.caps().addressed_by_ext_id { self.by_name(step) } else { self.by_id(step) }
    }

    fn by_name(&mut self, step: &Step) -> Answer {
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let name = &step.ids.ext_id;
        if step.item.kind == ItemKind::Person {
            return match step.act {
                Act::Create | Act::Update => {
                    let fresh = || HeldPerson { own: own.clone(), children: BTreeMap::new() };
                    self.persons.entry(name.clone()).or_insert_with(fresh).own = own.clone();
                    done(None)
                }
                Act::Remove => self.persons.remove(name).map_or_else(missing, |_| done(None)),
                Act::LookUp => self.persons.get(name).map_or_else(missing, |_| done(None)),
            };
        }
        let Some(person) = step.ids.person_ext_id.as_ref().and_then(|id| self.persons.get_mut(id)) else {
            return missing();
        };
        let key = (step.item.kind, name.clone());
        match step.act {
            Act::Create | Act::Update => {
                person.children.insert(key, own);
                done(None)
            }
            Act::Remove => person.children.remove(&key).map_or_else(missing, |_| done(None)),
            Act::LookUp => person.children.get(&key).map_or_else(missing, |_| done(None)),
        }
    }

    fn by_id(&mut self, step: &Step) -> Answer {
        if step.item.kind == ItemKind::Person { self.person_by_id(step) } else { self.child_by_id(step) }
    }

    fn person_by_id(&mut self, step: &Step) -> Answer {
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let native = step.ids.native_id.clone().unwrap_or_default();
        let same =
            self.persons.iter().find(|(_, held)| held.own.ext_id == own.ext_id).map(|(id, _)| id.clone());
        match step.act {
            Act::LookUp => same.map_or_else(missing, |id| done(Some(id))),
            Act::Create => {
                if let Some(refusal) = self.refuse_second(same.is_some(), &own.ext_id) {
                    return refusal;
                }
                let id = self.fresh_id();
                self.persons.insert(id.clone(), HeldPerson { own, children: BTreeMap::new() });
                done(Some(id))
            }
            Act::Update => self.persons.get_mut(&native).map_or_else(missing, |held| {
                held.own = own;
                done(None)
            }),
            Act::Remove => self.persons.remove(&native).map_or_else(missing, |_| done(None)),
        }
    }

    fn child_by_id(&mut self, step: &Step) -> Answer {
        let own = Held { ext_id: step.ids.ext_id.clone(), content: step.wanted };
        let parent = step.ids.person_native_id.clone().unwrap_or_default();
        let kind = step.item.kind;
        let Some(person) = self.persons.get_mut(&parent) else { return missing() };
        let key = (kind, step.ids.native_id.clone().unwrap_or_default());
        let mut all = person.children.iter();
        let same =
            all.find(|((k, _), held)| *k == kind && held.ext_id == own.ext_id).map(|((_, id), _)| id.clone());
        match step.act {
            Act::LookUp => same.map_or_else(missing, |id| done(Some(id))),
            Act::Create => {
                if let Some(refusal) = self.refuse_second(same.is_some(), &own.ext_id) {
                    return refusal;
                }
                let id = self.fresh_id();
                if let Some(person) = self.persons.get_mut(&parent) {
                    person.children.insert((kind, id.clone()), own);
                }
                done(Some(id))
            }
            Act::Update => person.children.get_mut(&key).map_or_else(missing, |held| {
                *held = own;
                done(None)
            }),
            Act::Remove => person.children.remove(&key).map_or_else(missing, |_| done(None)),
        }
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

    fn fresh_id(&mut self) -> String {
        self.last_id += 1;
        format!("n{}", self.last_id)
    }

    /// Persons of that name.
    pub(super) fn named<'a>(&'a self, ext_id: &'a str) -> impl Iterator<Item = &'a HeldPerson> {
        self.persons.values().filter(move |held| held.own.ext_id == ext_id)
    }
}

fn done(native_id: Option<String>) -> Answer {
    Answer::Done { native_id }
}

fn missing() -> Answer {
    Answer::NotFound { words: "it is not there".into() }
}
