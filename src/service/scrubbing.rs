//! Reads the whole mirror again, slowly, in the hope of finding nothing: a bit that flips on disk is seen by no
//! checkpoint. What is found grants nothing from then on, and is fetched again.
//!
//! Nothing is written while nothing is found. A pass looks at some hundred rows a second, so that a panel does
//! not notice it: a site of 20,000 users takes minutes, one of a million records the better part of an hour.
//!
//! Not here: what is looked at (`mirror::integrity`).

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::mirror::integrity::{self, Cursor, Fault};
use crate::mirror::standing::PARTS;
use crate::mirror::touched::Touched;
use crate::mirror::{Urgency, Writer};
use rusqlite::Connection;

/// Rows in one go.
const ROWS: u32 = 200;
/// The pause after them.
const PAUSE_MS: u64 = 500;
/// The first pass begins this long after the start: a panel that has just come up has better things to do.
const FIRST_AFTER_MS: u64 = 300_000;

/// The scrub.
pub struct Scrubbing {
    /// To mend.
    pub writer: Writer,
    /// To read; read-only, its own, so that it can wait on another thread.
    pub conn: Connection,
    /// To wait by.
    pub time: Timekeeper,
    /// Whom to tell.
    pub notices: Notices,
    /// From the start of one pass to the next, in milliseconds.
    pub every_ms: u64,
}

impl Scrubbing {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        let Scrubbing { writer, mut conn, time, notices, every_ms } = self;
        let mut next = time.mono().after_ms(FIRST_AFTER_MS.min(every_ms));
        loop {
            time.clock().wait(Wake { wall: None, mono: Some(next) }).await;
            if time.mono() < next {
                // The wall clock was stepped.
                continue;
            }
            next = time.mono().after_ms(every_ms);
            let mut pass = Pass { writer: &writer, time: &time, notices: &notices, records: 0, faults: 0 };
            for part in 0..PARTS {
                conn = match pass.part(conn, part).await {
                    Some(conn) => conn,
                    None => return,
                };
            }
            conn = match pass.file(conn).await {
                Some(conn) => conn,
                None => return,
            };
            tracing::info!(records = pass.records, faults = pass.faults, "the mirror was read through");
        }
    }
}

struct Pass<'a> {
    writer: &'a Writer,
    time: &'a Timekeeper,
    notices: &'a Notices,
    records: u64,
    faults: u64,
}

impl Pass<'_> {
    /// Reads one part; hands the connection back unless the program is ending.
    async fn part(&mut self, mut conn: Connection, part: usize) -> Option<Connection> {
        let mut cursor = Cursor::of_part(part);
        let mut is_suspect = false;
        loop {
            // On another thread: the disk of a panel can take its time.
            let looked = tokio::task::spawn_blocking(move || {
                let found = look(&mut conn, &mut cursor);
                (conn, cursor, found)
            });
            let (back, moved, found) = looked.await.ok()?;
            (conn, cursor) = (back, moved);
            match found {
                Ok(Looked { faults, is_through }) => {
                    is_suspect |= !faults.is_empty();
                    if is_through {
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the mirror cannot be read through; `doorward verify` says more");
                    break;
                }
            }
            let mono = Some(self.time.mono().after_ms(PAUSE_MS));
            self.time.clock().wait(Wake { wall: None, mono }).await;
        }
        self.records += cursor.records();
        if is_suspect {
            self.mend(part).await;
        }
        Some(conn)
    }

    /// Lets SQLite look at its file; indices that do not agree with their tables are made again.
    async fn file(&mut self, conn: Connection) -> Option<Connection> {
        let looked = tokio::task::spawn_blocking(move || {
            let found = integrity::sqlite_faults(&conn);
            (conn, found)
        });
        let (conn, found) = looked.await.ok()?;
        match found {
            Ok(lines) if lines.is_empty() => {}
            Ok(lines) => {
                self.faults += lines.len() as u64;
                tracing::error!(
                    ?lines,
                    "SQLite finds its file damaged; making its indices again. If this comes back, stop the gateway and remove the file: everything is fetched again"
                );
                if let Err(error) = self.writer.run(Urgency::Normal, integrity::reindex).await {
                    tracing::error!(%error, "the indices are not made again; the next pass tries");
                }
                self.notices.touched(Touched::Everyone);
                self.notices.events();
                self.notices.compare();
            }
            Err(error) => tracing::error!(%error, "SQLite cannot look at its file"),
        }
        Some(conn)
    }

    async fn mend(&mut self, part: usize) {
        // What was altered may grant what it should not.
        let mended = self.writer.run(Urgency::Narrowing, move |context| integrity::mend(context, part));
        match mended.await {
            // It was being written while it was looked at.
            Ok((faults, _)) if faults.is_empty() => {}
            Ok((faults, standing)) => {
                self.faults += faults.len() as u64;
                for fault in &faults {
                    tracing::error!(%fault, "the disk has changed the mirror; it is fetched again");
                }
                self.notices.standing(standing);
                self.notices.touched(Touched::Everyone);
                self.notices.events();
                self.notices.compare();
            }
            Err(error) => {
                tracing::error!(%error, "what was found is not mended; the next pass finds it again")
            }
        }
    }
}

struct Looked {
    faults: Vec<Fault>,
    is_through: bool,
}

fn look(conn: &mut Connection, cursor: &mut Cursor) -> rusqlite::Result<Looked> {
    let tx = conn.transaction()?;
    Ok(match integrity::check_rows(&tx, cursor, ROWS)? {
        Some(faults) => Looked { faults, is_through: false },
        None => Looked { faults: integrity::check_part(&tx, cursor)?, is_through: true },
    })
}
