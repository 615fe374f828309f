//! The rows against their digests: what the disk did to them by itself.
//!
//! The root that both ends keep cannot see a bit that flips on disk. Here every digest is computed again from
//! the rows, and every name and link is looked at. Where a row is not as it was written it goes, the root says
//! so, and repair fetches it again.
//!
//! - `check`: looking
//! - `mend`: taking out what is not as it was written
//!
//! Not here: when to look (`service::scrubbing`, `doorward verify`), fetching (`feed::sync`).

mod check;
mod mend;

use super::rows::NameId;
use super::standing::{self, PARTS, Parts, Standing};
pub use check::{Cursor, Fault, check_part, check_rows};
use contract::digest::Digest;
use contract::id::Version;
pub use mend::{mend, recount, reindex};
use rusqlite::Connection;

/// What [`verify`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Records looked at.
    pub records: u64,
    /// Rows that are not as they were written.
    pub faults: Vec<Fault>,
    /// The sum of all digests, computed from the rows.
    pub root: Digest,
    /// What SQLite says of its file; empty when it is well.
    pub sqlite: Vec<String>,
    /// Where the mirror says it stands.
    pub standing: Standing,
}

impl Report {
    /// Whether the rows are what was written, all of it.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.sqlite.is_empty() && self.root == self.standing.root
    }

    /// The version and root last heard, and whether the rows give that root; none if nothing was heard yet.
    pub fn heard(&self) -> Option<(Version, Digest, bool)> {
        let Standing { heard, heard_root, .. } = self.standing;
        (heard != Version::default()).then_some((heard, heard_root, heard_root == self.root))
    }
}

/// Faults of SQLite's own that are named.
const SQLITE_FAULTS_MAX: u32 = 20;

/// Looks at everything, in one snapshot.
///
/// # Errors
/// SQLite's, when it cannot even be read.
pub fn verify(conn: &mut Connection) -> rusqlite::Result<Report> {
    let tx = conn.transaction()?;
    let mut report = Report {
        records: 0,
        faults: Vec::new(),
        root: Digest::ZERO,
        sqlite: sqlite_faults(&tx)?,
        standing: standing::standing(&tx)?,
    };
    for part in 0..PARTS {
        let (faults, cursor) = check::check_whole(&tx, part)?;
        report.faults.extend(faults);
        report.records += cursor.records;
        report.root = report.root.plus(cursor.sum);
    }
    Ok(report)
}

/// What SQLite says of its file; empty when it is well.
///
/// # Errors
/// SQLite's, when it cannot even look.
pub fn sqlite_faults(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = conn.prepare(&format!("PRAGMA integrity_check({SQLITE_FAULTS_MAX})"))?;
    let said: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// The parts are buckets of the contract, too.
fn part_words(part: usize) -> String {
    format!("bucket {part} of {PARTS}")
}

fn part_of(id: NameId) -> usize {
    Parts::of(id)
}
