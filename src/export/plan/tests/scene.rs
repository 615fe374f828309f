//! A user, an API, and the words that the scenes are written in.

use crate::clock::MonoMs;
use crate::export::item::{Act, Answer, ItemKind, Limits, State, Step};
use crate::export::plan::{Caps, Grounds, Plan, plan};
use crate::export::rows::Rows;
use access::id::Key;
use access::person::Person;
use access::person::{Credential, Permission};
use access::time::{UtcTime, Window};
use access::trust::Need;

pub(super) const LIMITS: Limits = Limits::DEFAULT;
pub(super) const POST: Caps = Caps {
    addressed_by_ext_id: false,
    look_up: true,
    remove_person_cascades: true,
    native_windows: true,
    names_are_unique: true,
    ..Caps::NONE
};
pub(super) const BLIND: Caps = Caps { look_up: false, ..POST };
pub(super) const PUT: Caps = Caps { addressed_by_ext_id: true, ..BLIND };

pub(super) fn ada(tokens: &[&str], rights: &[&str]) -> Person {
    let key = |name: &&str| Key::new(name).expect("a key");
    let card = Credential { need: Need::Want, card_number: "1".into(), window: Window::ALWAYS };
    let right =
        Permission { need: Need::Want, kind: "P".into(), display_name: "R".into(), window: Window::ALWAYS };
    Person {
        ext_id: "PA1".into(),
        need: Need::Want,
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: None,
        email: None,
        pin: None,
        properties: std::collections::BTreeMap::new(),
        credentials: tokens.iter().map(|name| (key(name), card.clone())).collect(),
        permissions: rights.iter().map(|name| ((*name).to_owned(), right.clone())).collect(),
    }
}

/// Nothing says that anybody should leave but by an edit, and whoever leaves has gone through the brake.
pub(super) fn grounds() -> Grounds {
    Grounds {
        user_is_barred: true,
        barred_tokens: std::collections::BTreeSet::new(),
        passed: UtcTime::from_unix(1_000),
        needs_token: true,
        needs_entitlement: true,
    }
}

pub(super) fn done() -> Answer {
    Answer::Done { native_id: None }
}

pub(super) fn made(id: &str) -> Answer {
    Answer::Done { native_id: Some(id.into()) }
}

pub(super) fn lost() -> Answer {
    Answer::Unknown { words: "cut".into() }
}

pub(super) fn refused() -> Answer {
    Answer::Refused { status: 400, words: "no".into() }
}

pub(super) fn missing() -> Answer {
    Answer::NotFound { words: "gone".into() }
}

pub(super) fn conflict() -> Answer {
    Answer::Conflict { words: "taken".into() }
}

/// `create person`, `remove t1`
pub(super) fn named(step: &Step) -> String {
    let item = if step.item.kind == ItemKind::Person { "person" } else { &step.item.item };
    format!("{:?} {item}", step.act).to_lowercase().replace("lookup", "find")
}

pub(super) struct Scene {
    pub(super) caps: Caps,
    pub(super) rows: Rows,
    pub(super) now: MonoMs,
    pub(super) wanted: Option<Person>,
    pub(super) grounds: Grounds,
}

impl Scene {
    pub(super) fn new(caps: Caps, wanted: Option<Person>) -> Scene {
        Scene {
            caps,
            rows: Rows::new(Key::new("1").expect("a key"), []),
            now: MonoMs(1_000),
            wanted,
            grounds: grounds(),
        }
    }

    /// In the PACS with token t1 and right r1.
    pub(super) fn settled(caps: Caps) -> Scene {
        let mut scene = Scene::new(caps, Some(ada(&["t1"], &["r1"])));
        scene.plays(&[("create person", made("p1")), ("create t1", made("c1")), ("create r1", made("m1"))]);
        scene.rests();
        scene
    }

    pub(super) fn plan(&mut self) -> Plan {
        let plan = plan(self.wanted.as_ref(), &self.rows, self.now, &self.caps, &self.grounds);
        expect_forgettable(&plan, &self.rows);
        self.rows.apply(&plan);
        plan
    }

    pub(super) fn steps(&mut self) -> Vec<String> {
        self.verified().steps.iter().map(named).collect()
    }

    /// The plan once the PACS has shown what the ledger believes: look-ups that only verify are answered by that, so
    /// that scenes about other rules need not name them.
    pub(super) fn verified(&mut self) -> Plan {
        loop {
            let plan = self.plan();
            let Some(step) = plan.steps.first().filter(|step| step.act == Act::LookUp) else { return plan };
            let row = self.rows.get(step.item.kind, &step.item.item).cloned();
            if row.as_ref().is_some_and(|row| row.state == State::Maybe || row.check_at.is_some()) {
                return plan;
            }
            let answer = match row.filter(|row| row.state == State::Present) {
                Some(row) => Answer::Found { native_id: row.native_id, as_wanted: None },
                None => missing(),
            };
            self.rows.settle(step, &answer, self.now, (&self.caps, &LIMITS), 1_000);
        }
    }

    /// The first step is this one each time, and is answered so.
    pub(super) fn plays(&mut self, script: &[(&str, Answer)]) {
        for (expected, answer) in script {
            let plan = self.plan();
            let is_next = plan.steps.first().is_some_and(|step| named(step) == *expected);
            let plan = if is_next { plan } else { self.verified() };
            let step =
                plan.steps.first().unwrap_or_else(|| panic!("nothing instead of {expected}: {plan:?}"));
            assert_eq!(named(step), *expected);
            self.rows.intend(step, &self.caps);
            self.rows.settle(step, answer, self.now, (&self.caps, &LIMITS), 1_000);
        }
    }

    /// Nothing to do, now or later.
    pub(super) fn rests(&mut self) {
        let plan = self.verified();
        assert_eq!((plan.steps.len(), plan.wake, plan.waiting), (0, None, 0), "{plan:?}");
    }

    /// Nothing to do before the plan's own wake; then time passes to it.
    pub(super) fn sleeps(&mut self) -> u64 {
        let plan = self.verified();
        assert_eq!(plan.steps, [], "it should wait");
        let wake = plan.wake.expect("a time to wake");
        assert!(wake > self.now);
        let slept = wake.0 - self.now.0;
        self.now = wake;
        slept
    }

    pub(super) fn becomes(&mut self, wanted: Option<Person>) -> &mut Scene {
        self.wanted = wanted;
        self
    }
}

/// The ledger on disk forgets only rows that it holds as absent, be it by a note of the same plan.
pub(in crate::export) fn expect_forgettable(plan: &Plan, rows: &Rows) {
    for id in &plan.forget {
        let noted = plan.notes.iter().find(|row| row.id == *id);
        let known = noted.or_else(|| rows.get(id.kind, &id.item));
        assert!(known.is_some_and(|row| row.state == State::Absent), "{id} is forgotten while {known:?}");
    }
}
