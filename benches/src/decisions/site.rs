//! A site: users with three tokens and three assignments each, 64 entitlements, 16 doors that grant 8 of them each, half
//! of these by a schedule. Everything follows from fixed seeds, so that each process can make it for itself.

use crate::data::{self, SITE};
use access::time::UtcTime;
use anyhow::{Result, anyhow};
use contract::digest::{self, Digest};
use contract::id::SiteId;
use doorward::mirror::Mirror;
use doorward::mirror::apply::{Batch, Room};
use serde_json::{Value, json};
use std::path::Path;

/// Entitlements.
pub(super) const RIGHTS: u64 = 64;
/// Doors.
pub(super) const DOORS: u64 = 16;
/// Entitlements that a door grants.
pub(super) const GRANTS: u64 = 8;
/// Of each user, tokens and assignments.
pub(super) const EACH: u64 = 3;
/// A Wednesday, 10:40 in Stockholm.
pub(super) const NOW: UtcTime = UtcTime::from_unix(1_795_599_600);
/// From six to eight in the evening by the clock on the wall, from Monday to Friday.
pub(super) const OPEN_MINUTES: (i64, i64) = (6 * 60, 20 * 60);
/// What the clock on the wall shows at [`NOW`], in minutes.
pub(super) const NOW_MINUTE: i64 = 10 * 60 + 40;
const DAY_S: i64 = 24 * 3600;
/// Changes in a message, and messages in a transaction.
const CHANGES: usize = 200;
const MESSAGES: usize = 25;

/// A window that most often holds.
pub(super) type Window = (Option<i64>, Option<i64>);

/// A token.
pub(super) struct Token {
    pub(super) uid: [u8; 7],
    pub(super) is_active: bool,
    pub(super) window: Window,
}

/// A user, with what hangs on it.
pub(super) struct User {
    pub(super) is_active: bool,
    pub(super) tokens: [Token; 3],
    pub(super) rights: [(u64, Window); 3],
}

/// The user of that number.
pub(super) fn user(number: u64) -> User {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_1000_0000 ^ number);
    let is_active = random.u8(..) > 12;
    let tokens = std::array::from_fn(|at| Token {
        uid: uid(number * EACH + at as u64),
        is_active: random.u8(..) > 8,
        window: if random.u8(..4) == 0 { window(&mut random) } else { (None, None) },
    });
    // Three different ones.
    let first = random.u64(..RIGHTS);
    let rights = std::array::from_fn(|at| {
        let window = if random.bool() { window(&mut random) } else { (None, None) };
        ((first + at as u64 * 21) % RIGHTS, window)
    });
    User { is_active, tokens, rights }
}

fn window(random: &mut fastrand::Rng) -> Window {
    let from = NOW.unix() - DAY_S * random.i64(-20..400);
    (Some(from), Some(from + DAY_S * random.i64(200..900)))
}

/// Spread over all bytes behind the maker's, each number its own.
fn uid(number: u64) -> [u8; 7] {
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0x0000_FFFF_FFFF_FFFF;
    let [_, _, b, c, d, e, f, g] = spread.to_be_bytes();
    [0x04, b, c, d, e, f, g]
}

/// What a door grants, and whether by a schedule.
pub(super) fn grants(door: u64) -> impl Iterator<Item = (u64, bool)> {
    (0..GRANTS).map(move |at| ((door * 4 + at) % RIGHTS, at % 2 == 1))
}

/// A card at a door.
#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) uid: [u8; 7],
    pub(super) door: u64,
}

/// Random questions: one card in twenty is unknown, and half of the doors grant what the holder has.
pub(super) fn questions(seed: u64, count: usize, users: u64) -> Vec<Question> {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_2000_0000 ^ seed);
    let mut one = || {
        let holder = user(random.u64(..users));
        let mut uid = holder.tokens[random.usize(..3)].uid;
        if random.u8(..20) == 0 {
            uid[0] = 0x08;
        }
        let own = holder.rights[0].0 / 4;
        Question { uid, door: if random.bool() { own } else { random.u64(..DOORS) } }
    };
    (0..count).map(|_| one()).collect()
}

pub(super) fn door_key(door: u64) -> String {
    format!("door-{door}")
}

pub(super) fn right_key(right: u64) -> String {
    format!("right-{right}")
}

/// Records of a user, in the order of their numbers.
const OF_USER: u64 = 1 + 2 * EACH;

fn kind_and_key(user: u64, at: u64) -> (&'static str, String) {
    match at {
        0 => ("user", format!("u-{user:07}")),
        1..=EACH => ("token", format!("card-{user:07}-{at}")),
        _ => ("assignment", format!("given-{user:07}-{at}")),
    }
}

fn record(number: u64, at: u64) -> Value {
    let one = user(number);
    let place = |from: u64| usize::try_from(at - from).unwrap_or(0);
    let with = |mut record: Value, window: Window| {
        for (name, edge) in [("valid_from", window.0), ("valid_to", window.1)] {
            if let Some(edge) = edge {
                record[name] = json!(UtcTime::from_unix(edge).to_string());
            }
        }
        record
    };
    let holder = format!("u-{number:07}");
    match at {
        0 => json!({
            "status": if one.is_active { "active" } else { "locked" }, "given_name": "Barbara", "family_name": "Liskov",
            "organization": "Laboratories", "emails": { "work": format!("user.{number:07}@bench.example") },
            "attributes": { "room": format!("{number:013}") },
        }),
        1..=EACH => {
            let Token { uid, is_active, window } = &one.tokens[place(1)];
            let hex: String = uid.iter().map(|byte| format!("{byte:02X}")).collect();
            let status = if *is_active { "ACTIVE" } else { "LOCKED" };
            let identifiers = json!([{ "type": "mifare", "hex": hex }]);
            let token =
                json!({ "user": holder, "kind": "card", "status": status, "identifiers": identifiers });
            with(token, *window)
        }
        _ => {
            let (right, window) = one.rights[place(1 + EACH)];
            with(json!({ "user": holder, "entitlement": right_key(right) }), window)
        }
    }
}

fn common() -> Vec<Value> {
    let upsert = |kind: &str, key: String, record: Value| json!({ "op": "upsert", "kind": kind, "key": key, "record": record });
    let mut all = Vec::new();
    for right in 0..RIGHTS {
        let key = right_key(right);
        let record =
            json!({ "type": "AccessProfile", "display_name": key, "pacs_ref": key, "class": "staff" });
        all.push(upsert("entitlement", key, record));
    }
    let days = ["mon", "tue", "wed", "thu", "fri"];
    let weekly = json!([{ "days": days, "from": "06:00", "to": "20:00" }]);
    all.push(upsert("schedule", "day".into(), json!({ "zone": "Europe/Stockholm", "weekly": weekly })));
    for door in 0..DOORS {
        let grant = |(right, timed): (u64, bool)| {
            if timed {
                json!({ "entitlement": right_key(right), "schedule": "day" })
            } else {
                json!({ "entitlement": right_key(right) })
            }
        };
        let grants: Vec<Value> = grants(door).map(grant).collect();
        all.push(upsert("door", door_key(door), json!({ "name": "A door", "grants": grants })));
    }
    all
}

/// Fills the mirror in `folder` by the gateway's own code, in the order of hashes: any other touches a page for each row.
pub(super) fn fill(folder: &Path, users: u64) -> Result<()> {
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let mut conn = Mirror::at(folder).open_writer(&site, || "bench".into())?;
    let mut order: Vec<(u64, u64)> = Vec::new();
    for number in 0..users {
        for at in 0..OF_USER {
            let (kind, key) = kind_and_key(number, at);
            order.push((digest::place(kind, &key), number * OF_USER + at));
        }
    }
    order.sort_unstable();
    let (mut seq, all) = (0_u64, order.len());
    let mut messages = vec![common()];
    for (at, part) in order.chunks(CHANGES).enumerate() {
        let change = |(_, which): &(u64, u64)| {
            let (number, at) = (which / OF_USER, which % OF_USER);
            let (kind, key) = kind_and_key(number, at);
            json!({ "op": "upsert", "kind": kind, "key": key, "record": record(number, at) })
        };
        messages.push(part.iter().map(change).collect());
        if messages.len() < MESSAGES && (at + 1) * CHANGES < all {
            continue;
        }
        let tx = conn.transaction()?;
        let mut batch = Batch::begin(&tx, NOW, Room::Ample)?;
        for changes in messages.drain(..) {
            seq += 1;
            let message = json!({ "epoch": 1, "seq": seq, "root": Digest::ZERO, "changes": changes });
            batch.changes(message.to_string().as_bytes())?;
        }
        let applied = batch.end()?;
        tx.commit()?;
        if applied.refused > 0 {
            return Err(anyhow!("the mirror refused what this program made: {applied:?}"));
        }
    }
    data::checkpoint(&conn)
}
