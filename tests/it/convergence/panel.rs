//! A panel: the real mirror and the real machine that asks, and what the panel was told so far.

use super::broker::Session;
use super::source::{KIND, Rows};
use access::time::UtcTime;
use contract::changes::{Act, parse_changes};
use contract::digest::{self, Digest};
use contract::id::{Kind, Version};
use contract::record;
use contract::repair::{Request, parse_bucket, parse_digests};
use doorward::clock::MonoMs;
use doorward::feed::Topic;
use doorward::feed::sync::{Input, Order, Sync};
use doorward::mirror::apply::{Applied, Batch, Finding, Room};
use doorward::mirror::standing::{self, Standing};
use doorward::mirror::writer::Context;
use doorward::mirror::{Mirror, integrity, list};
use rusqlite::Connection;
use std::collections::BTreeMap;
use tempfile::TempDir;

pub(super) struct Panel {
    folder: TempDir,
    pub(super) conn: Connection,
    pub(super) machine: Sync,
    pub(super) session: Session,
    /// The newest statement about each key that was delivered: its version, and the active record if there is
    /// one, by its own version.
    told: BTreeMap<String, (Version, Option<Version>)>,
    pub(super) reports: u64,
}

/// How a batch ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Committed,
    /// The process dies after the commit and before the acknowledgement.
    DiesUnacknowledged,
    /// It dies within the transaction.
    DiesWithin,
    /// The disk is full.
    Full,
}

fn open(folder: &TempDir) -> Connection {
    let site = "office".parse().expect("site");
    let conn = Mirror::at(folder.path()).open_writer(&site, || "stream".into()).expect("mirror");
    // A death is played by rolling back; nothing here needs the disk to have it.
    conn.pragma_update(None, "synchronous", "OFF").expect("pragma");
    conn
}

impl Panel {
    pub(super) fn new() -> Panel {
        let folder = tempfile::tempdir().expect("folder");
        let conn = open(&folder);
        Panel {
            folder,
            conn,
            machine: Sync::new(),
            session: Session::default(),
            told: BTreeMap::new(),
            reports: 0,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        standing::standing(&self.conn).expect("standing")
    }

    /// A death and a start; the broker keeps the session or not.
    pub(super) fn restart(&mut self, session_present: bool, now: MonoMs) {
        self.conn = open(&self.folder);
        self.machine = Sync::new();
        self.connect(session_present, now);
    }

    pub(super) fn connect(&mut self, session_present: bool, now: MonoMs) {
        if !session_present {
            self.session.forget();
            standing::forget_proof(&self.conn).expect("forgotten");
        }
        self.machine.take(Input::Connected { session_present }, now, 0);
    }

    /// Takes a batch; what is not acknowledged comes again. Returns what was proven.
    pub(super) fn take(
        &mut self,
        messages: Vec<(Topic, Vec<u8>)>,
        end: End,
        now: MonoMs,
        history: &BTreeMap<Version, Rows>,
    ) -> Option<Standing> {
        let room = if end == End::Full { Room::NarrowingOnly } else { Room::Ample };
        let tx = self.conn.transaction().expect("transaction");
        let applied = write(&tx, &messages, room);
        if end == End::DiesWithin {
            tx.rollback().expect("rolled back");
            self.session.again(messages);
            self.restart(true, now);
            return None;
        }
        tx.commit().expect("committed");
        for (topic, payload) in &messages {
            self.hear(*topic, payload, end);
        }
        self.hear_equal(&messages, &applied, history);
        let proven = applied.findings.contains(&Finding::Proven).then_some(applied.standing);
        match end {
            End::Committed => self.tell(applied, now),
            // Answers are acknowledged; the machine asks again when there is room.
            End::Full => {
                let comes_again =
                    |(topic, _): &(Topic, Vec<u8>)| !matches!(topic, Topic::Digests | Topic::Bucket);
                self.session.again(messages.into_iter().filter(comes_again).collect());
            }
            End::DiesUnacknowledged | End::DiesWithin => {
                self.session.again(messages);
                self.restart(true, now);
            }
        }
        proven
    }

    fn tell(&mut self, applied: Applied, now: MonoMs) {
        for finding in applied.findings {
            let input = match finding {
                Finding::Proven => Input::Proven,
                Finding::Unequal => Input::Unequal,
                Finding::Behind => Input::Behind,
                Finding::Page { bits, from, count, differing, .. } => {
                    Input::Page { bits, from, count, differing }
                }
                Finding::Bucket { bits, bucket, .. } => Input::Bucket { bits, bucket },
            };
            self.machine.take(input, now, 0);
        }
    }

    /// Reads everything, as the scrub does; what is found is mended. Returns how much that was.
    pub(super) fn scrub(&mut self) -> usize {
        let mut found = 0;
        for part in 0..standing::PARTS {
            let tx = self.conn.transaction().expect("transaction");
            let context = Context { conn: &tx, now: UtcTime::from_unix(0), room: Room::Ample };
            found += integrity::mend(context, part).expect("mended").0.len();
            tx.commit().expect("committed");
        }
        found
    }

    /// The scrub asks for a comparison.
    pub(super) fn ask(&mut self, now: MonoMs) {
        self.machine.take(Input::Asked, now, 0);
    }

    /// What the machine asks for now.
    pub(super) fn requests(&mut self, now: MonoMs) -> Vec<Request> {
        let is_empty = standing::is_empty(&self.conn).expect("readable");
        let mut requests = Vec::new();
        for order in self.machine.poll(now, is_empty, 0) {
            match order {
                Order::Request(want) => requests.push(Request { high: self.standing().high(), want }),
                Order::Complete { recount } => {
                    let tx = self.conn.transaction().expect("transaction");
                    standing::note_whole(&tx).expect("noted");
                    if recount {
                        integrity::recount(&tx).expect("recounted");
                    }
                    tx.commit().expect("committed");
                }
                Order::Report { .. } => self.reports += 1,
            }
        }
        requests
    }

    /// Notes what a delivered message says of its keys.
    fn hear(&mut self, topic: Topic, payload: &[u8], end: End) {
        let mut statements: Vec<(String, Version, Option<Version>)> = Vec::new();
        match topic {
            Topic::Changes => {
                let message = parse_changes(payload).expect("a good message");
                for change in &message.changes {
                    let active = match &change.act {
                        Act::Upsert(sent) => sent.contains("\"ACTIVE\"").then_some(message.version),
                        Act::Delete | Act::Refuse(..) => None,
                    };
                    statements.push((change.key.to_string(), message.version, active));
                }
            }
            Topic::Bucket => {
                let bucket = parse_bucket(payload).expect("a good message");
                let keys = (0..super::town::KEYS).map(super::town::key);
                for key in keys.filter(|key| bucket.bits.bucket(digest::place(KIND, key)) == bucket.bucket) {
                    let held = bucket.records.iter().find(|held| held.key == key);
                    let active =
                        held.filter(|held| held.record.contains("\"ACTIVE\"")).map(|held| held.version);
                    statements.push((key, bucket.as_of, active));
                }
            }
            Topic::Meta | Topic::Command | Topic::Digests | Topic::Ledger => {}
        }
        for (key, version, active) in statements {
            if end == End::Full && active.is_some_and(|active| !self.holds(&key, active)) {
                // It opens something, so there was no room for it; what is held already needs none.
                continue;
            }
            self.note(key, version, active);
        }
    }

    /// Whether the record of this version is in force.
    fn holds(&self, key: &str, version: Version) -> bool {
        let rows = list::records(&self.conn, Kind::Token, None, 1000).expect("list");
        rows.iter().any(|row| row.key == key && row.version == version && row.refused.is_none())
    }

    fn note(&mut self, key: String, version: Version, active: Option<Version>) {
        let known = self.told.entry(key).or_insert((version, active));
        if version >= known.0 {
            *known = (version, active);
        }
    }

    /// An equal digest or root says of its keys what the source held then.
    fn hear_equal(
        &mut self,
        messages: &[(Topic, Vec<u8>)],
        applied: &Applied,
        history: &BTreeMap<Version, Rows>,
    ) {
        let keys: Vec<String> = (0..super::town::KEYS).map(super::town::key).collect();
        let active = |rows: &Rows, key: &String| {
            rows.get(key).filter(|row| row.record.contains("\"ACTIVE\"")).map(|row| row.version)
        };
        for (_, payload) in messages.iter().filter(|(topic, _)| *topic == Topic::Digests) {
            let page = parse_digests(payload).expect("a good message");
            let unequal = applied.findings.iter().find_map(|finding| match finding {
                Finding::Page { as_of, bits, from, differing, .. }
                    if (*as_of, *bits, *from) == (page.as_of(), page.bits, page.from) =>
                {
                    Some(differing)
                }
                _ => None,
            });
            let Some(unequal) = unequal else { continue };
            let own = page.from..page.from + u32::try_from(page.digests.len()).expect("few");
            for key in &keys {
                let bucket = page.bits.bucket(digest::place(KIND, key));
                if own.contains(&bucket) && !unequal.contains(&bucket) {
                    self.note(key.clone(), page.as_of(), active(&history[&page.as_of()], key));
                }
            }
        }
        if applied.findings.contains(&Finding::Proven) {
            let floor = applied.standing.floor;
            for key in &keys {
                self.note(key.clone(), floor, active(&history[&floor], key));
            }
        }
    }

    /// Whatever is in force was said, and nothing that was said since took it away.
    pub(super) fn check_not_wider(&self) -> Result<(), String> {
        for row in list::records(&self.conn, Kind::Token, None, 1000).expect("list") {
            if row.refused.is_some() || !row.body.contains("\"ACTIVE\"") {
                continue;
            }
            match self.told.get(&row.key) {
                Some((_, Some(version))) if *version == row.version => {}
                Some((version, _)) if *version < row.version => {}
                told => return Err(format!("{} is active at {}, told {told:?}", row.key, row.version)),
            }
        }
        Ok(())
    }

    /// Every digest, name and link is as it was written.
    pub(super) fn check_sound(&mut self) -> Result<(), String> {
        let report = integrity::verify(&mut self.conn).expect("readable");
        let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        if report.is_sound() && report.heard().is_some_and(|(.., is_equal)| is_equal) {
            Ok(())
        } else {
            Err(format!("{faults:?} {report:?}"))
        }
    }

    /// The rows are those of the source; the root is their sum.
    pub(super) fn check_equal(&self, rows: &Rows) -> Result<(), String> {
        let ours = list::records(&self.conn, Kind::Token, None, 1000).expect("list");
        let mut root = Digest::ZERO;
        for row in &ours {
            let canonical = record::parse(KIND, &row.body).canonical;
            root = root.plus(digest::record(KIND, &row.key, &canonical, row.version));
            let theirs = rows.get(&row.key).ok_or_else(|| format!("{} should not be there", row.key))?;
            if row.refused.is_some() != record::parse(KIND, &row.body).record.is_err() {
                return Err(format!("{row:?} is refused without a reason, or in force without one"));
            }
            if theirs.version != row.version || record::parse(KIND, &theirs.record).canonical != canonical {
                return Err(format!("{}: {row:?}, not {theirs:?}", row.key));
            }
        }
        if ours.len() != rows.len() {
            return Err(format!("{} rows, not {}", ours.len(), rows.len()));
        }
        if self.standing().root != root {
            return Err("the root is not the sum of the rows".into());
        }
        Ok(())
    }
}

fn write(conn: &Connection, messages: &[(Topic, Vec<u8>)], room: Room) -> Applied {
    let mut batch = Batch::begin(conn, UtcTime::from_unix(0), room).expect("begun");
    for (topic, payload) in messages {
        match topic {
            Topic::Changes => batch.changes(payload),
            Topic::Digests => batch.digests(payload),
            Topic::Bucket => batch.bucket(payload),
            Topic::Meta => {
                let meta: contract::messages::Meta = serde_json::from_slice(payload).expect("meta");
                batch.meta(Version { epoch: meta.epoch, seq: meta.head_seq });
                Ok(())
            }
            Topic::Command | Topic::Ledger => Ok(()),
        }
        .expect("written");
    }
    batch.end().expect("ended")
}
