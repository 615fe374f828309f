//! A large site: users with a token and two assignments each, in a source's file. Everything follows from a
//! fixed seed.

use crate::data::{self, SITE};
use access::time::UtcTime;
use anyhow::{Context, Result, anyhow};
use contract::digest;
use contract::id::{SiteId, Version};
use doorward_source::change::{Change, Check};
use doorward_source::store::batch::BATCH_DEFAULT;
use doorward_source::store::{Head, Store};
use std::fs;
use std::path::{Path, PathBuf};

/// Entitlements that are assigned.
const ENTITLEMENTS: usize = 64;
/// Records of one user: itself, a token, two assignments.
pub(crate) const RECORDS_OF_A_USER: u64 = 4;
/// Changes after which the broker's part is played: it has them all.
const ACKNOWLEDGE_CHANGES: usize = 50_000;
/// When the site was made; any instant does.
const BEGINNING: UtcTime = UtcTime::from_unix(1_795_000_000);

const GIVEN: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia"];
const FAMILY: [&str; 8] = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Allen", "Wirth", "Perlman"];

/// A filled source's file, to be copied.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The file.
    pub(crate) path: PathBuf,
    pub(crate) users: usize,
    pub(crate) records: u64,
    /// Kinds, keys and canonical JSON, without what stores add.
    pub(crate) record_bytes: u64,
    pub(crate) head: Head,
}

/// The file of a site with so many users in `folder`; one that is there already is taken if `reuse`.
pub(crate) fn template(folder: &Path, users: usize, reuse: bool) -> Result<Template> {
    let path = folder.join(format!("source-{users}.db"));
    let is_there = reuse && path.exists();
    if !is_there && path.exists() {
        fs::remove_file(&path)?;
    }
    let mut store = Store::open(&path, BEGINNING)?;
    if !is_there {
        fill(&mut store, users)?;
    }
    let (records, record_bytes) = measure(&store)?;
    if records != ENTITLEMENTS as u64 + users as u64 * RECORDS_OF_A_USER {
        return Err(anyhow!("{}: not a whole site; run again without --reuse", path.display()));
    }
    store.settle_bits()?;
    Ok(Template { head: store.head()?, path, users, records, record_bytes })
}

/// The site as changes, in the order of hashes: in any other, each would touch a page of its own.
pub(crate) fn changes(users: usize) -> Result<Vec<Change>> {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_0002);
    let mut changes: Vec<Change> = (0..ENTITLEMENTS).map(entitlement).collect::<Result<_>>()?;
    for user in 0..users {
        changes.push(self::user(user, 0, &mut random)?);
        changes.push(token(user, &mut random)?);
        changes.push(assignment(user, 0, &mut random)?);
        changes.push(assignment(user, 1, &mut random)?);
    }
    changes.sort_by_key(|change| digest::place(change.kind(), change.key()));
    Ok(changes)
}

/// What the PACS has to define for the site: id and name of each entitlement.
pub(crate) fn entitlements() -> impl Iterator<Item = (String, String)> {
    (0..ENTITLEMENTS).map(|at| (format!("profile-{at}"), format!("Building {at}")))
}

fn fill(store: &mut Store, users: usize) -> Result<()> {
    store.claim_site(&SiteId::new(SITE).map_err(|rule| anyhow!(rule))?)?;
    let changes = changes(users)?;
    let all = changes.len();
    for (part, changes) in changes.chunks(ACKNOWLEDGE_CHANGES).enumerate() {
        eprintln!("filling the source: {} of {all} records", part * ACKNOWLEDGE_CHANGES);
        store.apply(changes, BATCH_DEFAULT)?;
        data::take(store)?;
    }
    Ok(())
}

fn measure(store: &Store) -> Result<(u64, u64)> {
    let (mut records, mut bytes) = (0, 0);
    for (kind, _) in store.kinds()? {
        for row in store.rows(Some(&kind), None)? {
            records += 1;
            bytes += (row.kind.len() + row.key.len() + row.record.len()) as u64;
        }
    }
    Ok((records, bytes))
}

/// Changes `count` users of the file at random; returns where the stream stands then.
pub(crate) fn drift(file: &Path, users: usize, count: usize, round: usize) -> Result<Version> {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_0003 + round as u64);
    let mut store = Store::open(file, BEGINNING).context("the source's file")?;
    let mut picked: Vec<usize> = (0..users).collect();
    random.shuffle(&mut picked);
    let changes: Vec<Change> =
        picked.into_iter().take(count).map(|one| user(one, round + 1, &mut random)).collect::<Result<_>>()?;
    let applied = store.apply(&changes, BATCH_DEFAULT)?;
    if applied.changed != count as u64 {
        return Err(anyhow!("{} records drifted instead of {count}", applied.changed));
    }
    Ok(store.head()?.version)
}

/// Changes `count` users, one a message; the messages wait in the file.
pub(crate) fn change_one_by_one(store: &mut Store, users: usize, count: usize) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_0004);
    let changes: Vec<Change> =
        (0..count).map(|at| user(random.usize(..users), 10 + at, &mut random)).collect::<Result<_>>()?;
    store.apply(&changes, 1)?;
    Ok(())
}

fn user(user: usize, edition: usize, random: &mut fastrand::Rng) -> Result<Change> {
    let (given, family) = (GIVEN[user % 8], FAMILY[user / 8 % 8]);
    let (room, phone) = (random.u32(100..1000), random.u32(1_000_000..10_000_000));
    upsert(
        "user",
        &user_key(user),
        &format!(
            r#"{{"attributes":{{"cost_centre":"{edition:05}","room":"{room}"}},"emails":{{"work":"user.{user:06}@bench.example"}},"family_name":"{family}","given_name":"{given}","organization":"Head Office","phones":{{"work":"+49 30 {phone}"}},"status":"active"}}"#
        ),
    )
}

fn token(user: usize, random: &mut fastrand::Rng) -> Result<Change> {
    let (uid, serial) = (random.u64(1 << 48..1 << 56), random.u32(10_000_000..100_000_000));
    upsert(
        "token",
        &format!("t-{user:06}"),
        &format!(
            r#"{{"identifiers":[{{"hex":"{uid:014x}","type":"mifare"}},{{"hex":"{serial:08x}","type":"serial"}}],"kind":"card","status":"ACTIVE","user":"{}","valid_from":"2026-01-01T00:00:00Z","valid_to":"2031-01-01T00:00:00Z"}}"#,
            user_key(user)
        ),
    )
}

fn assignment(user: usize, at: usize, random: &mut fastrand::Rng) -> Result<Change> {
    let entitlement = random.usize(..ENTITLEMENTS);
    let request = random.u64(1_000_000_000_000..10_000_000_000_000);
    // The contract keeps what it does not know: an Identity Manager notes why somebody has something.
    upsert(
        "assignment",
        &format!("a-{user:06}-{at}"),
        &format!(
            r#"{{"entitlement":"{}","justification":"request {request}, approved by the manager of the site","user":"{}","valid_from":"2026-01-01T00:00:00Z","valid_to":"2030-12-31T00:00:00Z"}}"#,
            entitlement_key(entitlement),
            user_key(user)
        ),
    )
}

fn entitlement(at: usize) -> Result<Change> {
    upsert(
        "entitlement",
        &entitlement_key(at),
        &format!(r#"{{"display_name":"Building {at}","pacs_ref":"profile-{at}","type":"AccessProfile"}}"#),
    )
}

fn user_key(user: usize) -> String {
    format!("u-{user:06}")
}

fn entitlement_key(at: usize) -> String {
    format!("e-{at:02}")
}

fn upsert(kind: &str, key: &str, record: &str) -> Result<Change> {
    Change::upsert(kind, key, record, Check::Full).map_err(|reason| anyhow!("{kind} {key}: {reason}"))
}
