//! What gateways said: events, once each and in order, and their last states.

use super::{Store, StoreError, integer, natural};
use access::id::Key;
use access::time::UtcTime;
use contract::enrollment::Enrollment;
use contract::id::GatewayId;
use contract::messages::Event;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

/// Most events kept; the oldest give way.
pub const EVENTS_MAX: u64 = 100_000;
/// Most gateways whose state is kept; a site has a few hundred doors.
pub const GATEWAYS_MAX: u64 = 4096;
/// Most event streams of one gateway (one for each time its disk was emptied); a further one is not kept.
pub const STREAMS_MAX: u64 = 256;

const SELECT_STREAM: &str = "SELECT last_seq, gap_seq FROM stream WHERE gateway = ?1 AND stream = ?2";
const COUNT_STREAMS: &str = "SELECT count(*) FROM stream WHERE gateway = ?1";
const UPSERT_STREAM: &str = "INSERT INTO stream (gateway, stream, last_seq, gap_seq) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq, gap_seq = excluded.gap_seq";
const INSERT_EVENT: &str = "INSERT INTO event (gateway, stream, seq, at, received_at, body) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const TRIM_EVENTS: &str = "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1";
const COUNT_EVENTS: &str = "SELECT count(*) FROM event";
const SELECT_EVENTS: &str = "SELECT gateway, stream, seq, at, received_at, body FROM \
    (SELECT * FROM event ORDER BY id DESC LIMIT ?1) ORDER BY id";
const SELECT_NAMING: &str =
    "SELECT body FROM event WHERE gateway = ?1 AND instr(body, ?2) > 0 ORDER BY id DESC";
const UPSERT_GATEWAY: &str = "INSERT INTO gateway (gateway, received_at, state) VALUES (?1, ?2, ?3) \
    ON CONFLICT DO UPDATE SET received_at = excluded.received_at, state = excluded.state";
const HAS_GATEWAY: &str = "SELECT EXISTS (SELECT 1 FROM gateway WHERE gateway = ?1)";
const COUNT_GATEWAYS: &str = "SELECT count(*) FROM gateway";
const SELECT_GATEWAYS: &str = "SELECT gateway, received_at, state FROM gateway ORDER BY gateway";

/// An event on its way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// Who sent it.
    pub gateway: GatewayId,
    /// The numbering it belongs to.
    pub stream: String,
    /// Its number.
    pub seq: u64,
    /// By the panel's clock.
    pub at: UtcTime,
    /// JSON of the event itself.
    pub body: String,
    /// The broker sent it before: then it does not show that the gateway repeated itself.
    pub is_redelivery: bool,
}

/// An event as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the members are those of `Incoming`, and when it came")]
pub struct StoredEvent {
    pub gateway: String,
    pub stream: String,
    pub seq: u64,
    pub at: UtcTime,
    pub received_at: UtcTime,
    pub body: String,
}

/// What a gateway last said of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StoredState {
    pub gateway: String,
    pub received_at: UtcTime,
    /// JSON of the contract's `State`.
    pub state: String,
}

/// What may be told to a gateway once the transaction is committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Whom to tell.
    pub gateway: GatewayId,
    /// Of which stream.
    pub stream: String,
    /// Everything up to here is ours.
    pub seq: u64,
}

impl Store {
    /// Stores `events` once each and in order; returns how far each stream has come. Behind a gap nothing is
    /// taken until the gateway repeats itself from there: then what is missing is gone at its end, too.
    ///
    /// # Errors
    /// When the file cannot be written; nothing may be acknowledged then.
    pub fn receive(&mut self, events: &[Incoming], now: UtcTime) -> Result<Vec<Received>, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut received: Vec<Received> = Vec::new();
        for event in events {
            let Some(last) = receive_one(&tx, event, now)? else { continue };
            let same = |r: &&mut Received| r.gateway == event.gateway && r.stream == event.stream;
            match received.iter_mut().find(same) {
                Some(entry) => entry.seq = entry.seq.max(last),
                None => received.push(Received {
                    gateway: event.gateway.clone(),
                    stream: event.stream.clone(),
                    seq: last,
                }),
            }
        }
        tx.prepare_cached(TRIM_EVENTS)?.execute([integer(EVENTS_MAX)])?;
        tx.commit()?;
        Ok(received)
    }

    /// Whether an event was stored before, or one after it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_received(&self, event: &Incoming) -> Result<bool, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_STREAM)?;
        let last =
            select.query_row([event.gateway.as_str(), &event.stream], |row| natural(row, 0)).optional()?;
        Ok(last.is_some_and(|last| event.seq <= last))
    }

    /// The newest enrollment of this token at this gateway, among the events that are kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn enrollment(&self, gateway: &GatewayId, token: &Key) -> Result<Option<Enrollment>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_NAMING)?;
        let mut rows = select.query(params![gateway.as_str(), token.as_str()])?;
        while let Some(row) = rows.next()? {
            let body: String = row.get(0)?;
            if let Ok(Event::Enrollment(found)) = serde_json::from_str(&body)
                && found.token == *token
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Keeps what `gateway` says of itself; false when there are too many gateways to keep another.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_state(&mut self, gateway: &GatewayId, state: &str, now: UtcTime) -> Result<bool, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known: bool = tx.query_row(HAS_GATEWAY, [gateway.as_str()], |row| row.get(0))?;
        let count = tx.query_row(COUNT_GATEWAYS, [], |row| natural(row, 0))?;
        if !known && count >= GATEWAYS_MAX {
            return Ok(false);
        }
        tx.prepare_cached(UPSERT_GATEWAY)?.execute(params![gateway.as_str(), now.unix(), state])?;
        tx.commit()?;
        Ok(true)
    }

    /// How many events are kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn event_count(&self) -> Result<u64, StoreError> {
        Ok(self.db.query_row(COUNT_EVENTS, [], |row| natural(row, 0))?)
    }

    /// The newest events, at most `limit`, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn events(&self, limit: u64) -> Result<Vec<StoredEvent>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_EVENTS)?;
        let rows = select.query_map([integer(limit)], |row| {
            Ok(StoredEvent {
                gateway: row.get(0)?,
                stream: row.get(1)?,
                seq: natural(row, 2)?,
                at: UtcTime::from_unix(row.get(3)?),
                received_at: UtcTime::from_unix(row.get(4)?),
                body: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What each gateway last said of itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn gateways(&self) -> Result<Vec<StoredState>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_GATEWAYS)?;
        let rows = select.query_map([], |row| {
            let received_at = UtcTime::from_unix(row.get(1)?);
            Ok(StoredState { gateway: row.get(0)?, received_at, state: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Takes one event, or not; returns how far its stream has come. None: the gateway is to be told nothing.
fn receive_one(tx: &Transaction<'_>, event: &Incoming, now: UtcTime) -> Result<Option<u64>, StoreError> {
    let (gateway, stream) = (event.gateway.as_str(), event.stream.as_str());
    let known = tx
        .prepare_cached(SELECT_STREAM)?
        .query_row([gateway, stream], |row| Ok((natural(row, 0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    let keep = |last: u64, gap: Option<u64>| -> Result<(), StoreError> {
        let row = params![gateway, stream, integer(last), gap.map(integer)];
        tx.prepare_cached(UPSERT_STREAM)?.execute(row)?;
        Ok(())
    };
    match known {
        // The first of a stream may have any number: an earlier life of this file has received the rest.
        None => {
            let streams = tx.prepare_cached(COUNT_STREAMS)?.query_row([gateway], |row| natural(row, 0))?;
            if streams >= STREAMS_MAX {
                tracing::warn!(
                    gateway,
                    stream,
                    "too many event streams of one gateway; this one is not kept"
                );
                return Ok(None);
            }
        }
        Some((last, _)) if event.seq <= last => return Ok(Some(last)),
        Some((last, gap)) if event.seq > last + 1 && gap != Some(integer(event.seq)) => {
            if gap.is_none_or(|gap| integer(event.seq) < gap) && !event.is_redelivery {
                tracing::warn!(gateway, stream, seq = event.seq, last, "events are missing before this one");
                keep(last, Some(event.seq))?;
            }
            return Ok(Some(last));
        }
        Some((last, _)) if event.seq > last + 1 && event.is_redelivery => return Ok(Some(last)),
        Some(_) => {}
    }
    keep(event.seq, None)?;
    let row = params![gateway, stream, integer(event.seq), event.at.unix(), now.unix(), event.body];
    tx.prepare_cached(INSERT_EVENT)?.execute(row)?;
    Ok(Some(event.seq))
}

#[cfg(test)]
mod tests {
    use super::{Incoming, Store};
    use access::time::UtcTime;
    use contract::id::GatewayId;

    const NOW: UtcTime = UtcTime::from_unix(1_800_000_000);

    fn event(seq: u64) -> Incoming {
        let gateway = GatewayId::new("main-panel").expect("id");
        let body = format!(r#"{{"n":{seq}}}"#);
        Incoming { gateway, stream: "s".into(), seq, at: NOW, body, is_redelivery: false }
    }

    /// Receives one by one; returns what is told after each.
    fn told(store: &mut Store, seqs: &[u64]) -> Vec<u64> {
        let one = |seq: &u64| store.receive(&[event(*seq)], NOW).expect("received")[0].seq;
        seqs.iter().map(one).collect()
    }

    #[test]
    fn duplicates_are_told_again_and_stored_once() {
        let mut store = Store::open_in_memory(NOW).expect("memory");
        assert_eq!(told(&mut store, &[1, 2, 2, 1, 3]), [1, 2, 2, 2, 3]);
        assert_eq!(store.event_count().expect("count"), 3);
    }

    #[test]
    fn behind_a_gap_nothing_is_taken_until_it_is_filled() {
        let mut store = Store::open_in_memory(NOW).expect("memory");
        assert_eq!(told(&mut store, &[1, 3, 4, 2, 3, 4]), [1, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn a_gateway_that_repeats_itself_from_behind_a_gap_has_nothing_before_it() {
        let mut store = Store::open_in_memory(NOW).expect("memory");
        assert_eq!(told(&mut store, &[1, 3, 4, 3, 4]), [1, 1, 1, 3, 4]);
    }

    #[test]
    fn a_redelivery_by_the_broker_does_not_bridge_a_gap() {
        let mut store = Store::open_in_memory(NOW).expect("memory");
        told(&mut store, &[1, 3]);
        let again = Incoming { is_redelivery: true, ..event(3) };
        assert_eq!(store.receive(&[again], NOW).expect("received")[0].seq, 1);
    }
}
