//! What the export has to do, item by item, for people: the same pure functions as the export's, and no request.
//!
//! Those who are due are walked page by page, each page in one read transaction, and only the lines that are shown are
//! kept: a panel plans a site of any size in the memory of one page. Whoever is not due was found at rest, and nothing
//! has touched it since; who wants to see that for themselves asks for everyone.
//!
//! - `why`: the reasons, in words
//! - [`token`]: where a single token stands
//!
//! Not here: doing it (`exporting`).

#[cfg(test)]
pub(in crate::service) mod tests;
pub mod token;
mod why;

use super::exporting::whom::{PAGE_USERS, page, with_edges};
use super::status::{ExportStatus, kind_word};
use crate::clock::MonoMs;
use crate::export::item::{ItemKind, Row};
use crate::export::ledger::{self, shared};
use crate::export::plan::{Caps, Change, Difference, Known, Plan, review, token_of};
use crate::export::rows::Rows;
use crate::mirror::due::{self, Walk};
use crate::mirror::facts;
use crate::mirror::touched::Touched;
use access::id::Key;
use access::person::{Person, Settings, person};
use access::trust::Time;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound;

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
    /// Names what a plan depends on beside mirror and ledger.
    pub basis: [u8; 16],
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Lines at most.
    pub limit: u32,
    /// Everyone is planned for, not only those who are due.
    pub everyone: bool,
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
    /// Users of the mirror, or as many as were looked at.
    pub users: u64,
    /// Those that were planned for: all of them, or whoever is due.
    pub looked_at: u64,
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

/// Plans for those who are due, or for everyone. `status` is of the same moment.
///
/// # Errors
/// SQLite's.
pub fn report(
    conn: &mut Connection,
    planner: &Planner,
    status: &ExportStatus,
    moment: &Moment,
    wish: &Wish,
) -> rusqlite::Result<Report> {
    let users = facts::count_users(conn)?;
    let summary = Summary { users, ..Summary::default() };
    let mut report = Report { lines: Vec::new(), more: 0, summary };
    let limit = usize::try_from(wish.limit.min(LINES_MAX)).unwrap_or(usize::MAX);
    let whom = Whom::of(conn, planner, moment, wish)?;
    let mut after = String::new();
    loop {
        let page = conn.transaction()?;
        let users = whom.after(&page, &after)?;
        let Some(last) = users.last() else { break };
        after.clone_from(last);
        let look = Look { conn: &page, planner, status, moment };
        for user in users.iter().filter_map(|user| Key::new(user).ok()) {
            let lines = look.user(&user)?;
            report.summary.looked_at += 1;
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
    // The ledger may know some that the mirror has forgotten.
    report.summary.users = report.summary.users.max(report.summary.looked_at);
    Ok(report)
}

/// Who is planned for.
struct Whom {
    walk: Walk,
    /// With windows that have opened or closed since the export last looked.
    edges: BTreeSet<String>,
}

impl Whom {
    fn of(conn: &Connection, planner: &Planner, moment: &Moment, wish: &Wish) -> rusqlite::Result<Whom> {
        let mut walk = due::walk(conn)?;
        let mut edges = BTreeSet::new();
        let is_known = walk.begun && due::rests_on(conn, &planner.basis)?;
        match with_edges(conn, walk.edges.min(moment.time.now), walk.edges.max(moment.time.now))? {
            Touched::Users(users) if is_known && !wish.everyone => edges.extend(users.into_keys()),
            Touched::Users(_) | Touched::Everyone => walk.after = Some(String::new()),
        }
        Ok(Whom { walk, edges })
    }

    /// A page of them, in key order after `after`.
    fn after(&self, conn: &Connection, after: &str) -> rusqlite::Result<Vec<String>> {
        let mut users = page(conn, &self.walk, after)?;
        let size = usize::try_from(PAGE_USERS).unwrap_or(usize::MAX);
        users.extend(ledger::whose::restless(conn, after, PAGE_USERS)?);
        let beyond = (Bound::Excluded(after), Bound::Unbounded);
        users.extend(self.edges.range::<str, _>(beyond).take(size).cloned());
        users.sort();
        users.dedup();
        users.truncate(size);
        Ok(users)
    }
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
        let Planner { settings, caps, late_ms, .. } = self.planner;
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
        let held = shared::of_user(self.conn, user)?;
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
                waits: why::card_is_anothers(difference, wanted.as_ref(), &held)
                    .or_else(|| why::waits(&difference.wait, is_withheld, now, self.status)),
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
