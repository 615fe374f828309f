//! Whose export is to be looked at, on disk: whoever was touched, and has not been found as the rules say since.
//!
//! Everyone else was looked at by a trusted clock and a whole mirror, with nothing left to do. So a start, and a plan
//! for people, look at those to whom something happened, not at a site of any size.
//!
//! A user is taken off the list by the mark under which it was looked at: what touches it meanwhile gives it another.
//!
//! Not here: the order in which users are looked at (the service's agenda), and what is found.

use super::rows::text;
use super::touched::{Haste, Touched};
use access::time::UtcTime;
use rusqlite::{Connection, OptionalExtension, params};

/// Given to a user whenever it is touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(i64);

/// Who is due beside those on the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walk {
    /// Everyone whose key comes after this one; none when nobody else is.
    pub after: Option<String>,
    /// Given when everyone became due.
    pub mark: Mark,
    /// Somebody has begun to look at everyone.
    pub begun: bool,
    /// Users whose windows have opened or closed up to here were looked at, or are on the list.
    pub edges: UtcTime,
}

/// What looking has come to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Users that are as they should be, by the mark under which they were looked at.
    pub at_rest: Vec<(String, Mark)>,
    /// How far the walk has come.
    pub step: Option<Step>,
}

/// Everyone up to a key was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The walk's.
    pub mark: Mark,
    /// The last key that was looked at; none after the last of all.
    pub to: Option<String>,
    /// Those among them that are to be looked at again.
    pub restless: Vec<String>,
}

impl Settled {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.at_rest.is_empty() && self.step.is_none()
    }
}

/// Adds whoever was touched; in the transaction that touched them.
///
/// # Errors
/// SQLite's, as below.
pub fn add(conn: &Connection, touched: &Touched) -> rusqlite::Result<()> {
    const ALL: &str = "UPDATE due_all SET mark = mark + 1, walk = '', walk_mark = mark + 1, begun = 0";
    const CLEAR: &str = "DELETE FROM due";
    match touched {
        Touched::Everyone => {
            conn.prepare_cached(ALL)?.execute([])?;
            conn.prepare_cached(CLEAR)?.execute([])?;
        }
        // Everyone is due until somebody begins to look: a panel that does not export writes nothing here.
        Touched::Users(users) if !users.is_empty() && walk(conn)?.begun => list(conn, users.keys())?,
        Touched::Users(_) => {}
    }
    Ok(())
}

fn list<'u>(conn: &Connection, mut users: impl Iterator<Item = &'u String>) -> rusqlite::Result<()> {
    const MARK: &str = "UPDATE due_all SET mark = mark + 1 RETURNING mark";
    const ADD: &str = "INSERT OR REPLACE INTO due (user, mark) VALUES (?1, ?2)";
    let Some(first) = users.next() else { return Ok(()) };
    let mark: i64 = conn.prepare_cached(MARK)?.query_row([], |row| row.get(0))?;
    let mut add = conn.prepare_cached(ADD)?;
    add.execute(params![first, mark])?;
    users.try_for_each(|user| add.execute(params![user, mark]).map(drop))
}

/// Who is due beside those on the list.
///
/// # Errors
/// SQLite's.
pub fn walk(conn: &Connection) -> rusqlite::Result<Walk> {
    const READ: &str = "SELECT walk, walk_mark, begun, edges FROM due_all";
    conn.prepare_cached(READ)?.query_row([], |row| {
        let edges = UtcTime::from_unix(row.get(3)?);
        Ok(Walk { after: row.get(0)?, mark: Mark(row.get(1)?), begun: row.get(2)?, edges })
    })
}

/// Everyone is about to be looked at, by the time `now`. From here on whoever is touched is on the list.
///
/// # Errors
/// SQLite's.
pub fn begin(conn: &Connection, now: UtcTime) -> rusqlite::Result<()> {
    const BEGIN: &str = "UPDATE due_all SET begun = 1, edges = ?1 WHERE begun = 0";
    conn.execute(BEGIN, [now.unix()]).map(drop)
}

/// The mark of a user that is on the list. To be read before anything that the look is made from.
///
/// # Errors
/// SQLite's.
pub fn mark(conn: &Connection, user: &str) -> rusqlite::Result<Option<Mark>> {
    const READ: &str = "SELECT mark FROM due WHERE user = ?1";
    conn.prepare_cached(READ)?.query_row([user], |row| row.get(0).map(Mark)).optional()
}

/// Users on the list after `after`, in key order, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn after(conn: &Connection, after: &str, limit: u32) -> rusqlite::Result<Vec<String>> {
    const PAGE: &str = "SELECT user FROM due WHERE user > ?1 ORDER BY user LIMIT ?2";
    let mut page = conn.prepare_cached(PAGE)?;
    let rows = page.query_map(params![after, limit], |row| text(row, 0))?;
    rows.filter_map(Result::transpose).collect()
}

/// Writes down what looking has come to.
///
/// # Errors
/// SQLite's.
pub fn settle(conn: &Connection, settled: &Settled) -> rusqlite::Result<()> {
    const OFF: &str = "DELETE FROM due WHERE user = ?1 AND mark = ?2";
    const STEP: &str = "UPDATE due_all SET walk = ?1 WHERE walk_mark = ?2 AND begun = 1
        AND walk IS NOT NULL AND (?1 IS NULL OR walk < ?1)";
    let mut off = conn.prepare_cached(OFF)?;
    for (user, mark) in &settled.at_rest {
        off.execute(params![user, mark.0])?;
    }
    if let Some(Step { mark, to, restless }) = &settled.step
        && conn.prepare_cached(STEP)?.execute(params![to, mark.0])? > 0
    {
        list(conn, restless.iter())?;
    }
    Ok(())
}

/// Windows of `users` have opened or closed, and none else's, up to `until`.
///
/// # Errors
/// SQLite's.
pub fn add_edges(conn: &Connection, users: &Touched, until: UtcTime) -> rusqlite::Result<()> {
    const EDGES: &str = "UPDATE due_all SET edges = ?1";
    add(conn, users)?;
    conn.prepare_cached(EDGES)?.execute([until.unix()]).map(drop)
}

/// Everyone is due unless they were looked at by the same settings and program, which `basis` names.
///
/// # Errors
/// SQLite's.
pub fn rest_on(conn: &Connection, basis: &[u8]) -> rusqlite::Result<()> {
    const CHANGE: &str = "UPDATE due_all SET basis = ?1 WHERE basis <> ?1";
    if conn.execute(CHANGE, [basis])? > 0 {
        add(conn, &Touched::Everyone)?;
    }
    Ok(())
}

/// Whether those who are not due were looked at by these settings and this program.
///
/// # Errors
/// SQLite's.
pub fn rests_on(conn: &Connection, basis: &[u8]) -> rusqlite::Result<bool> {
    const SAME: &str = "SELECT basis = ?1 FROM due_all";
    conn.query_row(SAME, [basis], |row| row.get(0))
}

/// Adds users by their keys.
///
/// # Errors
/// SQLite's.
pub fn add_users(conn: &Connection, users: impl IntoIterator<Item = String>) -> rusqlite::Result<()> {
    let mut touched = Touched::nobody();
    users.into_iter().for_each(|user| touched.add(user, Haste::InTurn));
    add(conn, &touched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror() -> Connection {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(include_str!("../../sql/schema.sql")).expect("the schema is valid");
        conn
    }

    fn touch(conn: &Connection, users: &[&str]) {
        add_users(conn, users.iter().map(|user| (*user).to_owned())).expect("added");
    }

    fn listed(conn: &Connection) -> Vec<String> {
        after(conn, "", 99).expect("listed")
    }

    /// Looks at everyone up to `to`.
    fn step(conn: &Connection, to: Option<&str>, restless: &[&str]) {
        begin(conn, UtcTime::from_unix(50)).expect("begun");
        let mark = walk(conn).expect("read").mark;
        let restless = restless.iter().map(|user| (*user).to_owned()).collect();
        let step = Some(Step { mark, to: to.map(Into::into), restless });
        settle(conn, &Settled { at_rest: Vec::new(), step }).expect("settled");
    }

    fn rest(conn: &Connection, user: &str, mark: Option<Mark>) {
        let at_rest = mark.map(|mark| (user.to_owned(), mark)).into_iter().collect();
        settle(conn, &Settled { at_rest, step: None }).expect("settled");
    }

    #[test]
    fn while_nobody_looks_whoever_is_touched_needs_no_row() {
        let conn = mirror();
        touch(&conn, &["a", "z"]);
        assert_eq!(listed(&conn), [""; 0]);
        step(&conn, Some("m"), &["b"]);
        assert_eq!(walk(&conn).expect("read").after.as_deref(), Some("m"));
        touch(&conn, &["a", "z"]);
        assert_eq!(listed(&conn), ["a", "b", "z"]);
        step(&conn, Some("c"), &["x"]);
        assert_eq!(listed(&conn), ["a", "b", "z"], "it does not go back");
        add(&conn, &Touched::Everyone).expect("added");
        assert_eq!(listed(&conn), [""; 0], "all are due again");
    }

    #[test]
    fn a_look_at_what_was_before_takes_nobody_off() {
        let conn = mirror();
        step(&conn, None, &[]);
        touch(&conn, &["a"]);
        let seen = mark(&conn, "a").expect("read");
        touch(&conn, &["a"]);
        rest(&conn, "a", seen);
        assert_eq!(listed(&conn), ["a"], "touched while it was looked at");
        rest(&conn, "a", mark(&conn, "a").expect("read"));
        assert_eq!(listed(&conn), [""; 0]);
    }

    #[test]
    fn a_walk_that_was_asked_for_again_does_not_end_with_the_one_before() {
        let conn = mirror();
        let before = walk(&conn).expect("read").mark;
        add(&conn, &Touched::Everyone).expect("added");
        begin(&conn, UtcTime::from_unix(50)).expect("begun");
        let end = Some(Step { mark: before, to: None, restless: Vec::new() });
        settle(&conn, &Settled { at_rest: Vec::new(), step: end }).expect("settled");
        assert_eq!(walk(&conn).expect("read").after.as_deref(), Some(""));
    }

    #[test]
    fn other_settings_make_everyone_due_and_the_same_ones_nobody() {
        let conn = mirror();
        rest_on(&conn, b"one").expect("noted");
        step(&conn, None, &[]);
        rest_on(&conn, b"one").expect("noted");
        assert_eq!(walk(&conn).expect("read").after, None);
        rest_on(&conn, b"two").expect("noted");
        assert_eq!(walk(&conn).expect("read").after.as_deref(), Some(""));
    }

    #[test]
    fn edges_are_kept_with_whom_they_concern() {
        let conn = mirror();
        step(&conn, None, &[]);
        let users = Touched::Users([("a".to_owned(), Haste::AtOnce)].into());
        add_edges(&conn, &users, UtcTime::from_unix(90)).expect("added");
        assert_eq!(listed(&conn), ["a"]);
        assert_eq!(walk(&conn).expect("read").edges, UtcTime::from_unix(90));
    }
}
