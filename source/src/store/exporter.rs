//! Who exports, as gateways are told: an orderly change of the settings names the one that exported before, so that
//! the new one waits for its ledger.
//!
//! Not here: telling them (`serve`), and the hand-over itself, which gateways make among each other.

use super::{Store, StoreError};
use access::time::UtcTime;
use contract::id::{GatewayId, INTEGER_MAX, Version};
use contract::messages::{MINOR, Meta};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

const SELECT: &str = "SELECT named, after, claim FROM exporter";
const REPLACE: &str = "INSERT OR REPLACE INTO exporter (one, named, after, claim) VALUES (1, ?1, ?2, ?3)";

/// The exporter's naming.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naming {
    /// The gateway that exports.
    pub named: GatewayId,
    /// The one that it takes over from; none when it was named without a hand-over.
    pub after: Option<GatewayId>,
    /// Of the last naming without a hand-over; never used before.
    pub claim: u64,
}

impl Store {
    /// The naming as it was last written down; none before anybody was named.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn exporter(&self) -> Result<Option<Naming>, StoreError> {
        find(&self.db)
    }

    /// The naming that `wanted`, from the settings, comes to; written down if it is another one than before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn name_exporter(&mut self, wanted: &GatewayId, now: UtcTime) -> Result<Naming, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let naming = match find(&tx)? {
            Some(found) if found.named == *wanted => return Ok(found),
            Some(Naming { named, claim, .. }) => Naming { named: wanted.clone(), after: Some(named), claim },
            // A file that was lost, or an older layout's: whatever was said before is void.
            None => Naming { named: wanted.clone(), after: None, claim: claim_above(0, now) },
        };
        write(&tx, &naming)?;
        tx.commit()?;
        Ok(naming)
    }

    /// Somebody's word that the gateway which exported before is dead, or its ledger lost: the one that is named begins
    /// without it, and whoever still exports ends when it hears of it. Returns the naming, as it was if another than
    /// `gateway` is named; none when nobody was named yet.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn take_over(&mut self, gateway: &GatewayId, now: UtcTime) -> Result<Option<Naming>, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(found) = find(&tx)? else { return Ok(None) };
        if found.named != *gateway {
            return Ok(Some(found));
        }
        let Naming { named, claim, .. } = found;
        let naming = Naming { named, after: None, claim: claim_above(claim, now) };
        write(&tx, &naming)?;
        tx.commit()?;
        Ok(Some(naming))
    }
}

/// The hint that says `version` and who exports.
pub fn meta(version: Version, naming: Option<Naming>) -> Meta {
    let Version { epoch, seq: head_seq } = version;
    let (exporter, exporter_after, exporter_claim) = match naming {
        Some(Naming { named, after, claim }) => (Some(named), after, claim),
        None => (None, None, 0),
    };
    Meta { epoch, head_seq, exporter, exporter_after, exporter_claim, minor: MINOR }
}

/// Above `claim`, and above all that a lost file may have used.
fn claim_above(claim: u64, now: UtcTime) -> u64 {
    let now = u64::try_from(now.unix()).unwrap_or(0);
    claim.saturating_add(1).max(now).min(INTEGER_MAX.unsigned_abs())
}

fn find(db: &Connection) -> Result<Option<Naming>, StoreError> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, i64>(2)?))
    };
    let found = db.query_row(SELECT, [], read).optional()?;
    Ok(found.and_then(|(named, after, claim)| {
        let after = after.and_then(|after| GatewayId::new(&after).ok());
        Some(Naming { named: GatewayId::new(&named).ok()?, after, claim: claim.unsigned_abs() })
    }))
}

fn write(tx: &Transaction<'_>, naming: &Naming) -> Result<(), StoreError> {
    let Naming { named, after, claim } = naming;
    let claim = i64::try_from(*claim).unwrap_or(INTEGER_MAX);
    tx.execute(REPLACE, params![named.as_str(), after.as_ref().map(GatewayId::as_str), claim])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> GatewayId {
        GatewayId::new(name).expect("an id")
    }

    #[test]
    fn a_change_of_the_settings_is_a_hand_over_and_a_word_of_somebodys_is_none() {
        let now = UtcTime::from_unix(1_000);
        let mut store = Store::open_in_memory(now).expect("memory");
        let name = |store: &mut Store, id: &GatewayId| store.name_exporter(id, now).expect("named");
        assert_eq!(store.take_over(&id("a"), now).expect("read"), None);
        let first = name(&mut store, &id("a"));
        assert_eq!(first, Naming { named: id("a"), after: None, claim: 1_000 });
        assert_eq!(name(&mut store, &id("a")), first, "nothing has changed");
        let second = Naming { named: id("b"), after: Some(id("a")), claim: 1_000 };
        assert_eq!(name(&mut store, &id("b")), second);
        assert_eq!(name(&mut store, &id("b")), second, "after a restart");
        let forced = Naming { named: id("b"), after: None, claim: 1_001 };
        assert_eq!(store.take_over(&id("a"), now).expect("read"), Some(second), "another is named");
        assert_eq!(store.take_over(&id("b"), now).expect("written"), Some(forced.clone()));
        assert_eq!(name(&mut store, &id("b")), forced);
    }
}
