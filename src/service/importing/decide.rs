//! What an import changes: entitlements are new, have another name, have vanished, or the list as a whole looks
//! like an accident. Pure.
//!
//! Not here: asking the PACS, rows and events.

use crate::mirror::entitlements::Known;
use access::time::UtcTime;
use contract::messages::{PacsEntitlement, RenamedEntitlement};
use std::collections::{BTreeMap, BTreeSet};

/// So many entitlements must be missing before an import looks like an accident...
pub(super) const SUSPECT_MIN: usize = 5;
/// ...and so many seconds must lie between it and the one that says the same. No regular import is sooner, so
/// that a restart alone confirms nothing.
pub(super) const CONFIRM_MIN_S: i64 = 60;

/// What an import comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decision {
    /// What is to be remembered.
    pub after: Vec<Known>,
    /// What to make of it.
    pub verdict: Verdict,
}

/// What to make of an import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The PACS defines what it defined before.
    Unchanged,
    /// It defines something else now.
    Changed(Changes),
    /// More than half of what it defined is missing all at once: the old list stays until a later import says
    /// the same.
    Suspect {
        /// How many are missing.
        missing: usize,
        /// How many there were.
        of: usize,
        /// Something is missing that no import before has missed.
        is_news: bool,
    },
}

/// How an import differs from the one before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    /// There was none before, so that there is nothing to differ from.
    pub is_first: bool,
    /// Defined now and not before.
    pub added: Vec<PacsEntitlement>,
    /// Called otherwise than before.
    pub renamed: Vec<RenamedEntitlement>,
    /// Defined before and no longer.
    pub vanished: Vec<PacsEntitlement>,
}

/// What `found` changes in `known`. `types` are the sorts that were asked for: others are not missing but not
/// asked for any more, and are forgotten. `assigned` are references that assignments name: what has vanished is
/// remembered while it is among them; all of it without a set.
pub(super) fn decide(
    known: &[Known],
    found: &[PacsEntitlement],
    types: &[String],
    assigned: Option<&BTreeSet<String>>,
    now: UtcTime,
) -> Decision {
    let asked = |known: &&Known| types.contains(&known.entitlement.kind);
    let found: BTreeMap<&str, &PacsEntitlement> =
        found.iter().map(|entitlement| (entitlement.pacs_ref.as_str(), entitlement)).collect();
    let is_missing = |known: &&Known| !found.contains_key(known.entitlement.pacs_ref.as_str());
    let defined: Vec<&Known> =
        known.iter().filter(asked).filter(|known| known.vanished_at.is_none()).collect();
    let missing: Vec<&Known> = defined.iter().copied().filter(is_missing).collect();
    let is_suspect = missing.len() >= SUSPECT_MIN && missing.len() * 2 > defined.len();
    if is_suspect && !missing.iter().all(|known| is_confirmed(known, now)) {
        return suspect(known, &missing, defined.len(), now);
    }
    let before: BTreeMap<&str, &Known> =
        defined.iter().map(|known| (known.entitlement.pacs_ref.as_str(), *known)).collect();
    let mut changes = Changes { is_first: known.is_empty(), ..Changes::default() };
    for (pacs_ref, new) in &found {
        match before.get(pacs_ref) {
            None => changes.added.push((*new).clone()),
            Some(old) if old.entitlement.display_name != new.display_name => {
                changes.renamed.push(RenamedEntitlement {
                    pacs_ref: new.pacs_ref.clone(),
                    from: old.entitlement.display_name.clone(),
                    to: new.display_name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    changes.vanished = missing.iter().map(|known| known.entitlement.clone()).collect();
    let new = found.values().map(|entitlement| Known {
        entitlement: (*entitlement).clone(),
        vanished_at: None,
        missed_at: None,
    });
    let is_named =
        |known: &&Known| assigned.is_none_or(|assigned| assigned.contains(&known.entitlement.pacs_ref));
    let gone = known.iter().filter(asked).filter(is_missing).filter(is_named).map(|known| Known {
        entitlement: known.entitlement.clone(),
        vanished_at: known.vanished_at.or(Some(now)),
        missed_at: None,
    });
    let mut after: Vec<Known> = new.chain(gone).collect();
    after.sort();
    let was = known.iter().filter(|known| known.vanished_at.is_none()).map(|known| &known.entitlement);
    let is_same = was.eq(found.values().copied());
    Decision { after, verdict: if is_same { Verdict::Unchanged } else { Verdict::Changed(changes) } }
}

/// Whether an earlier import has missed it as well. A clock that was set back proves nothing.
fn is_confirmed(known: &Known, now: UtcTime) -> bool {
    known.missed_at.is_some_and(|at| now.unix() - at.unix() >= CONFIRM_MIN_S)
}

/// The old list stays, with a note of what was missed and when first.
fn suspect(known: &[Known], missing: &[&Known], of: usize, now: UtcTime) -> Decision {
    let missed: BTreeSet<&str> = missing.iter().map(|known| known.entitlement.pacs_ref.as_str()).collect();
    let is_news = missing.iter().any(|known| known.missed_at.is_none_or(|at| at > now));
    let note = |known: &Known| {
        let is_missed = missed.contains(known.entitlement.pacs_ref.as_str());
        let first = known.missed_at.filter(|at| *at <= now).unwrap_or(now);
        Known { missed_at: is_missed.then_some(first), ..known.clone() }
    };
    let after = known.iter().map(note).collect();
    Decision { after, verdict: Verdict::Suspect { missing: missing.len(), of, is_news } }
}
