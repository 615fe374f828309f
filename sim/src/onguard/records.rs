//! The instances that an OnGuard holds, and what it takes for one. Pure.
//!
//! Keys are never given twice. Instants are kept in UTC, whatever the zone they come in.
//!
//! Not here: HTTP, logins and pages.

use access::time::UtcTime;
use serde_json::{Map, Value};

/// The properties of one instance.
pub type Record = Map<String, Value>;

/// The types that are played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Cardholder,
    Badge,
    Level,
    Assignment,
}

/// Why a request is not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn wrong(message: &str) -> Refusal {
        Refusal { status: 400, code: "openaccess.general.invalidrequestitem", message: message.into() }
    }

    fn absent() -> Refusal {
        let message = "The instance does not exist.".to_owned();
        Refusal { status: 404, code: "openaccess.general.notfound", message }
    }

    fn collision(message: &str) -> Refusal {
        Refusal { status: 409, code: "openaccess.general.conflict", message: message.into() }
    }
}

/// The form of a property's value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Text,
    /// Text that is never shown.
    Secret,
    Instant,
}

use Form::{Instant, Number, Secret, Text};

const CARDHOLDER: &[(&str, Form)] = &[
    ("ID", Number),
    ("FIRSTNAME", Text),
    ("LASTNAME", Text),
    ("SSNO", Text),
    ("EMAIL", Text),
    ("OPHONE", Text),
    ("PHONE", Text),
    ("ADDR1", Text),
    ("CITY", Text),
    ("ZIP", Text),
    ("PIN", Secret),
];
const BADGE: &[(&str, Form)] = &[
    ("BADGEKEY", Number),
    ("ID", Number),
    ("PERSONID", Number),
    ("TYPE", Number),
    ("STATUS", Number),
    ("ACTIVATE", Instant),
    ("DEACTIVATE", Instant),
];
const LEVEL: &[(&str, Form)] = &[("ID", Number), ("NAME", Text)];
const ASSIGNMENT: &[(&str, Form)] =
    &[("ACCESSLEVELID", Number), ("BADGEKEY", Number), ("ACTIVATE", Instant), ("DEACTIVATE", Instant)];

impl Kind {
    pub(super) fn named(name: &str) -> Option<Kind> {
        [Kind::Cardholder, Kind::Badge, Kind::Level, Kind::Assignment]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Cardholder => "Lnl_Cardholder",
            Kind::Badge => "Lnl_Badge",
            Kind::Level => "Lnl_AccessLevel",
            Kind::Assignment => "Lnl_AccessLevelAssignment",
        }
    }

    fn properties(self) -> &'static [(&'static str, Form)] {
        match self {
            Kind::Cardholder => CARDHOLDER,
            Kind::Badge => BADGE,
            Kind::Level => LEVEL,
            Kind::Assignment => ASSIGNMENT,
        }
    }

    fn key(self) -> &'static [&'static str] {
        match self {
            Kind::Cardholder | Kind::Level => &["ID"],
            Kind::Badge => &["BADGEKEY"],
            Kind::Assignment => &["ACCESSLEVELID", "BADGEKEY"],
        }
    }

    /// Its properties as a list shows them.
    pub(super) fn shown(self, record: &Record, zone_minutes: i64) -> Record {
        let mut shown = Record::new();
        for (name, form) in self.properties() {
            let value = record.get(*name).cloned().unwrap_or_default();
            let value = match form {
                Secret => continue,
                Number | Text => value,
                Instant => {
                    value.as_str().map_or(Value::Null, |text| Value::from(in_zone(text, zone_minutes)))
                }
            };
            shown.insert((*name).to_owned(), value);
        }
        shown
    }

    /// A key as the answer to a creation shows it: an assignment's in other capitals.
    pub(super) fn answered(self, key: &Record) -> Record {
        let renamed = |name: &str| match (self, name) {
            (Kind::Assignment, "ACCESSLEVELID") => "AccessLevelID".to_owned(),
            (Kind::Assignment, "BADGEKEY") => "BadgeKey".to_owned(),
            _ => name.to_owned(),
        };
        key.iter().map(|(name, value)| (renamed(name), value.clone())).collect()
    }
}

/// Everything an OnGuard holds.
#[derive(Clone, Debug)]
pub(super) struct Records {
    cardholders: Vec<Record>,
    badges: Vec<Record>,
    levels: Vec<Record>,
    assignments: Vec<Record>,
    keys: i64,
}

impl Records {
    pub(super) fn new(levels: &[(i64, &str)]) -> Records {
        let level = |(id, name): &(i64, &str)| {
            Record::from_iter([("ID".to_owned(), Value::from(*id)), ("NAME".to_owned(), Value::from(*name))])
        };
        let levels = levels.iter().map(level).collect();
        Records { cardholders: Vec::new(), badges: Vec::new(), levels, assignments: Vec::new(), keys: 100 }
    }

    pub(super) fn all(&self, kind: Kind) -> &Vec<Record> {
        match kind {
            Kind::Cardholder => &self.cardholders,
            Kind::Badge => &self.badges,
            Kind::Level => &self.levels,
            Kind::Assignment => &self.assignments,
        }
    }

    pub(super) fn all_mut(&mut self, kind: Kind) -> &mut Vec<Record> {
        match kind {
            Kind::Cardholder => &mut self.cardholders,
            Kind::Badge => &mut self.badges,
            Kind::Level => &mut self.levels,
            Kind::Assignment => &mut self.assignments,
        }
    }

    /// The name of the level that an assignment gives.
    pub(super) fn level(&self, assignment: &Record) -> String {
        let level = self.levels.iter().find(|level| level.get("ID") == assignment.get("ACCESSLEVELID"));
        level.and_then(|level| level.get("NAME")?.as_str()).unwrap_or("?").to_owned()
    }

    /// Makes an instance; its key.
    pub(super) fn create(&mut self, kind: Kind, properties: Record) -> Result<Record, Refusal> {
        let mut record = taken(kind, &properties)?;
        record.retain(|_, value| !value.is_null());
        match kind {
            Kind::Cardholder => self.number(&mut record, "ID"),
            Kind::Badge => {
                self.refers(&record, "PERSONID", Kind::Cardholder, "ID")?;
                if self.badges.iter().any(|badge| badge.get("ID") == record.get("ID")) {
                    return Err(Refusal::collision("The badge ID is in use."));
                }
                if !record.contains_key("ID") {
                    return Err(Refusal::wrong("The property ID is missing."));
                }
                self.number(&mut record, "BADGEKEY");
            }
            Kind::Level => return Err(Refusal::wrong("Access levels are not made here.")),
            Kind::Assignment => {
                self.refers(&record, "BADGEKEY", Kind::Badge, "BADGEKEY")?;
                self.refers(&record, "ACCESSLEVELID", Kind::Level, "ID")?;
                if self.assignments.iter().any(|one| has_key(kind, one, &record)) {
                    return Err(Refusal::collision("The badge has this access level."));
                }
            }
        }
        let key = kind.key().iter().map(|name| ((*name).to_owned(), record[*name].clone())).collect();
        self.all_mut(kind).push(record);
        Ok(key)
    }

    /// Changes the properties that are named, and leaves the others.
    pub(super) fn modify(&mut self, kind: Kind, properties: &Record) -> Result<(), Refusal> {
        if kind == Kind::Level {
            return Err(Refusal::wrong("Access levels are not changed here."));
        }
        let changes = taken(kind, properties)?;
        let at = self.position(kind, properties)?;
        let record = &mut self.all_mut(kind)[at];
        for (name, value) in changes {
            if value.is_null() {
                record.remove(&name);
            } else {
                record.insert(name, value);
            }
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, kind: Kind, key: &Record, cascades: bool) -> Result<(), Refusal> {
        if kind == Kind::Level {
            return Err(Refusal::wrong("Access levels are not deleted here."));
        }
        let at = self.position(kind, key)?;
        let record = self.all(kind)[at].clone();
        let children: Vec<Record> = match kind {
            Kind::Cardholder => hanging(&self.badges, "PERSONID", record.get("ID")),
            Kind::Badge => hanging(&self.assignments, "BADGEKEY", record.get("BADGEKEY")),
            Kind::Level | Kind::Assignment => Vec::new(),
        };
        if !children.is_empty() && !cascades {
            return Err(Refusal::collision("Other instances refer to it."));
        }
        let of = if kind == Kind::Cardholder { Kind::Badge } else { Kind::Assignment };
        for child in children {
            self.delete(of, &child, cascades)?;
        }
        self.all_mut(kind).remove(at);
        Ok(())
    }

    fn number(&mut self, record: &mut Record, name: &str) {
        self.keys += 1;
        record.insert(name.to_owned(), Value::from(self.keys));
    }

    fn refers(&self, record: &Record, name: &str, to: Kind, key: &str) -> Result<(), Refusal> {
        let given = record.get(name);
        let found = given.is_some() && self.all(to).iter().any(|other| other.get(key) == given);
        let message = format!("The property {name} did not exist or contained an invalid value.");
        if found { Ok(()) } else { Err(Refusal::wrong(&message)) }
    }

    fn position(&self, kind: Kind, key: &Record) -> Result<usize, Refusal> {
        if let Some(missing) = kind.key().iter().find(|name| !key.contains_key(**name)) {
            return Err(Refusal::wrong(&format!("The key {missing} is missing.")));
        }
        self.all(kind).iter().position(|one| has_key(kind, one, key)).ok_or_else(Refusal::absent)
    }
}

fn has_key(kind: Kind, record: &Record, key: &Record) -> bool {
    kind.key().iter().all(|name| record.get(*name) == key.get(*name))
}

fn hanging(all: &[Record], name: &str, on: Option<&Value>) -> Vec<Record> {
    all.iter().filter(|record| record.get(name) == on).cloned().collect()
}

/// What is sent, in the form in which it is kept.
fn taken(kind: Kind, properties: &Record) -> Result<Record, Refusal> {
    let mut taken = Record::new();
    for (name, value) in properties {
        let known = kind.properties().iter().find(|(known, _)| known == name);
        let kept = match (known.map(|(_, form)| *form), value) {
            (Some(_), Value::Null) => Some(Value::Null),
            (Some(Number), Value::Number(number)) if number.is_i64() => Some(value.clone()),
            (Some(Text | Secret), Value::String(_)) => Some(value.clone()),
            (Some(Instant), Value::String(text)) => utc(text).map(Value::from),
            _ => None,
        };
        let message = format!("The property {name} did not exist or contained an invalid value.");
        taken.insert(name.clone(), kept.ok_or_else(|| Refusal::wrong(&message))?);
    }
    Ok(taken)
}

/// An instant with a zone, as UTC.
fn utc(text: &str) -> Option<String> {
    let (local, zone) = text.split_at_checked(19)?;
    let at = UtcTime::parse(&format!("{local}Z")).ok()?.unix();
    let minutes = if zone == "Z" {
        0
    } else {
        let (sign, rest) = zone.split_at_checked(1)?;
        let (hours, minutes) = rest.split_once(':')?;
        let total = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
        if sign == "-" { -total } else { total }
    };
    Some(UtcTime::from_unix(at - minutes * 60).to_string())
}

fn in_zone(utc: &str, minutes: i64) -> String {
    let Ok(at) = UtcTime::parse(utc) else { return utc.to_owned() };
    let local = UtcTime::from_unix(at.unix() + minutes * 60).to_string();
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    local.replace('Z', &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_kept_in_utc_and_shown_in_a_zone() {
        assert_eq!(utc("2026-03-01T09:00:00+01:00").as_deref(), Some("2026-03-01T08:00:00Z"));
        assert_eq!(utc("2026-03-01T09:00:00"), None);
        assert_eq!(in_zone("2026-03-01T00:00:00Z", -90), "2026-02-28T22:30:00-01:30");
    }

    #[test]
    fn what_hangs_on_an_instance_goes_along_or_is_in_the_way() {
        for cascades in [true, false] {
            let mut records = Records::new(&[(1, "Main")]);
            let object = |value: Value| value.as_object().cloned().expect("an object");
            let person = records.create(Kind::Cardholder, Record::new()).expect("it is made");
            let badge = object(serde_json::json!({ "PERSONID": person["ID"], "ID": 5 }));
            let badge = records.create(Kind::Badge, badge).expect("it is made");
            let assignment = object(serde_json::json!({ "ACCESSLEVELID": 1, "BADGEKEY": badge["BADGEKEY"] }));
            records.create(Kind::Assignment, assignment).expect("it is made");
            let outcome = records.delete(Kind::Cardholder, &person, cascades);
            assert_eq!(outcome.is_ok(), cascades, "{outcome:?}");
            assert_eq!(records.assignments.len(), usize::from(!cascades));
        }
    }
}
