//! Users, the stream, and the files that each contender starts from. Everything follows from fixed seeds.

use access::time::UtcTime;
use anyhow::{Context, Result, anyhow};
use contract::digest::Digest;
use contract::id::{SiteId, Version};
use doorward::mirror::Mirror;
use doorward::mirror::apply::{Batch, Room};
use doorward_source::change::{Change, Check};
use doorward_source::store::Store;
use rusqlite::Connection;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The site of everything here.
pub(crate) const SITE: &str = "bench";
/// Changes in a message of the first filling.
const FILLING_CHANGES: usize = 500;
/// When the stream began; any instant does.
const BEGINNING: UtcTime = UtcTime::from_unix(1_795_000_000);

const ORGANIZATIONS: [&str; 4] = ["Head Office", "Laboratories", "Workshops", "Contractors"];
const GIVEN: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Niklaus", "Radia"];
const FAMILY: [&str; 8] = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Allen", "Wirth", "Perlman"];

/// What is measured with.
pub(crate) struct Data {
    /// Users before.
    pub(crate) users: usize,
    /// The stream, as published.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Its bytes.
    pub(crate) payload_bytes: u64,
    /// Where the mirror stands at its end.
    pub(crate) head: Version,
    /// The root then.
    pub(crate) root: Digest,
    /// A mirror before the stream, to be copied.
    pub(crate) mirror: PathBuf,
    /// The Python program's file before the stream, to be copied.
    pub(crate) python: PathBuf,
    /// The stream in a file, for processes of their own.
    pub(crate) stream: PathBuf,
    /// Page size of the mirror in bytes.
    pub(crate) page_bytes: u32,
    /// Size of the mirror's file in bytes.
    pub(crate) mirror_bytes: u64,
}

/// Makes everything in `folder`.
pub(crate) fn prepare(folder: &Path, users: usize, messages: usize) -> Result<Data> {
    let mut random = fastrand::Rng::with_seed(0x0d00_72a4_0001);
    let mut store = Store::open_in_memory(BEGINNING)?;
    let all: Vec<Change> = (0..users).map(|user| upsert(user, &mut random)).collect::<Result<_>>()?;
    store.apply(&all, FILLING_CHANGES)?;
    let filling = take(&mut store)?;
    let changes: Vec<Change> =
        (0..messages).map(|_| upsert(random.usize(..users), &mut random)).collect::<Result<_>>()?;
    store.apply(&changes, 1)?;
    let stream = take(&mut store)?;
    let head = store.head()?;
    if stream.len() != messages {
        return Err(anyhow!("{} messages were made instead of {messages}", stream.len()));
    }
    let mirror = folder.join("template");
    let page_bytes = fill_mirror(&mirror, &filling)?;
    let python = folder.join("template.sqlite");
    fill_python(&python, &filling)?;
    let file = folder.join("stream.bin");
    save(&file, &stream)?;
    Ok(Data {
        users,
        payload_bytes: stream.iter().map(|message| message.len() as u64).sum(),
        messages: stream,
        head: head.version,
        root: head.root,
        mirror_bytes: fs::metadata(Mirror::at(&mirror).path())?.len(),
        mirror,
        python,
        stream: file,
        page_bytes,
    })
}

fn upsert(user: usize, random: &mut fastrand::Rng) -> Result<Change> {
    let (given, family) = (GIVEN[user % 8], FAMILY[user / 8 % 8]);
    let organization = ORGANIZATIONS[user % 4];
    // Wide enough that a user does not get the same one twice: such a change would not be published.
    let note = random.u64(1_000_000_000_000..10_000_000_000_000);
    let record = format!(
        r#"{{"attributes":{{"room":"{note}"}},"emails":{{"work":"user.{user:06}@bench.example"}},"family_name":"{family}","given_name":"{given}","organization":"{organization}","status":"active"}}"#
    );
    Change::upsert("user", &key(user), &record, Check::Full).map_err(|reason| anyhow!(reason))
}

fn key(user: usize) -> String {
    format!("u-{user:06}")
}

/// All messages that wait, as they would be published; none wait then.
pub(crate) fn take(store: &mut Store) -> Result<Vec<Vec<u8>>> {
    let waiting = store.outgoing_after(0, usize::MAX)?;
    let ids: Vec<i64> = waiting.iter().map(|message| message.id).collect();
    store.acknowledge(&ids)?;
    Ok(waiting.into_iter().map(|message| message.payload).collect())
}

/// By the gateway's own code, so that the file is what a panel would have; returns its page size.
pub(crate) fn fill_mirror(folder: &Path, filling: &[Vec<u8>]) -> Result<u32> {
    fs::create_dir_all(folder)?;
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let mut conn = Mirror::at(folder).open_writer(&site, || "bench".into())?;
    for part in filling.chunks(16) {
        let tx = conn.transaction()?;
        let mut batch = Batch::begin(&tx, BEGINNING, Room::Ample)?;
        for payload in part {
            batch.changes(payload)?;
        }
        let applied = batch.end()?;
        tx.commit()?;
        if applied.refused > 0 || applied.standing.out_of_sync.is_some() {
            return Err(anyhow!("the mirror refused what the source made: {applied:?}"));
        }
    }
    checkpoint(&conn)?;
    Ok(conn.query_row("PRAGMA page_size", [], |row| row.get(0))?)
}

/// The same users as a Python program keeps them today: the record as text under its key.
fn fill_python(path: &Path, filling: &[Vec<u8>]) -> Result<()> {
    const TABLE: &str =
        "CREATE TABLE users (key TEXT PRIMARY KEY, record TEXT NOT NULL, version INTEGER NOT NULL)";
    const ADD: &str = "INSERT INTO users (key, record, version) VALUES (?1, ?2, ?3)";
    let mut conn = open(path)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.execute(TABLE, [])?;
    let tx = conn.transaction()?;
    for payload in filling {
        let message = contract::changes::parse_changes(payload).map_err(|reason| anyhow!(reason))?;
        for change in &message.changes {
            let contract::changes::Act::Upsert(record) = change.act else { continue };
            tx.prepare_cached(ADD)?.execute((&change.key, record, i64::try_from(message.version.seq)?))?;
        }
    }
    tx.commit()?;
    checkpoint(&conn)
}

/// A file that is not the mirror as its owner opens it.
#[expect(clippy::disallowed_methods, reason = "only pragmas of the file itself matter here")]
pub(crate) fn open(path: &Path) -> Result<Connection> {
    Connection::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// Copies the log into the file and empties it.
pub(crate) fn checkpoint(conn: &Connection) -> Result<()> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(anyhow!("somebody still reads the file")) }
}

fn save(path: &Path, messages: &[Vec<u8>]) -> Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for message in messages {
        file.write_all(&u32::try_from(message.len())?.to_le_bytes())?;
        file.write_all(message)?;
    }
    Ok(file.flush()?)
}

/// The stream as it was saved.
pub(crate) fn load(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.read_to_end(&mut bytes)?;
    let mut rest = bytes.as_slice();
    let mut messages = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (message, after) = after.split_at(usize::try_from(u32::from_le_bytes(*length))?);
        messages.push(message.to_vec());
        rest = after;
    }
    Ok(messages)
}
