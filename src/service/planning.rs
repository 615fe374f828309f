//! What the export has to do, item by item, for people: the same pure functions as the export's, and no request.
//!
//! Everyone is walked page by page, each page in one read transaction, and only the lines that are shown are kept:
//! a panel plans a site of any size in the memory of one page.
//!
//! - `why`: the reasons, in words
//!
//! Not here: doing it (`exporting`).

#[cfg(test)]
mod tests;
mod why;

use super::status::{ExportStatus, kind_word};
use crate::clock::MonoMs;
use crate::export::item::{ItemKind, Row};
use crate::export::ledger;
use crate::export::plan::{Caps, Change, Difference, Known, Plan, review, token_of};
use crate::export::rows::Rows;
use crate::mirror::facts;
use access::id::Key;
use access::person::{Person, Settings, person};
use access::trust::Time;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Users in one read transaction.
const PAGE_USERS: u32 = 256;
/// Most lines of one plan; the rest is counted.
pub const LINES_MAX: u32 = 10_000;
/// Lines of a plan, unless asked otherwise.
pub const LINES_DEFAULT: u32 = 1_000;

/// How one PACS wants its persons, and what it can do.
pub struct Planner {
    /// How it wants its persons.
    pub settings: Settings,
    /// What it can do.
    pub caps: Caps,
    /// A lost request may still be carried out this long.
    pub late_ms: u64,
}

/// When a plan is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The time.
    pub time: Time,
    /// By the daemon's monotonic clock; none while it does not run: then rows are taken as it would find them at
    /// its start.
    pub mono: Option<MonoMs>,
}

/// A plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// By user, the person first.
    pub lines: Vec<Line>,
    /// Lines that were left out.
    pub more: u64,
    /// The sums.
    pub summary: Summary,
}

/// One item that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Its user.
    pub user: String,
    /// `person`, `token` or `permission`.
    pub kind: String,
    /// The token's key or the permission's `pacs_ref`; empty for the person.
    pub item: String,
    /// What is to happen.
    pub change: Act,
    /// Why.
    pub why: String,
    /// Why not now; nothing when it is about to happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// What is to happen to an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Act {
    Add,
    Change,
    Remove,
}

/// The sums of a plan, those that were left out included.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Users that were looked at.
    pub users: u64,
    /// Users with differences.
    pub users_differ: u64,
    /// Items.
    pub added: u64,
    /// Items.
    pub changed: u64,
    /// Items.
    pub removed: u64,
    /// Items among these that wait.
    pub waiting: u64,
}

/// Plans for everyone; keeps at most `limit` lines. `status` is of the same moment.
///
/// # Errors
/// SQLite's.
pub fn report(
    conn: &mut Connection,
    planner: &Planner,
    status: &ExportStatus,
    moment: &Moment,
    limit: u32,
) -> rusqlite::Result<Report> {
    let mut report = Report { lines: Vec::new(), more: 0, summary: Summary::default() };
    let limit = usize::try_from(limit.min(LINES_MAX)).unwrap_or(usize::MAX);
    let mut after = String::new();
    loop {
        let page = conn.transaction()?;
        let users = users_after(&page, &after)?;
        let Some(last) = users.last() else { return Ok(report) };
        after.clone_from(last);
        let look = Look { conn: &page, planner, status, moment };
        for user in users.iter().filter_map(|user| Key::new(user).ok()) {
            let lines = look.user(&user)?;
            report.summary.users += 1;
            report.summary.users_differ += u64::from(!lines.is_empty());
            for line in lines {
                report.summary.count(&line);
                if report.lines.len() < limit {
                    report.lines.push(line);
                } else {
                    report.more += 1;
                }
            }
        }
    }
}

/// A page of users, of the mirror and of the ledger, which may know some that the mirror has forgotten.
fn users_after(conn: &Connection, after: &str) -> rusqlite::Result<Vec<String>> {
    let mut users = facts::users_after(conn, after, PAGE_USERS)?;
    users.extend(ledger::users(conn, Key::new(after).ok().as_ref(), PAGE_USERS)?.iter().map(Key::to_string));
    users.sort();
    users.dedup();
    // What lies beyond the shorter list's end comes again.
    users.truncate(usize::try_from(PAGE_USERS).unwrap_or(usize::MAX));
    Ok(users)
}

impl Summary {
    fn count(&mut self, line: &Line) {
        match line.change {
            Act::Add => self.added += 1,
            Act::Change => self.changed += 1,
            Act::Remove => self.removed += 1,
        }
        self.waiting += u64::from(line.waits.is_some());
    }
}

struct Look<'a> {
    conn: &'a Connection,
    planner: &'a Planner,
    status: &'a ExportStatus,
    moment: &'a Moment,
}

impl Look<'_> {
    fn user(&self, user: &Key) -> rusqlite::Result<Vec<Line>> {
        let Planner { settings, caps, late_ms } = self.planner;
        let mut rows = ledger::load(self.conn, user)?;
        let now = self.moment.mono.unwrap_or_else(|| {
            rows.iter_mut().for_each(|row| row.re_arm(MonoMs(0), *late_ms));
            MonoMs(0)
        });
        let rows = Rows::new(user.clone(), rows);
        let facts = facts::of_user(self.conn, user)?;
        let wanted = facts.as_ref().and_then(|facts| person(facts, settings, &self.moment.time));
        let differences = review(wanted.as_ref(), &rows, now, caps);
        let let_pass = self.let_pass(&differences, wanted.as_ref(), &rows)?;
        let reasons = why::Reasons {
            facts: facts.as_ref(),
            wanted: wanted.as_ref(),
            settings,
            time: &self.moment.time,
        };
        let line = |difference: &Difference| {
            let row = rows.get(difference.id.kind, &difference.id.item);
            let is_withheld = difference.change == Change::Remove
                && !let_pass.contains(&(difference.id.kind, difference.id.item.clone()));
            Line {
                user: user.to_string(),
                kind: kind_word(difference.id.kind).into(),
                item: match difference.id.kind {
                    ItemKind::Credential => token_of(&difference.id.item).to_owned(),
                    ItemKind::Person | ItemKind::Permission => difference.id.item.clone(),
                },
                change: match difference.change {
                    Change::Add => Act::Add,
                    Change::Change => Act::Change,
                    Change::Remove => Act::Remove,
                },
                why: reasons.why(difference, row),
                waits: why::waits(&difference.wait, is_withheld, now, self.status),
            }
        };
        Ok(differences.iter().map(line).collect())
    }

    /// The removals that an unfinished mirror lets pass; all of them once it is whole.
    fn let_pass(
        &self,
        differences: &[Difference],
        wanted: Option<&Person>,
        rows: &Rows,
    ) -> rusqlite::Result<Vec<(ItemKind, String)>> {
        let steps = differences.iter().filter_map(Difference::removal).collect();
        let mut plan = Plan { steps, ..Plan::default() };
        if !self.status.whole {
            let is_token = |row: &&Row| row.id.kind == ItemKind::Credential;
            let tokens = rows.children().filter(is_token).map(|row| token_of(&row.id.item));
            let time = &self.moment.time;
            let (status, is_gone, denied_tokens) = facts::news_of_user(self.conn, rows.user(), tokens, time)?;
            plan.withhold(wanted, rows, &Known { status, is_gone, denied_tokens }, time.now);
        }
        Ok(plan.steps.into_iter().map(|step| (step.item.kind, step.item.item)).collect())
    }
}
