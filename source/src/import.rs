//! Files of changes: all lines are good, or nothing is taken.
//!
//! A line may name its `site`. Lines for another site are left out, unchecked beyond their form, so that one
//! export feeds several sites; a line that names none is for all of them.
//!
//! Not here: numbering and publishing (`store`, `serve`).

pub mod diff;
pub mod jsonl;
mod sites;
pub mod users_csv;

use crate::change::{Change, Check};
use crate::store::Watch;
use contract::id::SiteId;
use sites::Sites;
use std::fmt;
use std::path::{Path, PathBuf};

/// Largest file in bytes: it is checked as a whole, in memory.
pub const FILE_MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Most bad lines that are reported one by one.
pub const PROBLEMS_MAX: usize = 50;

/// One thing wrong in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// From 1; the header is line 1.
    pub line: u64,
    /// Name of the column, or where in the line.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was taken from a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error("{}: cannot read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: has {bytes} bytes, more than {FILE_MAX_BYTES}; split it", path.display())]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{}: neither .csv (users) nor .jsonl (changes); rename it", path.display())]
    Extension { path: PathBuf },
    #[error("{}: not UTF-8 (byte {at}); save it as UTF-8", path.display())]
    NotUtf8 { path: PathBuf, at: usize },
    #[error(
        "{}: line {line} names a site, but this file of the source belongs to none yet; \
         name the settings with --config, or run `serve` once; nothing was imported",
        path.display()
    )]
    NoSite { path: PathBuf, line: u64 },
    #[error("{}", lines(path, problems, *more))]
    Lines { path: PathBuf, problems: Vec<Problem>, more: usize },
}

fn lines(path: &Path, problems: &[Problem], more: usize) -> String {
    let path = path.display();
    let mut text = String::new();
    for Problem { line, column, reason } in problems {
        text.push_str(&format!("{path}: line {line}, {column}: {reason}\n"));
    }
    if more > 0 {
        text.push_str(&format!("{path}: and {more} more\n"));
    }
    text.push_str(&format!("{path}: nothing was imported; correct these lines and import again"));
    text
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// How much of each line is checked. Users are always checked in full.
    pub check: Check,
    /// The site whose lines are taken.
    pub site: Option<&'a SiteId>,
}

/// What is in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// In the order of the lines.
    pub changes: Vec<Change>,
    /// Lines for other sites.
    pub left_out: u64,
}

/// Reads the changes of `path`: users from `.csv`, changes from `.jsonl`. `watch` is told how far it has come,
/// in bytes.
///
/// # Errors
/// Every bad line with its reason, up to [`PROBLEMS_MAX`].
pub fn read(path: &Path, reading: &Reading<'_>, watch: &mut Watch<'_>) -> Result<Read, ImportError> {
    let failed = |source| ImportError::Read { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > FILE_MAX_BYTES {
        return Err(ImportError::TooLarge { path: path.into(), bytes });
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !["csv", "jsonl"].contains(&extension) {
        return Err(ImportError::Extension { path: path.into() });
    }
    let text = std::fs::read(path).map_err(failed)?;
    let text = std::str::from_utf8(&text)
        .map_err(|error| ImportError::NotUtf8 { path: path.into(), at: error.valid_up_to() })?;
    let mut lines = Lines {
        sites: Sites::new(reading.site),
        problems: Problems::default(),
        at: &mut |done| watch(done, bytes),
    };
    let changes = match extension {
        "csv" => users_csv::read(text, &mut lines),
        _ => jsonl::read(text, reading.check, &mut lines),
    };
    let Lines { sites, problems, .. } = lines;
    if let Some(line) = sites.unknown_at {
        return Err(ImportError::NoSite { path: path.into(), line });
    }
    match problems {
        Problems { first, .. } if first.is_empty() => Ok(Read { changes, left_out: sites.left_out }),
        Problems { first, more } => Err(ImportError::Lines { path: path.into(), problems: first, more }),
    }
}

/// What is seen on the way through a file.
struct Lines<'a> {
    sites: Sites<'a>,
    problems: Problems,
    /// Told the byte that was reached.
    at: &'a mut dyn FnMut(u64),
}

/// What is wrong in a file so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problems {
    /// The first ones.
    pub first: Vec<Problem>,
    /// How many follow.
    pub more: usize,
}

impl Problems {
    fn add(&mut self, line: u64, column: impl fmt::Display, reason: impl fmt::Display) {
        if self.first.len() < PROBLEMS_MAX {
            let (column, reason) = (column.to_string(), reason.to_string());
            self.first.push(Problem { line, column, reason });
        } else {
            self.more += 1;
        }
    }
}
