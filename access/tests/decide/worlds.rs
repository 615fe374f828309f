//! Worlds of records, drawn so that most rules fail now and then and most cards pass somewhere; the same world is
//! JSON for the other implementation and [`Facts`] for ours.

use access::assignment::Assignment;
use access::decide::{Candidate, Facts, Lockdown, Passback, Presentation, Reason};
use access::door::Door;
use access::entitlement::Entitlement;
use access::id::Key;
use access::leash::{AfterReboot, Leash, Leashes, News};
use access::schedule::{Schedule, Timetable};
use access::time::UtcTime;
use access::token::Token;
use access::trust::{Time, Trust};
use access::user::User;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Around the end of summer time in Europe, so that folds are met.
pub(crate) const MIDDLE: i64 = 1_792_886_400;
const HOUR_S: i64 = 3600;

/// Numbers that look random and come again with the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((z ^ (z >> 31)) % u64::from(sides)).expect("small")
    }

    pub(crate) fn one_in(&mut self, sides: u32) -> bool {
        self.below(sides) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[usize::try_from(self.below(u32::try_from(of.len()).expect("few"))).expect("small")]
    }

    /// A whole minute within a week either way.
    pub(crate) fn minute(&mut self) -> i64 {
        MIDDLE + i64::from(self.below(2 * 7 * 24 * 60)) * 60 - 7 * 24 * HOUR_S
    }

    fn key(&mut self, prefix: &str, of: u32) -> String {
        format!("{prefix}{}", self.below(of))
    }

    /// Now and then the key of a record that is not there.
    fn reference(&mut self, prefix: &str, of: u32) -> String {
        let key = self.key(prefix, of);
        if self.one_in(15) { format!("{prefix}{of}") } else { key }
    }

    fn window(&mut self, into: &mut Value) {
        let edge = |at: i64| json!(UtcTime::from_unix(at).to_string());
        let (from, hours) = (self.minute(), self.below(400));
        match self.below(14) {
            0 => into["valid_from"] = edge(from),
            1 => into["valid_to"] = edge(from),
            2 => {
                into["valid_from"] = edge(from);
                into["valid_to"] = edge(from + i64::from(hours + 1) * HOUR_S);
            }
            _ => {}
        }
    }

    fn interval(&mut self) -> Value {
        let time = |hour: u32, quarter: u32| format!("{hour:02}:{:02}", quarter * 15);
        let from = time(self.below(24), self.below(4));
        let to = if self.one_in(8) { "24:00".into() } else { time(self.below(24), self.below(4)) };
        json!({ "from": from, "to": to })
    }

    fn schedule(&mut self) -> Value {
        let zones = ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"];
        let zone = if self.one_in(12) { "Europe/Atlantis" } else { self.pick(&zones) };
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Vec<Value> = (0..1 + self.below(3))
            .map(|_| {
                let days: Vec<&str> = names.into_iter().filter(|_| !self.one_in(3)).collect();
                let mut entry = self.interval();
                entry["days"] = json!(days);
                entry
            })
            .collect();
        let holidays: Vec<Value> = (0..self.below(4))
            .map(|_| {
                let date = UtcTime::from_unix(self.minute()).to_string()[..10].to_owned();
                let intervals: Vec<Value> = (0..self.below(3)).map(|_| self.interval()).collect();
                json!({ "date": date, "intervals": intervals })
            })
            .collect();
        json!({ "zone": zone, "weekly": weekly, "holidays": holidays })
    }

    fn leash(&mut self) -> Value {
        let max_age_s = self.one_in(2).then(|| (1 + self.below(72)) * 3600);
        let after = self.pick(&["rests", "begins_anew"]);
        json!({ "max_age_s": max_age_s, "after_reboot": after })
    }
}

fn table(dice: &mut Dice, prefix: &str, count: u32, mut draw: impl FnMut(&mut Dice) -> Value) -> Value {
    Value::Object((0..count).map(|n| (format!("{prefix}{n}"), draw(dice))).collect::<Map<_, _>>())
}

/// A world of 6 users; what refers to another record now and then refers to none.
pub(crate) fn world(dice: &mut Dice) -> Value {
    let users = table(dice, "u", 6, |dice| {
        let status =
            dice.pick(&["active", "active", "active", "active", "active", "active", "inactive", "locked"]);
        json!({ "status": status, "given_name": "A", "family_name": "B" })
    });
    let mut number = 0;
    let tokens = table(dice, "t", 9, |dice| {
        number += 1;
        let kind = dice.pick(&["card", "temporary_card", "virtual_smart_card", "mobile_id", "soft_token"]);
        let status = match dice.below(18) {
            0 => "INACTIVE",
            1 => "LOCKED",
            2 => "REVOKED",
            _ => "ACTIVE",
        };
        let hex = format!("00{:02x}", if dice.one_in(8) { dice.below(9) } else { number });
        let identifiers = json!([{ "type": "mifare", "hex": hex }, { "type": "em", "hex": hex }]);
        let mut token = json!({ "kind": kind, "status": status, "identifiers": identifiers });
        if !dice.one_in(12) {
            token["user"] = json!(dice.reference("u", 6));
        }
        dice.window(&mut token);
        token
    });
    let entitlements = table(dice, "e", 4, |dice| {
        let pacs_ref = dice.key("ref", 8);
        let mut right = json!({ "type": "AccessProfile", "display_name": "E", "pacs_ref": pacs_ref });
        if !dice.one_in(4) {
            right["class"] = json!(dice.pick(&["staff", "contractor", "fire"]));
        }
        right
    });
    let assignments = table(dice, "a", 24, |dice| {
        let mut assignment = json!({ "user": dice.reference("u", 6), "entitlement": dice.reference("e", 4) });
        dice.window(&mut assignment);
        assignment
    });
    let schedules = table(dice, "s", 4, Dice::schedule);
    let doors = table(dice, "d", 3, |dice| {
        let grants: Vec<Value> = (0..1 + dice.below(4))
            .map(|_| {
                let mut grant = json!({ "entitlement": dice.reference("e", 4) });
                if !dice.one_in(3) {
                    grant["schedule"] = json!(dice.reference("s", 4));
                }
                grant
            })
            .collect();
        json!({ "name": "Door", "grants": grants })
    });
    let mut by_class = json!({});
    for class in ["staff", "contractor"] {
        by_class[class] = dice.leash();
    }
    json!({
        "users": users, "tokens": tokens, "entitlements": entitlements, "assignments": assignments,
        "schedules": schedules, "doors": doors,
        "vanished": if dice.one_in(4) { vec![dice.key("ref", 8)] } else { vec![] },
        "revoked_here": if dice.one_in(2) { vec![dice.key("t", 9)] } else { vec![] },
        "leashes": { "by_class": by_class, "otherwise": dice.leash() },
    })
}

/// A card, a door and a moment.
pub(crate) fn question(dice: &mut Dice) -> Value {
    let (now, trusted) = (dice.minute(), !dice.one_in(5));
    let floor = now - i64::from(dice.below(7 * 24)) * HOUR_S;
    let proven_at = (!dice.one_in(8)).then(|| now - i64::from(dice.below(48)) * HOUR_S);
    let proven_at = if dice.one_in(30) { Some(now + HOUR_S) } else { proven_at };
    let exempt: &[&str] = if dice.one_in(2) { &["fire"] } else { &["fire", "staff"] };
    json!({
        "identifier": { "type": dice.pick(&["mifare", "mifare", "mifare", "em"]), "hex": format!("00{:02X}", dice.below(11)) },
        "door": if dice.one_in(20) { "d9".into() } else { dice.key("d", 3) },
        "now": now, "trusted": trusted, "floor": floor, "search_s": 0,
        "news": {
            "proven_at": proven_at,
            "age_s": (!dice.one_in(3)).then(|| dice.below(60) * 3600),
            "up_s": dice.below(48) * 3600,
        },
        "lockdown": dice.one_in(8).then_some(exempt),
        "restored": dice.one_in(12),
        "passed_ago_s": dice.one_in(5).then(|| dice.below(20) * 60),
        "wait_s": if dice.one_in(2) { 600 } else { 0 },
    })
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn records<T: DeserializeOwned>(table: &Value) -> Vec<(Key, T)> {
    let rows = table.as_object().expect("a table").iter();
    rows.map(|(key, record)| (Key::new(key).expect("a key"), read(record))).collect()
}

fn prepared<T: DeserializeOwned, P>(table: &Value, prepare: impl Fn(T) -> P) -> BTreeMap<Key, P> {
    records(table).into_iter().map(|(key, record)| (key, prepare(record))).collect()
}

fn leash(value: &Value) -> Leash {
    let after_reboot = match value["after_reboot"].as_str() {
        Some("rests") => AfterReboot::Rests,
        Some("begins_anew") => AfterReboot::BeginsAnew,
        other => panic!("{other:?}"),
    };
    Leash { max_age_s: read(&value["max_age_s"]), after_reboot }
}

/// All that a decision takes.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) facts: Facts,
    pub(crate) shown: Presentation,
    pub(crate) door: Option<Door>,
    pub(crate) time: Time,
}

/// The question in its world, for our own implementation.
pub(crate) fn asked(world: &Value, question: &Value) -> Asked {
    let users: Vec<(Key, User)> = records(&world["users"]);
    let assignments: Vec<(Key, Assignment)> = records(&world["assignments"]);
    let revoked: Vec<Key> = read(&world["revoked_here"]);
    let candidate = |(key, token): (Key, Token)| {
        let named = |other: &Key| token.user.as_ref() == Some(other);
        Candidate {
            user: users.iter().find(|(key, _)| named(key)).map(|(_, user)| user.status),
            assignments: assignments.iter().filter(|(_, a)| named(&a.user)).cloned().collect(),
            revoked_here: revoked.contains(&key),
            key,
            token,
        }
    };
    let leashes = &world["leashes"];
    let by_class = leashes["by_class"].as_object().expect("classes").iter();
    let at = |value: &Value| read::<Option<i64>>(value).map(UtcTime::from_unix);
    let news = &question["news"];
    let facts = Facts {
        is_restored: question["restored"] == true,
        tokens: records(&world["tokens"]).into_iter().map(candidate).collect(),
        entitlements: prepared(&world["entitlements"], Arc::<Entitlement>::new),
        schedules: prepared(&world["schedules"], |one: Schedule| Arc::new(Timetable::new(&one))),
        vanished: read(&world["vanished"]),
        leashes: Leashes {
            by_class: by_class.map(|(class, value)| (read(&json!(class)), leash(value))).collect(),
            otherwise: leash(&leashes["otherwise"]),
        },
        news: News {
            proven_at: at(&news["proven_at"]),
            age_s: read(&news["age_s"]),
            up_s: read(&news["up_s"]),
        },
        lockdown: match read(&question["lockdown"]) {
            None => Lockdown::Off,
            Some(exempt) => Lockdown::On { exempt },
        },
        passback: Passback {
            passed_ago_s: read(&question["passed_ago_s"]),
            wait_s: read(&question["wait_s"]),
        },
    };
    let trust = if question["trusted"] == true { Trust::Trusted } else { Trust::Untrusted };
    let instant = |name: &str| UtcTime::from_unix(read(&question[name]));
    let door = world["doors"].get(question["door"].as_str().expect("a door"));
    Asked {
        facts,
        shown: Presentation { identifier: read(&question["identifier"]) },
        door: door.map(read),
        time: Time { now: instant("now"), trust, floor: instant("floor") },
    }
}

/// One reason in the words of the other implementation.
pub(crate) fn text(reason: &Reason) -> String {
    let code = reason.code();
    match reason {
        Reason::UnknownCard | Reason::UnknownDoor | Reason::Lockdown | Reason::Restored => code.into(),
        Reason::AmbiguousCard { tokens } => {
            tokens.iter().fold(code.to_owned(), |text, token| format!("{text} {token}"))
        }
        Reason::TokenStatus { token, status } => format!("{code} {token} {}", status.as_str()),
        Reason::RevokedHere { token } | Reason::TokenOfNobody { token } => format!("{code} {token}"),
        Reason::UnknownUser { token, user } => format!("{code} {token} {user}"),
        Reason::UserStatus { user, status } => {
            format!("{code} {user} {}", format!("{status:?}").to_lowercase())
        }
        Reason::NotYet { of, from } => format!("{code} {of} {from}"),
        Reason::Over { of, to } => format!("{code} {of} {to}"),
        Reason::ClockUntrusted { of } => format!("{code} {of}"),
        Reason::PassedJustNow { wait_s } => format!("{code} {wait_s}"),
        Reason::NoAssignment { user } => format!("{code} {user}"),
        Reason::UnknownEntitlement { entitlement }
        | Reason::Vanished { entitlement }
        | Reason::LeashOver { entitlement, class: _ } => format!("{code} {entitlement}"),
        Reason::UnknownSchedule { schedule } | Reason::OutsideSchedule { schedule } => {
            format!("{code} {schedule}")
        }
        Reason::UnknownZone { schedule, zone } => format!("{code} {schedule} {zone}"),
    }
}
