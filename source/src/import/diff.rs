//! What an import would do, key by key. It changes nothing.
//!
//! A key that comes several times is judged by its last line. A PIN's value is never in it.
//!
//! Not here: reading files (the parent), printing.

use crate::change::Change;
use crate::store::{Store, StoreError, Watch};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for a PIN.
const HIDDEN: &str = "…";
/// The member that is a secret.
const SECRET: &str = "pin";

/// How many keys of one kind are affected in which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
}

/// What becomes of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// It has no record yet.
    Added,
    /// Its record gets other fields.
    Changed(Vec<Field>),
    /// Its record goes.
    Removed,
}

/// One field that changes; members of maps are fields of their own, `emails.work`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Field {
    pub name: String,
    pub from: Option<Value>,
    pub to: Option<Value>,
}

/// One key that is affected.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Affected {
    pub kind: String,
    pub key: String,
    pub difference: Difference,
}

/// What an import would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// By kind.
    pub counts: BTreeMap<String, Counts>,
    /// By kind and key.
    pub affected: Vec<Affected>,
}

/// Compares `changes` with what `store` holds; `watch` is told how far it has come, in keys.
///
/// # Errors
/// When the file cannot be read.
pub fn diff(store: &Store, changes: &[Change], watch: &mut Watch<'_>) -> Result<Diff, StoreError> {
    let last: BTreeMap<_, _> =
        changes.iter().map(|change| ((change.kind(), change.key()), change.record())).collect();
    let of = u64::try_from(last.len()).unwrap_or(u64::MAX);
    let mut diff = Diff::default();
    for (done, ((kind, key), wanted)) in (1..).zip(last) {
        let stored = store.record(kind, key)?;
        let counts = diff.counts.entry(kind.into()).or_default();
        let difference = match (stored.as_deref(), wanted) {
            (None, Some(_)) => {
                counts.added += 1;
                Some(Difference::Added)
            }
            (Some(_), None) => {
                counts.removed += 1;
                Some(Difference::Removed)
            }
            (Some(stored), Some(wanted)) if stored != wanted => {
                counts.changed += 1;
                Some(Difference::Changed(fields(stored, wanted)?))
            }
            (Some(_), Some(_)) | (None, None) => {
                counts.unchanged += 1;
                None
            }
        };
        let affected =
            difference.map(|difference| Affected { kind: kind.into(), key: key.into(), difference });
        diff.affected.extend(affected);
        watch(done, of);
    }
    Ok(diff)
}

fn fields(from: &str, to: &str) -> Result<Vec<Field>, StoreError> {
    let (from, to) = (flat(serde_json::from_str(from)?), flat(serde_json::from_str(to)?));
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let mut fields = Vec::new();
    for name in names {
        let (from, to) = (from.get(name), to.get(name));
        if from == to {
            continue;
        }
        let shown = |value: &Value| if name == SECRET { HIDDEN.into() } else { value.clone() };
        fields.push(Field { name: name.clone(), from: from.map(shown), to: to.map(shown) });
    }
    Ok(fields)
}

/// Members, those of maps in place of the map.
fn flat(record: Value) -> Map<String, Value> {
    let Value::Object(members) = record else { return Map::from_iter([("record".into(), record)]) };
    let mut fields = Map::new();
    for (name, member) in members {
        match member {
            Value::Object(map) if !map.is_empty() => {
                fields.extend(map.into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            other => drop(fields.insert(name, other)),
        }
    }
    fields
}
